//! Operators and predicates.

use sqlparser::ast::{self, BinaryOperator as Op, Expr, Spanned};
use sqlparser::tokenizer::Span;

use super::{Compiler, Mistake, Type, Typed, Typing, boxed, folded, mistake};
use crate::expression::convert::Arithmetic;
use crate::expression::node::{Comparison, Node};
use crate::expression::value::Value;

impl Compiler<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows far more than we do")]
    pub(super) fn binary(&mut self, a: Typed, op: &Op, b: Typed, span: Span) -> Typing<Typed> {
        let truth = |node| Ok(Typed { node, of: Type::Boolean, span });
        match op {
            Op::And | Op::Or => {
                let a = boxed(self.to(a, Type::Boolean)?);
                let b = boxed(self.to(b, Type::Boolean)?);
                truth(if *op == Op::And { Node::And(a, b) } else { Node::Or(a, b) })
            }
            Op::Eq => self.compared(a, Comparison::Equal, b, span),
            Op::NotEq => self.compared(a, Comparison::NotEqual, b, span),
            Op::Lt => self.compared(a, Comparison::Less, b, span),
            Op::LtEq => self.compared(a, Comparison::AtMost, b, span),
            Op::Gt => self.compared(a, Comparison::Greater, b, span),
            Op::GtEq => self.compared(a, Comparison::AtLeast, b, span),
            Op::Plus => self.computed(a, Arithmetic::Add, op, b, span),
            Op::Minus => self.computed(a, Arithmetic::Subtract, op, b, span),
            Op::Multiply => self.computed(a, Arithmetic::Multiply, op, b, span),
            Op::Divide => self.computed(a, Arithmetic::Divide, op, b, span),
            Op::Modulo => self.computed(a, Arithmetic::Remainder, op, b, span),
            Op::StringConcat => self.joined(a, b, span),
            other => mistake(span, format!("`{other}` is not supported here")),
        }
    }

    pub(super) fn compared(
        &mut self,
        a: Typed,
        how: Comparison,
        b: Typed,
        span: Span,
    ) -> Typing<Typed> {
        let (left, right) = (a.of, b.of);
        let unlike =
            |mistake: Mistake| mistake.saying(format!("{left} cannot be compared with {right}"));
        let (a, b, _) = self.same(a, b).map_err(unlike)?;
        Ok(Typed { node: Node::Compare(how, boxed(a), boxed(b)), of: Type::Boolean, span })
    }

    fn computed(
        &mut self,
        a: Typed,
        how: Arithmetic,
        op: &Op,
        b: Typed,
        span: Span,
    ) -> Typing<Typed> {
        let dated = match (a.of, how, b.of) {
            (Type::Date, Arithmetic::Add | Arithmetic::Subtract, Type::Integer) => Some(Type::Date),
            (Type::Date, Arithmetic::Subtract, Type::Date) => Some(Type::Integer),
            _ => None,
        };
        if let Some(of) = dated {
            return Ok(Typed { node: Node::Arithmetic(how, boxed(a), boxed(b)), of, span });
        }
        let number = |of| matches!(of, Type::Integer | Type::Decimal | Type::Float);
        let fits = |of| number(of) || of == Type::Unknown;
        if !fits(a.of) || !fits(b.of) || !(number(a.of) || number(b.of)) {
            let mistake =
                Mistake::at(span, format!("`{op}` does not apply to {} and {}", a.of, b.of));
            return Err(match a.of == Type::Text || b.of == Type::Text {
                true => mistake.helped("write `cast(… as numeric)` where a text holds a number"),
                false => mistake,
            });
        }
        let (a, b, of) = self.same(a, b)?;
        if of == Type::Float && how == Arithmetic::Remainder {
            return mistake(span, "`%` does not apply to double precision");
        }
        Ok(Typed { node: folded(Node::Arithmetic(how, boxed(a), boxed(b)), span)?, of, span })
    }

    fn joined(&mut self, a: Typed, b: Typed, span: Span) -> Typing<Typed> {
        let text = |of| matches!(of, Type::Text | Type::Unknown);
        if !text(a.of) && !text(b.of) {
            return mistake(span, format!("`||` needs a text, these are {} and {}", a.of, b.of));
        }
        let mut all = parts(self.cast(a, Type::Text)?.node);
        all.extend(parts(self.cast(b, Type::Text)?.node));
        Ok(Typed { node: Node::Concatenate(all), of: Type::Text, span })
    }

    /// A test of a part whose type does not matter.
    pub(super) fn truth(
        &mut self,
        of: &Expr,
        negated: bool,
        span: Span,
        node: impl FnOnce(Box<Node>) -> Node,
    ) -> Typing<Typed> {
        let node = node(boxed(self.part(of)?));
        Ok(negated_if(negated, node, span))
    }

    pub(super) fn is(&mut self, of: &Expr, what: bool, negated: bool, span: Span) -> Typing<Typed> {
        let of = self.part(of)?;
        let node = Node::Is(what, boxed(self.to(of, Type::Boolean)?));
        Ok(negated_if(negated, node, span))
    }

    pub(super) fn distinct(
        &mut self,
        a: &Expr,
        b: &Expr,
        negated: bool,
        span: Span,
    ) -> Typing<Typed> {
        let (a, b) = (self.part(a)?, self.part(b)?);
        let (a, b, _) = self.same(a, b)?;
        Ok(negated_if(negated, Node::IsDistinct(boxed(a), boxed(b)), span))
    }

    pub(super) fn between(
        &mut self,
        of: &Expr,
        negated: bool,
        low: &Expr,
        high: &Expr,
        span: Span,
    ) -> Typing<Typed> {
        let (left, low) = (self.part(of)?, self.part(low)?);
        let above = self.compared(left, Comparison::AtLeast, low, span)?;
        let (left, high) = (self.part(of)?, self.part(high)?);
        let below = self.compared(left, Comparison::AtMost, high, span)?;
        Ok(negated_if(negated, Node::And(boxed(above), boxed(below)), span))
    }

    pub(super) fn among(
        &mut self,
        of: &Expr,
        list: &[Expr],
        negated: bool,
        span: Span,
    ) -> Typing<Typed> {
        let mut any = Node::Constant(Value::Boolean(false));
        for one in list.iter().rev() {
            let (left, right) = (self.part(of)?, self.part(one)?);
            let equal = self.compared(left, Comparison::Equal, right, one.span())?;
            any = Node::Or(boxed(equal), Box::new(any));
        }
        Ok(negated_if(negated, any, span))
    }

    pub(super) fn like(
        &mut self,
        of: &Expr,
        pattern: &Expr,
        negated: bool,
        any_case: bool,
        span: Span,
    ) -> Typing<Typed> {
        let (of, place) = (self.part(of)?, pattern.span());
        let of = self.to(of, Type::Text)?;
        let wanted = self.literal_text(pattern)?;
        let flags = if any_case { "is" } else { "s" };
        let Some(wanted) = like_pattern(&wanted) else {
            return mistake(place, "the pattern ends with a backslash");
        };
        let pattern = self.pattern(&wanted, flags, place)?;
        Ok(negated_if(negated, Node::Matches(Box::new(pattern), boxed(of)), span))
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&Expr>,
        span: Span,
    ) -> Typing<Typed> {
        let (mut arms, mut results) = (Vec::new(), Vec::new());
        for one in conditions {
            let place = one.condition.span();
            let condition = self.part(&one.condition)?;
            let when = match operand {
                None => self.to(condition, Type::Boolean)?,
                Some(operand) => {
                    let operand = self.part(operand)?;
                    self.compared(operand, Comparison::Equal, condition, place)?
                }
            };
            arms.push(when.node);
            results.push(self.part(&one.result)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.part(otherwise)?,
            None => Typed { node: Node::Constant(Value::Null), of: Type::Unknown, span },
        });
        let (mut results, of) = self.unified(results)?;
        let otherwise = results.pop().unwrap_or(Node::Constant(Value::Null));
        let arms = arms.into_iter().zip(results).collect();
        Ok(Typed { node: Node::Case(arms, Box::new(otherwise)), of, span })
    }
}

/// What a concatenation consists of, so that `a || b || c` is one.
fn parts(node: Node) -> Vec<Node> {
    if let Node::Concatenate(parts) = node { parts } else { vec![node] }
}

fn negated_if(negated: bool, node: Node, span: Span) -> Typed {
    let node = if negated { Node::Not(Box::new(node)) } else { node };
    Typed { node, of: Type::Boolean, span }
}

/// The regular expression of a `LIKE` pattern; none where its last backslash stands before nothing.
fn like_pattern(pattern: &str) -> Option<String> {
    let mut out = String::from("^");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '\\' => out.push_str(&regex::escape(chars.next()?.encode_utf8(&mut [0; 4]))),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push('$');
    Some(out)
}
