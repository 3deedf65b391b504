//! Which characters a text can have, where it is kept in a character set that lacks some.
//!
//! No table of ours says so: the target is asked once, while the plan is drawn, and the plan carries
//! the answer. So every worker judges a text alike, whatever its server has become meanwhile.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::schema::{Engine, Logical};

/// Characters in one piece of the bitmap.
const PIECE: u32 = u64::BITS;

/// The first character beyond the basic plane.
const BEYOND: u32 = 0x1_0000;

/// The name under which [`Charsets`] keeps what a database lacks that has one set for all texts.
pub const OF_DATABASE: &str = "database";

/// The characters that a character set has. Its text is their ranges: `0-7f a0-ff 20ac`.
///
/// Beyond the basic plane a set counts as having all characters or none.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repertoire(Arc<Had>);

#[derive(PartialEq, Eq)]
struct Had {
    basic: Box<[u64]>,
    beyond: bool,
}

impl Repertoire {
    /// The characters that a target is asked about: those of the basic plane, and the first and the last
    /// of each plane beyond.
    pub fn asked() -> impl Iterator<Item = char> {
        (0..BEYOND).chain(samples()).filter_map(char::from_u32)
    }

    /// The characters of a set that keeps these of [`Repertoire::asked`], and changes all others.
    pub fn keeping(kept: impl IntoIterator<Item = char>) -> Self {
        let mut basic = vec![0; (BEYOND / PIECE) as usize].into_boxed_slice();
        let mut beyond = 0;
        for code in kept.into_iter().map(u32::from) {
            match basic.get_mut((code / PIECE) as usize) {
                Some(piece) => *piece |= 1 << (code % PIECE),
                None => beyond += 1,
            }
        }
        Self(Arc::new(Had { basic, beyond: beyond == samples().count() }))
    }

    /// Whether it lacks none.
    pub fn is_whole(&self) -> bool {
        Self::asked().all(|character| self.has(character))
    }

    /// Whether it has the character.
    pub fn has(&self, character: char) -> bool {
        let code = u32::from(character);
        let piece = self.0.basic.get((code / PIECE) as usize);
        piece.map_or(self.0.beyond, |piece| (piece >> (code % PIECE)) & 1 == 1)
    }

    /// Whether it has every character of a cell. What is no text is not its business.
    pub(super) fn has_all(&self, cell: &[u8]) -> bool {
        if cell.is_ascii() && self.0.basic.starts_with(&[u64::MAX, u64::MAX]) {
            return true;
        }
        std::str::from_utf8(cell).map_or(true, |text| text.chars().all(|c| self.has(c)))
    }

    /// The text with `?` for each character that it lacks, as servers themselves do where they are
    /// told to convert; none where it lacks that one too.
    pub(super) fn nearest(&self, cell: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(cell).ok()?;
        let near = |character| if self.has(character) { character } else { '?' };
        self.has('?').then(|| text.chars().map(near).collect::<String>().into_bytes())
    }

    /// The first and last of each unbroken range.
    fn ranges(&self) -> Vec<(u32, u32)> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for code in (0..BEYOND).filter(|code| char::from_u32(*code).is_some_and(|c| self.has(c))) {
            match ranges.last_mut().filter(|(_, last)| *last + 1 == code) {
                Some((_, last)) => *last = code,
                None => ranges.push((code, code)),
            }
        }
        ranges.extend(self.0.beyond.then_some((BEYOND, u32::from(char::MAX))));
        ranges
    }
}

/// Of each plane beyond the basic one: the first character and the last that is one.
fn samples() -> impl Iterator<Item = u32> {
    (1..=0x10).flat_map(|plane| [plane * BEYOND, plane * BEYOND + 0xfffd])
}

impl From<Repertoire> for String {
    fn from(repertoire: Repertoire) -> Self {
        let ranges = repertoire.ranges().into_iter().map(|(first, last)| match first == last {
            true => format!("{first:x}"),
            false => format!("{first:x}-{last:x}"),
        });
        ranges.collect::<Vec<_>>().join(" ")
    }
}

impl TryFrom<String> for Repertoire {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut kept = Vec::new();
        for range in text.split_whitespace() {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (u32::from_str_radix(first, 16)?, u32::from_str_radix(last, 16)?);
            let within = (first..=last.min(BEYOND - 1)).chain(samples().filter(|_| last >= BEYOND));
            kept.extend(within.filter_map(char::from_u32));
        }
        Ok(Self::keeping(kept))
    }
}

/// Its text, which a person can read.
impl fmt::Debug for Repertoire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(self.clone()))
    }
}

/// What the character sets of a target's columns have, where they lack anything, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Charsets(pub BTreeMap<String, Repertoire>);

impl Charsets {
    /// Whether none is known that lacks anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What texts of a column can have, where that is not everything, or not known.
    pub fn of(&self, engine: Engine, to: &Logical, native: &str) -> Option<Repertoire> {
        self.0.get(charset(engine, to, native)?).cloned()
    }
}

