//! The program that meets a hostile server.
//!
//! Its first argument is the [`Way`] in which it makes calls; the others are settings and calls,
//! in any order:
//!
//! | word | meaning |
//! | --- | --- |
//! | `handshake-limit`, `call-limit` | the time limit is [`LIMIT`](super::LIMIT) |
//! | `strict` | calls lend only what is known |
//! | `frame-cap=N` | frames have at most `N` bytes |
//! | `peer-uid=own`, `peer-uid=other` | the server must be run by this user, or by another |
//! | `resumed` | the connection is one that the program before exec has left |
//! | `large=N` | there is a secret of `N` bytes without a NUL |
//! | `raise=ignore`, `raise=count` | what to do with signals from the server |
//! | `retry=once`, `retry=N` | a lost server is looked for once, or for `N` seconds |
//! | `read`, `write` | of all of the buffer |
//! | `open` | of a file named `/path` |
//! | `getpid` | |
//! | `opaque` | a call of which nothing tells what memory it needs |
//! | `read-B`, `write-B`, `open-B` | with a bad pointer: `readonly`, `protected`, `unmapped`, `null`, or `cut`, which goes on into a protected page |
//! | `writers=N` | `N` threads write the buffer at once |
//! | `read-large`, `write-large` | of all of the secret of `large=N` |
//! | `prefork` | has the kernel fork |
//! | `cancel` | has the kernel fork, and drop that process |
//!
//! It prints where its memory is, connects, makes the calls, and tells how all that ended.

use std::ffi::CStr;
use std::time::Instant;

use nix::sys::resource::{Resource, setrlimit};

use super::Way;
use super::backend::{self, Backend};
use super::memory::{FILL, Grounds, LENT, stack_secret};
use super::report::{Outcome, hex};
use crate::host;
use crate::raw::Unmapped;

/// What to do with signals from the server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Raise {
    #[default]
    Default,
    Ignore,
    Count,
}

/// What to do when the connection is lost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Retry {
    Once,
    Seconds(u32),
}

/// How to connect.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) handshake_limit: bool,
    pub(super) call_limit: bool,
    pub(super) strict: bool,
    pub(super) frame_cap: Option<usize>,
    pub(super) peer_uid: Option<u32>,
    pub(super) raise: Raise,
    pub(super) retry: Option<Retry>,
    pub(super) resumed: bool,
    large: usize,
}

/// Bytes of memory before it ends, where it ends too soon.
pub const CUT: usize = 4;

/// The path that is opened.
pub(super) const PATH: &CStr = c"/path";

impl Settings {
    /// Takes a word, if it is a setting.
    fn take(&mut self, word: &str) -> bool {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse::<u32>().unwrap_or_else(|_| panic!("{word} has no number"));
        match (name, value) {
            ("handshake-limit", _) => self.handshake_limit = true,
            ("call-limit", _) => self.call_limit = true,
            ("strict", _) => self.strict = true,
            ("frame-cap", _) => self.frame_cap = Some(number() as usize),
            ("peer-uid", "own") => self.peer_uid = Some(host::user()),
            ("peer-uid", "other") => self.peer_uid = Some(host::user() + 1),
            ("resumed", _) => self.resumed = true,
            ("large", _) => self.large = number() as usize,
            ("raise", "ignore") => self.raise = Raise::Ignore,
            ("raise", "count") => self.raise = Raise::Count,
            ("retry", "once") => self.retry = Some(Retry::Once),
            ("retry", _) => self.retry = Some(Retry::Seconds(number())),
            _ => return false,
        }
        true
    }
}

/// The words that are calls, each as often as it has outcomes.
pub(super) fn calls(words: &str) -> impl Iterator<Item = &str> {
    let calls = words.split_whitespace().filter(|word| !Settings::default().take(word));
    calls.flat_map(|call| std::iter::repeat_n(call, writers(call).unwrap_or(1)))
}

fn writers(call: &str) -> Option<usize> {
    call.strip_prefix("writers=")?.parse().ok()
}

