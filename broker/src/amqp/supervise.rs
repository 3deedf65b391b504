//! Keeps a connection: whatever goes wrong with it, all of it is thrown away and built anew.
//!
//! The driver can repair connections by itself, and gets it wrong in ways that look like silence.
//! So nothing is repaired here. Any error, the end of a stream, an acknowledgement that was not
//! taken: each ends the session, and the next one connects, declares and subscribes from the start.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::link::Why;
use super::options::Settled;

/// The longest first pause, and the longest at all.
const PAUSE_MIN: Duration = Duration::from_millis(300);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A session that lasted this long was a good one: the next pause is short again.
const GOOD: Duration = Duration::from_secs(10);

/// What lives as long as one connection does.
#[async_trait]
pub(super) trait Session: Sized + Send + Sync + 'static {
    /// What opens it.
    type Parts: Send + Sync;
    /// What only its keeper holds.
    type Work: Send;

    /// What the connection is for, in a word.
    const DUTY: &'static str;

    /// Whether there should be one at all, still.
    fn wanted(parts: &Self::Parts) -> bool;

    /// Connects, declares and subscribes.
    async fn open(parts: &Self::Parts) -> Result<(Self, Self::Work), Why>;

    /// Works until it is over, and says why it is.
    async fn last(&self, work: Self::Work) -> Why;

    /// Whether it is known to be over, although its keeper may not have noticed.
    fn over(&self) -> bool;

    /// Ends what is left of it, at once.
    fn cut(&self);

    /// What keeps a good connection from moving tasks.
    fn trouble(&self) -> Option<String>;
}

/// The place of one kept connection, whether there is one at the moment or not.
pub(super) struct Line<S>(watch::Sender<State<S>>);

enum State<S> {
    /// Nobody has needed it yet, or the first try is still under way.
    New,
    Up(Arc<S>),
    Down {
        since: Instant,
        why: Why,
    },
    /// Not wanted any more.
    Over,
}

impl<S: Session> Line<S> {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State::New))
    }

    /// The session, when there is a good one within the time.
    pub(super) async fn session(&self, until: Instant) -> Option<Arc<S>> {
        let mut state = self.0.subscribe();
        loop {
            if let Some(session) = state.borrow_and_update().good() {
                return Some(session);
            }
            timeout_at(until, state.changed()).await.ok()?.ok()?;
        }
    }

    /// The session, as [`session`](Self::session) waits for it; or, at once, why the broker is there
    /// and refuses us. `None` when neither is known within the time.
    pub(super) async fn answer(&self, until: Instant) -> Option<Result<Arc<S>, Why>> {
        let mut state = self.0.subscribe();
        loop {
            let (good, refusal) = {
                let state = state.borrow_and_update();
                (state.good(), state.refusal())
            };
            if let Some(known) = good.map(Ok).or(refusal.map(Err)) {
                return Some(known);
            }
            timeout_at(until, state.changed()).await.ok()?.ok()?;
        }
    }

    /// Why nothing moves here; `None` when all is well or nobody has tried.
    pub(super) fn trouble(&self, place: &str) -> Option<String> {
        match &*self.0.borrow() {
            State::New | State::Over => None,
            State::Up(session) => session.trouble(),
            State::Down { since, why } => {
                let (duty, seconds) = (S::DUTY, since.elapsed().as_secs());
                Some(format!("no connection for {duty} to {place} for {seconds} s: {why}"))
            }
        }
    }

    /// Returns whether that is news: a reason that holds for long is said once.
    fn down(&self, why: Why) -> bool {
        let mut news = true;
        self.0.send_modify(|state| {
            news = !matches!(state, State::Down { why: before, .. } if *before == why);
            // The time counts from the loss, not from the latest try.
            let since = match state {
                State::Down { since, .. } => *since,
                State::New | State::Up(_) | State::Over => Instant::now(),
            };
            *state = State::Down { since, why };
        });
        news
    }
}

impl<S: Session> State<S> {
    fn good(&self) -> Option<Arc<S>> {
        match self {
            Self::Up(session) if !session.over() => Some(Arc::clone(session)),
            Self::Up(_) | Self::New | Self::Down { .. } | Self::Over => None,
        }
    }

    /// Why the broker, which is there, refuses us.
    fn refusal(&self) -> Option<Why> {
        match self {
            Self::Down { why, .. } => why.is_refusal().then(|| why.clone()),
            Self::New | Self::Up(_) | Self::Over => None,
        }
    }
}

/// Keeps the line as long as it is wanted.
pub(super) async fn keep<S: Session>(line: Arc<Line<S>>, parts: S::Parts, settled: Arc<Settled>) {
    let (duty, place) = (S::DUTY, &settled.place);
    let mut failures = 0;
    while S::wanted(&parts) {
        let began = Instant::now();
        let why = match S::open(&parts).await {
            Ok((session, work)) => {
                tracing::info!(duty, place, "connected to the broker");
                let session = Arc::new(session);
                line.0.send_replace(State::Up(Arc::clone(&session)));
                let why = session.last(work).await;
                session.cut();
                why
            }
            Err(why) => why,
        };
        if !S::wanted(&parts) {
            break;
        }
        if line.down(why.clone()) {
            tracing::warn!(duty, place, error = %why, "no connection to the broker; trying on");
        } else {
            tracing::debug!(duty, place, error = %why, "still no connection to the broker");
        }
        failures = if began.elapsed() >= GOOD { 1 } else { failures + 1 };
        sleep(jittered(pause(failures))).await;
    }
    line.0.send_replace(State::Over);
}

/// Doubling with each failure, and bounded.
fn pause(failures: u32) -> Duration {
    PAUSE_MIN.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(PAUSE_MAX)
}

/// Anything up to this: those who lost a broker together must not come back together.
fn jittered(longest: Duration) -> Duration {
    let [dice, ..] = uuid::Uuid::new_v4().into_bytes();
    longest.mul_f64(f64::from(dice) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let pauses = [1, 2, 3, 6, 7, u32::MAX].map(|failures| pause(failures).as_millis());
        assert_eq!(pauses, [300, 600, 1200, 9600, 10_000, 10_000]);
        assert!((0..100).all(|_| jittered(PAUSE_MIN) <= PAUSE_MIN));
    }
}
