//! What a fleet's broker does when the server itself is in trouble.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use broker::{Amqp, Broker, Options, QueueKind, Task};
use protocol::fault::Code;
use protocol::finding::Level;
use protocol::id::{ChunkId, RunId};
use tests::rabbit::Rabbit;
use tests::scratch::Folder;
use tests::servers::free_port;
use tls::{Encryption, Verify};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(60);

fn task(chunk: u32) -> Task {
    Task::new(RunId(Uuid::nil()), ChunkId(chunk), 1)
}

fn fleet(rabbit: &Rabbit) -> Amqp {
    let options = Options {
        slots: 8,
        confirm_timeout: Duration::from_secs(2),
        ..Options::new(rabbit.url(), "alone")
    };
    Amqp::new(options).unwrap()
}

/// Publishes until it works.
async fn insist(broker: &Amqp, task: Task) {
    let published = async {
        while broker.publish(task).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, published).await.expect("the broker is back within the bound");
}

/// How good the broker is in one respect.
async fn level(broker: &Amqp, topic: &str) -> Level {
    let findings = broker.examine().await.unwrap();
    let found = findings.iter().find(|finding| finding.topic == topic);
    found.unwrap_or_else(|| panic!("{topic} in {findings:?}")).level
}

/// Takes and settles until nothing of this is missing.
async fn collect(broker: &Amqp, mut missing: BTreeSet<u32>) {
    while !missing.is_empty() {
        let next = timeout(PATIENCE, broker.next()).await;
        let delivery = next.unwrap_or_else(|_| panic!("missing: {missing:?}")).unwrap().unwrap();
        missing.remove(&delivery.task().chunk.0);
        // Not heard where the server has just died; then it comes again.
        let _ = delivery.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_comes_back_with_all_that_it_confirmed() {
    let mut rabbit = Rabbit::start();
    let (coordinator, worker) = (fleet(&rabbit), fleet(&rabbit));
    for chunk in 0..50 {
        insist(&coordinator, task(chunk)).await;
    }
    let held = worker.next().await.unwrap().unwrap();
    let rabbit = tokio::task::spawn_blocking(move || {
        // It confirms messages before it has written down that there is a queue.
        rabbit.sync();
        rabbit.kill();
        rabbit.restart();
        rabbit
    });
    let rabbit = rabbit.await.unwrap();
    // What was in hands when the server died may be settled or not; it comes again.
    let _ = held.settle().await;
    insist(&coordinator, task(50)).await;
    collect(&worker, (0..=50).collect()).await;
    assert_eq!(worker.trouble().await, None);
    drop(rabbit);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_of_the_server_is_said_and_stops_no_worker() {
    let rabbit = Rabbit::start();
    let (coordinator, worker) = (fleet(&rabbit), fleet(&rabbit));
    for chunk in 0..4 {
        insist(&coordinator, task(chunk)).await;
    }
    let held = worker.next().await.unwrap().unwrap();
    assert_eq!(level(&coordinator, "alarms").await, Level::Ok);

    rabbit.alarm(true);
    let refused = async {
        loop {
            let began = Instant::now();
            match coordinator.publish(task(9)).await {
                Err(fault) => return (fault, began.elapsed()),
                Ok(()) => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let (fault, took) = timeout(PATIENCE, refused).await.expect("the alarm is felt");
    assert_eq!(fault.code(), Code::Unreachable);
    assert!(took < Duration::from_secs(6), "{took:?}");
    let trouble = coordinator.trouble().await.expect("it is said");
    assert!(trouble.contains("alarm"), "{trouble}");
    assert_eq!(
        level(&worker, "alarms").await,
        Level::Warn,
        "doctor asks with a connection of its own"
    );

    // Workers settle what they have and take what is there.
    held.settle().await.unwrap();
    for _ in 0..3 {
        let delivery = timeout(PATIENCE, worker.next()).await.unwrap().unwrap().unwrap();
        delivery.settle().await.unwrap();
    }
    assert_eq!(worker.trouble().await, None);

    rabbit.alarm(false);
    insist(&coordinator, task(10)).await;
    collect(&worker, BTreeSet::from([10])).await;
    assert_eq!(coordinator.trouble().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_another_kind_than_is_asked_for_is_found() {
    let rabbit = Rabbit::start();
    let plain = fleet(&rabbit);
    assert_eq!(level(&plain, "queue_kind").await, Level::Ok, "there is none yet");
    insist(&plain, task(1)).await;
    assert_eq!(level(&plain, "queue_kind").await, Level::Ok);
    let options = Options { queue: QueueKind::Quorum, ..Options::new(rabbit.url(), "alone") };
    let copied = Amqp::new(options).unwrap();
    assert_eq!(level(&copied, "queue_kind").await, Level::Warn);
    collect(&plain, BTreeSet::from([1])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_server_is_believed_as_far_as_was_asked() {
    let papers = Papers::new();
    let port = free_port();
    let rabbit = Rabbit::start_with(&format!(
        "listeners.ssl.1 = 127.0.0.1:{port}\n\
         ssl_options.cacertfile = {ca}\n\
         ssl_options.certfile = {server}.pem\n\
         ssl_options.keyfile = {server}.key\n\
         ssl_options.verify = verify_peer\n\
         ssl_options.fail_if_no_peer_cert = true",
        ca = papers.path("ca.pem").display(),
        server = papers.path("server").display(),
    ));
    let reach = async |host: &str, tls: Encryption| {
        let url = format!("amqp://guest:guest@{host}:{port}/%2f");
        let broker = Amqp::new(Options { tls: Some(tls), ..Options::new(url, "alone") }).unwrap();
        broker.reach(Duration::from_secs(5)).await.map_err(|fault| fault.to_string())
    };
    let ours = || (Some(papers.path("client.pem")), Some(papers.path("client.key")));
    let tls = |ca: Option<&str>, verify| {
        let (cert, key) = ours();
        Encryption { ca: ca.map(|ca| papers.path(ca)), cert, key, verify }
    };

    // Made out for `localhost`.
    assert_eq!(reach("localhost", tls(Some("ca.pem"), Verify::Full)).await, Ok(()));
    let other_name = reach("127.0.0.1", tls(Some("ca.pem"), Verify::Full)).await;
    assert!(other_name.unwrap_err().contains("certificate"));
    assert_eq!(reach("127.0.0.1", tls(Some("ca.pem"), Verify::Ca)).await, Ok(()));
    // Signed by nobody that is known.
    for verify in [Verify::Full, Verify::Ca] {
        let stranger = reach("localhost", tls(Some("other.pem"), verify)).await;
        assert!(stranger.unwrap_err().contains("certificate"));
    }
    assert_eq!(reach("127.0.0.1", tls(None, Verify::None)).await, Ok(()));
    // The server wants to know us too.
    let unknown = Encryption { cert: None, key: None, ..tls(Some("ca.pem"), Verify::Full) };
    reach("localhost", unknown).await.unwrap_err();
    drop(rabbit);
}

/// Certificates for a test, by `openssl`.
struct Papers(Folder);

impl Papers {
    fn new() -> Self {
        let papers = Self(Folder::new());
        papers.authority("ca");
        papers.authority("other");
        for name in ["server", "client"] {
            papers.signed(name);
        }
        papers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn authority(&self, name: &str) {
        let subject = format!("/CN=the test's {name}");
        self.openssl(&format!("req -x509 -days 2 -out {name}.pem -keyout {name}.key"), &subject);
    }

    fn signed(&self, name: &str) {
        self.openssl(&format!("req -out {name}.csr -keyout {name}.key"), "/CN=a test");
        std::fs::write(self.path("names"), "subjectAltName=DNS:localhost").unwrap();
        let sign = format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile names -out {name}.pem"
        );
        run(self.0.path(), &sign.split_whitespace().collect::<Vec<_>>());
        // The server runs as another user.
        let mut chmod = Command::new("chmod");
        assert!(
            chmod.arg("644").arg(self.path(&format!("{name}.key"))).status().unwrap().success()
        );
    }

    fn openssl(&self, request: &str, subject: &str) {
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj";
        let mut words: Vec<_> = request.split_whitespace().chain(key.split_whitespace()).collect();
        words.push(subject);
        run(self.0.path(), &words);
    }
}

fn run(folder: &Path, words: &[&str]) {
    let done = Command::new("openssl").args(words).current_dir(folder).output();
    let done = done.expect("`openssl` is installed; `./check` sees to it");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
