//! `reject`, `null`, `clamp`, or `{ replace: … }`: what becomes of a value that does not fit.

use std::borrow::Cow;
use std::fmt;

use protocol::mapping::Policy;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, VariantAccess, Visitor,
};

/// The words that stand alone.
const WORDS: &[&str] = &["reject", "null", "clamp"];

/// What becomes of a value that its column cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OnUnfit(Policy);

impl From<OnUnfit> for Policy {
    fn from(written: OnUnfit) -> Self {
        written.0
    }
}

/// Reads one that is there. `null` is a word here, and `Option` would take it for nothing.
pub(super) fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<OnUnfit>, D::Error> {
    OnUnfit::deserialize(from).map(Some)
}

impl<'de> Deserialize<'de> for OnUnfit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("OnUnfit", WORDS, Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = OnUnfit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`reject`, `null`, `clamp` or `{ replace: … }`")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<OnUnfit, A::Error> {
        let (word, variant) = access.variant_seed(Word)?;
        variant.unit_variant()?;
        match word.as_str() {
            "reject" => Ok(OnUnfit(Policy::Reject)),
            "null" => Ok(OnUnfit(Policy::Null)),
            "clamp" => Ok(OnUnfit(Policy::Clamp)),
            "replace" => {
                Err(de::Error::custom("`replace` needs to know with what\nWrite `{ replace: … }`."))
            }
            other => Err(de::Error::unknown_variant(other, WORDS)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<OnUnfit, A::Error> {
        let with = Replace::deserialize(de::value::MapAccessDeserializer::new(access))?;
        Ok(OnUnfit(Policy::Replace(with.replace)))
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    replace: String,
}

/// Any word, to be looked at with the others in mind.
struct Word;

impl<'de> DeserializeSeed<'de> for Word {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        String::deserialize(deserializer)
    }
}

impl JsonSchema for OnUnfit {
    fn schema_name() -> Cow<'static, str> {
        "OnUnfit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What becomes of a value that its column cannot hold. Each time is \
                counted in receipt and report.",
            "anyOf": [
                { "const": "reject", "description": "The row is refused, and kept with its reason." },
                { "type": "null", "description": "NULL stands in its place." },
                { "const": "null", "description": "NULL stands in its place." },
                {
                    "const": "clamp",
                    "description": "The nearest value that the column holds stands in its place; \
                        where there is none, the row is refused.",
                },
                {
                    "type": "object",
                    "description": "This stands in its place.",
                    "properties": { "replace": { "type": ["string", "integer", "number", "boolean"] } },
                    "required": ["replace"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}
