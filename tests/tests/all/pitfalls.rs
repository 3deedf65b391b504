//! What other tools of this kind stumble over: texts in an encoding that nobody vouches for, names
//! that become one, things that are no tables, indexes that rows do not fit into.

use serde_json::{Value, json};
use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

fn run(setting: &Setting, from: &str, to: &str, rule: &str, exit: i32) -> Value {
    setting.migration(from, to, &format!("entities: [{{ entity: \"*\", {rule} }}]"));
    let report = setting.longhaul(&["run", "--output", "json"]).exits(exit).json();
    assert_eq!(report["verdict"], "verified", "{report:#}");
    report
}

/// Keys and reasons of what was rejected.
fn rejected(report: &Value) -> Vec<String> {
    let text = |reject: &Value, key: &str| reject[key].as_str().unwrap_or("?").to_owned();
    let rejects = report["rejects"].as_array().unwrap();
    let line =
        |r: &Value| format!("{} {} {}", text(r, "key"), text(r, "column"), text(r, "reason"));
    let mut lines: Vec<_> = rejects.iter().map(line).collect();
    lines.sort();
    lines
}

/// All notes of a plan or a report.
fn notes(answer: &Value) -> Vec<String> {
    let notes = answer["notes"].as_array().unwrap();
    notes.iter().map(|note| note["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn large_objects_are_named_in_plan_and_report_and_stay() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::new().await, Database::new().await);
    from.run("CREATE TABLE doc (id INT PRIMARY KEY, body OID); SELECT lo_create(990001)").await;
    from.run("INSERT INTO doc VALUES (1, lo_from_bytea(990002, 'all of it'))").await;
    let named = "large objects not moved: 2 in all, by number 990001, 990002".to_owned();
    for target in [to.url(), "sqlite:to.db".into()] {
        setting.migration(&from.url(), &target, "");
        let plan = setting.longhaul(&["plan", "--output", "json"]).exits(0).json();
        assert!(notes(&plan["plan"]).contains(&named), "{plan:#}");
        let report = run(&setting, &from.url(), &target, "mode: create", 0);
        assert!(notes(&report).contains(&named), "{report:#}");
    }
    // The number that pointed to one is a number still, and points to nothing.
    assert_eq!(to.ask("SELECT body FROM doc").await, "990002");
    assert_eq!(to.ask("SELECT count(*) FROM pg_largeobject_metadata").await, "0");
}

/// Texts of a PostgreSQL database that takes any bytes.
const ANY_BYTES: &str = r"
    CREATE TABLE note (id INT PRIMARY KEY, v TEXT, c CHAR(5), n INT, b BYTEA);
    INSERT INTO note VALUES (1, 'Zoë 学 \', 'Zoë', 1, '\xff'), (2, E'caf\xe9', 'a', 2, ''),
        (3, 'a', E'\xff', 3, NULL), (4, E'\t\xc3\n', E'\xfe', 4, NULL), (5, NULL, '', NULL, NULL);";

#[tokio::test]
async fn a_database_without_encoding_gives_what_is_utf_8_and_names_the_rest() {
    let setting = Setting::new(LONGHAUL);
    let from = Database::without_encoding().await;
    from.run(ANY_BYTES).await;
    let bad = ["2 v invalid_encoding", "3 c invalid_encoding", "4 v invalid_encoding"];
    let rows = "SELECT string_agg(concat_ws('|', id, v, c, n, b::text), ' ' ORDER BY id) FROM note";

    let to = Database::new().await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: reject", 4);
    assert_eq!(rejected(&report), bad);
    assert_eq!(to.ask(rows).await, r"1|Zoë 学 \|Zoë  |1|\xff 5|     ");
    let _ = setting.longhaul(&["verify"]).exits(0);

    for target in ["sqlite:to.db".to_owned(), Mysql::new().await.url()] {
        let report = run(&setting, &from.url(), &target, "on_unfit: reject", 4);
        assert_eq!(rejected(&report), bad, "{target}");
    }

    let to = Database::new().await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: clamp", 0);
    assert_eq!(
        report["entities"][0]["policies"],
        json!({ "v": { "invalid_encoding": 2 }, "c": { "invalid_encoding": 2 } })
    );
    let mended = "SELECT string_agg(concat_ws('|', v, rtrim(c)), ' ' ORDER BY id) FROM note \
                  WHERE id BETWEEN 2 AND 4";
    assert_eq!(to.ask(mended).await, "caf\u{fffd}|a a|\u{fffd} \t\u{fffd}\n|\u{fffd}");
    let _ = setting.longhaul(&["verify"]).exits(0);
}

/// Keys are bounds of chunks, and one that is no text in UTF-8 cannot be one.
#[tokio::test]
async fn keys_without_encoding_break_nothing() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::without_encoding().await, Database::new().await);
    from.run(
        "CREATE TABLE word (w TEXT PRIMARY KEY);
         INSERT INTO word SELECT 'w' || i FROM generate_series(1000, 1099) AS i;
         INSERT INTO word SELECT convert_from(set_byte('w____', 1, 128 + i), 'SQL_ASCII')
           FROM generate_series(0, 99) AS i",
    )
    .await;
    let report = run(&setting, &from.url(), &to.url(), "chunk_rows: 20", 4);
    assert_eq!(
        (&report["totals"]["written"], &report["totals"]["rejected"]),
        (&json!(100), &json!(100))
    );
    assert_eq!(to.ask("SELECT count(*) || max(w) FROM word").await, "100w1099");
}

/// Bounds of chunks and conditions are part of what is kept of a run in the target, and keys that were
/// refused are, too.
#[tokio::test]
async fn keys_that_a_database_lacks_characters_for_are_refused_and_known_by_name() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::new().await, Database::in_encoding("LATIN1").await);
    from.run(
        "CREATE TABLE word (w TEXT PRIMARY KEY);
         INSERT INTO word SELECT c || i FROM unnest('{ä,漢,𝔘}'::text[]) AS c, generate_series(10, 49) AS i",
    )
    .await;
    let rule = "chunk_rows: 7, where: \"w <> '漢10'\"";
    let report = run(&setting, &from.url(), &to.url(), rule, 4);
    assert_eq!(
        (&report["totals"]["written"], &report["totals"]["rejected"]),
        (&json!(40), &json!(79))
    );
    assert_eq!(to.ask("SELECT count(*) || max(w) FROM word").await, "40ä49");
    let rejects = setting.longhaul(&["rejects", "list", "--output", "json"]).exits(0).to_string();
    assert!(rejects.contains("漢11") && rejects.contains("𝔘49"), "{rejects}");
    let _ = setting.longhaul(&["verify"]).exits(0);
}

