//! The migration file: what a person writes, read once, at the door.
//!
//! # Promises
//! 1. Precedence is file, then environment variables (`LONGHAUL_LIMITS__SLOTS=4`), then `--set`.
//! 2. An unknown key, a value of the wrong kind, or things that make no sense together are errors
//!    that point at the place in whichever text it was written, with what was probably meant.
//! 3. A secret is here by reference only. A password in a URL is refused in a file; from the
//!    command line and from variables it is taken, and printed nowhere: not by `Debug`, not in a
//!    fault, and not in the excerpt of an error that happens to be beside it.
//! 4. No bytes make it panic.
//!
//! # Not promised
//! That an address leads somewhere, or that an entity exists: the plan finds out.
//!
//! A text is parsed to a tree with places (`node`), overridden (`overrides`), read into the
//! types of the file (`read`, `file`), and resolved (`resolve`, `rules`).

mod asked;
mod collector;
mod connection;
mod error;
mod file;
mod fleet;
mod foreign;
mod mask;
mod node;
mod overrides;
mod read;
mod resolve;
mod rules;
mod secret;
mod size;
#[cfg(test)]
mod tests;
mod tls;
mod unfit;
mod url;
mod yaml;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use protocol::fault::{Code, Fault};
use protocol::id::Environment;
use protocol::mapping::Migration;

pub use asked::{Asked, Mode};
pub use collector::Collector;
pub use connection::{Connection, EndpointLimits, EnvironmentView, environments, warnings};
pub use error::ConfigError;
pub use fleet::{Fleet, Keys, Queue, Server, ServerAddress};
pub use secret::SecretRef;
pub use tls::Tls;
pub use url::{holds_password, is_url, redact, without_password};

use error::Complaint;
use node::{Key, Node, Place, Text, What};
use overrides::Tree;

/// Bytes that a migration file may have. A longer one is some other file.
const BYTES_MAX: u64 = 4 << 20;

/// The smallest file that does something.
const SMALLEST: &str = "A migration needs at least `environments`, `from` and `to`; \
    `longhaul schema` prints all that is allowed.";

/// A way to look up environment variables, so that only `main` reads the real ones.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where a migration is written.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// In a file.
    File(&'a Path),
    /// On the command line: everything from one URL to another.
    Urls(&'a str, &'a str),
}

/// What is said over what is written.
#[derive(Debug, Clone, Copy)]
pub struct Over<'a> {
    /// Arguments of `--set`.
    pub set: &'a [String],
    /// What moves, as options of its own say it.
    pub asked: &'a Asked,
}

/// What a migration file and its overrides come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where it was written, for messages.
    place: String,
    migration: Option<Migration>,
    /// How to reach the environments.
    pub environments: BTreeMap<Environment, Connection>,
    /// The environment meant where none is named.
    pub default: Option<Environment>,
    /// The slots that somebody asked for; what is usual for one process is no wish about a fleet.
    pub slots: Option<u32>,
    /// The servers around which coordinators and workers meet.
    pub fleet: Option<Fleet>,
}

/// Reads a migration file and what overrides it.
///
/// `overrides` are arguments of `--set`: `limits.slots=4`, `entities[0].top=10`. Each variable
/// `LONGHAUL_…` that names a key of the file is asked for by name, so a misspelt one goes unnoticed.
///
/// # Errors
/// `Code::ConfigUnreadable`; `Code::ConfigMalformed`, `Code::EnvironmentUnknown`,
/// `Code::UrlMalformed` or `Code::SameDatabase` with the place; `Code::Usage` for a `--set` that is
/// no `key=value`.
pub fn load(
    path: &Path,
    overrides: &[String],
    variables: Variables<'_>,
) -> Result<Config, ConfigError> {
    let over = Over { set: overrides, asked: &Asked::default() };
    read_over(Origin::File(path), over, variables)
}

/// Reads what is written, and what is said over it.
///
/// # Errors
/// As [`load`].
pub fn read_over(
    origin: Origin<'_>,
    over: Over<'_>,
    variables: Variables<'_>,
) -> Result<Config, ConfigError> {
    let (mut tree, stem) = tree_of(origin)?;
    apply(&mut tree, origin.without(), over, variables)?;
    meant(&tree, &stem)
}

