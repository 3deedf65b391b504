//! A database with all that MariaDB has, moved to MariaDB: the server's own dump of the target is that
//! of the source, line by line, but for what the plan says.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use tests::command::between;
use tests::moving::{Engine, Move, Store};
use tests::mysql::Mysql;
use tests::scratch::Folder;

const MORTAL: &str = env!("CARGO_BIN_EXE_mortal");
const SINK: &str = include_str!("sink.sql");

/// What is another in the target: words of the line, in the source or in the target, and of the note
/// that says so.
const EXPLAINED: [(&str, &str); 12] = [
    ("ENGINE=MyISAM", "plain: is InnoDB here"),
    ("PRIMARY KEY (`grp`,`id`)", "plain: is InnoDB here"),
    ("DELAY_KEY_WRITE=1 ROW_FORMAT=FIXED", "plain: options stay behind"),
    ("ENGINE=Aria", "bare: is InnoDB here"),
    ("PAGE_CHECKSUM=1 TRANSACTIONAL=1", "bare: options stay behind"),
    ("CREATE TABLE `computed`", "table of computed columns only not moved: computed"),
    ("`n` int(11) GENERATED ALWAYS AS (1) STORED", "table of computed columns only"),
    ("`computed`: ) ENGINE=InnoDB", "table of computed columns only"),
    ("`plain`: KEY `id` (`id`)", "plain: index on id is added"),
    ("`plain`: ) ENGINE=InnoDB", "plain: options stay behind"),
    ("`bare`: ) ENGINE=InnoDB", "bare: options stay behind"),
    ("`computed`: (", "table of computed columns only"),
];

/// The dump of a database, each line behind the table that it is of.
fn dumped(database: &Mysql) -> BTreeSet<String> {
    let url = database.url();
    let rest = url.split("://").nth(1).unwrap();
    let (login, place) = rest.split_once('@').unwrap();
    let (server, name) = place.split_once('/').unwrap();
    let (host, port) = server.split_once(':').unwrap_or((server, "3306"));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let mut dump = Command::new("mariadb-dump");
    dump.args(["--no-data", "--skip-comments", "--routines", "--events", "--triggers"]);
    dump.args(["--default-character-set=utf8mb4", "--protocol=tcp", "-h", host, "-P", port]);
    dump.args(["-u", user]).env("MYSQL_PWD", password).arg(name);
    let output = dump.output().expect("mariadb-dump is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The server puts the database before the names of its sequences.
    let text = String::from_utf8_lossy(&output.stdout).replace(&format!("`{name}`."), "");
    let (mut table, mut lines) = (String::new(), BTreeSet::new());
    for line in text.lines().map(|line| line.trim().trim_end_matches(',')) {
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            table = rest.trim_end_matches(" (").to_owned();
        }
        let ours = table.starts_with("`longhaul_") || line.contains("`longhaul_");
        let of_dump = line.starts_with("/*") || line.starts_with("DROP TABLE");
        if !ours && !of_dump && !line.is_empty() {
            lines.insert(format!("{table}: {line}"));
        }
    }
    lines
}

/// How many rows each table of `information_schema` has of a database.
async fn census(database: &Mysql) -> BTreeMap<String, String> {
    let kinds = "SELECT table_name, MIN(column_name) FROM information_schema.columns \
         WHERE table_schema = 'information_schema' AND column_name IN ('TABLE_SCHEMA', \
         'CONSTRAINT_SCHEMA', 'TRIGGER_SCHEMA', 'EVENT_SCHEMA', 'ROUTINE_SCHEMA', 'INDEX_SCHEMA', \
         'SPECIFIC_SCHEMA', 'SEQUENCE_SCHEMA') AND table_name NOT LIKE '%\\_STATISTICS' \
         GROUP BY table_name ORDER BY table_name";
    let mut counts = BTreeMap::new();
    for kind in database.rows(kinds).await {
        let (table, schema) = kind.split_once('|').unwrap();
        let names = "SELECT GROUP_CONCAT(column_name) FROM information_schema.columns WHERE \
             table_schema = 'information_schema' AND column_name IN ('TABLE_NAME', 'EVENT_OBJECT_TABLE') \
             AND table_name = ";
        let named = database.rows(&format!("{names}'{table}'")).await.remove(0);
        let mut ours = String::new();
        for name in named.split(',').filter(|name| *name != "NULL") {
            ours += &format!(" AND {name} NOT LIKE 'longhaul\\_%' AND {name} <> 'computed'");
        }
        let count = format!(
            "SELECT COUNT(*) FROM information_schema.{table} WHERE {schema} = DATABASE(){ours}"
        );
        counts.insert(table.to_owned(), database.rows(&count).await.remove(0));
    }
    counts
}

