//! Opening FIFOs: a reader and a writer wait for each other.
//!
//! The host would make them wait as well, but then nobody could interrupt them. So the server
//! opens a FIFO without blocking and does the waiting itself.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use parking_lot::Mutex;
use rumpclient::Errno;
use rustix::fs::{Mode, OFlags, openat};

use super::namei::Place;
use super::{Access, Inode, Lwp, Result, WaitList};

/// The FIFOs that are open, or about to be.
#[derive(Default)]
pub(crate) struct Fifos {
    meetings: Mutex<HashMap<Inode, Meeting>>,
    changed: WaitList,
}

/// Who has come to a FIFO.
#[derive(Clone, Copy, Default)]
struct Meeting {
    readers: Side,
    writers: Side,
}

#[derive(Clone, Copy, Default)]
struct Side {
    present: usize,
    /// How many have ever come: one who came and left has been met all the same.
    arrivals: u64,
}

/// An open FIFO.
pub(crate) struct Fifo {
    pub(crate) end: OwnedFd,
    _seat: Seat,
}

/// Keeps the count of who is present.
struct Seat {
    fifos: Arc<Fifos>,
    inode: Inode,
    access: Access,
    /// How many of the other side had come before.
    met_before: u64,
}

impl Fifos {
    /// Opens the FIFO at `place`. Waits for the other side if `lwp` is given.
    ///
    /// # Errors
    /// ENXIO for a writer that may not wait when there is no reader, EINTR, the host's errors.
    pub(crate) fn open(
        self: &Arc<Self>,
        place: &Place,
        access: Access,
        lwp: Option<&Lwp<'_>>,
    ) -> Result<Fifo> {
        let inode = Inode::from(place.existing()?);
        match (access.read, access.write) {
            (true, true) => {
                let end = open_end(place, OFlags::RDWR)?;
                Ok(Fifo { end, _seat: self.sit_down(inode, access) })
            }
            (true, false) => {
                let end = open_end(place, OFlags::RDONLY)?;
                let seat = self.sit_down(inode, access);
                if let Some(lwp) = lwp {
                    self.wait_for_other(&seat, lwp)?;
                }
                Ok(Fifo { end, _seat: seat })
            }
            _ => {
                let seat = self.sit_down(inode, access);
                match lwp {
                    Some(lwp) => self.wait_for_other(&seat, lwp)?,
                    None if self.meeting(inode).readers.present == 0 => {
                        return Err(Errno::ENXIO.into());
                    }
                    None => {}
                }
                Ok(Fifo { end: open_end(place, OFlags::WRONLY)?, _seat: seat })
            }
        }
    }

    fn sit_down(self: &Arc<Self>, inode: Inode, access: Access) -> Seat {
        let mut meetings = self.meetings.lock();
        let meeting = meetings.entry(inode).or_default();
        let met_before = meeting.other_side(access).arrivals;
        meeting.readers.arrive(access.read);
        meeting.writers.arrive(access.write);
        drop(meetings);
        self.changed.wake_all();
        Seat { fifos: Arc::clone(self), inode, access, met_before }
    }

    fn wait_for_other(&self, seat: &Seat, lwp: &Lwp<'_>) -> Result<()> {
        lwp.wait_for(&self.changed, || {
            let other = self.meeting(seat.inode).other_side(seat.access);
            Ok((other.present > 0 || other.arrivals != seat.met_before).then_some(()))
        })
    }

    fn meeting(&self, inode: Inode) -> Meeting {
        self.meetings.lock().get(&inode).copied().unwrap_or_default()
    }
}

impl Meeting {
    /// The side that one who opens with `access` waits for.
    fn other_side(&self, access: Access) -> Side {
        if access.read { self.writers } else { self.readers }
    }
}

impl Side {
    fn arrive(&mut self, does: bool) {
        self.present += usize::from(does);
        self.arrivals += u64::from(does);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut meetings = self.fifos.meetings.lock();
        let Some(meeting) = meetings.get_mut(&self.inode) else {
            return;
        };
        meeting.readers.present -= usize::from(self.access.read);
        meeting.writers.present -= usize::from(self.access.write);
        if meeting.readers.present + meeting.writers.present == 0 {
            meetings.remove(&self.inode);
        }
    }
}

fn open_end(place: &Place, mode: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = mode | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(&place.directory, &place.name, flags, Mode::empty())
}
