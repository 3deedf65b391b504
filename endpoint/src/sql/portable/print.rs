//! An expression in the words of another engine, where it means the same there.

use protocol::schema::{Column, Engine, Logical};
use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, ExactNumberInfo, Expr, Function, Ident,
    UnaryOperator,
};

use super::value::{Kind, Printed, alike, ordered_alike};
use super::{bare, is_text, literal, plain_call};

/// Prints for the other engine, or finds that it cannot.
pub(super) struct Printer<'a> {
    pub(super) columns: Option<&'a [Column]>,
    pub(super) from: Engine,
    pub(super) to: Engine,
}

impl Printer<'_> {
    pub(super) fn print(&self, expr: &Expr) -> Option<Printed> {
        match expr {
            Expr::Nested(inner) => self.print(inner),
            Expr::Identifier(name) => self.column(name),
            Expr::Value(value) => literal::plain(&value.value),
            Expr::Cast { kind, expr, data_type, format: None } => self.cast(kind, expr, data_type),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(inner) => self.test(inner, "IS NULL"),
            Expr::IsNotNull(inner) => self.test(inner, "IS NOT NULL"),
            Expr::IsTrue(inner) => self.truth(inner, "IS TRUE"),
            Expr::IsNotTrue(inner) => self.truth(inner, "IS NOT TRUE"),
            Expr::IsFalse(inner) => self.truth(inner, "IS FALSE"),
            Expr::IsNotFalse(inner) => self.truth(inner, "IS NOT FALSE"),
            Expr::Between { expr, negated, low, high } => self.between(expr, *negated, low, high),
            Expr::InList { expr, list, negated } => self.among(expr, list, *negated),
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
                self.among(left, array(right)?, false)
            }
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => {
                self.among(left, array(right)?, true)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Function(function) => self.call(function),
            _ => None,
        }
    }

    fn column(&self, name: &Ident) -> Option<Printed> {
        let Some(columns) = self.columns else {
            return Some(Printed::atom(self.quoted(&name.value), Kind::Unknown));
        };
        let exact = columns.iter().find(|column| column.name == name.value);
        let folded = || {
            let same = |c: &&Column| c.name.eq_ignore_ascii_case(&name.value);
            let folds = matches!(self.from, Engine::Sqlite | Engine::MySql);
            columns.iter().find(same).filter(|_| folds)
        };
        let column = exact.or_else(folded)?;
        Some(Printed::atom(self.quoted(&column.name), self.kind(column)))
    }

    /// A name, in the quotes that the other engine takes for those of a name.
    fn quoted(&self, name: &str) -> String {
        match self.to {
            Engine::MySql => format!("`{}`", name.replace('`', "``")),
            Engine::Postgres | Engine::Sqlite | Engine::Memory => {
                format!("\"{}\"", name.replace('"', "\"\""))
            }
        }
    }

    /// Whether one of the two is MySQL, where `||` is a truth and `length` counts bytes.
    fn has_mysql(&self) -> bool {
        self.from == Engine::MySql || self.to == Engine::MySql
    }

    fn kind(&self, column: &Column) -> Kind {
        // MySQL compares texts by their collation; only one that compares byte by byte is not named.
        if self.from == Engine::MySql && column.native.contains(" COLLATE ") {
            return Kind::Strange;
        }
        // Of a SQLite column it is known whether it keeps its decimals as text.
        let text = || column.native.to_ascii_uppercase().contains("TEXT");
        let decimal = matches!(column.logical, Logical::Decimal { .. });
        if decimal && self.from == Engine::Sqlite && !text() {
            return Kind::Fraction;
        }
        // SQLite keeps many digits as text only; the others compare all of them.
        if decimal && self.from != Engine::Sqlite && self.to != Engine::Sqlite {
            return Kind::Fraction;
        }
        Kind::of(&column.logical)
    }

    /// A cast that changes nothing is left out; any other is refused.
    fn cast(&self, kind: &CastKind, expr: &Expr, to: &DataType) -> Option<Printed> {
        if !matches!(kind, CastKind::Cast | CastKind::DoubleColon) {
            return None;
        }
        // SQLite's CAST has rules of its own for text that is not a number.
        if self.from != Engine::Postgres {
            return None;
        }
        if let Some(printed) = literal::cast(bare(expr), to) {
            return Some(printed);
        }
        let inner = self.print(expr)?;
        let text = is_text(to) && matches!(inner.kind, Kind::Text | Kind::Unknown);
        let wide = matches!(to, DataType::Numeric(ExactNumberInfo::None))
            && (inner.kind.is_number() || inner.kind == Kind::Unknown);
        let kind = match (text, wide, inner.kind) {
            (true, _, _) => Kind::Text,
            (_, true, Kind::Unknown) => Kind::Fraction,
            (_, true, kind) => kind,
            _ => return None,
        };
        Some(Printed { kind, ..inner })
    }

    fn unary(&self, op: UnaryOperator, expr: &Expr) -> Option<Printed> {
        let inner = self.print(expr)?;
        match op {
            UnaryOperator::Not => {
                self.condition(&inner)?;
                Some(Printed::compound(format!("NOT {}", inner.wrapped()), Kind::Boolean))
            }
            UnaryOperator::Minus if inner.kind.is_number() => {
                Some(Printed::compound(format!("-{}", inner.wrapped()), inner.kind))
            }
            _ => None,
        }
    }

    /// Whether a value can stand where a truth is wanted, in both engines.
    fn condition(&self, value: &Printed) -> Option<()> {
        let known = value.kind == Kind::Boolean;
        // PostgreSQL accepted it there, so it is one.
        (known || (value.kind == Kind::Unknown && self.from == Engine::Postgres)).then_some(())
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Printed> {
        use BinaryOperator as Op;
        let comparison = matches!(op, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq);
        // `a = b < c` without parentheses is read differently by each engine and by the parser.
        if comparison && (compares(left) || compares(right)) {
            return None;
        }
        let (left, right) = (self.print(left)?, self.print(right)?);
        let kind = if comparison {
            let (kind, sides) = alike([left, right])?;
            let ordered = !matches!(op, Op::Eq | Op::NotEq);
            if ordered && !ordered_alike(kind, &sides) {
                return None;
            }
            let [left, right] = sides;
            let text = format!("{} {} {}", left.wrapped(), operator(op)?, right.wrapped());
            return Some(Printed::compound(text, Kind::Boolean));
        } else {
            self.joined(&left, op, &right)?
        };
        let text = format!("{} {} {}", left.wrapped(), operator(op)?, right.wrapped());
        Some(Printed::compound(text, kind))
    }

    /// The kind of `left op right` where `op` does not compare.
    fn joined(&self, left: &Printed, op: &BinaryOperator, right: &Printed) -> Option<Kind> {
        use BinaryOperator as Op;
        if matches!(op, Op::And | Op::Or) {
            self.condition(left)?;
            self.condition(right)?;
            return Some(Kind::Boolean);
        }
        let kinds = [left.kind, right.kind];
        let only = |kind| kinds.iter().all(|k| [kind, Kind::Unknown, Kind::Null].contains(k));
        let some = |kind| kinds.contains(&kind);
        match op {
            Op::StringConcat if self.has_mysql() => None,
            Op::StringConcat if only(Kind::Text) && some(Kind::Text) => Some(Kind::Text),
            Op::Plus | Op::Minus | Op::Multiply if only(Kind::Number) && some(Kind::Number) => {
                Some(Kind::Number)
            }
            _ => None,
        }
    }

    fn test(&self, inner: &Expr, test: &str) -> Option<Printed> {
        if compares(inner) {
            return None;
        }
        let inner = self.print(inner)?;
        Some(Printed::compound(format!("{} {test}", inner.wrapped()), Kind::Boolean))
    }

    fn truth(&self, inner: &Expr, test: &str) -> Option<Printed> {
        self.condition(&self.print(inner)?)?;
        self.test(inner, test)
    }

    fn between(&self, expr: &Expr, negated: bool, low: &Expr, high: &Expr) -> Option<Printed> {
        let (kind, parts) = alike([self.print(expr)?, self.print(low)?, self.print(high)?])?;
        if !ordered_alike(kind, &parts) || compares(expr) {
            return None;
        }
        let not = if negated { "NOT " } else { "" };
        let [expr, low, high] = parts.map(|part| part.wrapped());
        Some(Printed::compound(format!("{expr} {not}BETWEEN {low} AND {high}"), Kind::Boolean))
    }

    fn among(&self, expr: &Expr, list: &[Expr], negated: bool) -> Option<Printed> {
        if list.is_empty() || compares(expr) {
            return None;
        }
        // One kind for all: each engine settles on one type for the whole list.
        let (_, all) = alike(self.all(std::iter::once(expr).chain(list))?)?;
        let (expr, items) = all.split_first()?;
        let items: Vec<_> = items.iter().map(|item| item.text.as_str()).collect();
        let not = if negated { "NOT " } else { "" };
        let text = format!("{} {not}IN ({})", expr.wrapped(), items.join(", "));
        Some(Printed::compound(text, Kind::Boolean))
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Option<Printed> {
        let whens = conditions.iter().map(|when| &when.condition);
        let mut tests = self.all(operand.into_iter().chain(whens))?;
        let mut text = String::from("CASE");
        if operand.is_some() {
            tests = alike(tests)?.1;
            let operand = tests.remove(0);
            // PostgreSQL takes a bare NULL here for a text.
            if operand.kind == Kind::Null {
                return None;
            }
            text = format!("{text} {}", operand.wrapped());
        } else {
            tests.iter().try_for_each(|test| self.condition(test))?;
        }
        let thens = conditions.iter().map(|when| &when.result);
        let (kind, results) = alike(self.all(thens.chain(otherwise))?)?;
        let mut results = results.into_iter();
        for (test, result) in tests.iter().zip(results.by_ref()) {
            text = format!("{text} WHEN {} THEN {}", test.wrapped(), result.wrapped());
        }
        if let Some(result) = results.next() {
            text = format!("{text} ELSE {}", result.wrapped());
        }
        (kind != Kind::Null).then(|| Printed::atom(format!("{text} END"), kind))
    }

    fn all<'e>(&self, exprs: impl Iterator<Item = &'e Expr>) -> Option<Vec<Printed>> {
        exprs.map(|expr| self.print(expr)).collect()
    }

    fn call(&self, function: &Function) -> Option<Printed> {
        let (name, arguments) = plain_call(function)?;
        // MySQL counts characters by another name, and bytes by this one.
        let name = match (self.from, name.as_str()) {
            (Engine::MySql, "char_length") => "length".to_owned(),
            (Engine::MySql, "length") => return None,
            _ => name,
        };
        let (common, arguments) = alike(self.all(arguments.into_iter())?)?;
        let text_like = matches!(common, Kind::Text | Kind::Unknown);
        let kind = match (name.as_str(), arguments.len()) {
            ("length", 1) if text_like => Kind::Number,
            ("abs", 1) if common.is_number() => common,
            ("abs", 1) if common == Kind::Unknown => Kind::Fraction,
            // Of NULL alone PostgreSQL makes a text.
            ("coalesce", 2..) | ("nullif", 2) if common != Kind::Null => common,
            _ => return None,
        };
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.text.as_str()).collect();
        let name = match (name.as_str(), self.to) {
            ("length", Engine::MySql) => "char_length",
            (name, _) => name,
        };
        Some(Printed::atom(format!("{name}({})", arguments.join(", ")), kind))
    }
}

