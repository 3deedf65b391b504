//! What MySQL's error numbers mean to us: one table.
//!
//! Of the server's message only names are kept, and only where its form is known: values stand in
//! quotes inside it, before the names.

use mysql_async::Error;
use protocol::fault::{Code, Fault, Native, Refusal};
use protocol::plan::StepKind;

use super::sentence::sentence;
use crate::knock;

/// Numbers with their meaning. The numbers of MariaDB (4025, and from 1900) are its own.
const NUMBERS: &[(&[u16], Code, &str)] = &[
    (&[1205], Code::Busy, "a lock was not granted in time"),
    (&[1213, 1020, 3101], Code::Busy, "another transaction was in the way"),
    (&[1040, 1203, 1226], Code::NoConnection, "all connections are taken"),
    (&[3024, 1969, 1907], Code::Slow, "the statement took too long"),
    (
        &[1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 2006, 2013, 3169],
        Code::Unreachable,
        "the server ended the session",
    ),
    // After a failover the address may lead to a replica for a while.
    (&[1290, 1792, 1836, 3100], Code::Unreachable, "the server only reads"),
    (&[1021, 1114, 1037, 1038, 1041, 3675], Code::Full, "the server has run out of something"),
    (&[1045, 1698], Code::LoginRefused, "user or password is not accepted"),
    (&[1049], Code::LoginRefused, "there is no such database"),
    (&[1044], Code::LoginRefused, "the user has no right to the database"),
    (&[1130], Code::LoginRefused, "the server lets nobody in from this machine"),
    (&[1524, 2059, 3118], Code::LoginRefused, "the user may not log in this way, or is locked"),
    (&[1142, 1143, 1227, 1370, 1410, 1419], Code::RightsMissing, "a right is missing"),
    (&[1062, 1022, 1169, 1586], Code::ValueRefused, "the key is there already"),
    (&[1048, 1263, 1364, 1566], Code::ValueRefused, "NULL in a column that forbids it"),
    (&[1216, 1217, 1451, 1452, 1761, 1762], Code::ValueRefused, "a foreign key forbids the row"),
    (&[3819, 4025], Code::ValueRefused, "a check forbids the row"),
    (&[1406, 1301, 1153, 1118, 139], Code::ValueRefused, "a value is too long"),
    (&[1264, 1690, 1441, 1416], Code::ValueRefused, "a value is out of range"),
    (
        &[
            1265, 1292, 1366, 1367, 1411, 1525, 1300, 1261, 1262, 3140, 3141, 3143, 3156, 3157,
            3988, 4037, 4038, 1977, 1638,
        ],
        Code::ValueRefused,
        "a value does not fit its column",
    ),
    (&[1644, 1643], Code::ValueRefused, "a trigger refused the row"),
    (&[1146, 1051, 1109], Code::Refused, "there is no such table"),
    (&[1054, 1072, 1091], Code::Refused, "there is no such column or key"),
    (
        &[1064, 1149, 1305, 1582, 1583, 1046, 1052, 1111, 1241, 1242],
        Code::Refused,
        "the statement is not understood",
    ),
    (&[1050, 1826, 3822, 121], Code::Refused, "it is there already"),
    (&[1061], Code::Refused, "the table has an index of that name already"),
    (&[1068], Code::Refused, "the table has a primary key already"),
    (&[150, 1215, 1822, 3780], Code::Refused, "the foreign key fits no key of the other table"),
    (&[1824], Code::Refused, "the table that the foreign key points to is not there"),
    (&[1830], Code::Refused, "a foreign key that sets NULL stands on a column that forbids it"),
    (&[1005], Code::Refused, "the server cannot make a table like this"),
    (&[1059], Code::Refused, "a name is longer than 64 characters"),
    (&[1280], Code::Refused, "an index cannot have that name"),
    (&[1103, 1166], Code::Refused, "a table or column cannot have that name"),
    (&[1060], Code::Refused, "two columns have one name"),
    (&[1067], Code::Refused, "the default does not fit its column"),
    (&[1101], Code::Refused, "a column of this type takes no default"),
    (&[1674, 3770, 3772, 3774], Code::Refused, "the expression may not stand in a default"),
    (
        &[1901, 3102, 3104, 3105, 3106, 3107, 3109, 3758],
        Code::Refused,
        "the expression may not stand in a computed column",
    ),
    (
        &[1903, 3108, 3754],
        Code::Refused,
        "a key or index may not stand on that computed column or expression",
    ),
    (&[3812, 3813, 3814, 3815, 3816, 3818, 3823], Code::Refused, "the check may not say that"),
    (&[1069], Code::Refused, "the table has as many indexes as the server allows: 64"),
    (&[1070], Code::Refused, "an index has more columns than the server allows"),
    (&[1071, 1170, 1074, 1073, 1167], Code::Refused, "a key is longer than the server allows"),
    (&[1075], Code::Refused, "a table numbers one column, which begins a key"),
    (&[1113, 4028], Code::Refused, "a table has at least one column"),
    (&[1117], Code::Refused, "the table has more columns than the server allows"),
    (&[1115, 1253, 1273], Code::Refused, "the server lacks a character set or collation"),
    (&[1286], Code::Refused, "the server lacks a storage engine"),
    (&[1291], Code::Refused, "two labels of an enumeration are one to the server"),
    (&[1425, 1426, 1427, 1439], Code::Refused, "a type has more digits than the server allows"),
    (&[1628, 1629], Code::Refused, "a comment is longer than the server allows"),
    (
        &[1480, 1481, 1486, 1491, 1493, 1499, 1503, 1506, 1507, 1517, 1563, 1564, 1654, 1659],
        Code::Refused,
        "the partitions do not go with the table",
    ),
    (&[1148, 3948, 4166], Code::Refused, "LOAD DATA LOCAL is switched off"),
];

