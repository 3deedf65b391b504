//! What stands between a server and the driver: every message's length is looked at before the driver
//! sets memory aside for it.
//!
//! The driver believes the length in a message's head, keeps whatever a server says before it lets us
//! in, and collects the rows of an answer. A server that is broken, hostile, or no PostgreSQL at all
//! would so take all memory. Here each kind of message has a bound far above what an honest server
//! sends, and so has what comes between two ends of an answer. Past one, the connection is closed.
//!
//! It also keeps the driver from reading far ahead: by itself it takes up to four rows from the socket
//! before anybody asked for one, which is nothing for small rows and all memory for large ones. Here a
//! row is not begun while more than [`AHEAD_BYTES`] of those before wait to be taken.
//!
//! It stands behind TLS, where messages can be seen: as a "TLS" of its own where there is none. Only a
//! Unix socket is left alone, since the driver takes no TLS there; who listens on it is on this machine.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A row: PostgreSQL makes no larger one.
const ROW_BYTES_MAX: u32 = 1 << 30;

/// A row of an answer to a question about the catalogue or the books; rows that are moved come by COPY.
const ANSWER_ROW_BYTES_MAX: u32 = 256 << 20;

/// All rows of one answer: the driver collects them.
const ANSWER_BYTES_MAX: u64 = 512 << 20;

/// An error or a notice: a function may raise long ones.
const WORDS_BYTES_MAX: u32 = 16 << 20;

/// All others.
const OTHER_BYTES_MAX: u32 = 4 << 20;

/// Notices and settings between two ends of an answer.
const ASIDE_BYTES_MAX: u64 = 64 << 20;

/// The same before we are let in: the driver keeps them.
const GREETING_BYTES_MAX: u64 = 1 << 20;

/// Bytes of rows of a COPY that the driver may have and nobody has taken; a row that was begun is read
/// to its end.
const AHEAD_BYTES: u64 = 1 << 20;

/// A row is read up to its end, and not into the next one, from this size on: below, a row more is
/// nothing, and the fewer reads are the faster ones.
const LARGE_BYTES: u32 = 64 << 10;

/// Bytes of a large row that are read at once: they are set to zero first.
const READ_BYTES_MAX: usize = 256 << 10;

/// What of a COPY lies between the socket and whoever takes its rows.
#[derive(Debug, Default)]
pub(super) struct Flow {
    waiting: AtomicU64,
    stalled: AtomicWaker,
}

impl Flow {
    fn came(&self, bytes: u32) {
        self.waiting.fetch_add(u64::from(bytes), Ordering::AcqRel);
    }

    /// So many bytes of rows were taken from the driver.
    pub(super) fn took(&self, bytes: usize) {
        let bytes = bytes as u64;
        let less = |waiting: u64| Some(waiting.saturating_sub(bytes));
        let _ = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        self.stalled.wake();
    }

    /// A COPY is over, or begins: nothing of an earlier one counts.
    pub(super) fn begins(&self) {
        self.waiting.store(0, Ordering::Release);
        self.stalled.wake();
    }

    /// Whether a reader should wait, who is woken then.
    fn stalls(&self, context: &Context<'_>) -> bool {
        if self.waiting.load(Ordering::Acquire) <= AHEAD_BYTES {
            return false;
        }
        self.stalled.register(context.waker());
        // Somebody may have taken rows in between.
        self.waiting.load(Ordering::Acquire) > AHEAD_BYTES
    }
}

/// A server sent what no server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Absurd {
    what: &'static str,
    bytes: u64,
}

impl fmt::Display for Absurd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it sent {} of {} bytes", self.what, self.bytes)
    }
}

impl std::error::Error for Absurd {}

/// What is known of the messages so far.
#[derive(Debug, Default)]
struct Watch {
    head: [u8; 5],
    /// Bytes of a head that were seen.
    seen: usize,
    /// Bytes of a message that are to come.
    left: u32,
    /// We were let in.
    greeted: bool,
    /// Bytes of the rows of an answer, and of what was said beside it.
    answer: u64,
    aside: u64,
}

impl Watch {
    /// Whether the next byte begins a message.
    fn is_between(&self) -> bool {
        self.left == 0 && self.seen == 0
    }

