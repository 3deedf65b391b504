//! From a migration to a plan: introspect → map types → order → split.
//!
//! # Promises
//! 1. Nothing is written anywhere while a plan is drawn.
//! 2. What cannot be moved as asked is refused here, by name, before a run begins; what can be
//!    moved but not expressed in the target is a note in the plan, never dropped in silence.
//! 3. The same migration over the same databases gives the same fingerprint.

mod chunks;
mod columns;
mod order;
mod policies;
mod select;

use std::collections::{BTreeMap, BTreeSet};

use endpoint::{Capabilities, Design, DesignedStep, Source, Target, Wanted};
use protocol::fault::{Code, Fault};
use protocol::id::EntityId;
use protocol::mapping::{Migration, Mode, Triggers};
use protocol::plan::{
    ColumnMap, DrawnFrom, Entity, Guarantee, Lane, Level, Note, Plan, Side, Stage,
};
use protocol::schema::{Catalogue, ForeignKey, Table, TableName};
use protocol::wire;

use chunks::Planned;
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
    if source.identity().await? == target.identity().await? {
        return Err(Fault::new(Code::SameDatabase, target.place()));
    }
    let from = source.catalogue().await?;
    let to = target.catalogue().await?;
    let able = target.capabilities();
    let chosen = select::select(migration, &from, &to, able)?;
    for one in &chosen {
        columns::refuse_unknown(one.rule, one.table)?;
    }
    let mut draft = Draft { able, from: &from, to: &to, target, notes: Vec::new() };
    let (mut design, wanted) = draft.design(&chosen)?;
    let entities = draft.entities(&chosen, &design, &wanted).await?;
    target.may_write(&entities.iter().map(|planned| &planned.entity).collect::<Vec<_>>()).await?;
    design.steps.extend(draft.numbering(&entities));
    design.steps.extend(draft.emptying(&entities)?);
    draft.say_what_stays(&chosen);
    draft.say_what_hides(&chosen, source).await?;
    draft.notes.extend(design.notes);
    // The most serious first; a stable sort keeps what belongs together together.
    draft.notes.sort_by_key(|note| std::cmp::Reverse(note.level));
    let notes = draft.notes;
    let durable = design.durable && existing(&chosen, &to, able).all(|table| table.durable);
    let chunks = chunks::chunks(&entities, design.steps, &migration.limits, source).await?;
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
        notes,
        drawn_from: drawn_from(migration, &from, &to),
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
    for entity in plan.entities.iter().filter(|e| !e.new && e.mode == Mode::Create) {
        if target.holds_rows(&entity.target).await? {
            return Err(Fault::new(Code::TargetNotEmpty, entity.target.to_string()));
        }
    }
    Ok(())
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
        }
    }
    for sequence in &mut bare.sequences {
        sequence.last = None;
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
    notes: Vec<Note>,
}

