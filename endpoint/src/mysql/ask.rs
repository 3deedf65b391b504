//! What is asked of a database besides its rows: who it is, whether it changed, what may be done.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, RunId};
use protocol::plan::{Bound, Entity};
use protocol::receipt::Outcome;
use protocol::schema::{Catalogue, Logical, TableName};

use super::connect::{Duty, Link, lock_name};
use super::read::{self, Reader, Select, Stream};
use super::{MySql, introspect, range, rights, stamp, way, words};
use crate::{Cut, Read, Rows};

/// Everywhere the same words; a server is where its data are.
const IDENTITY: &str =
    "SELECT CONCAT_WS('/', @@hostname, @@port, @@datadir, @@server_id, DATABASE())";

/// Sessions of this user: all that a user without further rights sees.
const BY_USER: &str = "SELECT COUNT(*) FROM information_schema.processlist \
     WHERE user = SUBSTRING_INDEX(USER(), '@', 1)";

/// The statement that stands in a moment. The isolation is of the next transaction only.
const HOLD: [&str; 2] = [
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT",
];

/// Tables that keep no transactions, with their engines.
const WITHOUT_TRANSACTIONS: &str = "SELECT table_name, engine FROM information_schema.tables \
     WHERE table_schema = DATABASE() AND engine <> 'InnoDB'";

/// Of which sessions the labels are known: a number is given out again only when the server starts
/// anew, and then the port of the other end is another.
const SEEN: &str = "SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()";

impl MySql {
    pub(super) async fn ask_server(&self) -> Result<String, Fault> {
        let mut link = self.door.open("longhaul:version", Duty::Read).await?;
        let version = link.one("SELECT VERSION()").await?.unwrap_or_default();
        let kind = if version.contains("MariaDB") { "MariaDB" } else { "MySQL" };
        let number = version.split('-').next().unwrap_or_default();
        Ok(format!("{kind} {number}"))
    }

    pub(super) async fn ask_identity(&self) -> Result<String, Fault> {
        let mut link = self.asking("longhaul:identity").await?;
        let identity = link.one(IDENTITY).await?.unwrap_or_default();
        self.idle.keep(link);
        Ok(format!("mysql/{identity}"))
    }

    /// What the server and the user's own limit leave, and the connection that asks, which is free again
    /// then.
    pub(super) async fn ask_at_work(
        &self,
        run: RunId,
        chunks: &[ChunkId],
    ) -> Result<Vec<ChunkId>, Fault> {
        if chunks.is_empty() {
            return Ok(Vec::new());
        }
        let mut link = self.door.open("longhaul:look", Duty::Read).await?;
        // A receipt that is not committed shows to who reads what is dirty, and is open to nobody else.
        link.run("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED").await?;
        let ids = chunks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let open = words::literal(Outcome::Open.as_str());
        let run_of = words::literal(&run.to_string());
        let receipts = format!(
            "SELECT chunk FROM longhaul_receipt WHERE run = {run_of} AND chunk IN ({ids}) AND outcome = {open}"
        );
        let rows = link.query(&receipts).await?;
        let named = rows.into_iter().flatten().flatten();
        let mut busy: BTreeSet<ChunkId> =
            named.filter_map(|id| id.parse().ok().map(ChunkId)).collect();
        // A step has no receipt before its end, and a lock from its beginning.
        let lock = |chunk: &ChunkId| {
            format!("IS_USED_LOCK({})", lock_name(&format!("longhaul:{run}:{chunk}")))
        };
        let locks: Vec<_> = chunks.iter().map(lock).collect();
        let used = link.query(&format!("SELECT {}", locks.join(", "))).await?;
        let used = chunks.iter().zip(used.into_iter().flatten());
        busy.extend(used.filter(|(_, holder)| holder.is_some()).map(|(chunk, _)| *chunk));
        Ok(busy.into_iter().collect())
    }

