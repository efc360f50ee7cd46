//! Waiting for the stream.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::{Bell, Fd, SignalWatch, SignalsBlocked, wait};

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

/// What ended a thread's wait for a stream of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// There is something to read, if only the end.
    Stream,
    /// The bell has been rung.
    Bell,
    /// The time is over, or a signal has been handled.
    Nothing,
}

/// Waits until there is something to read or the bell is rung, for `timeout` at most; one of zero is
/// a look at the stream alone. Signals that `signals` holds back are let in meanwhile.
pub(crate) fn poll_lone(
    stream: &Fd,
    bell: &Bell,
    signals: Option<&SignalsBlocked>,
    timeout: Option<Duration>,
) -> io::Result<Heard> {
    let wanted = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut fds = [stream.as_raw_fd(), bell.as_raw_fd()].map(wanted);
    let polled = if timeout == Some(Duration::ZERO) { &mut fds[..1] } else { &mut fds[..] };
    match wait::poll_masked(polled, timeout, signals.map(SignalsBlocked::callers)) {
        Ok(_) if fds[0].revents != 0 => Ok(Heard::Stream),
        Ok(_) if fds[1].revents != 0 => Ok(Heard::Bell),
        Ok(_) => Ok(Heard::Nothing),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Heard::Nothing),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket_pair;

    #[test]
    fn a_bell_that_rings_ends_the_wait_for_a_stream() {
        let ((here, there), bell) = (socket_pair().unwrap(), Bell::new().unwrap());
        let wait = |timeout| poll_lone(&here, &bell, None, timeout).unwrap();
        assert_eq!(wait(Some(Duration::from_millis(1))), Heard::Nothing);
        bell.ring();
        assert_eq!(wait(None), Heard::Bell);
        assert_eq!(wait(Some(Duration::ZERO)), Heard::Nothing, "it is not looked at");
        bell.reset();
        drop(there);
        assert_eq!(wait(None), Heard::Stream);
    }
}
