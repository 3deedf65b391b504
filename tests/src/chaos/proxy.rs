//! A wire to a server that can be cut, that can fall silent, and that can lose the one answer that
//! matters: that a COMMIT was done.
//!
//! PostgreSQL names the statement in its answer. MySQL does not, so there the statement is listened
//! for, and what the server says next is its answer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Bytes that are carried at once.
const CARRIED: usize = 16 * 1024;

/// What a server says when a transaction of PostgreSQL was committed, after type and length.
const COMMITTED: &[u8] = b"COMMIT\0";

/// Bytes of a frame's length, which it counts too.
const LENGTH: usize = 4;

/// A client of MySQL that asks for the end of its transaction: a command's number, and its text.
const COMMIT: &[u8] = b"\x03COMMIT";

/// Bytes before a packet of MySQL: three of its length, and its number.
const HEADER: usize = 4;

/// What is spoken on a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// PostgreSQL.
    Postgres,
    /// MySQL.
    MySql,
    /// Something in which no COMMIT is looked for.
    Other,
}

/// A way to a server of this machine. Dropped, it is cut.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    wire: Arc<Wire>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Wire {
    /// How often it was cut.
    cuts: watch::Sender<u64>,
    silent: watch::Sender<bool>,
    /// How many answers to COMMIT are still to be lost.
    losses: AtomicU32,
    lost: AtomicU32,
}

