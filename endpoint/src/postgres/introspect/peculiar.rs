//! What only PostgreSQL gives a table: parents, a type, statistics, and everything small.

use std::collections::BTreeMap;

use protocol::schema::{Column, Extended, Logical, Part, Property, PropertyKind, Table, TableName};
use tokio_postgres::Row;

/// Tables that inherit, with each of their parents, in order.
pub(super) const HEIRS: &str = "
    SELECT i.inhrelid, n.nspname::text, p.relname::text
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace
     WHERE c.relkind = 'r' AND NOT c.relispartition
     ORDER BY i.inhrelid, i.inhseqno";

/// Columns that tables have from their parents alone, and the type of a table that has one.
pub(super) const INHERITED: &str = "
    SELECT a.attrelid, a.attname::text
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attinhcount > 0 AND NOT a.attislocal
       AND c.relkind = 'r' AND NOT c.relispartition
     ORDER BY a.attrelid, a.attnum";

/// Tables of a composite type.
pub(super) const TYPED: &str = "
    SELECT c.oid, n.nspname::text, t.typname::text
      FROM pg_class c JOIN pg_type t ON t.oid = c.reloftype
      JOIN pg_namespace n ON n.oid = t.typnamespace";

/// Statistics over several columns.
pub(super) const STATISTICS: &str = "
    SELECT s.stxrelid, n.nspname::text, s.stxname::text, pg_get_statisticsobjdef(s.oid),
           format('CREATE STATISTICS %I.%I ', n.nspname, s.stxname),
           nullif((to_jsonb(s) ->> 'stxstattarget')::int, -1),
           obj_description(s.oid, 'pg_statistic_ext')
      FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
     WHERE {user} ORDER BY s.stxrelid, s.stxname";

/// Everything small: table, kind, name of the part, number of a column of an index, value. Of options
/// of columns, those that can be set: some servers keep notes of their own there.
pub(super) const PROPERTIES: &str = "
    WITH rel AS (
        SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND {user} AND {own class}),
    idx AS (
        SELECT x.indrelid, x.indisclustered, x.indisreplident, i.oid, i.relname::text AS name
          FROM pg_index x JOIN rel ON rel.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid)
    SELECT rel.oid, 'parameters' AS kind, NULL::text, NULL::int2,
           string_agg(o.text, ', ')
      FROM rel CROSS JOIN LATERAL (
           SELECT quote_ident(p.option_name) || '=' || quote_literal(p.option_value) AS text
             FROM pg_options_to_table(rel.reloptions) AS p
           UNION ALL
           SELECT 'toast.' || quote_ident(p.option_name) || '=' || quote_literal(p.option_value)
             FROM pg_class t CROSS JOIN pg_options_to_table(t.reloptions) AS p
            WHERE t.oid = rel.reltoastrelid) AS o
     GROUP BY rel.oid
    UNION ALL
    SELECT rel.oid, p.kind, a.attname::text, NULL, p.value
      FROM rel JOIN pg_attribute a ON a.attrelid = rel.oid
      JOIN pg_type t ON t.oid = a.atttypid
     CROSS JOIN LATERAL (VALUES
           ('target', CASE WHEN coalesce(a.attstattarget, -1) >= 0 THEN a.attstattarget::text END),
           ('storage', CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage
                WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN'
                ELSE 'EXTENDED' END END),
           ('compression', CASE to_jsonb(a) ->> 'attcompression'
                WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END),
           ('options', (SELECT string_agg(quote_ident(o.option_name) || '='
                                          || quote_literal(o.option_value), ', ')
                          FROM pg_options_to_table(a.attoptions) AS o
                         WHERE o.option_name IN ('n_distinct', 'n_distinct_inherited')))) AS p (kind, value)
     WHERE a.attnum > 0 AND NOT a.attisdropped AND p.value IS NOT NULL
    UNION ALL
    SELECT idx.indrelid, 'index target', idx.name, a.attnum, a.attstattarget::text
      FROM idx JOIN pg_attribute a ON a.attrelid = idx.oid
     WHERE coalesce(a.attstattarget, -1) >= 0
    UNION ALL
    SELECT idx.indrelid, 'cluster', idx.name, NULL, '' FROM idx WHERE idx.indisclustered
    UNION ALL
    SELECT idx.indrelid, 'replica index', idx.name, NULL, '' FROM idx WHERE idx.indisreplident
    UNION ALL
    SELECT rel.oid, 'replica', NULL, NULL, CASE rel.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END
      FROM rel WHERE rel.relreplident IN ('f', 'n')
    UNION ALL
    SELECT idx.indrelid, 'index comment', idx.name, NULL, obj_description(idx.oid, 'pg_class')
      FROM idx WHERE obj_description(idx.oid, 'pg_class') IS NOT NULL
     ORDER BY 1, 2, 3, 4";

