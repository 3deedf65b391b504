//! Types and collations of the database's own, and what extensions bring.

use protocol::schema::{Check, Extension, OwnKind, OwnType, Rules, TableName};
use tokio_postgres::Row;

use super::constraints::bare;

/// Domains, composite types, ranges and collations, each with the statements that make it.
///
/// What a later version of the server knows is looked for in the row as JSON, so that an earlier one
/// is not asked for what it does not have.
pub(super) const OWN: &str = "
    SELECT 'domain' AS kind, n.nspname::text, t.typname::text, format_type(t.oid, NULL),
           ARRAY['CREATE DOMAIN ' || format_type(t.oid, NULL) || ' AS '
                 || format_type(t.typbasetype, t.typtypmod)
                 || CASE WHEN t.typcollation <> b.typcollation
                         THEN ' COLLATE ' || (SELECT {collation} FROM pg_collation co
                              JOIN pg_namespace cn ON cn.oid = co.collnamespace
                             WHERE co.oid = t.typcollation) ELSE '' END
                 || coalesce(' DEFAULT ' || pg_get_expr(t.typdefaultbin, 'pg_type'::regclass), '')
                 || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
                 || coalesce((SELECT string_agg(' CONSTRAINT ' || quote_ident(k.conname) || ' '
                                     || pg_get_constraintdef(k.oid), '' ORDER BY k.conname)
                                FROM pg_constraint k
                               WHERE k.contypid = t.oid AND k.contype = 'c' AND k.convalidated), '')]
           || ARRAY(SELECT 'ALTER DOMAIN ' || format_type(t.oid, NULL) || ' ADD CONSTRAINT '
                           || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
                      FROM pg_constraint k
                     WHERE k.contypid = t.oid AND k.contype = 'c' AND NOT k.convalidated
                     ORDER BY k.conname)
           || ARRAY(SELECT format('COMMENT ON CONSTRAINT %I ON DOMAIN %s IS %L', k.conname,
                                  format_type(t.oid, NULL), obj_description(k.oid, 'pg_constraint'))
                      FROM pg_constraint k
                     WHERE k.contypid = t.oid AND obj_description(k.oid, 'pg_constraint') IS NOT NULL
                     ORDER BY k.conname),
           obj_description(t.oid, 'pg_type'), t.typnotnull,
           pg_get_expr(t.typdefaultbin, 'pg_type'::regclass),
           ARRAY(SELECT k.conname::text FROM pg_constraint k
                  WHERE k.contypid = t.oid AND k.contype = 'c' AND k.convalidated ORDER BY k.conname),
           ARRAY(SELECT pg_get_expr(k.conbin, 0) FROM pg_constraint k
                  WHERE k.contypid = t.oid AND k.contype = 'c' AND k.convalidated ORDER BY k.conname),
           NULL::text
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      JOIN pg_type b ON b.oid = t.typbasetype
     WHERE t.typtype = 'd' AND {user} AND {own type}
    UNION ALL
    SELECT 'composite', n.nspname::text, t.typname::text, format_type(t.oid, NULL),
           ARRAY['CREATE TYPE ' || format_type(t.oid, NULL) || ' AS ('
                 || coalesce((SELECT string_agg(quote_ident(a.attname) || ' '
                              || format_type(a.atttypid, a.atttypmod)
                              || CASE WHEN a.attcollation <> at.typcollation
                                      THEN ' COLLATE ' || (SELECT {collation} FROM pg_collation co
                                           JOIN pg_namespace cn ON cn.oid = co.collnamespace
                                          WHERE co.oid = a.attcollation) ELSE '' END,
                              ', ' ORDER BY a.attnum)
                         FROM pg_attribute a JOIN pg_type at ON at.oid = a.atttypid
                        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '')
                 || ')']
           || ARRAY(SELECT format('COMMENT ON COLUMN %s.%I IS %L', format_type(t.oid, NULL), a.attname,
                                  col_description(a.attrelid, a.attnum))
                      FROM pg_attribute a
                     WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                       AND col_description(a.attrelid, a.attnum) IS NOT NULL ORDER BY a.attnum),
           obj_description(t.oid, 'pg_type'), false, NULL, NULL, NULL, NULL
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      JOIN pg_class r ON r.oid = t.typrelid AND r.relkind = 'c'
     WHERE t.typtype = 'c' AND {user} AND {own type}
    UNION ALL
    SELECT 'range', n.nspname::text, t.typname::text, format_type(t.oid, NULL),
           ARRAY['CREATE TYPE ' || format_type(t.oid, NULL) || ' AS RANGE (subtype = '
                 || format_type(g.rngsubtype, NULL)
                 || CASE WHEN oc.opcdefault THEN '' ELSE format(', subtype_opclass = %I.%I',
                         ocn.nspname, oc.opcname) END
                 || CASE WHEN g.rngcollation <> st.typcollation
                         THEN ', collation = ' || (SELECT {collation} FROM pg_collation co
                              JOIN pg_namespace cn ON cn.oid = co.collnamespace
                             WHERE co.oid = g.rngcollation) ELSE '' END
                 || CASE WHEN g.rngsubdiff <> 0 THEN ', subtype_diff = ' || g.rngsubdiff::regproc
                         ELSE '' END
                 || coalesce(', multirange_type_name = ' || format_type(m.oid, NULL), '') || ')'],
           obj_description(t.oid, 'pg_type'), false, NULL, NULL, NULL, m.typname::text
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      JOIN pg_range g ON g.rngtypid = t.oid
      JOIN pg_type st ON st.oid = g.rngsubtype
      JOIN pg_opclass oc ON oc.oid = g.rngsubopc
      JOIN pg_namespace ocn ON ocn.oid = oc.opcnamespace
      LEFT JOIN pg_type m ON m.oid = (to_jsonb(g) ->> 'rngmultitypid')::oid
     WHERE g.rngcanonical = 0 AND {user} AND {own type}
    UNION ALL
    SELECT 'collation', n.nspname::text, co.collname::text,
           format('%I.%I', n.nspname, co.collname),
           ARRAY[format('CREATE COLLATION %I.%I (', n.nspname, co.collname)
                 || CASE co.collprovider
                    WHEN 'i' THEN 'provider = icu, locale = ' || quote_literal(coalesce(
                         to_jsonb(co) ->> 'colliculocale', to_jsonb(co) ->> 'colllocale',
                         co.collcollate))
                    WHEN 'b' THEN 'provider = builtin, locale = '
                         || quote_literal(to_jsonb(co) ->> 'colllocale')
                    ELSE 'provider = libc, lc_collate = ' || quote_literal(co.collcollate)
                         || ', lc_ctype = ' || quote_literal(co.collctype) END
                 || CASE WHEN co.collisdeterministic THEN '' ELSE ', deterministic = false' END
                 || coalesce(', rules = ' || quote_literal(to_jsonb(co) ->> 'collicurules'), '')
                 || ')'],
           obj_description(co.oid, 'pg_collation'), false, NULL, NULL, NULL, NULL
      FROM pg_collation co JOIN pg_namespace n ON n.oid = co.collnamespace
     WHERE co.collprovider <> 'd' AND {user}
       AND co.collencoding IN (-1, (SELECT d.encoding FROM pg_database d
                                     WHERE d.datname = current_database()))
       AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_collation'::regclass
                          AND e.objid = co.oid AND e.deptype = 'e')
     ORDER BY 2, 3, 1";

