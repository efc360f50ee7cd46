//! The memory of a program that meets a hostile server: what it lends, and what it keeps to itself.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use crate::program::Program;
use crate::raw::Unmapped;

/// What everything holds that is not lent: found anywhere else, it has got out.
const SECRET: [u8; 8] = *b"\xc5secret\xa3";

/// Bytes of the buffer that calls lend.
pub const LENT: usize = 256;

/// What a buffer that is to be read holds, over and over.
pub const FILL: &[u8; 4] = b"lent";

/// What a buffer that is to be written holds at first.
pub const BUFFER: u8 = b'.';

/// Bytes of memory kept on either side of the buffer, and of each other secret.
const AROUND: usize = 4096;

/// A place in the program.
#[derive(Clone, Copy, Debug)]
pub struct Landmark {
    /// Where it starts.
    pub address: usize,
    /// Bytes.
    pub len: usize,
}

/// Places in the program, by name.
#[derive(Clone, Debug, Default)]
pub struct Landmarks(Arc<BTreeMap<String, Landmark>>);

impl Landmarks {
    /// The place of this name: `buffer`, `heap`, `stack`, `data`, `code`, `large`, or one of bad
    /// memory: `readonly`, `protected`, `unmapped`.
    ///
    /// # Panics
    /// When the program has no such place.
    pub fn get(&self, name: &str) -> Landmark {
        *self.0.get(name).unwrap_or_else(|| panic!("the program has no {name}"))
    }
}

/// Reads what [`Grounds::announce`] says.
pub(super) fn read_landmarks(program: &mut Program) -> Landmarks {
    let mut landmarks = BTreeMap::new();
    loop {
        let line = program.next_line().expect("the program says where its memory is");
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["landmark", name, address, len] => {
                let number = |word: &str| word.parse().expect("a landmark has numbers");
                let landmark = Landmark { address: number(address), len: number(len) };
                landmarks.insert(name.to_owned(), landmark);
            }
            _ => {
                assert_eq!(line, "ready");
                return Landmarks(Arc::new(landmarks));
            }
        }
    }
}

/// Whether bytes that came from the program hold any of its secrets.
pub(super) fn holds_secret(bytes: &[u8]) -> bool {
    // Half of the pattern is enough: a piece of a secret may begin anywhere in it.
    let (first, last) = SECRET.split_at(SECRET.len() / 2);
    let holds = |part: &[u8]| {
        let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == part[0]);
        starts.into_iter().any(|(at, _)| bytes[at..].starts_with(part))
    };
    holds(first) || holds(last)
}

/// Whether the buffer holds what the program has put there.
pub(super) fn is_untouched(buffer: &[u8]) -> bool {
    buffer == [BUFFER; LENT] || buffer == FILL.repeat(LENT / FILL.len())
}

fn secret(len: usize) -> Vec<u8> {
    let mut secret = SECRET.repeat(len.div_ceil(SECRET.len()));
    secret.truncate(len);
    secret
}

fn is_secret(bytes: &[u8]) -> bool {
    let expected = SECRET.repeat(AROUND / SECRET.len());
    bytes.chunks(expected.len()).all(|chunk| chunk == &expected[..chunk.len()])
}

static DATA: [u8; 64] = {
    let mut data = [0; 64];
    let mut at = 0;
    while at < data.len() {
        data[at] = SECRET[at % SECRET.len()];
        at += 1;
    }
    data
};

/// The program's memory.
#[derive(Debug)]
pub(super) struct Grounds {
    /// Secret, buffer, secret: so that what lies right beside the buffer is known.
    arena: Vec<u8>,
    heap: Vec<u8>,
    large: Vec<u8>,
    bad: Unmapped,
}

impl Grounds {
    /// `large` bytes of memory without a NUL, for servers that want much.
    pub(super) fn new(large: usize) -> Self {
        let mut arena = secret(AROUND);
        arena.resize(AROUND + LENT, BUFFER);
        arena.extend(secret(AROUND));
        Self { arena, heap: secret(AROUND), large: secret(large), bad: Unmapped::new() }
    }

    /// The memory to lend.
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        &mut self.arena[AROUND..AROUND + LENT]
    }

    /// Memory that need not be small.
    pub(super) fn large(&mut self) -> &mut [u8] {
        &mut self.large
    }

    /// Memory that can be read and not written.
    pub(super) fn bad(&self) -> &Unmapped {
        &self.bad
    }

    /// Prints where everything is, and that it is there.
    pub(super) fn announce(&mut self, stack: &[u8]) {
        let print = |name: &str, bytes: &[u8]| {
            println!("landmark {name} {} {}", bytes.as_ptr().expose_provenance(), bytes.len());
        };
        print("buffer", self.buffer());
        print("heap", &self.heap);
        print("large", &self.large);
        print("data", &DATA);
        print("stack", stack);
        let code = (holds_secret as fn(&[u8]) -> bool) as usize;
        println!("landmark code {code} 16");
        println!("landmark readonly {} 64", self.bad.readable());
        println!("landmark protected {} 64", self.bad.protected());
        println!("landmark unmapped {} 64", self.bad.unmapped());
        println!("ready");
    }

    /// The names of the places that are not what they were.
    pub(super) fn changed(&mut self, stack: &[u8]) -> Vec<&'static str> {
        let places = [
            ("before", &self.arena[..AROUND]),
            ("after", &self.arena[AROUND + LENT..]),
            ("heap", &self.heap),
            ("large", &self.large),
            ("stack", stack),
        ];
        let changed = places.iter().filter(|(_, bytes)| !is_secret(black_box(bytes)));
        changed.map(|(name, _)| *name).collect()
    }
}

/// A secret for the stack.
pub(super) fn stack_secret() -> [u8; AROUND] {
    let mut stack = [0; AROUND];
    stack.copy_from_slice(&secret(AROUND));
    black_box(stack)
}
