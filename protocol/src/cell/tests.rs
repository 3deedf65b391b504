//! The tables below were captured from a PostgreSQL 15 server: what it prints for what it reads.

use super::*;
use crate::schema::Engine;

pub(super) const INT16: Logical = Logical::Integer { bits: 16 };
pub(super) const INT64: Logical = Logical::Integer { bits: 64 };
pub(super) const NUMERIC: Logical = Logical::Decimal { precision: None, scale: None };
pub(super) const MONEY: Logical = Logical::Decimal { precision: Some(6), scale: Some(2) };
pub(super) const FLOAT32: Logical = Logical::Float { bits: 32 };
pub(super) const FLOAT64: Logical = Logical::Float { bits: 64 };
pub(super) const TEXT: Logical = Logical::Text { length: None };
pub(super) const TEXT3: Logical = Logical::Text { length: Some(3) };

/// What a cell becomes, as text.
pub(super) fn fitted(to: &Logical, cell: &[u8]) -> Result<String, Reason> {
    let mut out = b"before".to_vec();
    let result = fit(to, cell, &mut out);
    let rest = out.strip_prefix(b"before").expect("fit only appends").to_vec();
    match result {
        Ok(()) => Ok(String::from_utf8(rest).expect("these types give UTF-8")),
        Err(reason) => {
            assert!(rest.is_empty(), "a refused cell leaves nothing behind");
            Err(reason)
        }
    }
}

fn check(to: &Logical, table: &[(&str, Result<&str, Reason>)]) {
    for (cell, expected) in table {
        let expected = expected.map(str::to_owned);
        assert_eq!(fitted(to, cell.as_bytes()), expected, "`{cell}` into {to:?}");
    }
}

#[test]
fn a_float_of_64_bits_is_spelled_as_postgres_spells_it() {
    let table: [(u64, &str); 33] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "-0"),
        (0x3ff0_0000_0000_0000, "1"),
        (0x3fb9_9999_9999_999a, "0.1"),
        (0xbff8_0000_0000_0000, "-1.5"),
        (0x42d6_bcc4_1e90_0000, "100000000000000"),
        (0x42dc_1221_8377_de40, "123456789012345"),
        (0x430c_6bf5_2634_0000, "1e+15"),
        (0x430c_6bf5_2633_ffff, "999999999999999.9"),
        (0x437b_69b4_ba63_0f35, "1.2345678901234568e+17"),
        (0x4415_af1d_78b5_8c40, "1e+20"),
        (0x3f1a_36e2_eb1c_432d, "0.0001"),
        (0x3ee4_f8b5_88e3_68f1, "1e-05"),
        (0x3f20_1f31_f46e_d246, "0.000123"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x0010_0000_0000_0000, "2.2250738585072014e-308"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9.007199254740992e+15"),
        (0x3fd3_3333_3333_3333, "0.3"),
        (0x3fd3_3333_3333_3334, "0.30000000000000004"),
        (0x43e0_0000_0000_0000, "9.223372036854776e+18"),
        (0x7ff8_0000_0000_0000, "NaN"),
        (0x7ff0_0000_0000_0000, "Infinity"),
        (0xfff0_0000_0000_0000, "-Infinity"),
        // The shortest form that Rust takes is a midpoint between two floats.
        (0x44b5_2d02_c7e1_4af6, "9.999999999999999e+22"),
        (0x43b0_e626_e132_01b6, "1.2177034978987679e+18"),
        (0x43ba_1c3d_6215_e050, "1.8814462358171361e+18"),
        (0x43b6_c7ce_8790_73c4, "1.6415076708392479e+18"),
        (0x43bf_251a_7f44_91c2, "2.2442291232276321e+18"),
        // Two decimals of equal length are equally near: the even one.
        (0x3e60_0000_0000_0000, "2.9802322387695312e-08"),
        (0x4300_0000_0000_0002, "562949953421312.2"),
        (0x4310_0000_0000_0001, "1.1258999068426242e+15"),
        // But not where it lies beyond the nearer neighbour of a power of two.
        (0x3e70_0000_0000_0000, "5.960464477539063e-08"),
    ];
    for (bits, expected) in table {
        let mut out = Vec::new();
        write_f64(&mut out, f64::from_bits(bits));
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{bits:#x}");
    }
}

