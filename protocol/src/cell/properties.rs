//! What holds for any cell and any type.

use proptest::prelude::*;

use super::tests::{FLOAT32, FLOAT64, INT16, INT64, MONEY, NUMERIC, TEXT, TEXT3, fitted};
use super::*;
use crate::schema::Engine;

/// Every kind of type, with small lengths so that limits are met.
fn types() -> Vec<Logical> {
    vec![
        Logical::Boolean,
        INT16,
        INT64,
        NUMERIC,
        MONEY,
        FLOAT32,
        FLOAT64,
        TEXT,
        TEXT3,
        Logical::Char { length: 4 },
        Logical::Binary,
        Logical::Date,
        Logical::Time,
        Logical::TimeWithZone,
        Logical::Timestamp,
        Logical::TimestampWithZone,
        Logical::Interval,
        Logical::Uuid,
        Logical::Json,
        Logical::JsonBinary,
        Logical::Bits { length: Some(4), varying: true },
        Logical::Enum { labels: vec!["a".into(), "1".into()] },
        Logical::Array { of: Box::new(INT64) },
        Logical::Any,
    ]
}

/// Text that is often nearly right for some type.
fn cells() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        "[ +-]?[0-9]{0,25}(\\.[0-9]{0,9})?([eE][+-]?[0-9]{1,3})?".prop_map(String::into_bytes),
        any::<f64>().prop_map(|value| format!("{value:e}").into_bytes()),
        "[0-9]{4,7}-[01][0-9]-[0-3][0-9]([ T][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,8})?)?)?([+-][01][0-9](:?[0-5][0-9])?|Z)?( BC)?"
            .prop_map(String::into_bytes),
        "[0-2][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,8})?)?([+-][01][0-9])?"
            .prop_map(String::into_bytes),
        "[\\[\\]{}\":,a-c0-9.e\\\\un -]{0,24}".prop_map(String::into_bytes),
        json().prop_map(|value| value.to_string().into_bytes()),
        "[01]{0,6}|[0-9a-fA-F]{32}|[tfynTF]{1,2}".prop_map(String::into_bytes),
    ]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"\\\\\n]{0,3}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn fitting_what_was_fitted_changes_nothing(cell in cells()) {
        for to in types() {
            let mut once = Vec::new();
            if fit(&to, &cell, &mut once).is_err() {
                prop_assert!(once.is_empty());
                continue;
            }
            let mut twice = Vec::new();
            prop_assert_eq!(fit(&to, &once, &mut twice), Ok(()), "{:?}", to);
            prop_assert_eq!(twice, once, "{:?}", to);
        }
    }

    #[test]
    fn an_identity_changes_nothing(cell in cells()) {
        for from in types() {
            let mut canonical = Vec::new();
            if fit(&from, &cell, &mut canonical).is_err() {
                continue;
            }
            for to in types().iter().filter(|to| is_identity(&from, to, Engine::Postgres)) {
                let mut given_back = Vec::new();
                prop_assert_eq!(fit(to, &canonical, &mut given_back), Ok(()), "{:?}", to);
                prop_assert_eq!(&given_back, &canonical, "{:?} to {:?}", from, to);
            }
        }
    }

    #[test]
    fn a_float_reads_back_to_the_same_bits(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let mut out = Vec::new();
        write_f64(&mut out, value);
        let read: f64 = std::str::from_utf8(&out).unwrap().parse().unwrap();
        prop_assert!(read.to_bits() == bits || (read.is_nan() && value.is_nan()));
    }

    #[test]
    fn a_small_float_reads_back_to_the_same_bits(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        let mut out = Vec::new();
        write_f32(&mut out, value);
        let read: f32 = std::str::from_utf8(&out).unwrap().parse().unwrap();
        prop_assert!(read.to_bits() == bits || (read.is_nan() && value.is_nan()));
    }

    #[test]
    fn jsonb_means_the_same_json(value in json()) {
        let text = value.to_string();
        let normal = fitted(&Logical::JsonBinary, text.as_bytes()).unwrap();
        let read: serde_json::Value = serde_json::from_str(&normal).unwrap();
        // Numbers are spelled without exponent, and so compared as text would.
        prop_assert_eq!(read.is_object(), value.is_object());
        prop_assert_eq!(strings(&read), strings(&value));
    }
}

/// All strings and keys of a JSON value.
fn strings(value: &serde_json::Value) -> Vec<String> {
    use serde_json::Value;
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(elements) => elements.iter().flat_map(strings).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| [vec![key.clone()], strings(value)].concat())
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