impl Proxy {
    /// A new way to a port.
    ///
    /// # Panics
    /// When no port is free.
    pub(super) async fn to(server: u16, speech: Speech) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let wire = Arc::new(Wire::default());
        let shared = wire.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let wire = shared.clone();
                tokio::spawn(async move {
                    let _ = wire.carry(near, server, speech).await;
                });
            }
        });
        Self { port, wire, accepting }
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts all connections. New ones can be made.
    pub fn cut(&self) {
        self.wire.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Carries nothing for a while, and then what was held up. Nobody is told.
    pub async fn stall(&self, time: Duration) {
        self.wire.silent.send_replace(true);
        sleep(time).await;
        self.wire.silent.send_replace(false);
    }

    /// Loses the next answer to a COMMIT, and the connection with it: done, and nobody knows.
    pub fn lose_a_commit(&self) {
        self.wire.losses.store(1, Ordering::SeqCst);
    }

    /// How many answers it lost so far.
    pub fn lost(&self) -> u32 {
        self.wire.lost.load(Ordering::SeqCst)
    }

    /// Carries everything again.
    pub fn mend(&self) {
        self.wire.losses.store(0, Ordering::SeqCst);
        self.wire.silent.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl Wire {
    async fn carry(&self, near: TcpStream, server: u16, speech: Speech) -> io::Result<()> {
        let mut cuts = self.cuts.subscribe();
        cuts.mark_unchanged();
        let far = TcpStream::connect(("127.0.0.1", server)).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
        // On MySQL: a COMMIT was asked for, and the answer was not heard yet.
        let asking = AtomicBool::new(false);
        let (mut packets, mut frames) = (Packets::default(), Frames::default());
        let asked = self.pump(from_near, to_far, |bytes| {
            if speech == Speech::MySql && packets.commit(bytes) {
                asking.store(true, Ordering::SeqCst);
            }
            false
        });
        let said = self.pump(from_far, to_near, |bytes| match speech {
            Speech::Postgres => frames.committed(bytes),
            Speech::MySql => asking.swap(false, Ordering::SeqCst),
            Speech::Other => false,
        });
        tokio::select! {
            asked = asked => asked,
            said = said => said,
            _ = cuts.changed() => Ok(()),
        }
    }

    async fn pump(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        mut committed: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<()> {
        let (mut silent, mut bytes) = (self.silent.subscribe(), vec![0; CARRIED]);
        loop {
            let read = from.read(&mut bytes).await?;
            let _ = silent.wait_for(|silent| !silent).await;
            if read == 0 || (committed(&bytes[..read]) && self.loses()) {
                return Ok(());
            }
            to.write_all(&bytes[..read]).await?;
        }
    }

    /// Whether this answer is to be lost.
    fn loses(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        let loses = self.losses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
        self.lost.fetch_add(u32::from(loses), Ordering::SeqCst);
        loses
    }
}

/// What a PostgreSQL server says, as frames: a letter, a length that counts itself, and the rest.
#[derive(Debug, Default)]
struct Frames {
    header: Vec<u8>,
    /// Bytes of the present frame that are still to come.
    left: usize,
    /// What has come of it, when it may be the one.
    body: Option<Vec<u8>>,
}

impl Frames {
    /// Whether these bytes end the answer to a COMMIT.
    fn committed(&mut self, mut bytes: &[u8]) -> bool {
        let mut found = false;
        while !bytes.is_empty() {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                self.left -= taken;
                if let Some(body) = &mut self.body {
                    body.extend_from_slice(&bytes[..taken]);
                    found |= self.left == 0 && body == COMMITTED;
                }
                bytes = &bytes[taken..];
                continue;
            }
            self.header.push(bytes[0]);
            bytes = &bytes[1..];
            if let [letter, length @ ..] = self.header.as_slice()
                && let Ok(length) = <[u8; 4]>::try_from(length)
            {
                let length = u32::from_be_bytes(length) as usize;
                self.left = length.saturating_sub(LENGTH);
                let may_be = *letter == b'C' && self.left == COMMITTED.len();
                self.body = may_be.then(Vec::new);
                self.header.clear();
            }
        }
        found
    }
}

/// What a client of MySQL asks, as packets: a length, a number, and so many bytes.
#[derive(Debug, Default)]
struct Packets {
    header: Vec<u8>,
    /// Bytes of the present packet that are still to come.
    left: usize,
    /// What has come of it, when it may be the one.
    body: Option<Vec<u8>>,
}

impl Packets {
    /// Whether these bytes end the request for a COMMIT.
    fn commit(&mut self, mut bytes: &[u8]) -> bool {
        let mut found = false;
        while !bytes.is_empty() {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                self.left -= taken;
                if let Some(body) = &mut self.body {
                    body.extend_from_slice(&bytes[..taken]);
                    found |= self.left == 0 && body == COMMIT;
                }
                bytes = &bytes[taken..];
                continue;
            }
            self.header.push(bytes[0]);
            bytes = &bytes[1..];
            if self.header.len() == HEADER {
                let length = [self.header[0], self.header[1], self.header[2], 0];
                self.left = u32::from_le_bytes(length) as usize;
                self.body = (self.left == COMMIT.len()).then(Vec::new);
                self.header.clear();
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(letter: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[letter], &length[..], body].concat()
    }

    fn committed(said: &[u8], at_once: usize) -> bool {
        let mut frames = Frames::default();
        said.chunks(at_once).fold(false, |found, bytes| frames.committed(bytes) | found)
    }

    #[test]
    fn a_commit_is_found_wherever_the_wire_cuts_what_is_said() {
        let ready = frame(b'Z', b"T");
        let said = [frame(b'D', b"C\0\0\0\x0bCOMMIT\0"), frame(b'C', b"COMMIT\0"), ready].concat();
        for at_once in 1..=said.len() {
            assert!(committed(&said, at_once), "{at_once} bytes at once");
        }
    }

    #[test]
    fn a_row_that_says_commit_and_another_command_are_none() {
        let row = frame(b'D', b"C\0\0\0\x0bCOMMIT\0");
        let others =
            [row, frame(b'C', b"INSERT 0 1\0"), frame(b'C', b"UPDATE\0"), frame(b'1', b"")];
        for at_once in 1..20 {
            assert!(!committed(&others.concat(), at_once), "{at_once} bytes at once");
        }
    }

    #[test]
    fn a_request_for_a_commit_is_found_wherever_the_wire_cuts_it() {
        let packet = |body: &[u8]| {
            let length = u32::try_from(body.len()).unwrap().to_le_bytes();
            [&length[..3], &[0], body].concat()
        };
        let asked = [packet(b"\x03SELECT 1"), packet(b""), packet(COMMIT)].concat();
        let other = [packet(b"\x03SELECT '\x07\0\0\0\x03COMMIT'"), packet(b"\x16COMMIT")].concat();
        for at_once in 1..=asked.len() {
            let found = |bytes: &[u8]| {
                let mut packets = Packets::default();
                bytes.chunks(at_once).fold(false, |found, bytes| packets.commit(bytes) | found)
            };
            assert!(found(&asked) && !found(&other), "{at_once} bytes at once");
        }
    }

    #[tokio::test]
    async fn a_wire_carries_is_cut_and_carries_again() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::to(server.local_addr().unwrap().port(), Speech::Other).await;
        for _ in 0..2 {
            let mut near = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
            let (mut far, _) = server.accept().await.unwrap();
            near.write_all(b"to").await.unwrap();
            let mut heard = [0; 2];
            far.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"to");
            proxy.cut();
            assert_eq!(near.read(&mut heard).await.unwrap_or(0), 0);
        }
    }
}
