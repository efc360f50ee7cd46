//! Servers that break the rules, and the programs that meet them.
//!
//! A [`Case`] is one misbehaviour: a script for the server, what a client program does meanwhile,
//! and how that must end. The program (`rump-victim`) is a process of its own, since what may go
//! wrong includes dying. It makes its calls in one of several [`Way`]s, so that every case is tried
//! on each interface. Whatever the case, no byte may leave the program that no call lent, none may
//! change, and no descriptor and no memory may be lost.

mod backend;
mod memory;
mod report;
mod server;
pub mod victim;

use std::time::Duration;

use crate::program::{Ending, Program};

pub use memory::{BUFFER, FILL, LENT, Landmark, Landmarks};
pub use report::{Outcome, Report};
pub use server::{Peer, Transport};
pub use victim::CUT;

/// Long enough for anything that does not wait for a time limit, on a busy machine.
const PROMPT: Duration = Duration::from_secs(20);

/// The time limit that programs set where a case is about one.
pub const LIMIT: Duration = Duration::from_millis(250);

/// The most that a program's resident memory may grow by, bytes, whatever a server says.
const GROWTH: usize = 24 << 20;

/// How a program makes its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the generated methods, with references.
    Methods,
    /// By number, with marshalled arguments.
    Numbers,
    /// By the C library.
    C,
}

impl Way {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Methods, "methods"), (Self::Numbers, "numbers"), (Self::C, "c")];

    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(way, _)| *way == self).map_or("", |(_, word)| word)
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, other)| *other == word).map(|(way, _)| way)
    }
}

/// One misbehaviour and how it must end.
pub struct Case {
    program: &'static str,
    transport: Transport,
    script: Box<dyn FnOnce(&mut Peer) + Send>,
    ways: &'static [Way],
    ending: Expected,
    lends_everything: bool,
    waits: bool,
    changes: &'static [&'static str],
    checks: Vec<Check>,
}

type Check = Box<dyn FnOnce(&Report)>;

