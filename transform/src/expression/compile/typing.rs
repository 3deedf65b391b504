//! Which type things have, alone and together.

use sqlparser::ast;
use sqlparser::tokenizer::Span;

use super::{Compiler, Mistake, Type, Typed, Typing, folded, mistake};
use crate::expression::convert::Cast;
use crate::expression::node::Node;

/// What two types become where they meet; none where they have nothing in common.
fn common(a: Type, b: Type) -> Option<Type> {
    use Type::{Date, Decimal, Integer, Timestamp, Unknown};
    match (a, b) {
        (a, b) if a == b => Some(a),
        (Unknown, other) | (other, Unknown) => Some(other),
        (Integer, Decimal) | (Decimal, Integer) => Some(Decimal),
        (Date, Timestamp) | (Timestamp, Date) => Some(Timestamp),
        _ => None,
    }
}

/// The advice where two types do not meet.
fn advice(a: Type, b: Type) -> Option<&'static str> {
    let one = |of| a == of || b == of;
    let number = |of| matches!(of, Type::Integer | Type::Decimal);
    if one(Type::Text) && (number(a) || number(b)) {
        Some("write `cast(… as numeric)` where a text holds a number")
    } else if one(Type::Float) && (number(a) || number(b)) {
        Some("write `cast(… as numeric)` for exact numbers, or `cast(… as double precision)`")
    } else {
        None
    }
}

impl Compiler<'_> {
    /// Both as one type.
    pub(super) fn same(&mut self, a: Typed, b: Typed) -> Typing<(Typed, Typed, Type)> {
        match common(a.of, b.of) {
            Some(Type::Unknown) => {
                Ok((self.to(a, Type::Text)?, self.to(b, Type::Text)?, Type::Text))
            }
            Some(of) => Ok((self.to(a, of)?, self.to(b, of)?, of)),
            None => {
                let said = format!("{} and {} have no type in common", a.of, b.of);
                let mistake = Mistake::at(b.span, said);
                Err(match advice(a.of, b.of) {
                    Some(advice) => mistake.helped(advice),
                    None => mistake,
                })
            }
        }
    }

    /// All as one type.
    pub(super) fn unified(&mut self, all: Vec<Typed>) -> Typing<(Vec<Node>, Type)> {
        let mut of = Type::Unknown;
        for one in &all {
            match common(of, one.of) {
                Some(together) => of = together,
                None => {
                    return mistake(
                        one.span,
                        format!("this is {}, and what stands before it is {of}", one.of),
                    );
                }
            }
        }
        if of == Type::Unknown {
            of = Type::Text;
        }
        let nodes = all.into_iter().map(|one| self.to(one, of).map(|one| one.node));
        Ok((nodes.collect::<Typing<_>>()?, of))
    }

    /// What happens by itself: literals become what is needed, whole numbers exact ones or floats,
    /// dates timestamps.
    pub(super) fn to(&mut self, one: Typed, of: Type) -> Typing<Typed> {
        match (one.of, of) {
            (from, of) if from == of => Ok(one),
            (Type::Unknown, _)
            | (Type::Integer, Type::Decimal | Type::Float)
            | (Type::Date, Type::Timestamp) => self.cast(one, of),
            (from, of) => mistake(one.span, format!("this is {from}, and {of} is needed")),
        }
    }

    /// What happens when it is asked for.
    #[expect(clippy::unused_self, reason = "reads as the others do")]
    pub(super) fn cast(&mut self, one: Typed, of: Type) -> Typing<Typed> {
        let from = if one.of == Type::Unknown { Type::Text } else { one.of };
        if from == of {
            return Ok(Typed { of, ..one });
        }
        let Some(cast) = Cast::between(from, of) else {
            return mistake(one.span, format!("{from} cannot be cast to {of}"));
        };
        let node = folded(Node::Cast(cast, Box::new(one.node)), one.span)?;
        Ok(Typed { node, of, span: one.span })
    }

    /// The type that a name means.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows far more than we do")]
    #[expect(clippy::unused_self, reason = "reads as the others do")]
    pub(super) fn type_named(&self, name: &ast::DataType, span: Span) -> Typing<Type> {
        use ast::{DataType as T, TimezoneInfo as Zone};
        Ok(match name {
            T::Boolean | T::Bool => Type::Boolean,
            T::SmallInt(_) | T::Int2(_) | T::Int(_) | T::Integer(_) | T::Int4(_) => Type::Integer,
            T::BigInt(_) | T::Int8(_) => Type::Integer,
            T::Numeric(_) | T::Decimal(_) => Type::Decimal,
            T::DoublePrecision | T::Float8 | T::Double(_) => Type::Float,
            T::Text | T::Varchar(_) | T::CharacterVarying(_) => Type::Text,
            T::Bytea => Type::Bytes,
            T::Date => Type::Date,
            T::Time(None, Zone::None | Zone::WithoutTimeZone) => Type::Time,
            T::Timestamp(None, Zone::None | Zone::WithoutTimeZone) => Type::Timestamp,
            T::Timestamp(None, Zone::WithTimeZone | Zone::Tz) => Type::Instant,
            T::Uuid => Type::Uuid,
            other => return mistake(span, format!("there is no type `{other}` here")),
        })
    }
}
