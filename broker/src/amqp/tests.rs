//! Against a real RabbitMQ: the one in `LONGHAUL_TEST_AMQP`, or that of this machine.
//!
//! Every test has a fleet of its own, and takes its queues away at the end.

mod proxy;
mod trials;

use std::ops::Deref;
use std::sync::Arc;

use super::*;
use crate::Faulty;

const PATIENCE: Duration = Duration::from_secs(30);

/// Where the server is.
fn url() -> String {
    std::env::var("LONGHAUL_TEST_AMQP")
        .unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".into())
}

/// Options for a fleet that nobody else has.
fn options() -> Options {
    let fleet = format!("test-{}", uuid::Uuid::new_v4().simple());
    Options { slots: 8, ..Options::new(url(), fleet) }
}

/// A broker whose queues go with it.
struct Throwaway {
    amqp: Amqp,
    /// What deletes the queues, when the broker itself goes through something that may be cut.
    direct: Options,
}

impl Throwaway {
    fn new(options: Options) -> Self {
        let direct = Options { url: url(), ..options.clone() };
        Self { amqp: Amqp::new(options).unwrap(), direct }
    }
}

impl Deref for Throwaway {
    type Target = Amqp;

    fn deref(&self) -> &Amqp {
        &self.amqp
    }
}

#[async_trait]
impl Broker for Throwaway {
    async fn publish(&self, task: Task) -> Result<(), Fault> {
        self.amqp.publish(task).await
    }

    async fn next(&self) -> Result<Option<Delivery>, Fault> {
        self.amqp.next().await
    }

    async fn purge(&self) -> Result<(), Fault> {
        self.amqp.purge().await
    }

    async fn close(&self) {
        self.amqp.close().await;
    }

    async fn trouble(&self) -> Option<String> {
        self.amqp.trouble().await
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        self.shared.inbox.close();
        let (own, direct) = (self.amqp.runtime.take(), self.direct.clone());
        // A destructor cannot wait, and a runtime cannot wait inside another: a thread can.
        let delete = move || {
            // At rest first: otherwise it may be about to declare what is being deleted.
            own.unwrap().shutdown_timeout(PATIENCE);
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { Amqp::new(direct).unwrap().delete().await })
        };
        let deleted = std::thread::spawn(delete).join().unwrap();
        if let Err(fault) = deleted
            && !std::thread::panicking()
        {
            panic!("the test server, {}: {fault}; `./check` provides one", url_shown());
        }
    }
}

/// The test server's address without its password.
fn url_shown() -> String {
    url().rsplit('@').next().unwrap_or_default().to_owned()
}

/// A broker of its own, reached.
async fn fleet(options: Options) -> Throwaway {
    let broker = Throwaway::new(options);
    if let Err(fault) = broker.reach(PATIENCE).await {
        panic!(
            "these tests need a RabbitMQ at {}: {fault}. `./check` provides one; \
             or name one in LONGHAUL_TEST_AMQP",
            url_shown()
        );
    }
    broker
}

mod plain {
    use super::*;

    crate::broker_conformance!(fleet(options()).await);
}

mod quorum {
    use super::*;

    crate::broker_conformance! {
        fleet(Options { queue: QueueKind::Quorum, ..options() }).await;
        a_published_task_is_delivered
        an_unsettled_task_comes_back
        a_settled_task_is_gone
        what_is_in_hands_survives_a_purge
    }
}

mod faulty {
    use super::*;

    crate::broker_conformance!(Faulty::new(Arc::new(fleet(options()).await)));
}