/// Duplicate entry.
pub(super) const DUPLICATE: &str = "1062";

/// What numbers of the table that refuse a row mean for it.
const REFUSALS: &[(&[u16], Refusal)] = &[
    (&[1062, 1022, 1169, 1586], Refusal::Unique),
    (&[1048, 1263, 1364, 1566], Refusal::NotNull),
    (&[1216, 1217, 1451, 1452, 1761, 1762], Refusal::ForeignKey),
    (&[3819, 4025], Refusal::Check),
    (&[1406], Refusal::TooLong),
    (&[1153, 1301, 1118, 139], Refusal::TooLarge),
    (&[1264, 1690, 1441, 1416], Refusal::OutOfRange),
    (&[1300], Refusal::InvalidEncoding),
    (&[3988, 1977], Refusal::NoSuchCharacter),
    (
        &[
            1265, 1292, 1366, 1367, 1411, 1525, 1261, 1262, 3140, 3141, 3143, 3156, 3157, 4037,
            4038, 1638,
        ],
        Refusal::WrongType,
    ),
    (&[1644, 1643], Refusal::Trigger),
];

/// NULL where it is forbidden.
pub(super) const NOT_NULL: u16 = 1048;

/// A statement larger than the server takes.
const TOO_LARGE: u16 = 1153;

/// Answers after which nothing of the transaction is left, or part of it is not: the statement alone
/// was rolled back (1205), or everything (1213).
const TRANSACTION_GONE: [u16; 2] = [1205, 1213];

/// LOAD DATA LOCAL is switched off.
const LOCAL_OFF: [u16; 3] = [1148, 3948, 4166];

/// An object of that name is there already.
const THERE: [&str; 9] = ["1050", "1061", "1068", "1304", "1359", "1537", "1826", "3822", "121"];

/// Whether the object that a step makes is there already.
pub(super) fn is_there(fault: &Fault) -> bool {
    fault.named().is_some_and(|native| THERE.contains(&&*native.code))
}

/// The fault of a step. What is said of a value before there is any row is about the statement: a
/// default, or a row that could have no room in the table.
pub(super) fn of_step(fault: Fault, kind: StepKind) -> Fault {
    let without_rows = matches!(kind, StepKind::Table | StepKind::Type | StepKind::Sequence);
    if !without_rows || fault.code() != Code::ValueRefused {
        return fault;
    }
    let Some(native) = fault.named() else { return fault };
    let words = match &*native.code {
        "1118" | "139" => "a row of the table could be longer than the server allows",
        _ => "a default or another value in the statement does not fit its column",
    };
    let native = Native { refusal: None, ..native.clone() };
    Fault::new(Code::Refused, fault.place()).native(native).saying(words)
}

/// Whether an error took the transaction, or a part of it, with it.
pub(super) fn takes_the_transaction(error: &Error) -> bool {
    number(error).is_none_or(|number| TRANSACTION_GONE.contains(&number))
}

/// Whether the server does not take LOAD DATA LOCAL.
pub(super) fn is_local_off(error: &Error) -> bool {
    number(error).is_some_and(|number| LOCAL_OFF.contains(&number))
}

