//! Connections to read with: plain ones, or a few that all see one moment.
//!
//! SQLite has no snapshot that a second connection could be told to join. But connections that
//! begin to read while nobody commits see the same; and whether somebody did, `data_version` on
//! one more connection tells. So a few are opened, begin, and are kept if the version stood still.

use std::sync::{Arc, Mutex, PoisonError};

use protocol::fault::{Code, Fault};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::faults::Doing;
use super::link::{Link, Place};

/// Readers of one moment.
const READERS: u32 = 4;

/// How often to begin anew when somebody commits in between. After that one reader must do: one
/// is always of one moment.
const TRIES: usize = 50;

/// Where readers come from.
pub(super) struct Pool {
    place: Place,
    held: tokio::sync::OnceCell<Held>,
}

/// Readers in their transactions, and permits to take one.
struct Held {
    free: Arc<Mutex<Vec<Link>>>,
    permits: Arc<Semaphore>,
}

/// A connection on loan. Dropping it gives it back.
pub(super) struct Reader {
    pub(super) link: Link,
    home: Option<(Arc<Mutex<Vec<Link>>>, OwnedSemaphorePermit)>,
}

impl Pool {
    pub(super) fn new(place: Place) -> Self {
        Self { place, held: tokio::sync::OnceCell::new() }
    }

    /// Lets all later readers see one moment, until the pool is dropped. Again: does nothing.
    pub(super) async fn hold(&self) -> Result<(), Fault> {
        self.held.get_or_try_init(|| begin_together(&self.place)).await.map(drop)
    }

    /// A reader. Where a moment is held and all its readers are out, waits for one.
    pub(super) async fn reader(&self) -> Result<Reader, Fault> {
        let Some(held) = self.held.get() else {
            return Ok(Reader { link: Link::reading(&self.place).await?, home: None });
        };
        let gone = || Fault::new(Code::SnapshotLost, &*self.place.shown);
        let permit = Arc::clone(&held.permits)
            .acquire_owned()
            .await
            .map_err(|error| gone().because(error))?;
        let link = held.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let link = link.ok_or_else(gone)?;
        Ok(Reader { link, home: Some((Arc::clone(&held.free), permit)) })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some((free, _permit)) = &self.home {
            // Before the permit goes, so that whoever gets it finds the reader.
            free.lock().unwrap_or_else(PoisonError::into_inner).push(self.link.clone());
        }
    }
}

async fn begin_together(place: &Place) -> Result<Held, Fault> {
    let watch = Link::reading(place).await?;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(Link::reading(place).await?);
    }
    for _ in 0..TRIES {
        let before = version(&watch).await?;
        for reader in &readers {
            begin(reader).await?;
        }
        if version(&watch).await? == before {
            return Ok(Held::of(readers));
        }
        for reader in &readers {
            reader.call(Doing::Read, |c| c.execute_batch("ROLLBACK")).await?;
        }
    }
    readers.truncate(1);
    begin(&readers[0]).await?;
    Ok(Held::of(readers))
}

impl Held {
    fn of(readers: Vec<Link>) -> Self {
        let permits = Arc::new(Semaphore::new(readers.len()));
        Self { free: Arc::new(Mutex::new(readers)), permits }
    }
}

/// Changes when another connection has committed.
async fn version(watch: &Link) -> Result<i64, Fault> {
    watch.call(Doing::Read, |c| c.query_row("PRAGMA data_version", [], |row| row.get(0))).await
}

/// Begins a transaction; its first read decides what it sees.
async fn begin(reader: &Link) -> Result<(), Fault> {
    let look = "BEGIN; SELECT count(*) FROM sqlite_schema";
    reader.call(Doing::Read, move |c| c.execute_batch(look)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::scratch::Scratch;

    async fn count(pool: &Pool) -> i64 {
        let reader = pool.reader().await.unwrap();
        let count = reader
            .link
            .call(Doing::Read, |c| c.query_row("SELECT count(*) FROM t", [], |row| row.get(0)));
        count.await.unwrap()
    }

    #[tokio::test]
    async fn all_readers_of_a_held_pool_see_one_moment() {
        let scratch = Scratch::with("PRAGMA journal_mode = WAL; CREATE TABLE t (a)");
        let pool = Pool::new(scratch.place());
        assert_eq!(count(&pool).await, 0);
        pool.hold().await.unwrap();
        scratch.execute("INSERT INTO t VALUES (1)");
        pool.hold().await.unwrap();
        for _ in 0..2 * READERS {
            assert_eq!(count(&pool).await, 0);
        }
        assert_eq!(count(&Pool::new(scratch.place())).await, 1);
    }

    #[tokio::test]
    async fn whoever_finds_all_readers_out_waits_for_one() {
        let scratch = Scratch::with("CREATE TABLE t (a)");
        let pool = Pool::new(scratch.place());
        pool.hold().await.unwrap();
        let mut out = Vec::new();
        for _ in 0..READERS {
            out.push(pool.reader().await.unwrap());
        }
        let mut waiting = Box::pin(pool.reader());
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("there was none to give"),
            () = std::future::ready(()) => {}
        }
        out.pop();
        assert!(waiting.await.is_ok());
    }
}
