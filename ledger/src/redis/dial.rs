//! Which of a host's addresses is gone to: whichever is the first to take us in.
//!
//! The driver goes to all of them at once and keeps the first that takes a connection, even if it
//! says nothing then. Here one counts only when it has answered; the next is tried soon beside it.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use redis::aio::MultiplexedConnection;
use redis::io::AsyncDNSResolver;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisFuture, RedisResult};
use tokio::net::lookup_host;
use tokio::time::sleep;

/// How long an address is tried before the next one is, too.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first of the host's addresses that answers.
pub(super) async fn connect(
    client: &Client,
    config: AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    use ConnectionAddr::{Tcp, TcpTls};
    let mut addresses = Vec::new();
    if let Tcp(host, port) | TcpTls { host, port, .. } = client.get_connection_info().addr() {
        addresses.extend(lookup_host((host.as_str(), *port)).await?);
    }
    if addresses.len() < 2 {
        return client.get_multiplexed_async_connection_with_config(&config).await;
    }
    among(client, &config, addresses).await
}

async fn among(
    client: &Client,
    config: &AsyncConnectionConfig,
    addresses: Vec<SocketAddr>,
) -> RedisResult<MultiplexedConnection> {
    first(addresses, |address| {
        let config = config.clone().set_dns_resolver(Only(address));
        async move { client.get_multiplexed_async_connection_with_config(&config).await }
    })
    .await
}

/// The first that answers, of addresses that are tried one after the other, and soon beside each
/// other.
///
/// # Errors
/// When all have failed: what a server answered before anything else, since a refusal is no absence;
/// otherwise of the one that failed last.
async fn first<T, C: Future<Output = RedisResult<T>>>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> C,
) -> RedisResult<T> {
    let mut left = addresses.into_iter();
    let mut tried = FuturesUnordered::new();
    tried.extend(left.next().map(&connect));
    let mut answered = None;
    loop {
        tokio::select! {
            Some(ended) = tried.next() => match ended {
                Err(error) if left.len() > 0 || !tried.is_empty() => {
                    answered = answered.or(Some(error).filter(|error| !error.is_io_error()));
                }
                Err(error) if error.is_io_error() => return Err(answered.unwrap_or(error)),
                known => return known,
            },
            () = sleep(HEAD_START), if left.len() > 0 => {}
        }
        tried.extend(left.next().map(&connect));
    }
}

/// A name that leads to one address. The name itself stays what a certificate is held against.
struct Only(SocketAddr);

impl AsyncDNSResolver for Only {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        _host: &'b str,
        _port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        let only: Box<dyn Iterator<Item = SocketAddr> + Send> = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(only)))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn address(url: &str) -> SocketAddr {
        let info = Client::open(url).unwrap();
        let ConnectionAddr::Tcp(host, port) = info.get_connection_info().addr() else {
            panic!("the tests' Redis is not encrypted")
        };
        lookup_host((host.as_str(), *port)).await.unwrap().next().unwrap()
    }

    #[tokio::test]
    async fn an_address_that_takes_connections_and_says_nothing_is_gone_past() {
        let url = crate::redis::tests::url();
        let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let away = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (client, there) = (Client::open(url.as_str()).unwrap(), address(&url).await);
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(super::super::link::CONNECT));
        for addresses in [vec![mute.local_addr().unwrap(), there], vec![away, there]] {
            let mut connection = among(&client, &config, addresses).await.unwrap();
            let pong: String = redis::cmd("PING").query_async(&mut connection).await.unwrap();
            assert_eq!(pong, "PONG");
        }
        let none = among(&client, &config, vec![away, away]).await.unwrap_err();
        assert!(none.is_connection_refusal(), "{none}");
    }

    #[tokio::test]
    async fn a_refused_login_is_told_although_another_address_is_away() {
        let url = crate::redis::tests::url();
        let away = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let there = address(&url).await;
        let client = Client::open("redis://stranger:wrong@127.0.0.1").unwrap();
        for addresses in [vec![there, away], vec![away, there], vec![away, there, away]] {
            let none = among(&client, &AsyncConnectionConfig::new(), addresses).await.unwrap_err();
            assert!(matches!(none.kind(), redis::ErrorKind::AuthenticationFailed), "{none}");
        }
    }
}
