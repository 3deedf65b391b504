//! A rich schema, told back.

use protocol::schema::{
    Catalogue, Deferred, Engine, IdentityKind, IndexOn, Logical, Table, TableName, Unmoved,
};

use crate::Source;
use crate::postgres::testing::Scratch;

/// One of everything that is moved, and some of what is not.
pub(in crate::postgres) const RICH: &str = r#"
    CREATE SCHEMA "My App";
    CREATE TYPE "My App"."Mood" AS ENUM ('sad', 'ok', 'it''s fine');
    CREATE DOMAIN positive AS numeric(10,2) CHECK (VALUE > 0);
    CREATE SEQUENCE tickets INCREMENT 5 START 100;
    SELECT nextval('tickets');
    CREATE TABLE parent (
        id bigint GENERATED ALWAYS AS IDENTITY,
        code character(4) NOT NULL,
        name varchar(20) COLLATE "C" DEFAULT 'x',
        PRIMARY KEY (id), CONSTRAINT parent_code_key UNIQUE (code));
    INSERT INTO parent (code) VALUES ('ab');
    COMMENT ON TABLE parent IS 'all parents';
    COMMENT ON COLUMN parent.code IS 'it''s short';
    CREATE TABLE "My App"."Odd ""Table" (
        "Id" serial PRIMARY KEY,
        "a.b" integer[] NOT NULL DEFAULT '{}',
        mood "My App"."Mood" DEFAULT 'ok',
        moods "My App"."Mood"[],
        price positive,
        total numeric(12,2) GENERATED ALWAYS AS (price * 2) STORED,
        parent bigint REFERENCES parent ON DELETE CASCADE ON UPDATE SET NULL
               DEFERRABLE INITIALLY DEFERRED,
        self integer, place inet, bits bit(3), seen timestamptz(3), whose regclass,
        ticket bigint DEFAULT nextval('tickets'),
        CONSTRAINT "price ok" CHECK (price < 1000 AND mood <> 'sad'));
    ALTER TABLE "My App"."Odd ""Table" ADD CONSTRAINT later FOREIGN KEY (self)
        REFERENCES "My App"."Odd ""Table" NOT VALID;
    CREATE UNIQUE INDEX odd_parts ON "My App"."Odd ""Table"
        USING btree (parent DESC, abs(self)) INCLUDE (price) WHERE self IS NOT NULL;
    CREATE TABLE readings (taken date NOT NULL, site int NOT NULL, v real,
        PRIMARY KEY (taken, site)) PARTITION BY RANGE (taken);
    CREATE TABLE readings_old PARTITION OF readings FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
    CREATE TABLE readings_new PARTITION OF readings FOR VALUES FROM ('2020-01-01') TO (MAXVALUE)
        PARTITION BY LIST (site);
    CREATE TABLE readings_new_1 PARTITION OF readings_new FOR VALUES IN (1);
    CREATE TABLE readings_rest PARTITION OF readings_new DEFAULT;
    CREATE UNLOGGED TABLE scratch (x text);
    CREATE TABLE base (x int); CREATE TABLE derived () INHERITS (base);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER touched BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE VIEW everything AS SELECT * FROM parent;
    CREATE TABLE booked (at tsrange, EXCLUDE USING gist (at WITH &&));
    ANALYZE;
"#;

async fn rich() -> (Scratch, Catalogue) {
    let scratch = Scratch::new(RICH).await;
    let catalogue = Source::catalogue(&*scratch.open().await).await.unwrap();
    (scratch, catalogue)
}

fn table<'a>(catalogue: &'a Catalogue, schema: &str, name: &str) -> &'a Table {
    catalogue.table(&TableName::within(schema, name)).unwrap()
}

#[tokio::test]
async fn columns_say_what_they_hold() {
    let (_scratch, catalogue) = rich().await;
    assert_eq!(catalogue.engine, Engine::Postgres);
    assert_eq!(catalogue.default_schema.as_deref(), Some("public"));
    let odd = table(&catalogue, "My App", "Odd \"Table");
    let told: Vec<_> = odd
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.native.as_str(), c.raw, c.nullable))
        .collect();
    assert_eq!(
        told,
        [
            ("Id", "integer", true, false),
            ("a.b", "integer[]", true, false),
            ("mood", "\"My App\".\"Mood\"", true, true),
            ("moods", "\"My App\".\"Mood\"[]", false, true),
            ("price", "numeric(10,2)", true, true),
            ("total", "numeric(12,2)", true, true),
            ("parent", "bigint", true, true),
            ("self", "integer", true, true),
            ("place", "inet", true, true),
            ("bits", "bit(3)", true, true),
            ("seen", "timestamp(3) with time zone", true, true),
            ("whose", "regclass", false, true),
            ("ticket", "bigint", true, true),
        ]
    );
    let mood = odd.column("mood").unwrap();
    let labels = ["sad", "ok", "it's fine"].map(String::from).to_vec();
    assert_eq!(mood.logical, Logical::Enum { labels });
    assert_eq!(mood.default.as_deref(), Some("'ok'::\"My App\".\"Mood\""));
    assert_eq!(
        odd.column("price").unwrap().logical,
        Logical::Decimal { precision: Some(10), scale: Some(2) }
    );
    assert_eq!(odd.column("seen").unwrap().logical, Logical::TimestampWithZone);
    let total = odd.column("total").unwrap();
    assert!(total.default.is_none() && total.generated.as_ref().unwrap().stored);
    let ticket = odd.column("ticket").unwrap();
    assert_eq!(ticket.default.as_deref(), Some("nextval('public.tickets'::regclass)"));
    let parent = table(&catalogue, "public", "parent");
    assert_eq!(parent.column("name").unwrap().native, "character varying(20) COLLATE \"C\"");
    assert_eq!(parent.column("code").unwrap().comment.as_deref(), Some("it's short"));
    assert_eq!(parent.comment.as_deref(), Some("all parents"));
}