fn number(error: &Error) -> Option<u16> {
    match error {
        Error::Server(said) => Some(said.code),
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_) => None,
    }
}

/// The server's own words. Only for statements that no row value can be in: those that were sent when
/// there was no row.
pub(super) fn words(error: &Error) -> Option<String> {
    match error {
        Error::Server(said) => Some(said.message.clone()),
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_) => None,
    }
}

/// The fault of an error.
pub(super) fn fault(place: &str, error: &Error) -> Fault {
    match error {
        Error::Server(said) => of_number(place, said.code, &said.message),
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_) => lost(place, error),
    }
}

/// The fault of a number, with the names that its message holds.
pub(super) fn of_number(place: &str, number: u16, message: &str) -> Fault {
    // "Can't create table": of that name there is a foreign key already, or the key fits no other.
    let inner = |errno: &str| number == 1005 && message.contains(errno);
    let number = match () {
        () if inner("errno: 121") => 121,
        () if inner("errno: 150") => 150,
        () => number,
    };
    let known = NUMBERS.iter().find(|(numbers, ..)| numbers.contains(&number));
    let (code, words) =
        known.map_or((Code::Unknown, None), |(_, code, words)| (*code, Some(*words)));
    let native = Native {
        refusal: refusal(number, message),
        constraint: constraint(number, message),
        column: column(number, message),
        sentence: sentence(number, message),
        // The server's own code of that is the one of any table that it cannot make.
        ..native(if number == 150 { 1005 } else { number })
    };
    let fault = Fault::new(code, place).native(native).about_row(row(message));
    match (missing_right(number, message), words) {
        (Some(right), _) => fault.saying(right),
        (None, Some(words)) => fault.saying(words),
        (None, None) => fault,
    }
}

fn native(number: u16) -> Native {
    Native { code: number.to_string(), refusal: refusal(number, ""), ..Native::default() }
}

/// What a number means for a row. Of one number only the words tell a character that the column's set
/// lacks from a text that is no number.
fn refusal(number: u16, message: &str) -> Option<Refusal> {
    if number == 1366 && message.starts_with("Incorrect string value") {
        return Some(Refusal::NoSuchCharacter);
    }
    let known = REFUSALS.iter().find(|(numbers, _)| numbers.contains(&number));
    known.map(|(_, refusal)| *refusal)
}

/// Which right is missing on what: `INSERT command denied to user … for table …`.
fn missing_right(number: u16, message: &str) -> Option<String> {
    match number {
        1142 | 1143 | 1370 => {
            let (right, _) = message.split_once(" command denied to user ")?;
            let on = ["for table ", "in table ", "for routine "];
            let on = on.iter().find_map(|words| quoted_after(message, words))?;
            Some(format!("the right {} on {on} is missing", right.to_ascii_uppercase()))
        }
        1227 => {
            let (_, rest) = message.split_once("(at least one of) the ")?;
            let (right, _) = rest.split_once(" privilege(s)")?;
            Some(format!("the right {right} is missing"))
        }
        1044 => Some(format!("the user has no right to {}", quoted_after(message, "database ")?)),
        _ => None,
    }
}

/// The row of the statement, from 0: `… at row 7`. The last such words, for a value may hold the same.
fn row(message: &str) -> Option<usize> {
    let at = message.rfind("at row ")?;
    message[at + "at row ".len()..].trim_end().parse::<usize>().ok()?.checked_sub(1)
}

/// A refusal of our own, in the server's words.
pub(super) fn refused(table: &str, number: u16, column: &str) -> Fault {
    let native = Native { column: Some(column.to_owned()), ..native(number) };
    Fault::new(Code::ValueRefused, table).native(native)
}

/// The refusal of a row that is larger than the server takes.
pub(super) fn too_large(table: &str) -> Fault {
    Fault::new(Code::ValueRefused, table)
        .native(native(TOO_LARGE))
        .next("Raise max_allowed_packet of the server above the row, or leave the row behind.")
}

/// The fault of an error while connecting.
pub(super) fn connecting(place: &str, error: &Error) -> Fault {
    match fault(place, error) {
        // A user who may see no database at all.
        fault if fault.code() == Code::RightsMissing => {
            Fault::new(Code::LoginRefused, place).saying("the user may not connect")
        }
        fault => fault,
    }
}

