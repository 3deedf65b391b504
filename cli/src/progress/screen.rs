//! A few lines at the bottom of a terminal that are drawn anew, with everything else above them.
//!
//! # Promises
//! 1. A line that is said while they stand is printed above them, and is not painted over.
//! 2. They are erased whole, also after the terminal became narrower and wrapped them.
//! 3. Where stderr is no terminal, nothing is drawn.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

/// A terminal that does not say how large it is.
const SIZE_OTHERWISE: (usize, usize) = (80, 24);

/// What stands at the bottom.
struct Screen {
    /// The lines as they are drawn.
    lines: Vec<String>,
    /// How long they were when they were drawn, in characters.
    drawn: Vec<usize>,
}

static SCREEN: Mutex<Screen> = Mutex::new(Screen { lines: Vec::new(), drawn: Vec::new() });

/// Columns and rows of the terminal.
pub(super) fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(std::io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        Ok(_) | Err(_) => SIZE_OTHERWISE,
    }
}

/// Puts these lines in place of those that stand there.
pub(super) fn draw(lines: Vec<String>) {
    with(|screen, out, (width, height)| {
        *out += &erase(&screen.drawn, width);
        screen.lines = lines;
        screen.paint(out, width, height);
    });
}

/// Takes the lines away.
pub(super) fn clear() {
    draw(Vec::new());
}

/// Prints a line above those that stand there. False where none do: then nothing was printed.
pub(super) fn above(line: &str) -> bool {
    let mut printed = false;
    with(|screen, out, (width, height)| {
        if screen.drawn.is_empty() {
            return;
        }
        printed = true;
        *out += &erase(&screen.drawn, width);
        *out += line;
        out.push('\n');
        screen.paint(out, width, height);
    });
    printed
}

fn with(change: impl FnOnce(&mut Screen, &mut String, (usize, usize))) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let mut screen = SCREEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = String::new();
    change(&mut screen, &mut out, size());
    // In one go, so that nobody's line comes between.
    let _ = std::io::stderr().write_all(out.as_bytes());
}

impl Screen {
    fn paint(&mut self, out: &mut String, width: usize, height: usize) {
        let shown = self.lines.len().min(height.saturating_sub(1));
        let skipped = self.lines.len() - shown;
        let lines: Vec<_> = self.lines.iter().skip(skipped).map(|line| cut(line, width)).collect();
        *out += &lines.join("\n");
        self.drawn = lines.iter().map(|line| line.chars().count()).collect();
    }
}

/// The beginning of a line that fits: the last column stays free, so that no terminal wraps it.
fn cut(line: &str, width: usize) -> String {
    let fits = width.saturating_sub(1).max(1);
    if line.chars().count() <= fits {
        return line.to_owned();
    }
    line.chars().take(fits - 1).chain(['…']).collect()
}

/// What erases these lines in a terminal of that width, where the cursor is at the end of the last.
fn erase(drawn: &[usize], width: usize) -> String {
    let rows: usize = drawn.iter().map(|length| length.div_ceil(width.max(1)).max(1)).sum();
    match rows {
        0 => String::new(),
        1 => "\r\x1b[J".into(),
        more => format!("\r\x1b[{}A\x1b[J", more - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_narrower_terminal_wrapped_is_erased_whole() {
        assert_eq!(erase(&[], 80), "");
        assert_eq!(erase(&[79], 80), "\r\x1b[J");
        assert_eq!(erase(&[79, 10], 80), "\r\x1b[1A\x1b[J");
        assert_eq!(erase(&[79, 10], 40), "\r\x1b[2A\x1b[J");
        assert_eq!(erase(&[79, 0], 20), "\r\x1b[4A\x1b[J");
    }

    #[test]
    fn a_line_leaves_the_last_column_free() {
        assert_eq!(cut("abc", 4), "abc");
        assert_eq!(cut("abcd", 4), "ab…");
        assert_eq!(cut("äöüß", 4), "äö…");
        assert_eq!(cut("abc", 1), "…");
    }

    #[test]
    fn what_does_not_fit_the_height_is_left_out_above() {
        let lines = ["one", "two", "three"].map(str::to_owned).into();
        let (mut screen, mut out) = (Screen { lines, drawn: Vec::new() }, String::new());
        screen.paint(&mut out, 80, 3);
        assert_eq!((out.as_str(), screen.drawn), ("two\nthree", vec![3, 5]));
    }
}
