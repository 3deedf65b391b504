//! Faults as they are done: each once, by one function, which says what it did.

use std::time::Duration;

use tokio::time::sleep;

use super::dice::Dice;
use super::fault::Fault;
use super::fleet::Fleet;
use super::school;
use super::server::Engine;
use super::world::{TO_TARGET, WIRES, World, queue};

/// Longer than a claim lasts.
const STOPPED_MILLIS: (u64, u64) = (3_500, 8_000);

/// Where faults are done.
pub(super) struct Arena<'a> {
    pub(super) world: &'a World,
    pub(super) fleet: &'a Fleet,
    /// Which generation of queues workers listen to.
    pub(super) generation: u32,
}

impl Arena<'_> {
    /// Does it once. `None`: there was no occasion.
    pub(super) async fn inject(&self, fault: Fault, dice: &mut Dice) -> Option<String> {
        let (world, queue) = (self.world, queue(self.generation));
        match fault {
            Fault::KillWorker => Some(self.fleet.kill_worker(dice)),
            Fault::KillLeader => Some(self.fleet.kill_leader(dice)),
            Fault::PauseWorker => self.pause(dice).await,
            Fault::PauseInCopy => self.pause_in_copy(dice).await,
            Fault::Flush => world.redis.say("FLUSHALL").await,
            Fault::RedisAway => Some(self.redis_away(dice).await),
            Fault::RabbitKill => {
                if !world.rabbit.go() {
                    return None;
                }
                sleep(dice.millis(0, 1_000)).await;
                world.rabbit.come().await;
                Some("killed and back".into())
            }
            Fault::Purge => world.rabbit.purge(&queue).await.then_some(queue),
            Fault::Delete => world.rabbit.delete(&queue).await.then_some(queue),
            Fault::Cut => {
                let at = dice.below(WIRES.len());
                world.wires[at].cut();
                Some(format!("to {}", WIRES[at]))
            }
            Fault::Stall => {
                let (at, time) = (dice.below(WIRES.len()), dice.millis(500, 6_000));
                world.wires[at].stall(time).await;
                Some(format!("to {}, {} ms", WIRES[at], time.as_millis()))
            }
            Fault::CommitLost => self.lose_a_commit().await,
            Fault::TargetCrash => {
                world.target.restart(true).await;
                Some("crashed and back".into())
            }
            Fault::SourceRestart => {
                world.source.restart(false).await;
                Some("restarted".into())
            }
            // These last for a whole round, which sees to them.
            Fault::RedisAbsent | Fault::RedisFull | Fault::Twice | Fault::Lost => None,
        }
    }

    async fn pause(&self, dice: &mut Dice) -> Option<String> {
        let all: Vec<_> = (0..self.fleet.workers()).collect();
        let (stopped, name) = self.fleet.stop(&all, dice)?;
        let time = dice.millis(STOPPED_MILLIS.0, STOPPED_MILLIS.1);
        sleep(time).await;
        self.fleet.go_on(stopped);
        Some(format!("{name}, {} ms", time.as_millis()))
    }

    /// Stops a worker while one of its sessions is inside a COPY, and makes sure that it still was
    /// when it stood.
    async fn pause_in_copy(&self, dice: &mut Dice) -> Option<String> {
        let (stopped, name) = self.fleet.stop(&self.copying().await?, dice)?;
        // What was on its way arrives in this time, and then nothing more.
        sleep(Duration::from_millis(300)).await;
        let copying = self.copying().await.unwrap_or_default();
        let inside = copying.contains(&stopped.worker());
        if inside {
            sleep(dice.millis(STOPPED_MILLIS.0, STOPPED_MILLIS.1)).await;
        }
        self.fleet.go_on(stopped);
        inside.then(|| format!("{name}, inside a COPY"))
    }

    /// The workers one of whose sessions in the target is inside a COPY.
    async fn copying(&self) -> Option<Vec<usize>> {
        let engine = self.world.target.engine();
        let query = match engine {
            Engine::Postgres => {
                "SELECT usename::text FROM pg_stat_activity
                  WHERE state = 'active' AND query ILIKE 'COPY%FROM%' AND usename LIKE 'w%'"
            }
            // A LOAD DATA lasts for one batch only; what lasts is the transaction that it wrote in.
            Engine::Mariadb => {
                "SELECT p.user FROM information_schema.innodb_trx t
                   JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
                  WHERE p.user LIKE 'w%' AND t.trx_rows_modified > 1"
            }
        };
        let users = self.world.target.try_texts(engine.maintenance(), query).await.ok()?;
        let inside = |number: &usize| users.contains(&school::user(*number));
        Some((0..self.fleet.workers()).filter(inside).collect())
    }

    async fn redis_away(&self, dice: &mut Dice) -> String {
        self.world.redis.go();
        let time = dice.millis(500, 4_000);
        sleep(time).await;
        self.world.redis.come().await;
        format!("{} ms", time.as_millis())
    }

    async fn lose_a_commit(&self) -> Option<String> {
        let wire = &self.world.wires[TO_TARGET];
        let before = wire.lost();
        wire.lose_a_commit();
        for _ in 0..100 {
            if wire.lost() > before {
                return Some("done, and nobody was told".into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        None
    }
}
