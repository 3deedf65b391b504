//! How a connection is encrypted, and how far the server is believed.

use std::sync::Arc;

use protocol::fault::{Code, Fault};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// `sslmode`, as far as we know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// No encryption.
    Disable,
    /// Encryption if the server offers it, whoever it is.
    Prefer,
    /// Encryption, whoever the server is.
    Require,
    /// Encryption, and a certificate that names this host and that a known authority signed.
    VerifyFull,
}

impl Mode {
    pub(super) fn of(text: &str) -> Option<Self> {
        match text {
            "disable" => Some(Self::Disable),
            "prefer" => Some(Self::Prefer),
            "require" => Some(Self::Require),
            "verify-full" => Some(Self::VerifyFull),
            _ => None,
        }
    }

    /// The driver's word: it only decides whether to encrypt.
    pub(super) fn driver(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyFull => SslMode::Require,
        }
    }
}

/// What the driver needs to encrypt. A root certificate that is named counts alone; else those of
/// the operating system do.
///
/// # Errors
/// `Code::ConfigUnreadable` when the named root certificate cannot be read.
pub(super) fn connector(mode: Mode, root: Option<&str>) -> Result<MakeRustlsConnect, Fault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the default protocol versions");
    let config = match (mode, root) {
        (Mode::VerifyFull, None) => return system_roots(),
        (Mode::VerifyFull, Some(path)) => builder.with_root_certificates(named_roots(path)?),
        (Mode::Disable | Mode::Prefer | Mode::Require, _) => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
        }
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

/// Believes whom the operating system believes.
fn system_roots() -> Result<MakeRustlsConnect, Fault> {
    // Another part of the process may have installed the provider already; it is the same one.
    let _ = aws_lc_rs::default_provider().install_default();
    match MakeRustlsConnect::with_native_certs() {
        Ok((connector, _)) => Ok(connector),
        Err(_) => Err(Fault::new(Code::ConfigUnreadable, "the system's root certificates")
            .saying("there are none, so no server can be verified")
            .next("Name one with `sslrootcert=` in the URL.")),
    }
}

fn named_roots(path: &str) -> Result<RootCertStore, Fault> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unreadable(path, e))? {
        let certificate = certificate.map_err(|e| unreadable(path, e))?;
        store.add(certificate).map_err(|e| unreadable(path, e))?;
    }
    Ok(store)
}

fn unreadable(path: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::new(Code::ConfigUnreadable, path).saying("the root certificate").because(error)
}

/// Believes every server: the meaning that `require` has everywhere. What is sent is encrypted,
/// and signatures are still checked, but nobody says who reads it.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
