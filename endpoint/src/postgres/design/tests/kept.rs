//! What only PostgreSQL gives a table, and what only a partition has.

use super::same::{agree, moved};
use super::*;

const COLUMNS: &str = "
    SELECT a.attrelid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
           a.attnotnull, a.attislocal, a.attinhcount, pg_get_expr(d.adbin, d.adrelid),
           a.attstorage, a.attcompression, a.attstattarget,
           (SELECT array_agg(o ORDER BY o) FROM unnest(a.attoptions) AS o WHERE o LIKE 'n_distinct%'),
           col_description(a.attrelid, a.attnum)
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

const CONSTRAINTS: &str = "
    SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), conislocal, coninhcount,
           convalidated, obj_description(oid, 'pg_constraint')
      FROM pg_constraint WHERE conrelid <> 0";

const RELATIONS: &str = "
    SELECT c.oid::regclass, c.relkind, c.relpersistence, c.reloptions, c.relreplident,
           c.reloftype::regtype, obj_description(c.oid, 'pg_class'), x.indisclustered,
           x.indisreplident, CASE WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) END,
           (SELECT t.reloptions FROM pg_class t WHERE t.oid = c.reltoastrelid)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_index x ON x.indexrelid = c.oid
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

async fn all_agree(source: &Scratch, target: &Scratch) {
    for query in [COLUMNS, CONSTRAINTS, RELATIONS] {
        agree(source, target, query).await;
    }
}

