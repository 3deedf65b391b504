//! What a fleet's broker is told once, at the door: read, checked, and never printed.

use std::sync::Arc;
use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri};
use protocol::fault::{Code, Fault};
use protocol::wire::Keys;
use rustls::ClientConfig;
use tls::{Encryption, Verify};

use super::dial::Silent;
use super::topology::Names;

/// Between two heartbeats. Half of it passes in silence before one is sent; two without any, and
/// the connection counts as lost.
const HEARTBEAT_SECONDS: u16 = 20;

/// How to reach a fleet's broker. It holds secrets, so it cannot be printed.
#[derive(Clone)]
pub struct Options {
    /// `amqp://user@host:5672/vhost`, or `amqps://` for TLS.
    pub url: String,
    /// The password, if it does not stand in the URL.
    pub password: Option<String>,
    /// TLS, and how the server is believed. Without it, `amqps://` means the usual TLS, and
    /// `amqp://` none.
    pub tls: Option<Encryption>,
    /// Which fleet: coordinators and workers that share queues.
    pub fleet: String,
    /// The generation of the fleet's queues. Raise it, everywhere, to leave broken queues behind.
    pub generation: u32,
    /// How many deliveries this process holds at most, in hands or nearly: its slots.
    pub slots: u16,
    /// Which kind of queue is declared, if there is none yet.
    pub queue: QueueKind,
    /// The keys under the messages.
    pub keys: Keys,
    /// How long the broker may take to confirm a task, connecting included.
    pub confirm_timeout: Duration,
    /// How the connections are called in the broker's own tools.
    pub name: String,
}

impl Options {
    /// The usual, for a fleet of this name behind this URL: one slot, no keys.
    pub fn new(url: impl Into<String>, fleet: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
            tls: None,
            fleet: fleet.into(),
            generation: 1,
            slots: 1,
            queue: QueueKind::Auto,
            keys: Keys::none(),
            confirm_timeout: Duration::from_secs(10),
            name: "longhaul".into(),
        }
    }
}

/// The largest frame, in bytes: what RabbitMQ itself proposes.
const FRAME_MAX: u32 = 128 << 10;

/// Which kind of queue is declared. A queue that is already there is taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueKind {
    /// Classic. A client cannot ask over AMQP how many nodes there are, and on one node a quorum
    /// queue is the worse choice: one that was declared just before a crash may stay broken.
    #[default]
    Auto,
    /// On one node, with priorities.
    Classic,
    /// Copied to several nodes of a cluster. Priorities are not told to the broker.
    Quorum,
}

/// Options that were found to fit together.
pub(super) struct Settled {
    pub(super) uri: AMQPUri,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// How far the server is examined, where there is TLS.
    pub(super) verify: Verify,
    /// Host and port, for people. No user, no password.
    pub(super) place: String,
    /// Which of the host's addresses were silent.
    pub(super) silent: Silent,
    pub(super) names: Names,
    pub(super) slots: u16,
    pub(super) queue: QueueKind,
    pub(super) keys: Keys,
    pub(super) confirm_timeout: Duration,
    pub(super) name: String,
}

impl Settled {
    /// # Errors
    /// `Code::UrlMalformed`, `Code::ConfigMalformed` or `Code::ConfigUnreadable`; none repeats
    /// the URL.
    pub(super) fn new(options: Options) -> Result<Self, Fault> {
        let uri = address(&options)?;
        let place = format!("{}:{}", uri.authority.host, uri.authority.port);
        let verify = options.tls.as_ref().map(|tls| tls.verify).unwrap_or_default();
        let tls = match uri.scheme {
            AMQPScheme::AMQPS => Some(Arc::new(options.tls.unwrap_or_default().client()?)),
            AMQPScheme::AMQP => None,
        };
        if options.slots == 0 {
            // To a broker, a prefetch of zero means: everything you have.
            let said = "slots must be at least 1";
            return Err(Fault::new(Code::ConfigMalformed, "the broker").saying(said));
        }
        Ok(Self {
            names: Names::new(&options.fleet, options.generation)?,
            uri,
            tls,
            verify,
            place,
            silent: Silent::default(),
            slots: options.slots,
            queue: options.queue,
            keys: options.keys,
            confirm_timeout: options.confirm_timeout,
            name: options.name,
        })
    }

    /// What a fault of this broker calls it.
    pub(super) fn broker(&self) -> String {
        format!("the broker at {}", self.place)
    }
}