/// The fault of an error that the server did not send. The driver's own words may quote what it was
/// given, so of those only the words about the socket are kept.
fn lost(place: &str, error: &Error) -> Fault {
    let fault = Fault::new(Code::Unreachable, place);
    match error {
        Error::Io(mysql_async::IoError::Io(error)) => match ::tls::refusal(error) {
            Some(words) => Fault::new(Code::TlsRefused, place).saying(words),
            None => fault.saying(knock::words(error)),
        },
        Error::Io(_) => Fault::new(Code::TlsRefused, place)
            .saying("the two sides could not agree on encryption, or the server not be verified"),
        Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => {
            Fault::new(Code::TlsRefused, place).saying("the server does not encrypt")
        }
        Error::Driver(_) | Error::Other(_) | Error::Url(_) | Error::Server(_) => {
            fault.saying("the connection broke")
        }
    }
}

/// Whether the server's answer is about the text of a statement: an operator's condition that is
/// not understood, or that fails on the values it meets.
pub(super) fn is_about_the_statement(fault: &Fault) -> bool {
    let spoke = fault.named().is_some();
    let table = fault.named().is_some_and(|native| native.code == "1146");
    spoke && !table && matches!(fault.code(), Code::Refused | Code::ValueRefused)
}

/// The fault of an answer that does not say what it must.
pub(super) fn unexpected(place: &str, what: &str) -> Fault {
    Fault::new(Code::Unknown, place).saying(what.to_owned())
}

fn constraint(number: u16, message: &str) -> Option<String> {
    match number {
        // "… for key 'name'": the last of them, for a value may hold the same words.
        1062 | 1586 => Some(quoted_after(message, "for key ")?),
        1451 | 1452 => Some(quoted_after(message, "CONSTRAINT ")?),
        4025 => quoted(message.strip_prefix("CONSTRAINT ")?),
        3819 => quoted(message.strip_prefix("Check constraint ")?),
        1048 | 1263 | 1364 => Some("NOT NULL".to_owned()),
        _ => None,
    }
}

fn column(number: u16, message: &str) -> Option<String> {
    match number {
        1048 => quoted(message.strip_prefix("Column ")?),
        1364 => quoted(message.strip_prefix("Field ")?),
        1263 | 1264 | 1265 | 1292 | 1366 | 1406 => quoted_after(message, "column "),
        _ => None,
    }
}

/// The name in quotes after the last of these words: `'c'`, or `` `db`.`t`.`c` ``.
fn quoted_after(message: &str, words: &str) -> Option<String> {
    let at = message.rfind(words)?;
    quoted(&message[at + words.len()..])
}

