//! How a connection is encrypted, and how far the server is believed.

use protocol::fault::Fault;
use tls::{Encryption, Verify};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// `sslmode`, as far as we know it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// No encryption.
    Disable,
    /// Encryption if the server offers it, whoever it is.
    Prefer,
    /// Encryption, whoever the server is.
    Require,
    /// Encryption, and a certificate that a known authority signed, for whatever host.
    VerifyCa,
    /// Encryption, and a certificate that names this host and that a known authority signed.
    #[default]
    VerifyFull,
}

/// What a URL says of encryption.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `sslmode`.
    pub(super) mode: Option<Mode>,
    /// `sslrootcert`: the authorities that count, instead of the operating system's.
    pub(super) root: Option<String>,
    /// `sslcert`: our own certificate.
    pub(super) certificate: Option<String>,
    /// `sslkey`: its key.
    pub(super) key: Option<String>,
}

impl Mode {
    pub(super) fn of(text: &str) -> Option<Self> {
        match text {
            "disable" => Some(Self::Disable),
            "prefer" => Some(Self::Prefer),
            "require" => Some(Self::Require),
            "verify-ca" => Some(Self::VerifyCa),
            "verify-full" => Some(Self::VerifyFull),
            _ => None,
        }
    }

    /// The driver's word: it only decides whether to encrypt.
    pub(super) fn driver(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

/// What the driver needs to encrypt in this mode.
///
/// # Errors
/// `Code::ConfigUnreadable` when a file that is named cannot be used.
pub(super) fn connector(mode: Mode, options: Options) -> Result<MakeRustlsConnect, Fault> {
    let verify = match mode {
        Mode::VerifyFull => Verify::Full,
        Mode::VerifyCa => Verify::Ca,
        Mode::Disable | Mode::Prefer | Mode::Require => Verify::None,
    };
    let Options { root, certificate, key, .. } = options;
    let [ca, cert, key] = [root, certificate, key].map(|path| path.map(Into::into));
    Ok(MakeRustlsConnect::new(Encryption { verify, ca, cert, key }.client()?))
}
