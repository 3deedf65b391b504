//! A design tried out in transactions that are rolled back.
//!
//! All tables of a plan in one transaction would take more locks than a server has room for, and others
//! would be told that it has run out of memory. So tables go in groups, together with those that their
//! foreign keys point to, and each group in a transaction of its own. Foreign keys to tables that are
//! there lock those, so each of them is undone as soon as it was tried.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::fault::Fault;
use protocol::id::EntityId;
use protocol::plan::StepKind;

use super::Postgres;
use super::connect::{Duty, Link};
use super::faults;
use crate::DesignedStep;
use crate::rehearse::{Cast, Refused, Rehearsal};

/// Steps that go to the server in one message.
const STEPS_AT_ONCE: usize = 64;

/// How many locks the server has room for; the server lets one transaction take all.
const LOCKS: &str = "SELECT current_setting('max_locks_per_transaction')::bigint \
     * (current_setting('max_connections')::bigint \
        + current_setting('max_prepared_transactions')::bigint)";

/// Of all locks of the server one rehearsal takes at most this part.
const PART_OF_LOCKS: u64 = 4;

/// Two rehearsals would make the same names, and wait for each other at the first of them.
const ONE_AT_A_TIME: &str = "SET LOCAL lock_timeout = '60s'; \
     SELECT pg_catalog.pg_advisory_xact_lock(1819178344, 1919251304); SET LOCAL lock_timeout = '3s'";

impl Postgres {
    /// Tries the steps, and leaves nothing of them.
    pub(super) async fn try_out(&self, steps: &[DesignedStep]) -> Result<Rehearsal, Fault> {
        let mut cast = Cast::new(steps);
        if steps.is_empty() {
            return Ok(cast.ends());
        }
        let link = self.door.open("longhaul:rehearsal", Duty::Write).await?;
        let locks = u64::try_from(link.one::<i64>(LOCKS).await?).unwrap_or_default();
        let groups = groups(steps, &cast, (locks / PART_OF_LOCKS).max(64));
        let tried: BTreeSet<_> =
            groups.iter().flat_map(|group| group.steps.iter().chain(&group.guests)).collect();
        let others: Vec<_> =
            (0..steps.len()).filter(|at| cast.is_worth_it(*at) && !tried.contains(at)).collect();
        for at in others {
            cast.set_aside(at, "all tables together take more locks than one transaction may");
        }
        for group in groups {
            link.batch("BEGIN").await?;
            link.batch(ONE_AT_A_TIME).await?;
            let played = play(&link, steps, &mut cast, &group).await;
            link.batch("ROLLBACK").await?;
            played?;
        }
        Ok(cast.ends())
    }
}

/// Steps that are tried in one transaction.
#[derive(Debug, Default, PartialEq, Eq)]
struct Group {
    /// Made only for others to stand on: they are tried elsewhere.
    ground: Vec<usize>,
    /// Tried, in order.
    steps: Vec<usize>,
    /// Tried last, one by one: they lock tables that are there.
    guests: Vec<usize>,
}

/// How many locks a step takes, about: a table has another for its large values, and that an index.
fn locks(step: &DesignedStep) -> u64 {
    let statements = step.step.statements.len() as u64;
    match step.step.kind {
        StepKind::Table => 3 + statements,
        StepKind::Key | StepKind::Index | StepKind::Sequence | StepKind::View => 2,
        StepKind::Trigger | StepKind::Rule => 1,
        StepKind::ForeignKey
        | StepKind::Schema
        | StepKind::Type
        | StepKind::Empty
        | StepKind::Check
        | StepKind::Identity
        | StepKind::Statistics
        | StepKind::Comment
        | StepKind::Routine
        | StepKind::Refresh
        | StepKind::Policy
        | StepKind::Grant => 0,
    }
}

/// The steps of each table, and which tables their foreign keys lead to.
struct Parts {
    own: BTreeMap<EntityId, Vec<usize>>,
    leads: BTreeMap<EntityId, BTreeSet<EntityId>>,
    loose: Vec<usize>,
}

impl Parts {
    fn of(steps: &[DesignedStep], cast: &Cast<'_>) -> Self {
        let (mut own, mut leads) = (BTreeMap::new(), BTreeMap::new());
        let mut loose = Vec::new();
        for (at, step) in steps.iter().enumerate().filter(|(at, _)| cast.is_worth_it(*at)) {
            let Some(entity) = step.entity else {
                loose.push(at);
                continue;
            };
            own.entry(entity).or_insert_with(Vec::new).push(at);
            if step.step.kind == StepKind::ForeignKey {
                let all = leads.entry(entity).or_insert_with(BTreeSet::new);
                all.extend(cast.entities(at).into_iter().filter(|other| *other != entity));
            }
        }
        Self { own, leads, loose }
    }

