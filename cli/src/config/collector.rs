//! Where traces are collected, and how that is reached.

use std::borrow::Cow;
use std::fmt;

use ::tls::Encryption;
use protocol::fault::Code;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::error::Complaint;
use super::fleet::InFile;
use super::resolve::{Checked, Places, wrong};
use super::tls::{self, Tls};
use super::{redact, url};

/// A collector as it is written: its URL, or a map with it.
#[derive(Debug)]
pub(super) struct Written {
    url: String,
    tls: Option<Tls>,
    /// Whether it is a map: what is wrong with it then stands at a key.
    is_map: bool,
}

/// A collector with what is said of its encryption.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Traces")]
struct Map {
    /// Where the collector is: `https://host:4318`.
    #[schemars(regex(pattern = "^https?://.+"))]
    url: String,
    /// Whom we believe, and who we say we are, where the URL begins with `https`. Default: those of
    /// the system.
    tls: Option<Tls>,
}

/// Where traces are collected. Prints without what is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Collector {
    /// The URL, without the path of traces.
    pub url: String,
    /// Whom we believe there, where the URL begins with `https`.
    pub tls: Encryption,
}

/// Checks what is written of it.
pub(super) fn resolve(
    written: Written,
    places: Places<'_>,
    in_file: InFile<'_>,
) -> Checked<Collector> {
    let path = ["fleet", "traces"];
    let at = places.value(if written.is_map { &["fleet", "traces", "url"] } else { &path });
    if url::holds_password(&written.url) && in_file(at) {
        return Err(Box::new(url::password_in_file(at)));
    }
    let scheme = written.url.split("://").next().unwrap_or_default();
    if !["http", "https"].contains(&scheme) || url::host(&written.url).is_empty() {
        return Err(Box::new(
            Complaint::new(
                Code::UrlMalformed,
                at,
                "this is not the URL of a collector".to_string(),
            )
            .help("Write, for example, `http://127.0.0.1:4318`; `/v1/traces` is added to it."),
        ));
    }
    if let Some(tls) = &written.tls {
        tls::check(&written.url, tls, places, &path)?;
    }
    let tls = match written.tls {
        Some(Tls::On(_)) if scheme == "http" => {
            return Err(Box::new(
                wrong(
                    places.key(&["fleet", "traces", "tls"]),
                    "the URL says that nothing is encrypted",
                )
                .help("Begin the URL with `https://`, or remove the line."),
            ));
        }
        Some(Tls::On(encryption)) => encryption,
        Some(Tls::Off) | None => Encryption::default(),
    };
    Ok(Collector { url: written.url, tls })
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = redact(&self.url);
        f.debug_struct("Collector").field("url", &url).field("tls", &self.tls).finish()
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL or a map of keys and values")
            }

            fn visit_str<E: Error>(self, url: &str) -> Result<Written, E> {
                Ok(Written { url: url.into(), tls: None, is_map: false })
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Written, A::Error> {
                let Map { url, tls } = Map::deserialize(MapAccessDeserializer::new(access))?;
                Ok(Written { url, tls, is_map: true })
            }
        }

        deserializer.deserialize_str(Either)
    }
}

impl JsonSchema for Written {
    fn schema_name() -> Cow<'static, str> {
        "Collector".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let map = generator.subschema_for::<Map>();
        json_schema!({
            "anyOf": [
                { "type": "string", "pattern": "^https?://.+", "description": "Where the collector is." },
                map,
            ],
        })
    }
}
