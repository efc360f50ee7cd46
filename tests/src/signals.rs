//! Signals of the host's, for programs that take them.

#![allow(unsafe_code)]

use std::time::Duration;

use nix::sys::signal::{SaFlags, SigAction, SigEvent, SigHandler, SigSet, SigevNotify, Signal};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;

/// Has a signal handled from now on.
///
/// # Panics
/// When it cannot be.
pub fn handle(signal: Signal, handler: extern "C" fn(i32)) {
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: handlers of the tests touch atomics and thread locals without destructors, and make
    // calls, which a client allows in a handler.
    unsafe { nix::sys::signal::sigaction(signal, &action) }.expect("the signal can be handled");
}

/// Runs `f` with a signal let in that the thread blocks otherwise. Where a handler makes calls, `f`
/// may not allocate memory: the handler's call may have to.
///
/// # Panics
/// When the signal cannot be unblocked.
pub fn letting_in<R>(signal: Signal, f: impl FnOnce() -> R) -> R {
    let signal = SigSet::from(signal);
    signal.thread_unblock().expect("a signal can be unblocked");
    let result = f();
    signal.thread_block().expect("a signal can be blocked");
    result
}

/// Sends this process a signal at every interval, for as long as the result lives. The calling
/// thread takes none of them from now on: it may have no call to be disturbed.
///
/// # Panics
/// When the host has no timer left.
pub fn storm(signal: Signal, interval: Duration) -> impl Drop {
    SigSet::from(signal).thread_block().expect("a signal can be blocked");
    let notify = SigevNotify::SigevSignal { signal, si_value: 0 };
    let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(notify)).expect("a timer");
    let interval = Expiration::Interval(TimeSpec::from(interval));
    timer.set(interval, TimerSetTimeFlags::empty()).expect("a timer can be set");
    timer
}