    pub(super) async fn ask_connections_free(&self) -> Result<u64, Fault> {
        let mut link = self.door.open("longhaul:room", Duty::Read).await?;
        let number = |cell: Option<String>| cell.and_then(|cell| cell.parse::<u64>().ok());
        let most = number(link.one("SELECT @@max_connections").await?).unwrap_or(u64::MAX);
        let row = link.query("SHOW GLOBAL STATUS LIKE 'Threads_connected'").await?.pop();
        let taken = number(row.and_then(|mut row| row.pop().flatten())).unwrap_or(0);
        let of_user = number(link.one("SELECT @@max_user_connections").await?).unwrap_or(0);
        let by_user = number(link.one(BY_USER).await?).unwrap_or(0);
        let left = if of_user == 0 { u64::MAX } else { of_user.saturating_sub(by_user) };
        Ok(most.saturating_sub(taken).min(left).saturating_add(1))
    }

    pub(super) async fn ask_catalogue(&self) -> Result<Catalogue, Fault> {
        // Catalogues show the present, whoever asks.
        let mut link = self.asking("longhaul:catalogue").await?;
        let catalogue = introspect::catalogue(&mut link).await?;
        self.idle.keep(link);
        Ok(catalogue)
    }

    /// The server shows a user only what the user has a right to, and says nothing of the rest.
    pub(super) async fn ask_hides(&self) -> Result<Option<String>, Fault> {
        let mut link = self.asking("longhaul:rights").await?;
        let database = link.one("SELECT DATABASE()").await?.unwrap_or_default();
        let grants = rights::grants(&mut link).await?;
        self.idle.keep(link);
        Ok((!rights::reads_all(&grants, &database)).then(|| rights::HIDDEN.to_owned()))
    }

