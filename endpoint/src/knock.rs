//! Who answers at an address where the server that was expected does not.
//!
//! Somebody who names the wrong port meets another kind of server, which waits for words that never
//! come, or says some that nobody understands. A look at its first bytes tells which it is.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// How long whoever speaks first may take to do so.
const SPEAK_WITHIN: Duration = Duration::from_millis(400);

/// What PostgreSQL is asked before anything else: whether it encrypts. It answers with one letter.
const ASK_TO_ENCRYPT: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Whoever answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Postgres,
    MySql,
    Ssh,
    Http,
    Redis,
    Amqp,
    /// It answers with something else.
    Stranger,
}

impl Who {
    /// What it is called.
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL or MariaDB",
            Self::Ssh => "an SSH server",
            Self::Http => "a web server",
            Self::Redis => "Redis",
            Self::Amqp => "RabbitMQ",
            Self::Stranger => "another kind of server",
        }
    }

    /// What is wrong where `expected` was looked for, and what to do about it.
    pub(crate) fn instead_of(self, expected: &str) -> (String, String) {
        let said = format!("{} answers there, not {expected}", self.name());
        let next = match self {
            Self::Postgres => {
                "Write the URL as `postgres://…`, or correct the port (MySQL's is 3306)."
            }
            Self::MySql => {
                "Write the URL as `mysql://…`, or correct the port (PostgreSQL's is 5432)."
            }
            Self::Ssh | Self::Http | Self::Redis | Self::Amqp | Self::Stranger => {
                "Correct host or port in the URL."
            }
        };
        (said, next.to_owned())
    }
}

/// Looks who answers. `None` where nobody does, or nobody says anything that tells.
pub(crate) async fn who(host: &str, port: u16) -> Option<Who> {
    let mut stream = timeout(CONNECT_WITHIN, TcpStream::connect((host, port))).await.ok()?.ok()?;
    let mut first = [0; 64];
    if let Ok(Ok(length)) = timeout(SPEAK_WITHIN, stream.read(&mut first)).await {
        return (length > 0).then(|| greeting(&first[..length]));
    }
    stream.write_all(&ASK_TO_ENCRYPT).await.ok()?;
    let length = timeout(SPEAK_WITHIN, stream.read(&mut first)).await.ok()?.ok()?;
    Some(match &first[..length] {
        b"S" | b"N" => Who::Postgres,
        // It closed the connection, as whoever understands nothing does.
        [] => return None,
        other => greeting(other),
    })
}

/// Who begins like this.
fn greeting(first: &[u8]) -> Who {
    // A packet of MySQL: three bytes of length, number 0, then version 10 of the protocol, or an
    // error, as for a host that may not connect.
    let packet = first.get(3) == Some(&0) && matches!(first.get(4), Some(10 | 255));
    match first {
        _ if packet => Who::MySql,
        _ if first.starts_with(b"SSH-") => Who::Ssh,
        _ if first.starts_with(b"HTTP/") => Who::Http,
        _ if first.starts_with(b"-ERR") || first.starts_with(b"-DENIED") => Who::Redis,
        _ if first.starts_with(b"AMQP") => Who::Amqp,
        _ => Who::Stranger,
    }
}

/// Why a connection could not be made, or broke, in plain words.
pub(crate) fn words(error: &std::io::Error) -> String {
    if error.to_string().contains("lookup address") {
        return "no host of that name is known".into();
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "the standard library's, and it grows")]
    match error.kind() {
        ErrorKind::ConnectionRefused => "nothing listens on that port (connection refused)".into(),
        ErrorKind::TimedOut => "no answer in time".into(),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "no route leads to that host".into()
        }
        ErrorKind::NotFound => "there is no such socket".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answering(words: &'static [u8], first: bool) -> Option<Who> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            if !first {
                let mut asked = [0; 8];
                stream.read_exact(&mut asked).await.unwrap();
            }
            stream.write_all(words).await.unwrap();
        });
        let found = who("127.0.0.1", port).await;
        server.await.unwrap();
        found
    }

    #[tokio::test]
    async fn a_server_is_known_by_its_first_words() {
        assert_eq!(answering(b"\x4a\0\0\0\x0a8.0.36\0", true).await, Some(Who::MySql));
        assert_eq!(answering(b"SSH-2.0-OpenSSH_9.2\r\n", true).await, Some(Who::Ssh));
        assert_eq!(answering(b"N", false).await, Some(Who::Postgres));
        assert_eq!(answering(b"-ERR unknown command\r\n", false).await, Some(Who::Redis));
        assert_eq!(answering(b"HTTP/1.1 400 Bad Request\r\n", false).await, Some(Who::Http));
    }

    #[tokio::test]
    async fn where_nobody_listens_nobody_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert_eq!(who("127.0.0.1", port).await, None);
    }
}
