//! A PostgreSQL server of a test's own that asks for a password: the shared one may trust us.

use std::path::PathBuf;
use std::process::Command;

use crate::scratch::Folder;
use crate::servers::free_port;

/// A server with the user `postgres`, ended when dropped.
pub struct Strict {
    programs: PathBuf,
    folder: Folder,
    port: u16,
}

impl Strict {
    /// Starts one; `None`, with a note, where the server's programs are not installed.
    ///
    /// # Panics
    /// When they are there and do not work.
    pub fn start(password: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            println!("no PostgreSQL programs under /usr/lib/postgresql: not tested");
            return None;
        };
        let server = Self { programs, folder: Folder::new(), port: free_port() };
        let secret = server.folder.path().join("password");
        std::fs::write(&secret, password).expect("the folder is writable");
        if rustix::process::geteuid().is_root() {
            let mut chown = Command::new("chown");
            let status = chown.args(["-R", "postgres"]).arg(server.folder.path()).status();
            assert!(status.is_ok_and(|status| status.success()), "chown failed");
        }
        let data = server.data();
        let secret = secret.to_str().expect("our own paths are UTF-8");
        let login = ["-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret];
        server.program("initdb", &[&["-D", &data, "--no-sync"], &login[..]].concat());
        server.wakes();
        Some(server)
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn wakes(&self) {
        let (port, sockets) = (self.port, self.folder.path().display());
        let options = format!("-p {port} -k {sockets} -c listen_addresses=127.0.0.1 -c fsync=off");
        let log = ["-l", "/dev/null", "-o", &options, "start"];
        self.program("pg_ctl", &[&["-D", &self.data(), "-w", "-s"], &log[..]].concat());
    }

    /// Ends it at once, with all its sessions.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn goes_away(&self) {
        self.program("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-s", "stop"]);
    }

    fn data(&self) -> String {
        self.folder.path().join("data").to_string_lossy().into_owned()
    }

    /// The URL of its maintenance database, for that login: `user` or `user:password`.
    pub fn url(&self, login: &str) -> String {
        format!("postgres://{login}@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs one of the server's programs, which refuse to be run by root.
    fn program(&self, name: &str, arguments: &[&str]) {
        let program = self.programs.join(name);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).stdout(std::process::Stdio::null());
        let status = command.current_dir(self.folder.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "{name} failed");
    }
}

impl Drop for Strict {
    fn drop(&mut self) {
        if self.folder.path().join("data").join("postmaster.pid").exists() {
            self.goes_away();
        }
    }
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<_> =
        versions.flatten().map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.into_iter().rev().find(|folder| folder.join("initdb").is_file())
}