/// MySQL puts any byte into a column of one byte a character, and shows what is no character as `?`.
#[tokio::test]
async fn text_of_mysql_that_its_character_set_does_not_have_is_never_a_question_mark() {
    let setting = Setting::new(LONGHAUL);
    let from = Mysql::new().await;
    from.run(
        "CREATE TABLE note (id int PRIMARY KEY, a varchar(9) CHARACTER SET ascii,
            c text CHARACTER SET cp932, w varchar(9) CHARACTER SET utf16);\n
         INSERT INTO note VALUES (1, 'why?', 'なぜ?', 'Zoë 学?'), (2, x'41ff', 'x', 'x'),
            (3, x'c3a9', 'x', 'x'), (4, 'x', x'879a', NULL), (5, x'3fff3f', '?', 'x')",
    )
    .await;
    let rows = "SELECT string_agg(concat_ws('|', id, a, c, w), ' ' ORDER BY id) FROM note";

    let to = Database::new().await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: reject", 4);
    let bad = ["2 a invalid_encoding", "3 a invalid_encoding", "5 a invalid_encoding"];
    assert_eq!(rejected(&report), bad);
    assert_eq!(to.ask(rows).await, "1|why?|なぜ?|Zoë 学? 4|x|∵");
    let _ = setting.longhaul(&["verify"]).exits(0);

    let to = Database::new().await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: clamp", 0);
    assert_eq!(report["entities"][0]["policies"], json!({ "a": { "invalid_encoding": 3 } }));
    let mended = "SELECT string_agg(a, ' ' ORDER BY id) FROM note WHERE id IN (2, 3, 5)";
    assert_eq!(to.ask(mended).await, "A\u{fffd} é ?\u{fffd}?");

    // Another MySQL could take the bytes, but not as text.
    let report = run(&setting, &from.url(), &Mysql::new().await.url(), "on_unfit: reject", 4);
    assert_eq!(rejected(&report), bad);
}

