//! The catalogue queries. Each asks about all objects of one kind at once.
//!
//! They run with an empty `search_path`, so that every name the server prints comes with its
//! schema, except those of `pg_catalog`. `{user}` stands for the condition that a schema `n` is a
//! user's; `{own}` for the condition that no extension owns object `{0}` of catalogue `{1}`.

/// A schema that is neither the server's nor ours.
const USER: &str = "(n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'longhaul'))";

/// Fills in `{user}` and `{own:alias:catalogue}`.
pub(super) fn complete(query: &str) -> String {
    let mut text = query.replace("{user}", USER);
    for (mark, alias, catalogue) in
        [("{own class}", "c", "pg_class"), ("{own type}", "t", "pg_type")]
    {
        let own = format!(
            "NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{catalogue}'::regclass \
             AND e.objid = {alias}.oid AND e.deptype = 'e')"
        );
        text = text.replace(mark, &own);
    }
    text.replace("{collation}", super::types::COLLATION).replace(
        "{options xc}",
        "(SELECT string_agg(quote_ident(o.option_name) || '=' || quote_literal(o.option_value), ', ') \
            FROM pg_options_to_table(xc.reloptions) AS o)",
    )
}

/// Tables, partitioned tables and partitions, with their sizes.
pub(super) const RELATIONS: &str = "
    SELECT c.oid, n.nspname::text, c.relname::text, c.relispartition, i.inhparent,
           c.relpersistence <> 'u', pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
           obj_description(c.oid, 'pg_class'), c.reltuples::float8, c.relpages::float8,
           CASE WHEN c.relkind = 'r' THEN pg_relation_size(c.oid) ELSE 0 END,
           CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE 0 END,
           (SELECT 28 + sum(CASE WHEN t.typlen > 0 THEN t.typlen ELSE 16 END)
              FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::float8,
           current_setting('block_size')::float8
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
     WHERE (c.relkind IN ('r', 'p') OR c.relkind = 'f' AND c.relispartition)
       AND c.relpersistence <> 't' AND {user} AND {own class}
     ORDER BY n.nspname, c.relname";

/// Columns of all tables, in order, with the sequence each of them owns.
pub(super) const COLUMNS: &str = "
    SELECT a.attrelid, a.attname::text, a.atttypid, a.atttypmod,
           format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
           a.attidentity::text, a.attgenerated::text, col_description(a.attrelid, a.attnum),
           CASE WHEN a.attcollation <> t.typcollation
                THEN (SELECT CASE WHEN cn.nspname = 'pg_catalog' THEN ''
                                  ELSE quote_ident(cn.nspname) || '.' END
                             || quote_ident(co.collname)
                        FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
                       WHERE co.oid = a.attcollation) END,
           s.seqincrement, s.last, s.seqstart, s.least, s.most, s.seqcycle, s.seqcache,
           s.seqrelid, s.name, s.native, s.comment, s.readable, s.place,
           CASE WHEN s.seqrelid IS NOT NULL AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
                     AND NOT row_security_active(a.attrelid)
                     AND EXISTS (SELECT FROM pg_index x
                                  WHERE x.indrelid = a.attrelid AND x.indisunique AND x.indisvalid
                                    AND x.indpred IS NULL AND x.indkey[0] = a.attnum)
                THEN format('SELECT %s(%I)::bigint FROM %s%I.%I',
                            CASE WHEN s.seqincrement < 0 THEN 'min' ELSE 'max' END, a.attname,
                            CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY ' END,
                            n.nspname, c.relname) END,
           n.nspname::text
      FROM pg_attribute a
      JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      LEFT JOIN LATERAL (
           SELECT q.seqincrement, q.seqstart, q.seqcycle, q.seqcache, q.seqrelid,
                  qc.relname::text AS name, format_type(q.seqtypid, NULL) AS native,
                  obj_description(q.seqrelid, 'pg_class') AS comment,
                  has_sequence_privilege(q.seqrelid, 'SELECT') AS readable,
                  format('%I.%I', n.nspname, qc.relname) AS place,
                  nullif(q.seqmin, CASE WHEN q.seqincrement > 0 THEN 1
                       WHEN q.seqtypid = 'int2'::regtype THEN -32768
                       WHEN q.seqtypid = 'int4'::regtype THEN -2147483648
                       ELSE '-9223372036854775808'::bigint END) AS least,
                  nullif(q.seqmax, CASE WHEN q.seqincrement < 0 THEN -1
                       WHEN q.seqtypid = 'int2'::regtype THEN 32767
                       WHEN q.seqtypid = 'int4'::regtype THEN 2147483647
                       ELSE 9223372036854775807 END) AS most,
                  CASE WHEN has_sequence_privilege(q.seqrelid, 'SELECT,USAGE')
                       THEN pg_sequence_last_value(q.seqrelid) END AS last
             FROM pg_depend o JOIN pg_sequence q ON q.seqrelid = o.objid
             JOIN pg_class qc ON qc.oid = q.seqrelid
            WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
              AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum
              AND (o.deptype = 'i' OR o.deptype = 'a' AND EXISTS (
                   SELECT FROM pg_depend u
                    WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid
                      AND u.refclassid = 'pg_class'::regclass AND u.refobjid = q.seqrelid))
            ORDER BY o.deptype DESC LIMIT 1) s ON true
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
       AND NOT c.relispartition AND c.relpersistence <> 't' AND {user} AND {own class}
     ORDER BY a.attrelid, a.attnum";

/// Every type that a column has, directly or inside another.
pub(super) const TYPES: &str = "
    WITH RECURSIVE used (oid) AS (
        SELECT DISTINCT a.atttypid
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND {user}
        UNION
        SELECT inner_type.oid
          FROM used JOIN pg_type t ON t.oid = used.oid
         CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype)) AS inner_type (oid)
         WHERE inner_type.oid <> 0)
    SELECT t.oid, n.nspname::text, t.typname::text, t.typtype::text,
           CASE WHEN el.typarray = t.oid THEN t.typelem END,
           t.typbasetype, t.typtypmod, format_type(t.oid, NULL),
           format_type(t.typbasetype, t.typtypmod) || CASE WHEN t.typtype = 'd'
                AND t.typcollation <> (SELECT b.typcollation FROM pg_type b WHERE b.oid = t.typbasetype)
                THEN (SELECT ' COLLATE ' || {collation} FROM pg_collation co
                        JOIN pg_namespace cn ON cn.oid = co.collnamespace
                       WHERE co.oid = t.typcollation) ELSE '' END,
           CASE WHEN t.typtype = 'e' THEN
                ARRAY(SELECT l.enumlabel::text FROM pg_enum l WHERE l.enumtypid = t.oid
                       ORDER BY l.enumsortorder) END
      FROM used JOIN pg_type t ON t.oid = used.oid
      JOIN pg_namespace n ON n.oid = t.typnamespace
      LEFT JOIN pg_type el ON el.oid = t.typelem";

