//! Rows that are refused, named so that a person can find them again.

use protocol::batch::Row;
use protocol::cell::Reason;
use protocol::plan::{Entity, Lane};
use protocol::schema::{Engine, Logical};

/// A row that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its position in the batch that went in, from zero.
    pub row: usize,
    /// Its key in the source, as canonical text joined by `,`, with `\x…` for bytes. Empty where
    /// the entity has no key, or not all of the key is read.
    pub key: String,
    /// The target column that cannot hold its value; the first, where there are more.
    pub column: String,
    /// Why.
    pub reason: Reason,
}

/// How the rows of an entity are named: the key's places among the cells, and how to spell each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPlaces(Vec<(usize, Spelling)>);

/// How a cell of a key is spelled for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// As the text it is.
    Text,
    /// As `\x…`.
    Hex,
    /// As the big-endian two's complement number it is (PostgreSQL's binary form).
    Number,
    /// As a UUID from its 16 bytes.
    Uuid,
    /// By the tag in front: `i`, `r`, `t` or `b` (SQLite's raw lane).
    Tagged,
}

impl Spelling {
    fn of(lane: Lane, engine: Engine, logical: &Logical) -> Self {
        match (lane, engine, logical) {
            (Lane::Text, _, Logical::Binary)
            | (Lane::Raw, Engine::Memory | Engine::MySql, Logical::Binary) => Self::Hex,
            (Lane::Text, ..) | (Lane::Raw, Engine::Memory | Engine::MySql, _) => Self::Text,
            (Lane::Raw, Engine::Sqlite, _) => Self::Tagged,
            (Lane::Raw, Engine::Postgres, Logical::Integer { .. }) => Self::Number,
            (Lane::Raw, Engine::Postgres, Logical::Uuid) => Self::Uuid,
            (Lane::Raw, Engine::Postgres, Logical::Text { .. } | Logical::Char { .. }) => {
                Self::Text
            }
            // Dates, decimals and the like: telling rows apart is enough.
            (Lane::Raw, Engine::Postgres, _) => Self::Hex,
        }
    }

    fn push(self, name: &mut String, cell: &[u8]) {
        match (self, cell) {
            (Self::Text, _) => name.push_str(&String::from_utf8_lossy(cell)),
            (Self::Number, _) => name.push_str(&number(cell).to_string()),
            (Self::Uuid, _) => {
                for (at, byte) in cell.iter().enumerate() {
                    if [4, 6, 8, 10].contains(&at) {
                        name.push('-');
                    }
                    push_byte(name, *byte);
                }
            }
            (Self::Tagged, [b'i', rest @ ..]) => name.push_str(&number(rest).to_string()),
            (Self::Tagged, [b't', rest @ ..]) => name.push_str(&String::from_utf8_lossy(rest)),
            (Self::Tagged, [b'r', rest @ ..]) => {
                let bits = rest.try_into().map(u64::from_be_bytes).unwrap_or_default();
                name.push_str(&f64::from_bits(bits).to_string());
            }
            (Self::Tagged | Self::Hex, _) => {
                name.push_str("\\x");
                let bytes = if self == Self::Tagged { cell.get(1..) } else { Some(cell) };
                bytes.unwrap_or_default().iter().for_each(|byte| push_byte(name, *byte));
            }
        }
    }
}

/// A big-endian two's complement number of up to eight bytes.
fn number(cell: &[u8]) -> i64 {
    let sign = cell.first().is_some_and(|byte| byte & 0x80 != 0);
    let start = if sign { -1 } else { 0 };
    cell.iter().take(8).fold(start, |number, byte| (number << 8) | i64::from(*byte))
}

impl KeyPlaces {
    pub(crate) fn of(entity: &Entity, from: Engine) -> Self {
        let place = |name: &String| {
            let index = entity.columns.iter().position(|column| column.source == *name)?;
            Some((index, Spelling::of(entity.lane, from, &entity.columns[index].from)))
        };
        Self(entity.key.iter().map(place).collect::<Option<_>>().unwrap_or_default())
    }

    /// The key of a row.
    pub(crate) fn name(&self, row: Row<'_>) -> String {
        let mut name = String::new();
        for (place, &(index, spelling)) in self.0.iter().enumerate() {
            if place > 0 {
                name.push(',');
            }
            spelling.push(&mut name, row.cell(index).unwrap_or_default());
        }
        name
    }
}

fn push_byte(name: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 15] {
        name.extend(char::from_digit(u32::from(nibble), 16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(engine: Engine, logical: &Logical, cell: &[u8]) -> String {
        let mut name = String::new();
        Spelling::of(Lane::Raw, engine, logical).push(&mut name, cell);
        name
    }

    #[test]
    fn keys_of_the_raw_lane_are_spelled_for_people() {
        let integer = Logical::Integer { bits: 32 };
        assert_eq!(spelled(Engine::Postgres, &integer, &(-7i32).to_be_bytes()), "-7");
        assert_eq!(spelled(Engine::Postgres, &integer, &7i64.to_be_bytes()), "7");
        let uuid: Vec<u8> = (0..16).collect();
        let text = "00010203-0405-0607-0809-0a0b0c0d0e0f";
        assert_eq!(spelled(Engine::Postgres, &Logical::Uuid, &uuid), text);
        assert_eq!(spelled(Engine::Postgres, &Logical::Date, &[0, 255]), "\\x00ff");
        let tagged = |tag: u8, rest: &[u8]| [&[tag], rest].concat();
        let any = Logical::Any;
        assert_eq!(spelled(Engine::Sqlite, &any, &tagged(b'i', &(-1i64).to_be_bytes())), "-1");
        assert_eq!(spelled(Engine::Sqlite, &any, &tagged(b't', "ä".as_bytes())), "ä");
        assert_eq!(spelled(Engine::Sqlite, &any, &tagged(b'b', &[1, 2])), "\\x0102");
        let real = 1.5f64.to_bits().to_be_bytes();
        assert_eq!(spelled(Engine::Sqlite, &any, &tagged(b'r', &real)), "1.5");
    }
}