/// UTF-8 that somebody wrote into latin1 says two characters for one, and so it arrives: to the server
/// it is what it says.
#[tokio::test]
async fn latin1_arrives_as_the_server_says_it_is() {
    let setting = Setting::new(LONGHAUL);
    let from = Mysql::new().await;
    from.run(
        "CREATE TABLE note (id int PRIMARY KEY, v varchar(9) CHARACTER SET latin1);\n
         INSERT INTO note VALUES (1, 'é€'), (2, x'c3a9'), (3, x'818d8f909d')",
    )
    .await;
    let to = Database::new().await;
    let _ = run(&setting, &from.url(), &to.url(), "on_unfit: reject", 0);
    let rows = "SELECT string_agg(v, ' ' ORDER BY id) FROM note WHERE id < 3";
    assert_eq!(to.ask(rows).await, "é€ Ã©");
    let bytes = "SELECT encode(convert_to(v, 'LATIN1'), 'hex') FROM note WHERE id = 3";
    assert_eq!(to.ask(bytes).await, "818d8f909d");
    // The condition under which it is one character again is the operator's to know.
    let repaired = "SELECT convert_from(convert_to(v, 'LATIN1'), 'UTF8') FROM note WHERE id = 2";
    assert_eq!(to.ask(repaired).await, "é");
}

#[tokio::test]
async fn names_that_a_server_would_make_one_are_refused_before_anything_is_written() {
    let setting = Setting::new(LONGHAUL);
    let to = Database::new().await;
    // What PostgreSQL would cut to the same 63 bytes.
    let (one, two) = (format!("{}a", "n".repeat(63)), format!("{}b", "n".repeat(63)));
    let id = "id INTEGER PRIMARY KEY";
    let tables = format!("CREATE TABLE {one} ({id}); CREATE TABLE {two} ({id})");
    let from = setting.sqlite("tables.db", &tables);
    let _ = setting.longhaul(&["run", "--from", &from, "--to", &to.url()]).exits(0);
    let two_of_them = "SELECT count(DISTINCT relname) FROM pg_class WHERE relname LIKE 'nnn%' \
         AND relkind = 'r'";
    assert_eq!(to.ask(two_of_them).await, "2", "each has its own name");
    let columns = format!("CREATE TABLE t ({id}, {one} TEXT, {two} TEXT)");
    let from = setting.sqlite("columns.db", &columns);
    let _ = setting.longhaul(&["run", "--from", &from, "--to", &to.url()]).exits(0);
    let to = Database::new().await;
    // Two that the file makes one.
    let from =
        setting.sqlite("two.db", &format!("CREATE TABLE a ({id}); CREATE TABLE b ({id}, v TEXT)"));
    setting.migration(&from, &to.url(), "entities: [{ entity: a, to: c }, { entity: b, to: c }]");
    assert_ne!(setting.longhaul(&["plan"]).code, Some(0));
    setting.migration(&from, &to.url(), "entities: [a, { entity: b, rename: { v: id } }]");
    assert_ne!(setting.longhaul(&["plan"]).code, Some(0));
    // And names that only case tells apart, where the server does not.
    setting.migration(
        &from,
        "sqlite:to.db",
        "entities: [{ entity: a, to: X }, { entity: b, to: x }]",
    );
    let _ = setting.longhaul(&["plan"]).fault("identifier-unfit", 6, &["a and b would both be x"]);
    let both = format!("CREATE TABLE \"Case\" ({id}, v TEXT)");
    let from = Database::new().await;
    from.run(&format!("{both}; ALTER TABLE \"Case\" ADD \"V\" TEXT")).await;
    let target = Mysql::new().await;
    let said = setting.longhaul(&["run", "--from", &from.url(), "--to", &target.url()]);
    let _ = said.fault("identifier-unfit", 6, &["case"]);
    assert_eq!(to.relations().await, "NULL", "something was written");
    assert_eq!(target.rows("SHOW TABLES").await, [""; 0], "something was written");
}

