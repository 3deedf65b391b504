//! PostgreSQL's types and what they mean: one table, read in both directions.
//!
//! A type that is not in the table is [`Logical::Native`]: only PostgreSQL knows it, and it
//! travels as the text that PostgreSQL prints.

use protocol::schema::{Column, Engine, Logical};

/// What stands in parentheses behind a type's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modifier {
    /// Nothing, or a precision of seconds that changes no meaning.
    None,
    /// A length in characters that may be absent.
    Length,
    /// Precision and scale that may be absent.
    Decimal,
    /// A length in bits that may be absent.
    Bits,
}

/// `pg_type.typname`, the name in SQL, what it means without modifier, and its modifier.
const TYPES: &[(&str, &str, Logical, Modifier)] = &[
    ("bool", "boolean", Logical::Boolean, Modifier::None),
    ("int2", "smallint", Logical::Integer { bits: 16 }, Modifier::None),
    ("int4", "integer", Logical::Integer { bits: 32 }, Modifier::None),
    ("int8", "bigint", Logical::Integer { bits: 64 }, Modifier::None),
    ("numeric", "numeric", Logical::Decimal { precision: None, scale: None }, Modifier::Decimal),
    ("float4", "real", Logical::Float { bits: 32 }, Modifier::None),
    ("float8", "double precision", Logical::Float { bits: 64 }, Modifier::None),
    ("text", "text", Logical::Text { length: None }, Modifier::None),
    ("varchar", "character varying", Logical::Text { length: None }, Modifier::Length),
    ("bpchar", "character", Logical::Char { length: 1 }, Modifier::Length),
    ("bytea", "bytea", Logical::Binary, Modifier::None),
    ("date", "date", Logical::Date, Modifier::None),
    ("time", "time without time zone", Logical::Time, Modifier::None),
    ("timetz", "time with time zone", Logical::TimeWithZone, Modifier::None),
    ("timestamp", "timestamp without time zone", Logical::Timestamp, Modifier::None),
    ("timestamptz", "timestamp with time zone", Logical::TimestampWithZone, Modifier::None),
    ("interval", "interval", Logical::Interval, Modifier::None),
    ("uuid", "uuid", Logical::Uuid, Modifier::None),
    ("json", "json", Logical::Json, Modifier::None),
    ("jsonb", "jsonb", Logical::JsonBinary, Modifier::None),
    ("bit", "bit", Logical::Bits { length: None, varying: false }, Modifier::Bits),
    ("varbit", "bit varying", Logical::Bits { length: None, varying: true }, Modifier::Bits),
];

/// Builtin types whose values mean something in one database only: object ids, transaction ids
/// and positions of rows. They are not carried as bytes.
const LOCAL: &[&str] = &[
    "oid",
    "xid",
    "xid8",
    "cid",
    "tid",
    "regproc",
    "regprocedure",
    "regoper",
    "regoperator",
    "regclass",
    "regtype",
    "regrole",
    "regnamespace",
    "regconfig",
    "regdictionary",
    "regcollation",
    "aclitem",
    "pg_snapshot",
    "txid_snapshot",
    "refcursor",
    "pg_node_tree",
    // Its text gives the element type by name, its bytes by number.
    "record",
];

/// Longest `varchar(n)` and `char(n)`.
const LENGTH_MAX: u32 = 10_485_760;
/// Most digits of `numeric(p, s)`.
const PRECISION_MAX: u16 = 1000;

/// What a builtin scalar type means. `None` when the table does not have it.
///
/// `modifier` is `pg_attribute.atttypmod`: −1 where the type was written without one.
pub(super) fn logical(typname: &str, modifier: i32) -> Option<Logical> {
    let (_, _, plain, kind) = TYPES.iter().find(|(name, ..)| *name == typname)?;
    // `bpchar` without a length keeps every blank: it is not the `char` of the standard.
    if typname == "bpchar" && modifier < 4 {
        return None;
    }
    Some(with_modifier(plain, *kind, modifier))
}

fn with_modifier(plain: &Logical, kind: Modifier, modifier: i32) -> Logical {
    // Lengths of characters are stored with the four bytes of a header added.
    let length = u32::try_from(modifier - 4).ok();
    match (plain, kind) {
        (Logical::Char { .. }, _) => Logical::Char { length: length.unwrap_or(1) },
        (_, Modifier::Length) => Logical::Text { length },
        (_, Modifier::Decimal) => decimal(modifier),
        (Logical::Bits { varying, .. }, Modifier::Bits) => {
            Logical::Bits { length: u32::try_from(modifier).ok(), varying: *varying }
        }
        (plain, _) => plain.clone(),
    }
}

