//! Rows on their way out of the server: COPY, in the server's own bytes or as canonical text.

mod binary;
mod text;

use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use protocol::batch::Batch;
use protocol::fault::{Code, Fault};
use protocol::plan::Lane;
use protocol::schema::Logical;
use tokio_postgres::CopyOutStream;

use super::connect::Link;
use super::faults;
use super::idle::Idle;
use crate::Rows;

pub(super) use binary::{HEADER, TRAILER};

/// Room that a batch begins with: most batches of small tables never need more.
const FIRST_BYTES: usize = 64 << 10;

/// A connection to read over.
pub(super) struct Reader {
    pub(super) link: Link,
    /// Who keeps the connection when the read came to its end.
    pub(super) after: Option<Idle>,
    /// Texts come in our encoding, which the server vouches for; else as they are stored.
    pub(super) encoded: bool,
}

/// Lets texts come as they are stored, which a database in SQL_ASCII would otherwise refuse at the
/// first that is not UTF-8; and the end of that.
pub(super) const AS_STORED: &str = "SET LOCAL client_encoding = 'SQL_ASCII'";
const AS_WE_READ: &str = "SET LOCAL client_encoding = 'UTF8'";

/// Begins `COPY (query) TO STDOUT`. `columns` are what the query selects.
///
/// With `filtered`, a fault about the statement is about the operator's condition.
pub(super) async fn copy_out(
    reader: Reader,
    query: &str,
    columns: &[(String, Logical)],
    lane: Lane,
    batch_bytes: usize,
    filtered: bool,
) -> Result<Box<dyn Rows>, Fault> {
    let (format, decoder) = match lane {
        Lane::Raw => ("binary", Decoder::Binary(binary::Decoder::default())),
        Lane::Text => ("text", Decoder::Text(text::Decoder::new(columns, reader.encoded))),
    };
    let copy = format!("COPY ({query}) TO STDOUT (FORMAT {format})");
    reader.link.flow().begins();
    let opened = reader.link.client.copy_out(&copy).await;
    let stream = opened.map_err(|error| blame(reader.link.fault(&error), filtered))?;
    let stream = Box::pin(stream);
    let place = reader.link.place().to_owned();
    let mut rows = CopyOut {
        reader: Some(reader),
        place,
        stream,
        decoder,
        batch_bytes,
        filtered,
        ahead: None,
    };
    // The server begins to evaluate the condition with the first row, so a filter that is not
    // understood shows here, and not in the middle of a chunk.
    if filtered {
        rows.ahead = Some(rows.message().await?);
    }
    Ok(Box::new(rows))
}

/// A fault about the statement is about the condition in it, where an operator wrote one.
pub(super) fn blame(fault: Fault, filtered: bool) -> Fault {
    if !(filtered && faults::is_about_the_statement(&fault)) {
        return fault;
    }
    let blamed = Fault::new(Code::FilterInvalid, fault.place());
    match fault.named() {
        Some(native) => blamed.native(native.clone()),
        None => blamed,
    }
}

enum Decoder {
    Binary(binary::Decoder),
    Text(text::Decoder),
}

/// What came of a row that is not whole yet: a message may end anywhere.
#[derive(Debug, Default)]
struct Waiting(Vec<u8>);

impl Waiting {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands on what waits and the message behind it. What is not taken of them waits from now on.
    fn and(
        self,
        message: &[u8],
        take: impl FnOnce(&[u8]) -> Result<usize, &'static str>,
    ) -> Result<Self, &'static str> {
        let Self(mut waiting) = self;
        if waiting.is_empty() {
            // Mostly a message is a row, and none of it is copied.
            let taken = take(message)?;
            waiting.extend_from_slice(&message[taken..]);
        } else {
            waiting.extend_from_slice(message);
            let taken = take(&waiting)?;
            waiting.drain(..taken);
        }
        Ok(Self(waiting))
    }
}

/// A COPY that is running.
struct CopyOut {
    /// Alive until the read came to its end.
    reader: Option<Reader>,
    place: String,
    stream: Pin<Box<CopyOutStream>>,
    decoder: Decoder,
    batch_bytes: usize,
    filtered: bool,
    /// A message that was read already; the inner `None` is the end.
    ahead: Option<Option<Bytes>>,
}

impl CopyOut {
    async fn message(&mut self) -> Result<Option<Bytes>, Fault> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(ahead);
        }
        match self.stream.next().await {
            Some(Ok(bytes)) => {
                if let Some(reader) = &self.reader {
                    reader.link.flow().took(bytes.len());
                }
                Ok(Some(bytes))
            }
            Some(Err(error)) => {
                let fault = match &self.reader {
                    Some(reader) => reader.link.fault(&error),
                    None => faults::fault(&self.place, &error),
                };
                Err(blame(fault, self.filtered))
            }
            None => Ok(None),
        }
    }

    fn decode(&mut self, message: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        let understood = match &mut self.decoder {
            Decoder::Binary(decoder) => decoder.push(message, batch),
            Decoder::Text(decoder) => decoder.push(message, batch),
        };
        understood.map_err(|what| faults::unexpected(&self.place, what))
    }

    async fn end(&mut self) -> Result<(), Fault> {
        let complete = match &self.decoder {
            Decoder::Binary(decoder) => decoder.is_complete(),
            Decoder::Text(decoder) => decoder.is_complete(),
        };
        if !complete {
            return Err(faults::unexpected(&self.place, "rows ended in the middle of one"));
        }
        if let Some(Reader { link, after: Some(idle), encoded }) = self.reader.take() {
            if !encoded {
                link.batch(AS_WE_READ).await?;
            }
            idle.keep(link).await;
        }
        Ok(())
    }
}

#[async_trait]
impl Rows for CopyOut {
    async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        let mut batch = Batch::with_capacity(self.batch_bytes.min(FIRST_BYTES));
        while batch.bytes() < self.batch_bytes {
            match self.message().await? {
                Some(message) => self.decode(&message, &mut batch)?,
                None => {
                    self.end().await?;
                    // Asked again after the end, it is still the end.
                    self.ahead = Some(None);
                    break;
                }
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}
