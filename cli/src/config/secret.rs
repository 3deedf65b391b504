//! Secrets, by reference: where a password is, never what it is.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use protocol::fault::{Code, Fault};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// Where a secret is. Prints as it is written, `env:NAME` or `file:PATH`: the value is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Variable(String),
    /// A file that holds the secret and nothing else; line breaks at its end do not count.
    File(PathBuf),
}

/// A secret is a line, not a disk image that a path led to by mistake.
const BYTES_MAX: u64 = 64 << 10;

impl SecretRef {
    /// Fetches the secret. Called when a connection is opened and not before, so that a command
    /// that opens nothing needs no secret.
    ///
    /// # Errors
    /// `Code::SecretMissing` when the variable is not set or empty, or the file cannot be read, is
    /// empty, or is no text. The fault names the reference and never the value.
    pub fn resolve(&self, variables: &dyn Fn(&str) -> Option<String>) -> Result<String, Fault> {
        let missing = |said: &str| Fault::new(Code::SecretMissing, self.to_string()).saying(said);
        match self {
            Self::Variable(name) => match variables(name) {
                Some(value) if !value.is_empty() => Ok(value),
                Some(_) => Err(missing("the variable is empty")),
                None => Err(missing("the variable is not set")),
            },
            Self::File(path) => {
                let about = fs::metadata(path).map_err(|e| missing("no such secret").because(e))?;
                if !about.is_file() || about.len() > BYTES_MAX {
                    return Err(missing("this is not a file with a secret"));
                }
                let bytes = fs::read(path).map_err(|e| missing("no access").because(e))?;
                let text = String::from_utf8(bytes).map_err(|_| missing("the file is not text"))?;
                match text.trim_end_matches(['\r', '\n']) {
                    "" => Err(missing("the file is empty")),
                    secret => Ok(secret.to_owned()),
                }
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("env", name) if is_variable(name) => Some(Self::Variable(name.into())),
            ("file", path) if !path.trim().is_empty() => Some(Self::File(path.into())),
            _ => None,
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct References;

        impl Visitor<'_> for References {
            type Value = SecretRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reference to a secret")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretRef, E> {
                SecretRef::parse(text).ok_or_else(|| {
                    E::custom(
                        "a secret is given by reference\n\
                         Write `env:NAME` for an environment variable or `file:/path` for a file.",
                    )
                })
            }
        }

        deserializer.deserialize_str(References)
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where a secret is: `env:NAME` or `file:/path`.",
            "type": "string",
            "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("longhaul-secret-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn a_variable_is_looked_up_when_asked_for() {
        let secret = SecretRef::parse("env:PW").unwrap();
        assert_eq!(secret.resolve(&|name| (name == "PW").then(|| "x".into())).unwrap(), "x");
        let fault = secret.resolve(&|_| None).unwrap_err();
        assert_eq!(fault.to_string(), "a secret cannot be found (env:PW): the variable is not set");
        let fault = secret.resolve(&|_| Some(String::new())).unwrap_err();
        assert_eq!(fault.code(), Code::SecretMissing);
    }

    #[test]
    fn the_line_break_at_the_end_of_a_file_is_not_part_of_the_secret() {
        let folder = folder();
        let path = folder.join("pw");
        fs::write(&path, " two words \r\n").unwrap();
        let secret = SecretRef::parse(&format!("file:{}", path.display())).unwrap();
        assert_eq!(secret.resolve(&|_| None).unwrap(), " two words ");
        fs::write(&path, "\n").unwrap();
        assert_eq!(secret.resolve(&|_| None).unwrap_err().said(), Some("the file is empty"));
        fs::remove_file(&path).unwrap();
        assert_eq!(secret.resolve(&|_| None).unwrap_err().code(), Code::SecretMissing);
        let whole = SecretRef::File(folder.clone());
        assert_eq!(whole.resolve(&|_| None).unwrap_err().code(), Code::SecretMissing);
        fs::remove_dir(folder).unwrap();
    }

    #[test]
    fn only_references_are_references() {
        for text in ["hunter2", "env:", "env:a b", "env:1A", "file:", "vault:x", ""] {
            assert_eq!(SecretRef::parse(text), None, "{text}");
        }
        assert_eq!(SecretRef::parse("file:/run/a b").unwrap().to_string(), "file:/run/a b");
    }
}
