//! Which rows careful gear tries together. Pure: it only hears what became of each piece.
//!
//! Rows are tried in order. Where the target names the row that it refused, the rows before that one
//! go in together and the row is tried alone; where it does not, the bad row is found by halving. How
//! many rows are tried while nothing is suspected follows how far apart bad rows were: a target that
//! refuses the third row of ten thousand was sent the others for nothing.

use std::ops::Range;

/// What is known of the rows of a chunk, batch after batch.
#[derive(Debug)]
pub(crate) struct Sieve {
    /// Rows that are tried together while nothing is suspected.
    reach: usize,
    /// Good rows since the last bad one.
    clean: usize,
    /// Whether the target is believed when it names a row. Not since a row that it named went in.
    believes: bool,
    /// The first row of the batch that is not decided.
    at: usize,
    suspect: Option<Suspect>,
}

/// Where in the batch a bad row is.
#[derive(Debug, Clone, Copy)]
enum Suspect {
    /// The target named this row.
    Row(usize),
    /// It is one of the rows before this one.
    Before(usize),
}

impl Default for Sieve {
    /// All rows of a batch together, until one is found bad.
    fn default() -> Self {
        Self { reach: usize::MAX, clean: 0, believes: true, at: 0, suspect: None }
    }
}

impl Sieve {
    /// Begins another batch.
    pub(crate) fn begin(&mut self) {
        self.at = 0;
        self.suspect = None;
    }

    /// The rows to try next, of a batch of `rows`; none when all are decided. Never empty.
    pub(crate) fn piece(&self, rows: usize) -> Option<Range<usize>> {
        let end = match self.suspect {
            _ if self.at >= rows => return None,
            Some(Suspect::Row(row)) if self.at < row => row,
            Some(Suspect::Row(_)) => self.at + 1,
            Some(Suspect::Before(end)) => self.at + ((end - self.at) / 2).max(1),
            None => self.at.saturating_add(self.reach).min(rows),
        };
        Some(self.at..end)
    }

    /// The piece was taken.
    pub(crate) fn went_in(&mut self, piece: &Range<usize>) {
        match self.suspect {
            Some(Suspect::Row(row)) if row < piece.end => {
                self.believes = false;
                self.suspect = None;
            }
            // They were refused together and taken one after the other.
            Some(Suspect::Before(end)) if end == piece.end => self.suspect = None,
            Some(_) => {}
            None if piece.len() >= self.reach => self.reach = self.reach.saturating_mul(2),
            None => {}
        }
        self.clean += piece.len();
        self.at = piece.end;
    }

    /// The piece was refused, and the target named that row of it, if any. Whether the piece was one
    /// row, which now is known to be bad.
    pub(crate) fn refused(&mut self, piece: &Range<usize>, named: Option<usize>) -> bool {
        if piece.len() > 1 {
            let named = named.filter(|row| self.believes && *row < piece.len());
            self.suspect = Some(match named {
                Some(row) => Suspect::Row(piece.start + row),
                None => Suspect::Before(piece.end),
            });
            return false;
        }
        self.reach = (self.clean * 2).max(1);
        self.clean = 0;
        self.at = piece.end;
        self.suspect = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Rows found bad, how many pieces were tried, and how many rows were sent for it.
    struct Found {
        bad: Vec<usize>,
        pieces: usize,
        sent: usize,
    }

    /// Sifts batches of a table whose bad rows are these; `named` is what the target says of a piece.
    fn sift(
        rows: usize,
        batch: usize,
        bad: &BTreeSet<usize>,
        named: impl Fn(Range<usize>) -> Option<usize>,
    ) -> Found {
        let mut sieve = Sieve::default();
        let mut found = Found { bad: Vec::new(), pieces: 0, sent: 0 };
        let mut good = Vec::new();
        for first in (0..rows).step_by(batch) {
            let length = batch.min(rows - first);
            sieve.begin();
            while let Some(piece) = sieve.piece(length) {
                assert!(!piece.is_empty() && piece.end <= length);
                found.pieces += 1;
                found.sent += piece.len();
                let whole = first + piece.start..first + piece.end;
                if bad.range(whole.clone()).next().is_none() {
                    sieve.went_in(&piece);
                    good.extend(whole);
                } else if sieve.refused(&piece, named(whole.clone())) {
                    found.bad.push(whole.start);
                }
            }
        }
        assert_eq!(good.len() + found.bad.len(), rows, "each row is decided once");
        found
    }

    fn honest(bad: &BTreeSet<usize>) -> impl Fn(Range<usize>) -> Option<usize> {
        |piece| bad.range(piece.clone()).next().map(|row| row - piece.start)
    }

    /// One row of a hundred, at no regular distance.
    fn one_percent(rows: usize) -> BTreeSet<usize> {
        (0..rows / 100).map(|nth| nth * 100 + nth * nth * 37 % 100).collect()
    }

    #[test]
    fn one_bad_row_of_many_costs_a_few_pieces() {
        let bad = BTreeSet::from([700_000]);
        let found = sift(1_000_000, 10_000, &bad, honest(&bad));
        assert_eq!(found.bad, [700_000]);
        assert!(found.pieces < 110 && found.sent < 1_020_000, "{} {}", found.pieces, found.sent);
    }

    #[test]
    fn one_in_a_hundred_costs_a_few_pieces_each_and_no_row_is_sent_often() {
        let bad = one_percent(100_000);
        let found = sift(100_000, 10_000, &bad, honest(&bad));
        assert!(found.bad.iter().eq(&bad));
        assert!(found.pieces < 5 * bad.len(), "{} pieces", found.pieces);
        assert!(found.sent < 500_000, "{} rows sent", found.sent);
        let found = sift(100_000, 10_000, &bad, |_| None);
        assert!(found.bad.iter().eq(&bad));
        assert!(found.pieces < 14 * bad.len(), "{} pieces by halving", found.pieces);
    }

    #[test]
    fn where_all_rows_are_bad_each_is_tried_about_once() {
        let bad: BTreeSet<_> = (0..10_000).collect();
        assert!(sift(10_000, 1000, &bad, honest(&bad)).pieces < 10_050);
        assert!(sift(10_000, 1000, &bad, |_| None).pieces < 10_050);
    }

    proptest! {
        #[test]
        fn every_bad_row_is_found_whatever_the_target_says(
            rows in 1usize..300,
            batch in 1usize..100,
            bad in prop::collection::btree_set(0usize..300, 0..60),
            says in 0usize..4,
            nonsense in 0usize..50,
        ) {
            let bad: BTreeSet<_> = bad.into_iter().filter(|row| *row < rows).collect();
            let honest = honest(&bad);
            let named = |piece: Range<usize>| match says {
                0 => honest(piece),
                1 => None,
                2 => Some(nonsense),
                _ => Some(0),
            };
            let found = sift(rows, batch, &bad, named);
            prop_assert!(found.bad.iter().eq(&bad));
        }
    }
}
