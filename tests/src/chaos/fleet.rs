//! A fleet: two coordinators and some workers, each started again when it ends, however it ends.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::sleep;

use super::dice::Dice;
use super::process::Process;
use super::world::{KEY, PASSWORD};
use crate::command::{BROKEN, DIE_AT, longhaul};
use crate::patience::LOOK;

/// The file of the fleet, in the folder of the round.
pub(super) const FILE: &str = "chaos.yaml";

/// Coordinators stand first among the members.
const COORDINATORS: usize = 2;

/// Where a broken worker is killed besides, each time that it is started. A kill from outside rarely
/// hits a gap of some instructions, the less so the busier the machine is.
const BETWEEN: &str = "broken:Between:2";

/// Before one that ended by itself is started again.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// What a member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It may lead.
    Coordinator,
    /// It carries chunks.
    Worker,
}

/// How members are started.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    /// The executable.
    pub(super) executable: PathBuf,
    /// Where it runs, and says what it does.
    pub(super) folder: PathBuf,
    /// Whether workers commit first and record later.
    pub(super) broken: bool,
    /// What each worker is told besides.
    pub(super) worker: Vec<Vec<String>>,
}

impl Launch {
    /// The executable, with what it needs to find in its environment.
    pub(super) fn command(&self) -> Command {
        let executable = self.executable.display().to_string();
        let mut command = longhaul(&executable, &self.folder);
        command.envs([KEY, PASSWORD]).env("LONGHAUL_LOG", "info");
        command
    }

    fn member(&self, role: Role, number: usize) -> Process {
        let mut command = self.command();
        let name = match role {
            Role::Coordinator => {
                command.args(["coordinator", "--file", FILE]);
                format!("coordinator-{number}.log")
            }
            Role::Worker => {
                command.args(["worker", "--file", FILE, "--slots", "2", "--grace", "2s"]);
                command.args(&self.worker[number]);
                if self.broken {
                    command.env(BROKEN, "commit-first").env(DIE_AT, BETWEEN);
                }
                format!("worker-{number}.log")
            }
        };
        Process::start(command.args(["--progress", "plain"]), &self.folder.join(name))
    }
}

/// All members. Dropped, all are killed.
#[derive(Debug)]
pub(super) struct Fleet {
    launch: Launch,
    members: Mutex<Vec<Member>>,
}

#[derive(Debug)]
struct Member {
    role: Role,
    number: usize,
    process: Process,
    stopped: bool,
}

/// A member that was stopped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopped {
    at: usize,
    id: u32,
}

impl Stopped {
    /// The worker's number.
    pub(super) fn worker(self) -> usize {
        self.at - COORDINATORS
    }
}

impl Fleet {
    /// How many workers there are.
    pub(super) fn workers(&self) -> usize {
        self.launch.worker.len()
    }

    /// Starts two coordinators, and as many workers as are described.
    pub(super) fn start(launch: Launch) -> Self {
        let coordinators = (0..COORDINATORS).map(|number| (Role::Coordinator, number));
        let workers = (0..launch.worker.len()).map(|number| (Role::Worker, number));
        let member = |(role, number)| Member {
            role,
            number,
            process: launch.member(role, number),
            stopped: false,
        };
        let members = coordinators.chain(workers).map(member).collect();
        Self { members: Mutex::new(members), launch }
    }

    /// Starts again whoever ended by itself, for ever, and says so.
    pub(super) async fn supervise(&self, tell: impl Fn(String)) {
        let members = self.members().len();
        loop {
            for at in 0..members {
                let ended = self.members()[at].process.ended();
                if let Some(status) = ended {
                    tell(format!("{} ended by itself: {status}", self.members()[at].name()));
                    sleep(AGAIN_AFTER).await;
                    self.again(at);
                }
            }
            sleep(LOOK).await;
        }
    }

    /// Kills a worker, and starts it again.
    pub(super) fn kill_worker(&self, dice: &mut Dice) -> String {
        self.kill(self.any(Role::Worker, dice))
    }

    /// Kills the coordinator that said last that it leads, and starts it again; any, where none did.
    pub(super) fn kill_leader(&self, dice: &mut Dice) -> String {
        let leader = self.leading().unwrap_or_else(|| self.any(Role::Coordinator, dice));
        self.kill(leader)
    }

    /// Kills that worker, and starts it again.
    pub(super) fn kill_number(&self, worker: usize) {
        let _ = self.kill(worker + COORDINATORS);
    }

    /// The process of the coordinator that said last that it leads.
    pub(super) fn leader(&self) -> Option<u32> {
        self.leading().map(|at| self.members()[at].process.id())
    }

    fn leading(&self) -> Option<usize> {
        let epochs = (0..COORDINATORS).map(|at| (self.last_epoch(at), at));
        epochs.max().filter(|(epoch, _)| epoch.is_some()).map(|(_, at)| at)
    }

    /// Stops one of these workers that is not stopped already; `None` where all are.
    pub(super) fn stop(&self, workers: &[usize], dice: &mut Dice) -> Option<(Stopped, String)> {
        let mut members = self.members();
        let at = workers.iter().map(|number| number + COORDINATORS);
        let moving: Vec<_> = at.filter(|at| !members[*at].stopped).collect();
        let at = *moving.get(dice.below(moving.len().max(1)))?;
        let member = &mut members[at];
        member.process.signal(Signal::STOP);
        member.stopped = true;
        Some((Stopped { at, id: member.process.id() }, member.name()))
    }

    /// Lets it go on, if it was not killed meanwhile.
    pub(super) fn go_on(&self, stopped: Stopped) {
        let member = &mut self.members()[stopped.at];
        if member.process.id() == stopped.id {
            member.process.signal(Signal::CONT);
            member.stopped = false;
        }
    }

    fn kill(&self, at: usize) -> String {
        let name = self.members()[at].name();
        self.members()[at].process.signal(Signal::KILL);
        self.again(at);
        name
    }

    fn again(&self, at: usize) {
        let mut members = self.members();
        let member = &mut members[at];
        // The old one is waited for as it is dropped.
        member.process = self.launch.member(member.role, member.number);
        member.stopped = false;
    }

    fn any(&self, role: Role, dice: &mut Dice) -> usize {
        let members = self.members();
        let fitting: Vec<_> = (0..members.len()).filter(|at| members[*at].role == role).collect();
        fitting[dice.below(fitting.len())]
    }

    /// The term of which a coordinator last said that it leads.
    fn last_epoch(&self, coordinator: usize) -> Option<u64> {
        let log = self.launch.folder.join(format!("coordinator-{coordinator}.log"));
        let said = std::fs::read_to_string(log).ok()?;
        let leads = said.lines().rev().find(|line| line.contains("leading"))?;
        let (_, epoch) = leads.split_once("epoch=")?;
        epoch.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    fn name(&self) -> String {
        match self.role {
            Role::Coordinator => format!("coordinator {} ({})", self.number, self.process.id()),
            Role::Worker => format!("worker {} ({})", self.number, self.process.id()),
        }
    }
}
