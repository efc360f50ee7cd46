//! Kernel event queues: kqueue(2), made of the host's epoll, timer and event descriptors.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use rumpclient::Errno;
use rumpclient::netbsd as nb;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::{OpenFile, Result};

/// A kevent apart from its layout: a change to a queue, or something that has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) ident: usize,
    /// An `EVFILT_` number.
    pub(crate) filter: u32,
    /// `EV_` flags.
    pub(crate) flags: u32,
    /// The filter's flags.
    pub(crate) fflags: u32,
    pub(crate) data: i64,
    /// The client's own.
    pub(crate) udata: usize,
}

/// An event queue.
pub(crate) struct Kqueue {
    epoll: OwnedFd,
    watches: Mutex<Watches>,
}

#[derive(Default)]
struct Watches {
    /// By the number that epoll hands back.
    by_token: BTreeMap<u64, Watch>,
    last_token: u64,
}

/// Something that a queue watches.
struct Watch {
    /// What identifies it, and what is handed back: `ident`, `filter`, `udata`, and the flags that
    /// last (`EV_ONESHOT`, `EV_CLEAR`, `EV_DISPATCH`).
    event: Event,
    source: Source,
    enabled: bool,
}

enum Source {
    /// A descriptor that becomes ready. Its duplicate lets one file be watched twice.
    Stream {
        file: Weak<OpenFile>,
        duplicate: OwnedFd,
    },
    /// A regular file, which the host does not watch.
    File(Weak<OpenFile>),
    Timer(OwnedFd),
    User(OwnedFd),
}

/// The flags of a change that last.
const LASTING_FLAGS: u32 = nb::EV_ONESHOT | nb::EV_CLEAR | nb::EV_DISPATCH;

impl Kqueue {
    pub(crate) fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, watches: Mutex::default() })
    }

    /// The descriptor that is readable while something has happened.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Makes a change to what is watched. `file` is the open file that the change names.
    ///
    /// # Errors
    /// ENOENT for a watch that is not there, EBADF for a file that is not, EINVAL or EOPNOTSUPP
    /// for filters that are not served.
    pub(crate) fn change(&self, change: &Event, file: Option<Arc<OpenFile>>) -> Result<()> {
        let mut watches = self.watches.lock();
        let token = match watches.find(change) {
            Some(token) => token,
            None if change.flags & nb::EV_ADD == 0 => return Err(Errno::ENOENT.into()),
            None => {
                let source = Source::new(change, file)?;
                watches.last_token += 1;
                let token = watches.last_token;
                let event = Event { flags: change.flags & LASTING_FLAGS, ..*change };
                watches.by_token.insert(token, Watch { event, source, enabled: false });
                token
            }
        };
        if change.flags & nb::EV_DELETE != 0 {
            return self.remove(&mut watches, token);
        }
        let Some(watch) = watches.by_token.get_mut(&token) else {
            return Ok(());
        };
        watch.update(change)?;
        let enable = match change.flags & (nb::EV_DISABLE | nb::EV_ENABLE) {
            nb::EV_DISABLE => false,
            nb::EV_ENABLE => true,
            _ => watch.enabled || change.flags & nb::EV_ADD != 0,
        };
        watch.set_enabled(&self.epoll, token, enable)
    }

    /// Stops watching a descriptor that is being closed.
    pub(crate) fn forget_descriptor(&self, fd: i32) {
        let mut watches = self.watches.lock();
        let doomed: Vec<u64> = watches
            .by_token
            .iter()
            .filter(|(_, watch)| watch.names_descriptor(fd))
            .map(|(&token, _)| token)
            .collect();
        for token in doomed {
            // Only a watch that is not there fails.
            let _ = self.remove(&mut watches, token);
        }
    }

    /// Bytes of events that wait: how many there are, for reading the queue's state.
    pub(crate) fn collect(&self, most: usize) -> Result<Vec<Event>> {
        let mut watches = self.watches.lock();
        let mut ready: Vec<(u64, EventFlags)> = self.ready_on_host(most)?;
        ready.extend(watches.always_ready());
        let mut events = Vec::new();
        for (token, flags) in ready {
            let Some(watch) = watches.by_token.get_mut(&token) else {
                continue;
            };
            let Some(event) = watch.occurrence(flags) else {
                continue;
            };
            events.push(event);
            let lasting = watch.event.flags;
            if lasting & nb::EV_ONESHOT != 0 {
                self.remove(&mut watches, token)?;
            } else if lasting & nb::EV_DISPATCH != 0 {
                watch.set_enabled(&self.epoll, token, false)?;
            }
            if events.len() == most {
                break;
            }
        }
        Ok(events)
    }

    fn ready_on_host(&self, most: usize) -> Result<Vec<(u64, EventFlags)>> {
        let mut ready = Vec::with_capacity(most.clamp(1, 256));
        epoll::wait(&self.epoll, spare_capacity(&mut ready), Some(&Timespec::default()))?;
        Ok(ready.iter().map(|event: &epoll::Event| (event.data.u64(), event.flags)).collect())
    }

    fn remove(&self, watches: &mut Watches, token: u64) -> Result<()> {
        let mut watch = watches.by_token.remove(&token).ok_or(Errno::ENOENT)?;
        watch.set_enabled(&self.epoll, token, false)
    }
}

