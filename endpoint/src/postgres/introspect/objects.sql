-- Views, routines, triggers and their like: what each is, and the statements that make it.
-- The search path is empty, so that the server prints every name with its schema.
WITH home AS (
    SELECT n.oid, n.nspname::text AS nsp, quote_ident(n.nspname) || '.' AS q
      FROM pg_namespace n WHERE {user}
), brought AS (
    -- By an extension, or by a type: the functions and casts of a range are made with it.
    SELECT classid, objid FROM pg_depend
     WHERE deptype = 'e' OR deptype = 'i' AND classid IN ('pg_proc'::regclass, 'pg_cast'::regclass)
), relation AS (
    SELECT c.oid, c.relkind::text AS sort, c.relrowsecurity, c.relforcerowsecurity, h.nsp,
           c.relname::text AS rel, h.q || quote_ident(c.relname) AS q, c.reloptions,
           c.relispopulated, c.relowner, c.relacl,
           (SELECT amname::text FROM pg_am WHERE oid = c.relam) AS method
      FROM pg_class c JOIN home h ON h.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
       AND NOT EXISTS (SELECT FROM brought b
                        WHERE b.classid = 'pg_class'::regclass AND b.objid = c.oid)
), object (class, oid, kind, word, nsp, name, key, on_nsp, on_rel, statements, fill) AS (
    SELECT 'pg_proc'::regclass::oid, p.oid, 'routine',
           CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, h.nsp, p.proname::text,
           NULL::text, NULL::text, NULL::text,
           ARRAY['SET LOCAL check_function_bodies = off',
                 regexp_replace(pg_get_functiondef(p.oid), '^CREATE OR REPLACE ', 'CREATE ')],
           NULL::text
      FROM pg_proc p JOIN home h ON h.oid = p.pronamespace
     WHERE p.prokind IN ('f', 'p', 'w')
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, 'routine', 'aggregate', h.nsp, p.proname, NULL, NULL, NULL,
           ARRAY['CREATE AGGREGATE ' || h.q || quote_ident(p.proname) || '('
                 || CASE WHEN p.pronargs = 0 THEN '*' ELSE pg_get_function_arguments(p.oid) END
                 || ') (SFUNC = ' || a.aggtransfn::text
                 || ', STYPE = ' || format_type(a.aggtranstype, NULL) || concat(
                 CASE WHEN a.aggtransspace <> 0 THEN ', SSPACE = ' || a.aggtransspace END,
                 CASE WHEN a.agginitval IS NOT NULL
                      THEN ', INITCOND = ' || quote_literal(a.agginitval) END,
                 CASE WHEN a.aggfinalfn <> 0 THEN ', FINALFUNC = ' || a.aggfinalfn::text END,
                 CASE WHEN a.aggfinalextra THEN ', FINALFUNC_EXTRA' END,
                 CASE WHEN a.aggfinalfn <> 0
                      THEN ', FINALFUNC_MODIFY = ' || CASE a.aggfinalmodify
                           WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE'
                           ELSE 'READ_WRITE' END END,
                 CASE WHEN a.aggcombinefn <> 0 THEN ', COMBINEFUNC = ' || a.aggcombinefn::text END,
                 CASE WHEN a.aggserialfn <> 0 THEN ', SERIALFUNC = ' || a.aggserialfn::text END,
                 CASE WHEN a.aggdeserialfn <> 0
                      THEN ', DESERIALFUNC = ' || a.aggdeserialfn::text END,
                 CASE WHEN a.aggmtransfn <> 0 THEN ', MSFUNC = ' || a.aggmtransfn::text
                      || ', MINVFUNC = ' || a.aggminvtransfn::text
                      || ', MSTYPE = ' || format_type(a.aggmtranstype, NULL) END,
                 CASE WHEN a.aggmtransspace <> 0 THEN ', MSSPACE = ' || a.aggmtransspace END,
                 CASE WHEN a.aggminitval IS NOT NULL
                      THEN ', MINITCOND = ' || quote_literal(a.aggminitval) END,
                 CASE WHEN a.aggmfinalfn <> 0 THEN ', MFINALFUNC = ' || a.aggmfinalfn::text
                      || ', MFINALFUNC_MODIFY = ' || CASE a.aggmfinalmodify
                         WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE'
                         ELSE 'READ_WRITE' END END,
                 CASE WHEN a.aggmfinalextra THEN ', MFINALFUNC_EXTRA' END,
                 CASE WHEN a.aggsortop <> 0 THEN (
                      SELECT ', SORTOP = OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')'
                        FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
                       WHERE o.oid = a.aggsortop) END,
                 CASE WHEN a.aggkind = 'h' THEN ', HYPOTHETICAL' END,
                 CASE p.proparallel WHEN 's' THEN ', PARALLEL = SAFE'
                      WHEN 'r' THEN ', PARALLEL = RESTRICTED' END) || ')'],
           NULL
      FROM pg_proc p JOIN home h ON h.oid = p.pronamespace JOIN pg_aggregate a ON a.aggfnoid = p.oid
    UNION ALL
    SELECT 'pg_class'::regclass, r.oid, 'view', 'view', r.nsp, r.rel, NULL, NULL, NULL,
           ARRAY['CREATE VIEW ' || r.q
                 || coalesce(' WITH (' || array_to_string(r.reloptions, ', ') || ')', '')
                 || ' AS ' || rtrim(pg_get_viewdef(r.oid), ';')]
           || ARRAY(SELECT 'ALTER VIEW ' || r.q || ' ALTER COLUMN ' || quote_ident(a.attname)
                           || ' SET DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
                      FROM pg_attrdef d JOIN pg_attribute a
                           ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                     WHERE d.adrelid = r.oid ORDER BY a.attnum),
           NULL
      FROM relation r WHERE r.sort = 'v'
    UNION ALL
    SELECT 'pg_class'::regclass, r.oid, 'view', 'materialized view', r.nsp, r.rel, NULL, NULL, NULL,
           ARRAY['CREATE MATERIALIZED VIEW ' || r.q
                 || CASE WHEN r.method <> 'heap' THEN ' USING ' || quote_ident(r.method) ELSE '' END
                 || coalesce(' WITH (' || array_to_string(r.reloptions, ', ') || ')', '')
                 || ' AS ' || rtrim(pg_get_viewdef(r.oid), ';') || ' WITH NO DATA']
           || ARRAY(SELECT pg_get_indexdef(x.indexrelid) FROM pg_index x
                     WHERE x.indrelid = r.oid ORDER BY x.indexrelid)
           || ARRAY(SELECT 'ALTER MATERIALIZED VIEW ' || r.q || ' CLUSTER ON ' || quote_ident(i.relname)
                      FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                     WHERE x.indrelid = r.oid AND x.indisclustered),
           CASE WHEN r.relispopulated THEN 'REFRESH MATERIALIZED VIEW ' || r.q END
      FROM relation r WHERE r.sort = 'm'
    UNION ALL
    SELECT 'pg_trigger'::regclass, g.oid, 'trigger', 'trigger', r.nsp, r.rel || '.' || g.tgname, NULL,
           r.nsp, r.rel,
           ARRAY[pg_get_triggerdef(g.oid)] || CASE WHEN g.tgenabled = 'O' THEN '{}' ELSE
               ARRAY['ALTER TABLE ' || r.q || CASE g.tgenabled WHEN 'D' THEN ' DISABLE'
                     WHEN 'R' THEN ' ENABLE REPLICA' ELSE ' ENABLE ALWAYS' END
                     || ' TRIGGER ' || quote_ident(g.tgname)] END,
           NULL
      FROM pg_trigger g JOIN relation r ON r.oid = g.tgrelid
     WHERE NOT g.tgisinternal AND coalesce(to_jsonb(g) ->> 'tgparentid', '0') = '0'
    UNION ALL
    SELECT 'pg_rewrite'::regclass, w.oid, 'rule', 'rule', r.nsp, r.rel || '.' || w.rulename, NULL,
           r.nsp, r.rel,
           ARRAY[pg_get_ruledef(w.oid)] || CASE WHEN w.ev_enabled = 'O' THEN '{}' ELSE
               ARRAY['ALTER TABLE ' || r.q || CASE w.ev_enabled WHEN 'D' THEN ' DISABLE'
                     WHEN 'R' THEN ' ENABLE REPLICA' ELSE ' ENABLE ALWAYS' END
                     || ' RULE ' || quote_ident(w.rulename)] END,
           NULL
      FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid, 'policy', 'row security policy', r.nsp,
           r.rel || '.' || p.polname, NULL, r.nsp, r.rel,
           ARRAY['CREATE POLICY ' || quote_ident(p.polname) || ' ON ' || r.q
                 || CASE WHEN p.polpermissive THEN '' ELSE ' AS RESTRICTIVE' END || ' FOR '
                 || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'
                    WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END || ' TO '
                 || (SELECT string_agg(coalesce(quote_ident(o.rolname), 'PUBLIC'), ', ')
                       FROM unnest(p.polroles) AS t (oid) LEFT JOIN pg_roles o ON o.oid = t.oid)
                 || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
                 || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')],
           NULL
      FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
    UNION ALL
    SELECT 'pg_class'::regclass, r.oid, 'policy', 'row security', r.nsp, r.rel,
           'row security of ' || r.q, r.nsp, r.rel,
           CASE WHEN r.relrowsecurity
                THEN ARRAY['ALTER TABLE ' || r.q || ' ENABLE ROW LEVEL SECURITY'] ELSE '{}' END
           || CASE WHEN r.relforcerowsecurity
                   THEN ARRAY['ALTER TABLE ' || r.q || ' FORCE ROW LEVEL SECURITY'] ELSE '{}' END,
           NULL
      FROM relation r WHERE r.relrowsecurity OR r.relforcerowsecurity
    UNION ALL
    SELECT 'pg_operator'::regclass, o.oid, 'routine', 'operator', h.nsp, o.oprname, NULL, NULL, NULL,
           ARRAY['CREATE OPERATOR ' || h.q || o.oprname || ' (FUNCTION = ' || o.oprcode::text || concat(
                 CASE WHEN o.oprleft <> 0 THEN ', LEFTARG = ' || format_type(o.oprleft, NULL) END,
                 CASE WHEN o.oprright <> 0 THEN ', RIGHTARG = ' || format_type(o.oprright, NULL) END,
                 (SELECT ', COMMUTATOR = OPERATOR(' || quote_ident(n.nspname) || '.' || x.oprname || ')'
                    FROM pg_operator x JOIN pg_namespace n ON n.oid = x.oprnamespace
                   WHERE x.oid = o.oprcom),
                 (SELECT ', NEGATOR = OPERATOR(' || quote_ident(n.nspname) || '.' || x.oprname || ')'
                    FROM pg_operator x JOIN pg_namespace n ON n.oid = x.oprnamespace
                   WHERE x.oid = o.oprnegate),
                 CASE WHEN o.oprrest <> 0 THEN ', RESTRICT = ' || o.oprrest::text END,
                 CASE WHEN o.oprjoin <> 0 THEN ', JOIN = ' || o.oprjoin::text END,
                 CASE WHEN o.oprcanhash THEN ', HASHES' END,
                 CASE WHEN o.oprcanmerge THEN ', MERGES' END) || ')'],
           NULL
      FROM pg_operator o JOIN home h ON h.oid = o.oprnamespace WHERE o.oprcode <> 0
    UNION ALL
    SELECT 'pg_cast'::regclass, k.oid, 'routine', 'cast', '',
           format_type(k.castsource, NULL) || ' AS ' || format_type(k.casttarget, NULL), NULL, NULL, NULL,
           ARRAY['CREATE CAST (' || format_type(k.castsource, NULL) || ' AS '
                 || format_type(k.casttarget, NULL) || ') ' || CASE k.castmethod
                    WHEN 'f' THEN 'WITH FUNCTION ' || k.castfunc::regprocedure::text
                    WHEN 'i' THEN 'WITH INOUT' ELSE 'WITHOUT FUNCTION' END
                 || CASE k.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT'
                    ELSE '' END],
           NULL
      FROM pg_cast k WHERE k.oid >= 16384
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, d.oid, 'routine', 'text search dictionary', h.nsp, d.dictname, NULL,
           NULL, NULL,
           ARRAY['CREATE TEXT SEARCH DICTIONARY ' || h.q || quote_ident(d.dictname) || ' (TEMPLATE = '
                 || quote_ident(n.nspname) || '.' || quote_ident(t.tmplname)
                 || coalesce(', ' || d.dictinitoption, '') || ')'],
           NULL
      FROM pg_ts_dict d JOIN home h ON h.oid = d.dictnamespace
      JOIN pg_ts_template t ON t.oid = d.dicttemplate JOIN pg_namespace n ON n.oid = t.tmplnamespace
    UNION ALL
    SELECT 'pg_ts_config'::regclass, g.oid, 'routine', 'text search configuration', h.nsp, g.cfgname,
           NULL, NULL, NULL,
           ARRAY['CREATE TEXT SEARCH CONFIGURATION ' || h.q || quote_ident(g.cfgname) || ' (PARSER = '
                 || quote_ident(n.nspname) || '.' || quote_ident(p.prsname) || ')']
           || ARRAY(SELECT 'ALTER TEXT SEARCH CONFIGURATION ' || h.q || quote_ident(g.cfgname)
                           || ' ADD MAPPING FOR ' || quote_ident(t.alias) || ' WITH '
                           || string_agg(quote_ident(dn.nspname) || '.' || quote_ident(d.dictname), ', '
                                         ORDER BY m.mapseqno)
                      FROM pg_ts_config_map m JOIN pg_ts_dict d ON d.oid = m.mapdict
                      JOIN pg_namespace dn ON dn.oid = d.dictnamespace
                      JOIN ts_token_type(g.cfgparser) t ON t.tokid = m.maptokentype
                     WHERE m.mapcfg = g.oid GROUP BY t.tokid, t.alias ORDER BY t.tokid),
           NULL
      FROM pg_ts_config g JOIN home h ON h.oid = g.cfgnamespace
      JOIN pg_ts_parser p ON p.oid = g.cfgparser JOIN pg_namespace n ON n.oid = p.prsnamespace
    UNION ALL
    SELECT 'pg_conversion'::regclass, v.oid, 'routine', 'conversion', h.nsp, v.conname, NULL, NULL, NULL,
           ARRAY['CREATE ' || CASE WHEN v.condefault THEN 'DEFAULT ' ELSE '' END || 'CONVERSION ' || h.q
                 || quote_ident(v.conname) || ' FOR ' || quote_literal(pg_encoding_to_char(v.conforencoding))
                 || ' TO ' || quote_literal(pg_encoding_to_char(v.contoencoding)) || ' FROM '
                 || v.conproc::text],
           NULL
      FROM pg_conversion v JOIN home h ON h.oid = v.connamespace
    UNION ALL
    SELECT 'pg_class'::regclass, r.oid, 'grant', 'grants', r.nsp, r.rel || '.' || g.who,
           'grants on ' || r.q || ' to ' || g.who, r.nsp, r.rel, g.statements,
           CASE WHEN g.grantee <> 0 THEN g.who END
      FROM relation r CROSS JOIN LATERAL (
           SELECT coalesce(o.rolname::text, 'PUBLIC') AS who, x.grantee, array_agg(
                  'GRANT ' || x.what || ' ON ' || CASE r.sort WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END
                  || r.q || ' TO ' || coalesce(quote_ident(o.rolname), 'PUBLIC')
                  || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END ORDER BY x.what) AS statements
             FROM (SELECT a.grantee, a.is_grantable,
                          string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS what
                     FROM aclexplode(r.relacl) a WHERE a.grantee <> r.relowner
                    GROUP BY a.grantee, a.is_grantable
                    UNION ALL
                   SELECT a.grantee, a.is_grantable, a.privilege_type || ' ('
                          || string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum) || ')'
                     FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) a
                    WHERE t.attrelid = r.oid AND NOT t.attisdropped AND a.grantee <> r.relowner
                    GROUP BY a.grantee, a.is_grantable, a.privilege_type) x
             LEFT JOIN pg_roles o ON o.oid = x.grantee
            GROUP BY o.rolname, x.grantee) g
)
SELECT o.class, o.oid, o.kind, o.word, o.nsp, o.name::text,
       coalesce(o.key, i.type || ' ' || i.identity), o.on_nsp, o.on_rel,
       o.statements
       || CASE WHEN o.key IS NULL AND d.description IS NOT NULL
               THEN ARRAY['COMMENT ON ' || i.type || ' ' || i.identity || ' IS '
                          || quote_literal(d.description)] ELSE '{}' END
       || CASE WHEN o.kind = 'view' THEN ARRAY(
               SELECT 'COMMENT ON COLUMN ' || i.identity || '.' || quote_ident(a.attname) || ' IS '
                      || quote_literal(c.description)
                 FROM pg_description c JOIN pg_attribute a
                      ON a.attrelid = c.objoid AND a.attnum = c.objsubid
                WHERE c.classoid = o.class AND c.objoid = o.oid AND c.objsubid > 0
                ORDER BY a.attnum) ELSE '{}' END,
       o.fill, c.relkind::text, i.type || ' ' || i.identity
  FROM object o
  LEFT JOIN pg_class c ON o.class = 'pg_class'::regclass AND c.oid = o.oid AND o.key IS NOT NULL
 CROSS JOIN LATERAL pg_identify_object(o.class, o.oid, 0) i
  LEFT JOIN pg_description d ON d.classoid = o.class AND d.objoid = o.oid AND d.objsubid = 0
 WHERE NOT EXISTS (SELECT FROM brought b WHERE b.classid = o.class AND b.objid = o.oid)
 ORDER BY o.class, o.oid
