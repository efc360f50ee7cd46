//! The descriptor table of a process.

use std::sync::Arc;

use rumpclient::Errno;

use super::{Object, OpenFile, Result};

/// Descriptors a process may have; the hard limit that getrlimit(2) reports.
pub(crate) const DESCRIPTORS_MAX: usize = 1024;

/// An open descriptor.
#[derive(Clone)]
pub(crate) struct Slot {
    pub(crate) file: Arc<OpenFile>,
    /// FD_CLOEXEC.
    pub(crate) close_on_exec: bool,
}

/// Which descriptor leads to which open file.
///
/// Files that leave the table are handed out rather than dropped, so that the caller can let go of
/// the table first: closing the last reference of a file can take time.
#[derive(Default)]
pub(crate) struct Descriptors {
    slots: Vec<Option<Slot>>,
    /// RLIMIT_NOFILE, where it has been lowered.
    limit: Option<usize>,
}

impl Descriptors {
    /// The file behind `fd`.
    pub(crate) fn get(&self, fd: i32) -> Result<&Slot> {
        self.slot(fd).ok_or_else(|| Errno::EBADF.into())
    }

    pub(crate) fn get_mut(&mut self, fd: i32) -> Result<&mut Slot> {
        let slot = usize::try_from(fd).ok().and_then(|at| self.slots.get_mut(at)?.as_mut());
        slot.ok_or_else(|| Errno::EBADF.into())
    }

    fn slot(&self, fd: i32) -> Option<&Slot> {
        self.slots.get(usize::try_from(fd).ok()?)?.as_ref()
    }

    /// Gives the lowest free descriptor from `lowest` on to a file.
    ///
    /// # Errors
    /// EMFILE when the process has too many, EINVAL when `lowest` is out of range.
    pub(crate) fn allocate(&mut self, lowest: i32, slot: Slot) -> Result<i32> {
        let lowest = usize::try_from(lowest).ok().filter(|&lowest| lowest < self.limit());
        let lowest = lowest.ok_or(Errno::EINVAL)?;
        let free =
            (lowest..self.limit()).find(|&at| self.slots.get(at).is_none_or(Option::is_none));
        let free = free.ok_or(Errno::EMFILE)?;
        self.put(free, slot);
        Ok(free as i32)
    }

    /// Whether there is room for `count` more descriptors.
    ///
    /// # Errors
    /// EMFILE when there is not.
    pub(crate) fn check_room(&self, count: usize) -> Result<()> {
        let used = self.iter().count();
        if used + count > self.limit() { Err(Errno::EMFILE.into()) } else { Ok(()) }
    }

    /// Puts a file at `fd`, and returns what was there.
    ///
    /// # Errors
    /// EBADF when `fd` is out of range.
    pub(crate) fn place(&mut self, fd: i32, slot: Slot) -> Result<Option<Slot>> {
        let at = usize::try_from(fd).ok().filter(|&at| at < self.limit()).ok_or(Errno::EBADF)?;
        Ok(self.put(at, slot))
    }

    fn put(&mut self, at: usize, slot: Slot) -> Option<Slot> {
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.slots[at].replace(slot)
    }

    /// Takes the file at `fd` out of the table.
    ///
    /// # Errors
    /// EBADF when there is none.
    pub(crate) fn remove(&mut self, fd: i32) -> Result<Slot> {
        let slot = usize::try_from(fd).ok().and_then(|at| self.slots.get_mut(at)?.take());
        slot.ok_or_else(|| Errno::EBADF.into())
    }

    /// The descriptors in use, in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, &Slot)> {
        self.slots.iter().enumerate().filter_map(|(fd, slot)| Some((fd as i32, slot.as_ref()?)))
    }

    /// The table of a forked process: the same open files, but for kqueues, which are not
    /// inherited.
    pub(crate) fn fork(&self) -> Self {
        let inherited = |slot: &Slot| !matches!(slot.file.object, Object::Kqueue(_));
        let slots = self.slots.iter().map(|slot| slot.clone().filter(inherited)).collect();
        Self { slots, limit: self.limit }
    }

    /// Takes out what an exec closes.
    pub(crate) fn take_close_on_exec(&mut self) -> Vec<Slot> {
        let doomed = |slot: &mut Option<Slot>| slot.take_if(|slot| slot.close_on_exec);
        self.slots.iter_mut().filter_map(doomed).collect()
    }

    /// Takes out everything.
    pub(crate) fn take_all(&mut self) -> Vec<Slot> {
        std::mem::take(&mut self.slots).into_iter().flatten().collect()
    }

    /// Descriptors the process may have.
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(DESCRIPTORS_MAX)
    }

    /// Lowers or raises [`limit`](Self::limit), to at most [`DESCRIPTORS_MAX`]. Descriptors beyond
    /// it stay open.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = Some(limit.min(DESCRIPTORS_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(close_on_exec: bool) -> Slot {
        Slot { file: OpenFile::null(), close_on_exec }
    }

    fn open(descriptors: &Descriptors) -> Vec<i32> {
        descriptors.iter().map(|(fd, _)| fd).collect()
    }

    #[test]
    fn the_lowest_free_descriptor_is_taken() {
        let mut table = Descriptors::default();
        for expected in 0..3 {
            assert_eq!(table.allocate(0, slot(false)), Ok(expected));
        }
        table.remove(1).unwrap();
        assert_eq!(table.allocate(0, slot(false)), Ok(1));
        assert_eq!(table.allocate(10, slot(false)), Ok(10));
        assert_eq!(table.allocate(-1, slot(false)), Err(Errno::EINVAL.into()));
        assert!(table.remove(5).is_err());
    }

    #[test]
    fn a_full_table_refuses() {
        let mut table = Descriptors::default();
        table.set_limit(2);
        table.allocate(0, slot(false)).unwrap();
        table.allocate(0, slot(false)).unwrap();
        assert_eq!(table.allocate(0, slot(false)), Err(Errno::EMFILE.into()));
        assert!(table.place(2, slot(false)).is_err());
    }

    #[test]
    fn exec_closes_what_it_should() {
        let mut table = Descriptors::default();
        for close_on_exec in [false, true, false, true] {
            table.allocate(0, slot(close_on_exec)).unwrap();
        }
        let child = table.fork();
        assert_eq!(table.take_close_on_exec().len(), 2);
        assert_eq!(open(&table), [0, 2]);
        assert_eq!(open(&child), [0, 1, 2, 3]);
    }
}
