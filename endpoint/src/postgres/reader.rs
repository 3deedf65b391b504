//! What is asked of a database while it is read: who it is, whether it changed, and its rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, RunId};
use protocol::plan::{Bound, Entity};
use protocol::schema::{Catalogue, Logical, TableName};

use super::connect::{Duty, Link};
use super::idle::Idle;
use super::range::{self, Shape};
use super::snapshot;
use super::{Postgres, faults, introspect, read};
use crate::sql::quote;
use crate::{Cut, Read, Rows};

/// The system's own number, from its control file.
const SYSTEM: &str = "SELECT system_identifier::text FROM pg_control_system()";

/// Where a system without it (rights are missing) can be told from others: its address and the
/// moment it was started.
const ADDRESS: &str = "SELECT concat_ws('/', inet_server_addr(), inet_server_port(), \
     current_setting('port'), extract(epoch FROM pg_postmaster_start_time())::text)";

/// What server, user and database leave, and the connection that asks, which is free again then.
/// `reserved_connections` is missing before version 16. Counts come from statistics that every role may
/// read, where there are any.
const CONNECTIONS_FREE: &str = "
    SELECT 1 + least(
               current_setting('max_connections')::bigint
               - CASE WHEN r.rolsuper THEN 0
                 ELSE current_setting('superuser_reserved_connections')::bigint
                      + coalesce(current_setting('reserved_connections', true), '0')::bigint END
               - (SELECT coalesce(sum(numbackends), 0) FROM pg_stat_database),
               CASE WHEN r.rolconnlimit < 0 OR r.rolsuper THEN NULL ELSE r.rolconnlimit
               - (SELECT count(*) FROM pg_stat_activity a WHERE a.usename = current_user) END,
               CASE WHEN d.datconnlimit < 0 OR r.rolsuper THEN NULL ELSE d.datconnlimit
               - (SELECT numbackends FROM pg_stat_database s WHERE s.datid = d.oid) END
           )::bigint
      FROM pg_roles r, pg_database d
     WHERE r.rolname = current_user AND d.datname = current_database()";

const DATABASE: &str = "SELECT oid::text FROM pg_database WHERE datname = current_database()";

/// Rows written per table according to the statistics, beside the file that holds the rows:
/// TRUNCATE and rewriting change the file and count no rows.
const COUNTERS: &str = "
    WITH RECURSIVE wanted (oid) AS (
        SELECT c.oid
          FROM unnest($1::text[], $2::text[]) AS t (schema, name)
          JOIN pg_namespace n ON n.nspname = t.schema::name
          JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name::name
        UNION
        SELECT i.inhrelid FROM wanted w JOIN pg_inherits i ON i.inhparent = w.oid
          JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition)
    SELECT coalesce(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::text || ':' || md5(coalesce(
           string_agg(concat_ws('/', c.oid, c.relfilenode, s.n_tup_ins, s.n_tup_upd, s.n_tup_del),
                      ',' ORDER BY c.oid), ''))
      FROM wanted w JOIN pg_class c ON c.oid = w.oid
      LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid";

/// Sessions are known by the names they go by; a name is cut where the server cuts it.
const END: &str = "
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE starts_with(application_name, left($1::text, 63)) AND pid <> pg_backend_pid()";

/// Chunks whose sessions do something: one that is idle keeps the name of the last that it did.
const AT_WORK: &str = "
    SELECT split_part(application_name, ':', 3) FROM pg_stat_activity
     WHERE starts_with(application_name, $1::text) AND state <> 'idle'";

/// Bytes of a page, in all servers that were not built otherwise. Only the evenness of slices
/// depends on it.
const PAGE_BYTES: u64 = 8192;

/// Whether the server can scan a range of the pages of a table (since 14).
const SLICEABLE: &str = "
    SELECT current_setting('server_version_num')::int >= 140000 AND c.relkind = 'r'
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1::text::name AND c.relname = $2::text::name";

/// Whether what is read by that name is not what the transaction's snapshot shows: another table, a
/// partition too few, or a file that was truncated or rewritten since, which looks empty to an older
/// snapshot. Tables are scanned as the snapshot shows them; functions look at the present.
const REPLACED: &str = "
    WITH RECURSIVE root (oid) AS (
        SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1::text::name AND c.relname = $2::text::name),
    seen (oid) AS (
        SELECT oid FROM root
        UNION
        SELECT i.inhrelid FROM seen s JOIN pg_inherits i ON i.inhparent = s.oid
          JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition)
    SELECT coalesce((SELECT oid FROM root) <> to_regclass($3::text)::oid, true)
        OR EXISTS (
            SELECT FROM seen s JOIN pg_class c ON c.oid = s.oid AND c.relkind = 'r'
             WHERE c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid)
                OR c.relispartition AND NOT EXISTS (
                    SELECT FROM pg_partition_tree(to_regclass($3::text)) t WHERE t.relid = s.oid))";

