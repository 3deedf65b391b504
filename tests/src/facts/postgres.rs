//! PostgreSQL's own catalogue, in the words of these tests.

/// A row per fact, its four cells joined by a character that no name has. What an extension brought
/// along is the extension's.
pub(super) const FACTS: &str = "
WITH home AS (
  SELECT oid, nspname::text AS schema FROM pg_namespace
   WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'longhaul')
), brought AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relation AS (
  SELECT c.*, h.schema FROM pg_class c JOIN home h ON h.oid = c.relnamespace
   WHERE c.relpersistence <> 't' AND (1259, c.oid) NOT IN (SELECT classid::int, objid FROM brought)
), base AS (SELECT * FROM relation WHERE relkind IN ('r', 'p') AND NOT relispartition
), facts (kind, schema, part, name) AS (
  SELECT CASE WHEN relispartition THEN 'partition' ELSE CASE relkind::text
         WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
         WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END END, schema, '', relname::text
    FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
  UNION ALL SELECT 'sequence', schema, '', relname FROM relation c WHERE relkind = 'S'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 1259 AND d.objid = c.oid
                       AND d.refclassid = 1259 AND d.deptype IN ('a', 'i'))
  UNION ALL SELECT 'index', c.schema, c.relname, i.relname
       FROM pg_index x JOIN base c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
      WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype <> 'f')
  UNION ALL SELECT CASE k.contype::text WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique'
            WHEN 'x' THEN 'exclusion' WHEN 'f' THEN 'foreign key' ELSE 'check' END,
            c.schema, c.relname, k.conname
       FROM pg_constraint k JOIN base c ON c.oid = k.conrelid
      WHERE k.contype IN ('p', 'u', 'x', 'f', 'c') AND k.conparentid = 0
  UNION ALL SELECT 'trigger', c.schema, c.relname, t.tgname FROM pg_trigger t
       JOIN relation c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND NOT c.relispartition
  UNION ALL SELECT 'rule', c.schema, c.relname, r.rulename FROM pg_rewrite r
       JOIN relation c ON c.oid = r.ev_class WHERE r.rulename <> '_RETURN'
  UNION ALL SELECT 'policy', c.schema, c.relname, p.polname FROM pg_policy p
       JOIN relation c ON c.oid = p.polrelid
  UNION ALL SELECT 'row security', schema, relname, relname FROM relation WHERE relrowsecurity
  UNION ALL SELECT CASE p.prokind::text WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate'
            ELSE 'function' END, h.schema, '', p.proname FROM pg_proc p
       JOIN home h ON h.oid = p.pronamespace
      WHERE (1255, p.oid) NOT IN (SELECT classid::int, objid FROM brought)
  UNION ALL SELECT CASE t.typtype::text WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum'
            WHEN 'r' THEN 'range' WHEN 'm' THEN 'multirange' WHEN 'c' THEN 'composite'
            ELSE 'base type' END, h.schema, '', t.typname
       FROM pg_type t JOIN home h ON h.oid = t.typnamespace
       LEFT JOIN pg_class c ON c.oid = t.typrelid
      WHERE (1247, t.oid) NOT IN (SELECT classid::int, objid FROM brought)
        AND t.typtype IN ('d', 'e', 'r', 'c', 'b') AND (c.oid IS NULL OR c.relkind = 'c')
        AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
  UNION ALL SELECT 'collation', h.schema, '', o.collname FROM pg_collation o
       JOIN home h ON h.oid = o.collnamespace
  UNION ALL SELECT 'operator', h.schema, '', o.oprname FROM pg_operator o
       JOIN home h ON h.oid = o.oprnamespace
      WHERE (2617, o.oid) NOT IN (SELECT classid::int, objid FROM brought)
  UNION ALL SELECT 'cast', '', '', (SELECT typname FROM pg_type t WHERE t.oid = casttarget)
       FROM pg_cast WHERE oid >= 16384 AND (2605, oid) NOT IN (SELECT classid::int, objid FROM brought)
  UNION ALL SELECT 'text search configuration', h.schema, '', o.cfgname FROM pg_ts_config o
       JOIN home h ON h.oid = o.cfgnamespace
  UNION ALL SELECT 'statistics', h.schema, '', o.stxname FROM pg_statistic_ext o
       JOIN home h ON h.oid = o.stxnamespace
  UNION ALL SELECT 'event trigger', '', '', evtname FROM pg_event_trigger
  UNION ALL SELECT 'publication', '', '', pubname FROM pg_publication
  UNION ALL SELECT 'server', '', '', srvname FROM pg_foreign_server
  UNION ALL SELECT 'foreign-data wrapper', '', '', fdwname FROM pg_foreign_data_wrapper
  UNION ALL SELECT 'extension', '', '', extname FROM pg_extension WHERE extname <> 'plpgsql'
  UNION ALL SELECT 'default privileges', '', '', 'default privileges' FROM pg_default_acl
  UNION ALL SELECT 'grant', schema, relname, relname FROM relation c
      WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT relispartition AND (relacl IS NOT NULL
         OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL))
  UNION ALL SELECT 'column', c.schema, c.relname, a.attname FROM pg_attribute a
       JOIN base c ON c.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT CASE WHEN a.attgenerated <> '' THEN 'generated'
            WHEN pg_get_expr(d.adbin, d.adrelid) ~ '^nextval' THEN 'numbering' ELSE 'default' END,
            c.schema, c.relname, a.attname FROM pg_attrdef d JOIN base c ON c.oid = d.adrelid
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
  UNION ALL SELECT 'numbering', c.schema, c.relname, a.attname FROM pg_attribute a
       JOIN base c ON c.oid = a.attrelid WHERE a.attidentity <> ''
  UNION ALL SELECT 'comment', c.schema, c.relname, coalesce(a.attname, c.relname)
       FROM pg_description d JOIN relation c ON d.classoid = 1259 AND d.objoid = c.oid
       LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0)
SELECT concat_ws(E'\\x1f', kind, schema, part, name) FROM facts ORDER BY 1";
