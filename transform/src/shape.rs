//! Rows reshaped on purpose: some left out, some refused, some columns computed.
//!
//! This comes before everything else in a pipeline. What leaves here has exactly the columns of the entity,
//! and is looked at as if it had been read so.

use std::sync::Arc;

use protocol::batch::{Batch, Misfit, Row};
use protocol::cell::Reason;
use protocol::plan::{Entity, Shape};

use crate::expression::{Expression, Failure, Mistake, Type, Value};

/// What an entity's [`Shape`] comes to.
#[derive(Debug, Clone)]
pub(crate) struct Shaper(Arc<Compiled>);

/// Two are equal when they were compiled from the same.
impl PartialEq for Shaper {
    fn eq(&self, other: &Self) -> bool {
        self.0.shape == other.0.shape
    }
}

impl Eq for Shaper {}

#[derive(Debug)]
struct Compiled {
    shape: Shape,
    /// The name of each cell that is read, and what it means where an expression reads it.
    reads: Vec<(String, Option<Type>)>,
    when: Option<Expression>,
    checks: Vec<(String, Expression)>,
    computed: Vec<(String, Expression)>,
    /// How many of the cells that are read leave as they came.
    plain: usize,
}

/// What a batch comes to.
pub(crate) struct Shaped {
    /// Rows with the entity's columns.
    pub(crate) rows: Batch,
    /// For each of them, its place in the batch that came in.
    pub(crate) origins: Vec<usize>,
    /// Rows that are refused: place, column or name of the check, and why.
    pub(crate) refused: Vec<(usize, String, Reason)>,
    /// How many rows were left out.
    pub(crate) filtered: u64,
}

/// What becomes of a row.
enum Fate {
    Kept,
    Filtered,
    Refused(String, Reason),
}

/// What an expression that must be a truth is called in messages.
const CONDITION: &str = "boolean";

impl Shaper {
    /// Compiles what the entity says of its rows.
    ///
    /// # Errors
    /// What is wrong with an expression, with the place that it has in the migration file.
    pub(crate) fn of(entity: &Entity, shape: &Shape) -> Result<Self, (String, Mistake)> {
        let read = entity.reads();
        let columns: Vec<_> = read.iter().map(|(name, of)| (name.as_str(), of)).collect();
        let compile = |place: String, text: &str| {
            Expression::compile(text, &columns).map_err(|mistake| (place, mistake))
        };
        let truth = |place: String, text: &str| {
            let expression = compile(place.clone(), text)?;
            match expression.result() == Type::Boolean {
                true => Ok(expression),
                false => Err((place, Mistake::not_a(CONDITION, expression.result()))),
            }
        };
        let when = shape.when.as_deref().map(|text| truth("when".into(), text)).transpose()?;
        let checks = shape
            .checks
            .iter()
            .map(|(name, text)| Ok((name.clone(), truth(format!("check.{name}"), text)?)));
        let checks = checks.collect::<Result<Vec<_>, _>>()?;
        let computed = shape.computed.iter().map(|(target, text)| {
            Ok((target.clone(), compile(format!("compute.{target}"), text)?))
        });
        let computed = computed.collect::<Result<Vec<_>, _>>()?;
        let all = when.iter().chain(checks.iter().chain(&computed).map(|(_, one)| one));
        let used: Vec<usize> = all.flat_map(Expression::reads).copied().collect();
        let reads = read
            .iter()
            .enumerate()
            .map(|(at, (name, of))| (name.clone(), used.contains(&at).then(|| Type::of(of))));
        let reads = reads.collect();
        let plain = entity.columns.len() - computed.len();
        let shape = shape.clone();
        Ok(Self(Arc::new(Compiled { shape, reads, when, checks, computed, plain })))
    }

