//! The same for a model checker, which runs all threads on one, and decides which goes on wherever
//! they meet.
//!
//! Descriptors and memory are the host's; time and signals are made up. A wait without a limit ends
//! when another thread makes that happen, so one that nobody ends is found. One with a limit may be
//! over at any moment, and takes the clock along. A signal may arrive wherever it is not held back
//! and the thread meets others.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Condvar;
use shuttle::thread::{self, ThreadId};

use super::Fd;
use super::signals::{BLOCKED, Set};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};

pub(super) use shuttle::thread_local;

/// What the threads of an execution share.
#[derive(Default)]
struct World {
    passed: Mutex<Duration>,
    /// How often somebody has done something that others may wait for.
    events: shuttle::sync::Mutex<u64>,
    event: Condvar,
    /// Words, and the threads that sleep there.
    sleeping: Mutex<Vec<(usize, ThreadId)>>,
    /// Touched where threads may change places.
    crossing: AtomicBool,
}

shuttle::lazy_static! {
    static ref WORLD: World = World::default();
}

shuttle::thread_local! {
    static MASK: Cell<Set> = Cell::new(0);
    static PENDING: RefCell<Vec<Box<dyn FnOnce()>>> = RefCell::new(Vec::new());
}

/// The start of all clocks: nobody compares them over executions.
fn epoch() -> Instant {
    static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

pub(crate) fn now() -> Instant {
    epoch() + *WORLD.passed.lock().unwrap()
}

/// Has a signal arrive at this thread some time, whose handler is `handler`.
#[cfg(test)]
pub(crate) fn send_signal(handler: impl FnOnce() + 'static) {
    PENDING.with(|pending| pending.borrow_mut().push(Box::new(handler)));
}

fn is_signalled() -> bool {
    PENDING.with(|pending| !pending.borrow().is_empty())
}

/// Perhaps a signal arrives; whether one has been handled.
fn let_in() -> bool {
    if MASK.with(Cell::get) & BLOCKED == BLOCKED || !is_signalled() || thread_rng().gen_bool(0.7) {
        return false;
    }
    // It does not sleep meanwhile, nor afterwards.
    let me = thread::current().id();
    WORLD.sleeping.lock().unwrap().retain(|&(_, sleeper)| sleeper != me);
    let handler = PENDING.with(|pending| pending.borrow_mut().pop());
    handler.expect("a signal is pending")();
    true
}

/// Another thread may go on here.
fn cross() {
    WORLD.crossing.load(Ordering::SeqCst);
}

/// Lets those look again who wait for others to do something.
fn tell() {
    *WORLD.events.lock().unwrap() += 1;
    WORLD.event.notify_all();
}

pub(super) fn host_call() {
    tell();
    cross();
    let_in();
}

/// Waits until something is so. Not, if the time is over or a signal has been handled before.
fn wait_until(timeout: Option<Duration>, is_so: impl Fn() -> bool) -> bool {
    let end = timeout.map(|timeout| now() + timeout);
    loop {
        let events = *WORLD.events.lock().unwrap();
        if is_so() {
            return true;
        }
        if let_in() {
            return false;
        }
        match end {
            None => {
                let now = WORLD.events.lock().unwrap();
                drop(WORLD.event.wait_while(now, |now| *now == events).unwrap());
            }
            Some(end) if timeout == Some(Duration::ZERO) || thread_rng().gen_bool(0.2) => {
                let mut passed = WORLD.passed.lock().unwrap();
                *passed = (*passed).max(end - epoch());
                return false;
            }
            Some(_) => thread::yield_now(),
        }
    }
}

fn duration(time: &Timespec) -> Option<Duration> {
    // What stands for no limit is one that is not reached.
    (time.tv_sec < 1 << 30).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

pub(super) fn sleep(word: &AtomicU32, expected: u32, timeout: &Timespec) {
    if word.load(Ordering::SeqCst) != expected {
        return;
    }
    let address = std::ptr::from_ref(word).addr();
    let here = (address, thread::current().id());
    WORLD.sleeping.lock().unwrap().push(here);
    wait_until(duration(timeout), || !WORLD.sleeping.lock().unwrap().contains(&here));
    WORLD.sleeping.lock().unwrap().retain(|&sleeper| sleeper != here);
}

pub(super) fn wake(word: &AtomicU32) -> bool {
    let address = std::ptr::from_ref(word).addr();
    let mut sleeping = WORLD.sleeping.lock().unwrap();
    let found = sleeping.iter().position(|&(word, _)| word == address);
    found.map(|found| sleeping.swap_remove(found));
    drop(sleeping);
    tell();
    cross();
    found.is_some()
}

pub(super) fn poll(
    stream: PollFd<'_>,
    watch: Option<PollFd<'_>>,
    timeout: Option<&Timespec>,
) -> rustix::io::Result<(PollFlags, bool)> {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let fds = RefCell::new([stream]);
    let ready = || rustix::event::poll(&mut *fds.borrow_mut(), Some(&at_once)) != Ok(0);
    let signal = || watch.is_some() && is_signalled();
    cross();
    wait_until(timeout.and_then(duration), || ready() || signal());
    Ok((fds.borrow()[0].revents(), signal()))
}

pub(super) fn poll_masked(
    wanted: &mut [libc::pollfd],
    timeout: Option<Duration>,
    mask: Option<&Set>,
) -> io::Result<usize> {
    cross();
    // One that comes right before the wait does not end it.
    let_in();
    let (list, len) = (wanted.as_mut_ptr(), wanted.len() as libc::nfds_t);
    // SAFETY: the list is live, and so long.
    let ready = || unsafe { libc::poll(list, len, 0) } > 0;
    let own = MASK.with(Cell::get);
    MASK.with(|current| current.set(*mask.unwrap_or(&own)));
    let is_ready = wait_until(timeout, ready);
    MASK.with(|current| current.set(own));
    Ok(usize::from(is_ready))
}

/// In the two steps of the host's kernel: it takes what is asked for, and moves bytes and says so.
///
/// # Safety
/// As the call has it.
pub(super) unsafe fn transfer(
    call: libc::c_long,
    socket: &Fd,
    message: *mut libc::mmsghdr,
    flags: libc::c_int,
) -> io::Result<usize> {
    host_call();
    // SAFETY: the caller's promise.
    let mut taken = unsafe { message.read() };
    cross();
    // No handler comes between the two. SAFETY: passed on from the caller.
    let moved = unsafe { libc::syscall(call, socket.as_raw_fd(), &raw mut taken, 1, flags, 0) };
    let result = usize::try_from(moved).map_err(|_| io::Error::last_os_error());
    if result.is_ok() {
        // SAFETY: the caller's promise.
        unsafe { (*message).msg_len = taken.msg_len };
    }
    host_call();
    result
}

pub(crate) fn yield_cpu() {
    pause(Duration::from_micros(10));
}

pub(crate) fn pause(time: Duration) {
    *WORLD.passed.lock().unwrap() += time;
    thread::yield_now();
}

pub(super) fn set_mask(how: libc::c_int, set: Set) -> Set {
    let old = MASK.with(Cell::get);
    MASK.with(|mask| mask.set(if how == libc::SIG_BLOCK { old | set } else { set }));
    let_in();
    old
}
