//! The house's floors, held against the manifests: who may know whom, and who alone may touch
//! which outside thing. Every check takes what it judges as a value, so that made-up bad houses
//! show that it can fail.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cargo::{linked, manifests, root};

/// The crates and the floor each stands on. A crate sees lower floors only.
const FLOORS: [(&str, u8); 12] = [
    ("protocol", 0),
    ("tls", 1),
    ("transform", 2),
    ("endpoint", 2),
    ("broker", 2),
    ("ledger", 2),
    ("coordinator", 3),
    ("worker", 3),
    ("longhaul", 4),
    // Beside the house: they may see all of it, and nothing of it, nor any of them, sees them.
    ("model", 5),
    ("tests", 5),
    ("bench", 5),
];

/// Crates that speak to a database or a server, and the crates of the house that may name them.
const DRIVERS: [(&str, &[&str]); 13] = [
    ("tokio-postgres", &["endpoint", "tests", "bench"]),
    ("tokio-postgres-rustls", &["endpoint", "tests", "bench"]),
    // `cli` fills the demonstration's database with it.
    ("rusqlite", &["endpoint", "ledger", "longhaul", "tests", "bench"]),
    ("tokio-rusqlite", &["endpoint", "ledger"]),
    ("libsqlite3-sys", &[]),
    ("postgres", &[]),
    ("sqlx", &[]),
    ("mysql_async", &["endpoint", "tests", "bench"]),
    ("tiberius", &["endpoint", "tests", "bench"]),
    ("lapin", &["broker", "tests"]),
    ("redis", &["ledger", "tests"]),
    ("reqwest", &["endpoint", "tests"]),
    ("opentelemetry-otlp", &["longhaul"]),
];

/// What would bring a second TLS provider, or a library of the machine, into the executable.
const BANNED: [&str; 3] = ["ring", "openssl-sys", "native-tls"];

/// Lines of `[workspace.dependencies]` that one comment may serve.
const LINES_PER_COMMENT: usize = 3;

/// All that is wrong with the crates in the output of `cargo metadata`, in sentences.
fn misplaced(metadata: &Value) -> Vec<String> {
    let mut wrong = vec![];
    for package in list(&metadata["packages"]) {
        let name = text(&package["name"]);
        let Some(floor) = floor_of(name) else {
            wrong.push(format!("{name} has no floor"));
            continue;
        };
        for dependency in list(&package["dependencies"]).iter().map(|d| text(&d["name"])) {
            if floor_of(dependency).is_some_and(|below| below >= floor) {
                wrong.push(format!("{name} knows {dependency}, which is not below it"));
            }
            let driver = DRIVERS.iter().find(|(driver, _)| *driver == dependency);
            if driver.is_some_and(|(_, users)| !users.contains(&name)) {
                wrong.push(format!("{name} names the driver {dependency}"));
            }
        }
    }
    wrong
}

/// Crates of the table that are no members, members that stand elsewhere than at the root, and
/// folders at the root with a manifest that are no members.
fn unlisted(members: &BTreeSet<String>, folders: &BTreeSet<String>) -> Vec<String> {
    let table: BTreeSet<String> = FLOORS.iter().map(|(name, _)| folder_of(name)).collect();
    let absent = table.difference(members).map(|name| format!("{name} is gone"));
    let elsewhere = members.difference(folders).map(|name| format!("{name} is not at the root"));
    let stray = folders.difference(members).map(|name| format!("{name} is no member"));
    absent.chain(elsewhere).chain(stray).collect()
}

/// Lines of `[workspace.dependencies]` that no comment says the reason of. Our own crates need
/// none: `house.md` is about them.
fn unexplained(manifest: &str) -> Vec<String> {
    let section = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let mut wrong = vec![];
    let mut served = LINES_PER_COMMENT;
    for line in section.take_while(|line| !line.starts_with('[')) {
        if let Some(comment) = line.strip_prefix('#') {
            let says_something = comment.split_whitespace().count() > 1;
            served = if says_something { 0 } else { LINES_PER_COMMENT };
        } else if line.trim().is_empty() {
            served = LINES_PER_COMMENT;
        } else if !line.contains("path = ") {
            if served >= LINES_PER_COMMENT {
                wrong.push(line.to_owned());
            }
            served += 1;
        }
    }
    wrong
}

/// Those of these packages that wait, or could.
fn asynchronous<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let waits = |name: &str| {
        ["tokio", "async", "futures", "smol", "mio"].iter().any(|start| name.starts_with(start))
    };
    names.filter(|name| waits(name)).collect()
}