    /// Sends a batch through. A row that its reader noted in a column that is read by an expression is
    /// refused for that.
    pub(crate) fn apply(&self, batch: &Batch) -> Shaped {
        let mut shaped = Shaped {
            rows: Batch::with_capacity(batch.bytes() + batch.bytes() / 4),
            origins: Vec::with_capacity(batch.rows()),
            refused: Vec::new(),
            filtered: 0,
        };
        for (index, row) in batch.iter().enumerate() {
            let noted = batch.misfits().iter().filter(|misfit| misfit.row == index);
            match self.row(row, noted, &mut shaped.rows) {
                Fate::Kept => shaped.origins.push(index),
                Fate::Filtered => shaped.filtered += 1,
                Fate::Refused(column, reason) => shaped.refused.push((index, column, reason)),
            }
        }
        shaped
    }

    fn row<'m>(
        &self,
        row: Row<'_>,
        noted: impl Iterator<Item = &'m Misfit>,
        rows: &mut Batch,
    ) -> Fate {
        let compiled = &*self.0;
        let noted: Vec<&Misfit> = noted.collect();
        let mut values = Vec::with_capacity(compiled.reads.len());
        for (at, (cell, (name, of))) in row.cells().zip(&compiled.reads).enumerate() {
            let misfit = noted.iter().find(|misfit| misfit.column == at);
            let value = match (of, misfit, cell) {
                (Some(_), Some(misfit), _) => Err(Failure::from(misfit.reason)),
                (Some(of), None, Some(cell)) => Value::read(*of, cell),
                (None, _, _) | (Some(_), None, None) => Ok(Value::Null),
            };
            match value {
                Ok(value) => values.push(value),
                Err(failure) => return Fate::Refused(name.clone(), reason(failure)),
            }
        }
        match self.judge(&values) {
            Fate::Kept => self.write(row, &noted, &values, rows),
            fate @ (Fate::Filtered | Fate::Refused(..)) => fate,
        }
    }

    /// Whether the row is wanted, and keeps what must hold. What is unknown holds, as for a check of SQL.
    fn judge(&self, values: &[Value<'_>]) -> Fate {
        let truth = |expression: &Expression| match expression.evaluate(values) {
            Ok(Value::Boolean(is)) => Ok(Some(is)),
            Ok(_) => Ok(None),
            Err(failure) => Err(reason(failure)),
        };
        match self.0.when.as_ref().map(truth) {
            None | Some(Ok(Some(true))) => {}
            Some(Ok(_)) => return Fate::Filtered,
            Some(Err(reason)) => return Fate::Refused("when".into(), reason),
        }
        for (name, check) in &self.0.checks {
            match truth(check) {
                Ok(Some(false)) => return Fate::Refused(name.clone(), Reason::Check),
                Ok(_) => {}
                Err(reason) => return Fate::Refused(name.clone(), reason),
            }
        }
        Fate::Kept
    }

    fn write(
        &self,
        row: Row<'_>,
        noted: &[&Misfit],
        values: &[Value<'_>],
        rows: &mut Batch,
    ) -> Fate {
        let compiled = &*self.0;
        let at = rows.rows();
        rows.begin_row(compiled.plain + compiled.computed.len());
        for cell in row.cells().take(compiled.plain) {
            rows.push_cell(cell);
        }
        for (target, expression) in &compiled.computed {
            match expression.evaluate(values) {
                Ok(Value::Null) => rows.push_cell(None),
                Ok(value) => rows.push_cell_with(|out| value.write(out)),
                Err(failure) => {
                    rows.abandon_row();
                    return Fate::Refused(target.clone(), reason(failure));
                }
            }
        }
        rows.end_row();
        for misfit in noted.iter().filter(|misfit| misfit.column < compiled.plain) {
            rows.note_misfit(Misfit { row: at, ..**misfit });
        }
        Fate::Kept
    }
}

fn reason(failure: Failure) -> Reason {
    match failure {
        Failure::OutOfRange => Reason::OutOfRange,
        Failure::DivisionByZero => Reason::DivisionByZero,
        Failure::Unfit(reason) => reason,
    }
}