#[tokio::test]
async fn the_servers_own_dump_of_the_target_is_that_of_the_source() {
    let (from, to) = (Mysql::new().await, Mysql::new().await);
    from.run(SINK).await;
    let said = between(MORTAL, Folder::new().path(), "run", &from.url(), &to.url()).exits(0);
    let report = said.json();
    assert_eq!(report["verdict"], "verified", "{said}");
    let note = |note: &serde_json::Value| {
        let of = note["entity"].as_str().unwrap_or_default();
        format!("{of}: {}", note["text"].as_str().unwrap())
    };
    let notes: Vec<_> = report["notes"].as_array().unwrap().iter().map(note).collect();
    let (source, target) = (dumped(&from), dumped(&to));
    let explained = |line: &str| {
        EXPLAINED.iter().any(|(words, reason)| {
            line.contains(words) && notes.iter().any(|note| note.contains(reason))
        })
    };
    let mut unexplained: Vec<_> =
        source.difference(&target).map(|line| format!("- {line}")).collect();
    unexplained.extend(target.difference(&source).map(|line| format!("+ {line}")));
    unexplained.retain(|line| !explained(line));
    assert!(unexplained.is_empty(), "{unexplained:#?}\n{notes:#?}");
    for history in ["price", "explicit_v", "by_time"] {
        let said =
            |note: &&String| note.contains("system-versioned history") && note.contains(history);
        assert!(notes.iter().any(|note| said(&note)), "{history}: {notes:#?}");
    }
    // The index that numbers the rows of `plain` is not in the source.
    let (mut one, mut other) = (census(&from).await, census(&to).await);
    one.remove("STATISTICS");
    other.remove("STATISTICS");
    assert_eq!(one, other);
}

/// What the dump does not show: where numbers go on, and what defaults of bytes really are.
#[tokio::test]
async fn numbers_go_on_and_defaults_are_the_same_bytes() {
    let (from, to) = (Mysql::new().await, Mysql::new().await);
    from.run(SINK).await;
    let said = between(MORTAL, Folder::new().path(), "run", &from.url(), &to.url()).exits(0);
    assert_eq!(said.json()["verdict"], "verified", "{said}");
    for table in ["defaults", "lonely"] {
        for database in [&from, &to] {
            database.run(&format!("INSERT INTO {table} (id) VALUES (40)")).await;
        }
        let bytes = format!(
            "SELECT HEX(hexed), HEX(token), HEX(short), HEX(letters), HEX(body), HEX(computed), \
             HEX(latin), HEX(face), question, quoted, backslash, newline, word_null, en, st, zero, \
             no_day, wide, HEX(bit8), padded FROM {table} WHERE id = 40"
        );
        assert_eq!(from.rows(&bytes).await, to.rows(&bytes).await);
    }
    // The target goes on where nobody in the source has been.
    let known = from.rows("SELECT next_not_cached_value FROM tickets").await;
    assert_eq!(to.rows("SELECT NEXTVAL(tickets)").await, known);
    assert_eq!(to.rows("SELECT NEXTVAL(untouched)").await, ["7"]);
    to.run("INSERT INTO numbered (v) VALUES (3);\nINSERT INTO parent (code) VALUES ('c')").await;
    assert_eq!(to.rows("SELECT max(id) FROM parent").await, ["1000"]);
    let default = "SHOW CREATE TABLE numbered";
    assert!(to.rows(default).await[0].contains(&to.url().rsplit('/').next().unwrap().to_string()));
    assert_eq!(to.rows("SELECT count(*) FROM price FOR SYSTEM_TIME ALL").await, ["1"]);
    assert_eq!(to.rows("SELECT id, v FROM explicit_v ORDER BY id").await, ["1|1", "2|9"]);
}

const BESIDE: &str = "
    CREATE TABLE sale (id int PRIMARY KEY, v int, note varchar(20));
    INSERT INTO sale VALUES (1, 2, 'a'), (2, 3, 'b');
    CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2;
    CREATE VIEW z_first AS SELECT id, twice(v) AS w FROM sale;
    CREATE VIEW a_second AS SELECT max(w) AS most FROM z_first;
    CREATE PROCEDURE count_sales() SELECT count(*) FROM sale;
    CREATE TRIGGER stamp BEFORE INSERT ON sale FOR EACH ROW SET NEW.note = concat(NEW.note, '!');
    CREATE EVENT nightly ON SCHEDULE EVERY 1 YEAR STARTS '2037-01-01 00:00:00' DO DELETE FROM sale WHERE id < 0;
";

#[tokio::test]
async fn views_routines_triggers_and_events_move_where_they_are_asked_for() {
    let this = Move::new(MORTAL, (Engine::MySql, Engine::MySql)).await;
    let (Store::MySql(from), Store::MySql(to)) = (&this.from, &this.to) else { unreachable!() };
    from.run(BESIDE).await;
    this.file("include: [views, routines, triggers]");
    let report = this.verified();
    let losses = report["notes"].as_array().unwrap();
    let losses = losses.iter().filter(|note| note["level"] == "left");
    assert_eq!(losses.count(), 0, "{report:#}");
    assert_eq!(to.rows("SELECT most FROM a_second").await, ["6"]);
    assert_eq!(to.rows("SELECT note FROM sale ORDER BY id").await, ["a", "b"], "no trigger fired");
    to.run("INSERT INTO sale VALUES (9, 9, 'x')").await;
    assert_eq!(to.rows("SELECT note FROM sale WHERE id = 9").await, ["x!"]);
    assert_eq!(to.rows("CALL count_sales()").await, ["3"]);
    let event =
        "SELECT starts, sql_mode FROM information_schema.events WHERE event_schema = DATABASE()";
    assert_eq!(from.rows(event).await, to.rows(event).await);
    assert_eq!(to.rows(event).await.len(), 1);
}
