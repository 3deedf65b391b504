//! Questions about many tables at once: a few ways to the server and back, however many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::fault::Fault;
use protocol::plan::Bound;
use protocol::schema::TableName;

use super::connect::Link;
use super::{MySql, read, words};
use crate::{Cut, Read, bulk};

/// Tables in one statement.
const AT_ONCE: usize = 50;

impl MySql {
    /// Whether these can be read. The server looks at rights when it understands a statement; where it
    /// refuses one of many, they are asked about one by one, to know which.
    pub(super) async fn taste_all(&self, reads: &[Read]) -> Result<(), Fault> {
        let mut link = self.asking("longhaul:plan").await?;
        self.learn_careful(&mut link, reads).await?;
        let plain = |read: &&Read| read.filter.is_none() && !read.columns.is_empty();
        let (plain, mut others): (Vec<_>, Vec<_>) = reads.iter().partition(plain);
        for part in plain.chunks(AT_ONCE) {
            let first = |read: &&Read| {
                let columns = words::names(read.columns.iter().map(|(name, _)| name.as_str()));
                let table = words::table(&read.table);
                format!("SELECT COUNT(*) FROM (SELECT {columns} FROM {table} LIMIT 1) AS lh")
            };
            let each: Vec<_> = part.iter().map(first).collect();
            match link.query(&each.join(" UNION ALL ")).await {
                Ok(_) => {}
                Err(fault) if fault.named().is_some() => others.extend(part),
                Err(fault) => return Err(fault),
            }
        }
        self.idle.keep(link);
        let others: Vec<_> = others.into_iter().cloned().collect();
        bulk::taste_each(self, &others).await
    }

    /// Cuts. Which tables are too small to be cut is asked of many in one statement.
    pub(super) async fn ask_cuts(&self, cuts: &[Cut]) -> Result<Vec<Vec<Bound>>, Fault> {
        let mut link = self.asking("longhaul:cut").await?;
        let (mut large, mut unsure) = (Vec::new(), Vec::new());
        for (at, cut) in cuts.iter().enumerate().filter(|(_, cut)| !cut.key.is_empty()) {
            // What is likely to be cut need not be asked about.
            let likely = cut.about.is_some_and(|about| about / 2 > cut.rows);
            if likely || cut.filter.is_some() { large.push(at) } else { unsure.push(at) }
        }
        for part in unsure.chunks(AT_ONCE) {
            let more = |at: &usize| {
                let (table, rows) = (words::table(&cuts[*at].table), cuts[*at].rows);
                format!("(SELECT {at} FROM {table} LIMIT 1 OFFSET {rows})")
            };
            let each: Vec<_> = part.iter().map(more).collect();
            let found = link.query(&each.join(" UNION ALL ")).await?;
            let at = |cell: Option<String>| cell?.parse::<usize>().ok();
            large.extend(found.into_iter().flatten().filter_map(at));
        }
        self.idle.keep(link);
        let mut bounds = vec![Vec::new(); cuts.len()];
        let asked: Vec<_> = large.iter().map(|at| cuts[*at].clone()).collect();
        for (at, found) in large.into_iter().zip(bulk::cut_each(self, &asked).await?) {
            bounds[at] = found;
        }
        Ok(bounds)
    }

    /// Which of these tables hold rows.
    pub(super) async fn ask_rows_of(&self, tables: &[TableName]) -> Result<Vec<bool>, Fault> {
        let mut link = self.asking("longhaul:rows").await?;
        let mut hold = Vec::with_capacity(tables.len());
        for part in tables.chunks(AT_ONCE) {
            let any = |table: &TableName| {
                format!("EXISTS (SELECT 1 FROM {} LIMIT 1)", words::table(table))
            };
            let each: Vec<_> = part.iter().map(any).collect();
            let found = link.query(&format!("SELECT {}", each.join(", "))).await?;
            hold.extend(found.into_iter().flatten().map(|cell| cell.as_deref() == Some("1")));
        }
        self.idle.keep(link);
        Ok(hold)
    }

    /// Learns which texts of these tables are selected with care.
    async fn learn_careful(&self, link: &mut Link, reads: &[Read]) -> Result<(), Fault> {
        let mut known = self.careful.lock().await;
        let unknown: Vec<_> = reads
            .iter()
            .map(|read| &read.table)
            .filter(|name| !known.contains_key(*name))
            .collect();
        if unknown.len() < 2 {
            return Ok(());
        }
        let mut all: BTreeMap<String, BTreeSet<String>> = read::careful_of_all(link).await?;
        for table in unknown {
            let careful = Arc::new(all.remove(&table.name).unwrap_or_default());
            known.insert(table.clone(), careful);
        }
        drop(known);
        Ok(())
    }
}