/// How a case must end for the program.
enum Expected {
    /// It gets no connection, for this reason; C hears this errno.
    Refused(&'static str, i32),
    /// It gets no connection, or loses it in its first call, for this reason.
    RefusedOrLost(&'static str, i32),
    /// Its calls have these outcomes, and the connection is lost for this reason, or not at all.
    Ran(Vec<Outcome>, Option<&'static str>),
    /// A signal ends it.
    Killed(i32),
}

impl Case {
    /// A server that runs `script` for a program that does what `program` says: the words of
    /// [`victim`]. Unless told otherwise, every call must work and the connection last.
    pub fn new(program: &'static str, script: impl FnOnce(&mut Peer) + Send + 'static) -> Self {
        Self {
            program,
            transport: Transport::Unix,
            script: Box::new(script),
            ways: &[Way::Methods, Way::Numbers, Way::C],
            ending: Expected::Ran(victim::calls(program).map(|_| Outcome::Ok(0)).collect(), None),
            lends_everything: false,
            waits: false,
            changes: &[],
            checks: Vec::new(),
        }
    }

    /// The program must get no connection. Rust's error must hold these words, and C's errno be
    /// this number of the host's.
    pub fn refused(mut self, reason: &'static str, errno: i32) -> Self {
        self.ending = Expected::Refused(reason, errno);
        self
    }

    /// Which of [`refused`](Self::refused) and [`lost`](Self::lost) must be is a matter of luck.
    pub fn refused_or_lost(mut self, reason: &'static str, errno: i32) -> Self {
        self.ending = Expected::RefusedOrLost(reason, errno);
        self
    }

    /// Every call must fail for the lost connection; Rust's reason must hold these words.
    pub fn lost(mut self, reason: &'static str) -> Self {
        self.ending = Expected::Ran(lost(self.program), Some(reason));
        self
    }

    /// The calls must end so, one by one; the connection must last.
    pub fn outcomes(mut self, outcomes: &[Outcome]) -> Self {
        self.ending = Expected::Ran(outcomes.to_vec(), None);
        self
    }

    /// The calls must end so, one by one, and the connection be lost for this reason.
    pub fn outcomes_then_lost(mut self, outcomes: &[Outcome], reason: &'static str) -> Self {
        self.ending = Expected::Ran(outcomes.to_vec(), Some(reason));
        self
    }

    /// The program must be ended by this signal of the host's.
    pub fn killed(mut self, signal: i32) -> Self {
        self.ending = Expected::Killed(signal);
        self
    }

    /// Over this transport, and not a local socket.
    pub fn over(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Only by these ways: others have no means to do or say it.
    pub fn only(mut self, ways: &'static [Way]) -> Self {
        self.ways = ways;
        self
    }

    /// The program makes a call that lends all its memory: anything may be read.
    pub fn lends_everything(mut self) -> Self {
        self.lends_everything = true;
        self
    }

    /// The program has to wait for [`LIMIT`], and no longer than it must.
    pub fn waits(mut self) -> Self {
        self.waits = true;
        self
    }

    /// The server writes to this memory besides the buffer, as a call lets it.
    pub fn changes(mut self, places: &'static [&'static str]) -> Self {
        self.changes = places;
        self
    }

    /// Something else that must be so.
    pub fn check(mut self, check: impl FnOnce(&Report) + 'static) -> Self {
        self.checks.push(Box::new(check));
        self
    }
}

/// What [`hostile!`](crate::hostile!) makes tests of.
pub trait Playable {
    /// Plays with the program in one of its ways.
    ///
    /// # Panics
    /// When it does not end as it must.
    fn play(self, program: &str, way: Way);
}

impl<C: Iterator<Item = Case>> Playable for C {
    fn play(self, program: &str, way: Way) {
        for (at, case) in self.enumerate() {
            println!("case {at}");
            case.play(program, way);
        }
    }
}

impl Playable for Case {
    fn play(self, program: &str, way: Way) {
        if !self.ways.contains(&way) {
            println!("skipped: there is no way to do this by {way:?}");
            return;
        }
        let Some(mut command) = backend::command(program, way, self.program) else { return };
        let server = server::Server::listen(self.transport);
        let mut victim = Program::spawn(command.env("RUMP_SERVER", server.url()));
        victim.set_patience(backend::patience());
        let landmarks = memory::read_landmarks(&mut victim);
        let running = server.run(landmarks, self.script);
        let lines: Vec<_> = std::iter::from_fn(|| victim.next_line()).collect();
        let ending = victim.wait();
        let heard = running.join().expect("the script runs to its end");
        assert!(self.lends_everything || !memory::holds_secret(&heard), "a secret got out");
        if let Expected::Killed(signal) = self.ending {
            assert_eq!(ending, Ending::Killed(signal), "{lines:?}");
            return;
        }
        assert_eq!(ending, Ending::Exited(0), "{lines:?}");
        let mut report = Report::read(&lines);
        if backend::is_checked() {
            // Most of it is the checker's.
            (report.growth, report.slowest) = (0, report.slowest.min(PROMPT));
        }
        match self.ending {
            Expected::Refused(reason, errno) => report.expect_refused(reason, errno),
            Expected::RefusedOrLost(reason, errno) => match report.refused {
                Some(_) => report.expect_refused(reason, errno),
                None => report.expect_outcomes(&lost(self.program), Some(reason)),
            },
            Expected::Ran(outcomes, lost) => report.expect_outcomes(&outcomes, lost),
            Expected::Killed(_) => {}
        }
        assert_eq!(report.changed, self.changes, "memory was changed that no call lent");
        if !self.program.contains("read") {
            assert!(memory::is_untouched(&report.buffer), "the buffer was only lent for reading");
        }
        assert_eq!(report.descriptors_gained, 0, "descriptors leaked");
        assert!(report.growth <= GROWTH, "memory grew by {} KiB", report.growth >> 10);
        assert!(report.slowest <= PROMPT, "took {:?}", report.slowest);
        if self.waits {
            assert!(report.slowest >= LIMIT, "gave up after {:?}", report.slowest);
        }
        for check in self.checks {
            check(&report);
        }
    }
}

/// The outcomes of a program all of whose calls fail for the lost connection.
fn lost(program: &str) -> Vec<Outcome> {
    victim::calls(program).map(|_| Outcome::Lost).collect()
}

/// Makes tests of cases, one for each way: of a [`Case`], or of several in an iterator.
#[macro_export]
macro_rules! hostile {
    ($($(#[$attribute:meta])* $name:ident: $case:expr;)*) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn play(way: $crate::hostile::Way) {
                $crate::hostile::Playable::play($case, env!("CARGO_BIN_EXE_rump-victim"), way);
            }

            #[test]
            fn methods() {
                play($crate::hostile::Way::Methods);
            }

            #[test]
            fn numbers() {
                play($crate::hostile::Way::Numbers);
            }

            #[test]
            fn c() {
                play($crate::hostile::Way::C);
            }
        }
    )*};
}
