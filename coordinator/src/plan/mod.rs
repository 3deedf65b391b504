//! From a migration to a plan: introspect → map types → order → split.
//!
//! # Promises
//! 1. Nothing is written anywhere while a plan is drawn.
//! 2. What cannot be moved as asked is refused here, by name, before a run begins; what can be
//!    moved but not expressed in the target is a note in the plan, never dropped in silence.
//! 3. The same migration over the same databases gives the same fingerprint.

mod batch;
mod beside;
mod characters;
mod chunks;
mod collide;
mod columns;
mod foreign;
mod lacks;
mod meaning;
mod modes;
mod numbered;
mod occupied;
mod order;
mod policies;
mod rehearse;
mod say;
mod select;
mod shape;
mod strays;

use std::collections::BTreeSet;

use endpoint::{Capabilities, Design, DesignedStep, Source, Target, Wanted};
use protocol::fault::{Code, Fault};
use protocol::id::EntityId;
use protocol::mapping::{Include, Migration, Mode, Triggers};
use protocol::plan::{
    ColumnMap, DrawnFrom, Entity, Guarantee, Lane, Level, Note, Plan, Said, Side, Stage, said,
    said_of_all,
};
use protocol::schema::{Catalogue, Engine, ForeignKey, Table, TableName};
use protocol::wire;

use characters::Sets;
use chunks::Planned;
use modes::{conflict, mode, refuse_unnamed};
use select::Chosen;

/// Draws the plan of a migration.
///
/// The source is held later, when the run begins, and looked at once more then: ranges are open at
/// both ends, so rows that come in between are in one of them.
///
/// # Errors
/// Whatever makes the migration impossible as asked, each with its own code; see
/// `protocol::fault::Code` from `TargetNotEmpty` to `SameDatabase`.
pub async fn draw(
    migration: &Migration,
    source: &dyn Source,
    target: &dyn Target,
) -> Result<Plan, Fault> {
    let (here, there) = (source.identity().await?, target.identity().await?);
    if here == there {
        return Err(Fault::new(Code::SameDatabase, target.place()));
    }
    let from = source.catalogue().await?;
    let to = target.catalogue().await?;
    let able = target.capabilities();
    let mut chosen = select::select(migration, &from, &to, able)?;
    for one in &mut chosen {
        columns::refuse_unknown(&one.rule, one.table)?;
        one.asked = shape::asked(&one.rule, one.table)?;
    }
    let (sets, notes) = (Sets::default(), Vec::new());
    let mut draft = Draft { able, from: &from, to: &to, target, sets, notes };
    let wanted = draft.wanted(&chosen, migration.include.as_ref(), source).await?;
    let rehearsed = rehearse::rehearse(target, wanted).await?;
    let entities = match draft.entities(&chosen, &rehearsed.design, &rehearsed.wanted).await {
        Err(fault) => return Err(occupied::all(fault, &chosen, &to, target).await),
        planned => planned?,
    };
    target.may_write(&entities.iter().map(|planned| &planned.entity).collect::<Vec<_>>()).await?;
    rehearsed.refuse()?;
    draft.notes.extend(rehearsed.notes);
    let mut design = rehearsed.design;
    design.steps.extend(draft.numbering(&entities));
    design.steps.extend(draft.emptying(&entities)?);
    draft.say_what_stays(&chosen, migration, &design.settled)?;
    draft.say_what_counts_unseen(&chosen);
    draft.say_what_hides(&chosen, source).await?;
    draft.say_what_collides(&chosen, &entities, source).await?;
    draft.say_what_room_lacks(migration.limits.slots, (source, &here), &there).await?;
    draft.notes.extend(design.notes);
    draft.notes.extend(draft.sets.notes());
    // The most serious first; a stable sort keeps what belongs together together.
    draft.notes.sort_by_key(|note| std::cmp::Reverse(note.level));
    let (notes, charsets) = (draft.notes, draft.sets.has);
    let durable = design.durable && existing(&chosen, &to, able).all(|table| table.durable);
    let chunks = chunks::chunks(
        &entities,
        design.steps,
        &migration.limits,
        source,
        able.transactional_steps,
        from.engine == to.engine,
    )
    .await
    .map_err(|fault| occupied::with_columns(fault, &entities))?;
    Ok(Plan {
        migration: migration.name.clone(),
        from: Side { environment: migration.from.clone(), engine: from.engine },
        to: Side { environment: migration.to.clone(), engine: to.engine },
        consistency: migration.consistency,
        on_snapshot_lost: migration.on_snapshot_lost,
        guarantee: if durable { Guarantee::ExactlyOnce } else { Guarantee::ExactlyOnceUntilCrash },
        limits: migration.limits.clone(),
        entities: entities.into_iter().map(|planned| planned.entity).collect(),
        chunks,
        charsets,
        notes,
        drawn_from: drawn_from(migration, &from, &to),
        origin: None,
    })
}

