//! The thread that owns the file.
//!
//! It is told that there is news, or asked a question; before either it writes down all the news
//! there is, in one transaction. So a burst of changes costs one transaction, and a question sees
//! all that was said before it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use protocol::fault::{Code, Fault};
use protocol::id::RunId;
use tokio::sync::oneshot;

use super::store::Store;
use crate::memory::{Memory, News};

type Question = Box<dyn FnOnce(&mut Desk) + Send>;

enum Letter {
    /// There is news in the memory. At most one of these is on its way.
    News,
    /// A question; its asker waits for the answer.
    Question(Question),
}

/// The hands of the thread. Dropping it waits until all news is written.
pub(super) struct File {
    letters: Option<mpsc::Sender<Letter>>,
    /// Whether a [`Letter::News`] is on its way.
    told: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    place: String,
}

impl File {
    /// Opens the file and starts its thread.
    ///
    /// # Errors
    /// `Code::LedgerUnusable`, when it is damaged, newer, somebody else's, or cannot be opened.
    pub(super) async fn open(path: PathBuf, memory: Memory, max: usize) -> Result<Self, Fault> {
        let (letters, inbox) = mpsc::channel();
        let (opened, answer) = oneshot::channel();
        let told = Arc::new(AtomicBool::new(false));
        let place = path.display().to_string();
        let heard = Arc::clone(&told);
        let work = move || match Desk::open(path, memory, max) {
            Ok(desk) => {
                // Whoever asked may have gone; the sender of letters is gone then, too.
                let _ = opened.send(Ok(()));
                desk.serve(&inbox, &heard);
            }
            Err(fault) => {
                let _ = opened.send(Err(fault));
            }
        };
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(work)
            .map_err(|e| Fault::new(Code::LedgerUnusable, &place).because(e))?;
        let file = Self { letters: Some(letters), told, thread: Some(thread), place };
        answer.await.unwrap_or_else(|_| Err(file.gone()))?;
        Ok(file)
    }

    /// Says that there is news. Does not wait.
    pub(super) fn tell(&self) {
        if self.told.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(letters) = &self.letters {
            // The thread ends before its letters only by a panic; the memory goes on alone.
            let _ = letters.send(Letter::News);
        }
    }

    /// Asks the file something, after all news so far was written down.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Store) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.put(|desk| desk.write_down().and_then(|()| question(&mut desk.store))).await
    }

    /// Forgets a run in the file, and what was still to be written about it.
    pub(super) async fn forget(&self, run: RunId) -> Result<(), Fault> {
        self.put(move |desk| {
            desk.backlog.retain(|news| news.run != run);
            desk.store.forget(run)
        })
        .await
    }

    async fn put<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Desk) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (tell, answer) = oneshot::channel();
        let question: Question = Box::new(move |desk| {
            // Nobody listens when the wait was given up.
            let _ = tell.send(question(desk));
        });
        let letters = self.letters.as_ref().ok_or_else(|| self.gone())?;
        letters.send(Letter::Question(question)).map_err(|_| self.gone())?;
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    fn gone(&self) -> Fault {
        Fault::new(Code::LedgerUnusable, &self.place).saying("its thread has ended")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // Without a sender, the thread reads what is left and ends.
        self.letters = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed there.
            let _ = thread.join();
        }
    }
}

/// What the thread has before it.
struct Desk {
    path: PathBuf,
    memory: Memory,
    store: Store,
    /// Which file the store has open, to notice that it was deleted.
    identity: Option<u64>,
    /// News that could not be written; it comes before all later news. One batch at most, since
    /// nothing further is taken from the memory while it lies here.
    backlog: Vec<News>,
    events_max: usize,
    /// Events written since the last pruning.
    events_written: usize,
    /// Whether the trouble was told already.
    troubled: bool,
}

impl Desk {
    fn open(path: PathBuf, memory: Memory, events_max: usize) -> Result<Self, Fault> {
        let store = Store::open(&path)?;
        let identity = identity(&path);
        Ok(Self {
            path,
            memory,
            store,
            identity,
            backlog: Vec::new(),
            events_max,
            events_written: 0,
            troubled: false,
        })
    }

    fn serve(mut self, inbox: &mpsc::Receiver<Letter>, told: &AtomicBool) {
        for letter in inbox {
            match letter {
                Letter::News => {
                    // Before the news is taken: what comes later is told again.
                    told.store(false, Ordering::Release);
                    self.write_down_or_warn();
                }
                Letter::Question(question) => question(&mut self),
            }
        }
        self.write_down_or_warn();
    }

    /// The ledger is working memory: a full disk under it is no reason to stop the run.
    fn write_down_or_warn(&mut self) {
        match self.write_down() {
            Ok(()) => self.troubled = false,
            Err(fault) => {
                if !std::mem::replace(&mut self.troubled, true) {
                    tracing::warn!(
                        error = %fault,
                        "the local ledger cannot be written; the run goes on from memory"
                    );
                }
            }
        }
    }

    fn write_down(&mut self) -> Result<(), Fault> {
        if self.identity != identity(&self.path) {
            self.begin_anew()?;
        }
        if !self.backlog.is_empty() {
            self.store.write(&self.backlog)?;
            self.backlog.clear();
        }
        let news = self.memory.take_news();
        if news.is_empty() {
            return Ok(());
        }
        if let Err(fault) = self.store.write(&news) {
            self.backlog = news;
            return Err(fault);
        }
        self.prune(&news)
    }

    /// Somebody deleted the file, as they may: all that the memory holds goes into a new one.
    fn begin_anew(&mut self) -> Result<(), Fault> {
        if let Some(folder) = self.path.parent() {
            let failed = |e| Fault::new(Code::LedgerUnusable, self.store.place()).because(e);
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        self.store.reopen(&self.path)?;
        self.identity = identity(&self.path);
        self.memory.touch_all();
        Ok(())
    }

    /// Keeps the events bounded, looking only now and then.
    fn prune(&mut self, news: &[News]) -> Result<(), Fault> {
        self.events_written += news.iter().map(|news| news.events.len()).sum::<usize>();
        if self.events_written < (self.events_max / 100).max(1) {
            return Ok(());
        }
        self.events_written = 0;
        for news in news.iter().filter(|news| !news.events.is_empty()) {
            self.store.prune(news.run, self.events_max)?;
        }
        Ok(())
    }
}

/// Something that changes when the file at a path is replaced; `None` when there is none.
fn identity(path: &Path) -> Option<u64> {
    let metadata = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    return Some(std::os::unix::fs::MetadataExt::ino(&metadata));
    // Elsewhere an open file cannot be replaced, only be there or not.
    #[cfg(not(unix))]
    return Some(u64::from(metadata.is_file()));
}
