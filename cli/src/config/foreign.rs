//! What a file says of foreign keys, and of the names of indexes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use protocol::mapping;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// What becomes of a foreign key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ForeignKey {
    /// It is made, and the rows are checked. Where rows of the source break it, it is made without a
    /// look at them, and the plan says how many there are.
    Keep,
    /// It is made without a look at the rows, and binds those that come later.
    NotValid,
    /// It stays behind.
    Skip,
}

/// One for all, or one for each by name.
#[derive(Debug, Clone)]
pub(super) enum ForeignKeys {
    /// For all of the entity.
    All(ForeignKey),
    /// By the name of the foreign key, or by its columns.
    Each(BTreeMap<String, ForeignKey>),
}

/// What is special about indexes and keys.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Indexes {
    /// Name in the source → name in the target, of indexes, keys, foreign keys and checks.
    pub(super) rename: BTreeMap<String, String>,
}

impl From<ForeignKey> for mapping::ForeignKeyRule {
    fn from(written: ForeignKey) -> Self {
        match written {
            ForeignKey::Keep => Self::Keep,
            ForeignKey::NotValid => Self::NotValid,
            ForeignKey::Skip => Self::Skip,
        }
    }
}

impl ForeignKeys {
    /// What holds for all, where it is said, and what for single ones.
    pub(super) fn parts(
        &self,
    ) -> (Option<mapping::ForeignKeyRule>, BTreeMap<String, mapping::ForeignKeyRule>) {
        match self {
            Self::All(one) => (Some((*one).into()), BTreeMap::new()),
            Self::Each(all) => {
                (None, all.iter().map(|(name, one)| (name.clone(), (*one).into())).collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for ForeignKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = ForeignKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`keep`, `not_valid`, `skip`, or a map of names to these")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<ForeignKeys, E> {
                ForeignKey::deserialize(StrDeserializer::new(word)).map(ForeignKeys::All)
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<ForeignKeys, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(access)).map(ForeignKeys::Each)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for ForeignKeys {
    fn schema_name() -> Cow<'static, str> {
        "ForeignKeys".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<ForeignKey>();
        json_schema!({
            "anyOf": [
                one,
                { "type": "object", "additionalProperties": one },
            ],
        })
    }
}
