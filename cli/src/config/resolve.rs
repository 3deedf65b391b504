//! From what a person wrote to what is meant: defaults filled in, and whatever makes no sense
//! together refused at its place.

use std::collections::BTreeMap;

use protocol::fault::Code;
use protocol::id::Environment;
use protocol::mapping::{Limits, Migration};
use protocol::schema::Engine;

use super::error::{Complaint, nearest};
use super::file::{self, File};
use super::node::{Node, Place};
use super::overrides::Tree;
use super::size::Size;
use super::{Config, Connection, EndpointLimits, fleet, rules, tls, url};

pub(super) type Checked<T> = Result<T, Box<Complaint>>;

/// Finds places in a tree again.
#[derive(Clone, Copy)]
pub(super) struct Places<'a>(pub(super) &'a Node);

impl Places<'_> {
    /// The place of the value at a path; of the deepest that exists, if it does not.
    pub(super) fn value(self, path: &[&str]) -> Place {
        self.walk(path).0
    }

    /// The place of the key at a path.
    pub(super) fn key(self, path: &[&str]) -> Place {
        self.walk(path).1
    }

    fn walk(self, path: &[&str]) -> (Place, Place) {
        let (mut node, mut key) = (self.0, self.0.at);
        for step in path {
            let Some((next, at)) = node.get(step) else { break };
            (node, key) = (next, at);
        }
        (if node.is_null() { key } else { node.at }, key)
    }
}

/// A complaint of the usual kind.
pub(super) fn wrong(at: Place, message: impl Into<String>) -> Complaint {
    Complaint::new(Code::ConfigMalformed, at, message)
}

/// Checks a file and fills in what it leaves out. `stem` is its name where it gives none.
pub(super) fn resolve(file: File, tree: &Tree, stem: &str) -> Checked<Config> {
    let places = Places(&tree.root);
    let mut environments = BTreeMap::new();
    for (name, entry) in &file.environments {
        let connection = connection(name, entry, tree)?;
        environments.insert(Environment(name.clone()), connection);
    }
    let known = |key: &str, name: &str| known(&environments, places.value(&[key]), name);
    let default = file.default.as_deref().map(|name| known("default", name)).transpose()?;
    let from = file.from.as_deref().map(|name| known("from", name)).transpose()?;
    let to = file.to.as_deref().map(|name| known("to", name)).transpose()?;
    let name = file.name.clone().unwrap_or_else(|| stem.to_owned());
    if name.trim().is_empty() {
        return Err(Box::new(wrong(places.value(&["name"]), "a migration needs a name")));
    }
    // What is said of a migration is checked in a file that describes none, too.
    let (entities, limits) = (rules::rules(&file, places)?, limits(&file, places)?);
    let (consistency, on_snapshot_lost) = (file.consistency.into(), file.on_snapshot_lost.into());
    let migration = match from {
        None => None,
        Some(from) => {
            let to = target(&from, to, default.as_ref(), places)?;
            let include = file.include.map(|all| all.into_iter().map(Into::into).collect());
            Some(Migration {
                name,
                from,
                to,
                entities,
                consistency,
                on_snapshot_lost,
                limits,
                include,
            })
        }
    };
    let in_file = |at: Place| tree.texts[at.text].file;
    let fleet = file.fleet.map(|fleet| fleet::resolve(fleet, places, &in_file)).transpose()?;
    let (place, slots) = (tree.texts[0].name.clone(), file.limits.slots);
    Ok(Config { place, migration, environments, default, slots, fleet })
}

/// The environment that is written: the one named, or else the default.
fn target(
    from: &Environment,
    to: Option<Environment>,
    default: Option<&Environment>,
    places: Places<'_>,
) -> Checked<Environment> {
    let key = if to.is_some() { "to" } else { "default" };
    let Some(to) = to.or_else(|| default.cloned()) else {
        return Err(Box::new(
            wrong(places.key(&["from"]), "`to` is missing")
                .label("read from here, but written where?")
                .help("Add a line `to: …` with the name of an environment, or `default: …`."),
        ));
    };
    if *from == to {
        let at = places.value(&[key]);
        return Err(Box::new(
            Complaint::new(Code::SameDatabase, at, "source and target are the same")
                .label(format!("`{from}` is read already"))
                .help("Name another environment under `to`."),
        ));
    }
    Ok(to)
}

fn known(
    environments: &BTreeMap<Environment, Connection>,
    at: Place,
    name: &str,
) -> Checked<Environment> {
    let environment = Environment(name.to_owned());
    if environments.contains_key(&environment) {
        return Ok(environment);
    }
    if url::is_path(name) && !url::is_url(name) {
        return Err(Box::new(scheme(name, at)));
    }
    if name.contains(':') {
        return Err(Box::new(
            Complaint::new(
                Code::EnvironmentUnknown,
                at,
                "expected the name of an environment; this is an address",
            )
            .help("Give the address a name under `environments`, and write the name here."),
        ));
    }
    let names = environments.keys().map(|environment| environment.0.as_str());
    let label = match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "not under `environments`".into(),
    };
    let listed = names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let help = match listed.as_str() {
        "" => "There are none yet: add it under `environments`.".into(),
        _ => format!("There are: {listed}."),
    };
    let message = format!("no environment has the name `{name}`");
    Err(Box::new(Complaint::new(Code::EnvironmentUnknown, at, message).label(label).help(help)))
}

