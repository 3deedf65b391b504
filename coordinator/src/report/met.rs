//! Faults that a run met on its way, as the events of a ledger tell.

use protocol::event::{Event, Fact};
use serde::Serialize;

/// Kinds of faults that are listed; those beyond are counted in the last.
const KINDS_MAX: usize = 50;

/// Faults with the same code and the same words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Met {
    /// The fault's code.
    pub code: String,
    /// The first of them in one line, without values.
    pub message: String,
    /// What to do.
    pub advice: String,
    /// What met it first.
    pub what: String,
    /// How many there were.
    pub times: u64,
    /// How many chunks were left to a person for it.
    pub parked: u64,
}

/// Adds what these events tell to what is known already.
pub fn meet(faults: &mut Vec<Met>, events: &[Event]) {
    for event in events {
        let Fact::Faulted { code, message, advice, what, parked, .. } = &event.fact else {
            continue;
        };
        let same = |met: &Met| met.code == *code && met.message == *message;
        let at = match faults.iter().position(same) {
            Some(at) => at,
            None if faults.len() < KINDS_MAX => {
                faults.push(Met {
                    code: code.clone(),
                    message: message.clone(),
                    advice: advice.clone(),
                    what: what.clone(),
                    times: 0,
                    parked: 0,
                });
                faults.len() - 1
            }
            None => KINDS_MAX - 1,
        };
        faults[at].times += 1;
        faults[at].parked += u64::from(*parked);
    }
}

#[cfg(test)]
mod tests {
    use protocol::clock::Instant;
    use protocol::id::{ChunkId, RunId};

    use super::*;

    fn faulted(code: &str, parked: bool) -> Event {
        let fact = Fact::Faulted {
            chunk: ChunkId(1),
            entity: None,
            what: "a chunk".into(),
            code: code.into(),
            message: "it broke".into(),
            advice: "mend it".into(),
            attempt: 1,
            parked,
        };
        Event { sequence: 1, run: RunId(uuid::Uuid::nil()), at: Instant(1), fact }
    }

    #[test]
    fn faults_alike_are_counted_together_and_there_are_not_too_many_kinds() {
        let mut met = Vec::new();
        meet(&mut met, &[faulted("busy", false), faulted("slow", false), faulted("busy", true)]);
        assert_eq!((met.len(), met[0].times, met[0].parked, met[1].times), (2, 2, 1, 1));
        let many: Vec<_> = (0..1000).map(|kind| faulted(&kind.to_string(), false)).collect();
        meet(&mut met, &many);
        assert_eq!(met.len(), KINDS_MAX);
        assert_eq!(met.iter().map(|met| met.times).sum::<u64>(), 1003);
    }
}
