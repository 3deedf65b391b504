//! From what the server or the driver says to a [`Fault`]: one table of SQLSTATEs.
//!
//! Of a server's error we keep its code and the names it gives (table, column, constraint).
//! Message, detail, hint and context may quote values, so they stay where they are, and the words
//! a person reads are those of the table below.

use protocol::fault::{Code, Fault, Native, Refusal};
use protocol::plan::StepKind;
use tokio_postgres::Error;

use super::guard::Absurd;
use super::sentence::sentence;
use crate::knock;

/// What a SQLSTATE comes to. The first row whose text begins the SQLSTATE counts, so exact codes
/// stand before the class they belong to.
const STATES: &[(&str, Code, &str)] = &[
    ("08", Code::Unreachable, "the connection broke"),
    ("0A", Code::Refused, "the server does not support this"),
    ("20", Code::Refused, "a case was not found"),
    // An upsert that meets one row twice in the same statement.
    ("21", Code::ValueRefused, "two rows of one batch have the same key"),
    ("22", Code::ValueRefused, "a value does not fit its type"),
    ("23502", Code::ValueRefused, "NULL in a column that forbids it"),
    ("23503", Code::ValueRefused, "the row that a foreign key points to is not there"),
    ("23505", Code::ValueRefused, "the key is there already"),
    ("23514", Code::ValueRefused, "a check forbids the row"),
    ("23", Code::ValueRefused, "a constraint forbids the row"),
    // After a failover the address may lead to a standby for a while.
    ("25006", Code::Unreachable, "the server only reads"),
    ("25P03", Code::Unreachable, "the session stood idle for too long and was ended"),
    ("25P04", Code::Slow, "the transaction took too long"),
    ("28", Code::LoginRefused, "user or password is not accepted"),
    ("2BP01", Code::Refused, "other objects depend on it"),
    ("3D", Code::LoginRefused, "there is no such database"),
    ("3F", Code::Refused, "there is no such schema"),
    ("40", Code::Busy, "another transaction was in the way"),
    ("42501", Code::RightsMissing, "a right is missing"),
    ("42P01", Code::Refused, "there is no such table"),
    ("42703", Code::Refused, "there is no such column"),
    ("42P07", Code::Refused, "something else has that name"),
    ("42710", Code::Refused, "something else has that name"),
    ("42P06", Code::Refused, "there is a schema of that name already"),
    ("42701", Code::Refused, "two columns have one name"),
    ("42704", Code::Refused, "a type, collation or operator class that it names is not there"),
    ("42804", Code::Refused, "two types do not go together"),
    (
        "42830",
        Code::Refused,
        "the foreign key points to columns that no key of that table keeps unique",
    ),
    ("42883", Code::Refused, "a function or operator that it names is not there"),
    ("42601", Code::Refused, "the statement is not well formed"),
    ("42602", Code::Refused, "a name in it is none"),
    ("42622", Code::Refused, "a name in it is too long"),
    ("42939", Code::Refused, "a name in it is kept for the server"),
    ("42P16", Code::Refused, "the table may not be made like this"),
    ("42P17", Code::Refused, "the object may not be made like this"),
    ("42P21", Code::Refused, "two collations do not go together"),
    ("42P22", Code::Refused, "it is not clear which collation is meant"),
    ("42", Code::Refused, "the statement is not understood"),
    ("44", Code::ValueRefused, "a view's check option forbids the row"),
    ("53300", Code::NoConnection, "all connections are taken"),
    ("53", Code::Full, "the server has run out of something"),
    ("54000", Code::ValueRefused, "a row is too large for an index"),
    ("54001", Code::Refused, "the statement is too complex"),
    ("54011", Code::Refused, "it has more columns than the server allows"),
    ("54023", Code::Refused, "it has more arguments than the server allows"),
    ("54", Code::Refused, "a limit of the server"),
    ("55006", Code::Busy, "the object is in use"),
    ("55P03", Code::Busy, "a lock was not granted in time"),
    ("57014", Code::Slow, "the statement was cancelled"),
    ("57P", Code::Unreachable, "the server ended the session"),
    // What a trigger raises about a row.
    ("P0", Code::ValueRefused, "a trigger or function refused the row"),
];

/// What SQLSTATEs that refuse a row mean for it, exact ones first.
const REFUSALS: &[(&str, Refusal)] = &[
    ("22001", Refusal::TooLong),
    ("22003", Refusal::OutOfRange),
    ("22008", Refusal::OutOfRange),
    ("22021", Refusal::InvalidEncoding),
    ("22P05", Refusal::NoSuchCharacter),
    ("22", Refusal::WrongType),
    ("21", Refusal::Unique),
    ("23502", Refusal::NotNull),
    ("23503", Refusal::ForeignKey),
    ("23505", Refusal::Unique),
    ("23514", Refusal::Check),
    ("23P01", Refusal::Exclusion),
    ("44", Refusal::Check),
    ("54000", Refusal::TooLarge),
    ("P0", Refusal::Trigger),
];