fn connection(name: &str, entry: &file::Environment, tree: &Tree) -> Checked<Connection> {
    let places = Places(&tree.root);
    let here = |key: &'static str| ["environments", name, key];
    if !url::is_name(name) {
        return Err(Box::new(
            wrong(places.key(&["environments", name]), "this name does not fit an environment")
                .help("Begin with a letter; then letters, digits, `-` and `_`."),
        ));
    }
    let at = places.value(&here("url"));
    if url::holds_password(&entry.url) && tree.texts[at.text].file {
        return Err(Box::new(url::password_in_file(at)));
    }
    let Some(engine) = url::engine(&entry.url) else {
        return Err(Box::new(scheme(&entry.url, at)));
    };
    leads_somewhere(&entry.url, engine, at)?;
    let connection = Connection {
        url: entry.url.clone(),
        engine,
        password: entry.password.clone(),
        tls: entry.tls.clone(),
        limits: endpoint_limits(name, entry, places)?,
    };
    only_for_servers(&connection, places, &here)?;
    if let Some(tls) = &entry.tls {
        tls::check(&entry.url, tls, places, &["environments", name])?;
    }
    Ok(connection)
}

fn endpoint_limits(
    name: &str,
    entry: &file::Environment,
    places: Places<'_>,
) -> Checked<EndpointLimits> {
    let least = |key: &str, n| least(key, n, places.value(&["environments", name, key]));
    let connections = least("max_connections", entry.max_connections.map(u64::from))?;
    Ok(EndpointLimits {
        connections_max: connections.and_then(|n| u32::try_from(n).ok()),
        rows_per_second: least("rows_per_second", entry.rows_per_second)?,
        bytes_per_second: least("megabytes_per_second", entry.megabytes_per_second)?
            .map(|megabytes| megabytes.saturating_mul(1_000_000)),
    })
}

fn leads_somewhere(url: &str, engine: Engine, at: Place) -> Checked<()> {
    let rest = url.split_once(':').map_or("", |(_, rest)| rest);
    let say = |label: &str| {
        let complaint = Complaint::new(Code::UrlMalformed, at, "this URL leads nowhere");
        Err(Box::new(complaint.label(label)))
    };
    if rest.trim_matches('/').trim().is_empty() {
        return say("host or path is missing");
    }
    match engine {
        Engine::Postgres | Engine::MySql if !rest.starts_with("//") => {
            say("`//` is missing after the colon")
        }
        Engine::Postgres | Engine::MySql | Engine::Sqlite | Engine::Memory => Ok(()),
    }
}

fn scheme(url: &str, at: Place) -> Complaint {
    let (message, label) = url::meant(url);
    Complaint::new(Code::UrlMalformed, at, message).label(label).help(url::SUPPORTED)
}

fn only_for_servers<'a>(
    connection: &Connection,
    places: Places<'_>,
    here: &dyn Fn(&'static str) -> [&'a str; 3],
) -> Checked<()> {
    if connection.engine != Engine::Sqlite {
        return Ok(());
    }
    for (key, given) in
        [("password", connection.password.is_some()), ("tls", connection.tls.is_some())]
    {
        if given {
            return Err(Box::new(
                wrong(places.key(&here(key)), format!("a SQLite file has no `{key}`"))
                    .help("Remove the line."),
            ));
        }
    }
    Ok(())
}

fn limits(file: &File, places: Places<'_>) -> Checked<Limits> {
    let given = &file.limits;
    let fallback = Limits::default();
    let at = |key: &str| places.value(&["limits", key]);
    let least = |key: &str, number| least(key, number, at(key));
    Ok(Limits {
        slots: within("slots", given.slots, at("slots"), 256)?.unwrap_or(fallback.slots),
        rows_per_second: least("rows_per_second", given.rows_per_second)?,
        bytes_per_second: least("megabytes_per_second", given.megabytes_per_second)?
            .map(|megabytes| megabytes.saturating_mul(1_000_000)),
        memory_bytes: size("memory", given.memory, at("memory"), ("1MiB", 1 << 20))?
            .unwrap_or(fallback.memory_bytes),
        chunk_bytes: size("chunk_bytes", given.chunk_bytes, at("chunk_bytes"), ("1KiB", 1 << 10))?
            .unwrap_or(fallback.chunk_bytes),
        rejects: given.rejects.unwrap_or(fallback.rejects),
        attempts: within(
            "attempts",
            file.retry.attempts,
            places.value(&["retry", "attempts"]),
            100,
        )?
        .unwrap_or(fallback.attempts),
    })
}

fn least(key: &str, number: Option<u64>, at: Place) -> Checked<Option<u64>> {
    match number {
        Some(0) => Err(Box::new(
            wrong(at, format!("`{key}` must be at least 1"))
                .help("Leave the line out for no limit of that kind."),
        )),
        other => Ok(other),
    }
}

fn within(key: &str, number: Option<u32>, at: Place, most: u32) -> Checked<Option<u32>> {
    match number {
        Some(n) if n < 1 || n > most => {
            Err(Box::new(wrong(at, format!("`{key}` is a number from 1 to {most}"))))
        }
        other => Ok(other),
    }
}

fn size(key: &str, size: Option<Size>, at: Place, least: (&str, u64)) -> Checked<Option<u64>> {
    match size {
        Some(Size(bytes)) if bytes < least.1 => {
            let complaint = wrong(at, format!("`{key}` must be at least {}", least.0));
            Err(Box::new(if (1..=10_000).contains(&bytes) {
                complaint.label(format!("these are bytes; did you mean `{bytes}MiB`?"))
            } else {
                complaint
            }))
        }
        other => Ok(other.map(|Size(bytes)| bytes)),
    }
}
