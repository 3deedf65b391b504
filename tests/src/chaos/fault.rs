//! The faults, by name: what each does to whom, and how often.

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL to a worker, which is started again at once.
    KillWorker,
    /// SIGKILL to the coordinator that leads, which is started again at once.
    KillLeader,
    /// SIGSTOP to a worker for longer than its claims last, then SIGCONT.
    PauseWorker,
    /// The same, to a worker that is inside a COPY.
    PauseInCopy,
    /// FLUSHALL.
    Flush,
    /// Redis is killed, stays away for seconds, and comes back empty.
    RedisAway,
    /// Redis is not there at all.
    RedisAbsent,
    /// Redis refuses all that needs memory.
    RedisFull,
    /// RabbitMQ is killed and started again.
    RabbitKill,
    /// The queue is emptied.
    Purge,
    /// The queue is taken away.
    Delete,
    /// Every message is delivered twice.
    Twice,
    /// One message of four is never delivered.
    Lost,
    /// The connections to one of the servers are cut.
    Cut,
    /// The connections to one of the servers carry nothing for seconds.
    Stall,
    /// A COMMIT is done, and its answer lost with the connection.
    CommitLost,
    /// The target crashes, with what asynchronous commits had not yet written, and comes back.
    TargetCrash,
    /// The source is restarted, and the snapshot gone.
    SourceRestart,
}

/// How a fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// From the beginning of a round to its end.
    Always,
    /// Again and again, with a pause of so many milliseconds, from and to.
    Again(u64, u64),
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::KillWorker,
        Self::KillLeader,
        Self::PauseWorker,
        Self::PauseInCopy,
        Self::Flush,
        Self::RedisAway,
        Self::RedisAbsent,
        Self::RedisFull,
        Self::RabbitKill,
        Self::Purge,
        Self::Delete,
        Self::Twice,
        Self::Lost,
        Self::Cut,
        Self::Stall,
        Self::CommitLost,
        Self::TargetCrash,
        Self::SourceRestart,
    ];

    /// Its name on the command line and in the log, and its rhythm.
    fn row(self) -> (&'static str, Rhythm) {
        use Rhythm::{Again, Always};
        match self {
            Self::KillWorker => ("kill-worker", Again(80, 400)),
            Self::KillLeader => ("kill-leader", Again(5_000, 12_000)),
            Self::PauseWorker => ("pause-worker", Again(500, 1_500)),
            Self::PauseInCopy => ("pause-in-copy", Again(100, 500)),
            Self::Flush => ("flush", Again(1_000, 1_000)),
            Self::RedisAway => ("redis-away", Again(500, 2_000)),
            Self::RedisAbsent => ("redis-absent", Always),
            Self::RedisFull => ("redis-full", Always),
            Self::RabbitKill => ("rabbit-kill", Again(1_000, 3_000)),
            Self::Purge => ("purge", Again(200, 1_000)),
            Self::Delete => ("delete", Again(500, 2_000)),
            Self::Twice => ("twice", Always),
            Self::Lost => ("lost", Always),
            Self::Cut => ("cut", Again(200, 1_200)),
            Self::Stall => ("stall", Again(500, 2_000)),
            Self::CommitLost => ("commit-lost", Again(50, 300)),
            Self::TargetCrash => ("target-crash", Again(1_500, 4_000)),
            Self::SourceRestart => ("source-restart", Again(2_000, 5_000)),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// How it happens.
    pub fn rhythm(self) -> Rhythm {
        self.row().1
    }

    /// Whether it is only seen where chunks take long.
    pub fn needs_long_chunks(self) -> bool {
        self == Self::PauseInCopy
    }

    /// The fault of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }
}

/// Faults that happen in the same round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe(pub Vec<Fault>);

impl Recipe {
    /// `kill-worker+flush`.
    ///
    /// # Errors
    /// Names the fault that there is not, and all that there are.
    pub fn read(text: &str) -> Result<Self, String> {
        let named = |name: &str| {
            Fault::named(name).ok_or_else(|| {
                let all: Vec<_> = Fault::ALL.into_iter().map(Fault::name).collect();
                format!("there is no fault `{name}`; there are {}", all.join(", "))
            })
        };
        text.split('+').map(named).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this fault is among them.
    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }
}

impl std::fmt::Display for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.0.iter().map(|fault| fault.name()).collect();
        f.write_str(&names.join("+"))
    }
}

/// Every fault alone, and some that make each other worse.
pub fn usual() -> Vec<Recipe> {
    let mixed = [
        "kill-worker+kill-leader",
        "kill-worker+flush+purge",
        "kill-worker+kill-leader+redis-absent",
        "kill-worker+commit-lost+twice",
        "kill-worker+target-crash+cut",
    ];
    let alone = Fault::ALL.into_iter().map(|fault| Recipe(vec![fault]));
    let mixed = mixed.map(|text| Recipe::read(text).expect("these faults exist"));
    mixed.into_iter().chain(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_read_as_it_is_written() {
        for recipe in usual() {
            assert_eq!(Recipe::read(&recipe.to_string()), Ok(recipe));
        }
        let said = Recipe::read("kill-worker+earthquake").unwrap_err();
        assert!(said.contains("`earthquake`") && said.contains("kill-leader"), "{said}");
    }
}
