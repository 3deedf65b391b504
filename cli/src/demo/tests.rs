//! The demo database, read back.

use rusqlite::types::Value;

use super::*;

/// A database in a folder that is gone at the end of the test.
struct Demo {
    folder: PathBuf,
    db: Connection,
}

impl Demo {
    fn of(rows: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("longhaul-demo-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("school.db");
        generate(&path, rows, &mut |_, _| {}).unwrap();
        Self { db: Connection::open(path).unwrap(), folder }
    }

    fn tables(&self) -> Vec<String> {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' \
            AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut names = self.db.prepare(sql).unwrap();
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn number(&self, sql: &str) -> u64 {
        let number: i64 = self.db.query_row(sql, [], |row| row.get(0)).unwrap();
        number.cast_unsigned()
    }

    fn rows(&self) -> u64 {
        let count = |table: &String| self.number(&format!("SELECT count(*) FROM \"{table}\""));
        self.tables().iter().map(count).sum()
    }

    /// Every value of every table.
    fn dump(&self) -> Vec<String> {
        let mut values = Vec::new();
        for table in self.tables() {
            let mut all = self.db.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
            let columns = all.column_count();
            let mut rows = all.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let value = |n| format!("{:?}", row.get::<_, Value>(n).unwrap());
                values.extend((0..columns).map(value));
            }
        }
        values
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn the_same_number_gives_the_same_rows() {
    let digest = protocol::wire::fingerprint(&Demo::of(2000).dump());
    assert_eq!(digest, protocol::wire::fingerprint(&Demo::of(2000).dump()));
    assert_eq!(digest, "928855494b9361e1417133d305f5b2b98fe478719f2a46866ed051a4f7f77458");
}

#[test]
fn every_foreign_key_is_satisfied() {
    for rows in [0, 1000, 30_000] {
        let demo = Demo::of(rows);
        let mut check = demo.db.prepare("PRAGMA foreign_key_check").unwrap();
        assert!(!check.exists([]).unwrap(), "{rows} rows");
        let sound: String =
            demo.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
    }
}

#[test]
fn there_are_about_as_many_rows_as_were_asked_for() {
    for rows in [1000, 5000, 50_000] {
        let made = Demo::of(rows).rows();
        assert!(made.abs_diff(rows) <= rows / 50, "{made} for {rows}");
    }
    assert!((100..300).contains(&Demo::of(0).rows()));
}

#[test]
fn it_has_what_real_databases_have() {
    let demo = Demo::of(5000);
    assert_eq!(demo.tables().len(), 13);
    for (what, sql) in [
        (
            "doubled rows",
            "SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT * FROM attendance_log)) FROM attendance_log",
        ),
        ("a row that points to itself", "SELECT count(*) FROM staff WHERE manager_id = id"),
        (
            "a cycle",
            "SELECT count(*) FROM schools c JOIN staff s ON s.id = c.principal_id AND s.school_id = c.id",
        ),
        ("photos", "SELECT count(*) FROM students WHERE typeof(photo) = 'blob'"),
        ("no middle name", "SELECT count(*) FROM students WHERE middle_name IS NULL"),
        ("empty texts", "SELECT count(*) FROM assessments WHERE remark = ''"),
        ("beside NULL", "SELECT count(*) FROM assessments WHERE remark IS NULL"),
        ("long texts", "SELECT count(*) FROM notes WHERE length(body) > 60000"),
        ("decimals", "SELECT count(*) FROM assessments WHERE typeof(score) = 'real'"),
        ("names that need quotes", "SELECT count(\"weird \"\"name\"\"\") FROM \"Lunch Orders\""),
        ("a view", "SELECT count(*) FROM student_overview"),
        (
            "partial indexes",
            "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND sql LIKE '%WHERE%'",
        ),
    ] {
        assert!(demo.number(sql) > 0, "{what}");
    }
    assert_eq!(demo.number("SELECT count(*) FROM transfers"), 0);
}

#[test]
fn every_date_is_a_day_that_there_was() {
    let demo = Demo::of(20_000);
    for (table, column) in [
        ("staff", "hired_on"),
        ("students", "birth_date"),
        ("students", "withdrawn_on"),
        ("attendance_log", "day"),
        ("assessments", "substr(taken_at, 1, 10)"),
        ("notes", "substr(created_at, 1, 10)"),
    ] {
        let wrong = format!("SELECT count(*) FROM {table} WHERE date({column}) IS NOT {column}");
        assert_eq!(demo.number(&wrong), 0, "{table}.{column}");
    }
}

#[test]
fn progress_ends_at_the_number_of_rows_of_each_table() {
    let folder = std::env::temp_dir().join(format!("longhaul-demo-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&folder).unwrap();
    let path = folder.join("school.db");
    let mut last = std::collections::BTreeMap::new();
    generate(&path, 3000, &mut |table, rows| {
        last.insert(table.to_owned(), rows);
    })
    .unwrap();
    let demo = Demo { db: Connection::open(&path).unwrap(), folder };
    assert_eq!(last.len(), 12);
    for (table, rows) in last {
        assert_eq!(rows, demo.number(&format!("SELECT count(*) FROM \"{table}\"")), "{table}");
    }
}

#[test]
fn a_file_that_is_there_is_not_touched() {
    let demo = Demo::of(0);
    let path = demo.folder.join("school.db");
    let fault = generate(&path, 0, &mut |_, _| {}).unwrap_err();
    assert_eq!(fault.code(), Code::OutputUnwritable);
    assert_eq!(fault.said(), Some("the file is there already"));
    let nowhere = demo.folder.join("no/such/folder/school.db");
    assert_eq!(generate(&nowhere, 0, &mut |_, _| {}).unwrap_err().code(), Code::OutputUnwritable);
}
