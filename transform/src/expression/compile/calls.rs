//! Calls of functions, and what is spelled otherwise and means one.

use std::borrow::Cow;

use sqlparser::ast::{self, Expr, Spanned};
use sqlparser::tokenizer::Span;

use super::{Compiler, Mistake, Type, Typed, Typing, boxed, folded, forbidden, mistake, unknown};
use crate::expression::functions::{FORBIDDEN, FUNCTIONS, Function, SPECIAL};
use crate::expression::node::{Comparison, Node};
use crate::expression::value::Value;

/// How much a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl Compiler<'_> {
    pub(super) fn function(&mut self, call: &ast::Function, span: Span) -> Typing<Typed> {
        let name = call.name.to_string().to_lowercase();
        if FORBIDDEN.contains(&name.as_str()) {
            return mistake(span, forbidden(&name));
        }
        let plain = call.over.is_none()
            && call.filter.is_none()
            && call.null_treatment.is_none()
            && call.within_group.is_empty();
        if !plain {
            return mistake(
                span,
                "an expression sees one row: windows and aggregates are not possible",
            );
        }
        let place = call.name.0.first().map_or(span, Spanned::span);
        let arguments = arguments(call, span)?;
        match name.as_str() {
            name if SPECIAL.contains(&name) => self.special(name, &arguments, span),
            name => {
                let typed = arguments.into_iter().map(|one| self.part(one));
                let typed = typed.collect::<Typing<Vec<_>>>()?;
                self.call(name, typed, place)
            }
        }
    }

    /// What the grammar of SQL spells in words of its own.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows far more than we do")]
    pub(super) fn spelled_call(&mut self, expr: &Expr, span: Span) -> Typing<Typed> {
        let (name, arguments): (_, Vec<&Expr>) = match expr {
            Expr::Trim { expr, trim_where, trim_what, trim_characters: None } => {
                let name = match trim_where {
                    None | Some(ast::TrimWhereField::Both) => "btrim",
                    Some(ast::TrimWhereField::Leading) => "ltrim",
                    Some(ast::TrimWhereField::Trailing) => "rtrim",
                };
                (
                    name,
                    [Some(expr), trim_what.as_ref()].into_iter().flatten().map(|e| &**e).collect(),
                )
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let one = Expr::value(ast::Value::Number("1".into(), false));
                let from = substring_from.as_deref().unwrap_or(&one);
                let mut typed = vec![self.part(expr)?, self.part(from)?];
                if let Some(count) = substring_for {
                    typed.push(self.part(count)?);
                }
                return self.call("substr", typed, span);
            }
            Expr::Position { expr, r#in } => ("strpos", vec![&**r#in, &**expr]),
            Expr::Ceil { expr, .. } => ("ceil", vec![&**expr]),
            Expr::Floor { expr, .. } => ("floor", vec![&**expr]),
            other => return mistake(span, format!("`{other}` is not supported here")),
        };
        let typed = arguments.into_iter().map(|one| self.part(one)).collect::<Typing<Vec<_>>>()?;
        self.call(name, typed, span)
    }

    /// A function of the table.
    fn call(&mut self, name: &str, arguments: Vec<Typed>, span: Span) -> Typing<Typed> {
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
            let known = FUNCTIONS.iter().map(|f| f.name).chain(SPECIAL.iter().copied());
            return unknown(span, "function", name, known);
        };
        let most = function.takes.len();
        if !(most - function.optional..=most).contains(&arguments.len()) {
            return mistake(span, wrong_count(function, arguments.len()));
        }
        let mut nodes = Vec::with_capacity(arguments.len());
        for (at, (one, takes)) in arguments.into_iter().zip(function.takes).enumerate() {
            let (from, place) = (one.of, one.span);
            let wrong = |_| {
                let said =
                    format!("`{name}` needs {takes} as its argument {}, this is {from}", at + 1);
                Mistake::at(place, said).helped(format!("write `cast(… as {takes})`"))
            };
            nodes.push(self.to(one, *takes).map_err(wrong)?.node);
        }
        let node = folded(Node::Call(function.run, nodes), span)?;
        Ok(Typed { node, of: function.result, span })
    }

    /// A function whose types depend on its arguments.
    fn special(&mut self, name: &str, arguments: &[&Expr], span: Span) -> Typing<Typed> {
        match (name, arguments) {
            ("coalesce", [_, ..]) => {
                let (all, of) = self.all(arguments)?;
                Ok(Typed { node: Node::Coalesce(all), of, span })
            }
            ("greatest" | "least", [_, ..]) => {
                let (all, of) = self.all(arguments)?;
                Ok(Typed { node: Node::Extreme(name == "greatest", all), of, span })
            }
            ("nullif", [a, b]) => {
                let (kept, left, right) = (self.part(a)?, self.part(a)?, self.part(b)?);
                let of = if kept.of == Type::Unknown { right.of } else { kept.of };
                let of = if of == Type::Unknown { Type::Text } else { of };
                let kept = self.to(kept, of)?;
                let equal = self.compared(left, Comparison::Equal, right, span)?;
                let arms = vec![(equal.node, Node::Constant(Value::Null))];
                Ok(Typed { node: Node::Case(arms, boxed(kept)), of, span })
            }
            ("concat", [_, ..]) => {
                let empty = || Node::Constant(Value::Text(Cow::Borrowed("")));
                let all = self.texts(arguments)?.into_iter();
                let all = all.map(|node| Node::Coalesce(vec![node, empty()])).collect();
                Ok(Typed { node: Node::Concatenate(all), of: Type::Text, span })
            }
            ("concat_ws", [between, all @ ..]) => {
                let between = self.literal_text(between)?;
                let node = Node::ConcatenateWith(between, self.texts(all)?);
                Ok(Typed { node, of: Type::Text, span })
            }
            ("regexp_replace", [of, pattern, with, flags @ ..]) if flags.len() < 2 => {
                self.regexp_replace(of, pattern, with, flags.first().copied(), span)
            }
            ("regexp_like", [of, pattern]) => {
                let of = self.part(of)?;
                let of = self.to(of, Type::Text)?;
                let wanted = self.literal_text(pattern)?;
                let pattern = self.pattern(&wanted, "", pattern.span())?;
                let node = Node::Matches(Box::new(pattern), boxed(of));
                Ok(Typed { node, of: Type::Boolean, span })
            }
            _ => mistake(span, format!("`{name}` does not take {} arguments", arguments.len())),
        }
    }

    fn all(&mut self, arguments: &[&Expr]) -> Typing<(Vec<Node>, Type)> {
        let all = arguments.iter().map(|one| self.part(one)).collect::<Typing<Vec<_>>>()?;
        self.unified(all)
    }

    fn texts(&mut self, arguments: &[&Expr]) -> Typing<Vec<Node>> {
        let text = |one: &&Expr| {
            let one = self.part(one)?;
            Ok(self.cast(one, Type::Text)?.node)
        };
        arguments.iter().map(text).collect()
    }

    fn regexp_replace(
        &mut self,
        of: &Expr,
        pattern: &Expr,
        with: &Expr,
        flags: Option<&Expr>,
        span: Span,
    ) -> Typing<Typed> {
        let of = self.part(of)?;
        let of = self.to(of, Type::Text)?;
        let wanted = self.literal_text(pattern)?;
        let with = replacement(&self.literal_text(with)?);
        let asked = flags.map(|flags| self.literal_text(flags)).transpose()?.unwrap_or_default();
        if asked.chars().any(|flag| !"gi".contains(flag)) {
            return mistake(flags.map_or(span, Spanned::span), "the flags are `g` and `i`");
        }
        let ignores_case = if asked.contains('i') { "i" } else { "" };
        let pattern = Box::new(self.pattern(&wanted, ignores_case, pattern.span())?);
        let node = Node::Replace { pattern, with, all: asked.contains('g'), of: boxed(of) };
        Ok(Typed { node, of: Type::Text, span })
    }

    /// A text that is looked at once and not for each row.
    pub(super) fn literal_text(&mut self, expr: &Expr) -> Typing<String> {
        let node = self.part(expr)?.node;
        if let Node::Constant(Value::Text(text)) = node {
            return Ok(text.into_owned());
        }
        let said = "this must be a text literal, since it is looked at once and not for each row";
        mistake(expr.span(), said)
    }

    #[expect(clippy::unused_self, reason = "reads as the others do")]
    pub(super) fn pattern(&self, pattern: &str, flags: &str, span: Span) -> Typing<regex::Regex> {
        let flags = if flags.is_empty() { String::new() } else { format!("(?{flags})") };
        let built = regex::RegexBuilder::new(&format!("{flags}{pattern}"))
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX)
            .nest_limit(50)
            .build();
        built.map_err(|error| {
            let said = error.to_string();
            let last = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Mistake::at(span, format!("this pattern is not understood: {last}"))
        })
    }
}

