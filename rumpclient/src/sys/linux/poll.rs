//! Waiting for the stream.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::{Fd, SignalWatch, wait};

/// What the waiting thread wants to do with the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// What happened while waiting.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ready {
    /// There is something to read: data, the end, or an error.
    pub(crate) read: bool,
    /// Writing would make progress, or fail.
    pub(crate) write: bool,
    /// A signal that the watch covers is pending.
    pub(crate) signal: bool,
    /// The other end is gone.
    pub(crate) ended: bool,
}

/// The time left until `deadline`, rounded up so that a wait does not end just before it.
pub(super) fn until(deadline: Instant) -> Timespec {
    let left = deadline.saturating_duration_since(wait::now()) + Duration::from_nanos(1);
    Timespec {
        tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    }
}

/// Waits until the stream is ready, a watched signal is pending, or `deadline` has passed (then
/// nothing is ready). May return early with nothing ready.
pub(crate) fn poll_stream(
    stream: &Fd,
    interest: Interest,
    signals: Option<&SignalWatch>,
    deadline: Option<Instant>,
) -> io::Result<Ready> {
    let mut events = PollFlags::empty();
    events.set(PollFlags::IN, interest.read);
    events.set(PollFlags::OUT, interest.write);
    let stream = PollFd::from_borrowed_fd(stream.as_fd(), events);
    let timeout = deadline.map(until);
    let watch = signals.map(|watch| PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN));
    let (stream, signal) = match wait::poll(stream, watch, timeout.as_ref()) {
        Err(Errno::INTR) => return Ok(Ready::default()),
        result => result?,
    };
    let ended = stream.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    Ok(Ready {
        read: interest.read && (ended || stream.contains(PollFlags::IN)),
        write: interest.write && (ended || stream.contains(PollFlags::OUT)),
        signal,
        ended,
    })
}
