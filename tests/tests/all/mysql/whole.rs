//! Tables with all that stands around them, between MySQL and the other engines.

use serde_json::Value;
use tests::command::{Said, between};
use tests::mysql::Mysql;
use tests::scratch::{Database, Folder};

const MORTAL: &str = env!("CARGO_BIN_EXE_mortal");

const SCHOOL: &str = "
    CREATE TABLE class (
        id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
        name varchar(40) NOT NULL DEFAULT 'new' COMMENT 'as it is called',
        room char(4), made timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
        size int NOT NULL DEFAULT 7 CHECK (size >= 0),
        UNIQUE KEY by_name (name), KEY by_room (room, size)) COMMENT = 'classes';
    CREATE TABLE pupil (
        id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
        class int unsigned, friend bigint,
        first varchar(50) NOT NULL, last varchar(50) NOT NULL,
        marks decimal(5,2), active tinyint(1) NOT NULL DEFAULT 1, photo blob, note text,
        initial varchar(1) GENERATED ALWAYS AS (left(first, 1)) VIRTUAL,
        double_marks decimal(6,2) GENERATED ALWAYS AS (marks * 2) STORED,
        KEY by_name (last, first), KEY by_note (note(20)),
        CONSTRAINT pupil_class FOREIGN KEY (class) REFERENCES class (id) ON DELETE SET NULL,
        CONSTRAINT pupil_friend FOREIGN KEY (friend) REFERENCES pupil (id));
    CREATE TABLE mark (
        pupil bigint NOT NULL, subject varchar(20) NOT NULL, taken date NOT NULL, points int,
        PRIMARY KEY (pupil, subject, taken),
        CONSTRAINT mark_pupil FOREIGN KEY (pupil) REFERENCES pupil (id) ON DELETE CASCADE);
    CREATE TABLE diary (line varchar(100), at datetime(3));
    CREATE VIEW active AS SELECT id FROM pupil WHERE active = 1;
    INSERT INTO class (id, name, room, size) VALUES (0, 'zero', NULL, 0), (5, 'five', 'A1', 3);
    INSERT INTO pupil (id, class, friend, first, last, marks, active, photo, note)
    SELECT seq, IF(seq % 3 = 0, NULL, IF(seq % 2 = 0, 0, 5)), IF(seq > 10, seq - 10, NULL),
           concat('f', seq), IF(seq % 7 = 0, 'O''Brien', concat('l', seq)), seq / 100, seq % 2,
           unhex(lpad(hex(seq), 8, '0')), IF(seq % 5 = 0, repeat('é', 300), NULL)
      FROM seq_1_to_3000;
    INSERT INTO mark
    SELECT p.seq, s.name, '2024-02-29', p.seq FROM seq_1_to_500 AS p
      JOIN (SELECT 'maths' AS name UNION SELECT 'Art' UNION SELECT 'biology') AS s;
    INSERT INTO diary SELECT 'same', '2024-01-01 00:00:00.125' FROM seq_1_to_100;
    ALTER TABLE class AUTO_INCREMENT = 42;
";

const PUPILS: &str =
    "SELECT id, class, friend, first, last, active, length(note) FROM pupil ORDER BY id";
const MARKS: &str =
    "SELECT pupil, subject, taken, points FROM mark ORDER BY pupil, points, length(subject), taken";

fn run(folder: &Folder, from: &str, to: &str, more: &str) -> Said {
    let text = format!(
        "name: school\nenvironments:\n  old: {{ url: \"{from}\" }}\n  new: {{ url: \"{to}\" }}\n\
         from: old\nto: new\n{more}\n"
    );
    std::fs::write(folder.path().join("longhaul.yaml"), text).unwrap();
    let mut command = tests::command::longhaul(MORTAL, folder.path());
    tests::command::run(command.args(["run", "--progress", "plain", "--output", "json"]))
}

fn verified(said: &Said) -> Value {
    assert_eq!(said.code, Some(0), "{said}");
    let report = said.json();
    assert_eq!(report["verdict"], "verified", "{said}");
    report
}

async fn school() -> Mysql {
    let database = Mysql::new().await;
    database.run(SCHOOL).await;
    database
}

const CUT: &str = "entities:\n  - { entity: pupil, chunk_rows: 200 }\n  - { entity: mark, chunk_rows: 100 }\n  - \"*\"";

#[tokio::test]
async fn a_database_goes_from_mysql_to_postgresql_with_all_around_its_tables() {
    let (from, to, folder) = (school().await, Database::new().await, Folder::new());
    let report = verified(&run(&folder, &from.url(), &to.url(), CUT));
    assert_eq!(report["totals"]["written"], 2 + 3000 + 1500 + 100);
    assert_eq!(to.ask("SELECT count(*) FROM pupil WHERE last = 'O''Brien'").await, "428");
    assert_eq!(to.ask("SELECT sum(double_marks) - sum(marks) * 2 FROM pupil").await, "0.00");
    assert_eq!(to.ask("SELECT photo FROM pupil WHERE id = 255").await, "\\x000000ff");
    to.run("INSERT INTO class (name, size) VALUES ('next', 1)").await;
    assert_eq!(to.ask("SELECT id FROM class WHERE name = 'next'").await, "42");
    assert_eq!(to.ask("SELECT room IS NULL FROM class WHERE id = 0").await, "true");
    let checks = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(to.ask(checks).await, "3");
}

