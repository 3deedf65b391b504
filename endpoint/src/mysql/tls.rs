//! Encryption, as far as the driver needs help with it.

use mysql_async::{Error, IoError, SslOpts};
use rustls::CertificateError;

/// A name that the server's certificate does bear, where it was refused for want of ours alone and
/// any name will do. The driver means to let such a server pass, but knows the refusal by words that
/// are no longer said; given this name it asks for nothing that the authority has not signed.
pub(super) fn name_instead(options: Option<&SslOpts>, error: &Error) -> Option<String> {
    options.filter(|options| options.skip_domain_validation())?;
    let Error::Io(IoError::Io(error)) = error else { return None };
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
        presented,
        ..
    }) = error
    else {
        return None;
    };
    presented.iter().find_map(|name| host(name))
}

/// `DnsName("*.example.org")`, `IpAddress(10.0.0.1)`: a host of that name.
fn host(name: &str) -> Option<String> {
    let (kind, name) = name.strip_suffix(')')?.split_once('(')?;
    match kind {
        "DnsName" => Some(name.trim_matches('"').replace('*', "any")),
        "IpAddress" => Some(name.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_names_hosts() {
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(host("DnsName(\"*.example.org\")"), some("any.example.org"));
        assert_eq!(host("IpAddress(10.0.0.1)"), some("10.0.0.1"));
        assert_eq!(host("DirectoryName"), None);
    }
}
