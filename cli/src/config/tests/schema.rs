//! The schema: it accepts what the loader accepts, explains every key, and the page on the
//! migration file knows them all.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

#[test]
fn the_examples_load_and_fit_the_schema() {
    for path in examples() {
        let text = fs::read_to_string(&path).unwrap();
        let config = load(&path, &[], &|_| None);
        config.unwrap_or_else(|error| panic!("{}", error.render(100, false)));
        let value: Value = serde_saphyr::from_str(&text).unwrap();
        let schema = schema();
        assert_eq!(misfit(&schema, &schema, &value), None, "{}", path.display());
    }
}

#[test]
fn what_the_loader_refuses_the_schema_refuses_too() {
    let good: Value = serde_saphyr::from_str(GOOD).unwrap();
    let schema = schema();
    for (pointer, key, value) in [
        ("", "frm", json!("x")),
        ("", "mode", json!("upsrt")),
        ("", "entities", json!("orders")),
        ("", "entities", json!([{ "entity": "a", "confilct": ["id"] }])),
        ("", "limits", json!({ "slots": 0 })),
        ("", "limits", json!({ "slots": "4" })),
        ("", "retry", json!(5)),
        ("/environments/prod", "uri", json!("x")),
        ("/environments/prod", "tls", json!({ "mode": "require" })),
        ("/environments/prod", "tls", json!("on")),
        ("/environments/prod", "max_connections", json!(0)),
        ("", "fleet", json!({ "broker": { "url": "amqp://h" } })),
    ] {
        let mut bad = good.clone();
        bad.pointer_mut(pointer).unwrap()[key] = value;
        assert!(misfit(&schema, &schema, &bad).is_some(), "{pointer}/{key}");
    }
    assert_eq!(misfit(&schema, &schema, &good), None);
}

#[test]
fn every_key_is_described_here_and_in_the_docs() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/migration-file.md");
    let page = fs::read_to_string(page).unwrap();
    let schema = schema();
    let mut keys = BTreeSet::new();
    let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for table in tables {
        for (key, property) in table["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "`{key}` is not described");
            keys.insert(key.clone());
        }
    }
    assert!(keys.len() > 30, "{keys:?}");
    for key in keys {
        assert!(page.contains(&format!("`{key}`")), "docs/migration-file.md lacks `{key}`");
    }
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

/// The first thing in `value` that does not fit, by the few words of JSON Schema that ours uses.
fn misfit(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return misfit(root, root.pointer(&name[1..]).expect("a definition"), value);
    }
    for key in ["anyOf", "oneOf"] {
        let options = schema[key].as_array();
        if options.is_some_and(|options| options.iter().all(|o| misfit(root, o, value).is_some())) {
            return Some(format!("{value} is none of {options:?}"));
        }
    }
    if schema.get("const").is_some_and(|wanted| wanted != value)
        || schema["enum"].as_array().is_some_and(|words| !words.contains(value))
    {
        return Some(format!("{value} is not the word"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec![kind(value)],
    };
    if !types.contains(&kind(value)) {
        return Some(format!("{value} is no {types:?}"));
    }
    let number = value.as_f64();
    if number.is_some_and(|n| schema["minimum"].as_f64().is_some_and(|least| n < least))
        || number.is_some_and(|n| schema["maximum"].as_f64().is_some_and(|most| n > most))
    {
        return Some(format!("{value} is out of range"));
    }
    let items = value.as_array().into_iter().flatten();
    if let Some(found) = items.filter_map(|item| misfit(root, &schema["items"], item)).next() {
        return Some(found);
    }
    map_misfit(root, schema, value)
}

fn map_misfit(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let map = value.as_object()?;
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|key| !map.contains_key(*key)) {
        return Some(format!("`{missing}` is missing"));
    }
    map.iter().find_map(|(key, value)| {
        match schema["properties"].get(key).or(schema.get("additionalProperties")) {
            Some(Value::Bool(false)) => Some(format!("`{key}` is unknown")),
            Some(below) => misfit(root, below, value),
            None => None,
        }
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
