//! The one connection on which everything is asked, made again whenever it broke.
//!
//! # Promises
//! 1. Every call ends within [`CONNECT`] + [`ANSWER`], whatever the server does.
//! 2. While the server is known to be away, calls fail at once; every so often one of them tries
//!    whether it is back. So workers are not slowed by waiting for it.
//! 3. A call is never made twice. One that failed may still have been carried out.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::fault::{Code, Fault};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError,
    RedisResult, ScriptInvocation, ServerErrorKind,
};
use tokio::time::{Instant, timeout};

use super::dial;

/// How long a connection may take to be made. The driver's own bound is shorter, and a machine
/// under load or a server that forks would look dead.
pub(super) const CONNECT: Duration = Duration::from_millis(1500);

/// How long an answer may take.
pub(super) const ANSWER: Duration = Duration::from_secs(2);

/// How long nobody tries after the first failure; doubled with each, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The connection, when there is one.
pub(super) struct Link {
    client: Client,
    place: String,
    /// With a number, so that of two who found it broken only one throws it away.
    open: tokio::sync::Mutex<Option<(u64, MultiplexedConnection)>>,
    away: Mutex<Away>,
}

/// What is known of the server's absence.
#[derive(Default)]
struct Away {
    failures: u32,
    /// Nobody tries before.
    until: Option<Instant>,
    trouble: Option<Trouble>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    code: Code,
    said: String,
    next: &'static str,
}

impl Link {
    pub(super) fn new(client: Client, place: String) -> Self {
        Self { client, place, open: tokio::sync::Mutex::default(), away: Mutex::default() }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Fault> {
        let (number, mut connection) = self.connection().await?;
        let answer = timeout(ANSWER, script.invoke_async(&mut connection)).await;
        self.judge(number, answer.unwrap_or_else(|_| Err(silent()))).await
    }

    /// Asks several things in one go.
    pub(super) async fn ask<T: FromRedisValue>(&self, questions: &Pipeline) -> Result<T, Fault> {
        let (number, mut connection) = self.connection().await?;
        let answer = timeout(ANSWER, questions.query_async(&mut connection)).await;
        self.judge(number, answer.unwrap_or_else(|_| Err(silent()))).await
    }

    /// Asks one thing. Of a refusal it learns the code, which a refusal among several does not tell.
    pub(super) async fn ask_one<T: FromRedisValue>(&self, question: &Cmd) -> Result<T, Fault> {
        let (number, mut connection) = self.connection().await?;
        let answer = timeout(ANSWER, question.query_async(&mut connection)).await;
        self.judge(number, answer.unwrap_or_else(|_| Err(silent()))).await
    }

    /// No panic can leave it half changed, so poison means nothing here.
    fn away(&self) -> MutexGuard<'_, Away> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, trouble: &Trouble) -> Fault {
        Fault::new(trouble.code, &self.place).saying(&trouble.said).next(trouble.next)
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), Fault> {
        let trying = self.may_try()?;
        let mut open = self.open.lock().await;
        if let Some((number, connection)) = &*open {
            return Ok((*number, connection.clone()));
        }
        if !trying {
            // Whoever was before us at the lock may have found nobody there.
            self.may_try()?;
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER));
        let connecting = dial::connect(&self.client, config);
        match timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(silent())) {
            Ok(connection) => {
                let number = fresh_number();
                *open = Some((number, connection.clone()));
                Ok((number, connection))
            }
            Err(error) => Err(self.gone(trouble(&error))),
        }
    }

    /// Fails at once while the server is away and nobody is to try. Returns whether this call is
    /// the one that tries.
    fn may_try(&self) -> Result<bool, Fault> {
        let mut away = self.away();
        let Some(until) = away.until else { return Ok(false) };
        if let Some(trouble) = away.trouble.as_ref().filter(|_| Instant::now() < until) {
            return Err(self.fault(trouble));
        }
        // This one tries; the others go on failing until it knows.
        away.until = Some(Instant::now() + CONNECT + ANSWER);
        Ok(true)
    }

    /// Remembers that the server is away.
    fn gone(&self, trouble: Trouble) -> Fault {
        let fault = self.fault(&trouble);
        let mut away = self.away();
        let pause = PAUSE.saturating_mul(1 << away.failures.min(8)).min(PAUSE_MAX);
        away.failures = away.failures.saturating_add(1);
        away.until = Some(Instant::now() + pause);
        away.trouble = Some(trouble);
        fault
    }

    async fn judge<T>(&self, number: u64, answer: RedisResult<T>) -> Result<T, Fault> {
        let error = match answer {
            Ok(answer) => {
                *self.away() = Away::default();
                return Ok(answer);
            }
            Err(error) => error,
        };
        let trouble = trouble(&error);
        if error.is_io_error() || error.is_unrecoverable_error() || is_demoted(&error) {
            let mut open = self.open.lock().await;
            open.take_if(|(known, _)| *known == number);
        }
        // A silent server is away for everybody. A connection that was cut says nothing about the
        // next one, and an error that the server answered with was quick.
        if error.is_timeout() {
            return Err(self.gone(trouble));
        }
        *self.away() = Away::default();
        Err(self.fault(&trouble))
    }
}

