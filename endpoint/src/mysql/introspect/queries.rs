//! What is asked of `information_schema`, each line of an answer beginning with its table.

use crate::mysql::version::Server;

pub(super) const TABLES: &str = "\
    SELECT table_name, table_type, engine, COALESCE(table_rows, 0), \
           COALESCE(data_length, 0), auto_increment, table_comment \
      FROM information_schema.tables \
     WHERE table_schema = DATABASE() ORDER BY table_name";

pub(super) const COLUMNS: &str = "\
    SELECT table_name, column_name, column_default, is_nullable, column_type, \
           character_set_name, collation_name, extra, column_comment, generation_expression \
      FROM information_schema.columns \
     WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position";

/// Foreign keys; the schema of the other table only where it is another one.
pub(super) const LINKS: &str = "\
    SELECT k.table_name, k.constraint_name, k.column_name, \
           CASE WHEN k.referenced_table_schema = k.table_schema THEN NULL \
                ELSE k.referenced_table_schema END, \
           k.referenced_table_name, k.referenced_column_name, r.delete_rule, r.update_rule \
      FROM information_schema.key_column_usage AS k \
      JOIN information_schema.referential_constraints AS r \
        ON r.constraint_schema = k.constraint_schema AND r.table_name = k.table_name \
       AND r.constraint_name = k.constraint_name \
     WHERE k.table_schema = DATABASE() AND k.referenced_table_name IS NOT NULL \
     ORDER BY k.table_name, k.constraint_name, k.ordinal_position";

pub(super) const TRIGGERS: &str = "\
    SELECT event_object_table, trigger_name FROM information_schema.triggers \
     WHERE trigger_schema = DATABASE() ORDER BY event_object_table, trigger_name";

pub(super) const OTHERS: &str = "\
    SELECT routine_type, routine_name FROM information_schema.routines \
     WHERE routine_schema = DATABASE() \
     UNION ALL SELECT 'event', event_name FROM information_schema.events \
     WHERE event_schema = DATABASE() ORDER BY 1, 2";

pub(super) fn indexes(server: Server) -> String {
    let expression = if server.has_index_expressions() { "expression" } else { "NULL" };
    format!(
        "SELECT table_name, index_name, non_unique, index_type, column_name, {expression}, \
                sub_part, collation \
           FROM information_schema.statistics \
          WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index"
    )
}

/// What people wrote beside indexes, and whether the server may use them.
pub(super) fn index_notes(server: Server) -> String {
    let hidden = server.hides_indexes();
    format!(
        "SELECT table_name, index_name, index_comment, {hidden} \
           FROM information_schema.statistics \
          WHERE table_schema = DATABASE() AND seq_in_index = 1 \
            AND (index_comment <> '' OR {hidden}) ORDER BY table_name, index_name"
    )
}

pub(super) fn checks(server: Server) -> &'static str {
    if server.names_tables_of_checks() {
        "SELECT table_name, constraint_name, check_clause \
           FROM information_schema.check_constraints \
          WHERE constraint_schema = DATABASE() ORDER BY table_name, constraint_name"
    } else {
        "SELECT t.table_name, c.constraint_name, c.check_clause \
           FROM information_schema.check_constraints AS c \
           JOIN information_schema.table_constraints AS t \
             ON t.constraint_schema = c.constraint_schema \
            AND t.constraint_name = c.constraint_name AND t.constraint_type = 'CHECK' \
          WHERE c.constraint_schema = DATABASE() ORDER BY t.table_name, c.constraint_name"
    }
}