/// Refuses a saved plan whose migration or databases have changed since it was drawn.
///
/// # Errors
/// `PlanStale`, saying which of the three changed.
pub async fn refuse_stale(
    plan: &Plan,
    migration: &Migration,
    source: &dyn Source,
    target: &dyn Target,
) -> Result<(), Fault> {
    let now = drawn_from(migration, &source.catalogue().await?, &target.catalogue().await?);
    let then = &plan.drawn_from;
    let changed = [
        ("the migration file", now.migration == then.migration),
        ("the source's catalogue", now.source == then.source),
        ("the target's catalogue", now.target == then.target),
    ];
    match changed.iter().find(|(_, same)| !same) {
        None => {
            target.may_write(&plan.entities.iter().collect::<Vec<_>>()).await?;
            refuse_rows(plan, target).await
        }
        Some((what, _)) => Err(Fault::new(Code::PlanStale, &plan.migration)
            .saying(format!("{what} changed after the plan was drawn"))),
    }
}

/// In mode create no row may exist before.
async fn refuse_rows(plan: &Plan, target: &dyn Target) -> Result<(), Fault> {
    let created = plan.entities.iter().filter(|e| !e.new && e.mode == Mode::Create);
    let names: Vec<_> = created.map(|entity| entity.target.clone()).collect();
    let hold = target.hold_rows(&names).await?;
    match names.iter().zip(hold).find(|(_, holds)| *holds) {
        Some((name, _)) => Err(Fault::new(Code::TargetNotEmpty, name.to_string())),
        None => Ok(()),
    }
}

fn drawn_from(migration: &Migration, source: &Catalogue, target: &Catalogue) -> DrawnFrom {
    DrawnFrom {
        migration: wire::fingerprint(migration),
        source: wire::fingerprint(&structure(source)),
        target: wire::fingerprint(&structure(target)),
    }
}

/// A catalogue without what changes when rows do.
fn structure(catalogue: &Catalogue) -> Catalogue {
    let mut bare = catalogue.clone();
    for table in &mut bare.tables {
        table.rows_estimate = 0;
        table.bytes_estimate = 0;
        for identity in table.columns.iter_mut().filter_map(|c| c.identity.as_mut()) {
            identity.last = None;
            if let Some(sequence) = &mut identity.sequence {
                (sequence.restart, sequence.furthest) = (None, None);
            }
        }
    }
    for sequence in &mut bare.sequences {
        (sequence.last, sequence.restart) = (None, None);
    }
    bare
}

/// The table of that name in a catalogue, by the engine's own idea of equal names.
fn find<'a>(there: &'a Catalogue, name: &TableName, able: Capabilities) -> Option<&'a Table> {
    let same = |table: &&Table| {
        let folded = able.folds_case && table.name.name.eq_ignore_ascii_case(&name.name);
        table.name == *name || (folded && table.name.schema == name.schema)
    };
    there.tables.iter().find(same)
}

fn existing<'a>(
    chosen: &'a [Chosen<'a>],
    to: &'a Catalogue,
    able: Capabilities,
) -> impl Iterator<Item = &'a Table> {
    chosen.iter().filter_map(move |one| find(to, &one.target, able))
}