/// A number that no other connection of this process has.
fn fresh_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// Our own time limit, in the driver's form.
fn silent() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

/// After a failover the name may lead elsewhere.
fn is_demoted(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// What is forbidden to us in a script has, in Redis 7, no code of its own.
fn is_forbidden_in_script(error: &RedisError) -> bool {
    error.detail().is_some_and(|said| {
        said.contains("The user executing the script can't")
            || said.contains("ACL failure in script")
    })
}

/// What an error comes to. The server's own words may quote keys and values; only its code is kept.
fn trouble(error: &RedisError) -> Trouble {
    const BACK: &str = "Nothing to do for the run, which goes on without it; see why it is away.";
    const LOGIN: &str = "Correct user and password of the ledger, under `fleet: { ledger: … }`.";
    const RIGHTS: &str = "Give the user of the ledger all commands on the keys `longhaul:*`.";
    let away = |said: &str| (Code::Unreachable, said.to_owned(), BACK);
    let unusable = |said: &str, next| (Code::LedgerUnusable, said.to_owned(), next);
    let refused = |said: &str| (Code::LoginRefused, said.to_owned(), LOGIN);
    let forbidden = || {
        let said = "a command or a key is forbidden (NOPERM)".to_owned();
        (Code::RightsMissing, said, RIGHTS)
    };
    let (code, said, next) = if error.is_timeout() {
        away("no answer in time")
    } else if error.is_connection_refusal() {
        away("nobody listens there")
    } else if error.is_io_error() {
        away("the connection broke")
    } else if error.kind() == ErrorKind::AuthenticationFailed {
        refused("wrong user or password")
    } else {
        match error.code() {
            Some(code @ ("LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN")) => {
                away(&format!("it is not ready ({code})"))
            }
            Some("OOM") => unusable(
                "it is out of memory (OOM)",
                "Raise its `maxmemory`; the run goes on without it.",
            ),
            Some("READONLY") => unusable(
                "it is a replica and takes no changes (READONLY)",
                "Name the primary; the run goes on without it.",
            ),
            Some("MISCONF") => unusable(
                "it cannot save to its disk and takes no changes (MISCONF)",
                "See its log; the run goes on without it.",
            ),
            Some(code @ ("NOAUTH" | "WRONGPASS")) => {
                refused(&format!("wrong user or password ({code})"))
            }
            Some("NOPERM") => forbidden(),
            Some("ABSURD") => (
                Code::Absurd,
                "it remembers more of a run than a plan can have".to_owned(),
                "Find out who else writes to the keys of this fleet; the run goes on without it.",
            ),
            Some("ERR") if is_forbidden_in_script(error) => forbidden(),
            Some(code) => unusable(
                &format!("it answered {code}"),
                "Check that nobody else uses the keys of this fleet; the run goes on without it.",
            ),
            None => unusable(
                "it answered something that we do not understand",
                "Check that nobody else uses the keys of this fleet; the run goes on without it.",
            ),
        }
    };
    Trouble { code, said, next }
}
