//! `kqueue(2)`, `kevent(2)`, in today's layout and in those up to NetBSD 10 and 5.

use rumpclient::Errno;
use rumpclient::netbsd as nb;
use rustix::event::PollFlags;

use super::layout::{encode, field};
use super::readiness::Patience;
use super::time::TimeLayout;
use super::{Answer, Call, Handlers};
use crate::server::kernel::kqueue::Event;
use crate::server::kernel::{Access, Kqueue, Object, OpenFile, Result, Wake};

pub(super) const HANDLERS: Handlers = &[
    ("kqueue", |call| make_queue(call, 0)),
    ("kqueue1", kqueue1),
    ("kevent100", |call| kevent(call, &KEVENT, TimeLayout::Timespec)),
    ("kevent50", |call| kevent(call, &KEVENT100, TimeLayout::Timespec)),
    ("kevent", |call| kevent(call, &KEVENT100, TimeLayout::Timespec50)),
];

/// Changes that are fetched at once, and events that are reported at most.
const EVENTS_MAX: usize = 1024;

/// How events are laid out.
struct Layout {
    size: usize,
    decode: fn(&[u8]) -> Event,
    encode: fn(&Event) -> Vec<u8>,
}

/// The fields, which have the same names in both layouts.
macro_rules! layout {
    ($type:ty) => {
        Layout {
            size: size_of::<$type>(),
            decode: |bytes| Event {
                ident: field!(bytes, $type, ident),
                filter: field!(bytes, $type, filter),
                flags: field!(bytes, $type, flags),
                fflags: field!(bytes, $type, fflags),
                data: field!(bytes, $type, data),
                udata: field!(bytes, $type, udata),
            },
            encode: |event| {
                encode!($type {
                    ident: event.ident,
                    filter: event.filter,
                    flags: event.flags,
                    fflags: event.fflags,
                    data: event.data,
                    udata: event.udata,
                })
            },
        }
    };
}

static KEVENT: Layout = layout!(nb::kevent);
static KEVENT100: Layout = layout!(nb::kevent100);

fn kqueue1(call: &Call<'_>) -> Result<Answer> {
    let flags = call.int("flags")?;
    if flags & !(nb::O_CLOEXEC | nb::O_NONBLOCK | nb::O_NOSIGPIPE) != 0 {
        return Err(Errno::EINVAL.into());
    }
    make_queue(call, flags)
}

fn make_queue(call: &Call<'_>, flags: i32) -> Result<Answer> {
    let file = OpenFile::new(Object::Kqueue(Kqueue::new()?), Access::BOTH, flags);
    Ok(call.install(file, flags & nb::O_CLOEXEC != 0)?.into())
}

fn kevent(call: &Call<'_>, layout: &Layout, timeout: TimeLayout) -> Result<Answer> {
    let file = call.file("fd")?;
    let Object::Kqueue(queue) = &file.object else {
        return Err(Errno::EBADF.into());
    };
    let room = call.length("nevents")?.min(EVENTS_MAX);
    let patience = Patience::for_time(call.time("timeout", timeout)?)?;
    let reports = make_changes(call, queue, layout, room)?;
    if !reports.is_empty() || room == 0 {
        return report(call, layout, &reports);
    }
    loop {
        let events = queue.collect(room)?;
        if !events.is_empty() || matches!(patience, Patience::None) {
            return report(call, layout, &events);
        }
        let ready = [(queue.as_fd(), PollFlags::IN)];
        if call.lwp.block(&ready, patience.deadline())? == Wake::TimedOut {
            return report(call, layout, &queue.collect(room)?);
        }
    }
}

/// Makes the changes in order. Those that fail are reported as events while there is room for
/// that, as are those that ask for a receipt.
///
/// # Errors
/// The error of a change for whose report there is no room.
fn make_changes(
    call: &Call<'_>,
    queue: &Kqueue,
    layout: &Layout,
    room: usize,
) -> Result<Vec<Event>> {
    let mut reports = Vec::new();
    let (mut address, mut left) = (call.word("changelist")?, call.length("nchanges")?);
    while left > 0 {
        let count = left.min(EVENTS_MAX);
        let changes = call.copyin(address, count * layout.size)?;
        for change in changes.chunks_exact(layout.size) {
            let change = (layout.decode)(change);
            let result = make_change(call, queue, &change);
            if result.is_ok() && change.flags & nb::EV_RECEIPT == 0 {
                continue;
            }
            if reports.len() == room {
                result?;
                continue;
            }
            let error = result.map_or_else(|failure| failure.0.raw(), |()| 0);
            let flags = change.flags | nb::EV_ERROR;
            reports.push(Event { flags, data: error.into(), ..change });
        }
        address = address.wrapping_add(changes.len());
        left -= count;
    }
    Ok(reports)
}

fn make_change(call: &Call<'_>, queue: &Kqueue, change: &Event) -> Result<()> {
    let file = match change.filter {
        nb::EVFILT_READ | nb::EVFILT_WRITE => {
            let fd = i32::try_from(change.ident).map_err(|_| Errno::EBADF)?;
            Some(call.open_file(fd)?)
        }
        _ => None,
    };
    queue.change(change, file)
}

/// Answers with the number of events.
fn report(call: &Call<'_>, layout: &Layout, events: &[Event]) -> Result<Answer> {
    let bytes: Vec<u8> = events.iter().flat_map(|event| (layout.encode)(event)).collect();
    call.copyout(call.word("eventlist")?, &bytes)?;
    Ok(events.len().into())
}
