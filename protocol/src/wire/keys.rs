//! The keys under messages: which one signs, and which ones are believed.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::fault::{Code, Fault};

/// Shorter secrets are refused; 32 random bytes are what one should have.
const SECRET_BYTES_MIN: usize = 16;

/// Secrets by key id. The current one signs; every one that is here is believed.
///
/// To rotate: give the new key to all who read, then make it current for all who write, then take
/// the old one away. Nothing stops meanwhile.
///
/// Printing it shows the ids and no secret.
#[derive(Clone, Default)]
pub struct Keys {
    current: Option<String>,
    secrets: BTreeMap<String, Vec<u8>>,
}

impl Keys {
    /// No keys: messages are not signed, and whatever comes is believed. For a broker that only
    /// the fleet can reach, and for tests.
    pub fn none() -> Self {
        Self::default()
    }

    /// Keys by id, and the id of the one that signs.
    ///
    /// # Errors
    /// [`Code::SecretMissing`] when the current key is not among them; [`Code::ConfigMalformed`]
    /// when an id is not a plain word or a secret is too short to be one.
    pub fn new(
        current: impl Into<String>,
        secrets: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<Self, Fault> {
        let (current, secrets) = (current.into(), BTreeMap::from_iter(secrets));
        for (id, secret) in &secrets {
            checked(id, secret)?;
        }
        if !secrets.contains_key(&current) {
            let said = "the current key is not among the keys";
            return Err(Fault::new(Code::SecretMissing, format!("key {current}")).saying(said));
        }
        Ok(Self { current: Some(current), secrets })
    }

    /// Whether anything is signed, and unsigned messages are refused.
    pub fn sign(&self) -> bool {
        self.current.is_some()
    }

    /// The id of the key that signs.
    pub(super) fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// The code over these parts by a key; `None` when nobody knows the key.
    pub(super) fn code(&self, id: &str, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
        let secret = self.secrets.get(id)?;
        let mut mac = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(part);
        }
        Some(mac)
    }
}

fn checked(id: &str, secret: &[u8]) -> Result<(), Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let said = if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
        "a key's id is up to 64 letters, digits, `-`, `_` and `.`"
    } else if secret.len() < SECRET_BYTES_MIN {
        "a key has at least 16 bytes, and better 32 random ones"
    } else {
        return Ok(());
    };
    // The id is not repeated: somebody may have put the secret in its place.
    Err(Fault::new(Code::ConfigMalformed, "the keys of the broker's messages").saying(said))
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.secrets.keys().collect();
        f.debug_struct("Keys").field("current", &self.current).field("known", &ids).finish()
    }
}
