//! What a declared type means, and which type each meaning is given here.
//!
//! SQLite keeps the declared type as text and derives from it an *affinity*, which rewrites values
//! as they are stored (<https://www.sqlite.org/datatype3.html>). So a type is chosen here by two
//! questions: does its affinity leave the value alone, and does its name say what it means when
//! the table is read again.

use protocol::schema::{Engine, Logical};

/// What a column does to values as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affinity {
    Integer,
    Text,
    /// Also called NONE: values stay as they are.
    Blob,
    Real,
    Numeric,
}

/// Digits that a binary double always gives back.
pub(super) const EXACT_DIGITS: u16 = 15;

impl Affinity {
    /// By SQLite's own five rules, in its order: `CHARINT` is an integer, and so is `POINT`.
    pub(super) fn of(declared: &str) -> Self {
        let upper = bare(declared).to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| upper.contains(word));
        match () {
            () if has(&["INT"]) => Self::Integer,
            () if has(&["CHAR", "CLOB", "TEXT"]) => Self::Text,
            () if upper.is_empty() || has(&["BLOB"]) => Self::Blob,
            () if has(&["REAL", "FLOA", "DOUB"]) => Self::Real,
            () => Self::Numeric,
        }
    }

    /// Whether text that spells a number would be stored as that number.
    pub(super) fn turns_text_to_numbers(self) -> bool {
        match self {
            Self::Integer | Self::Real | Self::Numeric => true,
            Self::Text | Self::Blob => false,
        }
    }
}

/// Type names that say more than their affinity does. Matched against the name in upper case,
/// without what stands in parentheses.
const NAMES: &[(&str, Logical)] = &[
    ("INT2", Logical::Integer { bits: 16 }),
    ("INT4", Logical::Integer { bits: 32 }),
    ("BOOLEAN", Logical::Boolean),
    ("BOOL", Logical::Boolean),
    ("DECIMAL_TEXT", Logical::Decimal { precision: None, scale: None }),
    ("FLOAT4", Logical::Float { bits: 32 }),
    ("DATE", Logical::Date),
    ("TIME", Logical::Time),
    ("TIMETZ_TEXT", Logical::TimeWithZone),
    ("DATETIME", Logical::Timestamp),
    ("TIMESTAMP", Logical::Timestamp),
    ("TIMESTAMP WITHOUT TIME ZONE", Logical::Timestamp),
    ("TIMESTAMPTZ", Logical::TimestampWithZone),
    ("TIMESTAMP WITH TIME ZONE", Logical::TimestampWithZone),
    // In STRICT tables.
    ("ANY", Logical::Any),
    ("UUID", Logical::Uuid),
    ("JSON", Logical::Json),
    ("JSON_TEXT", Logical::Json),
    ("INTERVAL", Logical::Interval),
    ("INTERVAL_TEXT", Logical::Interval),
    ("TIMESPAN_TEXT", Logical::Interval),
    ("BITS_TEXT", Logical::Bits { length: None, varying: true }),
];

/// The declared type without the collation that introspection keeps beside it.
fn bare(declared: &str) -> &str {
    if declared.starts_with("COLLATE ") {
        return "";
    }
    declared.find(" COLLATE ").map_or(declared, |at| &declared[..at])
}

/// What a column of this declared type means.
pub(super) fn logical(declared: &str) -> Logical {
    let declared = bare(declared).trim();
    let (name, arguments) = split(declared);
    if let Some((_, logical)) = NAMES.iter().find(|(known, _)| *known == name) {
        return logical.clone();
    }
    match name.as_str() {
        "NUMERIC" | "DECIMAL" | "DEC" => decimal(&arguments),
        _ => by_affinity(declared, &arguments),
    }
}

fn by_affinity(declared: &str, arguments: &[u16]) -> Logical {
    match Affinity::of(declared) {
        Affinity::Integer => Logical::Integer { bits: 64 },
        Affinity::Text => Logical::Text { length: length(declared, arguments) },
        Affinity::Blob if declared.is_empty() => Logical::Any,
        Affinity::Blob => Logical::Binary,
        Affinity::Real => Logical::Float { bits: 64 },
        Affinity::Numeric => decimal(arguments),
    }
}

/// Only the CHAR family counts characters; what stands after `TEXT` or `CLOB` means nothing.
fn length(declared: &str, arguments: &[u16]) -> Option<u32> {
    let counts = declared.to_ascii_uppercase().contains("CHAR");
    arguments.first().filter(|_| counts).map(|length| u32::from(*length))
}

fn decimal(arguments: &[u16]) -> Logical {
    match *arguments {
        [precision, scale, ..] => {
            Logical::Decimal { precision: Some(precision), scale: Some(scale) }
        }
        [precision] => Logical::Decimal { precision: Some(precision), scale: Some(0) },
        [] => Logical::Decimal { precision: None, scale: None },
    }
}

