//! One connection to the broker, and the words for what can be wrong with it.
//!
//! Every call has a time limit, because the driver's futures may never end. And every connection
//! has a cord: pulled, it closes the socket under the driver, whatever that was waiting for.

use std::fmt;
use std::future::Future;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::Stream;
use lapin::tcp::{AsyncTcpStream, RustlsConnector};
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, Event};
use protocol::fault::{Code, Fault};
use tokio::time::timeout;

use super::dial;
use super::options::Settled;

/// One question and its answer.
pub(super) const CALL: Duration = Duration::from_secs(10);

/// What to do about a refusal.
const LOGIN: &str = "Correct user, password and virtual host of the broker under `fleet: { broker: … }`, and \
                     give that user all rights on the queues `longhaul.*`.";

/// Why a connection is not there, or not any more: a lower-case fragment for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Why {
    words: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    /// Nothing was heard.
    Silence,
    /// The broker is there and refuses us, so that waiting does not help.
    Refusal,
}

impl Why {
    pub(super) fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), kind: Kind::Other }
    }

    pub(super) fn silence(doing: &str) -> Self {
        Self { words: format!("no answer while {doing}"), kind: Kind::Silence }
    }

    pub(super) fn refusal(words: impl Into<String>) -> Self {
        Self { words: words.into(), kind: Kind::Refusal }
    }

    /// Whether nothing was heard at all.
    pub(super) fn is_silence(&self) -> bool {
        self.kind == Kind::Silence
    }

    /// Whether the broker is there and refuses us.
    pub(super) fn is_refusal(&self) -> bool {
        self.kind == Kind::Refusal
    }

    /// What it is to whoever needs this broker.
    pub(super) fn fault(&self, broker: impl Into<String>) -> Fault {
        if self.is_refusal() {
            Fault::new(Code::LoginRefused, broker).saying(&self.words).next(LOGIN)
        } else {
            Fault::new(Code::Unreachable, broker).saying(&self.words)
        }
    }

    /// The driver's error in words that hold neither user nor password.
    pub(super) fn of(error: &lapin::Error) -> Self {
        let ErrorKind::ProtocolError(said) = error.kind() else {
            return Self::new(error.to_string());
        };
        // The broker's text for these names the user.
        let words = match said.get_id() {
            403 => "the broker refuses the login, or a right to the queue",
            530 => "the virtual host is not there, or this user may not use it",
            _ => return Self::new(said.get_message().to_string()),
        };
        Self::refusal(words)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// Whether the time was over, ours or the system's.
fn is_timeout(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::IOError(io) if io.kind() == std::io::ErrorKind::TimedOut)
}

/// Waits for one of the driver's futures, but not for ever.
pub(super) async fn within<T>(
    doing: &str,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Why> {
    match timeout(CALL, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Why::of(&error)),
        Err(_) => Err(Why::silence(doing)),
    }
}

/// A connection. Dropped, it is gone at once.
pub(super) struct Link {
    connection: Connection,
    cord: Cord,
    /// Where it leads.
    address: SocketAddr,
}

impl Link {
    /// Connects for a duty to the first of the host's addresses that answers.
    pub(super) async fn open(settled: &Settled, duty: &str) -> Result<Self, Why> {
        Self::open_one_of(dial::addresses(settled).await?, settled, duty).await
    }

    pub(super) async fn open_one_of(
        addresses: Vec<SocketAddr>,
        settled: &Settled,
        duty: &str,
    ) -> Result<Self, Why> {
        let connect = |address, within| Self::connect(settled, duty, address, within);
        settled.silent.first(addresses, connect).await
    }

    /// Connects to an address, with the driver's own recovery off. Whatever the address, a server that
    /// is to prove who it is does so by the name in the URL.
    async fn connect(
        settled: &Settled,
        duty: &str,
        address: SocketAddr,
        within: Duration,
    ) -> Result<Self, Why> {
        let cord = Cord::default();
        let name = format!("{} ({duty})", settled.name);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let (tls, sockets) = (settled.tls.clone().map(RustlsConnector::from), cord.clone());
        let runtime = lapin::runtime::default_runtime().map_err(|e| Why::of(&e))?;
        let connected = Connection::connector(
            settled.uri.clone(),
            runtime,
            async move |uri, runtime| {
                let dial = AsyncTcpStream::connect(&runtime, address);
                // Inside as well: before the cord is tied there is nothing to pull.
                let stream = timeout(within, dial).await.map_err(std::io::Error::from)??;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    sockets.tie(plain.get_ref())?;
                }
                Ok(match &tls {
                    Some(tls) => stream.into_rustls(tls, &uri.authority.host).await?,
                    None => stream,
                })
            },
            properties,
        );
        match timeout(within, connected).await {
            Ok(Ok(connection)) => Ok(Self { connection, cord, address }),
            Ok(Err(error)) if !is_timeout(&error) => Err(Why::of(&error)),
            Ok(Err(_)) | Err(_) => {
                cord.pull();
                Err(Why::silence("connecting"))
            }
        }
    }

    /// The address that it leads to.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn channel(&self) -> Result<Channel, Why> {
        within("opening a channel", self.connection.create_channel()).await
    }

    pub(super) fn connected(&self) -> bool {
        self.connection.status().connected()
    }

    pub(super) fn blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    pub(super) fn events(&self) -> impl Stream<Item = Event> + Send + 'static {
        self.connection.events_listener()
    }

    /// Ends the connection without asking anybody.
    pub(super) fn cut(&self) {
        self.cord.pull();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cut();
    }
}

/// A second hold on a connection's socket.
#[derive(Clone, Default)]
struct Cord(Arc<OnceLock<TcpStream>>);

impl Cord {
    fn tie(&self, stream: &tokio::net::TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        // Without recovery the driver dials once, so nothing is tied yet.
        let _ = self.0.set(TcpStream::from(stream.as_fd().try_clone_to_owned()?));
        Ok(())
    }

    fn pull(&self) {
        if let Some(socket) = self.0.get() {
            // It may be closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
