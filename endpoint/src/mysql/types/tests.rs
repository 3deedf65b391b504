//! What types mean, and which are chosen.

use super::*;

fn maria() -> Server {
    Server::of("10.11.6-MariaDB")
}

#[test]
fn a_type_means_what_its_values_are() {
    let decimal = |p, s| Logical::Decimal { precision: Some(p), scale: Some(s) };
    for (native, expected) in [
        ("tinyint(1)", INT16),
        ("tinyint(3) unsigned", INT16),
        ("smallint(5) unsigned", INT32),
        ("int(10) unsigned zerofill", INT64),
        ("int", INT32),
        ("bigint(20)", INT64),
        ("bigint(20) unsigned", UINT64),
        ("bigint unsigned", UINT64),
        ("decimal(65,30)", decimal(65, 30)),
        ("decimal(10,2) unsigned", decimal(10, 2)),
        ("float(7,2)", Logical::Float { bits: 32 }),
        ("double", Logical::Float { bits: 64 }),
        ("bit(12)", Logical::Bits { length: Some(12), varying: false }),
        ("year(4)", INT16),
        ("char(3)", Logical::Char { length: 3 }),
        ("varchar(20)", Logical::Text { length: Some(20) }),
        (
            "varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
            Logical::Text { length: Some(20) },
        ),
        ("time(6)", Logical::Interval),
        ("timestamp", Logical::TimestampWithZone),
        ("set('a','b')", TEXT),
        ("point", Logical::Binary),
    ] {
        assert_eq!(logical(native), Some(expected), "{native}");
    }
    assert_eq!(logical("vector(3)"), None);
}

#[test]
fn labels_keep_their_quotes_and_parentheses() {
    let labels = |native: &str| match logical(native) {
        Some(Logical::Enum { labels }) => labels,
        other => panic!("{other:?}"),
    };
    assert_eq!(labels("enum('a','it''s',')','','b,c')"), ["a", "it's", ")", "", "b,c"]);
    assert_eq!(labels("enum('back\\\\slash','\\n')"), ["back\\slash", "\n"]);
    let collated = "enum('a)') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
    assert_eq!(labels(collated), ["a)"]);
}

#[test]
fn a_type_that_we_choose_means_the_same_when_it_is_read() {
    for meaning in [
        INT16,
        INT32,
        INT64,
        Logical::Decimal { precision: Some(12), scale: Some(2) },
        Logical::Decimal { precision: None, scale: None },
        Logical::Float { bits: 32 },
        Logical::Float { bits: 64 },
        TEXT,
        Logical::Text { length: Some(7) },
        Logical::Char { length: 7 },
        Logical::Binary,
        Logical::Date,
        Logical::Timestamp,
        Logical::TimestampWithZone,
        Logical::Json,
        Logical::Enum { labels: vec!["a".into(), "it's".into()] },
        Logical::Bits { length: Some(9), varying: false },
    ] {
        let chosen = chosen(&meaning, maria(), None);
        assert_eq!(logical(&chosen.native), Some(chosen.logical), "{}", chosen.native);
    }
}

#[test]
fn what_stands_in_a_key_is_short_enough_for_an_index() {
    let text = chosen(&TEXT, maria(), Some(768));
    assert_eq!(
        (&*text.native, text.logical),
        ("varchar(768)", Logical::Text { length: Some(768) })
    );
    assert_eq!(chosen(&Logical::Binary, maria(), Some(100)).native, "varbinary(400)");
    assert_eq!(
        chosen(&Logical::Text { length: Some(20) }, maria(), Some(768)).native,
        "varchar(20)"
    );
    assert_eq!(chosen(&INT64, maria(), Some(768)).native, "bigint(20)");
}

#[test]
fn what_would_be_changed_is_not_accepted() {
    let column = |native: &str| Column {
        name: "c".into(),
        native: native.into(),
        logical: logical(native).unwrap(),
        nullable: true,
        ..Column::default()
    };
    assert_eq!(accepts(&Logical::Boolean, &column("tinyint(1)")), Some(Logical::Boolean));
    assert_eq!(accepts(&Logical::Boolean, &column("int(11)")), None);
    assert_eq!(accepts(&Logical::Binary, &column("binary(16)")), None);
    assert_eq!(accepts(&Logical::Binary, &column("varbinary(16)")), Some(Logical::Binary));
    assert_eq!(accepts(&Logical::Timestamp, &column("timestamp")), None);
    assert_eq!(accepts(&Logical::Date, &column("date")), Some(Logical::Date));
    assert_eq!(accepts(&INT64, &column("tinyint(4)")), Some(INT16));
    assert_eq!(accepts(&Logical::Interval, &column("longtext")), Some(TEXT));
}
