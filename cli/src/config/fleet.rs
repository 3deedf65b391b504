//! The fleet: the servers around which coordinators and workers meet, and how they know that a
//! message is from one of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use ::tls::Encryption;
use protocol::fault::{Code, Fault};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use super::collector::{self, Collector};
use super::resolve::{Checked, Places, wrong};
use super::secret::SecretRef;
use super::tls::{self, Tls};
use super::{Variables, redact, url};

/// What a fleet is called that was given no name.
const NAME_DEFAULT: &str = "longhaul";

/// Bytes that the name of a fleet may have: it is part of the names of queues and keys.
const NAME_BYTES_MAX: usize = 40;

/// Bytes that a signing key must have. Whoever guesses it can ring our workers.
const KEY_BYTES_MIN: usize = 16;

/// The way out where a URL names several hosts.
const SEVERAL_HOSTS: &str =
    "Name one: a load balancer before them, or a name that leads to the addresses of all of them.";

/// The servers around which coordinators and workers meet.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fleet")]
pub(super) struct Written {
    /// What the fleet is called: part of the names of queues and keys, so that several fleets can
    /// share servers. Default: `longhaul`.
    name: Option<String>,
    /// Where ready tasks wait: RabbitMQ.
    broker: Broker,
    /// Who does what, how far runs are, and what is published about them: Redis.
    ledger: Ledger,
    /// Keys that messages are signed with.
    keys: KeyRefs,
    /// Part of the names of queues. Raise it to leave all queues behind and begin with new ones.
    /// Default: 1.
    #[schemars(range(min = 1))]
    generation: Option<u32>,
    /// Address and port where a coordinator or worker shows health and metrics, such as
    /// `127.0.0.1:9464`. Default: none.
    admin: Option<String>,
    /// Where traces are collected: an OpenTelemetry collector that takes OTLP over HTTP, such as
    /// `http://127.0.0.1:4318`; or a map with its `url` and `tls`. Default: nowhere.
    traces: Option<collector::Written>,
}

/// Where ready tasks wait.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Broker {
    /// `amqp://user@host:5672/vhost`. The password does not belong here.
    #[schemars(regex(pattern = "^amqps?://.+"))]
    url: String,
    /// Where the password is: `env:NAME` or `file:/path`.
    password: Option<SecretRef>,
    /// How the connection is encrypted. Default: on beyond this machine.
    tls: Option<Tls>,
    /// Which kind of queues is made where there are none yet. Default: `auto`, which is `classic`.
    queue: Option<Queue>,
}

/// Kinds of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// The one for a single node: how many there are cannot be asked.
    #[default]
    Auto,
    /// For a single node. Knows priorities.
    Classic,
    /// For a cluster: copied to several nodes, and goes on without one of them. The broker itself is
    /// not told priorities.
    Quorum,
}

/// Who does what, and how far runs are.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ledger {
    /// `redis://user@host:6379/0`. The password does not belong here.
    #[schemars(regex(pattern = "^rediss?://.+"))]
    url: String,
    /// Where the password is: `env:NAME` or `file:/path`.
    password: Option<SecretRef>,
    /// How the connection is encrypted. Default: on beyond this machine.
    tls: Option<Tls>,
}

/// Signing keys, by reference.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyRefs {
    current: String,
    keys: BTreeMap<String, SecretRef>,
}

/// A fleet, with its secrets still where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// Its name.
    pub name: String,
    /// Where ready tasks wait.
    pub broker: Server,
    /// Which kind of queues is made there.
    pub queue: Queue,
    /// Who does what, and how far runs are.
    pub ledger: Server,
    /// Which generation of queues is meant.
    pub generation: u32,
    /// Where health and metrics are shown.
    pub admin: Option<SocketAddr>,
    /// Where traces are collected.
    pub traces: Option<Collector>,
    keys: KeyRefs,
}

/// A server of the fleet, with its secrets still where they are. Prints without what is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// The URL as written.
    pub url: String,
    /// Where the password is.
    pub password: Option<SecretRef>,
    /// What is said of its encryption.
    pub tls: Option<Tls>,
}

