//! Private servers: started for a test, on a port of their own, and gone with it.
//!
//! Servers that must not run as root run as the user that their package made for them.

use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::certificates::Pair;
use crate::patience::block_until;
pub use crate::port::free_port;
use crate::scratch::Folder;

/// How long a server may take to begin listening.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom a server runs as: ourselves, or the user of its package where we are root.
#[derive(Debug, Clone, Copy)]
pub struct User(Option<(u32, u32)>);

impl User {
    /// For a server whose package makes a user of that name.
    ///
    /// # Panics
    /// When we are root and there is no such user.
    pub fn of(name: &str) -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").expect("the list of users");
        let line = users.lines().find(|line| line.split(':').next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("there is no user {name}: install the server"));
        let number = |at| line.split(':').nth(at).and_then(|text| text.parse().ok());
        Self(Some((number(2).expect("a number"), number(3).expect("a number"))))
    }

    /// Gives it a file or folder, which nobody else may then read.
    ///
    /// # Panics
    /// When that cannot be done.
    pub fn give(self, path: &Path) {
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("it is ours");
        if let Some((user, group)) = self.0 {
            chown(path, Some(user), Some(group)).expect("root may");
        }
    }

    /// A command that this user runs.
    pub fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}

/// A PostgreSQL server.
pub struct Postgres {
    folder: Folder,
    user: User,
    port: u16,
}

impl Postgres {
    /// Starts one whose superuser is `postgres`; whoever asks from this machine is let in.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    pub fn start() -> Self {
        let (folder, user) = (Folder::new(), User::of("postgres"));
        user.give(folder.path());
        let this = Self { folder, user, port: free_port() };
        let data = this.data();
        let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"];
        done(user.command(binary("initdb")).arg("-D").arg(&data).args(options));
        this.configure("fsync = off");
        this.control("start");
        this
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A folder that it can read, and files of which it owns.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds lines to its settings, for when it starts again.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn configure(&self, lines: &str) {
        let file = self.data().join("postgresql.conf");
        let before = std::fs::read_to_string(&file).expect("it was made");
        std::fs::write(&file, format!("{before}\n{lines}\n")).expect("it is writable");
    }

    /// Shows this certificate to whoever connects from now on, and lets in only by these rules,
    /// the lines of `pg_hba.conf`.
    ///
    /// # Panics
    /// When it does not start again.
    pub fn encrypt(&self, pair: &Pair, authority: &Path, rules: &str) {
        for file in [&pair.certificate, &pair.key] {
            self.user.give(file);
        }
        std::fs::set_permissions(authority, PermissionsExt::from_mode(0o644)).expect("it is ours");
        self.configure(&format!(
            "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\nssl_ca_file = '{}'",
            pair.certificate.display(),
            pair.key.display(),
            authority.display()
        ));
        std::fs::write(self.data().join("pg_hba.conf"), rules).expect("it is writable");
        self.control("restart");
    }

    /// Runs statements, past all rules about who may come in.
    ///
    /// # Panics
    /// When one is refused.
    pub fn run(&self, statements: &str) {
        let folder = self.folder().display().to_string();
        let port = self.port.to_string();
        let options = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", &folder];
        done(self.user.command(binary("psql")).args(options).args(["-p", &port, "-c", statements]));
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self, what: &str) {
        let folder = self.folder.path().display();
        let listen = format!("-p {} -k {folder} -c listen_addresses=127.0.0.1", self.port);
        let mut command = self.user.command(binary("pg_ctl"));
        command.arg("-D").arg(self.data()).arg("-l").arg(self.folder.path().join("log"));
        done(command.args(["-w", "-m", "immediate", "-o", &listen, what]));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut command = self.user.command(binary("pg_ctl"));
        command.arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]);
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// A program of the newest PostgreSQL that is installed.
pub(crate) fn binary(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|entry| entry.path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    // Elsewhere than on Debian it is on the path.
    found.pop().unwrap_or_else(|| name.into())
}

fn done(command: &mut Command) {
    // A server that outlives the command must not hold its output open.
    let said = Folder::new();
    let file = std::fs::File::create(said.path().join("said")).expect("the folder is writable");
    let twin = file.try_clone().expect("a second handle");
    let status = command.stdout(file).stderr(twin).status();
    let text = std::fs::read_to_string(said.path().join("said")).unwrap_or_default();
    assert!(status.is_ok_and(|status| status.success()), "{command:?} failed:\n{text}");
}

/// A Redis that speaks TLS only, and keeps nothing.
pub struct Redis {
    folder: Folder,
    port: u16,
    child: Child,
}

impl Redis {
    /// Starts one that shows this certificate, and lets in who shows one of that authority's, or
    /// everybody.
    ///
    /// # Panics
    /// When Redis is not installed, or does not start.
    pub fn encrypted(pair: &Pair, authority: &Path, certified_only: bool) -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let mut command = Command::new("redis-server");
        let clients = if certified_only { "yes" } else { "no" };
        command.args(["--port", "0", "--bind", "127.0.0.1", "--tls-port", &port.to_string()]);
        command.args(["--tls-auth-clients", clients, "--appendonly", "no", "--save", ""]);
        command.arg("--tls-cert-file").arg(&pair.certificate).arg("--tls-key-file").arg(&pair.key);
        command.arg("--tls-ca-cert-file").arg(authority).arg("--dir").arg(folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut this = Self { folder, port, child: child.expect("`redis-server` is installed") };
        this.wait();
        this
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn wait(&mut self) {
        let listens = block_until(PATIENCE, || {
            let over = matches!(self.child.try_wait(), Ok(Some(_)));
            let listens = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            (listens || over).then_some(listens)
        });
        let place = self.folder.path().display();
        assert_eq!(listens, Some(true), "the Redis in {place} does not listen");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
