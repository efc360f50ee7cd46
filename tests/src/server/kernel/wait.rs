//! How a system call blocks, and how it is woken or interrupted.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rumpclient::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Result;
use crate::server::bell::Bell;
use crate::server::hooks::Hooks;

/// Ends the waiting of one thread. Each worker has one for life; its calls use it in turn.
///
/// A wake-up that comes late, when the wait is long over, wakes the next one for nothing: whoever
/// waits looks again for what it waited for.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    woken: bool,
    interrupted: bool,
    /// While the thread waits: an idle thread has no descriptor.
    bell: Option<Arc<Bell>>,
}

impl Waker {
    /// Ends the current wait, or the next one if there is none.
    pub(crate) fn wake(&self) {
        let mut state = self.state.lock();
        state.woken = true;
        state.ring();
    }

    /// Ends the current wait and every later one until [`reset`](Self::reset).
    pub(crate) fn interrupt(&self) {
        let mut state = self.state.lock();
        state.interrupted = true;
        state.ring();
    }

    /// Makes it fresh for another call.
    pub(crate) fn reset(&self) {
        *self.state.lock() = State::default();
    }

    /// Begins a wait, which the bell ends. `None` when it is over before it has begun.
    ///
    /// # Errors
    /// EINTR when the call is to end.
    fn begin(&self) -> Result<Option<Arc<Bell>>> {
        let mut state = self.state.lock();
        if state.interrupted {
            return Err(Errno::EINTR.into());
        }
        if std::mem::take(&mut state.woken) {
            return Ok(None);
        }
        let bell = Arc::new(Bell::new()?);
        state.bell = Some(Arc::clone(&bell));
        Ok(Some(bell))
    }

    /// Ends a wait.
    ///
    /// # Errors
    /// EINTR when the call is to end.
    fn end(&self) -> Result<()> {
        let mut state = self.state.lock();
        state.bell = None;
        state.woken = false;
        if state.interrupted { Err(Errno::EINTR.into()) } else { Ok(()) }
    }
}

impl State {
    fn ring(&self) {
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }
}

/// The threads that wait for something inside the server to change.
#[derive(Debug, Default)]
pub(crate) struct WaitList(Mutex<Vec<Arc<Waker>>>);

impl WaitList {
    /// Wakes everybody who has joined; they join again if they have to wait on.
    pub(crate) fn wake_all(&self) {
        for waker in std::mem::take(&mut *self.0.lock()) {
            waker.wake();
        }
    }

    fn join(&self, waker: &Arc<Waker>) {
        let mut waiting = self.0.lock();
        if !waiting.iter().any(|other| Arc::ptr_eq(other, waker)) {
            waiting.push(Arc::clone(waker));
        }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Something has happened; look.
    Event,
    /// The deadline has passed.
    TimedOut,
}

/// A system call that is running: the lightweight process of NetBSD, as far as it can block.
pub(crate) struct Lwp<'a> {
    waker: &'a Arc<Waker>,
    hooks: &'a Hooks,
    pid: i32,
    call: &'static str,
}

impl<'a> Lwp<'a> {
    pub(crate) fn new(
        waker: &'a Arc<Waker>,
        hooks: &'a Hooks,
        pid: i32,
        call: &'static str,
    ) -> Self {
        Self { waker, hooks, pid, call }
    }

    /// Blocks until one of `fds` is ready, somebody wakes the call, or `deadline` passes.
    ///
    /// # Errors
    /// EINTR when the call's process or its connection is to end.
    pub(crate) fn block(
        &self,
        fds: &[(BorrowedFd<'_>, PollFlags)],
        deadline: Option<Instant>,
    ) -> Result<Wake> {
        let Some(bell) = self.waker.begin()? else { return Ok(Wake::Event) };
        let _blocked = self.hooks.blocked(self.pid, self.call);
        let mut polled: Vec<PollFd<'_>> =
            fds.iter().map(|&(fd, events)| PollFd::from_borrowed_fd(fd, events)).collect();
        polled.push(PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN));
        let wake = poll_until(&mut polled, deadline);
        self.waker.end()?;
        Ok(wake?)
    }

    /// Blocks until `ready` gives something, asking again whenever `list` is woken.
    ///
    /// # Errors
    /// EINTR as for [`block`](Self::block); what `ready` fails with.
    pub(crate) fn wait_for<T>(
        &self,
        list: &WaitList,
        mut ready: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        loop {
            list.join(self.waker);
            if let Some(found) = ready()? {
                return Ok(found);
            }
            self.block(&[], None)?;
        }
    }

    /// Does `operation` on a host descriptor that never blocks, and blocks here in its place until
    /// `fd` is ready for `interest`, unless `nonblocking`.
    ///
    /// # Errors
    /// What the operation fails with; EAGAIN when it would block and may not, or when `deadline`
    /// passes; EINTR as for [`block`](Self::block).
    pub(crate) fn retry<T>(
        &self,
        fd: BorrowedFd<'_>,
        interest: PollFlags,
        nonblocking: bool,
        deadline: Option<Instant>,
        mut operation: impl FnMut() -> rustix::io::Result<T>,
    ) -> Result<T> {
        loop {
            match operation() {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) if !nonblocking => {
                    if self.block(&[(fd, interest)], deadline)? == Wake::TimedOut {
                        return Err(Errno::EAGAIN.into());
                    }
                }
                result => return Ok(result?),
            }
        }
    }
}

/// Polls until something is ready or `deadline` passes.
fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> rustix::io::Result<Wake> {
    loop {
        match poll(fds, timeout(deadline).as_ref()) {
            Ok(0) if deadline.is_some_and(|at| at <= Instant::now()) => return Ok(Wake::TimedOut),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(Wake::Event),
            Err(error) => return Err(error),
        }
    }
}

/// The time left until `deadline`, in the form poll(2) takes.
fn timeout(deadline: Option<Instant>) -> Option<Timespec> {
    let left = deadline?.saturating_duration_since(Instant::now());
    // A host's time_t may be narrower than a Duration.
    Some(Timespec::try_from(left.min(Duration::from_secs(1 << 30))).unwrap_or_default())
}
