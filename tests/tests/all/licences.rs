//! Whether everything that is linked may be: each package's licence expression can be satisfied
//! with licences we know how to obey. It stands where cargo-deny would, with nothing to install.

use crate::cargo::linked;

/// Licences that ask for no more than to be named. Apache-2.0's exception for LLVM counts as one.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether a licence expression (SPDX, or the older form with `/` for OR) can be satisfied.
///
/// # Errors
/// Says what is wrong with an expression that cannot be read. AND binds tighter than OR.
fn satisfied(expression: &str) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = Words(spaced.split_whitespace().peekable());
    let satisfied = words.either()?;
    match words.0.next() {
        None => Ok(satisfied),
        Some(word) => Err(format!("`{word}` is too much")),
    }
}

struct Words<'a>(std::iter::Peekable<std::str::SplitWhitespace<'a>>);

impl Words<'_> {
    fn either(&mut self) -> Result<bool, String> {
        let mut satisfied = self.both()?;
        while self.0.next_if_eq(&"OR").is_some() {
            satisfied |= self.both()?;
        }
        Ok(satisfied)
    }

    fn both(&mut self) -> Result<bool, String> {
        let mut satisfied = self.one()?;
        while self.0.next_if_eq(&"AND").is_some() {
            satisfied &= self.one()?;
        }
        Ok(satisfied)
    }

    fn one(&mut self) -> Result<bool, String> {
        match self.0.next() {
            None => Err("it ends too early".into()),
            Some("(") => {
                let satisfied = self.either()?;
                match self.0.next() {
                    Some(")") => Ok(satisfied),
                    Some(_) | None => Err("a parenthesis stays open".into()),
                }
            }
            Some(word @ (")" | "OR" | "AND" | "WITH")) => Err(format!("`{word}` is out of place")),
            Some(licence) if self.0.next_if_eq(&"WITH").is_some() => match self.0.next() {
                Some(exception) => Ok(allowed(&format!("{licence} WITH {exception}"))),
                None => Err("the exception is missing".into()),
            },
            Some(licence) => Ok(allowed(licence)),
        }
    }
}

fn allowed(licence: &str) -> bool {
    ALLOWED.contains(&licence)
}

#[test]
fn everything_that_is_linked_has_a_licence_we_can_obey() {
    let linked = linked(None);
    assert!(linked.len() > 100, "the check sees the whole tree, not only {}", linked.len());
    let refused: Vec<_> = linked.iter().filter(|p| satisfied(&p.licence) != Ok(true)).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn licences_can_be_chosen_by_or_and_add_up_by_and() {
    for good in [
        "MIT",
        "MIT OR Apache-2.0",
        "MIT/Apache-2.0",
        "GPL-2.0-only OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "ISC AND (Apache-2.0 OR ISC) AND MIT AND (Apache-2.0 OR MIT-0)",
        "Apache-2.0 WITH LLVM-exception OR GPL-3.0-only",
        "GPL-3.0-only AND MIT OR ISC",
    ] {
        assert_eq!(satisfied(good), Ok(true), "{good}");
    }
    for bad in [
        "GPL-3.0-only",
        "MIT AND GPL-2.0-or-later",
        "(MIT OR ISC) AND OpenSSL",
        "LGPL-2.1 OR MPL-2.0",
        "MIT AND (GPL-2.0-only OR AGPL-3.0-only)",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "MIT WITH LLVM-exception",
        "mit",
    ] {
        assert_eq!(satisfied(bad), Ok(false), "{bad}");
    }
}

#[test]
fn an_expression_that_cannot_be_read_is_never_satisfied() {
    for (expression, why) in [
        ("", "it ends too early"),
        ("MIT OR", "it ends too early"),
        ("(MIT", "a parenthesis stays open"),
        ("MIT)", "`)` is too much"),
        ("MIT Apache-2.0", "`Apache-2.0` is too much"),
        ("AND MIT", "`AND` is out of place"),
        ("MIT OR OR ISC", "`OR` is out of place"),
        ("Apache-2.0 WITH", "the exception is missing"),
    ] {
        assert_eq!(satisfied(expression), Err(why.into()), "{expression}");
    }
}