#[tokio::test]
async fn tables_go_on_inheriting_and_no_row_is_theirs_twice() {
    let setup = "
        CREATE TABLE animals (id serial PRIMARY KEY, name text NOT NULL DEFAULT 'x', kind text,
            CONSTRAINT above CHECK (id > 0), CONSTRAINT own CHECK (name <> '') NO INHERIT);
        CREATE TABLE a_cat (lives int, CONSTRAINT alive CHECK (lives > 0)) INHERITS (animals);
        CREATE TABLE tagged (tag text);
        CREATE TABLE dogs (breed text, PRIMARY KEY (id)) INHERITS (animals, tagged);
        ALTER TABLE dogs ALTER name SET DEFAULT 'dog', ALTER kind SET NOT NULL;
        CREATE TABLE aa_puppies (CONSTRAINT above CHECK (id > 0)) INHERITS (dogs);
        ALTER TABLE aa_puppies ALTER name DROP DEFAULT;
        CREATE INDEX by_lives ON a_cat (lives);";
    let rows = "INSERT INTO animals VALUES (1, 'a'); INSERT INTO a_cat VALUES (4, 'tom', NULL, 9), (4, 'tom', NULL, 9);
                INSERT INTO dogs VALUES (2, 'rex', 'k'); INSERT INTO aa_puppies VALUES (9, 'pup', 'k')";
    let (source, target, made) = moved(setup, rows).await;
    assert_eq!(notes(&made, Level::Left), [""; 0]);
    all_agree(&source, &target).await;
    agree(
        &source,
        &target,
        "SELECT inhrelid::regclass, inhparent::regclass, inhseqno FROM pg_inherits",
    )
    .await;
    let seen = "SELECT count(*) FROM animals";
    assert_eq!(target.text(seen).await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_table_whose_parent_stays_behind_stands_alone_and_says_so() {
    let setup =
        "CREATE TABLE p (id int, CONSTRAINT c CHECK (id > 0)); CREATE TABLE h (v int) INHERITS (p);
                 CREATE TABLE hh (w int) INHERITS (h)";
    let (source, target) = (Scratch::new(setup).await, Scratch::new("").await);
    let mut wanted = wanted(catalogue(&source).await, catalogue(&target).await);
    wanted.tables.retain(|(_, table)| table.name.name != "p");
    let made = design(&wanted).unwrap();
    let left = notes(&made, Level::Left);
    assert!(left.len() == 1 && left[0].contains("does not inherit from public.p"), "{left:?}");
    carry_out(&target, &made, Stage::Prepare).await;
    carry_out(&target, &made, Stage::Finish).await;
    let there =
        "SELECT conrelid::regclass, conname, coninhcount FROM pg_constraint WHERE conname = 'c'";
    let there = format!("SELECT string_agg(q::text, ' ' ORDER BY q::text) FROM ({there}) AS q");
    assert_eq!(target.text(&there).await.as_deref(), Some("\"(h,c,0) (hh,c,1)\""));
}

#[tokio::test]
async fn everything_small_is_set_as_it_was() {
    let setup = "
        CREATE TYPE pair AS (x int, y text);
        CREATE TABLE typed OF pair (PRIMARY KEY (x));
        CREATE TABLE r (id int PRIMARY KEY WITH (fillfactor = 60), a text, b text, c int, d text)
            WITH (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_vacuum_threshold = 77);
        ALTER TABLE r REPLICA IDENTITY FULL;
        CREATE INDEX r_a ON r (a text_pattern_ops) WITH (fillfactor = 50);
        CREATE INDEX r_expr ON r ((c + 1), a);
        ALTER INDEX r_expr ALTER COLUMN 1 SET STATISTICS 300;
        ALTER TABLE r CLUSTER ON r_pkey;
        ALTER TABLE r ALTER a SET STORAGE EXTERNAL, ALTER b SET COMPRESSION pglz, ALTER a SET STATISTICS 500,
            ALTER a SET (n_distinct = 5, n_distinct_inherited = 7), ALTER d SET STORAGE MAIN;
        CREATE STATISTICS st (ndistinct, mcv) ON a, b FROM r;
        CREATE STATISTICS st2 ON (c + 1), b FROM r; ALTER STATISTICS st2 SET STATISTICS 40;
        COMMENT ON STATISTICS st IS 'both'; COMMENT ON INDEX r_a IS 'by a'; COMMENT ON INDEX r_pkey IS 'the key';
        CREATE TABLE n (id int NOT NULL, v int); CREATE UNIQUE INDEX n_id ON n (id);
        ALTER TABLE n REPLICA IDENTITY USING INDEX n_id; ALTER TABLE n CLUSTER ON n_id;
        CREATE TABLE none (v int); ALTER TABLE none REPLICA IDENTITY NOTHING;
        CREATE UNLOGGED TABLE quick (v int);";
    let (source, target, made) = moved(setup, "INSERT INTO r VALUES (1, 'a')").await;
    assert_eq!(notes(&made, Level::Left), [""; 0]);
    all_agree(&source, &target).await;
    agree(
        &source,
        &target,
        "SELECT stxname, pg_get_statisticsobjdef(oid), stxstattarget, obj_description(oid)
           FROM pg_statistic_ext",
    )
    .await;
    agree(
        &source,
        &target,
        "SELECT attrelid::regclass, attnum, attstattarget FROM pg_attribute
                              WHERE attrelid = 'r_expr'::regclass",
    )
    .await;
}

#[tokio::test]
async fn what_only_a_partition_has_is_its_own_again() {
    let setup = "
        CREATE SCHEMA arch;
        CREATE TABLE other (id int PRIMARY KEY);
        CREATE TABLE m (id bigint GENERATED BY DEFAULT AS IDENTITY, day date NOT NULL, v int DEFAULT 1,
            note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        CREATE TABLE arch.m_0 (id bigint NOT NULL, day date NOT NULL, v int DEFAULT 42, note text,
            PRIMARY KEY (id, day), CONSTRAINT only_here CHECK (v < 1000));
        ALTER TABLE m ATTACH PARTITION arch.m_0 FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
        CREATE TABLE m_d PARTITION OF m DEFAULT PARTITION BY HASH (id);
        CREATE UNLOGGED TABLE m_d0 PARTITION OF m_d FOR VALUES WITH (MODULUS 1, REMAINDER 0) WITH (fillfactor = 50);
        CREATE INDEX m_v ON m (v);
        CREATE INDEX m_1_note ON m_1 (note);
        CREATE UNIQUE INDEX m_d0_note ON m_d0 (note) WHERE note IS NOT NULL;
        ALTER TABLE m_1 ADD CONSTRAINT small CHECK (v < 10), ALTER note SET NOT NULL, ALTER v DROP DEFAULT;
        ALTER TABLE m_1 ADD CONSTRAINT fk FOREIGN KEY (v) REFERENCES other;
        ALTER TABLE m_1 ADD UNIQUE (note);
        ALTER TABLE m_1 ALTER note SET STORAGE EXTERNAL;
        COMMENT ON TABLE m_1 IS 'leaf'; COMMENT ON COLUMN m_1.note IS 'its note';
        COMMENT ON INDEX m_1_note IS 'ix';";
    let rows = "INSERT INTO other VALUES (1); INSERT INTO m (day, v, note) VALUES
                ('2024-01-05', 1, 'jan'), ('2023-05-05', 2, 'old'), ('2030-01-01', 3, 'far')";
    let (source, target, made) = moved(setup, rows).await;
    assert_eq!(notes(&made, Level::Left), [""; 0]);
    all_agree(&source, &target).await;
}