/// A migration file that says the same as what is written and said over it, with the variables in
/// which it looks for passwords: those of URLs have no place in it.
///
/// # Errors
/// As [`load`].
pub fn written(
    origin: Origin<'_>,
    over: Over<'_>,
    variables: Variables<'_>,
) -> Result<(String, Vec<String>), ConfigError> {
    let (mut tree, stem) = tree_of(origin)?;
    apply(&mut tree, origin.without(), over, variables)?;
    meant(&tree, &stem)?;
    Ok(asked::file(tree))
}

impl Origin<'_> {
    /// Keys that variables do not override.
    fn without(self) -> &'static [&'static str] {
        match self {
            Self::File(_) => &[],
            Self::Urls(..) => &["environments", "from", "to", "default", "name"],
        }
    }
}

/// The tree of what is written, and its name where it gives none.
fn tree_of(origin: Origin<'_>) -> Result<(Tree, String), ConfigError> {
    match origin {
        Origin::File(path) => {
            let name = path.display().to_string();
            let bytes = bytes_of(path).map_err(ConfigError::bare)?;
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            Ok((parsed(&name, bytes)?, stem.unwrap_or_default()))
        }
        Origin::Urls(from_url, to_url) => {
            let option = |option: &str, url: &str| Text {
                name: option.into(),
                body: format!("{option} {url}"),
                file: false,
            };
            let texts = vec![option("--from", from_url), option("--to", to_url)];
            let root = pair_of_urls(from_url, to_url);
            Ok((Tree { texts, root }, "source-to-target".into()))
        }
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Fault> {
    read_file(path, BYTES_MAX, "it is too large for a migration file (4 MiB)")
}

/// The bytes of a file that a person named, of so many at most.
///
/// # Errors
/// `Code::ConfigUnreadable`; also for what is no file: a pipe would be waited for, and a device has no
/// end.
pub(crate) fn read_file(path: &Path, bytes_max: u64, too_large: &str) -> Result<Vec<u8>, Fault> {
    let unreadable = || Fault::new(Code::ConfigUnreadable, path.display().to_string());
    let failed = |cause: std::io::Error| unreadable().saying(reason(&cause)).because(cause);
    let about = fs::metadata(path).map_err(failed)?;
    if !about.is_file() && !about.is_dir() {
        return Err(unreadable()
            .saying("it is a pipe, a socket or a device, and only files are read")
            .next("Write it to a file first, and name that."));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > bytes_max) {
        return Err(unreadable().saying(too_large));
    }
    Ok(bytes)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the standard library's, and it grows")]
fn reason(cause: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match cause.kind() {
        ErrorKind::NotFound => "there is no such file",
        ErrorKind::PermissionDenied => "access is denied",
        ErrorKind::IsADirectory => "it is a folder",
        _ => "reading it failed",
    }
}

/// A file's tree.
fn parsed(name: &str, bytes: Vec<u8>) -> Result<Tree, ConfigError> {
    let text = |body: String| Text { name: name.to_owned(), body, file: true };
    let body = String::from_utf8(bytes).map_err(|error| {
        let at = Place { text: 0, offset: error.utf8_error().valid_up_to(), length: 1 };
        let complaint = Complaint::new(Code::ConfigMalformed, at, "this is not text in UTF-8")
            .help("Save the file as UTF-8.");
        let lossy = String::from_utf8_lossy(error.as_bytes()).into_owned();
        complaint.shown_in(&[text(lossy)])
    })?;
    let texts = vec![text(body)];
    let root = node::parse(&texts[0].body, 0, 0).map_err(|complaint| complaint.shown_in(&texts))?;
    if root.is_null() {
        let complaint = Complaint::new(Code::ConfigMalformed, root.at, "the file is empty");
        return Err(complaint.help(SMALLEST).shown_in(&texts));
    }
    Ok(Tree { texts, root })
}

/// Applies what is said over a tree: variables, then `--set`, then options of their own.
fn apply(
    tree: &mut Tree,
    without: &[&str],
    over: Over<'_>,
    variables: Variables<'_>,
) -> Result<(), ConfigError> {
    let applied = tree.apply_variables(&schema(), without, variables);
    let applied = applied.and_then(|()| over.set.iter().try_for_each(|set| tree.apply_set(set)));
    applied.map_err(|complaint| complaint.shown_in(&tree.texts))?;
    over.asked.apply(tree);
    Ok(())
}

/// Makes sense of a tree.
fn meant(tree: &Tree, stem: &str) -> Result<Config, ConfigError> {
    let resolved = read::read(&tree.root).and_then(|file| resolve::resolve(file, tree, stem));
    resolved.map_err(|complaint| complaint.shown_in(&tree.texts))
}

impl Config {
    /// A migration without a file: everything from one URL to another. The environments are
    /// called `source` and `target`, and the migration `source-to-target`.
    ///
    /// # Errors
    /// `Code::UrlMalformed`.
    pub fn between(from_url: &str, to_url: &str) -> Result<Self, Fault> {
        Self::between_with(from_url, to_url, &[], &|_| None).map_err(ConfigError::into_fault)
    }

    /// The same, with overrides as for [`load`]; only what the URLs say already is not overridden
    /// by variables.
    ///
    /// # Errors
    /// `Code::UrlMalformed`, and those of [`load`] for the overrides.
    pub fn between_with(
        from_url: &str,
        to_url: &str,
        overrides: &[String],
        variables: Variables<'_>,
    ) -> Result<Self, ConfigError> {
        let over = Over { set: overrides, asked: &Asked::default() };
        read_over(Origin::Urls(from_url, to_url), over, variables)
    }

    /// What is to be done.
    ///
    /// # Errors
    /// `Code::ConfigMalformed` for a file that names no source: that of a coordinator or worker.
    pub fn migration(&self) -> Result<&Migration, Fault> {
        self.migration.as_ref().ok_or_else(|| {
            Fault::new(Code::ConfigMalformed, &self.place)
                .saying("`from` is missing, so it describes no migration")
                .next("Add a line `from: …` with the name of an environment, or use `--from`.")
        })
    }

    /// The servers around which coordinators and workers meet.
    ///
    /// # Errors
    /// `Code::ConfigMalformed` for a file that names none.
    pub fn fleet(&self) -> Result<&Fleet, Fault> {
        self.fleet.as_ref().ok_or_else(|| {
            Fault::new(Code::ConfigMalformed, &self.place)
                .saying("`fleet` is missing")
                .next("Add a section `fleet` with `broker`, `ledger` and `keys`; docs/fleet.md explains it.")
        })
    }

    /// The environment of that name, or the default where none is named.
    ///
    /// # Errors
    /// `Code::EnvironmentUnknown`, with the names there are.
    pub fn environment(&self, name: Option<&str>) -> Result<(&Environment, &Connection), Fault> {
        let wanted = match name {
            Some(name) => Some(Environment(name.to_owned())),
            None => self.default.clone(),
        };
        let found = wanted.as_ref().and_then(|name| self.environments.get_key_value(name));
        found.ok_or_else(|| {
            let names = self.environments.keys().map(|name| name.0.as_str());
            let near = name.and_then(|name| error::nearest(name, names.clone()));
            let fault = Fault::new(Code::EnvironmentUnknown, name.unwrap_or("no name given"));
            match near {
                Some(near) => fault.saying(format!("did you mean `{near}`?")),
                None => fault.saying(format!("there are {}", names.collect::<Vec<_>>().join(", "))),
            }
        })
    }
}

/// The tree of a file that would say: from this URL to that one.
fn pair_of_urls(from_url: &str, to_url: &str) -> Node {
    let at = |text: usize, offset: usize, length: usize| Place { text, offset, length };
    let map = |at: Place, pairs: Vec<(&str, Node)>| {
        let key = |name: &str| Key { name: name.into(), at };
        let pairs = pairs.into_iter().map(|(name, node)| (key(name), node)).collect();
        Node { what: What::Map(pairs), at }
    };
    let side = |text: usize, option: &str, name: &str, url: &str| {
        let place = at(text, option.len() + 1, url.len());
        let quoted = |text: &str| Node { what: What::Quoted(text.into()), at: place };
        (quoted(name), map(place, vec![("url", quoted(url))]))
    };
    let (from, source) = side(0, "--from", "source", from_url);
    let (to, target) = side(1, "--to", "target", to_url);
    let whole = at(0, 0, "--from".len());
    let environments = map(whole, vec![("source", source), ("target", target)]);
    map(whole, vec![("environments", environments), ("from", from), ("to", to)])
}

/// A size as people write it on a command line, in bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    size::Size::parse(text).map(|size| size.0).map_err(|said| said.replace('\n', ". "))
}

/// A word as a shell reads it back.
pub(crate) fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The JSON Schema (2020-12) of the migration file, with a description of every key: what
/// `longhaul schema` prints and editors complete from.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(file::File).to_value()
}