/// A plan in the making.
struct Draft<'a> {
    able: Capabilities,
    from: &'a Catalogue,
    to: &'a Catalogue,
    target: &'a dyn Target,
    sets: Sets,
    notes: Vec<Note>,
}

impl Draft<'_> {
    /// The tables that the target does not have yet, as it is to have them.
    async fn wanted(
        &mut self,
        chosen: &[Chosen<'_>],
        include: Option<&BTreeSet<Include>>,
        source: &dyn Source,
    ) -> Result<Wanted, Fault> {
        let engines = (self.from.engine, self.to.engine);
        let (to, able) = (self.to, self.able);
        let is_new = move |one: &Chosen<'_>| find(to, &one.target, able).is_none();
        let (prepared, notes) = strays::prepared(chosen, &is_new, engines, source).await?;
        self.notes.extend(notes);
        let shortened = chosen.iter().filter(|one| one.shortened && is_new(one));
        for one in shortened.collect::<Vec<_>>() {
            let text = format!("{} is called so: its own name is too long", one.table.name);
            self.note(Level::Info, Some(&one.target), said_of_all("name", text));
        }
        Ok(self.renamed(chosen, include, &prepared))
    }

    fn renamed(
        &mut self,
        chosen: &[Chosen<'_>],
        include: Option<&BTreeSet<Include>>,
        prepared: &[Table],
    ) -> Wanted {
        let place = |name: &TableName| match chosen.iter().find(|c| c.table.name == *name) {
            Some(one) => Some((one.target.clone(), Some(&*one.rule))),
            None => find(self.to, name, self.able).map(|there| (there.name.clone(), None)),
        };
        let mut tables = Vec::new();
        let mut left: Vec<(TableName, Level, Said)> = Vec::new();
        for (at, one) in chosen.iter().enumerate() {
            if find(self.to, &one.target, self.able).is_some() {
                continue;
            }
            let (mut table, behind) =
                columns::renamed(&prepared[at], &one.rule, &one.target, &place);
            for (long, short) in &one.short {
                let text = format!("{long} is called {short}: its name is too long");
                left.push((one.target.clone(), Level::Info, said("name", long, text)));
            }
            let added = one.asked.as_ref().map(|asked| asked.added(&table));
            table.columns.extend(added.into_iter().flatten());
            left.extend(
                behind.into_iter().map(|text| (one.target.clone(), Level::Left, text.into())),
            );
            if self.from.engine == Engine::Postgres && self.to.engine != Engine::Postgres {
                let said = foreign::plain(&mut table, self.from, self.to.engine);
                let said = said.into_iter().map(|(level, text)| (one.target.clone(), level, text));
                left.extend(said);
            }
            if self.from.engine != self.to.engine {
                let lost = meaning::losses(&table, self.from, self.to.engine);
                left.extend(
                    lost.into_iter().map(|(level, said)| (one.target.clone(), level, said)),
                );
            }
            tables.push((entity_id(at), table));
        }
        for (entity, level, text) in left {
            self.note(level, Some(&entity), text);
        }
        if self.from.engine != self.to.engine {
            self.notes.extend(numbered::narrowed(&mut tables));
        }
        let beside = self.beside(include, chosen);
        let (from, existing) = (self.from.clone(), self.to.clone());
        Wanted { from, tables, existing, beside }
    }

    async fn entities(
        &mut self,
        chosen: &[Chosen<'_>],
        design: &Design,
        wanted: &Wanted,
    ) -> Result<Vec<Planned>, Fault> {
        let tables: Vec<_> = chosen
            .iter()
            .map(|one| {
                let there = find(self.to, &one.target, self.able);
                (one.target.clone(), there.filter(|_| self.able.enforces_foreign_keys))
            })
            .collect();
        let order = order::order(&tables)?;
        let there: Vec<_> =
            existing(chosen, self.to, self.able).map(|table| table.name.clone()).collect();
        let hold = self.target.hold_rows(&there).await?;
        let holding: BTreeSet<_> =
            there.into_iter().zip(hold).filter_map(|(name, holds)| holds.then_some(name)).collect();
        let mut planned = Vec::new();
        for (at, one) in chosen.iter().enumerate() {
            let designed = wanted.tables.iter().position(|(id, _)| *id == entity_id(at));
            let columns = match (designed, find(self.to, &one.target, self.able)) {
                (None, Some(there)) => {
                    let alike = self.from.engine == self.to.engine;
                    let asked = (one.asked.as_ref(), alike);
                    columns::into_existing(one.table, &one.rule, there, self.target, asked)?
                }
                (Some(place), _) => {
                    let designed = &design.columns[place];
                    columns::into_new(one.table, &one.rule, designed, one.asked.as_ref())?
                }
                (None, None) => unreachable!("what is not there was designed"),
            };
            let links = &order.links[at];
            planned.push(self.entity(at, one, columns, links, &holding).await?);
        }
        for (at, one) in planned.iter_mut().enumerate() {
            one.parents = order.parents[at].iter().map(|p| entity_id(*p)).collect();
            one.linked = order.linked[at].iter().map(|p| entity_id(*p)).collect();
        }
        Ok(planned)
    }

    async fn entity(
        &mut self,
        at: usize,
        one: &Chosen<'_>,
        columns: Vec<ColumnMap>,
        links: &BTreeSet<String>,
        holding: &BTreeSet<TableName>,
    ) -> Result<Planned, Fault> {
        let there = find(self.to, &one.target, self.able).cloned();
        let mode = mode(one, there.as_ref())?;
        let holds_rows = there.as_ref().is_some_and(|table| holding.contains(&table.name));
        if holds_rows && mode == Mode::Create {
            return Err(Fault::new(Code::TargetNotEmpty, one.target.to_string()));
        }
        // What is emptied first holds no rows but ours.
        let holds_rows = holds_rows && mode != Mode::Replace;
        let silent = self.silent(one, there.as_ref())?;
        if let Some(there) = &there {
            self.say_of_existing(there, holds_rows, silent);
            self.say_what_lacks(one, there);
        }
        let linked = |c: &&ColumnMap| links.contains(&c.target);
        let links: Vec<_> = columns.iter().filter(linked).map(|c| c.source.clone()).collect();
        if let Some(map) = columns.iter().filter(linked).find(|c| c.source.is_empty()) {
            let place = format!("{}.{}", one.target, map.target);
            return Err(Fault::new(Code::ExpressionInvalid, place).saying(
                "it refers to rows that may come later, and such a column cannot be computed",
            ));
        }
        let key = one.table.cutting_key().unwrap_or_default();
        if !links.is_empty() {
            refuse_unnamed(&one.target, &key, &columns, &links)?;
        }
        self.learn_charsets(&columns).await?;
        let conflict = conflict(one, mode, there.as_ref())?;
        let (mut policies, said) =
            self.policies(one, there.as_ref(), (&columns, &key, &conflict))?;
        let lane = self.lane(one, (&columns, &links), &policies);
        self.say_of_charsets(one, (&columns, lane), &policies);
        match lane {
            Lane::Text => {
                said.into_iter().for_each(|s| self.note(Level::Info, Some(&one.target), s))
            }
            Lane::Raw => policies.clear(),
        }
        let entity = Entity {
            id: entity_id(at),
            source: one.table.name.clone(),
            target: there.as_ref().map_or_else(|| one.target.clone(), |t| t.name.clone()),
            new: there.is_none(),
            mode,
            lane,
            key,
            conflict,
            links,
            filter: one.rule.filter.clone(),
            top: one.rule.top,
            policies,
            rejects_max: one.rule.rejects,
            shape: one.asked.as_ref().map(|asked| asked.shape(one.table, &columns)),
            silent,
            rows_estimate: one.table.rows_estimate.min(one.rule.top.unwrap_or(u64::MAX)),
            bytes_estimate: one.table.bytes_estimate,
            columns,
        };
        self.say_of(&entity);
        Ok(Planned {
            entity,
            parents: BTreeSet::new(),
            linked: BTreeSet::new(),
            chunk_rows: one.rule.chunk_rows,
            verifiable: !holds_rows,
        })
    }

    /// The step that empties what is to be replaced, before any row moves.
    fn emptying(&self, entities: &[Planned]) -> Result<Option<DesignedStep>, Fault> {
        let replaced: Vec<_> = entities
            .iter()
            .filter(|one| one.entity.mode == Mode::Replace)
            .map(|one| one.entity.target.clone())
            .collect();
        if replaced.is_empty() {
            return Ok(None);
        }
        for table in self.to.tables.iter().filter(|table| !replaced.contains(&table.name)) {
            let to = |key: &&ForeignKey| replaced.contains(&key.references);
            if let Some(key) = table.foreign_keys.iter().find(to) {
                let said = format!("{} refers to it", table.name);
                let fault = Fault::new(Code::ReplaceReferenced, key.references.to_string());
                return Err(fault.saying(said));
            }
            if let Some(parent) = table.peculiar.parents.iter().find(|p| replaced.contains(p)) {
                let said = format!("{} inherits from it, and would be emptied with it", table.name);
                let fault = Fault::new(Code::ReplaceReferenced, parent.to_string());
                return Err(fault.saying(said));
            }
        }
        let Some(step) = self.target.emptying(&replaced) else {
            let fault = Fault::new(Code::ModeUnable, replaced[0].to_string());
            return Err(fault.saying("it cannot be emptied"));
        };
        Ok(Some(DesignedStep {
            step,
            stage: Stage::Prepare,
            entity: None,
            after: Vec::new(),
            verified: Vec::new(),
        }))
    }

    /// What becomes of values that do not fit, and what to say of it.
    fn policies(
        &self,
        one: &Chosen<'_>,
        there: Option<&Table>,
        (columns, key, conflict): (&[ColumnMap], &[String], &[String]),
    ) -> Result<(policies::Policies, Vec<String>), Fault> {
        let table = there.unwrap_or(one.table);
        let nullable = |map: &ColumnMap| {
            let name = if there.is_some() { &map.target } else { &map.source };
            let keyed = table.primary_key.iter().any(|key| key.columns.contains(name));
            !keyed && table.column(name).is_some_and(|column| column.nullable)
        };
        let asked = policies::Columns {
            rule: &one.rule,
            source: one.table,
            target: &one.target,
            columns,
            key,
            conflict,
            nullable: &nullable,
            to: self.to.engine,
            charsets: &self.sets.has,
            lacks: &|map| self.may_lack(map),
        };
        asked.policies()
    }

    /// Tables that are there number their rows on after those that are written.
    fn numbering(&self, entities: &[Planned]) -> Vec<DesignedStep> {
        let step = |one: &Planned| {
            let entity = &one.entity;
            let there = find(self.to, &entity.target, self.able).filter(|_| !entity.new)?;
            let columns: Vec<_> = entity.columns.iter().map(|c| c.target.clone()).collect();
            let step = self.target.numbering(there, &columns)?;
            let (stage, entity) = (Stage::Finish, Some(entity.id));
            Some(DesignedStep { step, stage, entity, after: Vec::new(), verified: Vec::new() })
        };
        entities.iter().filter_map(step).collect()
    }

    /// Whether triggers are off while rows are written: only where there are any.
    fn silent(&self, one: &Chosen<'_>, there: Option<&Table>) -> Result<bool, Fault> {
        let triggers = there.map(|there| &there.triggers).filter(|all| !all.is_empty());
        match (one.rule.triggers, triggers) {
            (Triggers::On, _) | (Triggers::Off, None) => Ok(false),
            (Triggers::Off, Some(_)) if self.able.silences_triggers => Ok(true),
            (Triggers::Off, Some(all)) => {
                let said = format!("it has {}", all.join(", "));
                Err(Fault::new(Code::TriggersUnable, one.target.to_string()).saying(said))
            }
        }
    }
}

fn entity_id(at: usize) -> EntityId {
    EntityId(u32::try_from(at).expect("fewer than 2^32 entities"))
}