fn floor_of(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

/// The executable's crate bears its name and stands in `cli`; every other is named like its folder.
fn folder_of(name: &str) -> String {
    if name == "longhaul" { "cli".into() } else { name.into() }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A house of one crate, for checks of the checks.
fn house(name: &str, dependencies: &[&str]) -> Value {
    let dependencies: Vec<_> = dependencies.iter().map(|d| json!({ "name": d })).collect();
    json!({ "packages": [{ "name": name, "dependencies": dependencies }] })
}

#[test]
fn crates_know_lower_floors_only_and_only_their_own_outside_thing() {
    let metadata = manifests();
    assert_eq!(list(&metadata["packages"]).len(), FLOORS.len());
    assert_eq!(misplaced(&metadata), Vec::<String>::new());
}

#[test]
fn a_crate_in_the_wrong_place_is_noticed() {
    let wrong = |name: &str, dependencies: &[&str]| misplaced(&house(name, dependencies));
    assert_eq!(
        wrong("protocol", &["endpoint"]),
        ["protocol knows endpoint, which is not below it"]
    );
    assert_eq!(wrong("broker", &["ledger"]), ["broker knows ledger, which is not below it"]);
    assert_eq!(
        wrong("coordinator", &["worker"]),
        ["coordinator knows worker, which is not below it"]
    );
    assert_eq!(wrong("longhaul", &["tests"]), ["longhaul knows tests, which is not below it"]);
    assert_eq!(wrong("worker", &["tokio-postgres"]), ["worker names the driver tokio-postgres"]);
    assert_eq!(wrong("helpers", &[]), ["helpers has no floor"]);
    assert_eq!(wrong("worker", &["protocol", "endpoint", "tokio"]), Vec::<String>::new());
}

#[test]
fn every_folder_with_a_manifest_is_a_crate_of_the_table() {
    let metadata = manifests();
    let here = root();
    let folder = |package: &Value| {
        let manifest = std::path::Path::new(text(&package["manifest_path"])).parent()?;
        Some(manifest.strip_prefix(&here).ok()?.to_str()?.to_owned())
    };
    let members = list(&metadata["packages"]).iter().filter_map(folder).collect();
    let entries = std::fs::read_dir(&here).unwrap().map(Result::unwrap);
    let crates = entries.filter(|entry| entry.path().join("Cargo.toml").exists());
    let folders = crates.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(unlisted(&members, &folders), Vec::<String>::new());
}

#[test]
fn a_folder_that_nobody_listed_is_noticed() {
    let all: BTreeSet<String> = FLOORS.iter().map(|(name, _)| folder_of(name)).collect();
    let mut more = all.clone();
    more.insert("api".into());
    assert_eq!(unlisted(&all, &more), ["api is no member"]);
    assert_eq!(unlisted(&more, &all), ["api is not at the root"]);
    let mut fewer = all.clone();
    fewer.remove("broker");
    assert_eq!(unlisted(&fewer, &fewer), ["broker is gone"]);
    assert_eq!(unlisted(&all, &all), Vec::<String>::new());
}

#[test]
fn tls_has_one_provider_and_needs_nothing_of_the_machine() {
    let linked = linked(None);
    let names: BTreeSet<&str> = linked.iter().map(|package| package.name.as_str()).collect();
    assert!(names.contains("aws-lc-rs"), "the check looks at what is linked");
    let banned: Vec<_> = BANNED.into_iter().filter(|name| names.contains(name)).collect();
    assert_eq!(banned, Vec::<&str>::new());
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("\n[workspace.dependencies]\n"));
    assert_eq!(unexplained(&manifest), Vec::<String>::new());
}

#[test]
fn a_dependency_without_a_reason_is_noticed() {
    let manifest = "[workspace]\n[workspace.dependencies]\nprotocol = { path = \"protocol\" }\n\
                    bare = \"1\"\n# Serves a few.\na = \"1\"\nb = \"1\"\nc = \"1\"\nd = \"1\"\n\
                    # Why.\ne = \"1\"\n\nf = \"1\"\n[profile.dev]\nopt-level = 1\n";
    assert_eq!(
        unexplained(manifest),
        [
            "bare = \"1\"",
            "d = \"1\"",
            // One word is no reason, and an empty line ends what a comment serves.
            "e = \"1\"",
            "f = \"1\"",
        ]
    );
}

#[test]
fn the_protocol_waits_for_nothing() {
    let linked = linked(Some("protocol"));
    assert!(linked.iter().any(|package| package.name == "serde"), "it does see the tree");
    let names = linked.iter().map(|package| package.name.as_str());
    assert_eq!(asynchronous(names), Vec::<&str>::new());
    assert_eq!(asynchronous(["serde", "tokio-util"].into_iter()), ["tokio-util"]);
    for file in sources(&root().join("protocol/src")) {
        let source = std::fs::read_to_string(&file).unwrap();
        assert!(!source.contains("async fn") && !source.contains(".await"), "{}", file.display());
    }
}

fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the crate stands there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let (folders, mut files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| sources(folder)));
    files
}
