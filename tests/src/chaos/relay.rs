//! A relay between coordinators and workers that delivers every message twice, or some not at all.
//!
//! Coordinators ring one generation of queues, workers listen to the next; whatever is rung goes
//! through here. A message is signed for its queue, so the relay signs it again: it has the key.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use protocol::wire::{Keys, Message};
use tokio::time::sleep;

use super::dice::Dice;
use super::rabbit::Rabbit;
use super::world::{KEY, queue};

/// Messages in its hands at once.
const HELD: u16 = 64;

/// How many copies of a message go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copies {
    /// Two.
    Two,
    /// One, of three messages in four; of the fourth, none.
    SomeNone,
}

/// What went through it.
#[derive(Debug, Default)]
pub(super) struct Relayed {
    /// Messages that came.
    pub(super) came: AtomicU64,
    /// Messages that went on.
    pub(super) went: AtomicU64,
    /// Whether faults are over, and every message goes on.
    pub(super) whole: AtomicBool,
}

/// Relays for ever. Where the broker, or the queue, is not there, it tries again.
pub(super) async fn relay(rabbit: &Rabbit, copies: Copies, mut dice: Dice, relayed: &Relayed) {
    let key = KEY.1.as_bytes().to_vec();
    let keys = Keys::new("k1", [("k1".to_owned(), key)]).expect("the key is long enough");
    loop {
        if let Some((_connection, channel)) = rabbit.channel().await {
            let _ = hear(&channel, &keys, copies, &mut dice, relayed).await;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn hear(
    channel: &Channel,
    keys: &Keys,
    copies: Copies,
    dice: &mut Dice,
    relayed: &Relayed,
) -> lapin::Result<()> {
    let (from, to) = (queue(1), queue(2));
    channel.basic_qos(HELD, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let consumer =
        channel.basic_consume(from.as_str().into(), "".into(), options, FieldTable::default());
    let mut consumer = consumer.await?;
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        relayed.came.fetch_add(1, Ordering::Relaxed);
        let times = match copies {
            Copies::Two => 2,
            Copies::SomeNone if relayed.whole.load(Ordering::Relaxed) => 1,
            Copies::SomeNone => usize::from(dice.below(4) > 0),
        };
        let message = Message::open(&delivery.data, keys, &from).expect("it is our fleet's");
        let body = message.seal(keys, &to);
        let properties = delivery.properties.clone();
        for _ in 0..times {
            send(channel, &to, &body, properties.clone()).await?;
            relayed.went.fetch_add(1, Ordering::Relaxed);
        }
        delivery.acker.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

async fn send(
    channel: &Channel,
    to: &str,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<()> {
    let options = BasicPublishOptions::default();
    channel.basic_publish("".into(), to.into(), options, body, properties).await.map(drop)
}