impl Draft<'_> {
    fn note(&mut self, level: Level, entity: Option<&TableName>, text: impl Into<String>) {
        self.notes.push(Note { level, entity: entity.map(ToString::to_string), text: text.into() });
    }

    /// What the target makes of the tables that it does not have yet; and those tables.
    fn design(&mut self, chosen: &[Chosen<'_>]) -> Result<(Design, Wanted), Fault> {
        let meaning = |name: &TableName| match chosen.iter().find(|c| c.table.name == *name) {
            Some(one) => Some((one.target.clone(), Some(one.rule))),
            None => find(self.to, name, self.able).map(|there| (there.name.clone(), None)),
        };
        let mut tables = Vec::new();
        let mut left = Vec::new();
        for (at, one) in chosen.iter().enumerate() {
            if find(self.to, &one.target, self.able).is_some() {
                continue;
            }
            let (table, behind) = columns::renamed(one.table, one.rule, &one.target, &meaning);
            left.extend(behind.into_iter().map(|text| (one.target.clone(), text)));
            tables.push((entity_id(at), table));
        }
        for (entity, text) in left {
            self.note(Level::Left, Some(&entity), text);
        }
        let wanted = Wanted { from: self.from.clone(), tables, existing: self.to.clone() };
        Ok((self.target.design(&wanted)?, wanted))
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
        let mut planned = Vec::new();
        for (at, one) in chosen.iter().enumerate() {
            let designed = wanted.tables.iter().position(|(id, _)| *id == entity_id(at));
            let columns = match (designed, find(self.to, &one.target, self.able)) {
                (None, Some(there)) => {
                    let alike = self.from.engine == self.to.engine;
                    columns::into_existing(one.table, one.rule, there, self.target, alike)?
                }
                (Some(place), _) => columns::into_new(one.table, one.rule, &design.columns[place]),
                (None, None) => unreachable!("what is not there was designed"),
            };
            let links = &order.links[at];
            planned.push(self.entity(at, one, columns, links).await?);
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
    ) -> Result<Planned, Fault> {
        let there = find(self.to, &one.target, self.able).cloned();
        let mode = mode(one, there.as_ref())?;
        let holds_rows = match &there {
            Some(table) => self.target.holds_rows(&table.name).await?,
            None => false,
        };
        if holds_rows && mode == Mode::Create {
            return Err(Fault::new(Code::TargetNotEmpty, one.target.to_string()));
        }
        // What is emptied first holds no rows but ours.
        let holds_rows = holds_rows && mode != Mode::Replace;
        let silent = self.silent(one, there.as_ref())?;
        if let Some(there) = &there {
            self.say_of_existing(there, holds_rows, silent);
        }
        let linked = |c: &&ColumnMap| links.contains(&c.target);
        let links: Vec<_> = columns.iter().filter(linked).map(|c| c.source.clone()).collect();
        let key = one.table.cutting_key().unwrap_or_default();
        if !links.is_empty() {
            refuse_unnamed(&one.target, &key, &columns, &links)?;
        }
        let lane = self.lane(one, &columns, &links);
        let conflict = conflict(one, mode, there.as_ref())?;
        let policies = self.policies(one, there.as_ref(), (&columns, &key, &conflict), lane)?;
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
        }
        let Some(step) = self.target.emptying(&replaced) else {
            let fault = Fault::new(Code::ModeUnable, replaced[0].to_string());
            return Err(fault.saying("it cannot be emptied"));
        };
        Ok(Some(DesignedStep { step, stage: Stage::Prepare, entity: None, after: Vec::new() }))
    }

    /// What becomes of values that do not fit. The raw lane has none: both columns are the same.
    fn policies(
        &mut self,
        one: &Chosen<'_>,
        there: Option<&Table>,
        (columns, key, conflict): (&[ColumnMap], &[String], &[String]),
        lane: Lane,
    ) -> Result<policies::Policies, Fault> {
        let table = there.unwrap_or(one.table);
        let nullable = |map: &ColumnMap| {
            let name = if there.is_some() { &map.target } else { &map.source };
            let keyed = table.primary_key.iter().any(|key| key.columns.contains(name));
            !keyed && table.column(name).is_some_and(|column| column.nullable)
        };
        let asked = policies::Columns {
            rule: one.rule,
            source: one.table,
            target: &one.target,
            columns,
            key,
            conflict,
            nullable: &nullable,
            to: self.to.engine,
        };
        let (policies, notes) = asked.policies()?;
        if lane == Lane::Raw {
            return Ok(policies::Policies::new());
        }
        for note in notes {
            self.note(Level::Info, Some(&one.target), note);
        }
        Ok(policies)
    }

    /// Tables that are there number their rows on after those that are written.
    fn numbering(&self, entities: &[Planned]) -> Vec<DesignedStep> {
        let step = |one: &Planned| {
            let entity = &one.entity;
            let there = find(self.to, &entity.target, self.able).filter(|_| !entity.new)?;
            let columns: Vec<_> = entity.columns.iter().map(|c| c.target.clone()).collect();
            let step = self.target.numbering(there, &columns)?;
            let (stage, entity) = (Stage::Finish, Some(entity.id));
            Some(DesignedStep { step, stage, entity, after: Vec::new() })
        };
        entities.iter().filter_map(step).collect()
    }

    /// Bytes may pass unseen when both engines are one and every column means the same bytes.
    fn lane(&self, one: &Chosen<'_>, columns: &[ColumnMap], links: &[String]) -> Lane {
        let same = |map: &ColumnMap| {
            let column = one.table.column(&map.source);
            column.is_some_and(|c| c.raw && c.native == map.native && map.compared)
        };
        let alike = self.from.engine == self.to.engine && columns.iter().all(same);
        if alike && links.is_empty() { Lane::Raw } else { Lane::Text }
    }

    fn say_of(&mut self, entity: &Entity) {
        let name = Some(&entity.target);
        if entity.key.is_empty() && entity.top.is_none() {
            self.note(Level::Info, name, "has no NOT NULL unique key, and moves as one chunk");
        }
        if !entity.links.is_empty() {
            let links = entity.links.join(", ");
            self.note(Level::Info, name, format!("{links}: filled in a second pass"));
        }
        for column in entity.columns.iter().filter(|column| !column.compared) {
            let text = format!("{} is rewritten by the target and not verified", column.target);
            self.note(Level::Warning, name, text);
        }
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

    fn say_of_existing(&mut self, there: &Table, holds_rows: bool, silent: bool) {
        let triggers = there.triggers.join(", ");
        if silent {
            let text = format!(
                "triggers are off for the rows of this run: {triggers}; its chunks follow one another, \
                 and others wait to write meanwhile"
            );
            self.note(Level::Warning, Some(&there.name), text);
        } else if !there.triggers.is_empty() {
            let text = format!("triggers will fire: {triggers}");
            self.note(Level::Warning, Some(&there.name), text);
        }
        if holds_rows {
            let text = "holds rows already, so reading it back cannot prove what this run wrote";
            self.note(Level::Warning, Some(&there.name), text);
        }
        if !there.durable {
            let text = "does not survive a crash of the server (UNLOGGED)";
            self.note(Level::Warning, Some(&there.name), text);
        }
    }

    /// Where rules say which entities by patterns, those that the user may not see are not among them.
    async fn say_what_hides(
        &mut self,
        chosen: &[Chosen<'_>],
        source: &dyn Source,
    ) -> Result<(), Fault> {
        let named = |one: &Chosen<'_>| one.rule.pattern == one.table.name.name;
        if chosen.iter().all(named) {
            return Ok(());
        }
        if let Some(why) = source.hides().await? {
            self.note(Level::Warning, None, why);
        }
        Ok(())
    }

    /// Names what stands in the source and is not moved: all of it when everything was meant, else
    /// what belongs to the chosen tables.
    fn say_what_stays(&mut self, chosen: &[Chosen<'_>]) {
        let everything = chosen.iter().any(|one| one.rule.pattern == "*");
        let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for one in &self.from.unmoved {
            if everything || chosen.iter().any(|c| belongs(&one.name, &c.table.name)) {
                kinds.entry(&one.kind).or_default().push(one.name.to_string());
            }
        }
        for (kind, names) in kinds {
            self.note(Level::Left, None, format!("{kind} not moved: {}", names.join(", ")));
        }
    }
}

/// The second pass finds each row by its key, so all of the key must be there and moved.
fn refuse_unnamed(
    target: &TableName,
    key: &[String],
    columns: &[ColumnMap],
    links: &[String],
) -> Result<(), Fault> {
    let moved = |name: &String| columns.iter().any(|column| column.source == *name);
    if !key.is_empty() && key.iter().all(moved) {
        return Ok(());
    }
    let said = format!("{} must be filled in a second pass, by a key", links.join(", "));
    Err(Fault::new(Code::KeyMissing, target.to_string()).saying(said).next(
        "Give the source a NOT NULL unique key and move all of it, or let Longhaul create the table.",
    ))
}

/// Whether a thing is a part of a table (`orders.orders_period_excl`), or said of it.
fn belongs(thing: &TableName, table: &TableName) -> bool {
    let rest = thing.name.strip_prefix(&table.name);
    thing.schema == table.schema
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// How rows are written. What the plan creates needs no more than that; only an update needs rows
/// that are there.
fn mode(one: &Chosen<'_>, there: Option<&Table>) -> Result<Mode, Fault> {
    match (one.rule.mode, there) {
        (mode, Some(_)) => Ok(mode),
        (Mode::Update, None) => Err(Fault::new(Code::ModeUnable, one.target.to_string())
            .saying("mode update writes to rows that are there, and there is no such table")),
        (Mode::Create | Mode::Upsert | Mode::Replace | Mode::Append, None) => Ok(Mode::Create),
    }
}

/// The columns that say which row an upsert or an update means.
fn conflict(one: &Chosen<'_>, mode: Mode, there: Option<&Table>) -> Result<Vec<String>, Fault> {
    let Some(there) = there.filter(|_| !mode.inserts()) else { return Ok(Vec::new()) };
    let primary = || there.primary_key.as_ref().map(|key| key.columns.clone());
    let wish = Some(one.rule.conflict.clone()).filter(|columns| !columns.is_empty());
    let Some(columns) = wish.or_else(primary) else {
        return Err(Fault::new(Code::KeyMissing, there.name.to_string())
            .saying("it has no primary key, and `conflict` names no columns"));
    };
    let wanted: BTreeSet<_> = columns.iter().collect();
    let keys = there.primary_key.iter().chain(&there.uniques).map(|key| key.columns.clone());
    let indexes = there.indexes.iter().filter_map(|index| index.unique_columns());
    if keys.chain(indexes).any(|key| key.iter().collect::<BTreeSet<_>>() == wanted) {
        return Ok(columns);
    }
    let said = format!("no unique constraint covers exactly ({})", columns.join(", "));
    Err(Fault::new(Code::KeyMissing, there.name.to_string()).saying(said))
}

fn entity_id(at: usize) -> EntityId {
    EntityId(u32::try_from(at).expect("fewer than 2^32 entities"))
}
