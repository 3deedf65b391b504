//! What is moved under faults: four tables, of which one has no key in the target, so that a chunk
//! that was written twice cannot hide, and one has none on either side.

use super::server::{Engine, Server};

/// The database that is read.
pub(super) const SOURCE: &str = "source";

/// The tables and their columns.
const TABLES: [(&str, &[&str]); 4] = [
    ("pupil", &["id", "name", "guide"]),
    ("grade", &["pupil", "course", "mark"]),
    ("entry", &["id", "pupil", "said", "said_at"]),
    ("note", &["x", "y"]),
];

/// The tables whose rows are known by a key, and the key.
pub(super) const KEYS: [(&str, &str); 3] =
    [("pupil", "id"), ("grade", "pupil, course"), ("entry", "id")];

/// The one column that engines spell differently.
const MOMENT: &str = "said_at";

/// Workers log in to the target each as a user of its own, so that its sessions are known by that.
pub(super) const WORKERS_MAX: usize = 16;

/// The source, with so many entries. Pupils have a guide among themselves who may come later.
pub(super) async fn fill(server: &Server, entries: u32) {
    let engine = server.engine();
    server.execute(engine.maintenance(), &format!("CREATE DATABASE {SOURCE}")).await;
    let (pupils, grades) = (entries / 10, entries / 4);
    let (moment, at, numbers, div, analyze): (_, _, fn(u32) -> String, _, _) = match engine {
        Engine::Postgres => (
            "timestamptz",
            "timestamptz '2026-01-01 00:00+00' + i * interval '1 s'",
            |n| format!("generate_series(1, {n}) i"),
            "/",
            "ANALYZE",
        ),
        Engine::Mariadb => (
            "timestamp(6) NULL",
            "timestamp '2026-01-01 00:00:00' + interval i second",
            |n| format!("(SELECT seq AS i FROM seq_1_to_{n}) AS numbers"),
            "DIV",
            "ANALYZE TABLE pupil, grade, entry, note",
        ),
    };
    let statements = format!(
        "CREATE TABLE pupil (id bigint PRIMARY KEY, name varchar(100), guide bigint,
           FOREIGN KEY (guide) REFERENCES pupil (id));\n\
         INSERT INTO pupil SELECT i, concat('pupil ', i), NULL FROM {numbers_of_pupils};\n\
         UPDATE pupil SET guide = id * 31 % {pupils} + 1 WHERE id % 7 > 0;\n\
         CREATE TABLE grade (pupil bigint NOT NULL, course int NOT NULL, mark numeric(4, 2),
           PRIMARY KEY (pupil, course), FOREIGN KEY (pupil) REFERENCES pupil (id));\n\
         INSERT INTO grade SELECT i % {pupils} + 1, i {div} {pupils}, i % 600 / 100.0
           FROM {numbers_of_grades};\n\
         CREATE TABLE entry (id bigint PRIMARY KEY, pupil bigint, said text, said_at {moment});\n\
         INSERT INTO entry SELECT i, i % {pupils}, repeat(concat('so ', i, ' '), i % 9), {at}
           FROM {numbers_of_entries};\n\
         CREATE TABLE note (x bigint, y text);\n\
         INSERT INTO note SELECT i % 50, 'same' FROM {numbers_of_notes};\n\
         {analyze}",
        numbers_of_pupils = numbers(pupils),
        numbers_of_grades = numbers(grades),
        numbers_of_entries = numbers(entries),
        numbers_of_notes = numbers(500),
    );
    server.execute(SOURCE, &statements).await;
}

/// Makes users for workers.
pub(super) async fn users(server: &Server) {
    let engine = server.engine();
    for user in (0..WORKERS_MAX).map(user) {
        let made = match engine {
            Engine::Postgres => format!("CREATE ROLE {user} SUPERUSER LOGIN"),
            Engine::Mariadb => format!("GRANT ALL ON *.* TO '{user}'@'%' IDENTIFIED BY ''"),
        };
        server.execute(engine.maintenance(), &made).await;
    }
}

/// The user of a worker.
pub(super) fn user(worker: usize) -> String {
    format!("w{worker}")
}

/// A new target, in which entries have no key.
pub(super) async fn target(server: &Server, name: &str) {
    let engine = server.engine();
    let (force, moment) = match engine {
        Engine::Postgres => (" WITH (FORCE)", "timestamptz"),
        Engine::Mariadb => ("", "timestamp(6) NULL"),
    };
    let database = format!("DROP DATABASE IF EXISTS {name}{force};\nCREATE DATABASE {name}");
    server.execute(engine.maintenance(), &database).await;
    let entry =
        format!("CREATE TABLE entry (id bigint, pupil bigint, said text, said_at {moment})");
    server.execute(name, &entry).await;
}

/// All rows of each table, as texts that are the same in both engines, in an order of their own.
pub(super) async fn rows(server: &Server, database: &str) -> Vec<(&'static str, Vec<String>)> {
    let mut all = Vec::new();
    for (table, columns) in TABLES {
        let cells: Vec<_> = columns.iter().map(|column| cell(server.engine(), column)).collect();
        let query = format!("SELECT concat_ws('|', {}) FROM {table}", cells.join(", "));
        let mut rows = server
            .try_texts(database, &query)
            .await
            .unwrap_or_else(|error| vec![format!("unreadable: {error}")]);
        rows.sort();
        all.push((table, rows));
    }
    all
}

fn cell(engine: Engine, column: &str) -> String {
    let text = match (engine, column) {
        (Engine::Postgres, MOMENT) => {
            format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")
        }
        (Engine::Mariadb, MOMENT) => format!("date_format({column}, '%Y-%m-%d %H:%i:%s.%f')"),
        (Engine::Postgres, _) => format!("{column}::text"),
        (Engine::Mariadb, _) => column.to_owned(),
    };
    format!("coalesce({text}, 'NULL')")
}
