//! What is moved under faults: four tables, of which one has no key in the target, so that a chunk
//! that was written twice cannot hide, and one has none on either side.

use super::postgres::Postgres;

/// The database that is read.
pub(super) const SOURCE: &str = "source";

/// The tables.
const TABLES: [&str; 4] = ["pupil", "grade", "entry", "note"];

/// Workers log in to the target each as a user of its own, so that its sessions are known by that.
pub(super) const WORKERS_MAX: usize = 16;

/// The source, with so many entries. Pupils have a guide among themselves who may come later.
pub(super) async fn fill(server: &Postgres, entries: u32) {
    let client = server.client("postgres").await;
    let create = format!("CREATE DATABASE {SOURCE}");
    client.batch_execute(&create).await.expect("a new server has no such database");
    let (pupils, grades) = (entries / 10, entries / 4);
    let statements = format!(
        "CREATE TABLE pupil (id bigint PRIMARY KEY, name text, guide bigint REFERENCES pupil (id));
         INSERT INTO pupil SELECT i, 'pupil ' || i, CASE WHEN i % 7 > 0 THEN i * 31 % {pupils} + 1 END
           FROM generate_series(1, {pupils}) i;
         CREATE TABLE grade (pupil bigint NOT NULL REFERENCES pupil (id), course int NOT NULL,
                             mark numeric(4, 2), PRIMARY KEY (pupil, course));
         INSERT INTO grade SELECT i % {pupils} + 1, i / {pupils}, i % 600 / 100.0
           FROM generate_series(1, {grades}) i;
         CREATE TABLE entry (id bigint PRIMARY KEY, pupil bigint, said text, said_at timestamptz);
         INSERT INTO entry SELECT i, i % {pupils}, repeat('so ' || i || ' ', i % 9),
                                  timestamptz '2026-01-01 00:00+00' + i * interval '1 s'
           FROM generate_series(1, {entries}) i;
         CREATE TABLE note (x bigint, y text);
         INSERT INTO note SELECT i % 50, 'same' FROM generate_series(1, 500) i;
         ANALYZE;"
    );
    let source = server.client(SOURCE).await;
    source.batch_execute(&statements).await.expect("the statements are understood");
}

/// Makes users for workers.
pub(super) async fn users(server: &Postgres) {
    let user = |n| format!("CREATE ROLE {} SUPERUSER LOGIN;", user(n));
    let all: String = (0..WORKERS_MAX).map(user).collect();
    server.client("postgres").await.batch_execute(&all).await.expect("a new server has no users");
}

/// The user of a worker.
pub(super) fn user(worker: usize) -> String {
    format!("w{worker}")
}

/// A new target, in which entries have no key.
pub(super) async fn target(server: &Postgres, name: &str) {
    let client = server.client("postgres").await;
    for statement in
        [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")]
    {
        client.batch_execute(&statement).await.expect("the statement is understood");
    }
    let entry = "CREATE TABLE entry (id bigint, pupil bigint, said text, said_at timestamptz)";
    server.client(name).await.batch_execute(entry).await.expect("the database is new");
}

/// A digest of each table: how many rows, and all their values, in an order of their own.
pub(super) async fn digests(server: &Postgres, database: &str) -> Vec<(&'static str, String)> {
    let client = server.client(database).await;
    let mut digests = Vec::new();
    for table in TABLES {
        let query = format!(
            "SELECT count(*) || ' rows, ' ||
                    coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE \"C\")), '')
               FROM {table} t"
        );
        let digest = match client.query_one(&query, &[]).await {
            Ok(row) => row.get(0),
            Err(error) => format!("unreadable: {error:?}"),
        };
        digests.push((table, digest));
    }
    digests
}
