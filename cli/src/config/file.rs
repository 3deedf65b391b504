//! The migration file as it is written: keys, types and defaults.
//!
//! The comments here are what an editor shows beside each key: they are the descriptions of the
//! schema that `longhaul schema` prints.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use protocol::mapping;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::fleet;
use super::foreign::{ForeignKey, ForeignKeys, Indexes};
use super::secret::SecretRef;
use super::size::Size;
use super::tls::Tls;
use super::unfit::{self, OnUnfit};

/// A migration: which entities move, from where to where, and how.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Longhaul migration")]
pub(super) struct File {
    /// What the migration is called in plans, reports and events. Default: the name of the file
    /// without its ending.
    pub(super) name: Option<String>,
    /// The places that can be read and written, by name. Plans, reports and receipts carry only
    /// the names.
    pub(super) environments: BTreeMap<String, Environment>,
    /// The environment meant where none is named. With it, `to` may be left out.
    pub(super) default: Option<String>,
    /// The environment that is read. A file without it describes no migration, but what a
    /// coordinator or worker must know.
    pub(super) from: Option<String>,
    /// The environment that is written. Default: the one named by `default`.
    pub(super) to: Option<String>,
    /// Which entities move: `all`, or a list of patterns and of maps for those that need more
    /// than a pattern. Default: `all`.
    #[serde(default)]
    pub(super) entities: Entities,
    /// How rows are written, where an entity does not say otherwise. Default: `create`.
    #[serde(default)]
    pub(super) mode: Mode,
    /// What becomes of foreign keys, where an entity does not say otherwise. Default: `keep`.
    pub(super) foreign_keys: Option<ForeignKey>,
    /// How reads relate to those who write to the source meanwhile. Default: `snapshot`.
    #[serde(default)]
    pub(super) consistency: Consistency,
    /// What a resumed run does when its snapshot is gone and the source has changed since.
    /// Default: `stop`.
    #[serde(default)]
    pub(super) on_snapshot_lost: OnSnapshotLost,
    /// What moves beside tables, between databases of one engine: `views`, `routines`, `triggers`,
    /// `policies`, `rules`, `grants`. Default: into new tables of PostgreSQL from PostgreSQL all but
    /// `grants`; otherwise nothing. What does not move is named in the plan.
    pub(super) include: Option<Vec<Include>>,
    /// How much of everything.
    #[serde(default)]
    pub(super) limits: Limits,
    /// How often something is tried.
    #[serde(default)]
    pub(super) retry: Retry,
    /// The servers around which coordinators and workers meet.
    pub(super) fleet: Option<fleet::Written>,
}

/// A place that can be read and written.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Environment {
    /// `postgres://user@host:5432/database`, `mysql://user@host:3306/database` (also `mariadb://`) or
    /// `sqlite:path/to/file.db`. The password does not
    /// belong here. A relative path starts at the working directory.
    #[schemars(regex(pattern = "^(postgres|postgresql|mysql|mariadb|sqlite):.+"))]
    pub(super) url: String,
    /// Where the password is: `env:NAME` or `file:/path`. Read when the connection is opened.
    pub(super) password: Option<SecretRef>,
    /// How the connection is encrypted. Only for servers. Default: on beyond this machine.
    pub(super) tls: Option<Tls>,
    /// Connections to it that may be open at once, over all runs and workers of a fleet. Default:
    /// no limit.
    #[schemars(range(min = 1))]
    pub(super) max_connections: Option<u32>,
    /// Rows per second, over all runs and workers of a fleet. Default: no limit.
    #[schemars(range(min = 1))]
    pub(super) rows_per_second: Option<u64>,
    /// Megabytes (10⁶ bytes) per second, over all runs and workers of a fleet. Default: no limit.
    #[schemars(range(min = 1))]
    pub(super) megabytes_per_second: Option<u64>,
}

/// Which entities move.
#[derive(Debug, Default)]
pub(super) enum Entities {
    /// Every table.
    #[default]
    All,
    /// Those that these items name.
    Some(Vec<Item>),
}

/// One item of the list of entities.
#[derive(Debug)]
pub(super) enum Item {
    /// What matches moves as it is.
    Pattern(String),
    /// More than a pattern.
    Rule(Box<Rule>),
}