/// Whether the expression is a comparison that stands without parentheses.
fn compares(expr: &Expr) -> bool {
    use BinaryOperator as Op;
    match expr {
        Expr::BinaryOp { op, .. } => matches!(
            op,
            Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::And | Op::Or
        ),
        other => matches!(
            other,
            Expr::Between { .. }
                | Expr::InList { .. }
                | Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::IsTrue(_)
                | Expr::IsNotTrue(_)
                | Expr::IsFalse(_)
                | Expr::IsNotFalse(_)
                | Expr::UnaryOp { op: UnaryOperator::Not, .. }
        ),
    }
}

fn operator(op: &BinaryOperator) -> Option<&'static str> {
    use BinaryOperator as Op;
    Some(match op {
        Op::Eq => "=",
        Op::NotEq => "<>",
        Op::Lt => "<",
        Op::LtEq => "<=",
        Op::Gt => ">",
        Op::GtEq => ">=",
        Op::And => "AND",
        Op::Or => "OR",
        Op::Plus => "+",
        Op::Minus => "-",
        Op::Multiply => "*",
        Op::StringConcat => "||",
        _ => return None,
    })
}

/// The elements of `ARRAY[…]`, also in parentheses and cast to a list of texts.
fn array(expr: &Expr) -> Option<&[Expr]> {
    match bare(expr) {
        Expr::Array(array) => Some(&array.elem),
        Expr::Cast { expr, data_type: DataType::Array(of), .. } => {
            use sqlparser::ast::ArrayElemTypeDef as Of;
            let of = match of {
                Of::SquareBracket(of, _) | Of::AngleBracket(of) | Of::Parenthesis(of) => of,
                Of::None | Of::Qualified(..) => return None,
            };
            if is_text(of) { array(expr) } else { None }
        }
        _ => None,
    }
}
