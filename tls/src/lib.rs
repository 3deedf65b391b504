//! Whom we believe on an encrypted connection, and who we say we are.
//!
//! # Promises
//! 1. One shape says it for databases, the broker and the ledger, as a migration file spells it.
//! 2. Authorities that are named count alone; without any, those of the operating system do.
//! 3. Whatever is asked of a certificate, signatures are checked: the other side has the key that it
//!    shows.
//! 4. There is one provider of cryptography in the process, aws-lc-rs.
//!
//! # Not promised
//! That a connection is encrypted at all: whoever opens it decides that.

mod lenient;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::fault::{Code, Fault};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use schemars::JsonSchema;
use serde::Deserialize;

use lenient::Lenient;

/// How a connection is encrypted. `{}` means that the server must prove who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// What is asked of the server's certificate. Default: `full`.
    #[serde(default)]
    pub verify: Verify,
    /// A file with the certificates of those whom we trust. Default: those of the system.
    pub ca: Option<PathBuf>,
    /// A file with our own certificate, if the server asks for one.
    pub cert: Option<PathBuf>,
    /// A file with the key of our own certificate.
    pub key: Option<PathBuf>,
}

/// What is asked of a server's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// Signed by somebody we trust, for this very host, and valid today.
    #[default]
    Full,
    /// Signed by somebody we trust, and valid today, for whatever host.
    Ca,
    /// Nothing: all is encrypted, and nobody knows who reads it.
    None,
}

impl Verify {
    /// The word, as the file spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Ca => "ca",
            Self::None => "none",
        }
    }
}

impl Encryption {
    /// Our certificate and its key, if we have one.
    ///
    /// # Errors
    /// `Code::ConfigMalformed` when one comes without the other.
    pub fn identity(&self) -> Result<Option<(&Path, &Path)>, Fault> {
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Ok(Some((cert, key))),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                Err(Fault::new(Code::ConfigMalformed, "our own certificate")
                    .saying("it and its key belong together, and one of them is missing")
                    .next("Name both files, or neither."))
            }
        }
    }

    /// What a driver needs that leaves the handshake to rustls.
    ///
    /// # Errors
    /// `Code::ConfigUnreadable` when a file that is named cannot be used, or when there is nobody
    /// to believe; otherwise as [`identity`](Self::identity).
    ///
    /// # Panics
    /// Never: the provider knows the protocol's versions.
    pub fn client(&self) -> Result<ClientConfig, Fault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider knows the default protocol versions")
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(provider)?);
        let Some((cert, key)) = self.identity()? else { return Ok(builder.with_no_client_auth()) };
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
        builder.with_client_auth_cert(certificates(cert)?, private).map_err(|e| unusable(key, e))
    }

    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Fault> {
        if self.verify == Verify::None {
            return Ok(Arc::new(Lenient { provider, strict: None }));
        }
        let mut roots = RootCertStore::empty();
        // Some of the system's may be odd, and sign nothing that we believe.
        roots.add_parsable_certificates(authorities(self.ca.as_deref())?);
        let strict =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| nobody().because(error))?;
        Ok(match self.verify {
            Verify::Ca => Arc::new(Lenient { provider, strict: Some(strict) }),
            Verify::Full | Verify::None => strict,
        })
    }
}

/// Those who may sign for a server.
///
/// # Errors
/// `Code::ConfigUnreadable` when the file cannot be used, or when there are none.
pub fn authorities(ca: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found = match ca {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    if found.is_empty() { Err(nobody()) } else { Ok(found) }
}

fn nobody() -> Fault {
    Fault::new(Code::ConfigUnreadable, "the system's root certificates")
        .saying("there are none that can be used, so no server can be verified")
        .next("Name a file with `tls: { ca: … }`, or in a database's URL with `sslrootcert=`.")
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found: Vec<_> = read.map_err(|error| unusable(path, error))?;
    if found.is_empty() {
        let place = path.display().to_string();
        return Err(Fault::new(Code::ConfigUnreadable, place).saying("it holds no certificate"));
    }
    Ok(found)
}

fn unusable(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::new(Code::ConfigUnreadable, path.display().to_string())
        .saying("a certificate or its key")
        .because(error)
}

/// What is wrong where the two sides could not agree on a connection; `None` for what is no matter
/// of encryption.
pub fn refusal(error: &std::io::Error) -> Option<&'static str> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's, and they grow")]
    Some(match error {
        Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another host"
            }
            CertificateError::UnknownIssuer => "nobody we trust signed the server's certificate",
            _ => "the server's certificate is not valid",
        },
        Error::AlertReceived(_) => "the server refused: does it ask for a certificate of ours?",
        _ => "the two sides do not agree on how to encrypt",
    })
}