impl Postgres {
    pub(super) async fn ask_server(&self) -> Result<String, Fault> {
        let link = self.door.open("longhaul:version", Duty::Read).await?;
        let version: String = link.one("SELECT current_setting('server_version')").await?;
        Ok(format!("PostgreSQL {version}"))
    }

    pub(super) async fn ask_identity(&self) -> Result<String, Fault> {
        let link = self.asking("longhaul:identity").await?;
        let system: String = match link.one(SYSTEM).await {
            Ok(system) => system,
            Err(fault) if fault.code() == Code::RightsMissing => link.one(ADDRESS).await?,
            Err(fault) => return Err(fault),
        };
        let database: String = link.one(DATABASE).await?;
        link.done();
        Ok(format!("postgres/{system}/{database}"))
    }

    pub(super) async fn ask_connections_free(&self) -> Result<Option<u64>, Fault> {
        let link = self.door.open("longhaul:room", Duty::Read).await?;
        let free: i64 = link.one(CONNECTIONS_FREE).await?;
        Ok(Some(u64::try_from(free).unwrap_or(0)))
    }

    pub(super) async fn ask_catalogue(&self) -> Result<Catalogue, Fault> {
        let (link, after) = self.reader("longhaul:catalogue").await?;
        let catalogue = introspect::catalogue(&link).await?;
        after.keep(link).await;
        Ok(catalogue)
    }

    pub(super) async fn ask_counters(&self, tables: &[TableName]) -> Result<String, Fault> {
        let link = self.asking("longhaul:counters").await?;
        let schemas: Vec<_> =
            tables.iter().map(|t| t.schema.as_deref().unwrap_or("public")).collect();
        let names: Vec<_> = tables.iter().map(|t| t.name.as_str()).collect();
        let row = link.client.query_one(COUNTERS, &[&schemas, &names]).await;
        let counters = row.map_err(|error| link.fault(&error))?.get(0);
        link.done();
        Ok(counters)
    }

    pub(super) async fn ask_cut(&self, cut: &Cut) -> Result<Vec<Bound>, Fault> {
        let (link, after) = self.reader("longhaul:cut").await?;
        let shape = self.shape(&link, &cut.table).await?;
        widen_path(&link, &shape, &cut.key, cut.filter.is_some()).await?;
        let bounds = range::cut(&link, &shape, cut).await;
        // A key that is no text in our encoding cannot be a bound, so all rows are one range.
        if bounds.as_ref().is_err_and(|fault| !shape.encoded && faults::is_about_encoding(fault)) {
            return Ok(Vec::new());
        }
        let bounds = bounds.map_err(|fault| read::blame(fault, cut.filter.is_some()))?;
        after.keep(link).await;
        Ok(bounds)
    }

    pub(super) async fn begin_read(&self, wanted: &Read) -> Result<Box<dyn Rows>, Fault> {
        let (link, after) = self.reader(&wanted.label).await?;
        let shape = self.shape(&link, &wanted.table).await?;
        self.pin(&link, &shape, &wanted.table).await?;
        let filtered = wanted.filter.is_some();
        widen_path(&link, &shape, &wanted.key, filtered).await?;
        let filter = wanted.filter.as_deref();
        let condition = shape.condition(&wanted.table, &wanted.key, &wanted.range, filter)?;
        let mut query = format!(
            "SELECT {} FROM {}{condition}",
            quote::names(wanted.columns.iter().map(|(name, _)| name.as_str())),
            shape.from(&wanted.table)
        );
        if let Some(top) = wanted.top {
            if !wanted.key.is_empty() {
                query += &format!(" ORDER BY {}", range::order(&wanted.table, &wanted.key));
            }
            query += &format!(" LIMIT {}", top.min(i64::MAX.unsigned_abs()));
        }
        let encoded = shape.encoded;
        if !encoded {
            link.batch(read::AS_STORED).await?;
        }
        let reader = read::Reader { link, after: Some(after), encoded };
        read::copy_out(reader, &query, &wanted.columns, wanted.lane, wanted.batch_bytes, filtered)
            .await
    }

