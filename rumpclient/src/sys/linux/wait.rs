//! Where a thread meets others: waiting for them or for time, and the signals that come meanwhile.
//!
//! A model checker that runs the sessions has another file in this one's place (`wait/model.rs`).

use std::io;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::thread::futex;

use super::signals::Set;
use super::{Fd, syscall};

/// Declares what each thread has for itself.
pub(super) use std::thread_local;

/// The time.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Sleeps while `word` is `expected`, until woken, until the time is over or a signal has been
/// handled. May return early.
pub(super) fn sleep(word: &AtomicU32, expected: u32, timeout: &Timespec) {
    // Whatever made it return, the caller looks at what it waits for.
    let _ = futex::wait(word, futex::Flags::PRIVATE, expected, Some(timeout));
}

/// Wakes a thread that sleeps at `word`; whether there was one.
pub(super) fn wake(word: &AtomicU32) -> bool {
    futex::wake(word, futex::Flags::PRIVATE, 1).is_ok_and(|woken| woken > 0)
}

/// Waits for `stream`, or for `watch` to be readable: what there is of the one, and whether the
/// other is.
pub(super) fn poll(
    stream: PollFd<'_>,
    watch: Option<PollFd<'_>>,
    timeout: Option<&Timespec>,
) -> rustix::io::Result<(PollFlags, bool)> {
    match watch {
        Some(watch) => {
            let mut fds = [stream, watch];
            rustix::event::poll(&mut fds, timeout)?;
            Ok((fds[0].revents(), !fds[1].revents().is_empty()))
        }
        None => {
            let mut fds = [stream];
            rustix::event::poll(&mut fds, timeout)?;
            Ok((fds[0].revents(), false))
        }
    }
}

/// Polls for reading, with another signal mask than this thread's if one is given; how many of them
/// are ready.
pub(super) fn poll_masked(
    wanted: &mut [libc::pollfd],
    timeout: Option<Duration>,
    mask: Option<&Set>,
) -> io::Result<usize> {
    let time = timeout.map(|timeout| Timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mask = mask.map_or(ptr::null(), ptr::from_ref);
    let (list, len) = (wanted.as_mut_ptr(), wanted.len());
    // SAFETY: list, time and mask are live, or absent; the sizes given are theirs.
    unsafe { syscall!(SYS_ppoll, list, len, time, mask, size_of::<Set>()) }
}

/// Moves one message by `sendmmsg(2)` or `recvmmsg(2)`.
///
/// # Safety
/// As the call has it.
pub(super) unsafe fn transfer(
    call: libc::c_long,
    socket: &Fd,
    message: *mut libc::mmsghdr,
    flags: libc::c_int,
) -> io::Result<usize> {
    let arguments =
        [socket.as_raw_fd() as usize, message.expose_provenance(), 1, flags as usize, 0];
    // SAFETY: passed on from the caller; only recvmmsg has a fifth argument, a time that is none.
    unsafe { super::raw::call(call, arguments) }
}

/// Lets others run first who want this CPU.
pub(crate) fn yield_cpu() {
    rustix::thread::sched_yield();
}

/// Keeps the CPU for a time, at rest: for what is too short to sleep.
pub(crate) fn pause(time: Duration) {
    let began = now();
    while now() - began < time {
        std::hint::spin_loop();
    }
}

/// Changes this thread's signal mask; the old one.
pub(super) fn set_mask(how: libc::c_int, set: Set) -> Set {
    let mut old: Set = 0;
    // SAFETY: both sets are live u64s, and the size given is theirs.
    let result = unsafe {
        syscall!(SYS_rt_sigprocmask, how, &raw const set, &raw mut old, size_of::<Set>())
    };
    debug_assert!(result.is_ok(), "rt_sigprocmask with good arguments failed: {result:?}");
    old
}

/// A host call has been made, or is about to be.
pub(super) fn host_call() {}
