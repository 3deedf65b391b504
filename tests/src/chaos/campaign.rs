//! A campaign: many rounds from one seed, and what they came to in words.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use super::dice::Dice;
use super::fault::Recipe;
use super::round::{Outcome, Round};
use super::server::Engine;

/// What rounds are made from.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Chooses victims and times.
    pub seed: u64,
    /// What goes wrong, a recipe per round in turn.
    pub recipes: Vec<Recipe>,
    /// What is read, and what is written.
    pub between: (Engine, Engine),
    /// The executable.
    pub executable: PathBuf,
    /// Whether workers commit first and record later.
    pub broken: bool,
    /// How many workers there are.
    pub workers: usize,
    /// How many rows the largest table has.
    pub entries: u32,
    /// How long faults are done in a round, if the run does not end before.
    pub faults_for: Duration,
}

impl Campaign {
    /// One of its rounds. The first has the campaign's own seed, so that a round is done again by a
    /// campaign of one.
    ///
    /// # Panics
    /// When there are no recipes.
    pub fn round(&self, number: u32) -> Round {
        let seed = match number {
            0 => self.seed,
            _ => Dice::new(self.seed, u64::from(number)).throw() >> 16,
        };
        Round {
            number,
            seed,
            recipe: self.recipes[number as usize % self.recipes.len()].clone(),
            executable: self.executable.clone(),
            broken: self.broken,
            workers: self.workers,
            faults_for: self.faults_for,
        }
    }

    /// How a round is done again.
    fn repeat(&self, round: &Round) -> String {
        let (seed, recipe) = (round.seed, &round.recipe);
        let (workers, entries) = (self.workers, self.entries);
        let seconds = self.faults_for.as_secs();
        let broken = if self.broken { " --broken" } else { "" };
        let (source, target) = (self.between.0.name(), self.between.1.name());
        format!(
            "cargo run -p tests --bin chaos -- --rounds 1 --seed {seed} --faults {recipe} \
             --workers {workers} --entries {entries} --seconds {seconds} \
             --source {source} --target {target}{broken}"
        )
    }

    /// What a round came to: a line, and for a bad one all that is known of it.
    pub fn describe(&self, round: &Round, outcome: &Outcome, verbose: bool) -> String {
        let counts: Vec<_> =
            outcome.log.counts().iter().map(|(what, times)| format!("{what} {times}")).collect();
        let mut text = format!(
            "round {}: {} · seed {} · {:.1} s · {} chunks · {} terms · {}",
            round.number,
            round.recipe,
            round.seed,
            outcome.took.as_secs_f64(),
            outcome.chunks,
            outcome.epochs,
            counts.join(", ")
        );
        let bad = !outcome.wrong.is_empty();
        if verbose || bad {
            for line in outcome.log.lines() {
                let _ = write!(text, "\n  {line}");
            }
        }
        for wrong in &outcome.wrong {
            let _ = write!(text, "\n  WRONG: {wrong}");
        }
        if bad {
            let _ = write!(text, "\n  again: {}", self.repeat(round));
        }
        text
    }
}
