//! Errors of a binary that was built without some features.

#[cfg(not(feature = "aws"))]
pub(super) const AWS: &str = "this airshed was built without AWS (feature `aws`)";
#[cfg(not(feature = "backfill"))]
pub(super) const BACKFILL: &str = "this airshed was built without the archive (feature `backfill`)";
#[cfg(not(feature = "loadtest"))]
pub(super) const LOADTEST: &str = "this airshed was built without load tests (feature `loadtest`)";
#[cfg(not(feature = "otlp"))]
const OTLP: &str = "this airshed was built without OpenTelemetry (feature `otlp`)";

/// A command that was left out; accepts any arguments.
#[cfg(not(all(feature = "aws", feature = "backfill", feature = "loadtest")))]
#[derive(clap::Args)]
pub(super) struct LeftOut {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<std::ffi::OsString>,
}

/// Whether this binary supports the URL of a store, a queue or a result store.
pub(super) fn check_aws(is_on_aws: bool) -> Result<(), &'static str> {
    match is_on_aws {
        #[cfg(not(feature = "aws"))]
        true => Err(AWS),
        _ => Ok(()),
    }
}

/// Whether traces can be exported.
pub(super) fn check_otlp() -> Result<(), &'static str> {
    #[cfg(not(feature = "otlp"))]
    return Err(OTLP);
    #[cfg(feature = "otlp")]
    Ok(())
}

/// Traces are not exported.
#[cfg(not(feature = "otlp"))]
pub(super) mod traces {
    use tracing_subscriber::layer::Identity;

    use crate::cli::Failure;

    pub(in crate::cli) struct Exporting;

    impl Exporting {
        pub(in crate::cli) fn new(_: Option<&str>, _: &'static str) -> Result<Self, Failure> {
            Ok(Self)
        }

        pub(in crate::cli) fn layer(&self) -> Identity {
            Identity::new()
        }
    }
}

/// Connections are not encrypted.
#[cfg(not(feature = "tls"))]
pub(super) mod tls {
    use airshed::server::Listener;

    use crate::cli::signals::Reload;
    use crate::cli::tasks::Tasks;
    use crate::cli::{Failure, bad_call};

    #[derive(clap::Args, Clone)]
    pub(in crate::cli) struct TlsFlags {
        #[arg(long, env = "AIRSHED_TLS_CERT", hide = true)]
        tls_cert: Option<std::path::PathBuf>,
        #[arg(long, env = "AIRSHED_TLS_KEY", hide = true)]
        tls_key: Option<std::path::PathBuf>,
    }

    pub(in crate::cli) struct Encryption;

    impl TlsFlags {
        pub(in crate::cli) fn read(&self) -> Result<Encryption, Failure> {
            match (&self.tls_cert, &self.tls_key) {
                (None, None) => Ok(Encryption),
                _ => Err(bad_call("this airshed was built without TLS (feature `tls`)")),
            }
        }
    }

    impl Encryption {
        pub(in crate::cli) fn scheme(&self) -> &'static str {
            "http"
        }

        pub(in crate::cli) fn on(self, listener: Listener, _: &mut Tasks, _: &Reload) -> Listener {
            listener
        }
    }
}