    /// Looks at bytes as they come.
    fn look(&mut self, mut bytes: &[u8], flow: &Flow) -> Result<(), Absurd> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let skipped = bytes.len().min(self.left as usize);
                bytes = &bytes[skipped..];
                self.left -= u32::try_from(skipped).unwrap_or(self.left);
                continue;
            }
            let taken = bytes.len().min(self.head.len() - self.seen);
            self.head[self.seen..self.seen + taken].copy_from_slice(&bytes[..taken]);
            self.seen += taken;
            bytes = &bytes[taken..];
            if self.seen == self.head.len() {
                self.seen = 0;
                let [tag, length @ ..] = self.head;
                // The length counts itself.
                self.left = u32::from_be_bytes(length).saturating_sub(4);
                self.judge(tag)?;
                if tag == b'd' {
                    flow.came(self.left);
                }
            }
        }
        Ok(())
    }

    fn judge(&mut self, tag: u8) -> Result<(), Absurd> {
        let (what, most) = match tag {
            b'd' => ("a row", ROW_BYTES_MAX),
            b'D' => ("a row of an answer", ANSWER_ROW_BYTES_MAX),
            b'E' | b'N' => ("an error or a notice", WORDS_BYTES_MAX),
            _ => ("a message", OTHER_BYTES_MAX),
        };
        within(what, u64::from(self.left), u64::from(most))?;
        let whole = u64::from(self.left) + self.head.len() as u64;
        match tag {
            b'Z' => {
                self.greeted = true;
                (self.answer, self.aside) = (0, 0);
            }
            b'D' => self.answer += whole,
            b'N' | b'S' | b'A' => self.aside += whole,
            _ => {}
        }
        within("an answer", self.answer, ANSWER_BYTES_MAX)?;
        let most = if self.greeted { ASIDE_BYTES_MAX } else { GREETING_BYTES_MAX };
        within("notices and settings", self.aside, most)
    }
}

fn within(what: &'static str, bytes: u64, most: u64) -> Result<(), Absurd> {
    if bytes > most { Err(Absurd { what, bytes }) } else { Ok(()) }
}

type RustlsConnect = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;
type RustlsStream = <RustlsConnect as TlsConnect<Socket>>::Stream;

/// Makes one guarded connection, encrypted or not.
#[derive(Clone)]
pub(super) struct Guard {
    tls: Option<MakeRustlsConnect>,
    found: Found,
}

/// What a guard found, for whoever waits for an answer: the driver tells them only that the connection
/// is closed.
pub(super) type Found = Arc<Known>;

/// What a guard and the owner of its connection know together.
#[derive(Debug, Default)]
pub(super) struct Known {
    absurd: OnceLock<Absurd>,
    pub(super) flow: Flow,
}

impl Known {
    /// Why the guard closed the connection, if it did.
    pub(super) fn absurd(&self) -> Option<Absurd> {
        self.absurd.get().copied()
    }
}

impl Guard {
    /// A guard of a connection that is encrypted, if `tls` is there.
    pub(super) fn of(tls: Option<MakeRustlsConnect>, found: &Found) -> Self {
        Self { tls, found: Arc::clone(found) }
    }
}

impl MakeTlsConnect<Socket> for Guard {
    type Stream = Guarded;
    type TlsConnect = Connect;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Connect> {
        let tls = self.tls.as_mut().map(|tls| {
            MakeTlsConnect::<Socket>::make_tls_connect(tls, host).map_err(io::Error::other)
        });
        Ok(Connect { tls: tls.transpose()?, found: Arc::clone(&self.found) })
    }
}

/// One connection about to be made.
pub(super) struct Connect {
    tls: Option<RustlsConnect>,
    found: Found,
}

impl TlsConnect<Socket> for Connect {
    type Stream = Guarded;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Guarded>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let inner = match self.tls {
                None => Inner::Plain(socket),
                Some(tls) => Inner::Tls(Box::new(tls.connect(socket).await?)),
            };
            Ok(Guarded { inner, watch: Watch::default(), found: self.found })
        })
    }
}

enum Inner {
    Plain(Socket),
    Tls(Box<RustlsStream>),
}