/// `numeric(p, s)`: precision in the upper half, an 11-bit signed scale in the lower.
fn decimal(modifier: i32) -> Logical {
    let Ok(packed) = u32::try_from(modifier - 4) else {
        return Logical::Decimal { precision: None, scale: None };
    };
    let precision = u16::try_from(packed >> 16).ok();
    let low = i32::try_from(packed & 0x7ff).unwrap_or(0);
    let scale = (low ^ 1024) - 1024;
    // A negative scale rounds to tens; it has no place among logical types, and the digits it
    // leaves are those of an integer.
    match u16::try_from(scale) {
        Ok(scale) => Logical::Decimal { precision, scale: Some(scale) },
        Err(_) => Logical::Decimal { precision: None, scale: None },
    }
}

/// Whether a builtin type's bytes mean the same in every database.
pub(super) fn is_universal(typname: &str) -> bool {
    !LOCAL.contains(&typname)
}

/// The type a new column gets for values from another engine; `None` when PostgreSQL has none.
pub(super) fn native(logical: &Logical) -> Option<String> {
    match logical {
        Logical::Integer { bits: ..=16 } => Some("smallint".into()),
        Logical::Integer { bits: ..=32 } => Some("integer".into()),
        Logical::Integer { .. } => Some("bigint".into()),
        Logical::Decimal { precision: Some(p), scale: Some(s) }
            if *p <= PRECISION_MAX && s <= p =>
        {
            Some(format!("numeric({p},{s})"))
        }
        Logical::Decimal { .. } => Some("numeric".into()),
        Logical::Float { bits } => {
            Some(if *bits <= 32 { "real" } else { "double precision" }.to_owned())
        }
        Logical::Text { length: Some(n) } if (1..=LENGTH_MAX).contains(n) => {
            Some(format!("character varying({n})"))
        }
        Logical::Char { length } if (1..=LENGTH_MAX).contains(length) => {
            Some(format!("character({length})"))
        }
        // Labels are made into a type by `design`, where they come from PostgreSQL; from
        // elsewhere they stay the text they are.
        Logical::Text { .. } | Logical::Char { .. } | Logical::Enum { .. } | Logical::Any => {
            Some("text".into())
        }
        Logical::Bits { length: Some(n), varying } if *n > 0 => {
            Some(format!("{}({n})", if *varying { "bit varying" } else { "bit" }))
        }
        Logical::Bits { .. } => Some("bit varying".into()),
        Logical::Array { of } => Some(format!("{}[]", native(of)?)),
        Logical::Native { engine: Engine::Postgres, name } => Some(name.clone()),
        Logical::Native { engine: Engine::Sqlite | Engine::MySql | Engine::Memory, .. } => None,
        Logical::Boolean
        | Logical::Binary
        | Logical::Date
        | Logical::Time
        | Logical::TimeWithZone
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Interval
        | Logical::Uuid
        | Logical::Json
        | Logical::JsonBinary => {
            TYPES.iter().find(|(_, _, plain, _)| plain == logical).map(|row| row.1.to_owned())
        }
    }
}

/// What the column made by [`native`] gives back.
pub(super) fn given_back(logical: &Logical) -> Logical {
    match logical {
        Logical::Any | Logical::Enum { .. } => Logical::Text { length: None },
        Logical::Decimal { precision: Some(p), scale: Some(s) }
            if *p <= PRECISION_MAX && s <= p =>
        {
            logical.clone()
        }
        Logical::Decimal { .. } => Logical::Decimal { precision: None, scale: None },
        Logical::Text { length: Some(n) } if *n == 0 || *n > LENGTH_MAX => {
            Logical::Text { length: None }
        }
        Logical::Char { length } if *length == 0 || *length > LENGTH_MAX => {
            Logical::Text { length: None }
        }
        Logical::Array { of } => Logical::Array { of: Box::new(given_back(of)) },
        Logical::Boolean
        | Logical::Integer { .. }
        | Logical::Float { .. }
        | Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::Binary
        | Logical::Date
        | Logical::Time
        | Logical::TimeWithZone
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Interval
        | Logical::Uuid
        | Logical::Json
        | Logical::JsonBinary
        | Logical::Bits { .. }
        | Logical::Native { .. } => logical.clone(),
    }
}

/// Whether values of `from` can be written into an existing column, and what it gives back then.
///
/// Each value is spelled for the column by `protocol::cell::fit` first, which refuses what the
/// column would round, cut or pad; so this asks only whether the two types mean the same sort of
/// thing. Where a value would be reinterpreted (a number as a truth, an instant without a zone),
/// the answer is `None`.
pub(super) fn accepts(from: &Logical, column: &Column) -> Option<Logical> {
    let to = &column.logical;
    let unseen = rounds_unseen(to, &column.native);
    (!unseen && (from == to || fits(from, to))).then(|| to.clone())
}