#[tokio::test]
async fn a_database_goes_from_mysql_to_mysql_with_all_around_its_tables() {
    let (from, to, folder) = (school().await, Mysql::new().await, Folder::new());
    verified(&run(&folder, &from.url(), &to.url(), CUT));
    for query in [PUPILS, MARKS, "SELECT * FROM class ORDER BY id", "SELECT * FROM diary"] {
        assert_eq!(from.rows(query).await, to.rows(query).await, "{query}");
    }
    for table in ["class", "pupil", "mark", "diary"] {
        let shown = async |database: &Mysql| {
            let mut text = database.rows(&format!("SHOW CREATE TABLE {table}")).await.remove(0);
            text.truncate(text.rfind(") ENGINE").unwrap());
            // A check of one column and a check of the table are the same check, and a collation that
            // the table has by default may also stand at the column.
            let plain = |line: &str| {
                let line = line.trim().trim_end_matches(',');
                let line = line.replace(" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "");
                line.split(" CHECK ").next().unwrap_or_default().to_owned()
            };
            let mut lines: Vec<_> =
                text.lines().filter(|l| !l.contains("CONSTRAINT `size`")).map(plain).collect();
            lines.sort();
            lines
        };
        assert_eq!(shown(&from).await, shown(&to).await);
    }
    to.run("INSERT INTO class (name, size) VALUES ('next', 1)").await;
    assert_eq!(to.rows("SELECT id FROM class WHERE name = 'next'").await, ["42"]);
}

#[tokio::test]
async fn a_database_goes_from_mysql_to_sqlite_and_from_there_to_mysql() {
    let (from, to, folder) = (school().await, Mysql::new().await, Folder::new());
    let file = folder.sqlite("school.db");
    verified(&run(&folder, &from.url(), &file, CUT));
    let back = Folder::new();
    verified(&run(&back, &file, &to.url(), CUT));
    for query in [PUPILS, MARKS] {
        assert_eq!(from.rows(query).await, to.rows(query).await, "{query}");
    }
}

const SALES: &str = "
    CREATE TABLE customer (id uuid PRIMARY KEY, code text NOT NULL UNIQUE, vip boolean NOT NULL,
        born date, limits numeric(12,2) CHECK (limits >= 0), tags text[], extra jsonb);
    CREATE TABLE sale (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer uuid NOT NULL REFERENCES customer, at timestamptz NOT NULL DEFAULT now(),
        amount numeric, part real, bytes bytea, parent bigint REFERENCES sale);
    CREATE INDEX ON sale (at); CREATE INDEX ON sale (customer, at DESC);
    INSERT INTO customer SELECT md5(i::text)::uuid, 'c' || i, i % 2 = 0, '2000-01-01'::date + i,
        i * 1.25, ARRAY['a', NULL, 'b' || i], jsonb_build_object('i', i, 'x', 'é\"')
      FROM generate_series(1, 800) i;
    INSERT INTO sale (customer, at, amount, part, bytes, parent)
    SELECT md5((i % 800 + 1)::text)::uuid, '2024-01-01 00:00:00.25+00'::timestamptz + i * interval '1 s',
        i / 7.0, i / 3.0, decode(lpad(to_hex(i), 8, '0'), 'hex'), CASE WHEN i > 5 THEN i - 5 END
      FROM generate_series(1, 3000) i;
";

#[tokio::test]
async fn a_database_goes_from_postgresql_to_mysql_and_back() {
    let (from, to, back) = (Database::new().await, Mysql::new().await, Database::new().await);
    from.run(SALES).await;
    let folder = Folder::new();
    let cut = "entities:\n  - { entity: public.sale, chunk_rows: 250 }\n  - { entity: public.customer, chunk_rows: 90 }";
    verified(&run(&folder, &from.url(), &to.url(), cut));
    assert_eq!(to.rows("SELECT count(*), sum(vip), min(code) FROM customer").await, ["800|400|c1"]);
    to.run("INSERT INTO sale (customer, amount) SELECT id, 1 FROM customer LIMIT 1").await;
    assert_eq!(to.rows("SELECT max(id) FROM sale").await, ["3001"]);
    to.run("DELETE FROM sale WHERE id > 3000").await;
    verified(&between(MORTAL, Folder::new().path(), "run", &to.url(), &back.url()));
    for query in [
        "SELECT md5(string_agg(concat_ws('|', id, code, vip, born, limits, tags::text, extra::text), ',' ORDER BY id)) FROM customer",
        "SELECT md5(string_agg(concat_ws('|', id, customer, at, round(amount, 10), part, bytes, parent), ',' ORDER BY id)) FROM sale",
    ] {
        assert_eq!(from.ask(query).await, back.ask(query).await, "{query}");
    }
}
