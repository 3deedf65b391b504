//! Who we are, and whether somebody else drives a run now.

use protocol::history::{Entry, Person, Why, last_driven, last_paused};
use protocol::run::{Record, State};
use serde::Serialize;

use crate::fleet::role::host;

/// A driver on another machine that was not heard of for so long is taken for dead.
const SILENT_MS: u64 = 10_000;

/// This process.
pub(crate) fn me() -> Person {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let pid = std::process::id();
    let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    Person { user, host: host(), pid, process: process(pid).unwrap_or_default() }
}

/// What is equal only for one process of one machine: the machine's boot, the space in which its
/// number counts, and when it began. None where the system does not tell.
fn process(pid: u32) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let began = began(pid)?;
    Some(format!("{} {} {began}", boot.trim(), space.display()))
}

/// When a process began, in ticks since the boot: the 22nd field. The second may hold anything, in
/// parentheses.
fn began(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    // A process that is over and was not yet asked for its end is over.
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then(|| fields.nth(18).map(str::to_owned))?
}

/// Whoever drives a run that lives in a process, or drove it last.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Driver {
    /// The user of the operating system.
    pub(crate) user: String,
    /// The machine.
    pub(crate) host: String,
    /// The process.
    pub(crate) pid: u32,
    /// Since when.
    pub(crate) since: String,
    /// How long ago it was last heard of, by the target's clock.
    pub(crate) heard_ms_ago: Option<u64>,
    /// Whether it is at work now.
    pub(crate) alive: bool,
    /// When it stopped, and why, where it said so.
    pub(crate) stopped: Option<(String, String)>,
}

impl Driver {
    /// From what the run's home knows; none for a run of a fleet, for one that is over, and for one of
    /// which an earlier build kept nothing.
    pub(crate) fn of(record: &Record, history: &[Entry]) -> Option<Self> {
        match record.state {
            State::Planning | State::Running | State::Paused if !record.fleet => {}
            State::Planning
            | State::Running
            | State::Paused
            | State::Cancelled
            | State::Complete
            | State::Void => return None,
        }
        let (driven, stopped) = last_driven(history)?;
        Some(Self {
            user: driven.by.user.clone(),
            host: driven.by.host.clone(),
            pid: driven.by.pid,
            since: driven.at.to_string(),
            heard_ms_ago: record.led_ms_ago,
            alive: stopped.is_none() && lives(&driven.by, record.led_ms_ago),
            stopped: stopped.map(|(at, why)| (at.to_string(), why.to_owned())),
        })
    }

    /// A sentence about it.
    pub(crate) fn sentence(&self) -> String {
        let Self { user, host, pid, since, .. } = self;
        let heard = self.heard_ms_ago.map(|ago| format!(", last heard of {} ago", span(ago)));
        let heard = heard.unwrap_or_default();
        if self.alive {
            return format!("driven by {user} on {host}, process {pid}, since {since}{heard}");
        }
        match &self.stopped {
            Some((at, why)) => {
                format!("nobody drives it: process {pid} on {host} stopped at {at}: {why}")
            }
            None => format!("nobody drives it: process {pid} on {host} is gone{heard}"),
        }
    }
}

/// Why a run is paused, as its home knows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Pause {
    /// When it was paused.
    at: String,
    /// Who did it: a person, or the process that met the fault.
    by: String,
    /// The fault, where it paused itself.
    why: Option<Why>,
}

impl Pause {
    /// From what the run's home knows; none for a run that is not paused, or of which nothing is kept.
    pub(crate) fn of(record: &Record, history: &[Entry]) -> Option<Self> {
        let (entry, why) = last_paused(history).filter(|_| record.state == State::Paused)?;
        let by = match entry.by.user.as_str() {
            "" => entry.by.host.clone(),
            user => format!("{user} on {}", entry.by.host),
        };
        Some(Self { at: entry.at.to_string(), by, why: why.cloned() })
    }

    /// A sentence about it.
    pub(crate) fn sentence(&self) -> String {
        let Self { at, by, why } = self;
        match why {
            Some(Why { code, message, advice }) => {
                format!("paused itself at {at} ({by}) [{code}]: {message}. {advice}")
            }
            None => format!("paused by {by} at {at}"),
        }
    }
}

/// A process of this machine is looked for; another is believed while it is heard.
fn lives(who: &Person, heard_ms_ago: Option<u64>) -> bool {
    let space = |process: &str| process.rsplit_once(' ').map(|(space, _)| space.to_owned());
    let mine = process(std::process::id());
    match (space(&who.process), mine.as_deref().and_then(space)) {
        (Some(theirs), Some(ours)) if theirs == ours => {
            process(who.pid).is_some_and(|there| there == who.process)
        }
        _ => heard_ms_ago.is_some_and(|ago| ago < SILENT_MS),
    }
}

/// `41 min`, from milliseconds.
pub(crate) fn span(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_of_another_time_does_not() {
        let me = me();
        assert!(lives(&me, None));
        let other = Person { process: format!("{}0", me.process), ..me.clone() };
        assert!(!lives(&other, Some(1)), "another process with our number");
        let elsewhere = Person { process: "boot pid:[1] 7".into(), ..me };
        assert!(lives(&elsewhere, Some(500)) && !lives(&elsewhere, Some(60_000)));
        assert!(!lives(&elsewhere, None));
    }

    #[test]
    fn a_span_has_one_unit() {
        let said: Vec<_> = [900, 60_000, 2_460_000, 7_200_000, 864_000_000].map(span).into();
        assert_eq!(said, ["0 s", "60 s", "41 min", "2 h", "10 days"]);
    }
}
