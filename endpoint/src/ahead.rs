//! Batches on their way from a thread or task that reads to whoever takes them.
//!
//! A reader fills a batch only when it was asked for one: so no more batches are in memory than
//! [`crate::Rows`] promises, however large a single row is. The end of rows is said, and never taken
//! from silence: a reader that panicked, or whose task was dropped, gave only the beginning of a range.

use protocol::batch::Batch;
use protocol::fault::{Code, Fault};
use tokio::sync::mpsc;

/// The end at which batches are asked for and taken.
pub(crate) struct Taker {
    asks: mpsc::UnboundedSender<()>,
    batches: mpsc::Receiver<Given>,
    /// Whether a batch was asked for and not yet taken.
    asked: bool,
    /// The end was said.
    over: bool,
}

/// A batch; the end; or why there is neither.
type Given = Result<Option<Batch>, Fault>;

/// The end at which they are filled.
pub(crate) struct Giver {
    asks: mpsc::UnboundedReceiver<()>,
    batches: mpsc::Sender<Given>,
}

/// Both ends. The first batch is asked for already.
pub(crate) fn ends() -> (Taker, Giver) {
    let (ask, asks) = mpsc::unbounded_channel();
    let (sender, batches) = mpsc::channel(1);
    let mut taker = Taker { asks: ask, batches, asked: false, over: false };
    taker.ask();
    (taker, Giver { asks, batches: sender })
}

impl Taker {
    /// Asks for a batch, unless one is on its way. Whether one is now.
    pub(crate) fn ask(&mut self) -> bool {
        // Never more than one ask waits. A reader that is gone has nothing more to give.
        self.asked = self.asked || self.asks.send(()).is_ok();
        self.asked
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// What the reader met; `Code::Panicked` when it is gone without a word.
    pub(crate) async fn take(&mut self) -> Result<Option<Batch>, Fault> {
        if self.over {
            return Ok(None);
        }
        self.ask();
        let given = self.batches.recv().await;
        self.asked = false;
        let Some(given) = given else {
            return Err(Fault::new(Code::Panicked, "a read")
                .saying("the reader was gone before the end of the rows"));
        };
        self.over = matches!(given, Ok(None));
        given
    }
}

impl Giver {
    /// Waits until a batch is asked for. False when nobody will.
    pub(crate) async fn asked(&mut self) -> bool {
        self.asks.recv().await.is_some()
    }

    /// The same, on a thread that may wait.
    pub(crate) fn asked_blocking(&mut self) -> bool {
        self.asks.blocking_recv().is_some()
    }

    /// Gives what was asked for, the end, or why there is neither.
    pub(crate) async fn give(&self, batch: Given) {
        let _ = self.batches.send(batch).await;
    }

    /// The same, on a thread that may wait.
    pub(crate) fn give_blocking(&self, batch: Given) {
        let _ = self.batches.blocking_send(batch);
    }

    /// Where a fault goes when the giver itself is lost with its thread.
    pub(crate) fn faults(&self) -> mpsc::Sender<Given> {
        self.batches.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_batch_is_filled_only_when_it_was_asked_for() {
        let (mut taker, mut giver) = ends();
        let filled = Arc::new(AtomicUsize::new(0));
        let counts = filled.clone();
        let reader = tokio::spawn(async move {
            while giver.asked().await {
                counts.fetch_add(1, Ordering::SeqCst);
                giver.give(Ok(Some(Batch::default()))).await;
            }
        });
        // On this runtime the reader goes as far as it can whenever this task gives way.
        let so_far = async || {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            filled.load(Ordering::SeqCst)
        };
        assert_eq!(so_far().await, 1, "the first, and no other");
        taker.take().await.unwrap().unwrap();
        assert_eq!(so_far().await, 1);
        assert!(taker.ask() && taker.ask(), "it is on its way");
        assert_eq!(so_far().await, 2, "one ahead, however often it is asked for");
        taker.take().await.unwrap().unwrap();
        taker.take().await.unwrap().unwrap();
        assert_eq!(so_far().await, 3);
        drop(taker);
        reader.await.unwrap();
    }

    #[tokio::test]
    async fn the_end_and_a_fault_come_without_being_asked_for() {
        let (mut taker, giver) = ends();
        let fault = Fault::new(protocol::fault::Code::Unreachable, "there");
        giver.give(Err(fault)).await;
        taker.take().await.unwrap_err();
        giver.give(Ok(None)).await;
        drop(giver);
        assert!(!taker.ask(), "nobody fills it");
        for _ in 0..2 {
            assert_eq!(taker.take().await.unwrap(), None);
        }
    }

    /// Else the rows that it did not give would be missing, and nobody would know.
    #[tokio::test]
    async fn a_reader_that_is_gone_without_a_word_is_no_end() {
        let (mut taker, mut giver) = ends();
        let reader = tokio::spawn(async move {
            giver.asked().await;
            giver.give(Ok(Some(Batch::default()))).await;
            giver.asked().await;
            let absurd: usize = "18446744073709551615".parse().unwrap();
            drop(Vec::<u64>::with_capacity(absurd));
        });
        assert!(taker.take().await.unwrap().is_some());
        assert_eq!(taker.take().await.unwrap_err().code(), Code::Panicked);
        reader.await.unwrap_err();
    }
}
