//! From the tree to the types, for `serde`, keeping the place of whatever does not fit.

use std::fmt;

use protocol::fault::Code;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};

use super::error::{Complaint, nearest};
use super::node::{Key, Node, Place, What};

/// Reads a type from a tree.
pub(super) fn read<'de, T: de::Deserialize<'de>>(node: &'de Node) -> Result<T, Box<Complaint>> {
    T::deserialize(Reader { node }).map_err(|misfit| {
        let at = misfit.at.unwrap_or(node.at);
        Box::new(misfit.problem.complaint(at))
    })
}

/// A value that is not what a type asked for.
#[derive(Debug)]
pub(super) struct Misfit {
    problem: Problem,
    at: Option<Place>,
}

#[derive(Debug)]
enum Problem {
    UnknownKey { key: String, known: &'static [&'static str] },
    UnknownWord { word: String, known: &'static [&'static str] },
    Missing(&'static str),
    WrongKind { found: &'static str, wanted: String },
    Said(String),
}

impl Misfit {
    /// Puts it at a place, unless a more exact one is known.
    fn at(mut self, place: Place) -> Self {
        self.at.get_or_insert(place);
        self
    }
}

impl Problem {
    fn complaint(self, at: Place) -> Complaint {
        let say = |text: String| Complaint::new(Code::ConfigMalformed, at, text);
        let meant = |word: &str, known: &'static [&'static str]| {
            nearest(word, known.iter().copied()).map(|near| format!("did you mean `{near}`?"))
        };
        match self {
            Self::UnknownKey { key, .. } if key.contains(':') => {
                // What follows the colon may be a password.
                let key = key.split(':').next().unwrap_or_default();
                say(format!("`{key}` is not followed by `: ` and a value"))
                    .label("is a space missing after the colon?")
                    .help("YAML wants a space between `:` and the value.")
            }
            Self::UnknownKey { key, known } => {
                let label = meant(&key, known).unwrap_or_else(|| "not valid here".into());
                say(format!("unknown key `{key}`"))
                    .label(label)
                    .help(format!("Valid keys: {}.", listed(known)))
            }
            Self::UnknownWord { word, known } => {
                let label = meant(&word, known).unwrap_or_else(|| "not one of them".into());
                say(format!("unknown value `{word}`"))
                    .label(label)
                    .help(format!("It is one of: {}.", listed(known)))
            }
            Self::Missing(key) => say(format!("`{key}` is missing"))
                .label("not found in here")
                .help(format!("Add a line `{key}: …`.")),
            Self::WrongKind { found, wanted } => {
                let complaint = say(format!("expected {wanted}"));
                let complaint = complaint.label(format!("this is {found}"));
                match (wanted.as_str(), found) {
                    ("a whole number", "text in quotes") => complaint.help("Remove the quotes."),
                    ("text", "a list" | "a map") => {
                        complaint.help("Put the text in quotes if it holds `: `, `[`, `{` or `#`.")
                    }
                    ("a list", "text" | "text in quotes" | "a number") => {
                        complaint.help("Put it in square brackets: `[…]`.")
                    }
                    _ => complaint,
                }
            }
            Self::Said(text) => match text.split_once('\n') {
                Some((text, help)) => say(text.into()).help(help),
                None => say(text),
            },
        }
    }
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.problem)
    }
}

impl std::error::Error for Misfit {}

impl From<Problem> for Misfit {
    fn from(problem: Problem) -> Self {
        Self { problem, at: None }
    }
}

/// Values are never quoted: one of them may be a password in the wrong place.
impl de::Error for Misfit {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Problem::Said(text.to_string()).into()
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        Problem::WrongKind { found: kind(found), wanted: in_words(&wanted.to_string()) }.into()
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        let wanted = in_words(&wanted.to_string());
        let number = wanted == "a whole number";
        let found = if number && matches!(found, Unexpected::Signed(_)) {
            "negative"
        } else if number && matches!(found, Unexpected::Unsigned(_)) {
            "too large"
        } else {
            kind(found)
        };
        Problem::WrongKind { found, wanted }.into()
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Problem::UnknownWord { word: word.into(), known }.into()
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Problem::UnknownKey { key: key.into(), known }.into()
    }

    fn missing_field(key: &'static str) -> Self {
        Problem::Missing(key).into()
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "serde's; our reader hands over only these")]
fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a map",
        Unexpected::Float(_) => "a fraction",
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => "a number",
        Unexpected::Bytes(_) => "text in quotes",
        Unexpected::Str(_) => "text",
        _ => "something else",
    }
}

/// What `serde` calls a type, for people.
fn in_words(wanted: &str) -> String {
    match wanted {
        "u32" | "u64" | "usize" => "a whole number".into(),
        "a string" => "text".into(),
        "a sequence" => "a list".into(),
        text if text.starts_with("struct ") || text == "a map" => "a map of keys and values".into(),
        text if text.contains("enum") => "a word".into(),
        text => text.into(),
    }
}

