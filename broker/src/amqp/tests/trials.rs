//! What a fleet's broker lives through: cut wires, queues that go, messages of strangers.

use std::net::SocketAddr;

use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeleteOptions, QueuePurgeOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use protocol::id::{ChunkId, RunId};
use protocol::wire::Keys;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::super::link::{Link, Why};
use super::proxy::{Proxy, Wire};
use super::*;

fn task(chunk: u32) -> Task {
    Task::new(RunId(uuid::Uuid::nil()), ChunkId(chunk), 1)
}

async fn take(broker: &Throwaway) -> Delivery {
    timeout(PATIENCE, broker.next()).await.expect("a task within the bound").unwrap().unwrap()
}

/// Takes and settles tasks until this one comes. Doubles of others may come before it.
async fn take_until(broker: &Throwaway, chunk: u32) {
    loop {
        let delivery = take(broker).await;
        let found = delivery.task().chunk.0 == chunk;
        // Not heard where the connection was just lost; then it comes again.
        let _ = delivery.settle().await;
        if found {
            return;
        }
    }
}

/// Publishes until it works.
async fn insist(broker: &Throwaway, task: Task) {
    let published = async {
        while broker.publish(task).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, published).await.expect("the broker is back within the bound");
}

/// Waits until there is trouble, or none, and returns it.
async fn trouble(broker: &Throwaway, wanted: bool) -> Option<String> {
    let seen = async {
        loop {
            let trouble = broker.trouble().await;
            if trouble.is_some() == wanted {
                return trouble;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, seen).await.expect("the trouble shows, or ends, within the bound")
}

/// A stranger's channel to the same server.
async fn stranger() -> (Connection, Channel) {
    let connection = Connection::connect(&url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// A fleet behind a wire of ours.
async fn behind_a_wire(change: impl FnOnce(&mut Options)) -> (Proxy, Throwaway) {
    let direct = Settled::new(options()).unwrap();
    let proxy = Proxy::to(direct.place.clone()).await;
    let mut options = options();
    let mut uri = direct.uri.clone();
    uri.authority.host = proxy.address().ip().to_string();
    uri.authority.port = proxy.address().port();
    options.url = uri.to_string();
    change(&mut options);
    (proxy, fleet(options).await)
}

#[tokio::test]
async fn a_cut_wire_is_mended_and_what_was_in_hands_comes_again() {
    let (proxy, broker) = behind_a_wire(|_| ()).await;
    broker.publish(task(1)).await.unwrap();
    let held = take(&broker).await;
    proxy.set(Wire::Cut);
    let said = trouble(&broker, true).await.unwrap();
    assert!(said.starts_with("no connection for "), "{said}");
    held.settle().await.expect_err("nobody can have heard it");
    proxy.set(Wire::Whole);
    take_until(&broker, 1).await;
    insist(&broker, task(2)).await;
    take_until(&broker, 2).await;
    assert_eq!(trouble(&broker, false).await, None);
}

#[tokio::test]
async fn many_cuts_lose_nothing_that_was_confirmed() {
    let (proxy, broker) = behind_a_wire(|_| ()).await;
    let ring = async {
        for chunk in 0..60 {
            if chunk % 12 == 5 {
                proxy.set(Wire::Cut);
                proxy.set(Wire::Whole);
            }
            insist(&broker, task(chunk)).await;
        }
    };
    let hear = async {
        let mut missing: std::collections::BTreeSet<u32> = (0..60).collect();
        while !missing.is_empty() {
            let delivery = take(&broker).await;
            missing.remove(&delivery.task().chunk.0);
            let _ = delivery.settle().await;
        }
    };
    tokio::join!(ring, hear);
}

#[tokio::test]
async fn a_silent_wire_costs_no_more_than_the_time_limit() {
    let limit = Duration::from_millis(500);
    let (proxy, broker) = behind_a_wire(|options| options.confirm_timeout = limit).await;
    insist(&broker, task(1)).await;
    proxy.set(Wire::Silent);
    let began = Instant::now();
    let fault = broker.publish(task(2)).await.expect_err("nobody answers");
    assert_eq!(fault.code(), Code::Unreachable);
    assert!(fault.said().is_some(), "{fault}");
    assert!(began.elapsed() < limit * 4, "{:?}", began.elapsed());
    proxy.set(Wire::Whole);
    insist(&broker, task(3)).await;
    take_until(&broker, 3).await;
}

#[tokio::test]
async fn a_queue_that_is_deleted_is_made_again() {
    let broker = fleet(options()).await;
    broker.publish(task(1)).await.unwrap();
    let held = take(&broker).await;
    let (_connection, channel) = stranger().await;
    let [work, _] = broker.queues();
    channel.queue_delete(work.into(), QueueDeleteOptions::default()).await.unwrap();
    // Whoever hears notices it by himself; whoever publishes notices it with the next task.
    insist(&broker, task(2)).await;
    take_until(&broker, 2).await;
    let _ = held.settle().await;
}

#[tokio::test]
async fn a_task_that_no_queue_takes_is_published_again_once_there_is_one() {
    let broker = fleet(options()).await;
    broker.publish(task(1)).await.unwrap();
    let (_connection, channel) = stranger().await;
    let [work, _] = broker.queues();
    channel.queue_delete(work.into(), QueueDeleteOptions::default()).await.unwrap();
    let tasks = (2..40).map(|chunk| broker.publish(task(chunk)));
    for published in futures_util::future::join_all(tasks).await {
        published.expect("it is published to the queue made anew");
    }
    for _ in 2..40 {
        take(&broker).await.settle().await.unwrap();
    }
}

#[tokio::test]
async fn a_queue_purged_by_a_stranger_takes_new_tasks() {
    let broker = fleet(options()).await;
    for chunk in 0..20 {
        broker.publish(task(chunk)).await.unwrap();
    }
    let held = take(&broker).await;
    let (_connection, channel) = stranger().await;
    let [work, _] = broker.queues();
    channel.queue_purge(work.into(), QueuePurgeOptions::default()).await.unwrap();
    held.settle().await.unwrap();
    broker.publish(task(99)).await.unwrap();
    take_until(&broker, 99).await;
}

#[tokio::test]
async fn messages_of_strangers_are_set_aside_with_the_reason() {
    strangers_are_set_aside(QueueKind::Classic).await;
}

/// Both queues are of that kind then, so that neither rests on one node.
#[tokio::test]
async fn in_a_cluster_too_messages_of_strangers_are_set_aside() {
    strangers_are_set_aside(QueueKind::Quorum).await;
}

async fn strangers_are_set_aside(queue: QueueKind) {
    let secret = |letter| vec![letter; 32];
    let keys = Keys::new("now", [("now".into(), secret(1)), ("before".into(), secret(2))]).unwrap();
    let broker = fleet(Options { keys, queue, ..options() }).await;
    let (_connection, channel) = stranger().await;
    let [work, dead] = broker.queues();
    let message = Message {
        run: RunId(uuid::Uuid::nil()),
        chunk: ChunkId(7),
        epoch: 1,
        priority: 4,
        trace: None,
        rung: None,
    };
    let by = |id: &str, letter, queue| {
        let keys = Keys::new(id, [(id.to_owned(), secret(letter))]).unwrap();
        message.seal(&keys, queue)
    };
    let strange = [
        ("forged", by("now", 9, work)),
        ("forged", by("now", 1, dead)),
        ("unknown_key", by("after", 3, work)),
        ("unsigned", message.seal(&Keys::none(), work)),
        ("unreadable", b"\xff\x00 hello".to_vec()),
        ("format", br#"{"format":"2.0"}"#.to_vec()),
        ("oversized", vec![b' '; 100_000]),
    ];
    for (_, body) in &strange {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let sent = channel.basic_publish("".into(), work.into(), options, body, properties);
        sent.await.unwrap().await.unwrap();
    }
    // One with the former key is good. It comes, and nothing else does.
    let (options, body) = (BasicPublishOptions::default(), by("before", 2, work));
    let sent =
        channel.basic_publish("".into(), work.into(), options, &body, BasicProperties::default());
    sent.await.unwrap().await.unwrap();
    let delivery = take(&broker).await;
    assert_eq!(*delivery.task(), task(7));
    delivery.settle().await.unwrap();

    let mut reasons: Vec<_> = strange.iter().map(|(reason, _)| (*reason).to_owned()).collect();
    let mut found = vec![];
    for _ in &reasons {
        found.push(dead_letter(&channel, dead).await);
    }
    reasons.sort();
    found.sort();
    assert_eq!(found, reasons);
}

/// The reason of the next dead letter, which is no longer than a message of ours.
async fn dead_letter(channel: &Channel, dead: &str) -> String {
    let got = async {
        loop {
            let options = BasicGetOptions { no_ack: true };
            if let Some(got) = channel.basic_get(dead.into(), options).await.unwrap() {
                return got.delivery;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let letter = timeout(PATIENCE, got).await.expect("a dead letter within the bound");
    assert!(letter.data.len() <= MESSAGE_BYTES_MAX);
    let headers = letter.properties.headers().as_ref().unwrap();
    let Some(AMQPValue::LongString(reason)) = headers.inner().get("reason") else {
        panic!("a dead letter has a reason");
    };
    reason.to_string()
}

#[tokio::test]
async fn a_task_published_twice_may_come_twice_and_then_no_more() {
    let broker = fleet(options()).await;
    for _ in 0..2 {
        broker.publish(task(1)).await.unwrap();
        take_until(&broker, 1).await;
    }
    broker.publish(task(2)).await.unwrap();
    assert_eq!(take(&broker).await.task().chunk.0, 2);
}

#[tokio::test]
async fn an_urgent_task_overtakes() {
    let broker = fleet(Options { slots: 1, ..options() }).await;
    for (chunk, priority) in [(1, 4), (2, 0), (3, 9)] {
        broker.publish(Task { priority, ..task(chunk) }).await.unwrap();
    }
    let mut order = vec![];
    for _ in 0..3 {
        let delivery = take(&broker).await;
        order.push(delivery.task().chunk.0);
        delivery.settle().await.unwrap();
    }
    assert_eq!(order, [3, 1, 2]);
}

#[tokio::test]
async fn what_a_closed_worker_had_not_begun_goes_to_the_others() {
    let shared = options();
    let broker = fleet(shared.clone()).await;
    let leaving = Amqp::new(shared).unwrap();
    for chunk in 0..4 {
        broker.publish(task(chunk)).await.unwrap();
    }
    let held = leaving.next().await.unwrap().unwrap();
    leaving.close().await;
    assert!(leaving.next().await.unwrap().is_none());
    // All that it had been handed beyond the one in hands, while its connection still stands.
    for _ in 0..3 {
        take(&broker).await.settle().await.unwrap();
    }
    held.settle().await.unwrap();
    broker.publish(task(9)).await.unwrap();
    assert_eq!(take(&broker).await.task().chunk.0, 9);
}

#[tokio::test]
async fn a_worker_that_is_gone_leaves_its_tasks_to_the_others() {
    let shared = options();
    let broker = fleet(shared.clone()).await;
    let dying = Amqp::new(shared).unwrap();
    broker.publish(task(1)).await.unwrap();
    let held = dying.next().await.unwrap().unwrap();
    drop(dying);
    take_until(&broker, 1).await;
    drop(held);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_secrets() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = Options {
        url: format!("amqp://someone:hunter2@{nobody}"),
        confirm_timeout: Duration::from_millis(300),
        ..options()
    };
    let broker = Amqp::new(options).unwrap();
    let fault = broker.publish(task(1)).await.unwrap_err();
    assert_eq!(fault.code(), Code::Unreachable);
    let printed = format!("{fault} {fault:?} {:?}", broker.trouble().await);
    assert!(printed.contains(&nobody.to_string()), "{printed}");
    assert!(!printed.contains("hunter2") && !printed.contains("someone"), "{printed}");
}

#[tokio::test]
async fn a_refused_login_is_said_in_plain_words() {
    let settled = Settled::new(options()).unwrap();
    let url = format!("amqp://someone@{}", settled.place);
    let options = Options { password: Some("hunter2".into()), url, ..options() };
    let broker = Amqp::new(options).unwrap();
    let fault = broker.reach(Duration::from_secs(3)).await.unwrap_err();
    let printed = format!("{fault} {fault:?}");
    assert!(printed.contains("refused the login"), "{printed}");
    assert!(!printed.contains("hunter2") && !printed.contains("someone"), "{printed}");
}

/// A port that is bound and takes no connection: its queue is full. With it, what fills it.
async fn full() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let soon = Duration::from_millis(200);
    while let Ok(taken) = timeout(soon, TcpStream::connect(address)).await {
        waiting.push(taken.unwrap());
        assert!(waiting.len() < 100, "the system takes more than it was told to");
    }
    (address, listener, waiting)
}

#[tokio::test]
async fn of_several_addresses_those_that_are_silent_are_gone_past() {
    let settled = Settled::new(options()).unwrap();
    let real = super::super::dial::addresses(&settled).await.unwrap()[0];
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (full, _listener, _waiting) = full().await;
    let addresses = vec![mute.local_addr().unwrap(), full, real];
    let open = async || Link::open_one_of(addresses.clone(), &settled, "testing").await;
    let link = open().await.map_err(|why| why.to_string()).expect("the third one answers");
    assert_eq!(link.address(), real);
    let began = Instant::now();
    assert!(open().await.is_ok());
    assert!(began.elapsed() < Duration::from_secs(3), "the silent ones are tried last now");
}

/// Which address answers says nothing about who is believed.
#[tokio::test]
async fn whatever_the_address_the_server_is_asked_for_the_host_in_the_url() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    let greeted = std::thread::spawn(move || {
        let mut hello = vec![0; 2000];
        let (mut stream, _) = mute.accept().unwrap();
        let length = std::io::Read::read(&mut stream, &mut hello).unwrap();
        String::from_utf8_lossy(&hello[..length]).into_owned()
    });
    let tls = Some(tls::Encryption { verify: tls::Verify::None, ..Default::default() });
    let there = Options { url: "amqps://u:p@mq.example".into(), tls, ..options() };
    let settled = Settled::new(there).unwrap();
    let refused = Link::open_one_of(vec![address], &settled, "testing").await;
    assert!(refused.is_err_and(|why: Why| !why.is_refusal()));
    assert!(greeted.join().unwrap().contains("mq.example"));
}