/// Whether the column rounds values in a way that spelling them for it does not show: intervals
/// of certain fields or digits, numbers of negative scale, times of fewer digits inside lists.
fn rounds_unseen(to: &Logical, native: &str) -> bool {
    use Logical as L;
    let modified = native.contains('(');
    if let L::Array { of } = to {
        let timed = matches!(**of, L::Time | L::TimeWithZone | L::Timestamp | L::TimestampWithZone);
        return timed && modified || rounds_unseen(of, native.trim_end_matches("[]"));
    }
    let whole = matches!(to, L::Decimal { precision: None, .. });
    whole && modified || *to == L::Interval && native != "interval"
}

fn fits(from: &Logical, to: &Logical) -> bool {
    use Logical as L;
    match (from, to) {
        (
            L::Integer { .. } | L::Decimal { .. } | L::Float { .. } | L::Any,
            L::Integer { .. } | L::Decimal { .. } | L::Float { .. },
        )
        // Text that spells a value of the type; what does not is refused row by row.
        | (
            L::Text { .. } | L::Any,
            L::Text { .. }
            | L::Enum { .. }
            | L::Uuid
            | L::Json
            | L::JsonBinary
            | L::Date
            | L::Time
            | L::Timestamp
            | L::TimestampWithZone,
        )
        // MySQL's `time`, which may be a time of day; what lies beyond the day is refused row by row.
        | (L::Interval, L::Time)
        | (L::Enum { .. }, L::Enum { .. } | L::Text { .. })
        | (L::Json | L::JsonBinary, L::Json | L::JsonBinary)
        | (L::Char { .. }, L::Char { .. } | L::Text { .. })
        | (L::Bits { .. }, L::Bits { varying: true, .. })
        | (
            L::Integer { .. } | L::Decimal { .. } | L::Uuid | L::Json | L::JsonBinary,
            L::Text { length: None },
        ) => true,
        (L::Array { of: from }, L::Array { of: to }) => from == to || fits_inside_a_list(from, to),
        _ => false,
    }
}

/// Elements of a list are not spelled anew: only what never changes.
fn fits_inside_a_list(from: &Logical, to: &Logical) -> bool {
    match (from, to) {
        (Logical::Integer { bits: a }, Logical::Integer { bits: b }) => a <= b,
        (Logical::Text { .. }, Logical::Text { length: None }) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_the_table_comes_back_from_its_meaning() {
        for (name, sql, ..) in TYPES {
            let modifier = if *name == "bpchar" { 5 } else { -1 };
            let meant = logical(name, modifier).unwrap();
            let expected = match *name {
                "varchar" => "text",
                "bpchar" => "character(1)",
                "bit" => "bit varying",
                _ => sql,
            };
            assert_eq!(native(&meant).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn modifiers_are_read_as_the_server_packs_them() {
        let numeric = |p: i32, s: i32| logical("numeric", ((p << 16) | (s & 0x7ff)) + 4).unwrap();
        assert_eq!(numeric(15, 2), Logical::Decimal { precision: Some(15), scale: Some(2) });
        assert_eq!(numeric(5, -2), Logical::Decimal { precision: None, scale: None });
        assert_eq!(logical("varchar", 24), Some(Logical::Text { length: Some(20) }));
        assert_eq!(logical("bpchar", 7), Some(Logical::Char { length: 3 }));
        assert_eq!(logical("bpchar", -1), None);
        assert_eq!(logical("bit", 4), Some(Logical::Bits { length: Some(4), varying: false }));
    }

    #[test]
    fn what_would_be_reinterpreted_is_not_accepted() {
        let text = Logical::Text { length: None };
        for (from, to) in [
            (Logical::Timestamp, Logical::TimestampWithZone),
            (Logical::Integer { bits: 64 }, Logical::Boolean),
            (text.clone(), Logical::Binary),
            (Logical::Binary, text.clone()),
            (Logical::Native { engine: Engine::Sqlite, name: "x".into() }, text.clone()),
        ] {
            assert!(!fits(&from, &to), "{from:?} into {to:?}");
        }
        assert!(fits(&Logical::Integer { bits: 64 }, &Logical::Integer { bits: 32 }));
        assert!(fits(&text, &Logical::Text { length: Some(3) }));
        assert!(fits(&Logical::Interval, &Logical::Time));
        assert!(!fits(&Logical::Time, &Logical::Interval));
    }

    #[test]
    fn what_only_another_engine_knows_has_no_type_here() {
        let foreign = Logical::Native { engine: Engine::Sqlite, name: "thing".into() };
        assert_eq!(native(&foreign), None);
    }
}