/// How to reach a server of the fleet. Prints without what is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// The URL. Its scheme says the same as `tls`: `amqps`, `rediss`, or without the `s`.
    pub url: String,
    /// The password, when it is not part of the URL.
    pub password: Option<String>,
    /// How the connection is encrypted; `None`: it is not.
    pub tls: Option<Encryption>,
}

/// Signing keys, by their ids. Does not print them.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// The id of the one that new messages are signed with; always among `keys`.
    pub current: String,
    /// All that are accepted.
    pub keys: BTreeMap<String, String>,
}

impl Fleet {
    /// How to reach the broker.
    ///
    /// # Errors
    /// `Code::SecretMissing`, see [`SecretRef::resolve`].
    pub fn broker_address(&self, variables: Variables<'_>) -> Result<ServerAddress, Fault> {
        self.broker.address(variables)
    }

    /// How to reach the ledger.
    ///
    /// # Errors
    /// `Code::SecretMissing`, see [`SecretRef::resolve`].
    pub fn ledger_address(&self, variables: Variables<'_>) -> Result<ServerAddress, Fault> {
        self.ledger.address(variables)
    }

    /// Fetches the signing keys.
    ///
    /// # Errors
    /// `Code::SecretMissing` where one cannot be found, or is shorter than 16 bytes.
    pub fn keys(&self, variables: Variables<'_>) -> Result<Keys, Fault> {
        let fetch = |(id, place): (&String, &SecretRef)| {
            let key = place.resolve(variables)?;
            if key.len() < KEY_BYTES_MIN {
                return Err(Fault::new(Code::SecretMissing, place.to_string())
                    .saying(format!("a signing key has at least {KEY_BYTES_MIN} bytes"))
                    .next("Make one: openssl rand -hex 32"));
            }
            Ok((id.clone(), key))
        };
        let keys = self.keys.keys.iter().map(fetch).collect::<Result<_, _>>()?;
        Ok(Keys { current: self.keys.current.clone(), keys })
    }
}

impl Server {
    fn address(&self, variables: Variables<'_>) -> Result<ServerAddress, Fault> {
        let password = self.password.as_ref().map(|secret| secret.resolve(variables));
        let tls = tls::effective(&self.url, self.tls.as_ref());
        let url = match self.url.split_once("://") {
            Some((scheme, rest)) if tls.is_some() && !url::is_encrypted(&self.url) => {
                format!("{scheme}s://{rest}")
            }
            Some(_) | None => self.url.clone(),
        };
        Ok(ServerAddress { url, password: password.transpose()?, tls })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &redact(&self.url))
            .field("password", &self.password)
            .field("tls", &self.tls)
            .finish()
    }
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = redact(&self.url);
        f.debug_struct("ServerAddress").field("url", &url).field("tls", &self.tls).finish()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.keys().collect();
        f.debug_struct("Keys").field("current", &self.current).field("ids", &ids).finish()
    }
}

/// Checks the section and fills in what it leaves out.
pub(super) fn resolve(written: Written, places: Places<'_>, in_file: InFile<'_>) -> Checked<Fleet> {
    let value = |key: &str| places.value(&["fleet", key]);
    let name = written.name.unwrap_or_else(|| NAME_DEFAULT.into());
    if !url::is_name(&name) || name.len() > NAME_BYTES_MAX {
        return Err(Box::new(
            wrong(value("name"), "this name does not fit a fleet")
                .help("Begin with a letter; then letters, digits, `-` and `_`, at most 40."),
        ));
    }
    if written.generation == Some(0) {
        return Err(Box::new(wrong(value("generation"), "`generation` must be at least 1")));
    }
    let admin = written.admin.as_deref().map(|text| {
        text.parse().map_err(|_| {
            Box::new(
                wrong(value("admin"), "this is not an address with a port")
                    .help("Write, for example, `127.0.0.1:9464`, or `0.0.0.0:9464` for all."),
            )
        })
    });
    let Broker { url, password, tls, queue } = written.broker;
    let broker = Server { url, password, tls };
    server("broker", &broker, ["amqp", "amqps"], places, in_file)?;
    let Ledger { url, password, tls } = written.ledger;
    let ledger = Server { url, password, tls };
    server("ledger", &ledger, ["redis", "rediss"], places, in_file)?;
    keys(&written.keys, places)?;
    let traces = written.traces.map(|traces| collector::resolve(traces, places, in_file));
    Ok(Fleet {
        name,
        broker,
        queue: queue.unwrap_or_default(),
        ledger,
        generation: written.generation.unwrap_or(1),
        admin: admin.transpose()?,
        traces: traces.transpose()?,
        keys: written.keys,
    })
}