    pub(super) async fn take_hold(&self) -> Result<(), Fault> {
        let mut held = self.held.lock().await;
        if let Some(link) = held.as_mut()
            && link.lives().await
        {
            return Ok(());
        }
        // What is gone leaves its place empty until there is another: reads must not see now.
        *held = None;
        let mut link = self.door.open("longhaul:snapshot", Duty::Read).await?;
        for statement in HOLD {
            link.run(statement).await?;
        }
        *held = Some(link);
        self.holds.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(super) async fn ask_counters(&self, tables: &[TableName]) -> Result<String, Fault> {
        let mut link = self.asking("longhaul:counters").await?;
        let counters = stamp::take(&mut link, tables).await?;
        self.idle.keep(link);
        Ok(counters)
    }

    /// A connection that sees what is to be read.
    async fn reader(&self, label: &str) -> Result<Reader, Fault> {
        if self.holds.load(Ordering::Relaxed) {
            return Ok(Reader::Held(Arc::clone(&self.held).lock_owned().await));
        }
        Ok(Reader::Own(self.asking(label).await?, self.idle.clone()))
    }

    pub(super) async fn ask_cut(&self, cut: &Cut) -> Result<Vec<Bound>, Fault> {
        let mut reader = self.reader("longhaul:cut").await?;
        let bounds = range::cut(reader.link()?, cut).await;
        let bounds =
            bounds.map_err(|fault| read::blame(reader.broke(fault), cut.filter.is_some()))?;
        reader.rest();
        Ok(bounds)
    }

    pub(super) async fn begin_read(&self, wanted: &Read) -> Result<Box<dyn Rows>, Fault> {
        let mut reader = self.reader(&wanted.label).await?;
        let careful = self.careful(reader.link()?, &wanted.table).await;
        let careful = careful.map_err(|fault| reader.broke(fault))?;
        let select = Select::range(wanted, &careful)?;
        Ok(Box::new(Stream::open(reader, select).await?))
    }

    /// Which texts of a table are selected with care; asked once.
    pub(super) async fn careful(
        &self,
        link: &mut Link,
        table: &TableName,
    ) -> Result<Arc<BTreeSet<String>>, Fault> {
        let mut known = self.careful.lock().await;
        if let Some(careful) = known.get(table) {
            return Ok(Arc::clone(careful));
        }
        let careful = Arc::new(read::careful(link, table).await?);
        known.insert(table.clone(), Arc::clone(&careful));
        Ok(careful)
    }

    pub(super) async fn begin_read_back(
        &self,
        entity: &Entity,
        index: u32,
        of: u32,
        batch_bytes: usize,
    ) -> Result<Box<dyn Rows>, Fault> {
        let label = format!("longhaul:verify:{}:{index}", entity.id);
        let mut link = self.asking(&label).await?;
        let rows = range::slice(&mut link, entity, index, of).await?;
        let columns = entity.columns.iter().map(|c| (c.target.as_str(), &c.to));
        let select = Select {
            // Whatever it is that was written there, the server took it for text.
            sql: format!(
                "{}{}",
                read::select(&entity.target, columns, &BTreeSet::new()),
                rows.sql()
            ),
            careful: Vec::new(),
            columns: entity.columns.iter().map(|c| c.to.clone()).collect::<Vec<Logical>>(),
            batch_bytes,
            filtered: false,
        };
        Ok(Box::new(Stream::open(Reader::Own(link, self.idle.clone()), select).await?))
    }

    pub(super) async fn ask_rows(&self, table: &TableName) -> Result<bool, Fault> {
        let tables = std::slice::from_ref(table);
        Ok(self.ask_rows_of(tables).await?.first().copied().unwrap_or(false))
    }

    pub(super) async fn ask_count(&self, table: &TableName, at_most: u64) -> Result<u64, Fault> {
        let mut link = self.asking("longhaul:rows").await?;
        let rows = format!("SELECT 1 FROM {} LIMIT {at_most}", words::table(table));
        let count = link.one(&format!("SELECT count(*) FROM ({rows}) AS counted")).await?;
        self.idle.keep(link);
        Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Tables that are there must keep transactions. Of rights the server says nothing before they
    /// are used.
    pub(super) async fn ask_rights(&self, entities: &[&Entity]) -> Result<(), Fault> {
        if entities.iter().all(|entity| entity.new) {
            return Ok(());
        }
        let mut link = self.asking("longhaul:rights").await?;
        let others = link.query(WITHOUT_TRANSACTIONS).await?;
        self.idle.keep(link);
        let folds = self.met.folds_case;
        let same =
            |one: &str, other: &str| one == other || folds && one.eq_ignore_ascii_case(other);
        for mut cells in others {
            let engine = cells.pop().flatten().unwrap_or_default();
            let name = cells.pop().flatten().unwrap_or_default();
            let meant = |entity: &&&Entity| !entity.new && same(&entity.target.name, &name);
            if let Some(entity) = entities.iter().find(meant) {
                return Err(way::no_transactions(&entity.target, &engine));
            }
        }
        Ok(())
    }

    /// Ends what others do under a label that begins so.
    pub(super) async fn ask_end(&self, label: &str) -> Result<u64, Fault> {
        let mut link = self.asking("longhaul:end").await?;
        let begins = words::literal(label);
        let found = link
            .query(&format!(
                "SELECT s.id FROM longhaul_session AS s \
                 JOIN information_schema.processlist AS p ON p.id = s.id AND p.host = s.seen \
                 WHERE LEFT(s.label, CHAR_LENGTH({begins})) = {begins} AND s.id <> CONNECTION_ID()"
            ))
            .await?;
        let mut ended = 0;
        for id in found.into_iter().flatten().flatten() {
            match link.run(&format!("KILL CONNECTION {id}")).await {
                Ok(()) => ended += 1,
                // It ended by itself meanwhile: no such thread.
                Err(fault) if fault.named().is_some_and(|native| native.code == "1094") => {}
                Err(fault) => return Err(fault),
            }
        }
        self.idle.keep(link);
        Ok(ended)
    }
}

/// Notes under which label a session goes, so that others can end it. The server's own list knows no
/// labels.
pub(super) async fn tell_label(link: &mut Link, label: &str) -> Result<(), Fault> {
    let seen = link.one(SEEN).await?.unwrap_or_default();
    let run = label.split(':').nth(1).unwrap_or_default();
    let (run, label, seen) = (words::literal(run), words::literal(label), words::literal(&seen));
    let id = link.id();
    let insert = format!(
        "INSERT INTO longhaul_session (run, id, label, seen) VALUES ({run}, {id}, {label}, {seen}) \
         ON DUPLICATE KEY UPDATE run = {run}, label = {label}, seen = {seen}"
    );
    match link.run(&insert).await {
        // Nothing was installed yet, and so there is nothing that it could sit on.
        Err(fault) if fault.code() == Code::Refused => Ok(()),
        done => done,
    }
}
