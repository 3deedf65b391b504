//! Triggers that do not fire for the rows of one transaction.
//!
//! They are switched off and on again within it, so nobody else ever sees them off, and a transaction
//! that dies leaves them as they were. `session_replication_role` would be the other way: it silences
//! foreign keys, too. The price is a lock: until the chunk is committed nobody else writes to the table.

use protocol::fault::Fault;
use protocol::schema::TableName;

use crate::postgres::connect::Link;
use crate::sql::quote;

/// How long a chunk may wait for another one of its table.
const PATIENCE: &str = "SET LOCAL lock_timeout = '60s'";

/// What switches off, and what switches on again, whatever would fire for ordinary sessions, in the
/// table and its partitions. Before version 15 a partition's copy of a trigger follows its parent.
const TRIGGERS: &str = "
    SELECT string_agg(format('ALTER TABLE %s DISABLE TRIGGER %I', t.place, t.tgname), '; '),
           string_agg(format('ALTER TABLE %s ENABLE %sTRIGGER %I', t.place, t.always, t.tgname), '; ')
      FROM (SELECT CASE WHEN current_setting('server_version_num')::int >= 150000
                        THEN 'ONLY ' ELSE '' END || format('%I.%I', n.nspname, c.relname) AS place,
                   CASE g.tgenabled WHEN 'A' THEN 'ALWAYS ' ELSE '' END AS always, g.tgname
              FROM pg_catalog.pg_trigger g
              JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A')
               AND (c.oid = $1::text::regclass
                    OR c.oid IN (SELECT relid FROM pg_partition_tree($1::text::regclass)))
             ORDER BY 1, 3) AS t";

/// Switches the triggers of a table off, and returns what switches them on again; nothing where there
/// is none.
///
/// # Errors
/// `Code::Busy` when another chunk has the table for too long, `Code::RightsMissing` where the user
/// does not own it.
pub(super) async fn silence(link: &Link, table: &TableName) -> Result<Option<String>, Fault> {
    let name = quote::table(table).to_string();
    link.batch(&format!("{PATIENCE}; LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")).await?;
    let row = link.client.query_one(TRIGGERS, &[&name]).await;
    let row = row.map_err(|error| link.fault(&error))?;
    let (off, on): (Option<String>, Option<String>) = (row.get(0), row.get(1));
    if let Some(off) = off {
        link.batch(&off).await?;
    }
    Ok(on)
}

/// Switches them on again. A table whose deferred constraints have not spoken cannot be changed.
pub(super) async fn wake(link: &Link, on: &str) -> Result<(), Fault> {
    link.batch(&format!("SET CONSTRAINTS ALL IMMEDIATE; {on}")).await
}