/// The fault of an error in a statement.
pub(super) fn fault(place: &str, error: &Error) -> Fault {
    let Some(said) = error.as_db_error() else { return lost(place, error) };
    let state = said.code().code();
    let known = STATES.iter().find(|(start, ..)| state.starts_with(start));
    let (code, words) =
        known.map_or((Code::Unknown, None), |(_, code, words)| (*code, Some(words)));
    let native = Native {
        code: state.to_owned(),
        refusal: meaning(state),
        constraint: said.constraint().map(str::to_owned),
        column: said.column().map(str::to_owned),
        table: said.table().map(str::to_owned),
        sentence: sentence(said),
    };
    let fault = Fault::new(code, place).native(native);
    let object = if code == Code::RightsMissing { denied_object(said.message()) } else { None };
    let function = said.where_().and_then(function);
    match (object, words, function) {
        (Some(object), _, None) => fault.saying(object),
        (None, Some(words), None) => fault.saying(*words),
        (None, None, None) => fault,
        (object, words, Some(function)) => {
            let words = object.or_else(|| words.map(|words| (*words).to_owned()));
            in_function(fault, words.as_deref().unwrap_or("it failed"), function)
        }
    }
}

/// The server's own words. Only for statements that no row value can be in: those that were sent when
/// there was no row.
pub(super) fn words(error: &Error) -> Option<String> {
    let said = error.as_db_error()?;
    Some(match said.detail() {
        Some(detail) => format!("{} ({detail})", said.message()),
        None => said.message().to_owned(),
    })
}

/// What a function of the target met, which a trigger called, or a default, or a check.
fn in_function(fault: Fault, words: &str, function: &str) -> Fault {
    let about_the_function = matches!(fault.code(), Code::Refused | Code::RightsMissing);
    let fault = fault.saying(format!("{words}, in function {function} of the target"));
    if !about_the_function {
        return fault;
    }
    fault.next(
        "Mend the function (what it mentions must be there, and be found by the database's own \
         search_path), then `longhaul resume`. If a trigger calls it, a new run with `triggers: off` \
         does without.",
    )
}

/// The innermost function of a context, by its name. A context quotes statements and values besides;
/// what is taken has the form of a name with the types of its arguments, and a line number behind it.
fn function(context: &str) -> Option<&str> {
    let named = |line: &'_ str| -> Option<usize> {
        let rest = line.strip_prefix("PL/pgSQL function ")?;
        let (name, after) = rest.split_once(" line ")?;
        let called = name.ends_with(')') && name.contains('(') && !name.contains(['\'', ';', '\\']);
        (called && after.starts_with(|c: char| c.is_ascii_digit())).then_some(name.len())
    };
    context.lines().find_map(|line| {
        let length = named(line)?;
        line["PL/pgSQL function ".len()..].get(..length)
    })
}

/// The fault of a step. What is said of a value before there is any row is about the statement, a
/// default mostly.
pub(super) fn of_step(fault: Fault, kind: StepKind) -> Fault {
    let without_rows = matches!(kind, StepKind::Table | StepKind::Type | StepKind::Sequence);
    let Some(native) = fault.named().filter(|_| without_rows) else {
        return without_room(fault, kind);
    };
    if fault.code() != Code::ValueRefused {
        return fault;
    }
    let native = Native { refusal: None, ..native.clone() };
    Fault::new(Code::Refused, fault.place())
        .native(native)
        .saying("a default or another value in the statement does not fit its type")
}

/// The way out where a row has no room in what a step makes.
fn without_room(fault: Fault, kind: StepKind) -> Fault {
    let about_keys = matches!(kind, StepKind::Index | StepKind::Key);
    if !about_keys || fault.named().is_none_or(|native| native.code != "54000") {
        return fault;
    }
    let fault = fault.saying("a row is longer than an index takes: 2,700 bytes, and less in some");
    fault.next(if kind == StepKind::Index {
            "Make an index of that name on the table by hand, in a form that such rows fit into (over \
             `md5(column)`, or `USING hash (column)` where it is not unique), then `longhaul resume`: \
             it is taken for the one that was to be made."
        } else {
            "A key cannot hold such rows. Run `longhaul cancel`, leave them behind with `where` or give \
             the source a key of other columns, and run anew; all else that was written stays."
        }
    )
}

fn meaning(state: &str) -> Option<Refusal> {
    REFUSALS.iter().find(|(start, _)| state.starts_with(start)).map(|(_, refusal)| *refusal)
}

/// What a right is missing on, where the server says it in words that hold a name and nothing else.
fn denied_object(message: &str) -> Option<String> {
    let known = ["permission denied for ", "must be owner of "];
    known.iter().any(|words| message.starts_with(words)).then(|| message.to_owned())
}

