//! Advisory locks: fcntl(2) and flock(2), which NetBSD keeps in one list for each file.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rumpclient::Errno;

use super::{Inode, Lwp, Result, WaitList};

/// Who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// A process, by fcntl(2).
    Process(i32),
    /// An open file, by flock(2).
    File(u64),
}

/// A locked range of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) owner: Owner,
    pub(crate) exclusive: bool,
    pub(crate) start: i64,
    /// The last byte; `i64::MAX` for the end of the file, wherever it is.
    pub(crate) last: i64,
}

/// All locks.
#[derive(Default)]
pub(crate) struct Locks {
    table: Mutex<Table>,
    changed: WaitList,
}

#[derive(Default)]
struct Table {
    held: HashMap<Inode, Vec<Lock>>,
    /// Who waits for whom, to see deadlocks coming.
    waiting: HashMap<Owner, Owner>,
}

impl Lock {
    /// A lock on the whole file.
    pub(crate) fn whole(owner: Owner, exclusive: bool) -> Self {
        Self { owner, exclusive, start: 0, last: i64::MAX }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.last && other.start <= self.last
    }

    fn conflicts_with(&self, other: &Self) -> bool {
        self.owner != other.owner && (self.exclusive || other.exclusive) && self.overlaps(other)
    }

    /// What is left of it on both sides of `cut`.
    fn without(self, cut: &Self) -> impl Iterator<Item = Self> {
        let before =
            (self.start < cut.start).then(|| Self { last: self.last.min(cut.start - 1), ..self });
        let after =
            (self.last > cut.last).then(|| Self { start: self.start.max(cut.last + 1), ..self });
        let whole = (!self.overlaps(cut)).then_some(self);
        let parts = if whole.is_some() { [whole, None] } else { [before, after] };
        parts.into_iter().flatten()
    }
}

impl Locks {
    /// The first lock that stands in the way of `lock`.
    pub(crate) fn conflict(&self, inode: Inode, lock: &Lock) -> Option<Lock> {
        self.table.lock().conflict(inode, lock)
    }

    /// Takes a lock, in place of what its owner had of the range; waits for others to let go if
    /// `lwp` is given.
    ///
    /// # Errors
    /// EAGAIN when it cannot be had at once and may not wait, EDEADLK when the wait would have no
    /// end, EINTR.
    pub(crate) fn acquire(&self, inode: Inode, lock: Lock, lwp: Option<&Lwp<'_>>) -> Result<()> {
        let Some(lwp) = lwp else {
            let taken = self.table.lock().try_acquire(inode, lock).is_ok();
            self.changed.wake_all();
            return if taken { Ok(()) } else { Err(Errno::EAGAIN.into()) };
        };
        let result = lwp.wait_for(&self.changed, || {
            let mut table = self.table.lock();
            match table.try_acquire(inode, lock) {
                Ok(()) => Ok(Some(())),
                Err(holder) => table.wait_for(lock.owner, holder).map(|()| None),
            }
        });
        self.table.lock().waiting.remove(&lock.owner);
        // A lock that replaces an exclusive one may let others in.
        self.changed.wake_all();
        result
    }

    /// Lets go of `range` as far as its owner holds it.
    pub(crate) fn release(&self, inode: Inode, range: &Lock) {
        self.table.lock().release(inode, range);
        self.changed.wake_all();
    }

    /// Lets go of everything that `owner` holds.
    pub(crate) fn release_owner(&self, owner: Owner) {
        let mut table = self.table.lock();
        for locks in table.held.values_mut() {
            locks.retain(|lock| lock.owner != owner);
        }
        table.held.retain(|_, locks| !locks.is_empty());
        drop(table);
        self.changed.wake_all();
    }
}

impl Table {
    fn conflict(&self, inode: Inode, lock: &Lock) -> Option<Lock> {
        self.held.get(&inode)?.iter().find(|held| held.conflicts_with(lock)).copied()
    }

