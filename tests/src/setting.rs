//! A folder in which the executable is run, and in which nothing secret may be left.
//!
//! Tests plant [`PASSWORD`] in URLs and [`VALUE`] in rows. After each command its answer, its
//! narration with all logs, and every file of its state are searched for both.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Said, longhaul, run};
use crate::scratch::{Database, Folder};

/// A password that is shown nowhere.
pub const PASSWORD: &str = "canary-password-7f3a";

/// A value of a row, not of its key, that is shown nowhere.
pub const VALUE: &str = "canary-value-c01d";

/// Where the executable is run.
pub struct Setting {
    executable: &'static str,
    folder: Folder,
}

impl Setting {
    /// A new, empty folder.
    pub fn new(executable: &'static str) -> Self {
        Self { executable, folder: Folder::new() }
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    ///
    /// # Panics
    /// When it cannot.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the folder is writable");
    }

    /// Reads a file of the folder.
    ///
    /// # Panics
    /// When it is not there.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// Writes `longhaul.yaml`: everything from one URL to the other, and `more` lines. Some rows may be
    /// rejected, see [`tolerant`].
    pub fn migration(&self, from: &str, to: &str, more: &str) {
        self.strict_migration(from, to, &tolerant(more));
    }

    /// The same, but nothing is said of rejects where `more` says nothing: the first ends the run.
    pub fn strict_migration(&self, from: &str, to: &str, more: &str) {
        let text = format!(
            "name: bad\nenvironments:\n  old: {{ url: \"{from}\" }}\n  new: {{ url: \"{to}\" }}\n\
             from: old\nto: new\n{more}\n"
        );
        self.write("longhaul.yaml", &text);
    }

    /// The URL of a SQLite file in the folder, on which the statements were run.
    ///
    /// # Panics
    /// When a statement is refused.
    pub fn sqlite(&self, name: &str, statements: &str) -> String {
        self.open(name).execute_batch(statements).expect("the statements are understood");
        self.folder.sqlite(name)
    }

    /// A connection to a SQLite file in the folder.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn open(&self, name: &str) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path(name)).expect("the file can be opened")
    }

    /// The executable with arguments, logging everything, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = longhaul(self.executable, self.folder.path());
        command.args(arguments).env("LONGHAUL_LOG", "trace");
        command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it showed a canary.
    pub fn longhaul(&self, arguments: &[&str]) -> Said {
        self.run(&mut self.command(arguments))
    }

    /// Runs a command of [`Setting::command`] to its end.
    ///
    /// # Panics
    /// When it showed a canary.
    pub fn run(&self, command: &mut Command) -> Said {
        let said = run(command);
        self.shows_nothing(&said);
        said
    }

    /// Searches what was said, and the state, for the canaries.
    ///
    /// # Panics
    /// When one is found.
    pub fn shows_nothing(&self, said: &Said) {
        for canary in [PASSWORD, VALUE] {
            for (where_, text) in [("stdout", &said.stdout), ("stderr", &said.stderr)] {
                assert!(!text.contains(canary), "{canary} stands on {where_}\n{said}");
            }
            for file in files(&self.path(".longhaul")) {
                let bytes = std::fs::read(&file).unwrap_or_default();
                let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
                assert!(!found, "{canary} stands in {}", file.display());
            }
        }
    }
}

/// These lines, and up to a thousand rejects per table where they say nothing of any. Many tests look at
/// which rows are rejected, and a run stops at the first unless it is told otherwise.
pub fn tolerant(more: &str) -> String {
    const LIMIT: &str = "rejects: 1000";
    if more.contains("rejects:") {
        more.to_owned()
    } else if more.contains("limits: {") {
        more.replacen("limits: {", &format!("limits: {{ {LIMIT},"), 1)
    } else {
        format!("{more}\nlimits: {{ {LIMIT} }}")
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

impl Said {
    /// This, if it ended with that fault: code, exit code, every one of `words`, a next step, and
    /// where to read more.
    ///
    /// # Panics
    /// With all that was said, if it did not.
    #[must_use]
    pub fn fault(self, code: &str, exit: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(exit), "{self}");
        assert!(self.stderr.contains(code), "no {code} in {self}");
        let next = self.stderr.contains("next: ") || self.stderr.contains("help: ");
        assert!(next, "no next step in {self}");
        let page = format!("longhaul explain {code}");
        assert!(self.stderr.contains(&page), "no `{page}` in {self}");
        self.says(words)
    }

    /// This, if it said all those words, wherever.
    ///
    /// # Panics
    /// With all that was said, if one is missing.
    #[must_use]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            let said = self.stderr.contains(word) || self.stdout.contains(word);
            assert!(said, "no `{word}` in {self}");
        }
        self
    }
}

impl Database {
    /// Its URL, with [`PASSWORD`] in it.
    ///
    /// # Panics
    /// When the server's URL has no user.
    pub fn url_with_password(&self) -> String {
        let url = self.url();
        let (login, rest) = url.split_once('@').expect("the URL of the server names a user");
        format!("{login}:{PASSWORD}@{rest}")
    }

    /// Its URL, for another user.
    ///
    /// # Panics
    /// When the server's URL has no user.
    pub fn url_as(&self, user: &str) -> String {
        let url = self.url();
        let (scheme, rest) = url.split_once("://").expect("a URL has a scheme");
        let (_, rest) = rest.split_once('@').expect("the URL of the server names a user");
        format!("{scheme}://{user}@{rest}")
    }

    /// Runs statements on it.
    ///
    /// # Panics
    /// When one is refused.
    pub async fn run(&self, statements: &str) {
        self.client().await.batch_execute(statements).await.expect("the statements are understood");
    }

    /// The first cell of the first row of a query, as text.
    ///
    /// # Panics
    /// When there is none.
    pub async fn ask(&self, query: &str) -> String {
        let wrapped = format!("SELECT ({query})::text");
        let row =
            self.client().await.query_one(&wrapped, &[]).await.expect("the query is understood");
        row.get::<_, Option<String>>(0).unwrap_or_else(|| "NULL".into())
    }

    /// Names of all that stands in it beside the system's own.
    pub async fn relations(&self) -> String {
        let query = "SELECT string_agg(n.nspname || '.' || c.relname, ' ' \
                     ORDER BY n.nspname, c.relname) \
                     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
                     AND c.relkind IN ('r', 'p', 'S')";
        self.ask(query).await
    }
}
