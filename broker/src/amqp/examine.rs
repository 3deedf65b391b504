//! A look at the broker before work begins. It makes no queue and takes no message.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::tcp::{AsyncTcpStream, RustlsConnector};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Event};
use protocol::fault::Fault;
use protocol::finding::Finding;
use tokio::time::timeout;

use super::link::{CALL, Link};
use tls::Verify;

use super::options::{QueueKind, Settled};
use super::topology::kind_there;

/// The oldest version that was tested.
const VERSION_MIN: (u32, u32) = (3, 8);

/// From here on a queue has a timeout of its own for tasks in hands.
const VERSION_TIMEOUTS: (u32, u32) = (3, 12);

/// What no queue is called.
const NOBODY: &str = "longhaul.nobody";

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    Verified,
    /// To whom, nobody asked.
    Unverified,
    /// Not, but it stays on this machine.
    Local,
    /// Not, and others can read it.
    Exposed,
}

/// What a broker says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    /// As it greets; a broker need not.
    version: Option<String>,
    encryption: Encryption,
    /// Tasks that wait and those who listen; `None` where there is no queue yet.
    work: Option<(u32, u32)>,
    /// What was set aside.
    dead: Option<u32>,
    /// Which kind of queue is asked for.
    asked: QueueKind,
    /// Which kind the queue of tasks is; `None` where there is none, or one that we would not make.
    made: Option<QueueKind>,
    /// Why it takes no messages now.
    alarm: Option<String>,
}

/// Looks at the broker.
///
/// # Errors
/// `Code::Unreachable` or `Code::LoginRefused`, with the reason.
pub(super) async fn examine(settled: &Arc<Settled>) -> Result<Vec<Finding>, Fault> {
    let opened = Link::open(settled, "examining").await;
    let link = opened.map_err(|why| why.fault(settled.broker()))?;
    let work = counts(&link, &settled.names.work).await;
    let dead = counts(&link, &settled.names.dead).await.map(|(messages, _)| messages);
    let version = timeout(CALL, greeting(settled, link.address())).await.ok().flatten();
    // Not where there is none: it would be made.
    let made = match work {
        Some(_) => kind_there(&link, settled).await.ok().flatten(),
        None => None,
    };
    let (encryption, asked, alarm) = (encryption(settled), settled.queue, alarm(&link).await);
    Ok(findings(&Facts { version, encryption, work, dead, asked, made, alarm }))
}

/// Why the broker takes no messages, if it does not. It says so to those who send, so it is sent one
/// that no queue takes; and whoever is not read any more gets no answer.
async fn alarm(link: &Link) -> Option<String> {
    let mut events = Box::pin(link.events());
    let channel = link.channel().await.ok()?;
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let sent = channel.basic_publish("".into(), NOBODY.into(), options, &[], properties);
    timeout(CALL, sent).await.ok()?.ok()?;
    let blocked = async {
        loop {
            match events.next().await {
                Some(Event::ConnectionBlocked(reason)) => return Some(reason),
                Some(_) => {}
                None => return None,
            }
        }
    };
    tokio::select! {
        biased;
        reason = blocked => reason,
        _ = link.channel() => None,
    }
}

/// How many messages wait in a queue, and how many listen to it. On a channel of its own, because
/// the broker closes it when there is no such queue.
async fn counts(link: &Link, name: &str) -> Option<(u32, u32)> {
    let channel = link.channel().await.ok()?;
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let asked = channel.queue_declare(name.into(), options, FieldTable::default());
    let queue = timeout(CALL, asked).await.ok()?.ok()?;
    Some((queue.message_count(), queue.consumer_count()))
}

/// The version in the broker's first words. The driver keeps them to itself, so they are asked for
/// once more, on a connection that goes no further.
async fn greeting(settled: &Settled, address: SocketAddr) -> Option<String> {
    let runtime = lapin::runtime::default_runtime().ok()?;
    let host = &settled.uri.authority.host;
    let stream = AsyncTcpStream::connect(&runtime, address).await.ok()?;
    let mut stream = match &settled.tls {
        Some(tls) => stream.into_rustls(&RustlsConnector::from(tls.clone()), host).await.ok()?,
        None => stream,
    };
    stream.write_all(b"AMQP\0\0\x09\x01").await.ok()?;
    let mut words = vec![0; 4096];
    let length = stream.read(&mut words).await.ok()?;
    version_in(&words[..length])
}

