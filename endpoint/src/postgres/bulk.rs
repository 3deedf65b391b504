//! Questions about many tables at once: a few ways to the server and back, however many there are.

use std::sync::Arc;

use futures_util::future::join_all;
use protocol::fault::Fault;
use protocol::plan::Bound;
use protocol::schema::TableName;

use super::Postgres;
use super::connect::Link;
use super::range::Shape;
use crate::sql::quote;
use crate::{Cut, Read, bulk};

/// Tables in one statement, or statements sent at once: each table takes a lock, of which a server
/// has some thousands for all.
const AT_ONCE: usize = 100;

impl Postgres {
    /// Whether these can be read. The server looks at rights and policies when it is asked how it would
    /// read; a condition is understood only where it is carried out.
    pub(super) async fn taste_all(&self, reads: &[Read]) -> Result<(), Fault> {
        let link = self.asking("longhaul:plan").await?;
        self.learn_shapes(&link, reads.iter().map(|read| &read.table)).await?;
        let (mut plain, mut others) = (Vec::new(), Vec::new());
        for read in reads {
            let shape = self.shape(&link, &read.table).await.map_err(|f| f.within(&read.table))?;
            if read.filter.is_some() || shape.partitioned() {
                others.push(read.clone());
            } else {
                plain.push((read, shape));
            }
        }
        for part in plain.chunks(AT_ONCE) {
            let mut asked = Vec::with_capacity(part.len());
            for (read, shape) in part {
                asked.push(explain(&link, read, shape));
            }
            join_all(asked).await.into_iter().collect::<Result<(), Fault>>()?;
        }
        link.done();
        bulk::taste_each(self, &others).await
    }

    /// Cuts. Which tables are too small to be cut is asked of many in one statement.
    pub(super) async fn ask_cuts(&self, cuts: &[Cut]) -> Result<Vec<Vec<Bound>>, Fault> {
        let link = self.asking("longhaul:cut").await?;
        self.learn_shapes(&link, cuts.iter().map(|cut| &cut.table)).await?;
        let mut large = Vec::new();
        let mut unsure = Vec::new();
        for (at, cut) in cuts.iter().enumerate().filter(|(_, cut)| !cut.key.is_empty()) {
            // What is likely to be cut need not be asked about.
            let likely = cut.about.is_some_and(|about| about / 2 > cut.rows);
            if likely || cut.filter.is_some() { large.push(at) } else { unsure.push(at) }
        }
        for part in unsure.chunks(AT_ONCE) {
            let mut asks = Vec::new();
            for at in part {
                let cut = &cuts[*at];
                let shape =
                    self.shape(&link, &cut.table).await.map_err(|f| f.within(&cut.table))?;
                let rows = cut.rows.min(i64::MAX.unsigned_abs());
                let from = shape.from(&cut.table);
                asks.push(format!(
                    "SELECT {at}::bigint WHERE EXISTS (SELECT FROM {from} LIMIT 1 OFFSET {rows})"
                ));
            }
            let found = link.query(&asks.join(" UNION ALL ")).await?;
            large.extend(found.iter().filter_map(|row| usize::try_from(row.get::<_, i64>(0)).ok()));
        }
        link.done();
        let mut bounds = vec![Vec::new(); cuts.len()];
        let asked: Vec<_> = large.iter().map(|at| cuts[*at].clone()).collect();
        for (at, found) in large.into_iter().zip(bulk::cut_each(self, &asked).await?) {
            bounds[at] = found;
        }
        Ok(bounds)
    }

    /// Which of these tables hold rows.
    pub(super) async fn ask_rows_of(&self, tables: &[TableName]) -> Result<Vec<bool>, Fault> {
        let link = self.asking("longhaul:rows").await?;
        let mut hold = Vec::with_capacity(tables.len());
        for part in tables.chunks(AT_ONCE) {
            let shapes = Shape::ask_all(&link, &part.iter().collect::<Vec<_>>()).await?;
            let any = |table: &TableName| {
                // Rows of tables that inherit from it are not its own.
                let shape = shapes.iter().find(|(name, _)| name == table);
                let whole = || quote::table(table).to_string();
                let from = shape.map_or_else(whole, |(_, shape)| shape.from(table));
                format!("EXISTS (SELECT FROM {from} LIMIT 1)")
            };
            let each: Vec<_> = part.iter().map(any).collect();
            let ask = format!("SELECT ARRAY[{}]", each.join(", "));
            hold.extend(link.one::<Vec<bool>>(&ask).await?);
        }
        link.done();
        Ok(hold)
    }

    /// Learns of these tables what must be known before they are read.
    async fn learn_shapes(
        &self,
        link: &Link,
        tables: impl Iterator<Item = &TableName>,
    ) -> Result<(), Fault> {
        let mut known = self.shapes.lock().await;
        let unknown: Vec<_> = tables.filter(|table| !known.contains_key(*table)).collect();
        if unknown.len() < 2 {
            return Ok(());
        }
        known.extend(Shape::ask_all(link, &unknown).await?);
        drop(known);
        Ok(())
    }
}

/// Lets the server say how it would read these columns. It refuses what the user may not read.
async fn explain(link: &Link, read: &Read, shape: &Arc<Shape>) -> Result<(), Fault> {
    let columns = quote::names(read.columns.iter().map(|(name, _)| name.as_str()));
    let ask = format!("EXPLAIN (COSTS OFF) SELECT {columns} FROM {}", shape.from(&read.table));
    link.batch(&ask).await.map_err(|fault| fault.within(&read.table))
}
