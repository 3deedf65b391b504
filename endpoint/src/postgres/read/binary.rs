//! Binary COPY: a header, tuples in the framing of [`Batch`], and a trailer.

use protocol::batch::Batch;

use super::Waiting;

/// A signature, four bytes of flags, and the length of the header's extension in four bytes.
pub(in crate::postgres) const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const SIGNATURE: &[u8] = HEADER.split_at(11).0;
/// Rows carry object ids in front, which no server since 12 sends.
const FLAG_OIDS: u32 = 1 << 16;
/// The field count that says that no more tuples come.
pub(in crate::postgres) const TRAILER: [u8; 2] = (-1i16).to_be_bytes();

/// Takes the stream apart into tuples.
///
/// The server sends a tuple per message, and this is then one check of the framing and one copy;
/// but a message may end anywhere, and what is not whole waits for the next.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
    waiting: Waiting,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Header,
    Tuples,
    Over,
}

impl Decoder {
    /// Appends the whole tuples of a message.
    pub(super) fn push(&mut self, message: &[u8], batch: &mut Batch) -> Result<(), &'static str> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting.and(message, |bytes| self.take(bytes, batch))?;
        Ok(())
    }

    /// Whether the trailer was seen, and nothing after it.
    pub(super) fn is_complete(&self) -> bool {
        self.state == State::Over && self.waiting.is_empty()
    }

    /// Takes what is whole, and says how many bytes that were.
    fn take(&mut self, bytes: &[u8], batch: &mut Batch) -> Result<usize, &'static str> {
        let mut taken = 0;
        if self.state == State::Header {
            let Some(header) = header(bytes)? else { return Ok(0) };
            taken = header;
            self.state = State::Tuples;
        }
        while self.state == State::Tuples {
            match tuple(&bytes[taken..])? {
                Tuple::Whole(length) => {
                    batch.push_framed(&bytes[taken..taken + length]);
                    taken += length;
                }
                Tuple::Trailer => {
                    taken += TRAILER.len();
                    self.state = State::Over;
                }
                Tuple::Part => return Ok(taken),
            }
        }
        Ok(taken)
    }
}

/// The length of the header with its extension; `None` when it is not whole yet.
fn header(bytes: &[u8]) -> Result<Option<usize>, &'static str> {
    let Some(fixed) = bytes.first_chunk::<{ HEADER.len() }>() else { return Ok(None) };
    let (signature, rest) = fixed.split_at(SIGNATURE.len());
    let number =
        |at: usize| u32::from_be_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
    if signature != SIGNATURE || number(0) & FLAG_OIDS != 0 {
        return Err("binary rows begin in a way that is not known");
    }
    let whole = HEADER.len() + number(4) as usize;
    Ok((bytes.len() >= whole).then_some(whole))
}

enum Tuple {
    Whole(usize),
    Part,
    Trailer,
}

/// Finds the end of the first tuple.
fn tuple(bytes: &[u8]) -> Result<Tuple, &'static str> {
    let Some(count) = bytes.first_chunk::<2>() else { return Ok(Tuple::Part) };
    if *count == TRAILER {
        return Ok(Tuple::Trailer);
    }
    let fields = u16::try_from(i16::from_be_bytes(*count)).map_err(|_| "a tuple has no fields")?;
    let mut at = 2;
    for _ in 0..fields {
        let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) else {
            return Ok(Tuple::Part);
        };
        at += 4;
        match i32::from_be_bytes(*length) {
            -1 => {}
            length => at += usize::try_from(length).map_err(|_| "a field has no length")?,
        }
    }
    Ok(if at <= bytes.len() { Tuple::Whole(at) } else { Tuple::Part })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> (Batch, Vec<u8>) {
        let mut batch = Batch::default();
        batch.push_row([Some(&b"ab"[..]), None].into_iter());
        batch.push_row([Some(&b""[..]), Some(&[0xff; 40][..])].into_iter());
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 3, 7, 7, 7]);
        bytes.extend(batch.framed());
        bytes.extend(TRAILER);
        (batch, bytes)
    }

    #[test]
    fn tuples_come_out_wherever_messages_end() {
        let (expected, bytes) = stream();
        for size in 1..=bytes.len() {
            let (mut decoder, mut batch) = (Decoder::default(), Batch::default());
            for message in bytes.chunks(size) {
                decoder.push(message, &mut batch).unwrap();
            }
            assert!(decoder.is_complete(), "messages of {size} bytes");
            assert_eq!(batch, expected, "messages of {size} bytes");
        }
    }

    #[test]
    fn a_stream_that_stops_early_is_not_complete() {
        let (_, bytes) = stream();
        let (mut decoder, mut batch) = (Decoder::default(), Batch::default());
        decoder.push(&bytes[..bytes.len() - 2], &mut batch).unwrap();
        assert!(!decoder.is_complete());
    }

    #[test]
    fn what_is_no_binary_copy_is_refused() {
        let mut decoder = Decoder::default();
        assert!(decoder.push(&[b'x'; 30], &mut Batch::default()).is_err());
    }
}
