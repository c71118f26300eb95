//! Where a server accepts connections.

use std::io;
use std::net::IpAddr;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

use super::access_log::AccessLog;
#[cfg(feature = "tls")]
use super::tls::{Acceptor, Tls};

/// A bound listener: an address and a port, or a socket in the file system, for a proxy on the same
/// machine.
pub struct Listener {
    socket: Either<TcpListener, UnixListener>,
    access_log: Option<AccessLog>,
    #[cfg(feature = "tls")]
    tls: Option<Acceptor>,
}

pub(super) type Stream = Either<TcpStream, UnixStream>;

impl Listener {
    fn new(socket: Either<TcpListener, UnixListener>) -> Self {
        Self {
            socket,
            access_log: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// The same, but all connections use TLS: HTTP/2 with clients that speak it, otherwise HTTP/1.
    #[cfg(feature = "tls")]
    pub fn with_tls(self, tls: &Tls) -> Self {
        Self { tls: Some(tls.acceptor()), ..self }
    }

    /// The same; the responses are logged there.
    pub fn with_access_log(self, log: AccessLog) -> Self {
        Self { access_log: Some(log), ..self }
    }

    pub(super) fn access_log(&self) -> Option<AccessLog> {
        self.access_log.clone()
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
