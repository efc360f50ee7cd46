//! Waiting until descriptors are ready: what poll(2) and select(2) have in common.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use rumpclient::Errno;
use rumpclient::netbsd::{
    POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDBAND, POLLRDNORM, POLLWRBAND, timespec,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Call;
use super::time::duration;
use crate::server::kernel::{Object, OpenFile, Result, Wake};

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// Not at all.
    None,
    /// Until then.
    Until(Instant),
    /// As long as it takes.
    Endless,
}

impl Patience {
    /// For a time from now on; without end for `None`.
    ///
    /// # Errors
    /// EINVAL when it is out of range.
    pub(super) fn for_time(time: Option<timespec>) -> Result<Self> {
        let Some(time) = time else {
            return Ok(Self::Endless);
        };
        let duration = duration(time)?;
        if duration.is_zero() {
            return Ok(Self::None);
        }
        // What is too long for the host's clock has no end either.
        Ok(Instant::now().checked_add(duration).map_or(Self::Endless, Self::Until))
    }

    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::None => Some(Instant::now()),
            Self::Until(deadline) => Some(deadline),
            Self::Endless => None,
        }
    }
}

/// A descriptor and what to wait for.
pub(super) struct Interest {
    /// `None` for a descriptor that is to be left out.
    file: Option<Result<Arc<OpenFile>>>,
    /// `POLL` flags.
    events: i16,
}

impl Interest {
    pub(super) fn new(call: &Call<'_>, fd: i32, events: i16) -> Self {
        let file = (fd >= 0).then(|| call.open_file(fd));
        Self { file, events }
    }

    pub(super) fn is_bad(&self) -> bool {
        matches!(self.file, Some(Err(_)))
    }

    /// What the host is to poll for it.
    fn host(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let fd = self.file.as_ref()?.as_ref().ok()?.poll_fd()?;
        Some((fd, host_events(self.events)))
    }

    /// The `POLL` flags that hold without asking the host.
    fn known(&self) -> i16 {
        match &self.file {
            None => 0,
            Some(Err(_)) => POLLNVAL,
            Some(Ok(file)) => match &file.object {
                Object::Console(_) => self.events & POLLOUT,
                _ if file.poll_fd().is_none() => self.events & (POLLIN | POLLRDNORM | POLLOUT),
                _ => 0,
            },
        }
    }

    /// The `POLL` flags for what the host reports.
    fn translate(&self, host: PollFlags) -> i16 {
        let gone = host.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        let mut ready = 0;
        if gone || host.contains(PollFlags::IN) {
            ready |= POLLIN | POLLRDNORM;
        }
        if gone || host.contains(PollFlags::OUT) {
            ready |= POLLOUT;
        }
        if host.contains(PollFlags::PRI) {
            ready |= POLLPRI | POLLRDBAND;
        }
        if host.contains(PollFlags::WRBAND) {
            ready |= POLLWRBAND;
        }
        ready &= self.events;
        let is_pipe = matches!(
            &self.file,
            Some(Ok(file)) if matches!(file.object, Object::Pipe(_) | Object::Fifo(..))
        );
        // A socket does not tell that it is gone but by being ready; unless nobody asks for that.
        if gone && (is_pipe || ready == 0) {
            ready |= POLLHUP;
        }
        ready
    }
}

fn host_events(events: i16) -> PollFlags {
    let mut host = PollFlags::empty();
    if events & (POLLIN | POLLRDNORM) != 0 {
        host |= PollFlags::IN;
    }
    if events & POLLOUT != 0 {
        host |= PollFlags::OUT;
    }
    if events & (POLLPRI | POLLRDBAND) != 0 {
        host |= PollFlags::PRI;
    }
    if events & POLLWRBAND != 0 {
        host |= PollFlags::WRBAND;
    }
    host
}

/// Waits until one of the descriptors is ready or patience ends. The `POLL` flags of each.
///
/// # Errors
/// EINTR when the call is interrupted.
pub(super) fn wait(
    call: &Call<'_>,
    interests: &[Interest],
    patience: Patience,
) -> Result<Vec<i16>> {
    let host: Vec<_> = interests.iter().filter_map(Interest::host).collect();
    loop {
        let ready = look(interests, &host)?;
        if ready.iter().any(|&flags| flags != 0) || matches!(patience, Patience::None) {
            return Ok(ready);
        }
        if call.lwp.block(&host, patience.deadline())? == Wake::TimedOut {
            return look(interests, &host);
        }
    }
}

/// What is ready now.
fn look(interests: &[Interest], host: &[(BorrowedFd<'_>, PollFlags)]) -> Result<Vec<i16>> {
    let mut polled: Vec<PollFd<'_>> =
        host.iter().map(|&(fd, events)| PollFd::from_borrowed_fd(fd, events)).collect();
    loop {
        match poll(&mut polled, Some(&Timespec::default())) {
            Err(rustix::io::Errno::INTR) => {}
            result => {
                result?;
                break;
            }
        }
    }
    let mut polled = polled.iter();
    let mut state = |interest: &Interest| match interest.host() {
        None => Some(interest.known()),
        Some(_) => Some(interest.translate(polled.next()?.revents())),
    };
    let ready: Option<Vec<i16>> = interests.iter().map(&mut state).collect();
    ready.ok_or_else(|| Errno::EIO.into())
}