    /// Takes the lock, or tells who is in the way.
    fn try_acquire(&mut self, inode: Inode, lock: Lock) -> std::result::Result<(), Owner> {
        if let Some(held) = self.conflict(inode, &lock) {
            return Err(held.owner);
        }
        self.release(inode, &lock);
        self.held.entry(inode).or_default().push(lock);
        Ok(())
    }

    fn release(&mut self, inode: Inode, range: &Lock) {
        let Some(locks) = self.held.get_mut(&inode) else {
            return;
        };
        let cut = |lock: Lock| -> Vec<Lock> {
            match lock.owner == range.owner {
                true => lock.without(range).collect(),
                false => vec![lock],
            }
        };
        *locks = std::mem::take(locks).into_iter().flat_map(cut).collect();
        if locks.is_empty() {
            self.held.remove(&inode);
        }
    }

    /// Notes who waits for whom.
    fn wait_for(&mut self, owner: Owner, holder: Owner) -> Result<()> {
        let mut next = Some(&holder);
        while let Some(blocked) = next {
            if *blocked == owner {
                return Err(Errno::EDEADLK.into());
            }
            next = self.waiting.get(blocked);
        }
        self.waiting.insert(owner, holder);
        Ok(())
    }
}

/// The flock(2) of an open file, given back when the file is closed for the last time.
pub(crate) struct FileLock {
    locks: Arc<Locks>,
    inode: Inode,
    owner: Owner,
}

impl FileLock {
    /// For a file that has no lock yet.
    pub(crate) fn new(locks: &Arc<Locks>, inode: Inode) -> Arc<Self> {
        static FILES: AtomicU64 = AtomicU64::new(0);
        let owner = Owner::File(FILES.fetch_add(1, Ordering::Relaxed));
        Arc::new(Self { locks: Arc::clone(locks), inode, owner })
    }

    /// Takes the lock, in place of the one the file may have.
    ///
    /// # Errors
    /// As for [`Locks::acquire`].
    pub(crate) fn acquire(&self, exclusive: bool, lwp: Option<&Lwp<'_>>) -> Result<()> {
        self.locks.acquire(self.inode, Lock::whole(self.owner, exclusive), lwp)
    }

    pub(crate) fn release(&self) {
        self.locks.release(self.inode, &Lock::whole(self.owner, true));
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inode() -> Inode {
        Inode::from(&rustix::fs::fstat(std::io::stdin()).unwrap())
    }

    fn range(pid: i32, exclusive: bool, start: i64, last: i64) -> Lock {
        Lock { owner: Owner::Process(pid), exclusive, start, last }
    }

    #[test]
    fn shared_locks_share_and_exclusive_ones_exclude() {
        let locks = Locks::default();
        locks.acquire(inode(), range(1, false, 0, 9), None).unwrap();
        locks.acquire(inode(), range(2, false, 5, 9), None).unwrap();
        let wanted = range(3, true, 9, 20);
        assert_eq!(locks.acquire(inode(), wanted, None), Err(Errno::EAGAIN.into()));
        assert_eq!(locks.conflict(inode(), &wanted), Some(range(1, false, 0, 9)));
        locks.acquire(inode(), range(3, true, 10, 20), None).unwrap();
    }

    #[test]
    fn the_middle_of_a_lock_can_be_given_back() {
        let locks = Locks::default();
        locks.acquire(inode(), range(1, true, 0, i64::MAX), None).unwrap();
        locks.release(inode(), &range(1, false, 10, 19));
        for (start, free) in [(0, false), (9, false), (10, true), (19, true), (20, false)] {
            let wanted = range(2, true, start, start);
            assert_eq!(locks.conflict(inode(), &wanted).is_none(), free, "byte {start}");
        }
        locks.release_owner(Owner::Process(1));
        assert!(locks.table.lock().held.is_empty());
    }

    #[test]
    fn a_circle_of_waiting_is_refused() {
        let mut table = Table::default();
        let owner = |pid| Owner::Process(pid);
        table.wait_for(owner(1), owner(2)).unwrap();
        table.wait_for(owner(2), owner(3)).unwrap();
        assert_eq!(table.wait_for(owner(3), owner(1)), Err(Errno::EDEADLK.into()));
    }
}