/// The character set of a column that means `to`, whose type its engine prints as `native`; none where
/// it has texts of any characters, or none but ASCII.
pub fn charset<'a>(engine: Engine, to: &Logical, native: &'a str) -> Option<&'a str> {
    if !has_any_text(to) {
        return None;
    }
    match engine {
        Engine::MySql => {
            // Labels may hold these words; nothing that follows the last does.
            let (_, words) = native.rsplit_once(" CHARACTER SET ")?;
            let name = words.split(' ').next()?;
            (name != "utf8mb4").then_some(name)
        }
        Engine::Postgres => Some(OF_DATABASE),
        Engine::Sqlite | Engine::Memory => None,
    }
}

/// Whether cells of this type may have any characters. A label is in the set of its own column.
fn has_any_text(to: &Logical) -> bool {
    match to {
        Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::Json
        | Logical::JsonBinary
        | Logical::Array { .. }
        | Logical::Native { .. }
        | Logical::Any => true,
        Logical::Boolean
        | Logical::Integer { .. }
        | Logical::Decimal { .. }
        | Logical::Float { .. }
        | Logical::Binary
        | Logical::Date
        | Logical::Time
        | Logical::TimeWithZone
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Interval
        | Logical::Uuid
        | Logical::Enum { .. }
        | Logical::Bits { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(text: &str) -> Repertoire {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn a_repertoire_is_what_was_kept_and_its_text_says_so() {
        for (kept, text) in [
            ("abc€", "61-63 20ac"),
            ("", ""),
            // Some of those beyond are not all of them.
            ("\0?\u{ffff}😀\u{10000}", "0 3f ffff"),
        ] {
            let repertoire = Repertoire::keeping(kept.chars());
            assert_eq!(String::from(repertoire.clone()), text);
            assert_eq!(spelled(text), repertoire);
            assert!(!repertoire.is_whole() && !repertoire.has('😀') && !repertoire.has('d'));
        }
        let whole = Repertoire::keeping(Repertoire::asked());
        assert_eq!(String::from(whole.clone()), "0-d7ff e000-ffff 10000-10ffff");
        assert_eq!(spelled("0-d7ff e000-ffff 10000-10ffff"), whole);
        assert!(whole.is_whole() && whole.has('😀') && whole.has(char::MAX));
        let basic = Repertoire::keeping(Repertoire::asked().filter(|c| u32::from(*c) < BEYOND));
        assert_eq!(String::from(basic.clone()), "0-d7ff e000-ffff");
        assert!(!basic.is_whole() && basic.has('学') && !basic.has('😀'));
        assert!(Repertoire::try_from("0-x".to_owned()).is_err());
    }

    #[test]
    fn what_is_lacked_becomes_a_question_mark_where_there_is_one() {
        let latin = spelled("0-7f a0-ff 20ac");
        assert!(latin.has_all("Zoë 7€".as_bytes()) && !latin.has_all("Zoë 学😀".as_bytes()));
        assert_eq!(latin.nearest("Zoë 学😀".as_bytes()).unwrap(), "Zoë ??".as_bytes());
        // Not every set has all of ASCII.
        let swedish = spelled("20-5a 61-7a c4");
        assert!(!swedish.has_all(b"[a]"));
        assert_eq!(swedish.nearest(b"[a]").unwrap(), b"?a?");
        assert_eq!(spelled("41").nearest("Ä".as_bytes()), None);
    }

    #[test]
    fn a_column_has_a_character_set_where_it_may_lack_something() {
        let text = Logical::Text { length: None };
        let label = Logical::Enum { labels: vec![] };
        for (engine, to, native, expected) in [
            (Engine::MySql, &text, "text CHARACTER SET gbk COLLATE gbk_bin", Some("gbk")),
            (Engine::MySql, &text, "text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", None),
            (Engine::MySql, &text, "longtext", None),
            (Engine::MySql, &Logical::Uuid, "char(36) CHARACTER SET ascii COLLATE x", None),
            (Engine::MySql, &label, "enum('a') CHARACTER SET latin1 COLLATE x", None),
            (Engine::Postgres, &text, "text", Some(OF_DATABASE)),
            (Engine::Postgres, &Logical::Date, "date", None),
            (Engine::Sqlite, &text, "TEXT", None),
        ] {
            assert_eq!(charset(engine, to, native), expected, "{native}");
        }
        let latin = spelled("0-ff");
        let charsets = Charsets(BTreeMap::from([("latin1".to_owned(), latin.clone())]));
        let of = |native| charsets.of(Engine::MySql, &text, native);
        assert_eq!(of("text CHARACTER SET latin1 COLLATE latin1_bin"), Some(latin));
        assert_eq!(of("text CHARACTER SET gbk COLLATE gbk_bin"), None);
    }
}