/// The fault of an error while connecting: what is not the server's own word is the way to it.
pub(super) fn connecting(place: &str, error: &Error) -> Fault {
    if error.as_db_error().is_some() {
        let fault = fault(place, error);
        // "permission denied for database" is an answer to the login.
        return match fault.code() == Code::RightsMissing {
            true => {
                let refused =
                    Fault::new(Code::LoginRefused, place).saying("the user may not connect");
                match fault.named() {
                    Some(native) => refused.native(native.clone()),
                    None => refused,
                }
            }
            false => fault,
        };
    }
    let words = error.to_string();
    if words.starts_with("authentication error") || words.starts_with("invalid configuration") {
        return Fault::new(Code::LoginRefused, place)
            .saying("the server asks for a password, or for another way to log in");
    }
    match refusal(error) {
        Some(words) => Fault::new(Code::TlsRefused, place).saying(words),
        None => lost(place, error),
    }
}

/// What is said of a server that takes no encrypted connection.
const UNENCRYPTED: &str = "the server does not encrypt";

/// What is wrong where an encrypted connection could not be made.
fn refusal(error: &Error) -> Option<&'static str> {
    let cause = std::error::Error::source(error)?;
    match cause.downcast_ref::<std::io::Error>() {
        Some(io) => ::tls::refusal(io),
        // The driver has no type for it.
        None if cause.to_string().contains("does not support TLS") => Some(UNENCRYPTED),
        None => None,
    }
}

/// The fault of an error that the server did not send. The driver's own errors about sockets and
/// TLS quote no value; those about values never occur, since all cells are text.
fn lost(place: &str, error: &Error) -> Fault {
    let fault = Fault::new(Code::Unreachable, place);
    let Some(cause) = std::error::Error::source(error) else {
        return fault.saying("the connection broke");
    };
    match cause.downcast_ref::<std::io::Error>() {
        Some(io) => match io.get_ref().and_then(|inner| inner.downcast_ref::<Absurd>()) {
            Some(found) => absurd(place, *found),
            None => fault.saying(knock::words(io)),
        },
        None => fault.saying("the connection broke"),
    }
}

/// The fault of a message that no server sends.
pub(super) fn absurd(place: &str, found: Absurd) -> Fault {
    Fault::new(Code::Absurd, place).saying(found.to_string())
}

/// Whether the server was asked to encrypt, and does not.
pub(super) fn does_not_encrypt(error: &Error) -> bool {
    refusal(error) == Some(UNENCRYPTED)
}

/// Whether the server's answer is about the text of a statement: an operator's condition that is
/// not understood, or that fails on the values it meets.
pub(super) fn is_about_the_statement(fault: &Fault) -> bool {
    fault.named().is_some_and(|native| {
        native.code != "42501"
            && ["42", "22", "0A", "21"].iter().any(|c| native.code.starts_with(c))
    })
}

/// Whether the server found a text that is not in its encoding, or in ours.
pub(super) fn is_about_encoding(fault: &Fault) -> bool {
    fault.named().is_some_and(|native| native.code == "22021")
}

/// The fault of a catalogue or wire that does not say what it must.
pub(super) fn unexpected(place: &str, what: &str) -> Fault {
    Fault::new(Code::Unknown, place).saying(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(state: &str) -> Code {
        STATES
            .iter()
            .find(|(start, ..)| state.starts_with(start))
            .map_or(Code::Unknown, |row| row.1)
    }

    #[test]
    fn the_codes_that_decide_about_retries_are_where_they_belong() {
        for (state, expected) in [
            ("40P01", Code::Busy),
            ("40001", Code::Busy),
            ("55P03", Code::Busy),
            ("53300", Code::NoConnection),
            ("53100", Code::Full),
            ("57P01", Code::Unreachable),
            ("25006", Code::Unreachable),
            ("22P02", Code::ValueRefused),
            ("23505", Code::ValueRefused),
            ("42P01", Code::Refused),
            ("42501", Code::RightsMissing),
            ("3D000", Code::LoginRefused),
            ("28P01", Code::LoginRefused),
            ("57014", Code::Slow),
            ("XX000", Code::Unknown),
        ] {
            assert_eq!(code(state), expected, "{state}");
        }
    }

    #[test]
    fn a_function_is_known_by_its_name_and_nothing_else_of_a_context() {
        for (context, name) in [
            ("PL/pgSQL function audit() line 3 at SQL statement", Some("audit()")),
            (
                "SQL statement \"INSERT INTO x VALUES ('secret')\"\n\
                 PL/pgSQL function public.log(integer,text) line 12 at EXECUTE\n\
                 PL/pgSQL function audit() line 3 at PERFORM\nCOPY t, line 1: \"1\tsecret\"",
                Some("public.log(integer,text)"),
            ),
            ("COPY t, line 1, column v: \"PL/pgSQL function secret() line 1\"", None),
            ("PL/pgSQL function inline_code_block line 1 at RAISE", None),
            ("PL/pgSQL function 'secret' line 1()", None),
        ] {
            assert_eq!(function(context), name, "{context}");
        }
    }

    #[test]
    fn an_exact_code_stands_before_its_class() {
        for (index, (start, ..)) in STATES.iter().enumerate() {
            let hidden = STATES[..index].iter().any(|(earlier, ..)| start.starts_with(earlier));
            assert!(!hidden, "{start} is never reached");
        }
    }
}
