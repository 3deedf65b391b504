//! Words that people type without saying what they are: a run's id, or the beginning of one, or a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args as ClapArgs, Command, FromArgMatches};
use protocol::id::RunId;
use uuid::Uuid;

use super::Between;

/// Digits that a whole id has.
const DIGITS_ALL: usize = 32;

/// Digits of the beginning of an id that are enough to name a run.
const DIGITS_LEAST: usize = 4;

/// A word with so many digits is the beginning of an id, whatever files there are.
const DIGITS_SHORT: usize = 8;

/// A run as people name it: by its id, or by the beginning of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunName(String);

impl RunName {
    /// Whether this run may be meant.
    pub(crate) fn means(&self, run: RunId) -> bool {
        run.0.simple().to_string().starts_with(&self.0)
    }

    /// The one run that is meant by its whole id.
    pub(crate) fn whole(&self) -> Option<RunId> {
        let whole = (self.0.len() == DIGITS_ALL).then(|| Uuid::try_parse(&self.0).ok());
        whole.flatten().map(RunId)
    }
}

impl From<RunId> for RunName {
    fn from(run: RunId) -> Self {
        Self(run.0.simple().to_string())
    }
}

impl FromStr for RunName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let fits = (DIGITS_LEAST..=DIGITS_ALL).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        fits.then(|| Self(digits.to_ascii_lowercase())).ok_or_else(|| neither(text))
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whole() {
            Some(run) => run.fmt(f),
            None => f.write_str(&self.0),
        }
    }
}

fn neither(text: &str) -> String {
    format!(
        "`{text}` is neither a run nor a file: a run is named by its id or the first {DIGITS_SHORT} digits \
         of it (`longhaul runs` lists them), a file by its path"
    )
}

/// A run or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Run(RunName),
    File(PathBuf),
}

/// Tells a run from a file. A short word of hexadecimal digits is a file where there is one of that
/// name, such as `cafe`.
pub(super) fn word(text: &str) -> Result<Word, String> {
    let path = Path::new(text);
    let ends =
        path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|e| end == *e));
    match text.parse::<RunName>() {
        Ok(run) if run.0.len() >= DIGITS_SHORT || !path.is_file() => Ok(Word::Run(run)),
        Err(_) if !ends && !text.contains(['/', '\\']) && !path.is_file() => Err(neither(text)),
        Ok(_) | Err(_) => Ok(Word::File(path.to_path_buf())),
    }
}

/// A run, and the file that says where it lives: in any order, each at most once.
pub(super) fn divide(
    words: Vec<Word>,
    mut between: Between,
) -> Result<(Option<RunName>, Between), String> {
    let mut run = None;
    for word in words {
        match word {
            Word::Run(one) if run.is_none() => run = Some(one),
            Word::File(file) if between.file.is_none() => between.file = Some(file),
            Word::Run(other) => return Err(format!("two runs are named, the second is {other}")),
            Word::File(other) => {
                return Err(format!("two files are named, the second is {}", other.display()));
            }
        }
    }
    Ok((run, between))
}

/// The command line of [`OfRun`], as it is written.
#[derive(Debug, Clone, ClapArgs)]
struct Written {
    /// The run, by its id or the first 8 digits of it [default: the unfinished one, or the latest];
    /// and the migration file.
    #[arg(value_name = "RUN|FILE", value_parser = word, num_args = 0..=2)]
    words: Vec<Word>,

    #[command(flatten)]
    between: Between,
}

/// A run that a command is about, and where it may live.
#[derive(Debug, Clone)]
pub(crate) struct OfRun {
    /// The run; where none is named, the unfinished one or the latest.
    pub(crate) run: Option<RunName>,
    /// How to open its sides, as far as the command line says.
    pub(crate) between: Between,
}

impl FromArgMatches for OfRun {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let written = Written::from_arg_matches(matches)?;
        let (run, between) = divide(written.words, written.between)
            .map_err(|said| clap::Error::raw(ErrorKind::ArgumentConflict, said + "\n"))?;
        Ok(Self { run, between })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl ClapArgs for OfRun {
    fn augment_args(command: Command) -> Command {
        Written::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Written::augment_args_for_update(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6a1d2f3c-9d16-8582-8072-3ea2df81c41f";

    #[test]
    fn a_run_is_named_by_its_id_or_the_beginning_of_it() {
        let run: RunId = ID.parse().unwrap();
        for name in [ID, "6a1d2f3c", "6A1D2F3C", "6a1d", "6a1d2f3c-9d16"] {
            assert!(name.parse::<RunName>().unwrap().means(run), "{name}");
        }
        assert_eq!(ID.parse::<RunName>().unwrap().whole(), Some(run));
        assert_eq!("6a1d2f3c".parse::<RunName>().unwrap().whole(), None);
        assert!(!"6a1d2f3d".parse::<RunName>().unwrap().means(run));
        for wrong in ["", "6a1", "shop", "6a1d2f3c-9d16-8582-8072-3ea2df81c41f0"] {
            assert!(wrong.parse::<RunName>().unwrap_err().contains("longhaul runs"), "{wrong}");
        }
    }

    #[test]
    fn a_file_is_told_from_a_run() {
        let file = |name: &str| Ok(Word::File(name.into()));
        for name in ["shop.yaml", "./shop", "a/b.yml", "/etc/longhaul/shop", "abcd1234.yaml"] {
            assert_eq!(word(name), file(name));
        }
        assert!(matches!(word("abcd1234"), Ok(Word::Run(_))));
        assert!(word("shop").unwrap_err().contains("neither a run nor a file"));
    }

    #[test]
    fn run_and_file_come_in_any_order_and_once() {
        let (run, file) = (word(ID).unwrap(), word("a.yaml").unwrap());
        for words in [vec![run.clone(), file.clone()], vec![file.clone(), run.clone()]] {
            let (name, between) = divide(words, Between::default()).unwrap();
            assert_eq!(name.unwrap().to_string(), ID);
            assert_eq!(between.file, Some("a.yaml".into()));
        }
        assert!(divide(vec![run.clone(), run], Between::default()).is_err());
        assert!(divide(vec![file.clone(), file], Between::default()).is_err());
    }
}
