//! Mutants of seeds, for tests without a fuzzer: each depends on its number alone.

use fastrand::Rng;

/// A number below `bound`; 0 if there is none.
fn below(random: &mut Rng, bound: usize) -> usize {
    random.usize(..bound.max(1))
}

/// A range of at most `longest` within `0..len`.
fn range(random: &mut Rng, len: usize, longest: usize) -> std::ops::Range<usize> {
    let start = below(random, len);
    start..(start + 1 + below(random, longest)).min(len)
}

/// The mutant of this number, of one of the seeds.
pub fn mutant(seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let random = &mut Rng::with_seed(number);
    let mut bytes = seeds.get(below(random, seeds.len())).cloned().unwrap_or_default();
    for _ in 0..1 + below(random, 4) {
        let len = bytes.len();
        match below(random, 6) {
            0 if len > 0 => bytes[below(random, len)] ^= 1 << below(random, 8),
            1 if len > 0 => bytes[below(random, len)] = random.u8(..),
            2 => drop(bytes.drain(range(random, len, 16))),
            3 => {
                let piece = bytes[range(random, len, 32)].to_vec();
                insert(&mut bytes, &piece, random);
            }
            4 => {
                let donor = seeds.get(below(random, seeds.len())).map_or(&[][..], Vec::as_slice);
                insert(&mut bytes, &donor[range(random, donor.len(), 64)], random);
            }
            _ => {
                let noise: Vec<u8> = (0..below(random, 12)).map(|_| random.u8(..)).collect();
                insert(&mut bytes, &noise, random);
            }
        }
    }
    bytes
}

fn insert(bytes: &mut Vec<u8>, piece: &[u8], random: &mut Rng) {
    let at = below(random, bytes.len() + 1);
    bytes.splice(at..at, piece.iter().copied());
}