/// An index over texts of any length meets one that is longer than PostgreSQL takes.
#[tokio::test]
async fn an_index_that_a_row_does_not_fit_into_stops_with_a_way_out() {
    let setting = Setting::new(LONGHAUL);
    let long = (0..1500).map(|n| format!("{:x}", n * 2_654_435_761_u64)).collect::<String>();
    let from = setting.sqlite(
        "from.db",
        &format!(
            "CREATE TABLE doc (id INTEGER PRIMARY KEY, body TEXT);
             CREATE INDEX doc_body ON doc (body);
             CREATE UNIQUE INDEX doc_once ON doc (body);
             INSERT INTO doc VALUES (1, '{long}'), (2, 'short')"
        ),
    );
    let to = Database::new().await;
    setting.migration(&from, &to.url(), "");
    let said = setting.longhaul(&["run"]);
    let words =
        ["index doc_body of public.doc", "longer than an index takes", "54000", "longhaul resume"];
    let _ = said.fault("parked", 1, &words);
    let status = setting.longhaul(&["status"]).exits(0).says(&["md5(column)", "USING hash"]);
    assert!(!status.to_string().contains(&long[..20]), "a value is shown");
    assert_eq!(to.ask("SELECT count(*) FROM doc").await, "2", "the rows are there");

    // Something else of that name is not taken for it.
    to.run("CREATE TABLE doc_body (id INT)").await;
    to.run("CREATE UNIQUE INDEX doc_once ON doc (md5(body))").await;
    let _ = setting.longhaul(&["resume"]).fault("parked", 1, &["index doc_body", "has that name"]);
    to.run("DROP TABLE doc_body; CREATE INDEX doc_body ON doc USING hash (body)").await;
    // Nor one that was begun concurrently and failed.
    let valid = |is: bool| {
        format!("UPDATE pg_index SET indisvalid = {is} WHERE indexrelid = 'doc_body'::regclass")
    };
    to.run(&valid(false)).await;
    let _ = setting.longhaul(&["resume"]).fault("parked", 1, &["index doc_body", "has that name"]);
    to.run(&valid(true)).await;
    let report = setting.longhaul(&["resume", "--output", "json"]).exits(0).json();
    assert_eq!(report["verdict"], "verified", "{report:#}");
    let kinds = "SELECT string_agg(indexdef, '; ' ORDER BY indexname) FROM pg_indexes \
                 WHERE indexname ~ '^doc_(body|once)'";
    let kinds = to.ask(kinds).await;
    assert!(kinds.contains("USING hash (body)") && kinds.contains("md5(body)"), "{kinds}");
}

/// A key cannot be another one than it is; whoever meets a row that is too long for it leaves it behind.
#[tokio::test]
async fn a_key_that_a_row_does_not_fit_into_says_what_to_do() {
    let setting = Setting::new(LONGHAUL);
    let long = (0..1500).map(|n| format!("{:x}", n * 2_654_435_761_u64)).collect::<String>();
    let rows = format!(
        "CREATE TABLE word (w TEXT NOT NULL PRIMARY KEY); INSERT INTO word VALUES ('a'), ('{long}')"
    );
    let from = setting.sqlite("from.db", &rows);
    let to = Database::new().await;
    setting.migration(&from, &to.url(), "");
    let said = setting.longhaul(&["run"]);
    let words = ["primary key of public.word", "longer than an index takes", "`where`"];
    let _ = said.fault("parked", 1, &words[..2]).says(&words[2..]);
    let _ = setting.longhaul(&["cancel"]).exits(0);
    to.run("DROP TABLE word").await;
    setting.migration(
        &from,
        &to.url(),
        "entities: [{ entity: word, where: \"length(w) < 2700\" }]",
    );
    let report = setting.longhaul(&["run", "--output", "json"]).exits(0).json();
    assert_eq!((&report["verdict"], &report["totals"]["written"]), (&json!("verified"), &json!(1)));
}

#[tokio::test]
async fn a_function_of_the_target_that_fails_is_named() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite(
        "from.db",
        "CREATE TABLE pupil (id INTEGER PRIMARY KEY); INSERT INTO pupil VALUES (1)",
    );
    let to = Database::new().await;
    to.run(
        "CREATE TABLE pupil (id BIGINT PRIMARY KEY);
         CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO nowhere VALUES (NEW.id); RETURN NEW; END $$;
         CREATE TRIGGER noted BEFORE INSERT ON pupil FOR EACH ROW EXECUTE FUNCTION note_it()",
    )
    .await;
    setting.migration(&from, &to.url(), "");
    let words = ["there is no such table, in function note_it() of the target", "42P01"];
    let _ = setting.longhaul(&["run"]).fault("parked", 1, &words);
    let _ = setting.longhaul(&["status"]).exits(0).says(&["Mend the function", "`triggers: off`"]);
    to.run("CREATE TABLE nowhere (id BIGINT)").await;
    let _ = setting.longhaul(&["resume"]).exits(0);
    assert_eq!(to.ask("SELECT count(*) FROM nowhere").await, "1");
}