/// `NUMERIC ( 10, 2 )` → `NUMERIC`, `[10, 2]`. Arguments that are no small numbers say nothing.
fn split(declared: &str) -> (String, Vec<u16>) {
    let (name, rest) = declared.split_once('(').unwrap_or((declared, ""));
    let (inside, after) = rest.split_once(')').unwrap_or((rest, ""));
    let name: Vec<_> = name.split_whitespace().chain(after.split_whitespace()).collect();
    let arguments: Result<Vec<u16>, _> =
        inside.split(',').map(|argument| argument.trim().parse()).collect();
    (name.join(" ").to_ascii_uppercase(), arguments.unwrap_or_default())
}

/// Whether a decimal fits into a binary double and comes back as it was.
pub(super) fn is_exact(precision: Option<u16>, scale: Option<u16>) -> bool {
    precision.is_some_and(|precision| precision <= EXACT_DIGITS) && scale.is_some()
}

/// The type that a column of this meaning is given, and what it then gives back.
pub(super) fn chosen(from: &Logical) -> (String, Logical) {
    let native = match from {
        Logical::Boolean => "BOOLEAN",
        Logical::Integer { bits: 16 } => "INT2",
        Logical::Integer { bits: 32 } => "INT4",
        Logical::Integer { .. } => "INTEGER",
        Logical::Decimal { precision: Some(p), scale: Some(s) } if *p <= EXACT_DIGITS => {
            return (format!("NUMERIC({p},{s})"), from.clone());
        }
        Logical::Decimal { .. } => "DECIMAL_TEXT",
        Logical::Float { bits: 32 } => "FLOAT4",
        Logical::Float { .. } => "DOUBLE",
        Logical::Text { length: None } | Logical::Enum { .. } => "TEXT",
        Logical::Text { length: Some(length) } => {
            return (format!("VARCHAR({length})"), from.clone());
        }
        // Blanks at the end of a CHAR(n) mean nothing, and SQLite would not add them.
        Logical::Char { length } => {
            return (format!("VARCHAR({length})"), Logical::Text { length: Some(*length) });
        }
        Logical::Binary => "BLOB",
        Logical::Date => "DATE",
        Logical::Time => "TIME",
        Logical::TimeWithZone => "TIMETZ_TEXT",
        Logical::Timestamp => "DATETIME",
        Logical::TimestampWithZone => "TIMESTAMPTZ",
        // Not INTERVAL_TEXT: it contains INT.
        Logical::Interval => "TIMESPAN_TEXT",
        Logical::Uuid => "UUID",
        // A column declared JSON has NUMERIC affinity, and would make 1e5 of '1.0e5'.
        Logical::Json | Logical::JsonBinary => "JSON_TEXT",
        Logical::Bits { .. } => "BITS_TEXT",
        Logical::Array { .. } => "ARRAY_TEXT",
        Logical::Native { engine: Engine::Sqlite, name } => return (name.clone(), from.clone()),
        Logical::Native { .. } => "NATIVE_TEXT",
        Logical::Any => "",
    };
    (native.to_owned(), from.clone())
}

/// What an existing column gives back for values of `from`; `None` when it would change them.
///
/// The answer is how values are bound and read again, so where the column leaves them alone it is
/// `from` itself. Text that a column of numeric affinity would turn into a number is refused row
/// by row when it is written.
pub(super) fn accepts(from: &Logical, declared: &str) -> Option<Logical> {
    let into = logical(declared);
    if into == Logical::Any {
        return Some(from.clone());
    }
    match (from, &into) {
        (Logical::Binary, _) => (into == Logical::Binary).then_some(into),
        (_, Logical::Text { .. }) => Some(Logical::Text { length: None }),
        (Logical::Integer { .. }, Logical::Integer { .. }) => Some(into),
        (Logical::Float { .. }, Logical::Float { .. }) => Some(into),
        (Logical::Decimal { precision, scale }, Logical::Decimal { .. }) => {
            let text = Affinity::of(declared) == Affinity::Text;
            let unbounded = into == Logical::Decimal { precision: None, scale: None };
            match (text, is_exact(*precision, *scale)) {
                (true, _) => Some(from.clone()),
                (false, true) if unbounded || fits(from, &into) => Some(from.clone()),
                (false, _) => None,
            }
        }
        (Logical::Integer { .. }, Logical::Decimal { precision: None, .. }) => Some(from.clone()),
        (Logical::Json | Logical::JsonBinary, Logical::Json) => Some(from.clone()),
        (Logical::Bits { .. }, Logical::Bits { .. }) => Some(from.clone()),
        _ => (*from == into).then_some(into),
    }
}

