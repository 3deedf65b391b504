//! Servers that are none: what they send ends no process, and no memory is set aside for it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use tests::command::Said;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Memory that a command may take that meets one, in KiB: what it takes anyway, and room for a few
/// messages.
const PEAK_KIB_MAX: u64 = 400 << 10;

/// A server that does this with each connection, on a free port. It lives as long as the tests.
fn rogue(
    answers: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + Clone + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let answers = answers.clone();
            std::thread::spawn(move || answers(socket));
        }
    });
    port
}

/// Runs a command, and says how much memory it took at most, in KiB.
fn watched(setting: &Setting, arguments: &[&str]) -> (Said, u64) {
    let mut command = setting.command(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watching = std::thread::spawn(move || {
        let mut peak = 0;
        // Gone, or a zombie without memory, when it has ended.
        while let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(line) = line else { return peak };
            peak = line.trim().trim_end_matches(" kB").parse().unwrap_or(peak);
            std::thread::yield_now();
        }
        peak
    });
    let said = Said::from(child.wait_with_output().unwrap());
    setting.shows_nothing(&said);
    (said, watching.join().unwrap())
}

fn meets(url: &str, code: &str) {
    let setting = Setting::new(LONGHAUL);
    let (said, peak) = watched(&setting, &["plan", "--from", url, "--to", "sqlite:new.db"]);
    let exit = said.code;
    let said = said.says(&[&format!("error[{code}]"), "next: "]);
    assert!(exit.is_some_and(|exit| exit != 0 && exit != 101 && exit < 128), "{said}");
    assert!(peak > 0 && peak < PEAK_KIB_MAX, "{peak} KiB: {said}");
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// Reads what a client begins with, and lets it in.
fn greets(socket: &mut TcpStream) -> std::io::Result<()> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
    socket.read_exact(&mut rest)?;
    socket.write_all(&message(b'R', &0u32.to_be_bytes()))
}

fn postgres(rest: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + Clone + 'static) {
    let port = rogue(move |mut socket| {
        greets(&mut socket)?;
        rest(&mut socket)?;
        // Whoever waits for more is to give up by itself.
        socket.read_to_end(&mut Vec::new()).map(drop)
    });
    meets(&format!("postgres://u@127.0.0.1:{port}/d"), "absurd");
}

fn endless(socket: &mut TcpStream, one: &[u8]) -> std::io::Result<()> {
    let many = one.repeat(1 + (64 << 10) / one.len());
    loop {
        socket.write_all(&many)?;
    }
}

#[test]
fn a_message_of_two_gibibytes_is_refused_by_its_head() {
    postgres(|socket| {
        socket.write_all(&[b'D', 0x7f, 0xff, 0xff, 0xff])?;
        endless(socket, &[0; 1024])
    });
}

#[test]
fn settings_without_end_are_refused() {
    postgres(|socket| endless(socket, &message(b'S', b"name\0value\0")));
}

#[test]
fn notices_without_end_are_refused() {
    postgres(|socket| endless(socket, &message(b'N', b"SNOTICE\0Mhello\0\0")));
}

#[test]
fn rows_without_end_are_refused() {
    postgres(|socket| {
        socket.write_all(&message(b'Z', b"I"))?;
        socket.read_exact(&mut [0; 5])?;
        let row = [&1u16.to_be_bytes()[..], &1000u32.to_be_bytes(), &[b'x'; 1000]].concat();
        endless(socket, &message(b'D', &row))
    });
}

/// A packet of MySQL.
fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], body].concat()
}

/// Greets, takes whatever login is tried, and answers each question so.
fn mysql(
    answer: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + Clone + 'static,
) -> u16 {
    rogue(move |mut socket| {
        let mut hello = b"\x0a5.7.0\0\x01\0\0\0aaaaaaaa\0\xff\xf7\x2d\x02\0\xff\x81\x15".to_vec();
        hello.extend([0; 10]);
        hello.extend(b"bbbbbbbbbbbb\0mysql_native_password\0");
        socket.write_all(&packet(0, &hello))?;
        let mut head = [0; 4];
        let mut number = 2;
        loop {
            socket.read_exact(&mut head)?;
            let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
            let mut body = vec![0; length as usize];
            socket.read_exact(&mut body)?;
            match body.first() {
                Some(3) if body.windows(6).any(|word| word == b"SELECT") => answer(&mut socket)?,
                _ => socket.write_all(&packet(number, &[0, 0, 0, 2, 0, 0, 0]))?,
            }
            number = 1;
        }
    })
}

#[test]
fn more_columns_than_there_are_bytes_end_no_process() {
    let port = mysql(|socket| {
        let columns = [&[0xfe][..], &u64::MAX.to_le_bytes()].concat();
        socket.write_all(&packet(1, &columns))
    });
    meets(&format!("mysql://u@127.0.0.1:{port}/d"), "panicked");
}
