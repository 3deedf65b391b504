//! The JSON Schema of all events, for whoever reads them elsewhere.
//!
//! What is in `data` is drawn from the types that write it, so it cannot fall behind them; the
//! frame around it is CloudEvents' and stands here.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::Fact;

/// What a fact is called in `data`, and as the `type` of an event; in the order of [`Fact`].
const TYPES: [(&str, &str); 10] = [
    ("run", "longhaul.run.v1"),
    ("stage", "longhaul.stage.v1"),
    ("entity", "longhaul.entity.v1"),
    ("claimed", "longhaul.chunk.claimed.v1"),
    ("moving", "longhaul.chunk.moving.v1"),
    ("done", "longhaul.chunk.done.v1"),
    ("faulted", "longhaul.chunk.faulted.v1"),
    ("finding", "longhaul.finding.v1"),
    ("worker", "longhaul.worker.v1"),
    ("gap", "longhaul.gap.v1"),
];

/// The JSON Schema (2020-12) that every event's JSON fits: one alternative for each type.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut facts: Value = generator.into_root_schema_for::<Fact>().into();
    let data = facts["oneOf"].take();
    let data = data.as_array().map_or(&[][..], Vec::as_slice);
    let events: Vec<Value> = data.iter().filter_map(event).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of Longhaul",
        "description": "A CloudEvents 1.0 object; `type` says which. Fields may be added.",
        "oneOf": events,
        "$defs": facts.get("$defs").cloned().unwrap_or_else(|| Map::new().into()),
    })
}

/// The event that carries such data.
fn event(data: &Value) -> Option<Value> {
    let kind = data.pointer("/properties/kind/const")?.as_str()?;
    let (_, name) = TYPES.iter().find(|(known, _)| *known == kind)?;
    Some(json!({
        "title": name,
        "description": data.get("description"),
        "type": "object",
        "properties": {
            "specversion": { "const": "1.0" },
            "type": { "const": name },
            "id": {
                "description": "The run and the event's number in it: no two events share one.",
                "type": "string",
                "pattern": "^[0-9a-f-]{36}-[0-9]+$",
            },
            "source": {
                "description": "The run.",
                "type": "string",
                "pattern": "^/longhaul/runs/[0-9a-f-]{36}$",
            },
            "time": {
                "description": "When it was published.",
                "type": "string",
                "format": "date-time",
            },
            "datacontenttype": { "const": "application/json" },
            "sequence": {
                "description": "The event's number, with zeros in front: it sorts as the events do.",
                "type": "string",
                "pattern": "^[0-9]{20}$",
            },
            "data": data,
        },
        "required": [
            "specversion", "type", "id", "source", "time", "datacontenttype", "sequence", "data",
        ],
    }))
}