/// The collation that columns get which are added later is kept where there is such a thing.
#[tokio::test]
async fn a_default_collation_is_carried_to_mysql() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Mysql::new().await, Mysql::new().await);
    from.run("CREATE TABLE t (id int PRIMARY KEY) DEFAULT CHARSET=latin1").await;
    setting.migration(&from.url(), &to.url(), "");
    let _ = setting.longhaul(&["run"]).exits(0);
    to.run("ALTER TABLE t ADD v varchar(9)").await;
    let collation = "SELECT collation_name FROM information_schema.columns \
                     WHERE table_schema = DATABASE() AND table_name = 't' AND column_name = 'v'";
    assert_eq!(to.rows(collation).await, ["latin1_swedish_ci"]);
}

/// How many numbers a session takes at once belongs to a sequence, whichever way it stands behind a
/// column.
#[tokio::test]
async fn sequences_of_columns_keep_their_cache() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::new().await, Database::new().await);
    from.run(
        "CREATE TABLE a (id INT GENERATED ALWAYS AS IDENTITY (CACHE 20) PRIMARY KEY, n SERIAL, m SERIAL);
         ALTER SEQUENCE a_n_seq CACHE 7; INSERT INTO a DEFAULT VALUES; INSERT INTO a DEFAULT VALUES",
    )
    .await;
    let _ = run(&setting, &from.url(), &to.url(), "mode: create", 0);
    let caches = "SELECT string_agg(sequencename || ' ' || cache_size, ', ' ORDER BY sequencename) \
                  FROM pg_sequences";
    assert_eq!(to.ask(caches).await, "a_id_seq 20, a_m_seq 1, a_n_seq 7");
    to.run("INSERT INTO a DEFAULT VALUES").await;
    assert_eq!(to.ask("SELECT count(*) || ' ' || max(m) FROM a").await, "3 3");
}

/// Where the target's collation takes two keys of the source for one, the second is refused by name,
/// whichever way the rows went in.
#[tokio::test]
async fn keys_that_are_one_in_the_target_are_refused_by_name() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::new().await, Mysql::new().await);
    from.run("CREATE TABLE word (w VARCHAR(9) PRIMARY KEY, n INT)").await;
    from.run("INSERT INTO word VALUES ('a', 1), ('A', 2), ('b', 3), ('b ', 4), ('c', 5)").await;
    to.run("CREATE TABLE word (w varchar(9) COLLATE utf8mb4_general_ci PRIMARY KEY, n int)").await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: reject", 4);
    let reasons: Vec<_> =
        report["rejects"].as_array().unwrap().iter().map(|r| &r["reason"]).collect();
    assert_eq!(reasons, ["unique (1062)", "unique (1062)"], "{report:#}");
    assert_eq!(to.rows("SELECT count(*) FROM word").await, ["3"]);
}

/// A character that the column's set lacks refuses the row, and is not made into another.
#[tokio::test]
async fn characters_that_a_column_of_mysql_lacks_are_refused_by_name() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::new().await, Mysql::new().await);
    from.run("CREATE TABLE note (id INT PRIMARY KEY, v TEXT, w TEXT)").await;
    from.run("INSERT INTO note VALUES (1, 'Zoë', 'Zoë 学'), (2, '学', 'x'), (3, 'x', '🦄')").await;
    to.run(
        "CREATE TABLE note (id int PRIMARY KEY, v varchar(9) CHARACTER SET latin1,
            w varchar(9) CHARACTER SET utf8mb3)",
    )
    .await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: reject", 4);
    assert_eq!(rejected(&report), ["2 v no_such_character", "3 w no_such_character"]);
    assert_eq!(to.rows("SELECT id, v, w FROM note").await, ["1|Zoë|Zoë 学"]);
    for note in ["v: characters that latin1 lacks", "w: characters that utf8mb3 lacks"] {
        assert!(notes(&report).iter().any(|said| said.starts_with(note)), "{report:#}");
    }
}

