//! The client's memory: what it lends, and secrets all around.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::hint::black_box;

/// Bytes of the memory that calls by number may name.
pub(super) const ARENA: usize = 64 << 10;

/// Bytes of the buffer that other calls name.
pub(super) const BUFFER: usize = 512;

/// Bytes of each secret.
const SECRET: usize = 4096;

/// The memory.
pub(super) struct Grounds {
    /// Secret, buffer, secret, arena, secret.
    memory: Vec<u8>,
    secret: [u8; 16],
}

/// Addresses in the memory that a peer may want to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places([usize; 5]);

impl Places {
    pub(super) fn get(self, choice: usize) -> usize {
        self.0[choice % self.0.len()]
    }
}

const BUFFER_AT: usize = SECRET;
const ARENA_AT: usize = BUFFER_AT + BUFFER + SECRET;

impl Grounds {
    /// Secrets depend on the input, so that no input holds its own.
    pub(super) fn new(input: &[u8]) -> Self {
        let mut secret = [0; 16];
        for (half, bytes) in secret.chunks_mut(8).enumerate() {
            let mut hasher = DefaultHasher::new();
            (half, input).hash(&mut hasher);
            bytes.copy_from_slice(&hasher.finish().to_ne_bytes());
        }
        let mut grounds = Self { memory: vec![0; ARENA_AT + ARENA + SECRET], secret };
        for range in secrets() {
            for (byte, secret) in grounds.memory[range].iter_mut().zip(secret.iter().cycle()) {
                *byte = *secret;
            }
        }
        grounds
    }

    /// The memory that a call lends by reference.
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        &mut self.memory[BUFFER_AT..BUFFER_AT + BUFFER]
    }

    /// The memory that a call by number may lend any part of, zeroed: where a call finds addresses
    /// in it, they must not be a peer's.
    pub(super) fn arena(&mut self) -> &mut [u8] {
        let arena = &mut self.memory[ARENA_AT..ARENA_AT + ARENA];
        arena.fill(0);
        arena
    }

    pub(super) fn places(&mut self) -> Places {
        let base = self.memory.as_ptr().expose_provenance();
        Places([
            base,
            base + BUFFER_AT,
            base + ARENA_AT,
            base + ARENA_AT + ARENA,
            base + SECRET / 2,
        ])
    }

    /// No secret has changed, and none has got out.
    pub(super) fn check(&self, heard: &[u8]) {
        for range in secrets() {
            let bytes = black_box(&self.memory[range]);
            assert!(bytes.iter().eq(self.secret.iter().cycle().take(SECRET)), "a secret changed");
        }
        // Half of it is enough: a piece may begin anywhere in it.
        for half in self.secret.chunks(8) {
            assert!(!heard.windows(half.len()).any(|window| window == half), "a secret got out");
        }
    }
}

fn secrets() -> [std::ops::Range<usize>; 3] {
    let end = ARENA_AT + ARENA;
    [0..SECRET, BUFFER_AT + BUFFER..ARENA_AT, end..end + SECRET]
}