#[test]
fn a_float_of_32_bits_is_spelled_as_postgres_spells_it() {
    let table: [(u32, &str); 18] = [
        (0x0000_0000, "0"),
        (0x8000_0000, "-0"),
        (0x3dcc_cccd, "0.1"),
        (0x47c3_5000, "100000"),
        (0x47f1_2000, "123456"),
        (0x4974_2400, "1e+06"),
        (0x4996_b438, "1.234567e+06"),
        (0x4b80_0000, "1.6777216e+07"),
        (0x38d1_b717, "0.0001"),
        (0x3727_c5ac, "1e-05"),
        (0x0000_0001, "1e-45"),
        (0x7f7f_ffff, "3.4028235e+38"),
        (0x3980_0000, "0.00024414062"),
        (0x4980_0002, "1.0485762e+06"),
        (0x4893_b1b4, "302477.62"),
        (0x4bbe_bc20, "2.5e+07"),
        (0x7fc0_0000, "NaN"),
        (0xff80_0000, "-Infinity"),
    ];
    for (bits, expected) in table {
        let mut out = Vec::new();
        write_f32(&mut out, f32::from_bits(bits));
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{bits:#x}");
    }
}

#[test]
fn floats_keep_every_digit_or_say_so() {
    check(
        &FLOAT64,
        &[
            ("0.10", Ok("0.1")),
            (" 100000000000000000000 ", Ok("1e+20")),
            ("0.10000000000000001", Ok("0.1")),
            ("1e23", Ok("9.999999999999999e+22")),
            ("inf", Ok("Infinity")),
            ("-INFINITY", Ok("-Infinity")),
            ("nan", Ok("NaN")),
            ("-0.00", Ok("-0")),
            ("0e999", Ok("0")),
            ("9007199254740993", Err(Reason::TooPrecise)),
            ("0.12345678901234567890", Err(Reason::TooPrecise)),
            ("1e400", Err(Reason::OutOfRange)),
            ("1e-400", Err(Reason::OutOfRange)),
            ("", Err(Reason::WrongType)),
            ("0x10", Err(Reason::WrongType)),
            ("1,5", Err(Reason::WrongType)),
        ],
    );
    check(
        &FLOAT32,
        &[
            ("1000000", Ok("1e+06")),
            ("0.10000000149011612", Ok("0.1")),
            ("16777217", Err(Reason::TooPrecise)),
            ("0.1234567890123", Err(Reason::TooPrecise)),
            ("1e39", Err(Reason::OutOfRange)),
            ("1e-46", Err(Reason::OutOfRange)),
        ],
    );
}

#[test]
fn booleans_have_two_spellings() {
    for yes in ["t", "true", "TRUE", "tr", "y", "yes", "on", "1", " t "] {
        assert_eq!(fitted(&Logical::Boolean, yes.as_bytes()).as_deref(), Ok("t"), "{yes}");
    }
    for no in ["f", "false", "n", "no", "NO", "of", "off", "0"] {
        assert_eq!(fitted(&Logical::Boolean, no.as_bytes()).as_deref(), Ok("f"), "{no}");
    }
    for neither in ["", " ", "o", "2", "01", "truex", "yeah", "-1", "\u{e9}"] {
        assert_eq!(fitted(&Logical::Boolean, neither.as_bytes()), Err(Reason::WrongType));
    }
}

#[test]
fn integers_are_whole_and_in_range() {
    check(
        &INT16,
        &[
            ("7", Ok("7")),
            (" +007 ", Ok("7")),
            ("-0", Ok("0")),
            ("5.0", Ok("5")),
            ("1e+03", Ok("1000")),
            ("1200e-2", Ok("12")),
            ("32767", Ok("32767")),
            ("-32768", Ok("-32768")),
            ("32768", Err(Reason::OutOfRange)),
            ("1e300", Err(Reason::OutOfRange)),
            ("5.5", Err(Reason::TooPrecise)),
            ("1e-1", Err(Reason::TooPrecise)),
            ("", Err(Reason::WrongType)),
            ("-", Err(Reason::WrongType)),
            ("NaN", Err(Reason::WrongType)),
            ("1 2", Err(Reason::WrongType)),
            ("abc", Err(Reason::WrongType)),
        ],
    );
    check(
        &INT64,
        &[
            ("9223372036854775807", Ok("9223372036854775807")),
            ("-9223372036854775808", Ok("-9223372036854775808")),
            ("9223372036854775808", Err(Reason::OutOfRange)),
            ("-9223372036854775809", Err(Reason::OutOfRange)),
            ("0000000000000000000000000001", Ok("1")),
        ],
    );
}

#[test]
fn decimals_keep_their_digits() {
    check(
        &NUMERIC,
        &[
            ("1.50", Ok("1.50")),
            ("1e3", Ok("1000")),
            ("1.5e-3", Ok("0.0015")),
            ("-12.340E+1", Ok("-123.40")),
            (".5", Ok("0.5")),
            ("5.", Ok("5")),
            ("-0.00", Ok("0.00")),
            ("+007.10", Ok("7.10")),
            ("nan", Ok("NaN")),
            ("-inf", Ok("-Infinity")),
            ("+Infinity", Ok("Infinity")),
            ("0e1000000000000000000000", Ok("0")),
            ("1e131072", Err(Reason::OutOfRange)),
            ("1e-20000", Err(Reason::TooPrecise)),
            (".", Err(Reason::WrongType)),
            ("1e", Err(Reason::WrongType)),
            ("infinite", Err(Reason::WrongType)),
        ],
    );
    check(
        &MONEY,
        &[
            ("1", Ok("1.00")),
            ("1.5", Ok("1.50")),
            ("9999.99", Ok("9999.99")),
            ("1.500", Ok("1.50")),
            ("0.25e1", Ok("2.50")),
            ("NaN", Ok("NaN")),
            ("1.505", Err(Reason::TooPrecise)),
            ("10000", Err(Reason::OutOfRange)),
            ("1e4", Err(Reason::OutOfRange)),
            ("Infinity", Err(Reason::NotFinite)),
        ],
    );
    // More scale than precision: zeros must follow the point.
    let narrow = Logical::Decimal { precision: Some(3), scale: Some(5) };
    check(&narrow, &[("0.00999", Ok("0.00999")), ("0.01", Err(Reason::OutOfRange))]);
}

#[test]
fn text_is_kept_whole() {
    check(&TEXT3, &[("", Ok("")), ("äöü", Ok("äöü")), ("a\0b", Ok("a\0b"))]);
    // PostgreSQL would cut the blank in silence.
    check(&TEXT3, &[("abc ", Err(Reason::TooLong)), ("äöüß", Err(Reason::TooLong))]);
    let char3 = Logical::Char { length: 3 };
    check(&char3, &[("a  ", Ok("a")), ("abc   ", Ok("abc")), ("   ", Ok("")), (" a", Ok(" a"))]);
    check(&char3, &[("abcd", Err(Reason::TooLong))]);
    assert_eq!(fitted(&TEXT, b"\xff"), Err(Reason::InvalidEncoding));
    assert_eq!(fitted(&Logical::Any, b"\xff"), Err(Reason::InvalidEncoding));
    let labels = Logical::Enum { labels: vec!["sad".into(), "ok".into()] };
    check(&labels, &[("ok", Ok("ok")), ("OK", Err(Reason::NoSuchLabel))]);
}

#[test]
fn bits_have_their_length() {
    let fixed = Logical::Bits { length: Some(3), varying: false };
    let varying = Logical::Bits { length: Some(3), varying: true };
    check(&fixed, &[("010", Ok("010")), ("01", Err(Reason::WrongType))]);
    check(&varying, &[("01", Ok("01")), ("0101", Err(Reason::TooLong))]);
    check(&varying, &[("2", Err(Reason::WrongType))]);
}

#[test]
fn bytes_are_any_bytes() {
    let mut out = Vec::new();
    assert_eq!(fit(&Logical::Binary, b"\0\xff", &mut out), Ok(()));
    assert_eq!(out, b"\0\xff");
}

#[test]
fn a_uuid_has_one_spelling() {
    let canonical = Ok("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    check(
        &Logical::Uuid,
        &[
            ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", canonical),
            ("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", canonical),
            ("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", canonical),
            ("a0eebc999c0b4ef8bb6d6bb9bd380a11", canonical),
            ("a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", canonical),
            ("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", Err(Reason::WrongType)),
            ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", Err(Reason::WrongType)),
            ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-", Err(Reason::WrongType)),
            ("a0eebc9-99c0b4ef8bb6d6bb9bd380a11", Err(Reason::WrongType)),
            ("", Err(Reason::WrongType)),
        ],
    );
}

#[test]
fn dates_are_in_the_calendar() {
    check(
        &Logical::Date,
        &[
            ("2024-02-29", Ok("2024-02-29")),
            ("2000-02-29", Ok("2000-02-29")),
            ("0001-01-01", Ok("0001-01-01")),
            ("12024-02-29", Ok("12024-02-29")),
            ("012024-02-29", Ok("12024-02-29")),
            ("0044-03-15 BC", Ok("0044-03-15 BC")),
            ("0001-02-29 bc", Ok("0001-02-29 BC")),
            ("2024-02-29 AD", Ok("2024-02-29")),
            ("4714-11-24 BC", Ok("4714-11-24 BC")),
            ("5874897-12-31", Ok("5874897-12-31")),
            ("Infinity", Ok("infinity")),
            ("-infinity", Ok("-infinity")),
            ("4714-11-23 BC", Err(Reason::OutOfRange)),
            ("5874898-01-01", Err(Reason::OutOfRange)),
            ("99999999999999999999-01-01", Err(Reason::OutOfRange)),
            ("1900-02-29", Err(Reason::NoSuchDate)),
            ("2023-02-29", Err(Reason::NoSuchDate)),
            ("2024-13-01", Err(Reason::NoSuchDate)),
            ("2024-04-31", Err(Reason::NoSuchDate)),
            ("0000-00-00", Err(Reason::NoSuchDate)),
            ("2024-1-5", Err(Reason::WrongType)),
            ("2024-01-31 00:00:00", Err(Reason::WrongType)),
            ("1706659200", Err(Reason::WrongType)),
            ("", Err(Reason::WrongType)),
        ],
    );
}

#[test]
fn times_have_seconds_and_no_trailing_zeros() {
    check(
        &Logical::Time,
        &[
            ("12:30", Ok("12:30:00")),
            ("12:30:00.250000", Ok("12:30:00.25")),
            ("23:59:59.999999", Ok("23:59:59.999999")),
            ("00:00:00.1234560", Ok("00:00:00.123456")),
            ("24:00:00", Ok("24:00:00")),
            ("00:00:00.1234567", Err(Reason::TooPrecise)),
            ("24:00:00.000001", Err(Reason::OutOfRange)),
            ("25:00:00", Err(Reason::OutOfRange)),
            ("838:59:59", Err(Reason::OutOfRange)),
            ("-00:00:01", Err(Reason::OutOfRange)),
            ("12:60:00", Err(Reason::NoSuchDate)),
            ("12:00:60", Err(Reason::NoSuchDate)),
            ("12:30:00.", Err(Reason::WrongType)),
            ("12:30+00", Err(Reason::WrongType)),
            ("9:30", Err(Reason::WrongType)),
        ],
    );
    check(
        &Logical::TimeWithZone,
        &[
            ("12:30:00+02", Ok("12:30:00+02")),
            ("12:30Z", Ok("12:30:00+00")),
            ("12:30:00.50-0330", Ok("12:30:00.5-03:30")),
            ("12:30:00+05:30:15", Ok("12:30:00+05:30:15")),
            ("12:30:00-00:00:01", Ok("12:30:00-00:00:01")),
            ("12:30:00-00", Ok("12:30:00+00")),
            ("12:30:00+16", Err(Reason::OutOfRange)),
            ("12:30:00", Err(Reason::WrongType)),
        ],
    );
}

#[test]
fn timestamps_never_gain_or_lose_an_offset() {
    check(
        &Logical::Timestamp,
        &[
            ("2024-02-29 12:30:00.25", Ok("2024-02-29 12:30:00.25")),
            ("2024-02-29T12:30", Ok("2024-02-29 12:30:00")),
            ("2024-02-29", Ok("2024-02-29 00:00:00")),
            ("2024-12-31 24:00:00", Ok("2025-01-01 00:00:00")),
            ("0044-03-15 10:00:00 BC", Ok("0044-03-15 10:00:00 BC")),
            ("294276-12-31 23:59:59.999999", Ok("294276-12-31 23:59:59.999999")),
            ("infinity", Ok("infinity")),
            ("294277-01-01 00:00:00", Err(Reason::OutOfRange)),
            ("5874897-01-01 00:00:00", Err(Reason::OutOfRange)),
            ("2024-02-29 12:30:00.1234567", Err(Reason::TooPrecise)),
            ("2024-02-29 12:30:00Z", Err(Reason::WrongType)),
            ("2024-02-29 12:30:00+02", Err(Reason::WrongType)),
            ("2024-02-30 12:30:00", Err(Reason::NoSuchDate)),
            ("2024-01-01 24:00:01", Err(Reason::NoSuchDate)),
            ("2024-01-01 25:00:00", Err(Reason::NoSuchDate)),
            ("2024-01-01 -01:00:00", Err(Reason::NoSuchDate)),
            ("1706659200", Err(Reason::WrongType)),
        ],
    );
    check(
        &Logical::TimestampWithZone,
        &[
            ("2024-02-29 12:30:00+00", Ok("2024-02-29 12:30:00+00")),
            ("2024-02-29T14:30:00.5+02:00", Ok("2024-02-29 12:30:00.5+00")),
            ("2024-03-01 01:00:00+02", Ok("2024-02-29 23:00:00+00")),
            ("2024-12-31T23:30:00-0330", Ok("2025-01-01 03:00:00+00")),
            ("0001-01-01 00:30:00+01", Ok("0001-12-31 23:30:00+00 BC")),
            ("0044-03-15 10:00:00+00 BC", Ok("0044-03-15 10:00:00+00 BC")),
            ("-infinity", Ok("-infinity")),
            ("4714-11-24 00:00:00+01 BC", Err(Reason::OutOfRange)),
            ("2024-01-01 12:00:00+17", Err(Reason::NoSuchDate)),
            ("2024-01-01 25:00:00+00", Err(Reason::NoSuchDate)),
            ("2024-02-29 12:30:00", Err(Reason::WrongType)),
        ],
    );
}

#[test]
fn json_is_checked_and_kept() {
    check(
        &Logical::Json,
        &[
            (r#" {"b":1, "a":[1.0,null] } "#, Ok(r#" {"b":1, "a":[1.0,null] } "#)),
            (r#""\u0000\ud800""#, Ok(r#""\u0000\ud800""#)),
            ("", Err(Reason::WrongType)),
            ("{", Err(Reason::WrongType)),
            ("01", Err(Reason::WrongType)),
            ("'a'", Err(Reason::WrongType)),
            ("\"a\nb\"", Err(Reason::WrongType)),
        ],
    );
    assert_eq!(fitted(&Logical::Json, b"\"\xff\""), Err(Reason::InvalidEncoding));
    let deep = "[".repeat(5000) + &"]".repeat(5000);
    assert_eq!(fitted(&Logical::Json, deep.as_bytes()), Ok(deep.clone()));
    assert_eq!(fitted(&Logical::JsonBinary, deep.as_bytes()), Ok(deep));
}

#[test]
fn jsonb_is_normalised_as_postgres_does() {
    check(
        &Logical::JsonBinary,
        &[
            (r#"{"aa":[1.0,null],"b":0,"b":1}"#, Ok(r#"{"b": 1, "aa": [1.0, null]}"#)),
            (r#"{"b":{"z":1,"y":2},"a":[]}"#, Ok(r#"{"a": [], "b": {"y": 2, "z": 1}}"#)),
            (r#" [ ] "#, Ok("[]")),
            (r#"{ }"#, Ok("{}")),
            (r#"[1e2,1E-3,-0,-0.0,12.30e1]"#, Ok("[100, 0.001, 0, 0.0, 123.0]")),
            (r#"123456789012345678901234567890"#, Ok("123456789012345678901234567890")),
            (
                r#""\u00e9\n\t\b\f\r\"\\\/\u0001\u001f\u007f""#,
                Ok("\"é\\n\\t\\b\\f\\r\\\"\\\\/\\u0001\\u001f\u{7f}\""),
            ),
            (r#""\ud83d\ude00""#, Ok("\"😀\"")),
            (r#"{"\u0061":1,"a":2}"#, Ok(r#"{"a": 2}"#)),
            (r#"{"é":1,"zzz":2,"":3,"B":4}"#, Ok(r#"{"": 3, "B": 4, "é": 1, "zzz": 2}"#)),
            (r#""a\u0000""#, Err(Reason::NulInText)),
            (r#""\ud83d""#, Err(Reason::InvalidEncoding)),
            (r#""\ude00""#, Err(Reason::InvalidEncoding)),
            ("[1,]", Err(Reason::WrongType)),
            (r#"{"a":1,}"#, Err(Reason::WrongType)),
            (r#"{"a"}"#, Err(Reason::WrongType)),
            ("[1}", Err(Reason::WrongType)),
            ("1 2", Err(Reason::WrongType)),
            ("[", Err(Reason::WrongType)),
            ("", Err(Reason::WrongType)),
            ("1.", Err(Reason::WrongType)),
            ("-", Err(Reason::WrongType)),
            ("+1", Err(Reason::WrongType)),
            (r#""\"#, Err(Reason::WrongType)),
            (r#""\x""#, Err(Reason::WrongType)),
        ],
    );
}

#[test]
fn engines_lack_what_types_allow() {
    assert_eq!(holds(Engine::Postgres, &TEXT, b"a\0b"), Err(Reason::NulInText));
    assert_eq!(holds(Engine::Sqlite, &TEXT, b"a\0b"), Ok(()));
    assert_eq!(holds(Engine::Postgres, &Logical::Binary, b"a\0b"), Ok(()));
    assert_eq!(holds(Engine::Sqlite, &FLOAT64, b"NaN"), Err(Reason::NotFinite));
    assert_eq!(holds(Engine::Sqlite, &FLOAT64, b"Infinity"), Ok(()));
    assert_eq!(holds(Engine::Postgres, &FLOAT64, b"NaN"), Ok(()));
}

#[test]
fn what_an_engine_vouches_for_is_not_looked_at() {
    let postgres = |from: &Logical, to: &Logical| is_identity(from, to, Engine::Postgres);
    assert!(postgres(&INT16, &INT64));
    assert!(!postgres(&INT64, &INT16));
    assert!(postgres(&TEXT3, &TEXT));
    assert!(!postgres(&TEXT, &TEXT3));
    assert!(postgres(&MONEY, &NUMERIC));
    assert!(!postgres(&NUMERIC, &MONEY));
    assert!(postgres(&Logical::TimestampWithZone, &Logical::TimestampWithZone));
    assert!(!postgres(&Logical::Timestamp, &Logical::TimestampWithZone));
    assert!(postgres(&Logical::JsonBinary, &Logical::Json));
    assert!(!postgres(&Logical::Json, &Logical::JsonBinary));
    // `1e+06` and `1000000`.
    assert!(!postgres(&FLOAT32, &FLOAT64));
    assert!(!postgres(&Logical::Binary, &TEXT));
    assert!(is_identity(&Logical::Binary, &Logical::Binary, Engine::Sqlite));
    assert!(!is_identity(&INT64, &INT64, Engine::Sqlite));
}

#[test]
fn a_reason_is_stored_as_it_is_serialised() {
    for reason in Reason::ALL {
        assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{reason}\""));
    }
}
