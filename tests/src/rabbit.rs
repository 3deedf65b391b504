//! A RabbitMQ of one's own: to be killed, filled up and started again, with nobody else on it.

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::patience::block_until;
use crate::scratch::Folder;
use crate::servers::free_port;

/// Where packages put the programs themselves; those in the path insist on being root.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";
/// An Erlang node takes its time.
const PATIENCE: Duration = Duration::from_secs(90);

/// A RabbitMQ server with a folder, a port and a name of its own. Dropped, it is gone.
#[derive(Debug)]
pub struct Rabbit {
    folder: Folder,
    port: u16,
    node: String,
    running: Option<Child>,
}

impl Rabbit {
    /// Starts one, and waits until it takes connections.
    ///
    /// # Panics
    /// When RabbitMQ is not installed, or does not start.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one with these lines in its configuration as well.
    ///
    /// # Panics
    /// As [`Rabbit::start`].
    pub fn start_with(lines: &str) -> Self {
        let folder = Folder::new();
        let (port, distribution) = (free_port(), free_port());
        let config = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\n\
             disk_free_limit.absolute = 1MB\n\
             log.file.level = warning\n\
             {lines}\n"
        );
        let node = format!("longhaul{port}@localhost");
        let mut rabbit = Self { folder, port, node, running: None };
        rabbit.write("rabbitmq.conf", &config);
        rabbit.write("plugins", "[].\n");
        rabbit.write("env.conf", "");
        rabbit.write("distribution", &distribution.to_string());
        if geteuid().is_root() {
            let mut given = Command::new("chown");
            given.arg("-R").arg("rabbitmq").arg(rabbit.folder.path());
            assert!(run(&mut given), "RabbitMQ's folder can be given to its user");
        }
        rabbit.restart();
        rabbit
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Kills it as a power cut would, as far as a process can: nothing is written any more.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        // What was started is a script, which waits for the server and ends with it.
        if let Some(pid) = self.pid() {
            kill_process(pid, Signal::KILL).expect("it was started here");
        }
        running.wait().expect("it was started here");
    }

    /// Starts it again, with what it had written, and waits until it takes connections.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        let _ = std::fs::remove_file(self.path("pid"));
        let log = std::fs::File::create(self.path("out")).expect("its folder is writable");
        let mut command = self.command("rabbitmq-server");
        command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(log);
        self.running = Some(command.spawn().expect("`rabbitmq-server` is installed"));
        let listens = block_until(PATIENCE, || {
            let over = self.running.as_mut().is_some_and(|c| matches!(c.try_wait(), Ok(Some(_))));
            let listens = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
            (listens || over).then_some(listens)
        });
        if listens != Some(true) {
            let said = std::fs::read_to_string(self.path("out")).unwrap_or_default();
            panic!("RabbitMQ did not start; `./check` installs it where it is missing\n{said}");
        }
    }

    /// `rabbitmqctl` on it.
    ///
    /// # Panics
    /// When it fails.
    pub fn control(&self, arguments: &[&str]) {
        let mut command = self.command("rabbitmqctl");
        command.args(["-q", "-n", &self.node]).args(arguments);
        assert!(run(command.stdout(Stdio::null())), "rabbitmqctl {arguments:?}");
    }

    /// Has the server write down which queues there are.
    pub fn sync(&self) {
        self.control(&["eval", "catch mnesia:sync_log()."]);
    }

    /// Has it take no messages, as when its memory is full; or take them again.
    pub fn alarm(&self, raised: bool) {
        let mark = if raised { "0.0000001" } else { "0.9" };
        self.control(&["set_vm_memory_high_watermark", mark]);
    }

    /// A program of RabbitMQ's, about this node, by the user it wants.
    fn command(&self, program: &str) -> Command {
        let mut command = if geteuid().is_root() {
            let mut other = Command::new("setpriv");
            other.args(["--reuid=rabbitmq", "--regid=rabbitmq", "--init-groups", "env"]);
            other
        } else {
            Command::new("env")
        };
        let distribution = std::fs::read_to_string(self.path("distribution"));
        let settings = [
            ("HOME", self.folder.path().into()),
            ("RABBITMQ_NODENAME", PathBuf::from(&self.node)),
            ("RABBITMQ_DIST_PORT", distribution.expect("it was written").into()),
            ("RABBITMQ_CONFIG_FILE", self.path("rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", self.path("env.conf")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("plugins")),
            ("RABBITMQ_MNESIA_BASE", self.path("data")),
            ("RABBITMQ_LOG_BASE", self.path("log")),
            ("RABBITMQ_PID_FILE", self.path("pid")),
        ];
        command.args(settings.map(|(name, value)| format!("{name}={}", value.display())));
        command.arg(PathBuf::from(PROGRAMS).join(program)).current_dir("/");
        command
    }

    /// The server's own.
    fn pid(&self) -> Option<Pid> {
        let pid = std::fs::read_to_string(self.path("pid")).ok()?;
        Pid::from_raw(pid.trim().parse().ok()?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the folder is writable");
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.kill();
        }
    }
}

fn run(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