/// A database of PostgreSQL has one encoding for all its texts.
#[tokio::test]
async fn characters_that_a_database_of_postgresql_lacks_are_refused_by_name_or_mended() {
    let setting = Setting::new(LONGHAUL);
    let from = Database::new().await;
    from.run("CREATE TABLE note (id INT PRIMARY KEY, v TEXT, c CHAR(3), doc JSONB, n INT)").await;
    from.run(
        r#"INSERT INTO note VALUES (1, 'Zoë', 'ä', '"é"', 1), (2, '5 €', 'x', '1', 2),
            (3, 'x', '学', '1', 3), (4, 'x', 'x', '"😀"', 4), (5, NULL, NULL, NULL, NULL)"#,
    )
    .await;
    let bad = ["2 v no_such_character", "3 c no_such_character", "4 doc no_such_character"];
    let rows = "SELECT string_agg(concat_ws('|', id, v, rtrim(c), doc), ' ' ORDER BY id) FROM note";

    // The engine's own bytes are not looked at: there the server refuses, by the same word.
    let to = Database::in_encoding("LATIN1").await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: reject", 4);
    assert_eq!(report["totals"]["rejected"], 3);
    let starts =
        |reject: &Value| reject["reason"].as_str().unwrap().starts_with("no_such_character");
    assert!(report["rejects"].as_array().unwrap().iter().all(starts), "{report:#}");

    let to = Database::in_encoding("LATIN1").await;
    let rule = "policies: { doc: null, no_such_character: reject }";
    let report = run(&setting, &from.url(), &to.url(), rule, 4);
    assert_eq!(rejected(&report), bad[..2]);

    let to = Database::in_encoding("LATIN1").await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: clamp", 4);
    assert_eq!(rejected(&report), bad[2..]);
    let policies = json!({ "v": { "no_such_character": 1 }, "c": { "no_such_character": 1 } });
    assert_eq!(report["entities"][0]["policies"], policies);
    assert_eq!(to.ask(rows).await, r#"1|Zoë|ä|"é" 2|5 ?|x|1 3|x|?|1 5"#);
    let _ = setting.longhaul(&["verify"]).exits(0);

    // And one that is read understands all that it is asked.
    let (from, to) = (Database::in_encoding("LATIN1").await, Database::new().await);
    from.run("CREATE TABLE note (id INT PRIMARY KEY, v TEXT); INSERT INTO note VALUES (1, 'Zoë')")
        .await;
    let _ = run(&setting, &from.url(), &to.url(), "mode: create", 0);
    assert_eq!(to.ask("SELECT v FROM note").await, "Zoë");
}

/// Two characters that the target lacks are not one: rows are known by their key, which never changes.
/// Where another key is mended, what was two is one.
#[tokio::test]
async fn keys_with_characters_that_the_target_lacks_are_not_taken_for_one() {
    let setting = Setting::new(LONGHAUL);
    let from = Database::new().await;
    from.run("CREATE TABLE word (w VARCHAR(9) PRIMARY KEY, u VARCHAR(9) UNIQUE)").await;
    from.run("INSERT INTO word VALUES ('漢', 'a'), ('한', 'b'), ('x', 'x漢'), ('y', 'x한')").await;
    let table = "CREATE TABLE word (w varchar(9) CHARACTER SET latin1 PRIMARY KEY,
        u varchar(9) CHARACTER SET latin1 UNIQUE)";
    let to = Mysql::new().await;
    to.run(table).await;
    let met = |report: &Value| notes(report).into_iter().filter(|n| n.contains("for one")).count();
    let report = run(&setting, &from.url(), &to.url(), "mode: upsert", 4);
    let lacked = |column: &str, key: &str| format!("{key} {column} no_such_character");
    let mut all = [lacked("w", "漢"), lacked("w", "한"), lacked("u", "x"), lacked("u", "y")];
    all.sort();
    assert_eq!((met(&report), rejected(&report)), (0, all.to_vec()));

    let to = Mysql::new().await;
    to.run(table).await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: clamp", 4);
    assert_eq!((met(&report), rejected(&report).len()), (1, 3), "{report:#}");
    assert_eq!(to.rows("SELECT u FROM word").await, ["x?"]);
}