/// Whether what stands at a place was written in the file.
pub(super) type InFile<'a> = &'a dyn Fn(super::node::Place) -> bool;

fn server(
    which: &str,
    server: &Server,
    schemes: [&str; 2],
    places: Places<'_>,
    in_file: InFile<'_>,
) -> Checked<()> {
    let path = ["fleet", which];
    let at = places.value(&["fleet", which, "url"]);
    if url::holds_password(&server.url) && in_file(at) {
        return Err(Box::new(url::password_in_file(at)));
    }
    let scheme = server.url.split("://").next().unwrap_or_default();
    let malformed = |text: String| {
        super::error::Complaint::new(Code::UrlMalformed, at, text)
            .help(format!("Write `{}://user@host`, perhaps with a port and a path.", schemes[0]))
    };
    if !schemes.contains(&scheme) {
        return Err(Box::new(malformed(format!("this is not the URL of a {which}"))));
    }
    let host = url::host(&server.url);
    if host.is_empty() {
        return Err(Box::new(malformed("this URL leads nowhere".into()).label("host is missing")));
    }
    if host.contains(',') {
        return Err(Box::new(
            malformed("this URL names several hosts".into())
                .label("more than one")
                .help(SEVERAL_HOSTS),
        ));
    }
    server.tls.as_ref().map_or(Ok(()), |tls| tls::check(&server.url, tls, places, &path))
}

fn keys(keys: &KeyRefs, places: Places<'_>) -> Checked<()> {
    if let Some(id) = keys.keys.keys().find(|id| !url::is_name(id)) {
        return Err(Box::new(
            wrong(places.key(&["fleet", "keys", id]), "this name does not fit a key")
                .help("Begin with a letter; then letters, digits, `-` and `_`."),
        ));
    }
    if !keys.keys.contains_key(&keys.current) {
        let at = places.value(&["fleet", "keys", "current"]);
        return Err(Box::new(
            wrong(at, format!("no key has the name `{}`", keys.current))
                .help("Add it beside `current`, as `env:NAME` or `file:/path`."),
        ));
    }
    Ok(())
}

impl<'de> Deserialize<'de> for KeyRefs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = KeyRefs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of keys and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeyRefs, A::Error> {
                let (mut current, mut keys) = (None, BTreeMap::new());
                while let Some(id) = map.next_key::<String>()? {
                    if id == "current" {
                        current = Some(map.next_value()?);
                    } else {
                        keys.insert(id, map.next_value()?);
                    }
                }
                let current = current.ok_or_else(|| A::Error::missing_field("current"))?;
                Ok(KeyRefs { current, keys })
            }
        }

        deserializer.deserialize_map(Names)
    }
}

impl JsonSchema for KeyRefs {
    fn schema_name() -> Cow<'static, str> {
        "Keys".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let reference = generator.subschema_for::<SecretRef>();
        json_schema!({
            "type": "object",
            "description": "Signing keys by their ids. Messages signed with any of them are \
                accepted, so that a key can be replaced while the fleet works.",
            "properties": {
                "current": {
                    "type": "string",
                    "description": "The id of the key that new messages are signed with.",
                },
            },
            "required": ["current"],
            "additionalProperties": reference,
        })
    }
}
