//! What a target is to have, and what it makes of it.

use std::collections::BTreeSet;

use protocol::id::EntityId;
use protocol::mapping::Include;
use protocol::plan::{Note, Stage, Step};
use protocol::schema::{Catalogue, Logical, Table};

/// Tables that a target is to have, in the words of the engine they come from.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The catalogue they come from: its engine, enums and sequences.
    pub from: Catalogue,
    /// The tables, already under their target names and without excluded columns, keys and indexes
    /// over those; each with its place in the plan. Foreign keys name target tables, and those to
    /// tables that are not moved and not there are already left out.
    pub tables: Vec<(EntityId, Table)>,
    /// Schemas, types and sequences that the target has already.
    pub existing: Catalogue,
    /// What moves beside tables, and of what.
    pub beside: Beside,
}

/// Which objects beside tables a target is to have, in the words of its own engine.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Which kinds. Empty where the engines differ.
    pub include: BTreeSet<Include>,
    /// Whether every table was meant, and so everything beside them; otherwise only what is a part of
    /// a wanted table, and what that needs.
    pub everything: bool,
}

/// What a target makes of [`Wanted`].
#[derive(Debug, Clone, Default)]
pub struct Design {
    /// For each wanted table, in the same order: the type of each of its columns. Generated
    /// columns that the target generates itself are marked and not written.
    pub columns: Vec<Vec<DesignedColumn>>,
    /// Steps in an order in which they could run one by one.
    pub steps: Vec<DesignedStep>,
    /// What it cannot express, and what a person should know.
    pub notes: Vec<Note>,
    /// Keys of the objects beside tables of which the steps or the notes account: they are made, are
    /// there, or stay behind for a reason that a note says.
    pub settled: BTreeSet<String>,
    /// Whether everything designed survives a crash of the server.
    pub durable: bool,
}

/// The type a target gives a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesignedColumn {
    /// The column's name.
    pub name: String,
    /// The target's own type.
    pub native: String,
    /// What the target's type means, and so what it gives back.
    pub logical: Logical,
    /// Whether the target computes it, so that no value may be written.
    pub generated: bool,
    /// Whether what it gives back for a value can be foretold; see `ColumnMap::compared`.
    pub compared: bool,
}

/// A step with its place among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesignedStep {
    /// The step.
    pub step: Step,
    /// `Stage::Prepare` or `Stage::Finish`.
    pub stage: Stage,
    /// The entity it belongs to, if to one.
    pub entity: Option<EntityId>,
    /// Positions in [`Design::steps`] of those that must be done before, beyond what the stages
    /// already order: a foreign key waits for the key it points to.
    pub after: Vec<usize>,
    /// Entities that must have been read back before: a policy hides rows. A step of one of these
    /// entities names none.
    pub verified: Vec<EntityId>,
}