/// The field `version` of a table: its name, `S` for a text, its length in four bytes, the text.
fn version_in(words: &[u8]) -> Option<String> {
    const FIELD: &[u8] = b"\x07versionS";
    let at = words.windows(FIELD.len()).position(|window| window == FIELD)? + FIELD.len();
    let length = u32::from_be_bytes(words.get(at..at + 4)?.try_into().ok()?);
    let text = words.get(at + 4..at + 4 + usize::try_from(length).ok()?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn encryption(settled: &Settled) -> Encryption {
    let host = &settled.uri.authority.host;
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match (&settled.tls, settled.verify) {
        (Some(_), Verify::Full | Verify::Ca) => Encryption::Verified,
        (Some(_), Verify::None) => Encryption::Unverified,
        (None, _) if local => Encryption::Local,
        (None, _) => Encryption::Exposed,
    }
}

fn findings(facts: &Facts) -> Vec<Finding> {
    vec![
        version(facts),
        encrypted(facts),
        alarms(facts),
        work(facts),
        kind(facts),
        dead(facts),
        consumer_timeout(facts),
    ]
}

fn alarms(facts: &Facts) -> Finding {
    match &facts.alarm {
        None => Finding::ok("alarms", "none: it takes messages"),
        Some(reason) => Finding::warn(
            "alarms",
            format!("it takes no messages: {reason}"),
            "Give the broker memory or disk; runs stand until it takes messages again, and then go on.",
        ),
    }
}

fn kind(facts: &Facts) -> Finding {
    const TOPIC: &str = "queue_kind";
    let word = |queue| match queue {
        QueueKind::Auto | QueueKind::Classic => "classic, for one node",
        QueueKind::Quorum => "quorum, for a cluster",
    };
    let asked = word(facts.asked);
    match (facts.work, facts.made.map(word)) {
        (None, _) => Finding::ok(TOPIC, format!("will be {asked}")),
        (Some(_), None) => Finding::ok(TOPIC, "as somebody made it, and not as Longhaul would"),
        (Some(_), Some(made)) if made == asked => Finding::ok(TOPIC, made),
        (Some(_), Some(made)) => Finding::warn(
            TOPIC,
            format!("{made}; the file says {asked}"),
            "It is taken as it is. To begin with a new one raise `generation` of the fleet, for all roles.",
        ),
    }
}

/// RabbitMQ tells this to its own tools only. Ours stands in the arguments of the queue, if we made it.
fn consumer_timeout(facts: &Facts) -> Finding {
    const TOPIC: &str = "consumer_timeout";
    let version = facts.version.as_deref().map(number);
    if facts.made.is_some() && version.is_some_and(|version| version >= VERSION_TIMEOUTS) {
        return Finding::ok(TOPIC, "a day, by the queue's own argument");
    }
    Finding::ok(
        TOPIC,
        "not told over AMQP; RabbitMQ's own is half an hour, and a chunk takes seconds",
    )
}

/// The first two numbers of a version.
fn number(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn version(facts: &Facts) -> Finding {
    const TOPIC: &str = "version";
    let Some(shown) = &facts.version else { return Finding::ok(TOPIC, "it does not say") };
    if number(shown) < VERSION_MIN {
        let said = format!("{shown} is older than any that was tested");
        return Finding::warn(TOPIC, said, "Use RabbitMQ 3.8 or later.");
    }
    Finding::ok(TOPIC, shown.clone())
}

fn encrypted(facts: &Facts) -> Finding {
    const TOPIC: &str = "encryption";
    match facts.encryption {
        Encryption::Verified => Finding::ok(TOPIC, "TLS, and the server proved who it is"),
        Encryption::Local => Finding::ok(TOPIC, "none, and nothing leaves this machine"),
        Encryption::Unverified => Finding::warn(
            TOPIC,
            "TLS, but nobody asks the server who it is",
            "Use `tls: { verify: full }`, with `ca` where the authority is your own.",
        ),
        Encryption::Exposed => Finding::warn(
            TOPIC,
            "none: others can read and change what is sent, and the password",
            "Remove `tls: off`, and let the server encrypt.",
        ),
    }
}

fn work(facts: &Facts) -> Finding {
    match facts.work {
        None => Finding::ok("queue", "there is none yet; whoever comes first makes it"),
        Some((0, listen)) => Finding::ok("queue", format!("empty, {listen} listen")),
        Some((waiting, 0)) => Finding::warn(
            "queue",
            format!("{waiting} tasks wait, and nobody listens"),
            "Start workers, with the same `name` and `generation` of the fleet.",
        ),
        Some((waiting, listen)) => Finding::ok("queue", format!("{waiting} wait, {listen} listen")),
    }
}

fn dead(facts: &Facts) -> Finding {
    match facts.dead {
        Some(number) if number > 0 => Finding::warn(
            "dead_letters",
            format!("{number} messages were set aside"),
            "Look at their header `reason`: a key that is not everywhere, or a stranger. Then purge the queue.",
        ),
        Some(_) | None => Finding::ok("dead_letters", "none"),
    }
}

#[cfg(test)]
mod tests {
    use protocol::finding::Level;

    use super::*;

    fn good() -> Facts {
        Facts {
            version: Some("3.13.2".into()),
            encryption: Encryption::Verified,
            work: Some((3, 2)),
            dead: Some(0),
            asked: QueueKind::Auto,
            made: Some(QueueKind::Classic),
            alarm: None,
        }
    }

    fn bad(facts: &Facts) -> Vec<&'static str> {
        let bad = findings(facts).into_iter().filter(|finding| finding.level != Level::Ok);
        bad.map(|finding| finding.topic).collect()
    }

    #[test]
    fn each_thing_is_judged_by_itself() {
        assert!(bad(&good()).is_empty());
        assert!(bad(&Facts { version: None, work: None, dead: None, ..good() }).is_empty());
        assert_eq!(bad(&Facts { version: Some("3.6.16".into()), ..good() }), ["version"]);
        assert_eq!(bad(&Facts { encryption: Encryption::Exposed, ..good() }), ["encryption"]);
        assert_eq!(bad(&Facts { encryption: Encryption::Unverified, ..good() }), ["encryption"]);
        assert_eq!(bad(&Facts { work: Some((3, 0)), ..good() }), ["queue"]);
        assert!(bad(&Facts { work: Some((0, 0)), ..good() }).is_empty());
        assert_eq!(bad(&Facts { dead: Some(1), ..good() }), ["dead_letters"]);
        assert_eq!(bad(&Facts { alarm: Some("low on disk".into()), ..good() }), ["alarms"]);
        let other = Facts { made: Some(QueueKind::Quorum), ..good() };
        assert_eq!(bad(&other), ["queue_kind"]);
        assert!(bad(&Facts { asked: QueueKind::Quorum, ..other }).is_empty());
        assert!(bad(&Facts { made: None, ..good() }).is_empty());
    }

    #[test]
    fn how_long_a_task_may_be_in_hands_is_known_where_the_queue_says_it() {
        let said = |facts: &Facts| {
            let all = findings(facts).into_iter();
            all.filter(|finding| finding.topic == "consumer_timeout")
                .map(|f| f.said)
                .collect::<String>()
        };
        assert!(said(&good()).contains("a day"), "{}", said(&good()));
        for unknown in [Some("3.11.9".into()), None] {
            assert!(said(&Facts { version: unknown, ..good() }).contains("half an hour"));
        }
    }

    #[test]
    fn the_version_is_found_in_the_first_words_and_nothing_else_is_believed() {
        let words = b"\x01..\x07productS\0\0\0\x08RabbitMQ\x07versionS\0\0\0\x063.10.0\x08platform";
        assert_eq!(version_in(words).as_deref(), Some("3.10.0"));
        for cut in 0..words.len() {
            let _ = version_in(&words[..cut]);
        }
        assert_eq!(version_in(b"\x07versionS\xff\xff\xff\xff3"), None);
    }
}
