//! Where a server accepts connections.

use std::io;
use std::net::IpAddr;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

/// A bound listener of either kind.
#[derive(Debug)]
#[non_exhaustive]
pub enum Listener {
    /// An address and a port.
    Tcp(TcpListener),
    /// A socket in the file system, for a proxy on the same machine.
    Unix(UnixListener),
}

pub(super) type Stream = Either<TcpStream, UnixStream>;

impl Listener {
    /// A connection, and the address at its other end.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                (Either::Left(stream), Some(peer.ip()))
            }
            Self::Unix(listener) => (Either::Right(listener.accept().await?.0), None),
        })
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}
