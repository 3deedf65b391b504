use protocol::schema::{Deferred, Logical};

use super::*;

const RICH: &str = "
CREATE TABLE parent (a INT NOT NULL, b TEXT NOT NULL, note, PRIMARY KEY (b, a)) WITHOUT ROWID;
CREATE TABLE \"Child \"\"x\"\"\" (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  B TEXT, A INT,
  boss INTEGER CONSTRAINT boss_fk REFERENCES \"child \"\"X\"\"\" DEFERRABLE INITIALLY DEFERRED,
  name VARCHAR(20) COLLATE NOCASE NOT NULL DEFAULT \"none\",
  price NUMERIC(10,2) DEFAULT (1 + 1) CHECK (price >= 0),
  double_price REAL GENERATED ALWAYS AS (price * 2) VIRTUAL,
  kept TEXT AS (lower(name)) STORED,
  made DATETIME DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT one_name UNIQUE (name, b),
  CONSTRAINT up FOREIGN KEY (b, a) REFERENCES PARENT ON DELETE CASCADE ON UPDATE SET NULL);
CREATE TABLE loose (k TEXT PRIMARY KEY, v BLOB);
CREATE TABLE plain (id INTEGER PRIMARY KEY, v);
CREATE TABLE quirk (id INTEGER PRIMARY KEY DESC, v);
CREATE INDEX by_price ON \"Child \"\"x\"\"\" (price DESC, lower(name)) WHERE price > 1;
CREATE UNIQUE INDEX only_v ON loose (v);
CREATE VIEW seen AS SELECT 1;
CREATE TRIGGER fires AFTER INSERT ON loose BEGIN SELECT 1; END;
CREATE TABLE longhaul_run (run);
INSERT INTO \"Child \"\"x\"\"\" (id, name) VALUES (41, 'x');
DELETE FROM \"Child \"\"x\"\"\";
INSERT INTO loose VALUES ('a', x'0102'), ('b', NULL);
";

fn rich() -> Catalogue {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(RICH).unwrap();
    catalogue(&connection).unwrap()
}

fn table<'a>(catalogue: &'a Catalogue, name: &str) -> &'a Table {
    catalogue.table(&TableName::bare(name)).unwrap()
}

#[test]
fn tables_are_listed_and_the_rest_is_named() {
    let all = rich();
    let names: Vec<_> = all.tables.iter().map(|table| table.name.name.as_str()).collect();
    assert_eq!(names, ["Child \"x\"", "loose", "parent", "plain", "quirk"]);
    let stays: Vec<_> =
        all.unmoved.iter().map(|one| (one.kind.as_str(), one.name.name.as_str())).collect();
    assert_eq!(stays, [("WITHOUT ROWID of table", "parent")]);
    let keys: Vec<_> = all.objects.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["view seen", "trigger fires"]);
    assert_eq!(table(&all, "loose").triggers, ["fires"]);
}

#[test]
fn columns_keep_what_is_written_about_them() {
    let all = rich();
    let child = table(&all, "Child \"x\"");
    let column = |name: &str| child.column(name).unwrap();
    assert_eq!(column("name").native, "VARCHAR(20) COLLATE \"NOCASE\"");
    assert_eq!(column("name").logical, Logical::Text { length: Some(20) });
    assert_eq!(column("name").default.as_deref(), Some("'none'"));
    assert!(!column("name").nullable);
    assert_eq!(column("price").default.as_deref(), Some("1 + 1"));
    assert_eq!(column("made").default.as_deref(), Some("CURRENT_TIMESTAMP"));
    let computed = |name: &str| column(name).generated.clone().unwrap();
    assert_eq!(computed("double_price").expression, "price * 2");
    assert!(!computed("double_price").stored);
    assert!(computed("kept").stored);
    assert_eq!(child.checks[0].expression, "price >= 0");
}