fn arguments(call: &ast::Function, span: Span) -> Typing<Vec<&Expr>> {
    let list = match &call.args {
        ast::FunctionArguments::None => return Ok(Vec::new()),
        ast::FunctionArguments::Subquery(_) => {
            return mistake(span, "an expression sees one row: subqueries are not possible");
        }
        ast::FunctionArguments::List(list) => list,
    };
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return mistake(span, "only plain arguments are possible");
    }
    let plain = |one| {
        let &ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ref expr)) = one else {
            return mistake(span, "only plain arguments are possible");
        };
        Ok(expr)
    };
    list.args.iter().map(plain).collect()
}

fn wrong_count(function: &Function, given: usize) -> String {
    let takes: Vec<_> = function.takes.iter().map(ToString::to_string).collect();
    let optional = match function.optional {
        0 => String::new(),
        1 => ", the last of which may be left out".to_owned(),
        n => format!(", the last {n} of which may be left out"),
    };
    let name = function.name;
    format!("`{name}` takes ({}){optional}; {given} were given", takes.join(", "))
}

/// A replacement as PostgreSQL writes it (`\1`, `\&`), as the library for patterns does.
fn replacement(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match chars.next() {
                Some('&') => out.push_str("${0}"),
                Some(digit) if digit.is_ascii_digit() => out.push_str(&format!("${{{digit}}}")),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}
