//! Who stands at the admin port: lets a bounded number of connections in, and none that dawdles.
//!
//! A request that is never ended would otherwise hold a socket for ever, and some hundreds of them all
//! that a process may open. Where all places are taken, whoever has waited longest gives way: a probe
//! says what it wants at once, and so gets its answer whatever stands around beside it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Connections at once.
const GUESTS_MAX: usize = 64;

/// How long a request may take to be said.
const SAID_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection may stand idle after an answer: longer than scrapers wait between two.
const IDLE_MAX: Duration = Duration::from_secs(150);

/// How long nobody is let in after the system refused a socket.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// A listener that does so.
pub(crate) struct Doorman {
    listener: TcpListener,
    guests: Arc<Guests>,
}

/// Who is inside.
#[derive(Default)]
struct Guests(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    /// The number of the last one.
    last: u64,
    /// In the order in which they came, each with what shows it out when it is dropped.
    guests: VecDeque<(u64, oneshot::Sender<()>)>,
}

impl Guests {
    /// No panic can leave it half changed, so poison means nothing here.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one in, and shows out whoever came first where there is no place.
    fn enter(&self) -> (u64, oneshot::Receiver<()>) {
        let (show_out, shown_out) = oneshot::channel();
        let mut inside = self.inside();
        while inside.guests.len() >= GUESTS_MAX {
            inside.guests.pop_front();
        }
        inside.last += 1;
        let number = inside.last;
        inside.guests.push_back((number, show_out));
        (number, shown_out)
    }

    fn leave(&self, number: u64) {
        self.inside().guests.retain(|(inside, _)| *inside != number);
    }
}

impl Doorman {
    /// Stands at a port that is open.
    pub(crate) fn at(listener: TcpListener) -> Self {
        Self { listener, guests: Arc::default() }
    }
}

impl Listener for Doorman {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((socket, address)) => return (Guest::new(socket, &self.guests), address),
                // No socket is to be had, or whoever knocked is gone.
                Err(_) => sleep(REFUSED_PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub(crate) struct Guest {
    socket: TcpStream,
    until: Pin<Box<Sleep>>,
    /// A request was begun and not answered.
    asks: bool,
    shown_out: oneshot::Receiver<()>,
    number: u64,
    guests: Arc<Guests>,
}

impl Guest {
    fn new(socket: TcpStream, guests: &Arc<Guests>) -> Self {
        let (number, shown_out) = guests.enter();
        let until = Box::pin(sleep_until(Instant::now() + SAID_WITHIN));
        Self { socket, until, asks: true, shown_out, number, guests: Arc::clone(guests) }
    }

    fn must_go(&mut self, context: &mut Context<'_>) -> bool {
        self.until.as_mut().poll(context).is_ready()
            || Pin::new(&mut self.shown_out).poll(context).is_ready()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.guests.leave(self.number);
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.must_go(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if read.is_ready() && buffer.filled().len() > before && !self.asks {
            self.asks = true;
            self.until.as_mut().reset(Instant::now() + SAID_WITHIN);
        }
        read
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        if written.is_ready() && self.asks {
            self.asks = false;
            self.until.as_mut().reset(Instant::now() + IDLE_MAX);
        }
        if written.is_pending() && self.must_go(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

    async fn port() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/healthz", get(|| std::future::ready("alive\n")));
        tokio::spawn(async move { axum::serve(Doorman::at(listener), routes).await });
        address
    }

    async fn half(address: SocketAddr) -> TcpStream {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(&REQUEST[..20]).await.unwrap();
        socket
    }

    async fn is_answered(socket: &mut TcpStream) {
        socket.write_all(REQUEST).await.unwrap();
        let mut answer = vec![0; 1024];
        let length = socket.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.ends_with("alive\n"), "{answer}");
    }

    async fn is_closed(socket: &mut TcpStream) {
        // Closed, with or without a word about why.
        while matches!(socket.read(&mut [0; 1024]).await, Ok(1..)) {}
    }

    #[tokio::test]
    async fn whoever_waited_longest_gives_way() {
        let address = port().await;
        let mut dawdlers = Vec::new();
        for _ in 0..GUESTS_MAX + 40 {
            dawdlers.push(half(address).await);
        }
        let mut probe = TcpStream::connect(address).await.unwrap();
        is_answered(&mut probe).await;
        is_answered(&mut probe).await;
        for first in dawdlers.iter_mut().take(40) {
            is_closed(first).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_not_ended_is_not_waited_for() {
        let address = port().await;
        let mut dawdler = half(address).await;
        let began = Instant::now();
        is_closed(&mut dawdler).await;
        assert!(began.elapsed() < SAID_WITHIN * 2, "{:?}", began.elapsed());
    }
}
