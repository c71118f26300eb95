//! HTTPS.

use std::path::PathBuf;

use airshed::server::{Listener, Tls};
use clap::Args;

use super::signals::Reload;
use super::tasks::Tasks;
use super::{Failure, bad_call};

fn readable(path: &str) -> Result<PathBuf, std::io::Error> {
    std::fs::File::open(path).map(|_| PathBuf::from(path))
}

/// The certificate of the server.
#[derive(Args, Clone)]
pub(super) struct TlsFlags {
    /// Serve HTTPS (and HTTP/2) with the certificate in this file, in PEM format, followed by those of
    /// its issuers. The file is read again when it changes, and at SIGHUP.
    #[arg(long, env = "AIRSHED_TLS_CERT", value_name = "FILE", value_parser = readable, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM format.
    #[arg(long, env = "AIRSHED_TLS_KEY", value_name = "FILE", value_parser = readable, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// How connections begin.
pub(super) struct Encryption(Option<Tls>);

impl TlsFlags {
    pub(super) fn read(&self) -> Result<Encryption, Failure> {
        let files = self.tls_cert.as_ref().zip(self.tls_key.as_ref());
        let read = |(certificate, key): (&PathBuf, &PathBuf)| Tls::read(certificate, key);
        let tls = files
            .map(read)
            .transpose()
            .map_err(|error| bad_call(format!("--tls-cert, --tls-key: {error}")))?;
        Ok(Encryption(tls))
    }
}

impl Encryption {
    pub(super) fn scheme(&self) -> &'static str {
        if self.0.is_some() { "https" } else { "http" }
    }

    /// The listener with encryption, whose certificate is kept current.
    pub(super) fn on(self, listener: Listener, tasks: &mut Tasks, reload: &Reload) -> Listener {
        let Some(tls) = self.0 else { return listener };
        let listener = listener.with_tls(&tls);
        tasks.add("certificate", tls.keep_current(reload.clone(), tasks.stop.clone()));
        listener
    }
}
