//! What was done to a run; and the tables that came after the first builds.

use std::collections::BTreeSet;

use protocol::fault::Fault;
use protocol::history::Entry;
use protocol::id::{RunId, WorkerId};

use super::home::Control;
use super::rows::Cells;
use super::{Param, Sql, spell, tables};
use crate::CREW_MS;

impl<S: Sql> Control<S> {
    /// The bookkeeping tables that are there, by their names without prefix. Asked once.
    pub(super) async fn there(&mut self) -> Result<&BTreeSet<String>, Fault> {
        if self.tables.is_none() {
            let rows = self.sql.query(self.dialect.tables, &[]).await?;
            let bare = |row: Vec<Option<String>>| {
                let name = row.into_iter().next().flatten()?;
                Some(name.strip_prefix("longhaul_").map(str::to_owned).unwrap_or(name))
            };
            self.tables = Some(rows.into_iter().filter_map(bare).collect());
        }
        Ok(self.tables.get_or_insert_default())
    }

    /// The tables that are missing.
    pub(super) async fn lacks(&mut self) -> Result<Vec<&'static str>, Fault> {
        let dialect = self.dialect;
        let there = self.there().await?;
        Ok(tables::names(dialect).filter(|name| !there.contains(*name)).collect())
    }

    /// Creates what is missing.
    pub(super) async fn make_tables(&mut self) -> Result<(), Fault> {
        self.begin_durable().await?;
        let done = self.install_inside().await;
        self.end(done).await?;
        self.tables = None;
        Ok(())
    }

    /// Creates what an earlier build did not know, where the bookkeeping is there.
    pub(super) async fn catch_up(&mut self) -> Result<(), Fault> {
        if self.format().await?.is_none() || self.lacks().await?.is_empty() {
            return Ok(());
        }
        self.make_tables().await
    }

    pub(super) async fn keep_entry(&mut self, run: RunId, entry: &Entry) -> Result<(), Fault> {
        self.catch_up().await?;
        self.begin_durable().await?;
        let done = self.keep_entry_inside(run, entry).await;
        self.end(done).await
    }

    pub(super) async fn keep_entry_inside(
        &mut self,
        run: RunId,
        entry: &Entry,
    ) -> Result<(), Fault> {
        let p = self.dialect.prefix;
        let insert = format!("INSERT INTO {p}history (entry, run, body) VALUES ($1, $2, $3)");
        let body = Param::Text(spell::json(entry));
        let params = [Param::text(uuid::Uuid::now_v7()), Param::text(run), body];
        self.sql.execute(&insert, &params).await.map(drop)
    }

    pub(super) async fn entries(&mut self, run: RunId) -> Result<Vec<Entry>, Fault> {
        if self.format().await?.is_none() || !self.there().await?.contains("history") {
            return Ok(Vec::new());
        }
        let found = self.of_run("body", "history", run, "ORDER BY entry").await?;
        let mut entries: Vec<Entry> =
            found.into_iter().map(|row| Cells::of(row).json()).collect::<Result<_, _>>()?;
        entries.sort_by_key(|entry| entry.at);
        Ok(entries)
    }

    pub(super) async fn join_crew(
        &mut self,
        run: RunId,
        worker: &WorkerId,
        slots: u32,
    ) -> Result<u64, Fault> {
        self.catch_up().await?;
        self.begin().await?;
        let done = self.join_crew_inside(run, worker, slots).await;
        self.end(done).await
    }

    async fn join_crew_inside(
        &mut self,
        run: RunId,
        worker: &WorkerId,
        slots: u32,
    ) -> Result<u64, Fault> {
        let (p, now) = (self.dialect.prefix, self.dialect.now);
        let update =
            format!("UPDATE {p}crew SET slots = $1, seen = {now} WHERE run = $2 AND worker = $3");
        let (slots, run) = (Param::Int(i64::from(slots)), Param::text(run));
        let name = Param::Text(worker.0.clone());
        let known = [slots.clone(), run.clone(), name.clone()];
        if self.sql.execute(&update, &known).await? == 0 {
            let insert = format!(
                "INSERT INTO {p}crew (run, worker, slots, seen) VALUES ($1, $2, $3, {now})"
            );
            self.sql.insert_new(&insert, "run, worker", &[run.clone(), name, slots]).await?;
        }
        let select = format!(
            "SELECT CAST(coalesce(sum(slots), 0) AS {}) FROM {p}crew \
             WHERE run = $1 AND seen > {now} - {CREW_MS}",
            self.dialect.integer
        );
        Cells::of(self.sql.query(&select, &[run]).await?.pop().unwrap_or_default()).parse()
    }
}
