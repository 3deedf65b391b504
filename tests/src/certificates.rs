//! Authorities that exist for a test, and certificates that they signed: good, expired, for
//! another host. Files in PEM, as servers and our own settings want them.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};

/// Signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    file: PathBuf,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
}

impl Authority {
    /// A new one, with its files in that folder.
    ///
    /// # Panics
    /// When the folder is not writable.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("it signs for itself");
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, issuer.pem()).expect("the folder is writable");
        Self { issuer, folder: folder.to_owned(), file }
    }

    /// The file with its own certificate: what `ca` names.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A certificate for these hosts (names or addresses), valid today. The first is also the name
    /// of its owner.
    ///
    /// # Panics
    /// When the folder is not writable.
    pub fn sign(&self, hosts: &[&str]) -> Pair {
        self.sign_until(hosts, 2100)
    }

    /// The same, but it has expired.
    ///
    /// # Panics
    /// When the folder is not writable.
    pub fn sign_expired(&self, hosts: &[&str]) -> Pair {
        self.sign_until(hosts, 2020)
    }

    fn sign_until(&self, hosts: &[&str], year: i32) -> Pair {
        let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names of hosts");
        params.not_before = date_time_ymd(2010, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        params.distinguished_name.push(DnType::CommonName, hosts[0]);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer).expect("it signs");
        let stem = format!("{}-{}-{year}", self.file_stem(), hosts[0]);
        let (certificate, place) = (format!("{stem}.crt"), format!("{stem}.key"));
        let pair =
            Pair { certificate: self.folder.join(certificate), key: self.folder.join(place) };
        std::fs::write(&pair.certificate, signed.pem()).expect("the folder is writable");
        std::fs::write(&pair.key, key.serialize_pem()).expect("the folder is writable");
        pair
    }

    fn file_stem(&self) -> String {
        self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }
}