/// One entity, or all that match a pattern, and what is special about them. A name without
/// wildcards beats a pattern, `exclude` beats `entity`, a longer pattern beats a shorter one.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// What it is about: `orders`, `sales.orders`, `sales.*`.
    pub(super) entity: Option<String>,
    /// What does not move: a name or pattern. Stands alone in its item.
    pub(super) exclude: Option<String>,
    /// The name of the target entity, perhaps with its schema. Not for patterns.
    pub(super) to: Option<String>,
    /// How rows are written. Default: the `mode` of the migration.
    pub(super) mode: Option<Mode>,
    /// In modes upsert and update: the target columns of a unique constraint that say which row is meant.
    /// Default: the primary key. Not for patterns.
    pub(super) conflict: Option<Vec<String>>,
    /// A condition in the source's own SQL; only rows that meet it move.
    #[serde(rename = "where")]
    pub(super) filter: Option<String>,
    /// At most so many rows, in key order.
    #[schemars(range(min = 1))]
    pub(super) top: Option<u64>,
    /// Source column → target column. Columns not named keep their names. Not for patterns.
    pub(super) rename: Option<BTreeMap<String, String>>,
    /// Source columns that do not move.
    pub(super) exclude_columns: Option<Vec<String>>,
    /// Rows that one chunk aims at. Default: as many as fit `limits.chunk_bytes`.
    #[schemars(range(min = 1))]
    pub(super) chunk_rows: Option<u64>,
    /// What becomes of values that their column cannot hold. Default: `reject`.
    #[serde(default, deserialize_with = "unfit::given")]
    pub(super) on_unfit: Option<OnUnfit>,
    /// The same for single columns of the source, or for a reason such as `too_long`. A column
    /// beats a reason, and both beat `on_unfit`.
    pub(super) policies: Option<BTreeMap<String, OnUnfit>>,
    /// An SQL expression over the row: rows for which it is not true are left out, and counted.
    pub(super) when: Option<String>,
    /// SQL expressions over the row, by name: rows for which one is false are rejected.
    pub(super) check: Option<BTreeMap<String, String>>,
    /// Target column → SQL expression over the source's row that its values are computed by.
    pub(super) compute: Option<BTreeMap<String, String>>,
    /// Rows that may be rejected before the entity stops. Default: `limits.rejects`.
    pub(super) rejects: Option<u64>,
    /// Whether triggers that the target entity has fire. Default: `on`.
    pub(super) triggers: Option<Triggers>,
    /// What becomes of its foreign keys: `keep`, `not_valid` or `skip`; or a map of the name of a
    /// foreign key, or of its columns, to one of these. Default: the `foreign_keys` of the migration.
    pub(super) foreign_keys: Option<ForeignKeys>,
    /// What is special about its indexes and keys.
    pub(super) indexes: Option<Indexes>,
}

/// Whether triggers that a target entity has fire for the rows that are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Triggers {
    /// They fire.
    #[default]
    On,
    /// They do not. Only PostgreSQL can.
    Off,
}

/// To editors that read YAML 1.1, `on` and `off` are truth values.
impl JsonSchema for Triggers {
    fn schema_name() -> Cow<'static, str> {
        "Triggers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whether triggers fire for the rows that are written; off: only PostgreSQL can.",
            "enum": ["on", "off", true, false],
        })
    }
}

/// How rows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// The rows must not exist yet: the target entity is new or empty.
    #[default]
    Create,
    /// A row that exists is overwritten, one that does not is inserted.
    Upsert,
    /// A row that exists is overwritten, one that does not is rejected.
    Update,
    /// The target entity is emptied first. Rows that are there are lost.
    Replace,
    /// Rows come to those that are there, and must not exist yet.
    Append,
}

/// How reads relate to those who write to the source meanwhile.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Consistency {
    /// Every chunk sees the source as it stood at one moment.
    #[default]
    Snapshot,
    /// You promise that nobody writes; change counters test the promise.
    Quiesced,
    /// Each chunk sees the source as it stands when it is read.
    Drifting,
}

/// What a resumed run does when its snapshot is gone and the source has changed since.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnSnapshotLost {
    /// Stop and say so.
    #[default]
    Stop,
    /// Go on, and call the run drifting in the report.
    Drift,
}

/// What can move beside tables.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Include {
    /// Views, and materialized views, which are filled once the rows are there.
    Views,
    /// Functions, procedures, aggregates, operators, casts, text search configurations.
    Routines,
    /// Triggers. They are made once the rows are there.
    Triggers,
    /// Policies of row security, and whether it is in force.
    Policies,
    /// Rules that rewrite statements.
    Rules,
    /// Rights, for roles that the target has.
    Grants,
}