/// Primary keys, unique and exclusion constraints, foreign keys and checks. The server fires the
/// actions of foreign keys in the order in which they were made.
pub(super) const CONSTRAINTS: &str = "
    SELECT k.conrelid, k.conname::text, k.contype::text,
           ARRAY(SELECT a.attname::text
                   FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
                   JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
                  ORDER BY u.place),
           fn.nspname::text, fc.relname::text,
           ARRAY(SELECT a.attname::text
                   FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, place)
                   JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
                  ORDER BY u.place),
           k.confdeltype::text, k.confupdtype::text, k.condeferrable, k.condeferred,
           k.convalidated, pg_get_expr(k.conbin, k.conrelid), k.confmatchtype::text,
           coalesce(to_jsonb(x) ->> 'indnullsnotdistinct' = 'true', false),
           ARRAY(SELECT a.attname::text
                   FROM jsonb_array_elements_text(
                        CASE WHEN jsonb_typeof(to_jsonb(k) -> 'confdelsetcols') = 'array'
                             THEN to_jsonb(k) -> 'confdelsetcols' ELSE '[]' END)
                        WITH ORDINALITY AS u (attnum, place)
                   JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum::int2
                  ORDER BY u.place),
           k.connoinherit,
           ARRAY(SELECT a.attname::text
                   FROM generate_series(x.indnkeyatts + 1, x.indnatts::int) AS u (place)
                   JOIN pg_attribute a
                     ON a.attrelid = k.conrelid AND a.attnum = x.indkey[u.place - 1]
                  ORDER BY u.place),
           {options xc}, CASE WHEN k.contype = 'x' THEN pg_get_constraintdef(k.oid) END,
           k.coninhcount > 0 AND NOT k.conislocal, obj_description(k.oid, 'pg_constraint')
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_class fc ON fc.oid = k.confrelid
      LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace
      LEFT JOIN pg_index x ON x.indexrelid = k.conindid AND k.contype IN ('p', 'u')
      LEFT JOIN pg_class xc ON xc.oid = x.indexrelid
     WHERE k.contype IN ('p', 'u', 'x', 'f', 'c') AND k.conparentid = 0
       AND c.relkind IN ('r', 'p') AND {user}
       AND (NOT c.relispartition OR k.contype <> 'c' OR k.coninhcount = 0)
     ORDER BY k.conrelid, CASE WHEN k.contype = 'f' THEN k.oid END, k.conname";

