//! Waiting for what does not tell by itself: a process that ends, a server that lets somebody in.
//! It is looked at again and again, and never waited for without a bound.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often it is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within the bound, saying what was waited for.
pub(crate) async fn until<T>(
    what: &str,
    bound: Duration,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + bound;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited {} s for {what}", bound.as_secs());
        sleep(LOOK).await;
    }
}

/// Asks until there is an answer, at most so long, where nothing else is to be done meanwhile: at
/// the beginning of a test, or as a server is dropped.
pub fn block_until<T>(bound: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = std::time::Instant::now() + bound;
    loop {
        let answer = ask();
        if answer.is_some() || std::time::Instant::now() > end {
            return answer;
        }
        std::thread::sleep(LOOK);
    }
}