/// Columns of partitions whose default or NOT NULL is not their parent's, or that have a comment.
pub(super) const PARTITION_COLUMNS: &str = "
    SELECT a.attrelid, a.attname::text, pg_get_expr(d.adbin, d.adrelid),
           pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM pg_get_expr(b.adbin, b.adrelid),
           a.attnotnull > p.attnotnull, col_description(a.attrelid, a.attnum)
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relispartition
      JOIN pg_inherits h ON h.inhrelid = c.oid
      JOIN pg_attribute p ON p.attrelid = h.inhparent AND p.attname = a.attname
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      LEFT JOIN pg_attrdef b ON b.adrelid = p.attrelid AND b.adnum = p.attnum
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
       AND a.attgenerated = '' AND p.attidentity = ''
       AND (a.attnotnull > p.attnotnull OR col_description(a.attrelid, a.attnum) IS NOT NULL
            OR pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM pg_get_expr(b.adbin, b.adrelid))
     ORDER BY a.attrelid, a.attnum";

/// Adds what the rows say to the tables that they are of.
pub(super) fn add(tables: &mut BTreeMap<u32, Table>, answers: &Answers) {
    let mut each = |rows: &[Row], put: &dyn Fn(&mut Table, &Row)| {
        for row in rows {
            if let Some(table) = tables.get_mut(&row.get::<_, u32>(0)) {
                put(table, row);
            }
        }
    };
    let named = |row: &Row| TableName::within(row.get::<_, String>(1), row.get::<_, String>(2));
    each(&answers.heirs, &|table, row| table.peculiar.parents.push(named(row)));
    each(&answers.inherited, &|table, row| table.peculiar.inherited.push(row.get(1)));
    each(&answers.typed, &|table, row| table.peculiar.of = Some(named(row)));
    each(&answers.statistics, &|table, row| table.peculiar.statistics.extend(extended(row)));
    each(&answers.properties, &|table, row| table.peculiar.properties.push(property(row)));
    each(&answers.partition_columns, &|table, row| table.columns.push(own_column(row)));
}

/// The answers to the queries of this module.
pub(super) struct Answers {
    pub(super) heirs: Vec<Row>,
    pub(super) inherited: Vec<Row>,
    pub(super) typed: Vec<Row>,
    pub(super) statistics: Vec<Row>,
    pub(super) properties: Vec<Row>,
    pub(super) partition_columns: Vec<Row>,
}

fn extended(row: &Row) -> Option<Extended> {
    let (whole, head): (String, String) = (row.get(3), row.get(4));
    let (clause, _) = whole.strip_prefix(&head)?.rsplit_once(" FROM ")?;
    Some(Extended {
        name: TableName::within(row.get::<_, String>(1), row.get::<_, String>(2)),
        clause: clause.to_owned(),
        target: row.get(5),
        comment: row.get(6),
    })
}

fn property(row: &Row) -> Property {
    let part: Option<String> = row.get(2);
    let part = part.unwrap_or_default();
    let (kind, of) = match row.get::<_, &str>(1) {
        "parameters" => (PropertyKind::StorageParameters, Part::Table),
        "target" => (PropertyKind::StatisticsTarget, Part::Column(part)),
        "storage" => (PropertyKind::Storage, Part::Column(part)),
        "compression" => (PropertyKind::Compression, Part::Column(part)),
        "options" => (PropertyKind::ColumnOptions, Part::Column(part)),
        "index target" => (PropertyKind::StatisticsTarget, Part::IndexColumn(part, row.get(3))),
        "cluster" => (PropertyKind::Cluster, Part::Index(part)),
        "replica index" => (PropertyKind::ReplicaIdentity, Part::Index(part)),
        "replica" => (PropertyKind::ReplicaIdentity, Part::Table),
        _ => (PropertyKind::Comment, Part::Index(part)),
    };
    Property { kind, of, value: row.get(4) }
}

/// What a partition's column has for itself. One whose default is its parent's says so by the type.
fn own_column(row: &Row) -> Column {
    let own_default = if row.get(3) { "default" } else { "" };
    Column {
        default: row.get::<_, Option<String>>(2).filter(|_| row.get(3)),
        nullable: !row.get::<_, bool>(4),
        comment: row.get(5),
        ..Column::new(row.get::<_, String>(1), own_default, Logical::Any)
    }
}
