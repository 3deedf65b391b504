-- Everything that no other query of this folder knows, so that nothing goes in silence: what has an
-- owner, depends on something or has a catalogue of its own, by the server's own names for it.
WITH every (class, oid) AS (
    SELECT classid, objid FROM pg_depend
    UNION SELECT refclassid, refobjid FROM pg_depend
    UNION SELECT s.classid, s.objid FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
           WHERE d.datname = current_database()
    UNION SELECT tableoid, oid FROM pg_event_trigger
    UNION SELECT tableoid, oid FROM pg_publication
    -- Of this one nobody but a superuser may read all columns, the system's own among them.
    UNION SELECT 'pg_subscription'::regclass::oid, oid FROM pg_subscription
    UNION SELECT tableoid, oid FROM pg_foreign_data_wrapper
    UNION SELECT tableoid, oid FROM pg_foreign_server
    UNION SELECT tableoid, oid FROM pg_language
    UNION SELECT tableoid, oid FROM pg_am
    UNION SELECT tableoid, oid FROM pg_transform
    UNION SELECT tableoid, oid FROM pg_opclass
    UNION SELECT tableoid, oid FROM pg_opfamily
    UNION SELECT tableoid, oid FROM pg_ts_parser
    UNION SELECT tableoid, oid FROM pg_ts_template
    UNION SELECT tableoid, oid FROM pg_default_acl
), unknown AS (
    SELECT e.class, e.oid FROM every e JOIN pg_class c ON c.oid = e.class
     WHERE e.oid >= 16384 AND c.relname NOT IN (
           'pg_class', 'pg_type', 'pg_proc', 'pg_constraint', 'pg_attrdef', 'pg_trigger', 'pg_rewrite',
           'pg_policy', 'pg_statistic_ext', 'pg_collation', 'pg_cast', 'pg_operator', 'pg_ts_dict',
           'pg_ts_config', 'pg_conversion', 'pg_namespace', 'pg_extension', 'pg_amop', 'pg_amproc',
           'pg_publication_rel', 'pg_publication_namespace', 'pg_largeobject', 'pg_authid', 'pg_database',
           'pg_tablespace')
       AND NOT EXISTS (SELECT FROM pg_depend b
                        WHERE b.classid = e.class AND b.objid = e.oid AND b.deptype IN ('e', 'i'))
)
SELECT CASE i.type WHEN 'default acl' THEN 'default privileges' ELSE i.type END, coalesce(i.schema, ''), coalesce(trim(BOTH '"' FROM i.name), i.identity)
  FROM unknown u CROSS JOIN LATERAL pg_identify_object(u.class, u.oid, 0) i
 WHERE coalesce(i.schema, '') !~ '^(pg_|longhaul$|information_schema$)'
UNION ALL
SELECT 'security label', '', s.provider || ' on ' || s.objname FROM pg_seclabels s
UNION ALL
SELECT 'empty schema', '', n.nspname FROM pg_namespace n
 WHERE {user} AND n.nspname <> 'public'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid)
UNION ALL
SELECT 'grants', '', 'on schema ' || n.nspname FROM pg_namespace n
 WHERE {user} AND n.nspacl IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_init_privs p WHERE p.classoid = 'pg_namespace'::regclass
                      AND p.objoid = n.oid AND p.initprivs = n.nspacl)
UNION ALL
SELECT 'grants', n.nspname, p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE {user} AND p.proacl IS NOT NULL AND NOT EXISTS (
       SELECT FROM pg_depend e WHERE e.classid = p.tableoid AND e.objid = p.oid AND e.deptype = 'e')
UNION ALL
SELECT 'grants', n.nspname, t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE {user} AND t.typacl IS NOT NULL AND NOT EXISTS (
       SELECT FROM pg_depend e WHERE e.classid = t.tableoid AND e.objid = t.oid AND e.deptype = 'e')
UNION ALL
SELECT 'ownership', '', count(*) || ' of role ' || quote_ident(o.rolname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
 WHERE {user} AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND o.rolname <> current_user AND NOT EXISTS (
       SELECT FROM pg_depend e WHERE e.classid = c.tableoid AND e.objid = c.oid AND e.deptype = 'e')
 GROUP BY o.rolname
 ORDER BY 1, 2, 3
