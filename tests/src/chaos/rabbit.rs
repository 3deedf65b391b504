//! A RabbitMQ node that may be killed, and whose queues are nobody's who may rely on them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use lapin::options::{QueueDeleteOptions, QueuePurgeOptions};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::time::timeout;

use super::process::{Place, Process};
use crate::patience::{block_until, until};
use crate::scratch::Folder;
use crate::servers::{User, free_port};

/// How long it may take to come up; it is a virtual machine of its own.
const BOUND: Duration = Duration::from_secs(120);

/// How long one call may take.
const CALL: Duration = Duration::from_secs(5);

/// How long the directory of its node may take to notice that the node is gone.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// A node of its own, gone when dropped.
#[derive(Debug)]
pub struct Rabbit {
    folder: Folder,
    user: User,
    port: u16,
    /// Where nodes ask for each other. A daemon serves it, which must not be left behind either.
    directory: u16,
    distribution: u16,
    process: Place,
}

impl Rabbit {
    /// Starts one.
    ///
    /// # Panics
    /// When RabbitMQ is not installed, or does not start.
    pub async fn start() -> Self {
        let (folder, user) = (Folder::new(), User::of("rabbitmq"));
        user.give(folder.path());
        let (port, directory, distribution) = (free_port(), free_port(), free_port());
        let config = format!("listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = false\n");
        for (name, text) in [("rabbitmq.conf", config.as_str()), ("plugins", "[].\n")] {
            std::fs::write(folder.path().join(name), text).expect("the folder is writable");
        }
        let process = Place::default();
        let this = Self { folder, user, port, directory, distribution, process };
        this.come().await;
        this
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it, if it is there. Says whether it was.
    pub fn go(&self) -> bool {
        self.process.clear().is_some()
    }

    /// Starts it, if it is not there.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn come(&self) {
        let log = self.folder.path().join("said");
        let channel = async || {
            self.process.keep(|| Process::start(&mut self.node(), &log));
            self.channel().await
        };
        let _ = until("RabbitMQ to let us in", BOUND, channel).await;
    }

    /// A channel of a stranger's, with the connection that it lives in.
    pub async fn channel(&self) -> Option<(Connection, Channel)> {
        let url = format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port);
        let connecting = Connection::connect(&url, ConnectionProperties::default());
        let connection = timeout(CALL, connecting).await.ok()?.ok()?;
        let channel = timeout(CALL, connection.create_channel()).await.ok()?.ok()?;
        Some((connection, channel))
    }

    /// Throws away what waits in a queue. Says whether that was done.
    pub async fn purge(&self, queue: &str) -> bool {
        let Some((_connection, channel)) = self.channel().await else { return false };
        let purging = channel.queue_purge(queue.into(), QueuePurgeOptions::default());
        matches!(timeout(CALL, purging).await, Ok(Ok(_)))
    }

    /// Takes a queue away. Says whether that was done.
    pub async fn delete(&self, queue: &str) -> bool {
        let Some((_connection, channel)) = self.channel().await else { return false };
        let deleting = channel.queue_delete(queue.into(), QueueDeleteOptions::default());
        matches!(timeout(CALL, deleting).await, Ok(Ok(_)))
    }

    fn node(&self) -> Command {
        let mut command = self.user.command(script());
        let at = |name| self.folder.path().join(name);
        command
            .env("HOME", self.folder.path())
            .env("RABBITMQ_NODENAME", format!("chaos-{}@localhost", self.port))
            .env("RABBITMQ_DIST_PORT", self.distribution.to_string())
            .env("ERL_EPMD_PORT", self.directory.to_string())
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", at("logs"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1 +sbwt none");
        command
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        let _ = self.go();
        // The directory goes only once it has noticed that no node is left.
        let _ = block_until(GONE_WITHIN, || {
            let mut kill = Command::new("epmd");
            kill.arg("-kill").env("ERL_EPMD_PORT", self.directory.to_string());
            let done = kill.stdout(Stdio::null()).stderr(Stdio::null()).status();
            (!done.is_ok_and(|status| !status.success())).then_some(())
        });
    }
}

/// The node's own script: the one on the path changes the user by itself.
fn script() -> PathBuf {
    let packaged = PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmq-server");
    if packaged.exists() { packaged } else { "rabbitmq-server".into() }
}
