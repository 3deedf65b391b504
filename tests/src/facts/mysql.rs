//! MySQL's own catalogue, in the words of these tests. Names are quoted as in the other engines.

/// A row per fact, its four cells joined by a character that no name has.
pub(super) const FACTS: &str = "
SELECT concat_ws(char(31 USING utf8mb4), kind, '', part, name) FROM (
  SELECT CASE table_type WHEN 'VIEW' THEN 'view' WHEN 'SEQUENCE' THEN 'sequence' ELSE 'table' END
         AS kind, '' AS part, table_name AS name
    FROM information_schema.tables
   WHERE table_schema = database() AND table_name NOT LIKE 'longhaul\\_%'
  UNION ALL SELECT lower(routine_type), '', routine_name FROM information_schema.routines
   WHERE routine_schema = database()
  UNION ALL SELECT 'trigger', event_object_table, trigger_name FROM information_schema.triggers
   WHERE trigger_schema = database()
  UNION ALL SELECT 'event', '', event_name FROM information_schema.events
   WHERE event_schema = database()
  UNION ALL SELECT DISTINCT CASE WHEN index_name = 'PRIMARY' THEN 'primary key'
         WHEN non_unique = 0 THEN 'unique' ELSE 'index' END, table_name, index_name
    FROM information_schema.statistics
   WHERE table_schema = database() AND table_name NOT LIKE 'longhaul\\_%'
  UNION ALL SELECT 'foreign key', table_name, constraint_name
    FROM information_schema.referential_constraints WHERE constraint_schema = database()
  UNION ALL SELECT 'check', table_name, constraint_name
    FROM information_schema.check_constraints WHERE constraint_schema = database()
     AND check_clause NOT LIKE 'json_valid(%' AND table_name NOT LIKE 'longhaul\\_%'
  UNION ALL SELECT 'column', c.table_name, c.column_name FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
   WHERE c.table_schema = database() AND c.table_name NOT LIKE 'longhaul\\_%'
     AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
  UNION ALL SELECT CASE WHEN c.extra LIKE '%GENERATED%' THEN 'generated'
         WHEN c.extra LIKE '%auto_increment%' OR c.column_default LIKE 'nextval(%' THEN 'numbering'
         ELSE 'default' END, c.table_name, c.column_name FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
   WHERE c.table_schema = database() AND c.table_name NOT LIKE 'longhaul\\_%'
     AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
     AND (coalesce(c.column_default, 'NULL') <> 'NULL' OR c.extra LIKE '%GENERATED%'
          OR c.extra LIKE '%auto_increment%')
  UNION ALL SELECT 'on update', table_name, column_name FROM information_schema.columns
   WHERE table_schema = database() AND extra LIKE '%on update%'
     AND table_name NOT LIKE 'longhaul\\_%'
  UNION ALL SELECT 'comment', c.table_name, c.column_name FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
   WHERE c.table_schema = database() AND c.column_comment <> ''
     AND c.table_name NOT LIKE 'longhaul\\_%' AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
  UNION ALL SELECT 'comment', table_name, table_name FROM information_schema.tables
   WHERE table_schema = database() AND table_type = 'BASE TABLE' AND table_comment <> ''
     AND table_name NOT LIKE 'longhaul\\_%'
) AS facts ORDER BY 1";
