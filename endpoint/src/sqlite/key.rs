//! Keys as bounds of ranges, and the ranges as conditions.
//!
//! A part of a bound says which storage class its value has, so that SQLite compares exactly what
//! it returned: `i:42`, `r:` with the 16 hexadecimal digits of a double's bits, `t:` with text,
//! `x:` with the bytes of text that is not UTF-8, `b:` with the bytes of a blob.

use protocol::fault::{Code, Fault};
use protocol::plan::{Bound, Range};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::link::hex;
use crate::sql::quote;

/// One part of a key, with its storage class.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Integer(i64),
    Real(f64),
    /// Bytes, since SQLite does not promise that text is UTF-8.
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Part {
    /// None for NULL, which no key holds.
    pub(super) fn of(cell: ValueRef<'_>) -> Option<Self> {
        match cell {
            ValueRef::Null => None,
            ValueRef::Integer(number) => Some(Self::Integer(number)),
            ValueRef::Real(number) => Some(Self::Real(number)),
            ValueRef::Text(bytes) => Some(Self::Text(bytes.to_vec())),
            ValueRef::Blob(bytes) => Some(Self::Blob(bytes.to_vec())),
        }
    }

    fn encode(&self) -> String {
        match self {
            Self::Integer(number) => format!("i:{number}"),
            Self::Real(number) => format!("r:{:016x}", number.to_bits()),
            Self::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => format!("t:{text}"),
                Err(_) => format!("x:{}", hex(bytes)),
            },
            Self::Blob(bytes) => format!("b:{}", hex(bytes)),
        }
    }

    fn decode(text: &str) -> Option<Self> {
        let (class, rest) = text.split_once(':')?;
        Some(match class {
            "i" => Self::Integer(rest.parse().ok()?),
            "r" => Self::Real(f64::from_bits(u64::from_str_radix(rest, 16).ok()?)),
            "t" => Self::Text(rest.as_bytes().to_vec()),
            "x" => Self::Text(unhex(rest)?),
            "b" => Self::Blob(unhex(rest)?),
            _ => return None,
        })
    }
}

impl ToSql for Part {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(bytes) => ValueRef::Text(bytes),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

/// A key that was read, as a bound of the plan.
pub(super) fn bound(parts: &[Part]) -> Bound {
    Bound(parts.iter().map(Part::encode).collect())
}

/// A bound of the plan, as values to compare with.
///
/// # Errors
/// `Code::PlanFormat` when it is not one of ours.
pub(super) fn parts(bound: &Bound, columns: usize) -> Result<Vec<Part>, Fault> {
    let parts: Option<Vec<_>> = bound.0.iter().map(|part| Part::decode(part)).collect();
    parts
        .filter(|parts| parts.len() == columns)
        .ok_or_else(|| Fault::new(Code::PlanFormat, "a bound of a range"))
}

/// Conditions that are joined by AND, with the values of their parameters.
#[derive(Debug, Default)]
pub(super) struct Where {
    conditions: Vec<String>,
    pub(super) values: Vec<Part>,
}

impl Where {
    /// Adds the operator's own condition. It stands on lines of its own, so that a comment at its
    /// end does not reach further.
    pub(super) fn filter(&mut self, filter: &str) {
        self.conditions.push(format!("(\n{filter}\n)"));
    }

    /// Adds: the key is greater than `after`, and at most `upto`. Row values, compared by the
    /// collations of the columns themselves.
    pub(super) fn range(&mut self, key: &[String], range: &Range) -> Result<(), Fault> {
        for (operator, bound) in [(">", &range.after), ("<=", &range.upto)] {
            if let Some(bound) = bound {
                self.compare(key, operator, parts(bound, key.len())?);
            }
        }
        Ok(())
    }

    /// Adds: the key stands in that relation to these values.
    pub(super) fn compare(&mut self, key: &[String], operator: &str, values: Vec<Part>) {
        let columns = quote::names(key.iter().map(String::as_str));
        let first = self.values.len() + 1;
        let places: Vec<_> = (first..first + values.len()).map(|n| format!("?{n}")).collect();
        self.conditions.push(format!("({columns}) {operator} ({})", places.join(", ")));
        self.values.extend(values);
    }

    /// ` WHERE …`, or nothing.
    pub(super) fn sql(&self) -> String {
        if self.conditions.is_empty() {
            return String::new();
        }
        format!(" WHERE {}", self.conditions.join(" AND "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_keeps_the_class_and_every_bit() {
        let parts = vec![
            Part::Integer(i64::MIN),
            Part::Real(0.1),
            Part::Real(-0.0),
            Part::Text(b"t:a:\0\xc3\xa9".to_vec()),
            Part::Text(b"\xff".to_vec()),
            Part::Blob(b"\x00\xff".to_vec()),
            Part::Text(Vec::new()),
        ];
        let bound = bound(&parts);
        assert_eq!(bound.0[0], "i:-9223372036854775808");
        assert_eq!(bound.0[5], "b:00ff");
        assert_eq!(super::parts(&bound, parts.len()).unwrap(), parts);
    }

    /// A range that SQLite would look for row by row makes every chunk read the whole table.
    #[test]
    fn a_range_is_read_by_the_index_of_its_key() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for (key, table, values) in [
            (&["k"][..], "k INTEGER PRIMARY KEY, v", &["i:1", "i:9"][..]),
            (&["k"], "k TEXT COLLATE NOCASE NOT NULL UNIQUE, v", &["t:a", "t:B"]),
            (&["b", "a"], "a INT NOT NULL, b TEXT NOT NULL, v, PRIMARY KEY (b, a)", &["i:1"; 2]),
        ] {
            connection.execute_batch("DROP TABLE IF EXISTS t").unwrap();
            connection.execute_batch(&format!("CREATE TABLE t ({table})")).unwrap();
            let key: Vec<_> = key.iter().map(|name| (*name).to_owned()).collect();
            let bound = |value: &str| Some(Bound(vec![value.to_owned(); key.len()]));
            let mut rows = Where::default();
            let range = Range { after: bound(values[0]), upto: bound(values[1]) };
            rows.range(&key, &range).unwrap();
            let explain = format!("EXPLAIN QUERY PLAN SELECT v FROM t{}", rows.sql());
            let values = rusqlite::params_from_iter(&rows.values);
            let plan: String =
                connection.query_row(&explain, values, |row| row.get("detail")).unwrap();
            assert!(plan.starts_with("SEARCH"), "{table}: {plan}");
            assert!(plan.contains('>') && plan.contains('<'), "{table}: {plan}");
        }
    }

    #[test]
    fn what_is_no_bound_of_ours_is_refused() {
        for part in ["", "42", "i:", "i:x", "b:0", "b:0g", "q:1"] {
            let bound = Bound(vec![part.to_owned()]);
            assert_eq!(parts(&bound, 1).unwrap_err().code(), Code::PlanFormat, "{part}");
        }
        assert!(parts(&Bound(vec!["i:1".into()]), 2).is_err());
    }
}
