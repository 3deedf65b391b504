//! What events look like to others, and that they go on looking so.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;

#[test]
fn an_event_is_a_cloud_event() {
    let event = Event {
        sequence: 7,
        run: RunId(uuid::Uuid::nil()),
        at: Instant(0),
        fact: Fact::Run { state: State::Running, epoch: 1 },
    };
    assert_eq!(
        event.to_json(),
        "{\"specversion\":\"1.0\",\"id\":\"00000000-0000-0000-0000-000000000000-7\",\
         \"source\":\"/longhaul/runs/00000000-0000-0000-0000-000000000000\",\
         \"type\":\"longhaul.run.v1\",\"time\":\"1970-01-01T00:00:00.000Z\",\
         \"datacontenttype\":\"application/json\",\"sequence\":\"00000000000000000007\",\
         \"data\":{\"kind\":\"run\",\"state\":\"running\",\"epoch\":1}}"
    );
}

#[test]
fn an_event_is_read_back_to_the_millisecond() {
    let fact = Fact::Finding { code: "slow".into(), message: "a \u{1}\u{2} b".into() };
    let run = RunId(uuid::Uuid::from_u128(7));
    let at = Instant(1_795_230_000_123_456);
    let event = Event { sequence: 1_795_230_000_000_001, run, at, fact };
    let read = Event::from_json(&event.to_json()).unwrap();
    assert_eq!(read, Event { at: Instant(1_795_230_000_123_000), ..event.clone() });
    assert_eq!(read.to_json(), event.to_json());

    let template = event.to_json_unnumbered();
    let numbered =
        template.replace('\u{1}', "1795230000000001").replace('\u{2}', "00001795230000000001");
    assert_eq!(numbered, event.to_json());

    let newer = event.to_json().replace("\"kind\":\"finding\"", "\"kind\":\"surprise\"");
    assert_eq!(Event::from_json(&newer), None);
    assert_eq!(Event::from_json("{}"), None);
}

/// A fact of each kind, with every field set.
fn samples() -> Vec<Fact> {
    let (chunk, entity) = (ChunkId(7), EntityId(2));
    let what = || "sales.orders, rows 1 to 5000".to_owned();
    vec![
        Fact::Run { state: State::Running, epoch: 1 },
        Fact::Stage { stage: Stage::Copy, chunks: 120 },
        Fact::Entity { entity, name: "sales.orders".into(), stage: Stage::Verify },
        Fact::Claimed {
            chunk,
            entity: Some(entity),
            stage: Stage::Copy,
            what: what(),
            worker: WorkerId("nightjar-4711/2".into()),
        },
        Fact::Moving { chunk, entity, rows: 2500, bytes: 1_048_576 },
        Fact::Done {
            chunk,
            entity: Some(entity),
            stage: Stage::Copy,
            what: what(),
            rows: 4999,
            rejected: 1,
            bytes: 2_097_152,
            again: false,
            spent: Spent {
                queue: Some(12_000),
                read: 250_000,
                transform: 90_000,
                write: 610_000,
                lock: 1_500,
            },
        },
        Fact::Faulted {
            chunk,
            entity: None,
            what: "index orders_by_day".into(),
            code: "busy".into(),
            message: "the database is busy at prod (55P03)".into(),
            advice: "Run the command again; if it persists, look for a session that holds a lock."
                .into(),
            attempt: 2,
            parked: false,
        },
        Fact::Finding {
            code: "promise-broken".into(),
            message: "the source was written to".into(),
        },
        Fact::Worker {
            worker: WorkerId("nightjar-4711-9c2e".into()),
            host: "nightjar".into(),
            slots: 4,
            change: Change::Lost,
        },
        Fact::Gap { missed: Some(12) },
    ]
}

fn event(fact: Fact) -> Event {
    let run = RunId(uuid::Uuid::from_u128(0x019a_a000_0000_7000_8000_0000_0000_0001));
    Event { sequence: 1_795_230_000_000_042, run, at: Instant(1_795_230_000_123_000), fact }
}

#[test]
fn every_fact_is_told_as_it_always_was() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/events");
    for fact in samples() {
        let event = event(fact);
        let golden =
            fs::read_to_string(folder.join(format!("{}.json", event.fact.kind()))).unwrap();
        assert_eq!(event.to_json(), golden.trim_end());
        assert_eq!(Event::from_json(&golden), Some(event));
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), samples().len());
}

/// A map from each documented type to the name its facts bear in `data`.
fn described() -> Vec<(String, String)> {
    let schema = schema();
    let one = |event: &Value| {
        let text = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        (text("/properties/type/const"), text("/properties/data/properties/kind/const"))
    };
    schema["oneOf"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn every_fact_fits_the_schema_of_its_type_and_no_other() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for fact in samples() {
        let json: Value = serde_json::from_str(&event(fact.clone()).to_json()).unwrap();
        let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{fact:?}");
        let name = (json["type"].as_str().unwrap(), json["data"]["kind"].as_str().unwrap());
        assert!(
            described().iter().any(|(kind, data)| (kind.as_str(), data.as_str()) == name),
            "{name:?} is described"
        );
        // What is described is held: nothing of it can be missing, or be another thing's.
        for wrong in [("type", "longhaul.surprise.v1"), ("sequence", "7"), ("specversion", "2.0")] {
            let mut json = json.clone();
            json[wrong.0] = wrong.1.into();
            assert!(!validator.is_valid(&json), "{wrong:?}");
        }
        for field in json["data"].as_object().unwrap().keys() {
            let mut less = json.clone();
            less["data"].as_object_mut().unwrap().remove(field);
            let optional = ["entity", "missed"].contains(&field.as_str())
                && !matches!(fact, Fact::Entity { .. } | Fact::Moving { .. });
            assert_eq!(validator.is_valid(&less), optional, "without {field}: {fact:?}");
        }
    }
    assert_eq!(described().len(), samples().len(), "one sample of each type");
}
