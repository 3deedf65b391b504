use protocol::plan::Step;
use protocol::schema::{
    Catalogue, Check, Column, ForeignKey, Generated, Identity, IndexPart, Key, Logical, TableName,
};
use rusqlite::Connection;

use super::*;
use crate::DesignedColumn;
use crate::sqlite::introspect;

fn wanted(from: Catalogue) -> Wanted {
    let existing =
        Catalogue { tables: Vec::new(), unmoved: Vec::new(), objects: Vec::new(), ..from.clone() };
    let tables = (0_u32..).map(EntityId).zip(from.tables.clone()).collect();
    Wanted { from, tables, existing, beside: crate::Beside::default() }
}

/// Runs all steps in a new file, with foreign keys verified, and says what came of it.
fn carried_out(design: &Design) -> (Connection, Catalogue) {
    let connection = Connection::open_in_memory().unwrap();
    for stage in [Stage::Prepare, Stage::Finish] {
        for designed in design.steps.iter().filter(|step| step.stage == stage) {
            run(&connection, &designed.step);
        }
    }
    let catalogue = introspect::catalogue(&connection).unwrap();
    (connection, catalogue)
}

fn run(connection: &Connection, step: &Step) {
    for statement in &step.statements {
        connection.execute_batch(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

const RICH: &str = "
CREATE TABLE parent (a INT NOT NULL, b TEXT NOT NULL, note, PRIMARY KEY (b, a));
CREATE TABLE \"Child \"\"x\"\"\" (
  id INTEGER CONSTRAINT pk PRIMARY KEY AUTOINCREMENT,
  b TEXT, a INT,
  boss INTEGER CONSTRAINT boss_fk REFERENCES \"Child \"\"x\"\"\" (id) DEFERRABLE INITIALLY DEFERRED,
  name VARCHAR(20) COLLATE NOCASE NOT NULL DEFAULT 'no''ne',
  price NUMERIC(10,2) DEFAULT (1 + 1) CHECK (price >= 0),
  twice REAL GENERATED ALWAYS AS (price * 2) VIRTUAL,
  kept TEXT AS (lower(name)) STORED,
  made DATETIME DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT one_name UNIQUE (name, b),
  CONSTRAINT up FOREIGN KEY (b, a) REFERENCES parent (b, a) ON DELETE CASCADE ON UPDATE SET NULL);
CREATE TABLE loose (k TEXT PRIMARY KEY, v BLOB);
CREATE TABLE plain (id INTEGER PRIMARY KEY, v);
CREATE TABLE quirk (id INTEGER PRIMARY KEY DESC, v);
CREATE TABLE tiny (id INT PRIMARY KEY, \"select\" \"a type\");
CREATE INDEX by_price ON \"Child \"\"x\"\"\" (price DESC, lower(name)) WHERE price > 1;
CREATE UNIQUE INDEX only_v ON loose (v COLLATE NOCASE);
INSERT INTO \"Child \"\"x\"\"\" (id, name) VALUES (41, 'x');
DELETE FROM \"Child \"\"x\"\"\";
";

#[test]
fn a_table_of_sqlite_becomes_the_same_table() {
    let source = Connection::open_in_memory().unwrap();
    source.execute_batch(RICH).unwrap();
    let from = introspect::catalogue(&source).unwrap();
    let design = design(&wanted(from.clone())).unwrap();
    assert_eq!(design.notes, []);
    let (connection, back) = carried_out(&design);
    assert_eq!(back, from, "structure, and where numbering goes on");
    connection.execute("INSERT INTO \"Child \"\"x\"\"\" (name) VALUES ('y')", []).unwrap();
    assert_eq!(connection.last_insert_rowid(), 42);
}

fn column(name: &str, native: &str, logical: Logical) -> Column {
    Column {
        name: name.into(),
        native: native.into(),
        logical,
        nullable: true,
        raw: true,
        ..Column::default()
    }
}

fn empty(name: &str, columns: Vec<Column>) -> Table {
    Table { name: TableName::bare(name), columns, durable: true, ..Table::default() }
}

fn postgres(tables: Vec<Table>) -> Wanted {
    wanted(Catalogue {
        default_schema: Some("public".into()),
        tables,
        ..Catalogue::new(Engine::Postgres, "15")
    })
}

fn key(name: &str, columns: &[&str]) -> Key {
    let columns = columns.iter().map(|c| (*c).into()).collect();
    Key { name: Some(name.into()), columns, ..Key::default() }
}

fn index(name: &str, method: &str, on: IndexOn) -> Index {
    Index {
        name: name.into(),
        unique: false,
        method: method.into(),
        parts: vec![IndexPart { on, descending: false }],
        include: Vec::new(),
        predicate: None,
        tail: Some("USING nonsense".into()),
    }
}

/// A table with a little of everything that PostgreSQL has.
fn orders() -> Table {
    let serial = Identity::new(IdentityKind::Serial, Some(17));
    let mood = Logical::Enum { labels: vec!["so".into(), "it's".into()] };
    let total = Logical::Decimal { precision: Some(12), scale: Some(2) };
    let wide = Logical::Decimal { precision: None, scale: None };
    let bits32 = Logical::Integer { bits: 32 };
    let mut table = empty(
        "orders",
        vec![
            Column {
                identity: Some(serial),
                nullable: false,
                ..column("id", "integer", bits32.clone())
            },
            column("parent", "integer", bits32.clone()),
            Column { default: Some("'so'::mood".into()), ..column("mood", "mood", mood) },
            column("total", "numeric(12,2)", total),
            column("wide", "numeric", wide),
            Column {
                generated: Some(Generated { expression: "(parent + 1)".into(), stored: true }),
                ..column("next", "integer", bits32.clone())
            },
            Column {
                generated: Some(Generated { expression: "lower('A')".into(), stored: true }),
                ..column("plain", "text", Logical::Text { length: None })
            },
        ],
    );
    table.primary_key = Some(key("orders_pkey", &["id"]));
    table.uniques = vec![key("orders_total", &["total", "mood"])];
    table.foreign_keys = vec![ForeignKey {
        name: Some("up".into()),
        columns: vec!["parent".into()],
        references: TableName::bare("orders"),
        referenced: vec!["id".into()],
        on_delete: "CASCADE".into(),
        on_update: "NO ACTION".into(),
        deferrable: None,
        validated: true,
        full: false,
    }];
    table.checks = vec![
        Check::new(Some("positive".into()), "(parent > 0)"),
        Check::new(Some("strange".into()), "(mood ~ '^s')"),
    ];
    table.indexes = vec![
        index("orders_total", "btree", IndexOn::Column("total".into())),
        index("by_parent", "btree", IndexOn::Column("parent".into())),
        index("gin", "gin", IndexOn::Column("mood".into())),
    ];
    table
}

#[test]
fn a_table_of_postgresql_becomes_what_sqlite_can_hold() {
    let mut other = empty("other", vec![column("v", "text", Logical::Text { length: None })]);
    other.indexes = vec![index("by_parent", "btree", IndexOn::Column("v".into()))];
    let design = design(&postgres(vec![orders(), other])).unwrap();
    let (connection, back) = carried_out(&design);
    let table = back.table(&TableName::bare("orders")).unwrap();
    let natives: Vec<_> = table.columns.iter().map(|column| column.native.as_str()).collect();
    let expected = ["INTEGER", "INT4", "TEXT", "NUMERIC(12,2)", "DECIMAL_TEXT", "INT4", "TEXT"];
    assert_eq!(natives, expected);
    assert_eq!(table.primary_key, Some(key("orders_pkey", &["id"])));
    assert_eq!(table.foreign_keys.len(), 1);
    assert!(table.column("next").unwrap().generated.is_some());
    connection.execute_batch("INSERT INTO orders (mood, total) VALUES ('it''s', 1)").unwrap();
    assert_eq!(connection.last_insert_rowid(), 18, "numbering goes on");
    connection.execute_batch("INSERT INTO orders (mood) VALUES ('other')").unwrap_err();
    connection.execute_batch("INSERT INTO orders (parent) VALUES (-1)").unwrap_err();
}

#[test]
fn what_stays_behind_is_named() {
    let design = design(&postgres(vec![orders()])).unwrap();
    let left: Vec<_> = design.notes.iter().filter(|note| note.level == Level::Left).collect();
    for name in ["check strange", "index gin", "plain is computed"] {
        let found = left.iter().any(|note| note.text.contains(name));
        assert!(found, "{name}: {:?}", design.notes);
    }
    let is_plain = |column: &&DesignedColumn| column.name == "plain" && !column.generated;
    assert_eq!(design.columns[0].iter().filter(is_plain).count(), 1);
}

#[test]
fn statistics_and_the_look_at_foreign_keys_wait_for_indexes() {
    let design = design(&postgres(vec![orders()])).unwrap();
    for kind in [StepKind::Statistics, StepKind::ForeignKey] {
        let step = design.steps.iter().find(|step| step.step.kind == kind).unwrap();
        let after: Vec<_> = step.after.iter().map(|at| design.steps[*at].step.kind).collect();
        assert_eq!(after, [StepKind::Index, StepKind::Index], "{kind:?}");
    }
}

#[test]
fn names_that_sqlite_cannot_have_are_refused() {
    let text = || column("a", "text", Logical::Text { length: None });
    let refused = |tables: Vec<Table>| design(&postgres(tables)).err().map(|fault| fault.code());
    let unfit = Some(Code::IdentifierUnfit);
    assert_eq!(refused(vec![empty("a\";--", vec![text()])]), None);
    assert_eq!(refused(vec![empty("sqlite_x", vec![text()])]), unfit);
    assert_eq!(refused(vec![empty("longhaul_x", vec![text()])]), unfit);
    assert_eq!(refused(vec![empty("", vec![text()])]), unfit);
    assert_eq!(refused(vec![empty("T", vec![text()]), empty("t", vec![text()])]), unfit);
    assert_eq!(
        refused(vec![empty("t", vec![text(), Column { name: "A".into(), ..text() }])]),
        unfit
    );
    let elsewhere = Table { name: TableName::within("sales", "t"), ..empty("t", vec![text()]) };
    assert_eq!(refused(vec![elsewhere]), unfit);
}
