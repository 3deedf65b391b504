//! JSON, as text that is kept and as `jsonb` normalises it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::io::Write as _;

use serde::de::IgnoredAny;

use super::Reason;
use super::number::{digits, write_json_number};

/// Text that is JSON, kept as it is.
pub(super) fn fit_json(cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let text = std::str::from_utf8(cell).map_err(|_| Reason::InvalidEncoding)?;
    // Ignoring needs no stack, however deep the text is nested.
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| Reason::WrongType)?;
    out.extend_from_slice(cell);
    Ok(())
}

/// PostgreSQL's `jsonb` form: keys by length and then by bytes, of equal keys the last, numbers
/// in plain digits, one blank after `,` and `:`, only the escapes that must be.
pub(super) fn fit_json_binary(cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let text = std::str::from_utf8(cell).map_err(|_| Reason::InvalidEncoding)?;
    let mut writer = Writer { rest: text.as_bytes(), out, open: Vec::new() };
    writer.run()
}

/// A container that has begun and not ended.
enum Open<'a> {
    Array,
    Object(Object<'a>),
}

/// The members of an object that has begun, as written so far, separators between them.
struct Object<'a> {
    /// Where the first member begins in the output.
    start: usize,
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    /// The key without escapes: what keys are ordered by.
    key: Cow<'a, [u8]>,
    /// Where the member's text, `"key": value`, begins in the output.
    at: usize,
}

impl Member<'_> {
    fn order(&self, other: &Self) -> Ordering {
        self.key.len().cmp(&other.key.len()).then_with(|| self.key.cmp(&other.key))
    }
}

/// Writes the normal form as it reads. Members are written in the order they come in and put
/// in order when their object ends. No recursion: depth costs memory, not stack.
struct Writer<'a, 'out> {
    rest: &'a [u8],
    out: &'out mut Vec<u8>,
    open: Vec<Open<'a>>,
}

impl<'a> Writer<'a, '_> {
    fn run(&mut self) -> Result<(), Reason> {
        loop {
            // Begins values until one of them is complete.
            if self.begin_value()? {
                // Ends containers until one of them goes on.
                while self.end_value()? {
                    if self.open.is_empty() {
                        self.skip_blanks();
                        return if self.rest.is_empty() { Ok(()) } else { Err(Reason::WrongType) };
                    }
                }
            }
        }
    }

    /// Begins a value. True when it is complete: a scalar, or an empty container.
    fn begin_value(&mut self) -> Result<bool, Reason> {
        self.skip_blanks();
        match self.rest.first().ok_or(Reason::WrongType)? {
            b'[' => {
                self.take(1);
                self.out.push(b'[');
                self.open.push(Open::Array);
                self.skip_blanks();
                Ok(self.rest.first() == Some(&b']'))
            }
            b'{' => {
                self.take(1);
                self.out.push(b'{');
                let object = Object { start: self.out.len(), members: Vec::new() };
                self.open.push(Open::Object(object));
                self.skip_blanks();
                if self.rest.first() == Some(&b'}') {
                    return Ok(true);
                }
                self.begin_member()?;
                Ok(false)
            }
            b'"' => self.string().map(|()| true),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number().map(|()| true),
        }
    }

    /// After a complete value: ends the container around it if it ends here, and says so by
    /// true; else begins its next element. At the top there is nothing to end.
    fn end_value(&mut self) -> Result<bool, Reason> {
        self.skip_blanks();
        let next = self.rest.first().copied();
        match self.open.last_mut() {
            None => Ok(true),
            Some(Open::Array) => match next {
                Some(b']') => {
                    self.take(1);
                    self.out.push(b']');
                    self.open.pop();
                    Ok(true)
                }
                Some(b',') => {
                    self.take(1);
                    self.out.extend_from_slice(b", ");
                    Ok(false)
                }
                _ => Err(Reason::WrongType),
            },
            Some(Open::Object(_)) => match next {
                Some(b'}') => {
                    self.take(1);
                    self.end_object();
                    Ok(true)
                }
                Some(b',') => {
                    self.take(1);
                    self.skip_blanks();
                    self.begin_member()?;
                    Ok(false)
                }
                _ => Err(Reason::WrongType),
            },
        }
    }

    /// Writes `"key": ` of the next member of the object that is open.
    fn begin_member(&mut self) -> Result<(), Reason> {
        let Some(Open::Object(object)) = self.open.last() else { return Err(Reason::WrongType) };
        if !object.members.is_empty() {
            self.out.extend_from_slice(b", ");
        }
        let at = self.out.len();
        let key = self.take_string()?;
        write_string(self.out, &key);
        self.skip_blanks();
        if self.rest.first() != Some(&b':') {
            return Err(Reason::WrongType);
        }
        self.take(1);
        self.out.extend_from_slice(b": ");
        if let Some(Open::Object(object)) = self.open.last_mut() {
            object.members.push(Member { key, at });
        }
        Ok(())
    }

    /// Ends the object that is open, and puts its members in order.
    fn end_object(&mut self) {
        let Some(Open::Object(object)) = self.open.pop() else { return };
        let members = &object.members;
        if !members.is_sorted_by(|one, next| one.order(next).is_lt()) {
            self.reorder(&object);
        }
        self.out.push(b'}');
    }

    fn reorder(&mut self, object: &Object<'_>) {
        let members = &object.members;
        let written = self.out.split_off(object.start);
        let text = |index: usize| {
            let end =
                members.get(index + 1).map_or(written.len(), |next| next.at - object.start - 2);
            &written[members[index].at - object.start..end]
        };
        let mut order: Vec<usize> = (0..members.len()).collect();
        // Stable, so that of equal keys the last stays last.
        order.sort_by(|&a, &b| members[a].order(&members[b]));
        for (place, &index) in order.iter().enumerate() {
            let overruled =
                order.get(place + 1).is_some_and(|&next| members[next].key == members[index].key);
            if overruled {
                continue;
            }
            if self.out.len() > object.start {
                self.out.extend_from_slice(b", ");
            }
            self.out.extend_from_slice(text(index));
        }
    }

    fn string(&mut self) -> Result<(), Reason> {
        let text = self.take_string()?;
        write_string(self.out, &text);
        Ok(())
    }

    /// Takes a string and undoes its escapes.
    fn take_string(&mut self) -> Result<Cow<'a, [u8]>, Reason> {
        let Some((b'"', text)) = self.rest.split_first() else { return Err(Reason::WrongType) };
        let mut escaped = false;
        let mut at = 0;
        loop {
            match text.get(at).ok_or(Reason::WrongType)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    at += 2;
                }
                0..b' ' => return Err(Reason::WrongType),
                _ => at += 1,
            }
        }
        self.rest = &text[at + 1..];
        let raw = &text[..at];
        if escaped { unescape(raw).map(Cow::Owned) } else { Ok(Cow::Borrowed(raw)) }
    }

    fn word(&mut self, word: &[u8]) -> Result<bool, Reason> {
        self.rest = self.rest.strip_prefix(word).ok_or(Reason::WrongType)?;
        self.out.extend_from_slice(word);
        Ok(true)
    }

    /// A number by JSON's grammar, which is narrower than that of decimals: no leading zero or
    /// plus, digits on both sides of the point.
    fn number(&mut self) -> Result<(), Reason> {
        let unsigned = self.rest.strip_prefix(b"-").unwrap_or(self.rest);
        let (whole, mut rest) = digits(unsigned);
        if whole.is_empty() || (whole.len() > 1 && whole[0] == b'0') {
            return Err(Reason::WrongType);
        }
        if let Some(after) = rest.strip_prefix(b".") {
            let (fraction, after) = digits(after);
            if fraction.is_empty() {
                return Err(Reason::WrongType);
            }
            rest = after;
        }
        if let [b'e' | b'E', after @ ..] = rest {
            let unsigned = match after {
                [b'+' | b'-', unsigned @ ..] => unsigned,
                unsigned => unsigned,
            };
            rest = digits(unsigned).1;
        }
        let (number, rest) = self.rest.split_at(self.rest.len() - rest.len());
        self.rest = rest;
        write_json_number(number, self.out)
    }

    fn take(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn skip_blanks(&mut self) {
        let blanks = self.rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
        self.take(blanks.count());
    }
}