    /// Tables in an order in which those that know each other stand together.
    fn order(&self) -> Vec<EntityId> {
        let mut near: BTreeMap<EntityId, BTreeSet<EntityId>> = BTreeMap::new();
        for (from, all) in &self.leads {
            for to in all {
                near.entry(*from).or_default().insert(*to);
                near.entry(*to).or_default().insert(*from);
            }
        }
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        for start in self.own.keys() {
            let mut queue = VecDeque::from([*start]);
            while let Some(one) = queue.pop_front() {
                if seen.insert(one) {
                    order.push(one);
                    queue.extend(near.get(&one).into_iter().flatten());
                }
            }
        }
        order
    }

    /// What must be there for foreign keys to point to: the table and its keys.
    fn footing<'a>(
        &'a self,
        steps: &'a [DesignedStep],
        entity: EntityId,
    ) -> impl Iterator<Item = usize> + 'a {
        let wanted = |at: &&usize| {
            let step = &steps[**at];
            let unique = matches!(step.step.kind, StepKind::Key | StepKind::Index);
            step.step.kind == StepKind::Table || unique
        };
        self.own.get(&entity).into_iter().flatten().filter(wanted).copied()
    }
}

/// Groups that take at most so many locks each, where a group of one table does not take more.
fn groups(steps: &[DesignedStep], cast: &Cast<'_>, locks_max: u64) -> Vec<Group> {
    let parts = Parts::of(steps, cast);
    let cost = |at: usize| locks(&steps[at]);
    let around: Vec<_> = parts.loose.iter().copied().filter(|at| cast.is_ground(*at)).collect();
    let around_cost: u64 = around.iter().map(|at| cost(*at)).sum();
    let mut groups: Vec<BTreeSet<EntityId>> = vec![BTreeSet::new()];
    let (mut used, mut there) = (around_cost, BTreeSet::new());
    for entity in parts.order() {
        let own: u64 = parts.own.get(&entity).into_iter().flatten().map(|at| cost(*at)).sum();
        let new = |there: &BTreeSet<EntityId>| -> u64 {
            let others = parts.leads.get(&entity).into_iter().flatten();
            let others = others.filter(|other| !there.contains(*other));
            others.flat_map(|other| parts.footing(steps, *other)).map(cost).sum::<u64>() + own
        };
        if used + new(&there) > locks_max && groups.last().is_some_and(|group| !group.is_empty()) {
            groups.push(BTreeSet::new());
            (used, there) = (around_cost, BTreeSet::new());
        }
        used += new(&there);
        there.insert(entity);
        there.extend(parts.leads.get(&entity).into_iter().flatten());
        if let Some(group) = groups.last_mut() {
            group.insert(entity);
        }
    }
    let whole = groups.len() == 1;
    let made = groups.iter().enumerate();
    made.map(|(at, group)| parts.group(steps, cast, group, &around, (at == 0, whole))).collect()
}

impl Parts {
    /// One group. What stands around tables is tried with the first; what comes last and belongs to no
    /// table (a view) wants all tables, and is tried where all are in one group.
    fn group(
        &self,
        steps: &[DesignedStep],
        cast: &Cast<'_>,
        entities: &BTreeSet<EntityId>,
        around: &[usize],
        (first, whole): (bool, bool),
    ) -> Group {
        let mut group = Group::default();
        if first { &mut group.steps } else { &mut group.ground }.extend(around);
        let led = entities.iter().flat_map(|entity| self.leads.get(entity)).flatten();
        let footing: BTreeSet<_> = led.filter(|other| !entities.contains(other)).collect();
        group.ground.extend(footing.into_iter().flat_map(|other| self.footing(steps, *other)));
        let mut own: Vec<usize> =
            entities.iter().filter_map(|entity| self.own.get(entity)).flatten().copied().collect();
        if whole {
            own.extend(self.loose.iter().filter(|at| !cast.is_ground(**at)));
        }
        own.sort_unstable();
        for at in own {
            let guest = steps[at].step.kind == StepKind::ForeignKey && cast.entities(at).len() == 1;
            if guest { group.guests.push(at) } else { group.steps.push(at) }
        }
        group
    }
}