impl Watches {
    fn find(&self, change: &Event) -> Option<u64> {
        let same = |watch: &Watch| {
            (watch.event.ident, watch.event.filter) == (change.ident, change.filter)
        };
        self.by_token.iter().find(|(_, watch)| same(watch)).map(|(&token, _)| token)
    }

    /// The watches that the host does not watch.
    fn always_ready(&self) -> Vec<(u64, EventFlags)> {
        let candidate = |watch: &Watch| watch.enabled && matches!(watch.source, Source::File(_));
        let candidates = self.by_token.iter().filter(|(_, watch)| candidate(watch));
        candidates.map(|(&token, _)| (token, EventFlags::empty())).collect()
    }
}

impl Watch {
    fn names_descriptor(&self, fd: i32) -> bool {
        let of_file = matches!(self.source, Source::Stream { .. } | Source::File(_));
        of_file && usize::try_from(fd) == Ok(self.event.ident)
    }

    /// Takes over what a change says, apart from whether the watch is enabled.
    fn update(&mut self, change: &Event) -> Result<()> {
        if change.flags & nb::EV_ADD != 0 {
            self.event.udata = change.udata;
            self.event.flags = change.flags & LASTING_FLAGS;
        }
        match &self.source {
            Source::Timer(timer) if change.flags & nb::EV_ADD != 0 => {
                self.event.fflags = change.fflags;
                set_timer(timer, change)
            }
            Source::User(trigger) => {
                self.event.fflags = combine_user_flags(self.event.fflags, change.fflags);
                if change.fflags & nb::NOTE_TRIGGER != 0 {
                    self.event.data = change.data;
                    rustix::io::write(trigger, &1u64.to_ne_bytes())?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn set_enabled(&mut self, epoll: &OwnedFd, token: u64, enabled: bool) -> Result<()> {
        if let Some((fd, mut interest)) = self.host_interest() {
            if self.enabled {
                epoll::delete(epoll, fd)?;
            }
            if enabled {
                if self.event.flags & nb::EV_CLEAR != 0 {
                    interest |= EventFlags::ET;
                }
                epoll::add(epoll, fd, EventData::new_u64(token), interest)?;
            }
        }
        self.enabled = enabled;
        Ok(())
    }

    fn host_interest(&self) -> Option<(BorrowedFd<'_>, EventFlags)> {
        match &self.source {
            Source::Stream { duplicate, .. } => {
                let interest = match self.event.filter {
                    nb::EVFILT_WRITE => EventFlags::OUT,
                    _ => EventFlags::IN | EventFlags::RDHUP,
                };
                Some((duplicate.as_fd(), interest))
            }
            Source::Timer(fd) | Source::User(fd) => Some((fd.as_fd(), EventFlags::IN)),
            Source::File(_) => None,
        }
    }

    /// What to report, if there is something after all.
    fn occurrence(&self, ready: EventFlags) -> Option<Event> {
        let event = self.event;
        match &self.source {
            Source::Stream { file, .. } => {
                let file = file.upgrade()?;
                let gone = EventFlags::HUP | EventFlags::ERR | EventFlags::RDHUP;
                let eof = if ready.intersects(gone) { nb::EV_EOF } else { 0 };
                let data = match event.filter {
                    nb::EVFILT_READ => file.bytes_waiting().unwrap_or(1),
                    _ => file.bytes_writable(),
                };
                Some(Event { data, flags: event.flags | eof, ..event })
            }
            Source::File(file) => {
                let data = match event.filter {
                    nb::EVFILT_READ => file.upgrade()?.bytes_waiting().unwrap_or(0),
                    _ => 0,
                };
                let ready = event.filter == nb::EVFILT_WRITE || data != 0;
                ready.then_some(Event { data, ..event })
            }
            Source::Timer(timer) => {
                let mut expirations = [0; 8];
                rustix::io::read(timer, &mut expirations).ok()?;
                Some(Event { data: i64::from_ne_bytes(expirations), fflags: 0, ..event })
            }
            Source::User(trigger) => {
                let mut count = [0; 8];
                rustix::io::read(trigger, &mut count).ok()?;
                if event.flags & nb::EV_CLEAR == 0 {
                    // It stays triggered until the client resets it.
                    rustix::io::write(trigger, &count).ok()?;
                }
                Some(event)
            }
        }
    }
}

impl Source {
    fn new(change: &Event, file: Option<Arc<OpenFile>>) -> Result<Self> {
        match change.filter {
            nb::EVFILT_READ | nb::EVFILT_WRITE => {
                let file = file.ok_or(Errno::EBADF)?;
                let weak = Arc::downgrade(&file);
                Ok(match file.poll_fd() {
                    Some(fd) => {
                        let duplicate = rustix::io::fcntl_dupfd_cloexec(fd, 0)?;
                        Self::Stream { file: weak, duplicate }
                    }
                    None => Self::File(weak),
                })
            }
            nb::EVFILT_TIMER => {
                let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
                Ok(Self::Timer(timerfd_create(timer_clock(change), flags)?))
            }
            nb::EVFILT_USER => {
                let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
                Ok(Self::User(eventfd(0, flags)?))
            }
            filter if filter < nb::EVFILT_SYSCOUNT => Err(Errno::EOPNOTSUPP.into()),
            _ => Err(Errno::EINVAL.into()),
        }
    }
}

/// An absolute timer is against the time of day.
fn timer_clock(change: &Event) -> TimerfdClockId {
    match change.fflags & nb::NOTE_ABSTIME {
        0 => TimerfdClockId::Monotonic,
        _ => TimerfdClockId::Realtime,
    }
}

/// Starts a timer as `EVFILT_TIMER` says: `data` in the unit of `fflags`, repeated unless it is
/// absolute or for one shot.
fn set_timer(timer: &OwnedFd, change: &Event) -> Result<()> {
    let amount = u64::try_from(change.data).map_err(|_| Errno::EINVAL)?;
    let duration = match change.fflags & !nb::NOTE_ABSTIME {
        nb::NOTE_MSECONDS => Duration::from_millis(amount),
        nb::NOTE_SECONDS => Duration::from_secs(amount),
        nb::NOTE_USECONDS => Duration::from_micros(amount),
        nb::NOTE_NSECONDS => Duration::from_nanos(amount),
        _ => return Err(Errno::EINVAL.into()),
    };
    // A timer of no time would never run; it is to run at once.
    let value = Timespec::try_from(duration.max(Duration::from_nanos(1)));
    let it_value = value.map_err(|_| Errno::EINVAL)?;
    let absolute = change.fflags & nb::NOTE_ABSTIME != 0;
    let once = absolute || change.flags & nb::EV_ONESHOT != 0;
    let it_interval = if once { Timespec::default() } else { it_value };
    let flags = if absolute { TimerfdTimerFlags::ABSTIME } else { TimerfdTimerFlags::empty() };
    timerfd_settime(timer, flags, &Itimerspec { it_interval, it_value })?;
    Ok(())
}

/// The flags of a user event after a change.
fn combine_user_flags(old: u32, change: u32) -> u32 {
    let new = change & nb::NOTE_FFLAGSMASK;
    match change & nb::NOTE_FFCTRLMASK {
        nb::NOTE_FFAND => old & new,
        nb::NOTE_FFOR => old | new,
        nb::NOTE_FFCOPY => new,
        _ => old,
    }
}
