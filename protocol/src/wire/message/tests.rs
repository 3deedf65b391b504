//! What a message looks like for ever, and what is refused.

use super::*;

/// Written once, and never again: what an older build wrote, every newer one of this major reads.
const SIGNED: &str = include_str!("../golden/task-1.0.json");
const UNSIGNED: &str = include_str!("../golden/task-1.0-unsigned.json");
const NEWER: &str = include_str!("../golden/task-1.7.json");

const QUEUE: &str = "longhaul.fleet.v1.g1.work";

fn message() -> Message {
    Message {
        run: "0192d3b4-0000-7000-8000-000000000001".parse().unwrap(),
        chunk: ChunkId(7),
        epoch: 3,
        priority: 9,
        trace: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap()),
        rung: None,
    }
}

fn secret(id: &str, letter: u8) -> (String, Vec<u8>) {
    (id.to_owned(), vec![letter; 32])
}

fn keys() -> Keys {
    Keys::new("2026-11", [secret("2026-11", b'n'), secret("2026-05", b'm')]).unwrap()
}

fn sealed() -> String {
    String::from_utf8(message().seal(&keys(), QUEUE)).unwrap()
}

fn open(text: &str) -> Result<Message, Refusal> {
    Message::open(text.as_bytes(), &keys(), QUEUE)
}

#[test]
fn what_is_written_is_what_was_always_written() {
    assert_eq!(sealed(), SIGNED.trim_end());
    let unsigned = message().seal(&Keys::none(), QUEUE);
    assert_eq!(String::from_utf8(unsigned).unwrap(), UNSIGNED.trim_end());
}

#[test]
fn what_was_always_written_is_read() {
    assert_eq!(open(SIGNED), Ok(message()));
    assert_eq!(Message::open(UNSIGNED.as_bytes(), &Keys::none(), QUEUE), Ok(message()));
}

#[test]
fn a_newer_minor_format_is_read_as_far_as_it_is_known() {
    let plain = Message { priority: 4, trace: None, ..message() };
    assert_eq!(open(NEWER), Ok(plain));
}

#[test]
fn when_it_was_rung_arrives() {
    let rung = Message { rung: Some(Instant(1_795_230_000_123_456)), ..message() };
    assert_eq!(Message::open(&rung.seal(&keys(), QUEUE), &keys(), QUEUE), Ok(rung));
}

#[test]
fn another_major_format_is_refused_whatever_it_looks_like() {
    assert_eq!(open(r#"{"format":"2.0","parcel":[1,2,3]}"#), Err(Refusal::Format));
    for text in ["", "[]", "{}", r#"{"format":1}"#, r#"{"format":"1"}"#, r#"{"format":"1.x"}"#] {
        assert_eq!(open(text), Err(Refusal::Unreadable), "{text}");
    }
}

#[test]
fn whoever_changes_one_letter_is_found_out() {
    let sealed = sealed().into_bytes();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let opened = Message::open(&changed, &keys(), QUEUE);
        assert!(opened.is_err(), "{}", String::from_utf8_lossy(&changed));
    }
}

#[test]
fn a_message_without_a_signature_is_refused_where_there_are_keys() {
    assert_eq!(open(UNSIGNED), Err(Refusal::Unsigned));
    // A reader without keys cannot tell, and believes; so the fleet may begin to sign.
    assert_eq!(Message::open(SIGNED.as_bytes(), &Keys::none(), QUEUE), Ok(message()));
}

#[test]
fn a_message_replayed_into_another_queue_is_refused() {
    let elsewhere = Message::open(SIGNED.as_bytes(), &keys(), "longhaul.fleet.v1.g2.work");
    assert_eq!(elsewhere, Err(Refusal::Forged));
}

#[test]
fn a_key_is_believed_as_long_as_it_is_known() {
    let old = Keys::new("2026-05", [secret("2026-05", b'm')]).unwrap();
    let by_old = message().seal(&old, QUEUE);
    assert_eq!(Message::open(&by_old, &keys(), QUEUE), Ok(message()));
    assert_eq!(Message::open(SIGNED.as_bytes(), &old, QUEUE), Err(Refusal::UnknownKey));
    let other = Keys::new("2026-11", [secret("2026-11", b'x')]).unwrap();
    assert_eq!(Message::open(SIGNED.as_bytes(), &other, QUEUE), Err(Refusal::Forged));
}

#[test]
fn what_is_too_large_is_not_looked_at() {
    let large = format!("{SIGNED}{}", " ".repeat(MESSAGE_BYTES_MAX));
    assert_eq!(open(&large), Err(Refusal::Oversized));
    assert!(sealed().len() < MESSAGE_BYTES_MAX / 8);
}

#[test]
fn keys_print_no_secret() {
    let printed = format!("{:?} {:#?}", keys(), keys());
    assert!(printed.contains("2026-11") && !printed.contains("nnn"), "{printed}");
    assert!(!printed.contains("110"), "not as numbers either: {printed}");
}

#[test]
fn keys_that_could_not_work_are_refused_without_being_printed() {
    let short = Keys::new("a", [("a".to_owned(), b"hunter2".to_vec())]).unwrap_err();
    let odd = Keys::new("a\nb", [secret("a\nb", b'n')]).unwrap_err();
    let missing = Keys::new("b", [secret("a", b'n')]).unwrap_err();
    for fault in [short, odd, missing] {
        let printed = format!("{fault} {fault:?}");
        assert!(!printed.contains("hunter2") && !printed.contains("nnn"), "{printed}");
    }
}