    pub(super) async fn ask_rows(&self, table: &TableName) -> Result<bool, Fault> {
        let link = self.asking("longhaul:rows").await?;
        let from = Shape::ask(&link, table).await?.from(table);
        let ask = format!("SELECT EXISTS (SELECT FROM {from} LIMIT 1)");
        let any = link.one(&ask).await?;
        link.done();
        Ok(any)
    }

    pub(super) async fn ask_count(&self, table: &TableName, at_most: u64) -> Result<u64, Fault> {
        let link = self.asking("longhaul:rows").await?;
        let rows = format!("SELECT FROM {} LIMIT {at_most}", quote::table(table));
        let count: i64 = link.one(&format!("SELECT count(*) FROM ({rows}) rows")).await?;
        link.done();
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Slices are ranges of pages, the last open-ended, so that they partition the table whatever
    /// its keys are. A partitioned table has no pages of its own: slice 0 reads all of it.
    pub(super) async fn begin_read_back(
        &self,
        entity: &Entity,
        index: u32,
        of: u32,
        batch_bytes: usize,
    ) -> Result<Box<dyn Rows>, Fault> {
        let label = format!("longhaul:verify:{}:{index}", entity.id);
        let (link, after) = self.asking(&label).await?.into_reader();
        let shape = Shape::ask(&link, &entity.target).await?;
        let slice = self.slice(&link, entity, index, of).await?;
        let columns: Vec<(String, Logical)> =
            entity.columns.iter().map(|c| (c.target.clone(), c.to.clone())).collect();
        let query = format!(
            "SELECT {} FROM {}{slice}",
            quote::names(columns.iter().map(|(name, _)| name.as_str())),
            shape.from(&entity.target)
        );
        let reader = read::Reader { link, after: Some(after), encoded: true };
        read::copy_out(reader, &query, &columns, entity.lane, batch_bytes, false).await
    }

    /// A connection in a transaction that sees what is to be read, and where to leave it for the
    /// next reader of the same moment.
    async fn reader(&self, label: &str) -> Result<(Link, Idle), Fault> {
        let held = self.held.lock().await.as_ref().map(|held| (held.id.clone(), held.idle.clone()));
        if let Some((_, idle)) = &held
            && let Some(link) = idle.take(label).await
        {
            return Ok((link, idle.clone()));
        }
        let (link, at_rest) = self.asking(label).await?.into_reader();
        snapshot::join(&link, held.as_ref().map(|(id, _)| id.as_str())).await?;
        Ok((link, held.map_or(at_rest, |(_, idle)| idle)))
    }

    /// Which of these chunks have a session in the middle of their transaction.
    pub(super) async fn ask_at_work(
        &self,
        run: RunId,
        chunks: &[ChunkId],
    ) -> Result<Vec<ChunkId>, Fault> {
        let link = self.door.open("longhaul:look", Duty::Read).await?;
        let label = format!("longhaul:{run}:");
        let rows = link.client.query(AT_WORK, &[&label]).await;
        let rows = rows.map_err(|error| link.fault(&error))?;
        let named = |row: &tokio_postgres::Row| row.get::<_, String>(0).parse().ok().map(ChunkId);
        let busy: BTreeSet<ChunkId> = rows.iter().filter_map(named).collect();
        Ok(chunks.iter().copied().filter(|chunk| busy.contains(chunk)).collect())
    }

    /// Ends what others do under a label that begins so.
    pub(super) async fn ask_end(&self, label: &str) -> Result<u64, Fault> {
        let link = self.asking("longhaul:end").await?;
        let ended = link.client.query(END, &[&label]).await;
        let ended = ended.map_err(|error| link.fault(&error))?.len() as u64;
        link.done();
        Ok(ended)
    }

    /// The condition of a slice, with WHERE. Where it begins and ends follows from the plan alone, so
    /// that slices read by different workers, before and after a vacuum gave pages back, fit together.
    async fn slice(
        &self,
        link: &Link,
        entity: &Entity,
        index: u32,
        of: u32,
    ) -> Result<String, Fault> {
        let schema = entity.target.schema.as_deref().unwrap_or("public");
        let row = link.client.query_one(SLICEABLE, &[&schema, &entity.target.name]).await;
        let sliceable: bool = row.map_err(|error| link.fault(&error))?.get(0);
        if !sliceable {
            return Ok(if index == 0 { String::new() } else { " WHERE false".to_owned() });
        }
        let pages = entity.bytes_estimate.div_ceil(PAGE_BYTES * u64::from(of.max(1))).max(1);
        let page = |index: u32| pages.saturating_mul(u64::from(index)).min(u64::from(u32::MAX));
        let mut parts = Vec::new();
        if index > 0 {
            parts.push(format!("ctid >= '({},0)'", page(index)));
        }
        if index + 1 < of {
            parts.push(format!("ctid < '({},0)'", page(index + 1)));
        }
        Ok(if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) })
    }

    /// Keeps a table as it is until the read is over, and makes sure that it is still what the
    /// snapshot shows.
    ///
    /// # Errors
    /// `Code::SnapshotLost` when it is not and the snapshot is a held one; `Code::Busy` when it is
    /// the read's own, so that the next try sees the table as it is then.
    async fn pin(&self, link: &Link, shape: &Shape, table: &TableName) -> Result<(), Fault> {
        let lock = format!("LOCK TABLE {} IN ACCESS SHARE MODE", shape.from(table));
        let schema = table.schema.as_deref().unwrap_or("public");
        let name = quote::table(table).to_string();
        let replaced = async {
            let statement = link.prepared(REPLACED, &[]).await?;
            let row = link.client.query_one(&*statement, &[&schema, &table.name, &name]).await;
            row.map(|row| row.get::<_, bool>(0)).map_err(|error| link.fault(&error))
        };
        // Sent at once; the server asks behind the lock.
        let (locked, replaced) = tokio::join!(biased; link.batch(&lock), replaced);
        locked?;
        if !replaced? {
            return Ok(());
        }
        let held = self.held.lock().await.is_some();
        let code = if held { Code::SnapshotLost } else { Code::Busy };
        Err(Fault::new(code, table.to_string())
            .saying("it was truncated, rewritten or replaced since the snapshot was taken"))
    }

    pub(super) async fn shape(&self, link: &Link, table: &TableName) -> Result<Arc<Shape>, Fault> {
        if let Some(known) = self.shapes.lock().await.get(table) {
            return Ok(Arc::clone(known));
        }
        let shape = Arc::new(Shape::ask(link, table).await?);
        self.shapes.lock().await.insert(table.clone(), Arc::clone(&shape));
        Ok(shape)
    }
}

/// Lets the session find what stands outside `pg_catalog` and must be found by name alone: the
/// operators of a key's type (`citext` compares otherwise than the `text` it is stored as), and
/// whatever an operator's condition calls, where the server is configured to look for it.
async fn widen_path(
    link: &Link,
    shape: &Shape,
    key: &[String],
    filtered: bool,
) -> Result<(), Fault> {
    let mut path = vec![quote::name("pg_catalog").to_string()];
    path.extend(shape.schemas_of(key).map(|schema| quote::name(schema).to_string()));
    if filtered {
        let configured = "SELECT reset_val FROM pg_settings WHERE name = 'search_path'";
        path.push(link.one::<String>(configured).await?);
    }
    if path.len() == 1 {
        return Ok(());
    }
    path.retain(|part| !part.trim().is_empty() && part != "\"\"");
    let set = "SELECT set_config('search_path', $1, true)";
    let set = link.client.query(set, &[&path.join(", ")]).await;
    set.map(drop).map_err(|error| link.fault(&error))
}
