//! What receipts cost: where the slots' time goes in one run, from the points that they pass.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longhaul::Probes;
use tokio::time::Instant;
use worker::Point;

use super::school;
use super::world::World;
use crate::scratch::Folder;

/// The time of all chunks that copied rows.
#[derive(Debug, Default, Clone, Copy)]
pub struct Cost {
    /// How many there were.
    pub chunks: u32,
    /// From the claim until the ledger was told.
    pub whole: Duration,
    /// From the first batch in hand until the receipt was open: the gate, the run's state, the
    /// receipt's insertion, and where there was none yet, the connection.
    pub open: Duration,
    /// The receipt's completion.
    pub complete: Duration,
    /// The commit, of rows and receipt.
    pub commit: Duration,
}

impl Cost {
    /// Bookkeeping as a part of the whole. The commit counts in full, though rows alone would need
    /// one, too.
    pub fn share(&self) -> f64 {
        let kept = self.open + self.complete + self.commit;
        kept.as_secs_f64() / self.whole.as_secs_f64()
    }
}

/// Whoever passes points is a slot, and has a task of its own.
type Slots = HashMap<Option<tokio::task::Id>, HashMap<Point, Instant>>;

/// Moves the entries of a world in this process, and measures. The way to the databases has no wire
/// between.
///
/// # Panics
/// When that does not succeed.
pub async fn cost(world: &World) -> Cost {
    let (folder, database) = (Folder::new(), "cost");
    school::target(&world.target, database).await;
    let url = |port, name| format!("postgres://postgres@127.0.0.1:{port}/{name}");
    let file = folder.path().join("cost.yaml");
    let migration = format!(
        "name: cost\nenvironments:\n  old: {{ url: \"{}\" }}\n  new: {{ url: \"{}\" }}\n\
         from: old\nto: new\nentities: [entry]\n",
        url(world.source.port(), school::SOURCE),
        url(world.target.port(), database),
    );
    std::fs::write(&file, migration).expect("the folder is writable");
    let kept = Arc::new(Mutex::new((Slots::new(), Cost::default())));
    let noted = kept.clone();
    let worker: worker::Probe = Arc::new(move |point| {
        let now = Instant::now();
        let mut kept = noted.lock().unwrap_or_else(PoisonError::into_inner);
        let (slots, cost) = &mut *kept;
        let passed = slots.entry(tokio::task::try_id()).or_default();
        if point == Point::Claimed {
            passed.clear();
        }
        passed.insert(point, now);
        if point == Point::Recorded {
            add(cost, passed);
        }
    });
    let probes = Probes { worker, ..Probes::default() };
    let arguments = ["longhaul", "run", "--progress", "plain"].map(Into::into);
    let arguments = arguments.into_iter().chain([file.as_os_str().to_owned()]);
    let code = longhaul::run(arguments, probes).await;
    assert_eq!(code, 0, "the run succeeds");
    kept.lock().unwrap_or_else(PoisonError::into_inner).1
}

/// Adds a chunk, if it copied rows: nothing else is counted by a target, and read before it begins.
fn add(cost: &mut Cost, passed: &HashMap<Point, Instant>) {
    let between = |from, to| Some(passed.get(&to)?.duration_since(*passed.get(&from)?));
    let (Some(open), Some(complete), Some(commit), Some(whole)) = (
        between(Point::Read, Point::Begun),
        between(Point::Finished, Point::Completed),
        between(Point::Completed, Point::Committed),
        between(Point::Claimed, Point::Recorded),
    ) else {
        return;
    };
    cost.chunks += 1;
    cost.open += open;
    cost.complete += complete;
    cost.commit += commit;
    cost.whole += whole;
}