/// The URL, read. The driver's own error text may quote it, so it is not kept.
fn address(options: &Options) -> Result<AMQPUri, Fault> {
    let url = options.url.as_str();
    let malformed = || {
        Fault::new(Code::UrlMalformed, "the broker's URL")
            .next("Write `amqp://user@host:5672/vhost`, or `amqps://` for TLS; the vhost `/` is written `%2f`.")
    };
    // With the scheme goes the usual port.
    let encrypted = match (&options.tls, url.strip_prefix("amqp://")) {
        (Some(_), Some(rest)) => format!("amqps://{rest}"),
        (Some(_), None) | (None, _) => url.to_owned(),
    };
    let mut uri: AMQPUri = encrypted.parse().map_err(|_| malformed())?;
    // The driver takes an IPv6 host for none, and would go to this machine instead.
    if let Some((_, rest)) = url.split_once("@[").or_else(|| url.split_once("://[")) {
        uri.authority.host = rest.split(']').next().ok_or_else(malformed)?.to_owned();
    }
    if uri.authority.host.is_empty() {
        return Err(malformed());
    }
    // It takes `amqp://host/` for the vhost without a name, which nobody has.
    if uri.vhost.is_empty() {
        uri.vhost = "/".into();
    }
    if let Some(password) = &options.password {
        uri.authority.userinfo.password.clone_from(password);
    }
    uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
    // Without it the driver takes what the server says, and sets aside 64 times as much.
    let frame_max = uri.query.frame_max.filter(|asked| (1..=FRAME_MAX).contains(asked));
    uri.query.frame_max = Some(frame_max.unwrap_or(FRAME_MAX));
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(options: Options) -> Result<Settled, Fault> {
        Settled::new(options)
    }

    #[test]
    fn an_address_is_named_without_user_and_password() {
        for (url, place) in [
            ("amqp://guest:hunter2@rabbit.example/%2f", "rabbit.example:5672"),
            ("amqp://guest:hunter2@[::1]:5673/x", "::1:5673"),
            ("amqps://10.0.0.7", "10.0.0.7:5671"),
            ("amqp://host", "host:5672"),
        ] {
            let settled = settled(Options::new(url, "f")).unwrap();
            assert_eq!(settled.place, place);
        }
    }

    #[test]
    fn tls_is_what_the_options_or_the_url_say() {
        let with = |url, tls| settled(Options { tls, ..Options::new(url, "f") }).unwrap();
        let any = || Some(Encryption { verify: Verify::None, ..Encryption::default() });
        for (url, tls, port) in [
            ("amqp://h", None, 5672),
            ("amqp://h", any(), 5671),
            ("amqps://h", any(), 5671),
            ("amqp://h:7000", any(), 7000),
        ] {
            let encrypted = tls.is_some();
            let settled = with(url, tls);
            assert_eq!(settled.uri.authority.port, port, "{url}");
            assert_eq!(settled.tls.is_some(), encrypted, "{url}");
        }
    }

    #[test]
    fn the_vhost_is_the_usual_one_unless_it_is_named() {
        for (url, vhost) in
            [("amqp://h", "/"), ("amqp://h/", "/"), ("amqp://h/%2f", "/"), ("amqp://h/a", "a")]
        {
            assert_eq!(settled(Options::new(url, "f")).unwrap().uri.vhost, vhost, "{url}");
        }
    }

    #[test]
    fn a_password_given_apart_counts() {
        let options =
            Options { password: Some("p@ss/word".into()), ..Options::new("amqp://u@h", "f") };
        assert_eq!(settled(options).unwrap().uri.authority.userinfo.password, "p@ss/word");
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_quoted() {
        let good = || Options::new("amqp://u:hunter2@h", "f");
        let mut ca = good();
        ca.url = "amqps://u:hunter2@h".into();
        ca.tls = Some(Encryption { ca: Some("/nowhere/ca.pem".into()), ..Encryption::default() });
        let mut half = good();
        half.url.clone_from(&ca.url);
        let cert = Some("/nowhere/app.pem".into());
        half.tls = Some(Encryption { cert, verify: Verify::None, ..Encryption::default() });
        let wrong = [
            (Options { url: "u:hunter2@h".into(), ..good() }, Code::UrlMalformed),
            (Options { url: "http://u:hunter2@h".into(), ..good() }, Code::UrlMalformed),
            (Options { url: "amqp://u:hunter2@h:port".into(), ..good() }, Code::UrlMalformed),
            (Options { fleet: "a.b".into(), ..good() }, Code::ConfigMalformed),
            (Options { fleet: String::new(), ..good() }, Code::ConfigMalformed),
            (Options { slots: 0, ..good() }, Code::ConfigMalformed),
            (ca, Code::ConfigUnreadable),
            (half, Code::ConfigMalformed),
        ];
        for (options, code) in wrong {
            let fault = settled(options).err().expect("it does not fit");
            assert_eq!(fault.code(), code);
            let printed = format!("{fault} {fault:?}");
            assert!(!printed.contains("hunter2"), "{printed}");
        }
    }
}
