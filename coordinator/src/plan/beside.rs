//! What moves beside tables: what was asked for, or what is usual between the two engines.

use std::collections::BTreeSet;

use endpoint::Beside;
use protocol::mapping::Include;
use protocol::plan::{Level, said_of_all};
use protocol::schema::Engine;

use super::select::Chosen;
use super::{Draft, find};

impl Draft<'_> {
    /// What moves beside the chosen tables; and says so where nobody asked for it.
    pub(super) fn beside(
        &mut self,
        asked: Option<&BTreeSet<Include>>,
        chosen: &[Chosen<'_>],
    ) -> Beside {
        let everything = chosen.iter().any(|one| one.rule.pattern == "*");
        let there = |one: &Chosen<'_>| find(self.to, &one.target, self.able).is_some();
        let new = !chosen.iter().any(there);
        let include = match asked {
            Some(asked) if self.from.engine == self.to.engine => asked.clone(),
            Some(asked) => {
                self.say_not_between(asked);
                BTreeSet::new()
            }
            None => usual(self.from.engine, self.to.engine, new),
        };
        if asked.is_none() && !include.is_empty() && !self.from.objects.is_empty() {
            let text = format!(
                "{} move too, since the tables are new; `include: []` leaves them",
                listed(&include)
            );
            self.note(Level::Info, None, said_of_all("include", text));
        }
        Beside { include, everything }
    }

    fn say_not_between(&mut self, asked: &BTreeSet<Include>) {
        if asked.is_empty() {
            return;
        }
        let text = format!(
            "{} do not move: {} does not understand those of {}",
            listed(asked),
            self.to.engine,
            self.from.engine
        );
        self.note(Level::Warning, None, said_of_all("include", text));
    }
}

/// What moves where nobody says it. Rights are given to roles, which are nobody's to make up.
fn usual(from: Engine, to: Engine, new: bool) -> BTreeSet<Include> {
    match (from, to) {
        (Engine::Postgres, Engine::Postgres) if new => {
            Include::ALL.into_iter().filter(|one| *one != Include::Grants).collect()
        }
        (Engine::Postgres | Engine::MySql | Engine::Sqlite | Engine::Memory, _) => BTreeSet::new(),
    }
}

/// `views, routines and triggers`.
fn listed(include: &BTreeSet<Include>) -> String {
    let mut words: Vec<_> = include.iter().map(|one| one.as_str()).collect();
    let last = words.pop().unwrap_or_default();
    if words.is_empty() { last.to_owned() } else { format!("{} and {last}", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_tables_of_postgresql_bring_what_is_beside_them() {
        let all = usual(Engine::Postgres, Engine::Postgres, true);
        assert_eq!(listed(&all), "views, routines, triggers, policies and rules");
        assert_eq!(listed(&BTreeSet::from([Include::Views])), "views");
        assert!(usual(Engine::Postgres, Engine::Postgres, false).is_empty());
        assert!(usual(Engine::Postgres, Engine::MySql, true).is_empty());
        assert!(usual(Engine::MySql, Engine::MySql, true).is_empty());
    }
}
