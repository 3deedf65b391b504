//! A look at a server before work begins: what it says of itself, judged by a table.

mod rules;

use std::collections::BTreeMap;

use protocol::fault::Fault;
use protocol::finding::Finding;

use super::Postgres;
use super::connect::{Door, Duty, Link};

/// What a database is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is read.
    Source,
    /// It is written.
    Target,
}

/// How a connection of ours is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Encryption {
    /// Not, and it leaves this machine.
    Exposed,
    /// Not, but it stays on this machine.
    Local,
    /// In this protocol, with this cipher, to a server that may be anybody.
    Unverified(String),
    /// In this protocol, with this cipher.
    Verified(String),
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    /// `15.6`, and as a number: 150006.
    version: (String, i32),
    encryption: Encryption,
    /// Whether it only follows another server.
    standby: bool,
    /// Connections that this role could still open.
    connections_free: i64,
    /// Whether this role may create schemas, and write to the one of the bookkeeping.
    may_create: bool,
    /// Tables that this role may not read.
    unreadable: i64,
    /// Tables of which this role sees some rows only.
    partly_hidden: i64,
    /// Settings as a session begins with them, by name, with their units.
    settings: BTreeMap<String, (String, String)>,
}

/// `reserved_connections` is missing before version 16. Counts of connections come from statistics
/// that every role may read; those of `pg_stat_activity` hide other roles' sessions.
const FACTS: &str = "
    SELECT current_setting('server_version'), current_setting('server_version_num')::int,
           coalesce((SELECT s.version || ', ' || s.cipher FROM pg_stat_ssl s
                      WHERE s.pid = pg_backend_pid() AND s.ssl), ''),
           pg_is_in_recovery(),
           least(
               current_setting('max_connections')::bigint
               - CASE WHEN r.rolsuper THEN 0
                 ELSE current_setting('superuser_reserved_connections')::bigint
                      + coalesce(current_setting('reserved_connections', true), '0')::bigint END
               - (SELECT coalesce(sum(numbackends), 0) FROM pg_stat_database),
               CASE WHEN r.rolconnlimit < 0 THEN NULL ELSE r.rolconnlimit
               - (SELECT count(*) FROM pg_stat_activity a WHERE a.usename = current_user) END
           )::bigint,
           CASE WHEN to_regnamespace('longhaul') IS NULL
                THEN has_database_privilege(current_database(), 'CREATE')
                ELSE has_schema_privilege('longhaul', 'CREATE, USAGE') END
      FROM pg_roles r WHERE r.rolname = current_user";

const TABLES: &str = "
    SELECT count(*) FILTER (WHERE NOT (has_schema_privilege(n.oid, 'USAGE')
                                       AND has_table_privilege(c.oid, 'SELECT'))),
           count(*) FILTER (WHERE row_security_active(c.oid))
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
       AND n.nspname NOT IN ('information_schema', 'longhaul')";

/// What a session begins with, before our own settings.
const SETTINGS: &str = "
    SELECT name, coalesce(reset_val, setting, ''), coalesce(unit, '') FROM pg_settings
     WHERE name = ANY($1)";

impl Postgres {
    /// What there is to say of this database in that role. That it cannot be looked at is a finding,
    /// too.
    pub(super) async fn look(&self, role: Role) -> Vec<Finding> {
        match self.facts().await {
            Ok(facts) => rules::findings(&facts, role),
            Err(fault) => vec![Finding::fail("answer", fault.to_string(), fault.advice())],
        }
    }

    async fn facts(&self) -> Result<Facts, Fault> {
        let link = self.door.open("longhaul:examine", Duty::Read).await?;
        // This session itself makes row security an error instead of a silence.
        link.batch("SET row_security = on").await?;
        let row = link.client.query_one(FACTS, &[]).await.map_err(|error| link.fault(&error))?;
        let tables = link.client.query_one(TABLES, &[]).await.map_err(|e| link.fault(&e))?;
        let cipher: String = row.get(2);
        Ok(Facts {
            version: (row.get(0), row.get(1)),
            encryption: encryption(&self.door, cipher),
            standby: row.get(3),
            connections_free: row.get(4),
            may_create: row.get(5),
            unreadable: tables.get(0),
            partly_hidden: tables.get(1),
            settings: settings(&link).await?,
        })
    }
}

fn encryption(door: &Door, cipher: String) -> Encryption {
    match (cipher.is_empty(), door.is_local(), door.verifies()) {
        (true, true, _) => Encryption::Local,
        (true, false, _) => Encryption::Exposed,
        (false, _, true) => Encryption::Verified(cipher),
        (false, _, false) => Encryption::Unverified(cipher),
    }
}

async fn settings(link: &Link) -> Result<BTreeMap<String, (String, String)>, Fault> {
    let names: Vec<&str> = rules::SETTINGS.iter().map(|rule| rule.name).collect();
    let rows = link.client.query(SETTINGS, &[&names]).await.map_err(|error| link.fault(&error))?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}
