-- Every row of the catalogues that is a user's: what it is, a tab, what it is called, and where it is more
-- than its name, an equals sign and all of that. What an extension brought is the extension's.
WITH brought AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), every (class, oid) AS (
    SELECT c.tableoid, c.oid FROM pg_class c WHERE c.relkind NOT IN ('t')
    UNION ALL SELECT tableoid, oid FROM pg_constraint
    UNION ALL SELECT t.tableoid, t.oid FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
       WHERE (c.oid IS NULL OR c.relkind = 'c') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
    UNION ALL SELECT tableoid, oid FROM pg_proc
    UNION ALL SELECT tableoid, oid FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT tableoid, oid FROM pg_rewrite
    UNION ALL SELECT tableoid, oid FROM pg_policy
    UNION ALL SELECT tableoid, oid FROM pg_statistic_ext
    UNION ALL SELECT tableoid, oid FROM pg_collation
    UNION ALL SELECT tableoid, oid FROM pg_cast
    UNION ALL SELECT tableoid, oid FROM pg_operator
    UNION ALL SELECT tableoid, oid FROM pg_opclass
    UNION ALL SELECT tableoid, oid FROM pg_opfamily
    UNION ALL SELECT tableoid, oid FROM pg_conversion
    UNION ALL SELECT tableoid, oid FROM pg_ts_config
    UNION ALL SELECT tableoid, oid FROM pg_ts_dict
    UNION ALL SELECT tableoid, oid FROM pg_ts_parser
    UNION ALL SELECT tableoid, oid FROM pg_ts_template
    UNION ALL SELECT tableoid, oid FROM pg_event_trigger
    UNION ALL SELECT tableoid, oid FROM pg_publication
    UNION ALL SELECT tableoid, oid FROM pg_subscription
    UNION ALL SELECT tableoid, oid FROM pg_foreign_data_wrapper
    UNION ALL SELECT tableoid, oid FROM pg_foreign_server
    UNION ALL SELECT tableoid, oid FROM pg_user_mapping
    UNION ALL SELECT tableoid, oid FROM pg_default_acl
    UNION ALL SELECT tableoid, oid FROM pg_namespace
    UNION ALL SELECT tableoid, oid FROM pg_extension
    UNION ALL SELECT tableoid, oid FROM pg_language
    UNION ALL SELECT tableoid, oid FROM pg_transform
    UNION ALL SELECT tableoid, oid FROM pg_am
), users AS (
    SELECT e.class, e.oid, i.type || E'\t' || i.identity AS line
      FROM every e CROSS JOIN LATERAL pg_identify_object(e.class, e.oid, 0) i
     WHERE e.oid >= 16384 AND coalesce(i.schema, '') !~ '^(pg_|longhaul$|information_schema$)'
       AND i.identity !~ '(^| )longhaul(\.|$)' AND i.identity !~ ' on longhaul\.'
       AND (e.class, e.oid) NOT IN (SELECT classid, objid FROM brought)
), relation AS (
    SELECT c.*, u.line FROM pg_class c JOIN users u ON u.class = 'pg_class'::regclass AND u.oid = c.oid)
SELECT line FROM users
UNION SELECT line || ' = ' || concat_ws(', ', relkind, relpersistence, relreplident, reloptions::text,
       CASE WHEN relrowsecurity THEN 'row security' END, CASE WHEN relforcerowsecurity THEN 'forced' END)
  FROM relation WHERE relkind NOT IN ('i', 'I', 'S')
UNION SELECT 'rights on ' || r.line || ' = ' || r.relacl::text FROM relation r WHERE r.relacl IS NOT NULL
UNION SELECT E'column\t' || r.oid::regclass || '.' || a.attname || ' = ' || concat_ws(', ', a.attnum,
       format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END, nullif(a.attidentity, ''),
       nullif(a.attgenerated, ''), a.attstorage, nullif(a.attcompression, ''), nullif(a.attstattarget, -1),
       a.attcollation::regcollation, a.attislocal, a.attinhcount, a.attacl::text, array_remove(ARRAY(SELECT o FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg\_%'), NULL)::text,
       pg_get_expr(d.adbin, d.adrelid))
  FROM pg_attribute a JOIN relation r ON r.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
UNION SELECT E'constraint\t' || k.conname || ' on ' || r.oid::regclass || ' = ' || pg_get_constraintdef(k.oid)
  FROM pg_constraint k JOIN relation r ON r.oid = k.conrelid
UNION SELECT E'index\t' || i.indexrelid::regclass || ' = ' || pg_get_indexdef(i.indexrelid) || ' ' || i.indisclustered || i.indisreplident
  FROM pg_index i JOIN relation r ON r.oid = i.indrelid
UNION SELECT E'sequence\t' || r.oid::regclass || ' = ' || row(q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmax, q.seqmin, q.seqcache, q.seqcycle)::text
  FROM pg_sequence q JOIN relation r ON r.oid = q.seqrelid
UNION SELECT 'comment on ' || i.type || E'\t' || i.identity || ' = ' || d.description
  FROM pg_description d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
 WHERE d.objoid >= 16384 AND (d.classoid, d.objoid) IN (SELECT class, oid FROM users)
UNION SELECT E'security label\t' || provider || ' on ' || objname || ' = ' || label FROM pg_seclabels
ORDER BY 1
