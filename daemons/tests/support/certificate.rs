//! Certificates for servers of these tests.
#![allow(dead_code, reason = "each of the test binaries uses a part of it")]

use std::path::PathBuf;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::Certificate;
use tempfile::TempDir;

/// A certificate of 127.0.0.1 and its key, in files.
pub(crate) struct Pair {
    folder: TempDir,
    pem: String,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let mut pair = Self { folder: tempfile::tempdir().unwrap(), pem: String::new() };
        pair.replace();
        pair
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Puts another pair into the files.
    pub(crate) fn replace(&mut self) {
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        self.pem = cert.pem();
        std::fs::write(self.certificate(), &self.pem).unwrap();
        std::fs::write(self.key(), signing_key.serialize_pem()).unwrap();
    }

    /// A client that trusts what is in the files now, and nobody else.
    pub(crate) fn client(&self) -> reqwest::ClientBuilder {
        let trusted = Certificate::from_pem(self.pem.as_bytes()).unwrap();
        reqwest::Client::builder().tls_certs_only([trusted]).no_gzip()
    }
}
