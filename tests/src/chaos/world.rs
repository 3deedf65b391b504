//! The servers of a campaign, and the wires to them. They are started once, and every round begins
//! with all of them well.

use super::proxy::{Proxy, Speech};
use super::rabbit::Rabbit;
use super::redis::Redis;
use super::school;
use super::server::{Engine, Server};

/// Private servers; gone when dropped.
#[derive(Debug)]
pub struct World {
    /// What is read.
    pub source: Server,
    /// What is written, and decides.
    pub target: Server,
    /// What rings.
    pub rabbit: Rabbit,
    /// What remembers.
    pub redis: Redis,
    /// Ways to them that can be cut, in this order.
    pub wires: [Proxy; 4],
    /// Where the fleet finds them, in this order: at the wires, or past them.
    ports: [u16; 4],
}

/// What the wires are called.
pub(super) const WIRES: [&str; 4] = ["source", "target", "broker", "ledger"];

/// Where the wire to the target stands among them.
pub(super) const TO_TARGET: usize = 1;

/// What the fleet is called.
const FLEET: &str = "chaos";

/// The queue of a generation.
pub(super) fn queue(generation: u32) -> String {
    format!("longhaul.{FLEET}.v{}.g{generation}.work", protocol::wire::MESSAGE_MAJOR)
}

/// The variable with the key under messages, and the key.
pub(super) const KEY: (&str, &str) =
    ("LONGHAUL_CHAOS_KEY", "not a secret: this fleet lives for minutes");

/// The variable with the broker's password, and the password.
pub(super) const PASSWORD: (&str, &str) = ("LONGHAUL_CHAOS_BROKER", "guest");

impl World {
    /// Starts all servers, with so many entries in the source, from PostgreSQL to PostgreSQL.
    ///
    /// # Panics
    /// When one is not installed, or does not start.
    pub async fn start(entries: u32) -> Self {
        Self::between(Engine::Postgres, Engine::Postgres, entries).await
    }

    /// Starts all servers, with so many entries in the source.
    ///
    /// # Panics
    /// When one is not installed, or does not start.
    pub async fn between(source: Engine, target: Engine, entries: u32) -> Self {
        let (source, target, rabbit, redis) = tokio::join!(
            Server::start(source),
            Server::start(target),
            Rabbit::start(),
            Redis::start()
        );
        school::fill(&source, entries).await;
        school::users(&target).await;
        let wires = [
            Proxy::to(source.port(), Speech::Other).await,
            Proxy::to(target.port(), target.engine().speech()).await,
            Proxy::to(rabbit.port(), Speech::Other).await,
            Proxy::to(redis.port(), Speech::Other).await,
        ];
        let ports = wires.each_ref().map(Proxy::port);
        Self { source, target, rabbit, redis, wires, ports }
    }

    /// The same servers without anything in between: for figures, which a wire would be part of.
    ///
    /// # Panics
    /// When one is not installed, or does not start.
    pub async fn direct(entries: u32) -> Self {
        let this = Self::start(entries).await;
        let (rabbit, redis) = (this.rabbit.port(), this.redis.port());
        Self { ports: [this.source.port(), this.target.port(), rabbit, redis], ..this }
    }

    /// Sees to it that all are there, remember nothing of the last round, and can be reached.
    pub async fn calm(&self) {
        self.heal(false).await;
        let _ = self.redis.say("CONFIG SET maxmemory 0").await;
        let _ = self.redis.say("FLUSHALL").await;
        for generation in [1, 2] {
            let _ = self.rabbit.delete(&queue(generation)).await;
        }
    }

    /// Ends what faults have left behind, but leaves Redis away if it is to stay so.
    pub async fn heal(&self, without_redis: bool) {
        for wire in &self.wires {
            wire.mend();
        }
        if !without_redis {
            self.redis.come().await;
        }
        self.rabbit.come().await;
    }

    /// The URL of the target, for a worker or whoever else.
    pub fn target_url(&self, user: &str, database: &str) -> String {
        let (scheme, port) = (self.target.engine().scheme(), self.ports[TO_TARGET]);
        format!("{scheme}://{user}@127.0.0.1:{port}/{database}")
    }

    /// The file of migration and fleet.
    pub fn file(&self, database: &str, more: &str) -> String {
        let [source, _, broker, ledger] = self.ports;
        let target = self.target_url(self.target.engine().superuser(), database);
        let (engine, old) = (self.source.engine(), school::SOURCE);
        let (scheme, user) = (engine.scheme(), engine.superuser());
        // MySQL shares no snapshot among workers.
        let consistency = match engine {
            Engine::Postgres => "snapshot",
            Engine::Mariadb => "quiesced",
        };
        let (key, password) = (KEY.0, PASSWORD.0);
        format!(
            "name: chaos\n\
             environments:\n  \
               old: {{ url: \"{scheme}://{user}@127.0.0.1:{source}/{old}\" }}\n  \
               new: {{ url: \"{target}\" }}\n\
             from: old\nto: new\nconsistency: {consistency}\n\
             fleet:\n  name: {FLEET}\n  \
               broker: {{ url: \"amqp://guest@127.0.0.1:{broker}/%2f\", password: \"env:{password}\" }}\n  \
               ledger: {{ url: \"redis://127.0.0.1:{ledger}/0\" }}\n  \
               keys: {{ current: k1, k1: \"env:{key}\" }}\n\
             {more}"
        )
    }
}