/// Indexes that are not the shadow of a constraint.
pub(super) const INDEXES: &str = "
    SELECT x.indrelid, i.relname::text, x.indisunique, am.amname::text, x.indisvalid,
           ARRAY(SELECT coalesce(a.attname::text, pg_get_indexdef(i.oid, p.place, true))
                   FROM generate_series(1, x.indnkeyatts::int) AS p (place)
                   LEFT JOIN pg_attribute a
                     ON a.attrelid = x.indrelid AND a.attnum = x.indkey[p.place - 1]
                    AND x.indkey[p.place - 1] <> 0
                  ORDER BY p.place),
           ARRAY(SELECT x.indkey[p.place - 1] <> 0
                   FROM generate_series(1, x.indnkeyatts::int) AS p (place) ORDER BY p.place),
           ARRAY(SELECT x.indoption[p.place - 1] & 1 = 1
                   FROM generate_series(1, x.indnkeyatts::int) AS p (place) ORDER BY p.place),
           ARRAY(SELECT a.attname::text
                   FROM generate_series(x.indnkeyatts + 1, x.indnatts::int) AS p (place)
                   JOIN pg_attribute a
                     ON a.attrelid = x.indrelid AND a.attnum = x.indkey[p.place - 1]
                  ORDER BY p.place),
           pg_get_expr(x.indpred, x.indrelid), pg_get_indexdef(i.oid),
           'CREATE ' || CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX '
               || quote_ident(i.relname) || ' ON '
               || CASE WHEN i.relkind = 'I' THEN 'ONLY ' ELSE '' END
               || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || ' '
      FROM pg_index x
      JOIN pg_class i ON i.oid = x.indexrelid
      JOIN pg_am am ON am.oid = i.relam
      JOIN pg_class c ON c.oid = x.indrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT i.relispartition AND {user} AND {own class}
       AND NOT EXISTS (SELECT FROM pg_constraint k
                        WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x'))
     ORDER BY x.indrelid, i.relname";

/// Triggers that fire when rows are written.
pub(super) const TRIGGERS: &str = "
    SELECT g.tgrelid, g.tgname::text
      FROM pg_trigger g
      JOIN pg_class c ON c.oid = g.tgrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A') AND {user}
     ORDER BY g.tgrelid, g.tgname";

/// Enumerated types.
pub(super) const ENUMS: &str = "
    SELECT n.nspname::text, t.typname::text,
           ARRAY(SELECT l.enumlabel::text FROM pg_enum l WHERE l.enumtypid = t.oid
                  ORDER BY l.enumsortorder), obj_description(t.oid, 'pg_type')
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE t.typtype = 'e' AND {user} AND {own type}
     ORDER BY n.nspname, t.typname";

/// Sequences that number no column.
pub(super) const SEQUENCES: &str = "
    SELECT n.nspname::text, c.relname::text, q.seqstart, q.seqincrement, q.seqmin, q.seqmax,
           q.seqcycle,
           CASE WHEN has_sequence_privilege(c.oid, 'SELECT,USAGE')
                THEN pg_sequence_last_value(c.oid) END,
           format_type(q.seqtypid, NULL), q.seqcache, c.oid,
           has_sequence_privilege(c.oid, 'SELECT'), format('%I.%I', n.nspname, c.relname),
           obj_description(c.oid, 'pg_class'), ow.schema, ow.name, ow.attname
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_sequence q ON q.seqrelid = c.oid
      LEFT JOIN LATERAL (
           SELECT tn.nspname::text AS schema, t.relname::text AS name, a.attname::text
             FROM pg_depend o JOIN pg_class t ON t.oid = o.refobjid
             JOIN pg_namespace tn ON tn.oid = t.relnamespace
             JOIN pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
            WHERE o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.deptype = 'a'
              AND o.refclassid = 'pg_class'::regclass AND o.refobjsubid > 0 LIMIT 1) ow ON true
     WHERE {user} AND {own class} AND c.relpersistence <> 't'
       AND NOT EXISTS (
           SELECT FROM pg_depend o
            WHERE o.classid = 'pg_class'::regclass AND o.objid = c.oid
              AND (o.deptype = 'i' OR o.deptype = 'a' AND EXISTS (
                   SELECT FROM pg_attrdef d JOIN pg_depend u
                       ON u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid
                    WHERE d.adrelid = o.refobjid AND d.adnum = o.refobjsubid
                      AND u.refclassid = 'pg_class'::regclass AND u.refobjid = c.oid)))
     ORDER BY n.nspname, c.relname";

/// What is seen and left, as kind, schema and name.
pub(super) const UNMOVED: &str = "
    SELECT 'foreign table' AS kind, n.nspname::text, c.relname::text
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'f' AND NOT c.relispartition AND {user} AND {own class}
    UNION ALL
    SELECT CASE WHEN t.typtype = 'b' THEN 'base type' ELSE 'range type' END,
           n.nspname::text, t.typname::text
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE {user} AND {own type}
       AND (t.typtype = 'r' AND EXISTS (SELECT FROM pg_range g
                                         WHERE g.rngtypid = t.oid AND g.rngcanonical <> 0)
        OR t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type el WHERE el.typarray = t.oid))
    UNION ALL
    SELECT 'extension', n.nspname::text, x.extname::text
      FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace
     WHERE x.extname <> 'plpgsql'
    UNION ALL
    SELECT 'table of an extension', n.nspname::text, c.relname::text
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND {user} AND NOT {own class}
    UNION ALL
    SELECT 'tablespace', n.nspname::text, c.relname::text
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.reltablespace <> 0 AND c.relkind IN ('r', 'p', 'i', 'I') AND {user} AND {own class}
    UNION ALL
    SELECT 'comment', n.nspname::text, coalesce(t.typname, n.nspname)::text
      FROM pg_description s
      LEFT JOIN pg_type t ON s.classoid = 'pg_type'::regclass AND t.oid = s.objoid
                         AND t.typtype = 'b'
      JOIN pg_namespace n ON n.oid = coalesce(t.typnamespace,
           CASE WHEN s.classoid = 'pg_namespace'::regclass THEN s.objoid END)
     WHERE {user} AND (s.classoid <> 'pg_namespace'::regclass OR n.nspname <> 'public')
    UNION ALL
    SELECT 'large objects', '', count(*) || ' in all, by number '
           || string_agg(oid::text, ', ' ORDER BY oid) FILTER (WHERE place <= 20)
           || CASE WHEN count(*) > 20 THEN ', ...' ELSE '' END
      FROM (SELECT oid, row_number() OVER (ORDER BY oid) AS place
              FROM pg_largeobject_metadata) AS l
    HAVING count(*) > 0
     ORDER BY 1, 2, 3";