#[tokio::test]
async fn numbering_is_told_with_its_last_number() {
    let (_scratch, catalogue) = rich().await;
    let odd = table(&catalogue, "My App", "Odd \"Table");
    let serial = odd.column("Id").unwrap();
    assert!(serial.default.is_none());
    let serial = serial.identity.as_ref().unwrap();
    assert_eq!((serial.kind, serial.last, serial.increment), (IdentityKind::Serial, None, 1));
    let parent = table(&catalogue, "public", "parent");
    let always = parent.column("id").unwrap().identity.as_ref().unwrap();
    assert_eq!((always.kind, always.last), (IdentityKind::Always, Some(1)));
    let [tickets] = catalogue.sequences.as_slice() else { panic!("one standalone sequence") };
    assert_eq!((tickets.increment, tickets.start, tickets.last), (5, 100, Some(100)));
}

#[tokio::test]
async fn keys_links_checks_and_indexes_are_told() {
    let (_scratch, catalogue) = rich().await;
    let odd = table(&catalogue, "My App", "Odd \"Table");
    assert_eq!(odd.primary_key.as_ref().unwrap().columns, ["Id"]);
    let [link, later] = odd.foreign_keys.as_slice() else { panic!("two foreign keys") };
    assert!(!later.validated && link.validated);
    assert_eq!(link.references, TableName::within("public", "parent"));
    assert_eq!((link.on_delete.as_str(), link.on_update.as_str()), ("CASCADE", "SET NULL"));
    assert_eq!((link.deferrable, later.deferrable), (Some(Deferred::Deferred), None));
    let [check] = odd.checks.as_slice() else { panic!("one check") };
    assert_eq!(check.name.as_deref(), Some("price ok"));
    assert!(check.expression.starts_with("((price)::numeric < "), "{}", check.expression);
    let [index] = odd.indexes.as_slice() else { panic!("one index") };
    assert!(index.unique && index.parts[0].descending && !index.parts[1].descending);
    assert_eq!(index.parts[0].on, IndexOn::Column("parent".into()));
    assert_eq!(index.parts[1].on, IndexOn::Expression("abs(self)".into()));
    assert_eq!(index.include, ["price"]);
    assert_eq!(index.predicate.as_deref(), Some("(self IS NOT NULL)"));
    let tail = index.tail.as_deref().unwrap();
    assert!(tail.starts_with("USING btree (parent DESC, abs("), "{tail}");
    let parent = table(&catalogue, "public", "parent");
    assert_eq!(parent.uniques[0].name.as_deref(), Some("parent_code_key"));
    assert_eq!(parent.triggers, ["touched"]);
}

#[tokio::test]
async fn partitions_stand_inside_their_root() {
    let (_scratch, catalogue) = rich().await;
    let readings = table(&catalogue, "public", "readings");
    let cut = readings.partitioning.as_ref().unwrap();
    assert_eq!(cut.by, "RANGE (taken)");
    let told: Vec<_> =
        cut.partitions.iter().map(|p| (p.name.name.as_str(), p.parent.name.as_str())).collect();
    assert_eq!(
        told,
        [
            ("readings_new", "readings"),
            ("readings_old", "readings"),
            ("readings_new_1", "readings_new"),
            ("readings_rest", "readings_new"),
        ]
    );
    assert_eq!(cut.partitions[0].by.as_deref(), Some("LIST (site)"));
    assert_eq!(cut.partitions[2].bound, "FOR VALUES IN (1)");
    assert_eq!(cut.partitions[3].bound, "DEFAULT");
    assert!(catalogue.tables.iter().all(|table| table.name.name != "readings_old"));
    assert!(!table(&catalogue, "public", "scratch").durable && readings.durable);
}

#[tokio::test]
async fn what_is_not_moved_is_named() {
    let (_scratch, catalogue) = rich().await;
    let told: Vec<_> =
        catalogue.unmoved.iter().map(|Unmoved { kind, name }| format!("{kind} {name}")).collect();
    assert_eq!(told, [""; 0]);
    let objects: Vec<_> = catalogue.objects.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(
        objects,
        ["function public.touch()", "view public.everything", "trigger touched on public.parent",]
    );
}

#[tokio::test]
async fn our_own_tables_are_not_a_users() {
    let scratch = Scratch::new("CREATE SCHEMA longhaul; CREATE TABLE longhaul.run (x int)").await;
    let catalogue = Source::catalogue(&*scratch.open().await).await.unwrap();
    assert!(catalogue.tables.is_empty());
}

#[tokio::test]
async fn the_default_schema_is_the_first_of_the_configured_path_that_is_there() {
    let scratch = Scratch::new("CREATE SCHEMA app").await;
    let set = format!("ALTER DATABASE {} SET search_path = missing, app, public", scratch.name());
    scratch.run(&set).await;
    let catalogue = Source::catalogue(&*scratch.open().await).await.unwrap();
    assert_eq!(catalogue.default_schema.as_deref(), Some("app"));
}

#[tokio::test]
async fn estimates_exist_before_anything_was_analysed() {
    let scratch = Scratch::new(
        "CREATE TABLE t (id int, v text); ALTER TABLE t SET (autovacuum_enabled = off);
         INSERT INTO t SELECT g, 'some text' FROM generate_series(1, 20000) g",
    )
    .await;
    let catalogue = Source::catalogue(&*scratch.open().await).await.unwrap();
    let t = table(&catalogue, "public", "t");
    assert!((10_000..40_000).contains(&t.rows_estimate), "{}", t.rows_estimate);
    assert!(t.bytes_estimate > 500_000, "{}", t.bytes_estimate);
}
