//! The accounts of a PostgreSQL catalogue. Of a schema with everything in it that we know of, what
//! `pg_dump` says of source and target is compared statement by statement, and what stands in the
//! catalogues row by row: each difference is explained by a note of the report, or known below.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use tests::conserved::{Said, notes};
use tests::moving::{Engine, Move};

use super::MORTAL;

const KITCHEN: &str = include_str!("kitchen.sql");
const CENSUS: &str = include_str!("census.sql");

/// What goes in silence: an inherited check that the parent never validated is valid in an heir that was
/// made later, and not in the heir that is made before the check.
const KNOWN: [&str; 1] = ["constraint\tlater on app.heir"];

/// What a note names in other words: a part of what is called so, and of the note.
const OTHERWISE: [(&str, &str); 5] = [
    ("COLUMN child.id; Type: ACL", "grants not moved: app.child"),
    ("column\tapp.child.id", "grants not moved: app.child"),
    ("DEFAULT PRIVILEGES FOR TABLES", "default privileges not moved: for role"),
    ("USER MAPPING public", "user mapping not moved: public on server kitchen_server"),
    ("PUBLICATION TABLE", "publication not moved: kitchen_pub"),
];

/// Words of a name that are nobody's name.
const PLAIN: [&str; 16] = [
    "on", "app", "for", "in", "to", "public", "server", "role", "tables", "USING", "btree",
    "TABLE", "SCHEMA", "FUNCTION", "COLUMN", "_RETURN",
];

async fn moved() -> (Move, Vec<Said>) {
    let moving = Move::new(MORTAL, (Engine::Postgres, Engine::Postgres)).await;
    moving.from.run(KITCHEN).await;
    let report: Value = moving.moves();
    assert_eq!(report["verdict"], "verified", "{report:#}");
    let notes = notes(&report);
    (moving, notes)
}

#[tokio::test]
async fn every_row_of_the_catalogue_arrives_or_is_named() {
    let (moving, notes) = moved().await;
    let census = format!("SET search_path = ''; {CENSUS}");
    let set = async |store: &tests::moving::Store| -> BTreeSet<String> {
        store.rows(&census).await.into_iter().collect()
    };
    let (source, target) = (set(&moving.from).await, set(&moving.to).await);
    assert!(source.len() > 100, "{source:?}");
    let called = |line: &str| line.split(" = ").next().unwrap_or_default().to_owned();
    let there: BTreeSet<_> = target.iter().map(|line| called(line)).collect();
    let before: BTreeSet<_> = source.iter().map(|line| called(line)).collect();
    let mut wrong = Vec::new();
    for line in source.difference(&target) {
        let part_of_what_is_gone = owner(line).is_some_and(|owner| !has_relation(&there, owner));
        if !part_of_what_is_gone && !explained(&called(line), &notes) {
            wrong.push(format!("- {line}"));
        }
    }
    for line in target.difference(&source).filter(|line| !before.contains(&called(line))) {
        if !explained(&called(line), &notes) {
            wrong.push(format!("+ {line}"));
        }
    }
    only_known(&wrong, &notes);
}

#[tokio::test]
async fn every_statement_of_a_dump_arrives_or_is_named() {
    let (moving, notes) = moved().await;
    let (Some(source), Some(target)) = (dump(&moving.from.url()), dump(&moving.to.url())) else {
        println!("there is no pg_dump for this server: not tested");
        return;
    };
    assert!(source.len() > 50, "{source:?}");
    let mut wrong = Vec::new();
    for (head, body) in &source {
        let there = target.get(head).map(String::as_str).unwrap_or_default();
        let name = head.split(';').next().unwrap_or_default();
        let lines = body.lines().filter(|line| !there.lines().any(|other| other == *line));
        for line in lines.filter(|_| !explained(name, &notes)) {
            wrong.push(format!("- {head}: {line}"));
        }
    }
    for (head, body) in target.iter().filter(|(head, _)| !source.contains_key(*head)) {
        if !explained(head.split(';').next().unwrap_or_default(), &notes) {
            wrong.push(format!("+ {head}: {body}"));
        }
    }
    only_known(&wrong, &notes);
}

/// Fails unless what is wrong is what is known, all of it.
fn only_known(wrong: &[String], notes: &[Said]) {
    let known = |line: &&String| KNOWN.iter().any(|known| line.contains(known));
    let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
    let otherwise = |line: &&String| {
        let mut ways = OTHERWISE.iter().filter(|(part, _)| line.contains(part));
        ways.any(|(_, said)| notes.iter().any(|note| note.contains(said)))
    };
    // A dump ends a statement with a line of its own.
    let says = |line: &&String| !line.ends_with(": ") && !line.ends_with(": --");
    let new = wrong.iter().filter(says).filter(|line| !known(line) && !otherwise(line));
    let new: Vec<_> = new.cloned().collect();
    assert!(new.is_empty(), "in silence:\n{}\nnotes:\n{}", new.join("\n"), notes.join("\n"));
}

/// The statements of a dump by their heads; none where there is no `pg_dump` that can read the server.
fn dump(url: &str) -> Option<BTreeMap<String, String>> {
    let arguments = ["--schema-only", "--no-owner", "--exclude-schema", "longhaul"];
    let output = Command::new("pg_dump").args(arguments).arg(url).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let statement = |part: &str| {
        let (head, body) = part.split_once("\n--\n").unwrap();
        let body = body.split("\n--\n-- ").next().unwrap_or_default();
        (head.to_owned(), body.trim().to_owned())
    };
    Some(text.split("\n-- Name: ").skip(1).map(statement).collect())
}

/// The table that a thing is a part of, if it is one: of `table constraint\tc on app.t`, `app.t`.
fn owner(line: &str) -> Option<&str> {
    let (kind, rest) = line.split_once('\t')?;
    let name = rest.split(" = ").next()?;
    if let Some((_, owner)) = name.rsplit_once(" on ") {
        return Some(owner);
    }
    (kind == "column").then(|| name.rsplit_once('.').map(|(owner, _)| owner))?
}

fn has_relation(there: &BTreeSet<String>, name: &str) -> bool {
    there.iter().any(|line| line.split_once('\t').is_some_and(|(_, other)| other == name))
}

/// Whether one note has all the names in it.
fn explained(name: &str, notes: &[Said]) -> bool {
    let name = name.split_once('\t').map_or(name, |(_, name)| name);
    let name = name.split('(').next().unwrap_or_default();
    let words: Vec<_> = name
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty() && !PLAIN.contains(word))
        .collect();
    notes.iter().any(|note| words.iter().all(|word| note.mentions(word)))
}