/// Undoes the escapes of a string.
fn unescape(mut raw: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut text = Vec::with_capacity(raw.len());
    while let Some(at) = raw.iter().position(|&b| b == b'\\') {
        text.extend_from_slice(&raw[..at]);
        let (escape, rest) = raw[at + 1..].split_first().ok_or(Reason::WrongType)?;
        raw = rest;
        match escape {
            b'"' | b'\\' | b'/' => text.push(*escape),
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let (character, rest) = unicode(raw)?;
                raw = rest;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return Err(Reason::WrongType),
        }
    }
    text.extend_from_slice(raw);
    Ok(text)
}

/// The character after `\u`, from one escape or a pair of surrogates. `jsonb` has no NUL.
fn unicode(raw: &[u8]) -> Result<(char, &[u8]), Reason> {
    let (first, rest) = hexadecimal(raw)?;
    match first {
        0 => Err(Reason::NulInText),
        0xd800..=0xdbff => {
            let low = rest.strip_prefix(b"\\u").ok_or(Reason::InvalidEncoding)?;
            let (second, rest) = hexadecimal(low)?;
            if !(0xdc00..=0xdfff).contains(&second) {
                return Err(Reason::InvalidEncoding);
            }
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            Ok((char::from_u32(code).ok_or(Reason::InvalidEncoding)?, rest))
        }
        // A low surrogate without a high one before it is no character.
        code => Ok((char::from_u32(code).ok_or(Reason::InvalidEncoding)?, rest)),
    }
}

fn hexadecimal(raw: &[u8]) -> Result<(u32, &[u8]), Reason> {
    let (four, rest) = raw.split_at_checked(4).ok_or(Reason::WrongType)?;
    let mut code = 0;
    for &byte in four {
        code = code * 16 + char::from(byte).to_digit(16).ok_or(Reason::WrongType)?;
    }
    Ok((code, rest))
}

/// Appends a string in quotes, escaping only what must be.
fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    let special = |b: &u8| *b < b' ' || matches!(*b, b'"' | b'\\');
    while let Some(at) = rest.iter().position(special) {
        out.extend_from_slice(&rest[..at]);
        let short = match rest[at] {
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            quoted @ (b'"' | b'\\') => quoted,
            control => {
                let _ = write!(out, "\\u{control:04x}");
                rest = &rest[at + 1..];
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