/// A connection whose messages are looked at as they come.
pub(super) struct Guarded {
    inner: Inner,
    watch: Watch,
    found: Found,
}

impl Guarded {
    fn read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }

    /// Reads so many bytes at most.
    fn read_within(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining().min(most).min(READ_BYTES_MAX);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let read = self.read(context, &mut part);
        let filled = part.filled().len();
        buffer.advance(filled);
        read
    }
}

impl TlsStream for Guarded {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.inner {
            Inner::Plain(_) => ChannelBinding::none(),
            Inner::Tls(stream) => stream.channel_binding(),
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.watch.is_between() && self.found.flow.stalls(context) {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = match self.watch.left {
            large @ LARGE_BYTES.. => self.read_within(context, buffer, large as usize),
            _ => self.read(context, buffer),
        };
        match read {
            Poll::Ready(Ok(())) => {
                let Self { watch, found, .. } = &mut *self;
                let looked = watch.look(&buffer.filled()[before..], &found.flow);
                Poll::Ready(looked.map_err(|absurd| {
                    let _ = self.found.absurd.set(absurd);
                    io::Error::new(io::ErrorKind::InvalidData, absurd)
                }))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Plain(socket) => Pin::new(socket).poll_write_vectored(context, parts),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.inner {
            Inner::Plain(socket) => socket.is_write_vectored(),
            Inner::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(socket) => Pin::new(socket).poll_flush(context),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, length: u32) -> Vec<u8> {
        [&[tag][..], &(length + 4).to_be_bytes()].concat()
    }

    fn whole(tag: u8, length: u32) -> Vec<u8> {
        [message(tag, length), vec![0; length as usize]].concat()
    }

    #[test]
    fn messages_are_counted_however_their_bytes_are_cut() {
        let stream = [whole(b'R', 8), whole(b'S', 30), whole(b'Z', 1), whole(b'D', 700)].concat();
        for cut in 1..40 {
            let (mut watch, flow) = (Watch::default(), Flow::default());
            stream.chunks(cut).for_each(|part| watch.look(part, &flow).unwrap());
            assert_eq!((watch.left, watch.seen, watch.answer), (0, 0, 705), "cut by {cut}");
        }
    }

    #[test]
    fn a_head_that_promises_too_much_is_refused_before_anything_of_it_came() {
        for (tag, length) in [(b'd', 1 << 31), (b'D', 1 << 30), (b'N', 1 << 25), (b'T', 1 << 23)] {
            let said = Watch::default().look(&message(tag, length), &Flow::default()).unwrap_err();
            assert_eq!(said.bytes, u64::from(length), "{said}");
        }
        Watch::default().look(&message(b'd', 1 << 29), &Flow::default()).unwrap();
    }

    #[test]
    fn what_never_ends_ends() {
        let flow = Flow::default();
        for (tag, before, most) in [
            (b'S', false, 2 << 20),
            (b'N', false, 2 << 20),
            (b'N', true, 80 << 20),
            (b'D', true, 600 << 20),
        ] {
            let mut watch = Watch { greeted: before, ..Watch::default() };
            let one = whole(tag, 1 << 10);
            let sent = (0..most >> 10).find(|_| watch.look(&one, &flow).is_err());
            assert!(sent.is_some(), "{}", char::from(tag));
            // The end of an answer begins the count anew.
            let mut watch = Watch { greeted: true, ..Watch::default() };
            for _ in 0..100 {
                watch.look(&whole(tag, 1 << 20), &flow).unwrap();
                watch.look(&whole(b'Z', 1), &flow).unwrap();
            }
        }
    }

    #[test]
    fn rows_that_nobody_took_are_counted() {
        let (mut watch, flow) = (Watch::default(), Flow::default());
        let context = Context::from_waker(std::task::Waker::noop());
        watch.look(&whole(b'd', 2 << 20), &flow).unwrap();
        assert!(watch.is_between() && flow.stalls(&context));
        flow.took(2 << 20);
        assert!(!flow.stalls(&context));
        watch.look(&whole(b'D', 2 << 20), &flow).unwrap();
        assert!(!flow.stalls(&context), "an answer is nobody's to wait for");
    }
}
