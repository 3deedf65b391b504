//! Chunks as bits, in the order of Redis: the first chunk is the highest bit of the first byte.

use std::collections::BTreeMap;

use protocol::id::ChunkId;

/// Bytes in a piece of a bitmap that is sent at once: so a script is short, and chunks that lie
/// far apart do not send what lies between.
const PIECE: usize = 8 * 1024;

/// The bits of these chunks in pieces, each with its offset in bytes.
pub(super) fn pieces(chunks: &[ChunkId]) -> impl Iterator<Item = (usize, Vec<u8>)> + use<> {
    let mut pieces: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    for chunk in chunks {
        let (byte, mask) = place(chunk.index());
        let piece = pieces.entry(byte / PIECE).or_default();
        let at = byte % PIECE;
        if piece.len() <= at {
            piece.resize(at + 1, 0);
        }
        piece[at] |= mask;
    }
    pieces.into_iter().map(|(number, piece)| {
        let empty = piece.iter().take_while(|byte| **byte == 0).count();
        (number * PIECE + empty, piece[empty..].to_vec())
    })
}

/// Whether a chunk's bit is set; what was never written is not.
pub(super) fn is_set(bits: &[u8], chunk: usize) -> bool {
    let (byte, mask) = place(chunk);
    bits.get(byte).is_some_and(|byte| byte & mask != 0)
}

fn place(chunk: usize) -> (usize, u8) {
    (chunk / 8, 0x80 >> (chunk % 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_cut_into_pieces_without_what_is_empty() {
        let far = u32::try_from(PIECE * 8 + 9).unwrap();
        let pieces: Vec<_> = pieces(&[ChunkId(17), ChunkId(far), ChunkId(16)]).collect();
        assert_eq!(pieces, [(2, vec![0b1100_0000]), (PIECE + 1, vec![0b0100_0000])]);
        assert!(is_set(&[0, 0, 0b0100_0000], 17) && !is_set(&[0, 0, 0b0100_0000], 16));
        assert!(!is_set(&[], 3));
    }
}