/// The name in quotes at the beginning; the last part of one that has several.
fn quoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '`' | '"'))?;
    let (inside, rest) = text[1..].split_once(quote)?;
    match rest.strip_prefix('.') {
        Some(more) if quote == '`' => quoted(more),
        Some(_) | None => Some(inside.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(number: u16, message: &str) -> (Code, Option<String>, Option<String>) {
        let fault = of_number("here", number, message);
        let named = fault.named().cloned().unwrap();
        (fault.code(), named.constraint, named.column)
    }

    #[test]
    fn a_refusal_is_told_by_names_and_never_by_values() {
        let some = |text: &str| Some(text.to_owned());
        for (number, message, constraint, column) in [
            (1062, "Duplicate entry 'for key 'x'' for key 'PRIMARY'", some("PRIMARY"), None),
            (1048, "Column 'name' cannot be null", some("NOT NULL"), some("name")),
            (
                1366,
                "Incorrect integer value: 'secret' for column `db`.`t`.`age` at row 1",
                None,
                some("age"),
            ),
            (1406, "Data too long for column 'code' at row 7", None, some("code")),
            (
                1452,
                "Cannot add or update a child row: a foreign key constraint fails (`d`.`t`, \
                 CONSTRAINT `t_p` FOREIGN KEY (`p`) REFERENCES `p` (`id`))",
                some("t_p"),
                None,
            ),
            (4025, "CONSTRAINT `positive` failed for `d`.`t`", some("positive"), None),
            (3819, "Check constraint 'positive' is violated.", some("positive"), None),
        ] {
            assert_eq!(told(number, message), (Code::ValueRefused, constraint, column), "{number}");
            assert!(!of_number("here", number, message).to_string().contains("secret"));
        }
    }

    #[test]
    fn what_a_server_says_of_a_statement_is_known_and_not_tried_again() {
        use protocol::fault::Class;
        for number in [
            1005, 1050, 1059, 1060, 1061, 1067, 1068, 1069, 1070, 1071, 1073, 1074, 1075, 1101,
            1103, 1113, 1115, 1117, 1166, 1170, 1215, 1253, 1273, 1280, 1286, 1291, 1426, 1427,
            1439, 1503, 1506, 1628, 1674, 1822, 1824, 1826, 1830, 1901, 1903, 3102, 3106, 3770,
            3780, 3818, 3822,
        ] {
            let fault = of_step(of_number("here", number, ""), StepKind::Table);
            assert_eq!((fault.code(), fault.class()), (Code::Refused, Class::Fatal), "{number}");
            assert!(fault.said().is_some(), "{number}");
        }
        for (number, message, words) in [
            (1005, "Can't create table `d`.`t` (errno: 140 \"Wrong create options\")", "like this"),
            (1005, "Can't create table `d`.`t` (errno: 150 \"Foreign key …\")", "fits no key"),
            (1118, "Row size too large. The maximum row size …", "longer than the server allows"),
            (1067, "Invalid default value for 'd'", "default does not fit"),
            (1292, "Incorrect date value: '0000-00-00' for column `d`.`t`.`a`", "default"),
        ] {
            let fault = of_step(of_number("here", number, message), StepKind::Table);
            assert_eq!(fault.code(), Code::Refused, "{number}");
            assert!(fault.said().unwrap().contains(words), "{fault}");
            assert_eq!(fault.named().unwrap().code, number.to_string());
        }
        // Of rows the same numbers mean the rows.
        assert_eq!(of_number("here", 1118, "").code(), Code::ValueRefused);
        let fault = of_step(of_number("here", 1062, ""), StepKind::Key);
        assert_eq!(fault.code(), Code::ValueRefused);
    }

    #[test]
    fn the_row_is_the_one_that_the_server_counted_and_not_one_that_a_value_speaks_of() {
        for (message, row) in [
            ("Data too long for column 'code' at row 7", Some(6)),
            ("Incorrect integer value: 'at row 3' for column `db`.`t`.`age` at row 1", Some(0)),
            ("Duplicate entry 'at row 3' for key 'PRIMARY'", None),
            ("Out of range value for column 'a' at row 0", None),
        ] {
            assert_eq!(of_number("here", 1406, message).row(), row, "{message}");
        }
    }

    #[test]
    fn every_number_that_refuses_a_row_has_a_word() {
        let refusing = NUMBERS.iter().filter(|(_, code, _)| *code == Code::ValueRefused);
        for number in refusing.flat_map(|(numbers, ..)| *numbers) {
            assert!(native(*number).refusal.is_some(), "{number}");
        }
        assert_eq!(native(1062).reason(), "unique (1062)");
        for (message, reason) in [
            (
                "Incorrect string value: '\\xE5' for column `d`.`t`.`v` at row 1",
                "no_such_character (1366)",
            ),
            ("Incorrect integer value: 'x' for column `d`.`t`.`v` at row 1", "wrong_type (1366)"),
        ] {
            assert_eq!(of_number("t", 1366, message).named().unwrap().reason(), reason);
        }
    }

    #[test]
    fn a_missing_right_is_named_with_what_it_is_on() {
        let said = |number, message| of_number("here", number, message).said().unwrap().to_owned();
        let table = "INSERT command denied to user 'u'@'localhost' for table `shop`.`orders`";
        assert_eq!(said(1142, table), "the right INSERT on orders is missing");
        let column = "SELECT command denied to user 'u'@'h' for column 'c' in table 'orders'";
        assert_eq!(said(1143, column), "the right SELECT on orders is missing");
        let global = "Access denied; you need (at least one of) the SUPER privilege(s) for this";
        assert_eq!(said(1227, global), "the right SUPER is missing");
        assert_eq!(said(1142, "in another language"), "a right is missing");
        assert_eq!(said(1049, "Unknown database 'shop'"), "there is no such database");
    }

    #[test]
    fn the_numbers_that_decide_about_retries_are_where_they_belong() {
        for (number, expected) in [
            (1205, Code::Busy),
            (1213, Code::Busy),
            (1040, Code::NoConnection),
            (1114, Code::Full),
            (1021, Code::Full),
            (2013, Code::Unreachable),
            (1290, Code::Unreachable),
            (1045, Code::LoginRefused),
            (1142, Code::RightsMissing),
            (1146, Code::Refused),
            (1062, Code::ValueRefused),
            (3819, Code::ValueRefused),
            (9999, Code::Unknown),
        ] {
            assert_eq!(told(number, "").0, expected, "{number}");
        }
    }
}