/// Runs the program.
///
/// # Panics
/// When its arguments make no sense.
pub fn main() {
    // Many of these programs are killed, and none is to be looked into.
    setrlimit(Resource::RLIMIT_CORE, 0, 0).expect("a limit can be lowered");
    let mut args = std::env::args().skip(1);
    let way = args.next().and_then(|word| Way::from_word(&word)).expect("the first word is a way");
    let mut settings = Settings::default();
    let calls: Vec<_> = args.filter(|word| !settings.take(word)).collect();
    let stack = stack_secret();
    let mut grounds = Grounds::new(settings.large);
    grounds.announce(&stack);
    let (descriptors, memory) = (host::open_descriptors(), host::resident_memory());
    let connected = meet(way, &settings, &calls, &mut grounds);
    for place in grounds.changed(&stack) {
        println!("changed {place}");
    }
    println!("buffer {}", hex(grounds.buffer()));
    // The C library keeps its connection for the life of the program: a stream, a watch for signals,
    // a bell, and a buffer.
    let kept = if connected && way == Way::C { 4 } else { 0 };
    let gained = host::open_descriptors().saturating_sub(descriptors + kept);
    println!("descriptors {gained}");
    println!("growth {}", host::peak_memory().saturating_sub(memory));
}

/// Connects, makes the calls, and hangs up; whether it was connected.
fn meet(way: Way, settings: &Settings, calls: &[String], grounds: &mut Grounds) -> bool {
    let began = Instant::now();
    let connection = backend::connect(way, settings);
    let took = began.elapsed().as_millis();
    match connection {
        Ok(connection) => {
            println!("connected {took}");
            for call in calls {
                let began = Instant::now();
                for outcome in make(&*connection, call, grounds) {
                    println!("call {call} {} {}", outcome.print(), began.elapsed().as_millis());
                }
            }
            if let Some(reason) = connection.reason() {
                println!("reason {reason}");
            }
            let raised: Vec<_> = connection.raised().iter().map(i32::to_string).collect();
            println!("raised {}", raised.join(" "));
            true
        }
        Err(reason) => {
            println!("refused {took} {reason}");
            false
        }
    }
}

fn make(connection: &dyn Backend, call: &str, grounds: &mut Grounds) -> Vec<Outcome> {
    if let Some(count) = writers(call) {
        return write_at_once(connection, count);
    }
    vec![match call {
        "read" => connection.read(grounds.buffer()),
        "write" => {
            grounds.buffer().copy_from_slice(&FILL.repeat(LENT / FILL.len()));
            connection.write(grounds.buffer())
        }
        "read-large" => connection.read(grounds.large()),
        "write-large" => connection.write(grounds.large()),
        "open" => connection.open(PATH),
        "getpid" => connection.getpid(),
        "opaque" => connection.opaque(),
        "prefork" => connection.prefork(),
        "cancel" => connection.cancel(),
        _ => {
            let (call, pointer) = call.split_once('-').expect("there is such a call");
            let address = bad_address(grounds.bad(), pointer);
            match call {
                "read" => connection.read_at(address, LENT),
                "write" => connection.write_at(address, LENT),
                "open" => connection.open_at(address),
                _ => panic!("no such call: {call}"),
            }
        }
    }]
}

fn bad_address(bad: &Unmapped, pointer: &str) -> usize {
    match pointer {
        "readonly" => bad.readable(),
        "protected" => bad.protected(),
        "unmapped" => bad.unmapped(),
        "null" => 0,
        "cut" => bad.end_of_readable(CUT),
        _ => panic!("no such pointer: {pointer}"),
    }
}

/// Threads write each a buffer of its own, full of its number.
fn write_at_once(connection: &dyn Backend, count: usize) -> Vec<Outcome> {
    std::thread::scope(|scope| {
        let write = |writer| move || connection.write(&[writer as u8 + 1; LENT]);
        let writers: Vec<_> = (0..count).map(|writer| scope.spawn(write(writer))).collect();
        writers.into_iter().map(|writer| writer.join().expect("a writer ends")).collect()
    })
}
