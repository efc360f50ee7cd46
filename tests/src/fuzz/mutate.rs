//! Mutants of seeds, for tests without a fuzzer: each depends on its number alone.

/// A sequence of numbers that depends on its seed alone (SplitMix64).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }

    fn range(&mut self, len: usize, longest: usize) -> std::ops::Range<usize> {
        let start = self.below(len);
        start..(start + 1 + self.below(longest)).min(len)
    }
}

/// The mutant of this number, of one of the seeds.
pub fn mutant(seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut random = Random(number);
    let mut bytes = seeds.get(random.below(seeds.len())).cloned().unwrap_or_default();
    for _ in 0..1 + random.below(4) {
        let len = bytes.len();
        match random.below(6) {
            0 if len > 0 => bytes[random.below(len)] ^= 1 << random.below(8),
            1 if len > 0 => bytes[random.below(len)] = random.next() as u8,
            2 => drop(bytes.drain(random.range(len, 16))),
            3 => {
                let piece = bytes[random.range(len, 32)].to_vec();
                insert(&mut bytes, &piece, &mut random);
            }
            4 => {
                let donor = seeds.get(random.below(seeds.len())).map_or(&[][..], Vec::as_slice);
                insert(&mut bytes, &donor[random.range(donor.len(), 64)], &mut random);
            }
            _ => {
                let noise: Vec<u8> = (0..random.below(12)).map(|_| random.next() as u8).collect();
                insert(&mut bytes, &noise, &mut random);
            }
        }
    }
    bytes
}

fn insert(bytes: &mut Vec<u8>, piece: &[u8], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    bytes.splice(at..at, piece.iter().copied());
}
