//! Descriptors on their way over a local socket (SCM_RIGHTS).
//!
//! Open files are the server's, so the host cannot carry them. It carries a pipe instead, with a
//! number in it under which the files wait here. When a message is thrown away unread, so is its
//! pipe, and that shows.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{OpenFile, Result};

/// The files that have been sent and not yet received.
#[derive(Default)]
pub(crate) struct Rights {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    parcels: HashMap<u64, Parcel>,
    last: u64,
}

struct Parcel {
    files: Vec<Arc<OpenFile>>,
    /// The pipe's end that stays here.
    stub: OwnedFd,
}

impl Rights {
    /// Takes files in, and gives what is to be sent in their place.
    pub(crate) fn pack(&self, files: Vec<Arc<OpenFile>>) -> Result<OwnedFd> {
        let (ticket, stub) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let mut table = self.table.lock();
        table.last += 1;
        let number = table.last;
        rustix::io::write(&stub, &number.to_ne_bytes())?;
        table.parcels.insert(number, Parcel { files, stub });
        let lost: Vec<u64> =
            table.parcels.iter().filter(|(_, parcel)| parcel.is_lost()).map(|(&n, _)| n).collect();
        let lost: Vec<_> = lost.iter().filter_map(|number| table.parcels.remove(number)).collect();
        drop(table);
        drop(lost);
        Ok(ticket)
    }

    /// Gives the files out for what was received. None for a ticket that is not from here.
    pub(crate) fn unpack(&self, ticket: &OwnedFd) -> Vec<Arc<OpenFile>> {
        let mut number = [0; 8];
        let parcel = match rustix::io::read(ticket, &mut number) {
            Ok(8) => self.table.lock().parcels.remove(&u64::from_ne_bytes(number)),
            _ => None,
        };
        parcel.map(|parcel| parcel.files).unwrap_or_default()
    }
}

impl Parcel {
    /// Whether nobody can come for it any more: the pipe's other end is gone.
    fn is_lost(&self) -> bool {
        let mut stub = [PollFd::new(&self.stub, PollFlags::empty())];
        let polled = poll(&mut stub, Some(&Timespec::default()));
        polled.is_ok() && stub[0].revents().contains(PollFlags::ERR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_once() {
        let rights = Rights::default();
        let ticket = rights.pack(vec![OpenFile::null()]).unwrap();
        assert_eq!(rights.unpack(&ticket).len(), 1);
        assert_eq!(rights.unpack(&ticket).len(), 0);
    }

    #[test]
    fn a_ticket_thrown_away_frees_its_files() {
        let rights = Rights::default();
        let file = OpenFile::null();
        drop(rights.pack(vec![Arc::clone(&file)]).unwrap());
        drop(rights.pack(vec![]).unwrap());
        assert_eq!(Arc::strong_count(&file), 1);
    }
}
