//! Where a server accepts connections.

use std::io;
use std::net::IpAddr;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

#[cfg(feature = "tls")]
use super::tls::{Acceptor, Tls};

/// A bound listener: an address and a port, or a socket in the file system, for a proxy on the same
/// machine.
#[derive(Debug)]
pub struct Listener {
    socket: Either<TcpListener, UnixListener>,
    #[cfg(feature = "tls")]
    tls: Option<Acceptor>,
}

pub(super) type Stream = Either<TcpStream, UnixStream>;

impl Listener {
    fn new(socket: Either<TcpListener, UnixListener>) -> Self {
        Self {
            socket,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// The same, but all connections use TLS: HTTP/2 with clients that speak it, otherwise HTTP/1.
    #[cfg(feature = "tls")]
    pub fn with_tls(self, tls: &Tls) -> Self {
        Self { tls: Some(tls.acceptor()), ..self }
    }

    #[cfg(feature = "tls")]
    pub(super) fn tls(&self) -> Option<Acceptor> {
        self.tls.clone()
    }

    /// A connection, and the address at its other end.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        Ok(match &self.socket {
            Either::Left(listener) => {
                let (stream, peer) = listener.accept().await?;
                (Either::Left(stream), Some(peer.ip()))
            }
            Either::Right(listener) => (Either::Right(listener.accept().await?.0), None),
        })
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::new(Either::Left(listener))
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::new(Either::Right(listener))
    }
}
