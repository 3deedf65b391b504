//! How connections are encrypted: one shape for databases, the broker and the ledger.
//!
//! # Promises
//! 1. Beyond this machine a connection is encrypted and the server proves who it is, unless the
//!    file says otherwise in as many words; what then travels in the open is warned of.
//! 2. On this machine (127.0.0.0/8, `::1`, `localhost`, a socket file) nothing is encrypted unless
//!    the file says so.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use tls::{Encryption, Verify};

use super::resolve::{Checked, Places, wrong};
use super::url;

/// What a file says of the encryption of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// `off`: nothing is encrypted.
    Off,
    /// A map: all is encrypted.
    On(Encryption),
}

impl Tls {
    /// The parameters of a database's URL that say the same, by the names libpq gave them.
    pub(super) fn parameters(&self) -> Vec<(&'static str, &str)> {
        let Self::On(on) = self else { return vec![("sslmode", "disable")] };
        let mode = match on.verify {
            Verify::Full => "verify-full",
            Verify::Ca => "verify-ca",
            Verify::None => "require",
        };
        let files = [("sslrootcert", &on.ca), ("sslcert", &on.cert), ("sslkey", &on.key)];
        // What was read from a text is one.
        let files = files.map(|(key, path)| (key, path.as_deref().and_then(Path::to_str)));
        let files = files.into_iter().filter_map(|(key, path)| Some((key, path?)));
        std::iter::once(("sslmode", mode)).chain(files).collect()
    }
}

/// The encryption that is meant where a server is at `url` and the file says `written` of it.
pub(super) fn effective(url: &str, written: Option<&Tls>) -> Option<Encryption> {
    match written {
        Some(Tls::Off) => None,
        Some(Tls::On(encryption)) => Some(encryption.clone()),
        None if url::is_local(url) && !url::is_encrypted(url) => None,
        None => Some(Encryption::default()),
    }
}

/// In a few words: `off`, `verify full`.
pub(super) fn in_words(url: &str, written: Option<&Tls>) -> String {
    match url::parameter(url, "sslmode") {
        Some(mode) => format!("sslmode={mode}"),
        None => match effective(url, written) {
            None => "off".into(),
            Some(encryption) => format!("verify {}", encryption.verify.as_str()),
        },
    }
}

/// Whether what is sent to `url` can be read on its way.
pub(super) fn is_exposed(url: &str, written: Option<&Tls>) -> bool {
    let plain = match url::parameter(url, "sslmode") {
        Some(mode) => matches!(mode, "disable" | "allow" | "prefer"),
        None => effective(url, written).is_none(),
    };
    plain && !url::is_local(url)
}

/// Refuses what does not go together. `path` leads to the section that holds `tls`.
pub(super) fn check(url: &str, tls: &Tls, places: Places<'_>, path: &[&str]) -> Checked<()> {
    let key = |key: &str| places.key(&[path, &["tls", key]].concat());
    let whole = places.key(&[path, &["tls"]].concat());
    if url::parameter(url, "sslmode").is_some() {
        return Err(Box::new(
            wrong(whole, "the URL has an `sslmode` of its own")
                .help("Keep one of the two; `tls` is easier to read."),
        ));
    }
    let Tls::On(on) = tls else {
        if url::is_encrypted(url) {
            return Err(Box::new(
                wrong(whole, "the URL says that the connection is encrypted")
                    .help("Remove the line, or the `s` at the end of the URL's scheme."),
            ));
        }
        return Ok(());
    };
    if on.verify == Verify::None && on.ca.is_some() {
        return Err(Box::new(
            wrong(key("ca"), "`ca` means nothing where nobody is verified")
                .help("Remove the line, or use `verify: full`."),
        ));
    }
    if on.cert.is_some() != on.key.is_some() {
        let (here, other) = if on.cert.is_some() { ("cert", "key") } else { ("key", "cert") };
        return Err(Box::new(wrong(key(here), format!("`{here}` needs `{other}` beside it"))));
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Tls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Tls;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`off` or a map of keys and values")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Tls, E> {
                match word {
                    // Older readers of YAML, editors among them, take the first for the second.
                    "off" | "false" => Ok(Tls::Off),
                    _ => Err(E::custom(
                        "`tls` is `off` or a map\n\
                         Write `tls: off`, or for example `tls: { verify: full }`.",
                    )),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Tls, A::Error> {
                Encryption::deserialize(MapAccessDeserializer::new(access)).map(Tls::On)
            }
        }

        deserializer.deserialize_str(Either)
    }
}

impl JsonSchema for Tls {
    fn schema_name() -> Cow<'static, str> {
        "Tls".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let encryption = generator.subschema_for::<Encryption>();
        json_schema!({
            "anyOf": [
                { "enum": ["off", false], "description": "Nothing is encrypted." },
                encryption,
            ],
        })
    }
}
