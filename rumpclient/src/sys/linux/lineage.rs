//! Which process of a line of forks this is.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

/// The number of the process, changing with every fork and never 0.
///
/// A connection belongs to the process that made it: a forked child must not touch its parent's.
/// Asking the kernel for the pid on every call would cost a host call, so the number lives on a
/// page that the kernel wipes in a forked child (and keeps in a vforked one, which shares all
/// memory with its parent on purpose).
pub(crate) fn lineage() -> u32 {
    static WIPED: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();
    static LAST: AtomicU32 = AtomicU32::new(0);
    let Some(current) = WIPED.get_or_init(map_wiped) else {
        // Kernels before 4.14 cannot wipe: there the pid has to do.
        return super::process_id();
    };
    match current.load(Ordering::Acquire) {
        0 => {
            let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            match current.compare_exchange(0, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => next,
                Err(winner) => winner,
            }
        }
        number => number,
    }
}

fn map_wiped() -> Option<&'static AtomicU32> {
    let size = super::page_size();
    // SAFETY: a fresh private mapping at an address of the kernel's choice overlaps nothing.
    let page = unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            size,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    }
    .ok()?;
    // SAFETY: the page is ours alone, and wiping it in children is the point.
    unsafe { madvise(page, size, Advice::LinuxWipeOnFork) }.ok()?;
    // SAFETY: the mapping is page-aligned, zeroed (a valid AtomicU32) and never unmapped.
    Some(unsafe { &*page.cast::<AtomicU32>() })
}