/// Tries the steps of a group inside the transaction that is open.
async fn play(
    link: &Link,
    steps: &[DesignedStep],
    cast: &mut Cast<'_>,
    group: &Group,
) -> Result<(), Fault> {
    for some in group.ground.chunks(STEPS_AT_ONCE) {
        ground(link, steps, some).await?;
    }
    let mut open: VecDeque<Vec<usize>> =
        group.steps.chunks(STEPS_AT_ONCE).map(<[usize]>::to_vec).collect();
    while let Some(some) = open.pop_front() {
        let some: Vec<_> = some.into_iter().filter(|at| cast.can_play(*at)).collect();
        let statements = some.iter().flat_map(|at| &steps[*at].step.statements);
        if some.is_empty() || passes(link, statements, true).await.is_ok() {
            continue;
        }
        if let [only] = some[..] {
            alone(link, &steps[only], only, cast).await?;
            continue;
        }
        let (first, second) = some.split_at(some.len() / 2);
        open.push_front(second.to_vec());
        open.push_front(first.to_vec());
    }
    for at in &group.guests {
        if cast.can_play(*at)
            && let Err(refused) = passes(link, &steps[*at].step.statements, false).await
        {
            let statement = steps[*at].step.statements.first().cloned().unwrap_or_default();
            cast.fails(*at, &statement, refused)?;
        }
    }
    Ok(())
}

/// Makes what others stand on. What is refused of it was found where it was tried.
async fn ground(link: &Link, steps: &[DesignedStep], some: &[usize]) -> Result<(), Fault> {
    let all = some.iter().flat_map(|at| &steps[*at].step.statements);
    if passes(link, all, true).await.is_ok() {
        return Ok(());
    }
    for at in some {
        match passes(link, &steps[*at].step.statements, true).await {
            Err(refused) if refused.fault.named().is_none() => return Err(refused.fault),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Tries one step statement by statement, so that it is known which is refused.
async fn alone(
    link: &Link,
    step: &DesignedStep,
    at: usize,
    cast: &mut Cast<'_>,
) -> Result<(), Fault> {
    for statement in &step.step.statements {
        if let Err(refused) = passes(link, [statement], true).await {
            return cast.fails(at, statement, refused);
        }
    }
    Ok(())
}

/// Whether these statements pass, behind a savepoint; where one does not, nothing of them stays. With
/// `keep` unsaid nothing stays in any case, nor do their locks.
async fn passes<'a>(
    link: &Link,
    statements: impl IntoIterator<Item = &'a String>,
    keep: bool,
) -> Result<(), Refused> {
    let mut batch = String::from("SAVEPOINT lh");
    for statement in statements {
        // A statement may end in a comment.
        batch += ";\n";
        batch += statement;
    }
    batch += if keep { ";\nRELEASE SAVEPOINT lh" } else { ";\nROLLBACK TO SAVEPOINT lh" };
    match link.client.batch_execute(&batch).await {
        Ok(()) => Ok(()),
        Err(error) => {
            let (fault, words) = (link.fault(&error), faults::words(&error));
            match link.batch("ROLLBACK TO SAVEPOINT lh").await {
                Ok(()) => Err(Refused { fault, words }),
                Err(lost) => Err(Refused { fault: lost, words: None }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::plan::{Stage, Step};

    use super::*;

    fn step(kind: StepKind, entity: u32, after: &[usize]) -> DesignedStep {
        let stage = if kind == StepKind::Table { Stage::Prepare } else { Stage::Finish };
        DesignedStep {
            step: Step {
                kind,
                what: format!("{kind:?} of {entity}"),
                statements: vec!["SELECT 1".into()],
                destructive: false,
                orphans: None,
                parts: Vec::new(),
            },
            stage,
            entity: Some(EntityId(entity)),
            after: after.to_vec(),
            verified: Vec::new(),
        }
    }

    #[test]
    fn groups_take_few_locks_and_hold_what_foreign_keys_point_to() {
        let mut steps: Vec<_> = (0..40).map(|at| step(StepKind::Table, at, &[])).collect();
        steps.extend((0..40).map(|at| step(StepKind::Key, at, &[])));
        // All point to the first.
        steps.extend((1..40).map(|at| step(StepKind::ForeignKey, at, &[40, 40 + at as usize])));
        let cast = Cast::new(&steps);
        let groups = groups(&steps, &cast, 60);
        assert!(groups.len() > 3, "{groups:?}");
        let tried: Vec<_> = groups.iter().flat_map(|group| &group.steps).copied().collect();
        let once: BTreeSet<_> = tried.iter().copied().collect();
        assert_eq!((tried.len(), once.len()), (steps.len(), steps.len()), "each is tried once");
        for group in &groups {
            let all: BTreeSet<_> = group.ground.iter().chain(&group.steps).collect();
            assert!(all.contains(&0) && all.contains(&40), "{group:?}");
            let sum: u64 = all.iter().map(|at| locks(&steps[**at])).sum();
            assert!(sum <= 60, "{sum}");
        }
    }

    #[test]
    fn a_foreign_key_to_a_table_that_is_there_is_a_guest() {
        let steps = [step(StepKind::Table, 0, &[]), step(StepKind::ForeignKey, 0, &[])];
        let groups = groups(&steps, &Cast::new(&steps), 60);
        assert_eq!(groups[0].guests, [1]);
    }
}
