//! What the migration says of rows in expressions: which are wanted, which are sound, and which
//! columns are computed.

use std::collections::BTreeSet;

use endpoint::Target;
use protocol::fault::{Code, Fault};
use protocol::mapping::EntityRule;
use protocol::plan::{ColumnMap, Shape};
use protocol::schema::{Column, Logical, Table};
use transform::expression::{Expression, Mistake, Type};

/// The expressions of a rule, compiled over the columns of its table.
pub(super) struct Asked {
    when: Option<String>,
    checks: Vec<(String, String)>,
    computed: Vec<Computed>,
    /// Positions of the source columns that expressions read.
    reads: BTreeSet<usize>,
}

/// A column that is computed.
struct Computed {
    target: String,
    text: String,
    of: Type,
}

/// Compiles what the rule says.
///
/// # Errors
/// `ExpressionInvalid`, with the expression's own text and a caret.
pub(super) fn asked(rule: &EntityRule, table: &Table) -> Result<Option<Asked>, Fault> {
    if !rule.reshapes() {
        return Ok(None);
    }
    let mut asked = Asked {
        when: rule.when.clone(),
        checks: Vec::new(),
        computed: Vec::new(),
        reads: BTreeSet::new(),
    };
    let columns: Vec<_> = table.columns.iter().map(|c| (c.name.as_str(), &c.logical)).collect();
    let mut compiled = |place: String, text: &str| {
        let refused = |mistake: Mistake| {
            Fault::new(Code::ExpressionInvalid, format!("{}, {place}", table.name))
                .saying(mistake.to_string())
        };
        let expression = Expression::compile(text, &columns).map_err(refused)?;
        asked.reads.extend(expression.reads());
        Ok::<_, Fault>(expression.result())
    };
    let truths = rule.when.iter().map(|text| ("when".to_owned(), text));
    let truths =
        truths.chain(rule.checks.iter().map(|(name, text)| (format!("check {name}"), text)));
    for (place, text) in truths {
        let of = compiled(place.clone(), text)?;
        if of != Type::Boolean {
            return Err(Fault::new(Code::ExpressionInvalid, format!("{}, {place}", table.name))
                .saying(format!("`{text}` is {of}, and boolean is needed")));
        }
    }
    let mut computed = Vec::new();
    for (target, text) in &rule.compute {
        let of = compiled(format!("compute {target}"), text)?;
        computed.push(Computed { target: target.clone(), text: text.clone(), of });
    }
    asked.checks = rule.checks.clone().into_iter().collect();
    asked.computed = computed;
    Ok(Some(asked))
}

impl Asked {
    /// Whether the target column is computed.
    pub(super) fn computes(&self, target: &str) -> bool {
        self.computed.iter().any(|one| one.target == target)
    }

    /// The computed columns that the table does not have, as it is to have them.
    pub(super) fn added(&self, table: &Table) -> Vec<Column> {
        let new = self.computed.iter().filter(|one| table.column(&one.target).is_none());
        let column = |one: &Computed| Column {
            name: one.target.clone(),
            logical: one.of.logical(),
            nullable: true,
            ..Column::default()
        };
        new.map(column).collect()
    }

    /// The mapping of the computed columns into a table that is there, or will be. `there` gives a column's
    /// meaning, its own type, and whether what it gives back can be foretold.
    ///
    /// # Errors
    /// `ColumnUnknown` where the table has no such column, `ExpressionInvalid` where it is of a type that the
    /// expression does not have.
    pub(super) fn maps(
        &self,
        table: &Table,
        there: impl Fn(&str, &Logical) -> Option<Into>,
    ) -> Result<Vec<ColumnMap>, Fault> {
        let map = |one: &Computed| {
            let (place, from) = (format!("{}.{}", table.name, one.target), one.of.logical());
            let Some(into) = there(&one.target, &from) else {
                return Err(Fault::new(Code::ColumnUnknown, place)
                    .saying("it is computed, and the target has no such column"));
            };
            if !goes_into(one.of, &into.to) {
                let said = format!(
                    "`{}` is {}, and does not go into {} by itself: write `cast(… as {})`",
                    one.text,
                    one.of,
                    into.native,
                    Type::of(&into.to)
                );
                return Err(Fault::new(Code::ExpressionInvalid, place).saying(said));
            }
            Ok(ColumnMap {
                source: String::new(),
                target: one.target.clone(),
                from,
                to: into.to,
                native: into.native,
                compared: into.compared,
            })
        };
        self.computed.iter().map(map).collect()
    }

    /// What stands in the plan, beside these columns that are read anyway.
    pub(super) fn shape(&self, table: &Table, columns: &[ColumnMap]) -> Shape {
        let plain = |name: &str| columns.iter().any(|map| map.source == name);
        let read = self.reads.iter().map(|at| &table.columns[*at]).filter(|c| !plain(&c.name));
        let computed = self.computed.iter().map(|one| (one.target.clone(), one.text.clone()));
        Shape {
            when: self.when.clone(),
            checks: self.checks.iter().cloned().collect(),
            computed: computed.collect(),
            reads: read.map(|c| (c.name.clone(), c.logical.clone())).collect(),
        }
    }
}

/// A column that a computed value goes into.
pub(super) struct Into {
    pub(super) to: Logical,
    pub(super) native: String,
    pub(super) compared: bool,
}

/// The column of an existing table, as the target takes values of a meaning into it.
pub(super) fn existing(
    there: &Table,
    target: &dyn Target,
    name: &str,
    from: &Logical,
) -> Option<Into> {
    let column = there.column(name).filter(|column| column.generated.is_none())?;
    let to = target.accepts(from, column).unwrap_or_else(|| column.logical.clone());
    Some(Into { to, native: column.native.clone(), compared: true })
}

/// Whether values of an expression go into a column without being asked to. Text goes into what is carried as
/// text, and numbers into wider ones; what does not fit is a reject, as for every other value.
fn goes_into(of: Type, to: &Logical) -> bool {
    let into = Type::of(to);
    match (of, into) {
        (of, into) if of == into => true,
        (Type::Integer, Type::Decimal | Type::Float) | (Type::Decimal, Type::Integer) => true,
        (Type::Date, Type::Timestamp) => true,
        _ => *to == Logical::Any,
    }
}
