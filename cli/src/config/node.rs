//! What a migration file says, with the place of every word.
//!
//! A tree stands between the text and the types because values come from three kinds of text (the
//! file, environment variables, `--set`), may replace each other, and must still be pointed at when
//! they turn out wrong. Scalars stay as written until a type asks for them, so that `name: 2024` is
//! a name and `slots: 4` a number.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::error::Complaint;

/// Levels of lists and maps inside each other that a file may have; a migration needs five.
const DEPTH_MAX: usize = 32;

/// Values that a file may have, aliases written out.
const NODES_MAX: usize = 100_000;

/// A text that values come from.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// A path, or what kind of override it is.
    pub(super) name: String,
    /// All of it.
    pub(super) body: String,
    /// Whether it is a file, in which secrets have no place.
    pub(super) file: bool,
}

/// Where a value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Which of the tree's texts.
    pub(super) text: usize,
    /// Bytes before it.
    pub(super) offset: usize,
    /// Bytes of it.
    pub(super) length: usize,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) what: What,
    pub(super) at: Place,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// Without quotes: text, number or nothing, as whoever reads it likes.
    Plain(String),
    /// With quotes: text.
    Quoted(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// The key of a map.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) at: Place,
}

impl Node {
    /// Whether nothing is written here: `~`, `null`, or an empty place.
    pub(super) fn is_null(&self) -> bool {
        match &self.what {
            What::Plain(text) => matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"),
            What::Quoted(_) | What::List(_) | What::Map(_) => false,
        }
    }

    /// The keys of a map.
    pub(super) fn keys(&self) -> Vec<&str> {
        match &self.what {
            What::Map(pairs) => pairs.iter().map(|(key, _)| key.name.as_str()).collect(),
            What::Plain(_) | What::Quoted(_) | What::List(_) => Vec::new(),
        }
    }

    /// The value under a key of a map, or at a position of a list written as a number.
    pub(super) fn get(&self, step: &str) -> Option<(&Node, Place)> {
        match &self.what {
            What::Map(pairs) => {
                let (key, node) = pairs.iter().find(|(key, _)| key.name == step)?;
                Some((node, key.at))
            }
            What::List(items) => {
                let node = items.get(step.parse::<usize>().ok()?)?;
                Some((node, node.at))
            }
            What::Plain(_) | What::Quoted(_) => None,
        }
    }
}

/// Reads YAML into a tree. `text` is the number that places get, `base` the bytes that stand before
/// `body` in that text.
pub(super) fn parse(body: &str, text: usize, base: usize) -> Result<Node, Box<Complaint>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_nodes: NODES_MAX },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: NODES_MAX },
        with_snippet: false,
    };
    let reader = Reader { body, text, base };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(body, options) {
        Ok(raw) => Ok(reader.node(raw)),
        Err(error) => Err(Box::new(reader.complaint(&error))),
    }
}

/// A value as `serde-saphyr` hands it over.
enum Raw {
    /// It looked like a number, a boolean or nothing: the text itself says more.
    Typed(String),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

struct RawVisitor;

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Typed(String::new()))
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(Raw::Map(pairs))
    }
}

/// Turns what `serde-saphyr` says into our own words and places.
struct Reader<'a> {
    body: &'a str,
    text: usize,
    base: usize,
}

impl Reader<'_> {
    fn node(&self, raw: Spanned<Raw>) -> Node {
        let at = self.place(raw.referenced);
        let what = match raw.value {
            Raw::Typed(value) => What::Plain(match self.written(raw.defined) {
                Some(text) if !text.is_empty() => text.to_owned(),
                _ => value,
            }),
            Raw::Text(value) => match self.written(raw.defined).and_then(|t| t.chars().next()) {
                Some('"' | '\'' | '|' | '>') => What::Quoted(value),
                _ => What::Plain(value),
            },
            Raw::List(items) => What::List(items.into_iter().map(|i| self.node(i)).collect()),
            Raw::Map(pairs) => {
                let pair = |(key, value): (Spanned<String>, Spanned<Raw>)| {
                    let at = self.place(key.referenced);
                    (Key { name: key.value, at }, self.node(value))
                };
                What::Map(pairs.into_iter().map(pair).collect())
            }
        };
        Node { what, at }
    }

    /// The text of a scalar as it stands in the file.
    fn written(&self, location: Location) -> Option<&str> {
        let start = usize::try_from(location.span().byte_offset()?).ok()?;
        let length = usize::try_from(location.span().byte_len()?).ok()?;
        self.body.get(start..start.checked_add(length)?)
    }

    /// A place that surely lies inside the text, and within one line of it.
    fn place(&self, location: Location) -> Place {
        let in_bytes = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
        // The scanner's own errors have line and column only.
        let offset = in_bytes(location.span().byte_offset())
            .unwrap_or_else(|| self.offset_of(location.line(), location.column()));
        let offset = self.body.floor_char_boundary(offset);
        let line = self.body[offset..].split(['\n', '\r']).next().unwrap_or_default();
        let length = in_bytes(location.span().byte_len()).unwrap_or(0);
        let length = line[..line.floor_char_boundary(length)].trim_end().len();
        Place { text: self.text, offset: offset + self.base, length }
    }

    /// Where a line and a column, both counted from one, lie in the text.
    fn offset_of(&self, line: u64, column: u64) -> usize {
        let usable = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
        let lines = self.body.split_inclusive('\n');
        let before: usize = lines.clone().take(usable(line)).map(str::len).sum();
        let rest = self.body[before..].split(['\n', '\r']).next().unwrap_or_default();
        before + rest.char_indices().nth(usable(column)).map_or(rest.len(), |(at, _)| at)
    }

    fn complaint(&self, error: &serde_saphyr::Error) -> Complaint {
        let at = self.place(error.location().unwrap_or(Location::UNKNOWN));
        super::yaml::complaint(error, at, &self.body[at.offset - self.base..])
    }
}