/// Whether every number of the one has a place in the other.
fn fits(from: &Logical, into: &Logical) -> bool {
    let (
        Logical::Decimal { precision: Some(p), scale: Some(s) },
        Logical::Decimal { precision: Some(into_p), scale: Some(into_s) },
    ) = (from, into)
    else {
        return false;
    };
    s <= into_s && p.saturating_sub(*s) <= into_p.saturating_sub(*into_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_type_means_what_people_mean_by_it() {
        let number = |precision, scale| Logical::Decimal { precision, scale };
        let expected = [
            ("INTEGER", Logical::Integer { bits: 64 }),
            ("unsigned big int", Logical::Integer { bits: 64 }),
            ("INT2", Logical::Integer { bits: 16 }),
            ("boolean", Logical::Boolean),
            ("NUMERIC(10, 2)", number(Some(10), Some(2))),
            ("decimal ( 5 )", number(Some(5), Some(0))),
            ("NUMERIC", number(None, None)),
            ("MONEY", number(None, None)),
            ("DOUBLE PRECISION", Logical::Float { bits: 64 }),
            ("FLOAT", Logical::Float { bits: 64 }),
            ("FLOAT4", Logical::Float { bits: 32 }),
            ("varchar(20)", Logical::Text { length: Some(20) }),
            ("VARYING CHARACTER(9)", Logical::Text { length: Some(9) }),
            ("TEXT", Logical::Text { length: None }),
            ("TEXT COLLATE NOCASE", Logical::Text { length: None }),
            ("BLOB", Logical::Binary),
            ("datetime", Logical::Timestamp),
            ("timestamp(6) with time zone", Logical::TimestampWithZone),
            ("json", Logical::Json),
            ("", Logical::Any),
            ("COLLATE \"NOCASE\"", Logical::Any),
        ];
        for (declared, logical) in expected {
            assert_eq!(super::logical(declared), logical, "{declared}");
        }
    }

    #[test]
    fn a_type_that_we_write_means_the_same_when_it_is_read() {
        let all = [
            Logical::Boolean,
            Logical::Integer { bits: 16 },
            Logical::Integer { bits: 32 },
            Logical::Integer { bits: 64 },
            Logical::Decimal { precision: Some(12), scale: Some(2) },
            Logical::Decimal { precision: None, scale: None },
            Logical::Float { bits: 32 },
            Logical::Float { bits: 64 },
            Logical::Text { length: None },
            Logical::Text { length: Some(7) },
            Logical::Binary,
            Logical::Date,
            Logical::Time,
            Logical::TimeWithZone,
            Logical::Timestamp,
            Logical::TimestampWithZone,
            Logical::Interval,
            Logical::Uuid,
            Logical::Json,
            Logical::Any,
        ];
        for meaning in all {
            let (native, gives) = chosen(&meaning);
            assert_eq!(logical(&native), gives, "{native}");
            assert_eq!(gives, meaning);
        }
    }

    #[test]
    fn text_that_must_stay_text_is_never_given_a_numeric_affinity() {
        // These could spell a number; a date or a UUID never does.
        let risky = [
            Logical::Json,
            Logical::JsonBinary,
            Logical::Bits { length: Some(4), varying: false },
            Logical::Decimal { precision: Some(38), scale: Some(10) },
            Logical::Text { length: Some(4) },
            Logical::Char { length: 4 },
            Logical::Enum { labels: vec!["1".into()] },
            Logical::Interval,
            Logical::Array { of: Box::new(Logical::Boolean) },
            Logical::Native { engine: Engine::Postgres, name: "point".into() },
        ];
        for meaning in risky {
            assert!(!Affinity::of(&chosen(&meaning).0).turns_text_to_numbers(), "{meaning:?}");
        }
    }

    #[test]
    fn an_existing_column_takes_what_it_gives_back() {
        let exact = Logical::Decimal { precision: Some(10), scale: Some(2) };
        let wide = Logical::Decimal { precision: Some(30), scale: Some(2) };
        assert_eq!(accepts(&exact, "NUMERIC"), Some(exact.clone()));
        assert_eq!(accepts(&exact, "NUMERIC(12,3)"), Some(exact.clone()));
        assert_eq!(accepts(&exact, "NUMERIC(9,2)"), None);
        assert_eq!(accepts(&wide, "NUMERIC"), None);
        assert_eq!(accepts(&wide, "DECIMAL_TEXT"), Some(wide));
        assert_eq!(accepts(&Logical::Date, "TEXT"), Some(Logical::Text { length: None }));
        assert_eq!(accepts(&Logical::Boolean, "INTEGER"), None);
        assert_eq!(accepts(&Logical::Binary, "TEXT"), None);
        assert_eq!(accepts(&Logical::Uuid, ""), Some(Logical::Uuid));
    }
}