/// What a type asks for, where the text alone does not say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Text,
    Number,
    Anything,
}

#[derive(Clone, Copy)]
struct Reader<'de> {
    node: &'de Node,
}

impl<'de> Reader<'de> {
    fn visit<V: Visitor<'de>>(self, visitor: V, wanted: Wanted) -> Result<V::Value, Misfit> {
        let value = match &self.node.what {
            What::List(items) => visitor.visit_seq(Items { rest: items.iter() }),
            What::Map(pairs) => visitor.visit_map(Pairs { rest: pairs.iter(), open: None }),
            What::Plain(_) if self.node.is_null() => visitor.visit_unit(),
            What::Plain(text) if wanted != Wanted::Text => number(text, visitor),
            // Numbers in quotes are text on purpose.
            What::Quoted(_) if wanted == Wanted::Number => {
                Err(de::Error::invalid_type(Unexpected::Bytes(&[]), &visitor))
            }
            What::Plain(text) | What::Quoted(text) => visitor.visit_borrowed_str(text),
        };
        value.map_err(|misfit: Misfit| misfit.at(self.node.at))
    }
}

/// A plain text as the number it is, or as text.
fn number<'de, V: Visitor<'de>>(text: &'de str, visitor: V) -> Result<V::Value, Misfit> {
    let digits = text.replace('_', "");
    if let Ok(number) = digits.parse::<u64>() {
        visitor.visit_u64(number)
    } else if let Ok(number) = digits.parse::<i64>() {
        visitor.visit_i64(number)
    } else if digits.bytes().all(|b| b.is_ascii_digit()) {
        Err(de::Error::invalid_value(Unexpected::Unsigned(u64::MAX), &visitor))
    } else if digits.bytes().all(|b| b.is_ascii_digit() || b".+-eE".contains(&b))
        && let Ok(number) = digits.parse::<f64>()
    {
        visitor.visit_f64(number)
    } else {
        visitor.visit_borrowed_str(text)
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit(visitor, Wanted::Anything)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit(visitor, Wanted::Text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit(visitor, Wanted::Text)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit(visitor, Wanted::Number)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.visit(visitor, Wanted::Number)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        // What YAML takes for nothing is a word where that word is wanted.
        let nothing = |word: &str| word == "null" && variants.contains(&"null");
        let chosen = match &self.node.what {
            What::Plain(word) | What::Quoted(word) if nothing(word) || !self.node.is_null() => {
                visitor.visit_enum(Word(word))
            }
            What::Plain(_) | What::Quoted(_) | What::List(_) | What::Map(_) => {
                self.visit(visitor, Wanted::Text)
            }
        };
        chosen.map_err(|misfit| misfit.at(self.node.at))
    }

    /// `serde` would take a list for the fields in order; a file must name them.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.node.what {
            What::List(_) => {
                let misfit: Misfit = de::Error::invalid_type(Unexpected::Seq, &visitor);
                Err(misfit.at(self.node.at))
            }
            What::Map(_) | What::Plain(_) | What::Quoted(_) => {
                self.visit(visitor, Wanted::Anything)
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'de> {
    rest: std::slice::Iter<'de, Node>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let Some(node) = self.rest.next() else { return Ok(None) };
        seed.deserialize(Reader { node }).map(Some).map_err(|misfit| misfit.at(node.at))
    }
}

struct Pairs<'de> {
    rest: std::slice::Iter<'de, (Key, Node)>,
    open: Option<&'de (Key, Node)>,
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Misfit;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let Some(pair) = self.rest.next() else { return Ok(None) };
        self.open = Some(pair);
        let key: StrDeserializer<'_, Misfit> = pair.0.name.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|misfit| misfit.at(pair.0.at))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let (key, node) = self.open.take().expect("serde asks for a key before its value");
        let value = seed.deserialize(Reader { node });
        // What is missing inside of a value, or there in place of it, is marked at its key.
        let shown = if node.is_null() { key.at } else { node.at };
        value.map_err(|misfit| {
            let at = match misfit.at {
                Some(inside) if inside != node.at => inside,
                _ if matches!(misfit.problem, Problem::Missing(_)) => key.at,
                _ => shown,
            };
            Misfit { at: Some(at), ..misfit }
        })
    }
}

/// A word out of a fixed few.
struct Word<'de>(&'de str);

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Misfit> {
        let word: StrDeserializer<'_, Misfit> = self.0.into_deserializer();
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _seed: S) -> Result<S::Value, Misfit> {
        Err(de::Error::invalid_type(Unexpected::Str(self.0), &"a map"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        Err(de::Error::invalid_type(Unexpected::Str(self.0), &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        Err(de::Error::invalid_type(Unexpected::Str(self.0), &visitor))
    }
}
