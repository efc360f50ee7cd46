//! Servers that lie, break the rules, stall, or die: one test for each misbehaviour and each way
//! to make calls.
//!
//! Asserted for every one of them: how the connection and each call end, and why; within what
//! time; that no byte left the program which no running call lends, and that none changed; that
//! the program lives on, with no descriptor and no memory lost. See `hostile` in the tests'
//! library for how, and its `victim` for what the programs do.

mod answers;
mod banners;
mod cuts;
mod floods;
mod footprint;
mod forks;
mod hangups;
mod lengths;
mod lent;
mod memcheck;
mod order;
mod raise;
mod reconnects;
mod resumed;
mod silence;
mod types;
mod users;

use rumpclient::Errno;
use rumpclient_tests::hostile::{Outcome, Way};

/// The ways whose errors and settings are Rust's.
const RUST: &[Way] = &[Way::Methods, Way::Numbers];

/// The ways in which an address need not be a reference.
const RAW: &[Way] = &[Way::Numbers, Way::C];

/// The outcome of a call that fails with this errno.
const fn errno(errno: Errno) -> Outcome {
    Outcome::Errno(errno.raw())
}

const EFAULT: Outcome = errno(Errno::EFAULT);
