-- What the objects of objects.sql refer to, by the server's own account of what depends on what.
WITH home AS (
    SELECT n.oid, n.nspname FROM pg_namespace n WHERE {user}
), part (class, oid, of_class, of_oid) AS (
    SELECT classid, objid, classid, objid FROM pg_depend
     WHERE classid IN ('pg_proc'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
                       'pg_operator'::regclass, 'pg_cast'::regclass, 'pg_ts_dict'::regclass,
                       'pg_ts_config'::regclass, 'pg_conversion'::regclass)
    UNION
    SELECT 'pg_rewrite'::regclass, w.oid,
           CASE w.rulename WHEN '_RETURN' THEN 'pg_class'::regclass ELSE 'pg_rewrite'::regclass END,
           CASE w.rulename WHEN '_RETURN' THEN w.ev_class ELSE w.oid END
      FROM pg_rewrite w
    UNION
    SELECT 'pg_attrdef'::regclass, d.oid, 'pg_class'::regclass, c.oid
      FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid WHERE c.relkind = 'v'
    UNION
    SELECT 'pg_class'::regclass, x.indexrelid, 'pg_class'::regclass, c.oid
      FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid WHERE c.relkind = 'm'
), named AS (
    SELECT DISTINCT p.of_class, p.of_oid, d.refclassid AS class, d.refobjid AS oid, d.refobjsubid AS sub
      FROM part p JOIN pg_depend d ON d.classid = p.class AND d.objid = p.oid
     WHERE d.deptype IN ('n', 'a', 'i') AND d.refobjid >= 16384
       AND (d.refclassid, d.refobjid) <> (p.of_class, p.of_oid)
       AND d.refclassid <> 'pg_namespace'::regclass
), meant AS (
    -- A row type is its table, an array its element, a constraint the table that it is on.
    SELECT n.of_class, n.of_oid, n.sub,
           CASE WHEN t.typrelid <> 0 AND r.relkind <> 'c' OR k.conrelid <> 0 THEN 'pg_class'::regclass
                WHEN e.typrelid <> 0 AND er.relkind <> 'c' THEN 'pg_class'::regclass
                ELSE n.class END AS class,
           CASE WHEN t.typrelid <> 0 AND r.relkind <> 'c' THEN t.typrelid
                WHEN k.conrelid <> 0 THEN k.conrelid
                WHEN e.typrelid <> 0 AND er.relkind <> 'c' THEN e.typrelid
                WHEN e.oid IS NOT NULL THEN e.oid ELSE n.oid END AS oid
      FROM named n
      LEFT JOIN pg_type t ON n.class = 'pg_type'::regclass AND t.oid = n.oid
      LEFT JOIN pg_class r ON r.oid = t.typrelid
      LEFT JOIN pg_type e ON e.typarray = t.oid
      LEFT JOIN pg_class er ON er.oid = e.typrelid
      LEFT JOIN pg_constraint k ON n.class = 'pg_constraint'::regclass AND k.oid = n.oid
)
SELECT m.of_class, m.of_oid,
       CASE WHEN x.extname IS NOT NULL THEN 'extension'
            WHEN m.class = 'pg_extension'::regclass THEN 'extension'
            WHEN c.relkind IN ('r', 'p') THEN 'table' WHEN c.relkind = 'S' THEN 'sequence'
            WHEN c.relkind IN ('v', 'm') THEN 'object'
            WHEN m.class IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_cast'::regclass,
                 'pg_ts_dict'::regclass, 'pg_ts_config'::regclass) THEN 'object'
            WHEN m.class = 'pg_type'::regclass OR c.relkind = 'c' THEN 'type'
            WHEN m.class = 'pg_collation'::regclass THEN 'collation'
            ELSE 'other' END,
       coalesce(cn.nspname, tn.nspname, kn.nspname, '')::text,
       coalesce(x.extname, c.relname, t.typname, k.collname, i.identity)::text,
       CASE WHEN c.relkind IN ('r', 'p') AND m.sub > 0 THEN (
            SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum = m.sub) END,
       i.type || ' ' || i.identity
  FROM meant m
 CROSS JOIN LATERAL pg_identify_object(m.class, m.oid, 0) i
  LEFT JOIN pg_depend b ON b.classid = m.class AND b.objid = m.oid AND b.deptype = 'e'
  LEFT JOIN pg_extension x ON x.oid = b.refobjid
  LEFT JOIN pg_class c ON m.class = 'pg_class'::regclass AND c.oid = m.oid
  LEFT JOIN pg_namespace cn ON cn.oid = c.relnamespace
  LEFT JOIN pg_type t ON m.class = 'pg_type'::regclass AND t.oid = m.oid
  LEFT JOIN pg_namespace tn ON tn.oid = t.typnamespace
  LEFT JOIN pg_collation k ON m.class = 'pg_collation'::regclass AND k.oid = m.oid
  LEFT JOIN pg_namespace kn ON kn.oid = k.collnamespace
UNION
SELECT 'pg_policy'::regclass, p.oid, 'role', '', r.rolname, NULL, ''
  FROM pg_policy p CROSS JOIN LATERAL unnest(p.polroles) AS t (oid) JOIN pg_roles r ON r.oid = t.oid
 ORDER BY 1, 2, 3, 4, 5, 6