#[test]
fn a_rowid_numbers_rows_and_autoincrement_remembers() {
    let all = rich();
    let identity = |name: &str, column: &str| {
        let found = table(&all, name).column(column).unwrap();
        found.identity.clone().map(|identity| (identity.kind, identity.last))
    };
    assert_eq!(identity("Child \"x\"", "id"), Some((IdentityKind::AutoIncrement, Some(41))));
    assert_eq!(identity("plain", "id"), Some((IdentityKind::ByDefault, None)));
    assert_eq!(identity("quirk", "id"), None);
    assert_eq!(identity("parent", "a"), None);
}

#[test]
fn null_is_allowed_where_sqlite_allows_it() {
    let all = rich();
    let nullable = |name: &str, column: &str| table(&all, name).column(column).unwrap().nullable;
    assert!(nullable("loose", "k"), "a primary key of a rowid table may hold NULL");
    assert!(nullable("quirk", "id"), "and so may this one, which is no alias of the rowid");
    assert!(!nullable("plain", "id"));
    assert!(!nullable("parent", "b"));
    assert_eq!(table(&all, "loose").cutting_key(), None);
    assert_eq!(table(&all, "parent").cutting_key(), Some(vec!["b".into(), "a".into()]));
}

#[test]
fn keys_and_links_are_found_with_their_names() {
    let all = rich();
    let child = table(&all, "Child \"x\"");
    assert_eq!(child.uniques[0].name.as_deref(), Some("one_name"));
    assert_eq!(child.uniques[0].columns, ["name", "B"]);
    let [own, up] = &child.foreign_keys[..] else { panic!("{:?}", child.foreign_keys) };
    assert_eq!(own.name.as_deref(), Some("boss_fk"));
    assert_eq!(own.references.name, "Child \"x\"");
    assert_eq!((&own.columns[..], &own.referenced[..]), (&["boss".into()][..], &["id".into()][..]));
    assert_eq!(own.deferrable, Some(Deferred::Deferred));
    assert_eq!(up.name.as_deref(), Some("up"));
    assert_eq!(up.references.name, "parent");
    assert_eq!(up.columns, ["B", "A"]);
    assert_eq!(up.referenced, ["b", "a"], "the parent's primary key, in its order");
    assert_eq!((up.on_delete.as_str(), up.on_update.as_str()), ("CASCADE", "SET NULL"));
}

#[test]
fn indexes_are_not_the_shadows_of_keys() {
    let all = rich();
    let child = table(&all, "Child \"x\"");
    let [index] = &child.indexes[..] else { panic!("{:?}", child.indexes) };
    assert_eq!(index.predicate.as_deref(), Some("price > 1"));
    assert_eq!(
        index.parts,
        [
            IndexPart { on: IndexOn::Column("price".into()), descending: true },
            IndexPart { on: IndexOn::Expression("lower(name)".into()), descending: false },
        ]
    );
    assert!(table(&all, "loose").indexes[0].unique);
}

#[test]
fn estimates_follow_the_rows() {
    let all = rich();
    let loose = table(&all, "loose");
    assert_eq!(loose.rows_estimate, 2);
    // One and a half bytes on average, and the framing.
    assert_eq!(loose.bytes_estimate, 2 * (2 + 8 + 2));
    assert_eq!(table(&all, "plain").bytes_estimate, 0);
}

#[test]
fn links_are_vouched_for_when_they_all_lead_somewhere() {
    let connection = Connection::open_in_memory().unwrap();
    let sql = "PRAGMA foreign_keys = OFF; CREATE TABLE p (id INTEGER PRIMARY KEY, other INT);
        CREATE TABLE c (a REFERENCES p, b REFERENCES p);
        CREATE TABLE d (a REFERENCES p, b REFERENCES p (other));
        INSERT INTO p VALUES (1, 1); INSERT INTO c VALUES (1, 2), (NULL, NULL);";
    connection.execute_batch(sql).unwrap();
    let all = catalogue(&connection).unwrap();
    let vouched =
        |name| table(&all, name).foreign_keys.iter().map(|key| key.validated).collect::<Vec<_>>();
    assert_eq!(vouched("c"), [true, false], "the second has an orphan");
    // One of them points to what is no key, and SQLite then looks at none of the table.
    assert_eq!(vouched("d"), [false, false]);
}
