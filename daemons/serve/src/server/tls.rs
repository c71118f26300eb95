//! TLS: the certificate and its key, which are read again when their files change, and HTTP/2.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use airshed_common::reason;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::connection::Connection;

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How often the files are compared with what was read.
const CHECK: Duration = Duration::from_secs(5);

/// Concurrent requests of an HTTP/2 connection: a third of the direct responses that a server has
/// permits for by default.
const STREAMS: u32 = 32;

/// Bytes of a request's body that may wait to be read, and those of all requests of a connection.
const RECEIVED: (u32, u32) = (64 << 10, 128 << 10);

/// Bytes of a response that may wait to be sent.
const UNSENT: usize = 64 << 10;

/// Bytes of a request's header fields.
const FIELDS: u32 = 16 << 10;

/// Requests that a client may take back before they are accepted, and that may fail for its errors,
/// before its connection is closed.
const RESETS: (usize, usize) = (20, 100);

const HTTP2: &[u8] = b"h2";

/// A certificate and its key, from files in PEM format.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Files>);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what} {}: {why}", file.display())]
pub struct TlsError {
    what: &'static str,
    file: PathBuf,
    why: String,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    config: Arc<ServerConfig>,
    current: Arc<Current>,
    /// The contents of the files, also if they could not be used.
    read: Mutex<Contents>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Reads the files: the certificate with those of its issuers behind it, and its private key.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let contents = Contents::read(certificate, key)?;
        let pair = contents.pair(certificate, key, &provider)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(pair))));
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| certificate_error(certificate, error.to_string()))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            provider,
            config: Arc::new(config),
            current,
            read: Mutex::new(contents),
        })))
    }

    /// Reads the files again; returns whether they have changed. After an error the certificate
    /// remains what it was.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Files { certificate, key, provider, current, read, .. } = &*self.0;
        let contents = Contents::read(certificate, key)?;
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == contents {
            return Ok(false);
        }
        *read = contents;
        let pair = Arc::new(read.pair(certificate, key, provider)?);
        *current.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(true)
    }

    /// Reloads the files when they change, and at once when `reload` does, until stopped. What is wrong
    /// with them is logged once.
    pub async fn keep_current(self, mut reload: watch::Receiver<()>, stop: CancellationToken) {
        let mut logged = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(CHECK) => {}
                Ok(()) = reload.changed() => logged = None,
                () = stop.cancelled() => return,
            }
            let tls = self.clone();
            let Ok(reloaded) = tokio::task::spawn_blocking(move || tls.reload()).await else {
                continue;
            };
            match reloaded {
                Ok(true) => {
                    info!(certificate = %self.0.certificate.display(), "certificate reloaded");
                    logged = None;
                }
                Ok(false) => {}
                Err(error) => {
                    let error = reason(&error);
                    if logged.as_ref() != Some(&error) {
                        warn!(reason = error, "cannot reload the certificate; keeping the old one");
                        logged = Some(error);
                    }
                }
            }
        }
    }

    pub(super) fn acceptor(&self) -> Acceptor {
        Acceptor(TlsAcceptor::from(Arc::clone(&self.0.config)))
    }
}

impl Contents {
    fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let read = |path: &Path| std::fs::read(path);
        Ok(Self {
            certificate: read(certificate)
                .map_err(|error| certificate_error(certificate, error.to_string()))?,
            key: read(key).map_err(|error| key_error(key, error.to_string()))?,
        })
    }

    fn pair(
        &self,
        certificate: &Path,
        key: &Path,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, TlsError> {
        let of_certificate = |why: String| certificate_error(certificate, why);
        let chain =
            CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| of_certificate(error.to_string()))?;
        if chain.is_empty() {
            let expected = "expected a certificate in PEM format (-----BEGIN CERTIFICATE-----)";
            return Err(of_certificate(expected.to_owned()));
        }
        let private = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| match error {
            pem::Error::NoItemsFound => {
                let expected = "expected a private key in PEM format, without a passphrase";
                key_error(key, expected.to_owned())
            }
            error => key_error(key, error.to_string()),
        })?;
        CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => key_error(
                key,
                format!("it does not belong to the certificate {}", certificate.display()),
            ),
            rustls::Error::InvalidCertificate(_) => of_certificate(error.to_string()),
            error => key_error(key, error.to_string()),
        })
    }
}

fn certificate_error(file: &Path, why: String) -> TlsError {
    TlsError { what: "the certificate", file: file.to_owned(), why }
}

fn key_error(file: &Path, why: String) -> TlsError {
    TlsError { what: "the key", file: file.to_owned(), why }
}

/// Begins TLS on connections.
#[derive(Clone)]
pub(super) struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    pub(super) async fn accept(&self, connection: Connection) -> io::Result<TlsStream<Connection>> {
        timeout(HANDSHAKE, self.0.accept(connection)).await?
    }
}

/// Whether the client has chosen HTTP/2.
pub(super) fn is_http2(stream: &TlsStream<Connection>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

/// HTTP/2 whose connections occupy a bounded part of the memory.
pub(super) fn http2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(RECEIVED.0)
        .initial_connection_window_size(RECEIVED.1)
        .max_send_buf_size(UNSENT)
        .max_header_list_size(FIELDS)
        .max_pending_accept_reset_streams(RESETS.0)
        .max_local_error_reset_streams(RESETS.1);
    builder
}