/// How the server spells a collation in what it prints.
pub(super) const COLLATION: &str = "CASE WHEN cn.nspname = 'pg_catalog' THEN ''
    ELSE quote_ident(cn.nspname) || '.' END || quote_ident(co.collname)";

/// Extensions, and what each brings that can be mentioned, a line for each.
pub(super) const EXTENSIONS: &str = "
    SELECT DISTINCT x.extname::text, xn.nspname::text, n.nspname::text, m.name::text
      FROM pg_extension x JOIN pg_namespace xn ON xn.oid = x.extnamespace
      LEFT JOIN pg_depend e ON e.refclassid = 'pg_extension'::regclass AND e.refobjid = x.oid
                           AND e.deptype = 'e'
      LEFT JOIN LATERAL (
           SELECT typnamespace AS home, typname AS name FROM pg_type
            WHERE e.classid = 'pg_type'::regclass AND oid = e.objid
           UNION ALL
           SELECT pronamespace, proname FROM pg_proc
            WHERE e.classid = 'pg_proc'::regclass AND oid = e.objid
           UNION ALL
           SELECT oprnamespace, oprname FROM pg_operator
            WHERE e.classid = 'pg_operator'::regclass AND oid = e.objid
           UNION ALL
           SELECT opcnamespace, opcname FROM pg_opclass
            WHERE e.classid = 'pg_opclass'::regclass AND oid = e.objid
           UNION ALL
           SELECT collnamespace, collname FROM pg_collation
            WHERE e.classid = 'pg_collation'::regclass AND oid = e.objid) AS m ON true
      LEFT JOIN pg_namespace n ON n.oid = m.home
     WHERE x.extname <> 'plpgsql' ORDER BY 1, 3, 4";

pub(super) fn own(row: &Row) -> OwnType {
    let schema: String = row.get(1);
    let kind = match row.get::<_, &str>(0) {
        "domain" => OwnKind::Domain,
        "composite" => OwnKind::Composite,
        "range" => OwnKind::Range,
        _ => OwnKind::Collation,
    };
    let beside: Option<String> = row.get(10);
    OwnType {
        name: TableName::within(&schema, row.get::<_, String>(2)),
        kind,
        spelled: row.get(3),
        create: row.get(4),
        comment: row.get(5),
        beside: beside.map(|name| TableName::within(schema, name)),
        rules: (kind == OwnKind::Domain).then(|| rules(row)),
    }
}

fn rules(row: &Row) -> Rules {
    let (names, expressions): (Vec<String>, Vec<String>) = (row.get(8), row.get(9));
    let checks = names.into_iter().zip(expressions);
    Rules {
        not_null: row.get(6),
        default: row.get(7),
        checks: checks.map(|(name, text)| Check::new(Some(name), bare(&text))).collect(),
    }
}

/// Extensions from the lines of [`EXTENSIONS`].
pub(super) fn extensions(rows: &[Row]) -> Vec<Extension> {
    let mut all: Vec<Extension> = Vec::new();
    for row in rows {
        let name: String = row.get(0);
        if all.last().is_none_or(|last| last.name != name) {
            all.push(Extension { name, schema: row.get(1), brings: Vec::new() });
        }
        let (home, thing): (Option<String>, Option<String>) = (row.get(2), row.get(3));
        let thing = home.zip(thing).map(|(home, thing)| TableName::within(home, thing));
        if let Some(last) = all.last_mut() {
            last.brings.extend(thing);
        }
    }
    all
}
