//! The queues of a fleet: how they are called and what they are.
//!
//! Two queues, and the broker's default exchange: `….work` for tasks, `….dead` for what was set
//! aside. The names carry the major format of messages, so that nobody gets one he cannot read,
//! and a generation, so that a queue that broke for good can be left behind.

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ErrorKind};
use protocol::fault::{Code, Fault};
use protocol::wire::MESSAGE_MAJOR;

use super::link::{Link, Why, within};
use super::options::{QueueKind, Settled};
use crate::Task;

/// Dead letters are for people to look at; the oldest go when there are too many.
const DEAD_MAX: i32 = 10_000;
/// How often a quorum queue hands out one message before it goes to the dead. Newer brokers have a
/// limit of 20 by themselves, which a fleet that is killed often would reach; "no limit" is a value
/// that older ones take for zero.
const DELIVERIES_MAX: i32 = 1_000;

/// How long a task may be in hands before the broker gives it to somebody else, in milliseconds: an
/// index may take hours to build. RabbitMQ knows this argument since 3.12; before that its own setting
/// holds, which is half an hour unless an administrator changed it.
const IN_HANDS_MS: i64 = 24 * 60 * 60 * 1000;

/// The names of a fleet's queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) work: String,
    pub(super) dead: String,
}

impl Names {
    /// # Errors
    /// `Code::ConfigMalformed` when the fleet's name is not a plain word.
    pub(super) fn new(fleet: &str, generation: u32) -> Result<Self, Fault> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if fleet.is_empty() || fleet.len() > 64 || !fleet.chars().all(plain) {
            let said = "a fleet's name is up to 64 letters, digits, `-` and `_`";
            return Err(Fault::new(Code::ConfigMalformed, "the fleet's name").saying(said));
        }
        let name = |duty| format!("longhaul.{fleet}.v{MESSAGE_MAJOR}.g{generation}.{duty}");
        Ok(Self { work: name("work"), dead: name("dead") })
    }
}

/// Sees to it that the queue of tasks is there, and the one of dead letters where that can be: work
/// goes on without a place to set things aside.
///
/// It looks first: a queue that an administrator made otherwise is taken as it is, whereas
/// declaring it anew with other arguments would be refused.
pub(super) async fn declare(link: &Link, settled: &Settled) -> Result<(), Why> {
    let names = &settled.names;
    if let Err(why) = declare_one(link, &names.dead, dead_arguments(settled.queue)).await {
        // In a cluster, the node of a classic queue may be away.
        tracing::warn!(queue = %names.dead, error = %why, "nothing can be set aside now");
    }
    declare_one(link, &names.work, work_arguments(settled, settled.queue)).await
}

async fn declare_one(link: &Link, name: &str, arguments: FieldTable) -> Result<(), Why> {
    if is_there(link, name).await? {
        return Ok(());
    }
    let channel = link.channel().await?;
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    let declared = channel.queue_declare(name.into(), options, arguments);
    within("declaring a queue", declared).await.map(drop)
}

/// On a channel of its own, because the broker closes the channel when the answer is no.
async fn is_there(link: &Link, name: &str) -> Result<bool, Why> {
    let channel = link.channel().await?;
    match tokio::time::timeout(super::link::CALL, look(&channel, name)).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) if is_missing(&error) => Ok(false),
        Ok(Err(error)) => Err(Why::of(&error)),
        Err(_) => Err(Why::silence("looking for a queue")),
    }
}

/// Which kind the queue of tasks is that is there; `None` where it is neither of those that we make. To
/// declare a queue that is there changes nothing, and is refused where it was made otherwise.
pub(super) async fn kind_there(link: &Link, settled: &Settled) -> Result<Option<QueueKind>, Why> {
    for queue in [QueueKind::Classic, QueueKind::Quorum] {
        let channel = link.channel().await?;
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        let name = settled.names.work.as_str().into();
        let declared = channel.queue_declare(name, options, work_arguments(settled, queue));
        match tokio::time::timeout(super::link::CALL, declared).await {
            Ok(Ok(_)) => return Ok(Some(queue)),
            Ok(Err(error)) if is_otherwise(&error) => {}
            Ok(Err(error)) => return Err(Why::of(&error)),
            Err(_) => return Err(Why::silence("asking what a queue is")),
        }
    }
    Ok(None)
}

/// Asks for a queue without making one.
pub(super) async fn look(channel: &Channel, name: &str) -> lapin::Result<()> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    channel.queue_declare(name.into(), options, FieldTable::default()).await.map(drop)
}

fn is_missing(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(e) if e.get_id() == 404)
}

/// Whether a queue is there and is another than was declared.
fn is_otherwise(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(e) if e.get_id() == 406)
}

fn work_arguments(settled: &Settled, queue: QueueKind) -> FieldTable {
    let mut table = kind(queue);
    match queue {
        QueueKind::Auto | QueueKind::Classic => {
            let levels = AMQPValue::LongInt(Task::PRIORITY_MAX.into());
            table.insert("x-max-priority".into(), levels);
        }
        QueueKind::Quorum => {
            table.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERIES_MAX));
        }
    }
    table.insert("x-consumer-timeout".into(), AMQPValue::LongLongInt(IN_HANDS_MS));
    // What the broker itself gives up is seen as well, at its own discretion.
    table.insert("x-dead-letter-exchange".into(), text(""));
    table.insert("x-dead-letter-routing-key".into(), text(&settled.names.dead));
    table
}

fn dead_arguments(queue: QueueKind) -> FieldTable {
    let mut table = kind(queue);
    table.insert("x-max-length".into(), AMQPValue::LongInt(DEAD_MAX));
    table.insert("x-overflow".into(), text("drop-head"));
    table
}

/// Said explicitly, since a vhost may have another default.
fn kind(kind: QueueKind) -> FieldTable {
    let word = match kind {
        QueueKind::Auto | QueueKind::Classic => "classic",
        QueueKind::Quorum => "quorum",
    };
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text(word));
    table
}

pub(super) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_fleet_format_and_generation() {
        let names = Names::new("blue", 3).unwrap();
        assert_eq!(names.work, "longhaul.blue.v1.g3.work");
        assert_eq!(names.dead, "longhaul.blue.v1.g3.dead");
    }
}