/// How much of everything.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// Chunks in flight at once. Default: 2.
    #[schemars(range(min = 1, max = 256))]
    pub(super) slots: Option<u32>,
    /// Rows per second over all slots. Default: as fast as the servers can.
    #[schemars(range(min = 1))]
    pub(super) rows_per_second: Option<u64>,
    /// Megabytes (10⁶ bytes) per second over all slots. Default: as fast as the servers can.
    #[schemars(range(min = 1))]
    pub(super) megabytes_per_second: Option<u64>,
    /// Rows held in memory over all slots. Default: 64MiB; at least 1MiB.
    pub(super) memory: Option<Size>,
    /// What one chunk aims at. Default: 16MiB; at least 1KiB.
    pub(super) chunk_bytes: Option<Size>,
    /// Rows per entity that may be rejected before the entity stops. Default: 0, so that a run
    /// that would lose a row stops and says so.
    pub(super) rejects: Option<u64>,
}

/// How often something is tried.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    /// Tries per chunk before it is parked for a person to look at. Default: 5.
    #[schemars(range(min = 1, max = 100))]
    pub(super) attempts: Option<u32>,
}

// `Entities` and `Item` are "one or the other". Serde's untagged enums would say "matched no
// variant" without a place, so they are read by visitors, and described to schemars by hand.

impl<'de> Deserialize<'de> for Entities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Entities;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`all` or a list")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Entities, E> {
                match word {
                    "all" => Ok(Entities::All),
                    other => Err(E::custom(format!(
                        "`{other}` is not `all`\nFor one entity write a list of one: `[\"{other}\"]`."
                    ))),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Entities, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(access)).map(Entities::Some)
            }
        }

        deserializer.deserialize_str(Either)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pattern or a map of keys and values")
            }

            fn visit_str<E: de::Error>(self, pattern: &str) -> Result<Item, E> {
                Ok(Item::Pattern(pattern.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Item, A::Error> {
                let rule = Rule::deserialize(MapAccessDeserializer::new(access))?;
                Ok(Item::Rule(Box::new(rule)))
            }
        }

        deserializer.deserialize_str(Either)
    }
}

impl JsonSchema for Entities {
    fn schema_name() -> Cow<'static, str> {
        "Entities".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<Item>();
        json_schema!({
            "anyOf": [
                { "const": "all", "description": "Every table." },
                { "type": "array", "items": item },
            ],
        })
    }
}

impl JsonSchema for Item {
    fn schema_name() -> Cow<'static, str> {
        "Item".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rule = generator.subschema_for::<Rule>();
        json_schema!({
            "anyOf": [
                {
                    "type": "string",
                    "description": "A name or pattern, in quotes if it begins with `*`: what \
                        matches moves as it is.",
                },
                rule,
            ],
        })
    }
}

impl From<Mode> for mapping::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Create => Self::Create,
            Mode::Upsert => Self::Upsert,
            Mode::Update => Self::Update,
            Mode::Replace => Self::Replace,
            Mode::Append => Self::Append,
        }
    }
}

impl From<Consistency> for mapping::Consistency {
    fn from(consistency: Consistency) -> Self {
        match consistency {
            Consistency::Snapshot => Self::Snapshot,
            Consistency::Quiesced => Self::Quiesced,
            Consistency::Drifting => Self::Drifting,
        }
    }
}

impl From<OnSnapshotLost> for mapping::OnSnapshotLost {
    fn from(choice: OnSnapshotLost) -> Self {
        match choice {
            OnSnapshotLost::Stop => Self::Stop,
            OnSnapshotLost::Drift => Self::Drift,
        }
    }
}

impl From<Include> for mapping::Include {
    fn from(include: Include) -> Self {
        match include {
            Include::Views => Self::Views,
            Include::Routines => Self::Routines,
            Include::Triggers => Self::Triggers,
            Include::Policies => Self::Policies,
            Include::Rules => Self::Rules,
            Include::Grants => Self::Grants,
        }
    }
}

impl From<Triggers> for mapping::Triggers {
    fn from(triggers: Triggers) -> Self {
        match triggers {
            Triggers::On => Self::On,
            Triggers::Off => Self::Off,
        }
    }
}
