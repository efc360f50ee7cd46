//! Which process of a line of forks this is.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// The page with the number; null before it is first asked for.
static WIPED: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

/// What stands for the page where the kernel has no such: always 0.
static NO_PAGE: AtomicU32 = AtomicU32::new(0);

/// The number of the process, changing with every fork and never 0.
///
/// A connection belongs to the process that made it: a forked child must not touch its parent's.
/// Asking the kernel for the pid on every call would cost a host call, so the number lives on a
/// page that the kernel wipes in a forked child (and keeps in a vforked one, which shares all
/// memory with its parent on purpose).
pub(crate) fn lineage() -> u32 {
    match wiped().map_or(0, |page| page.load(Ordering::Acquire)) {
        0 => begin(),
        number => number,
    }
}

fn wiped() -> Option<&'static AtomicU32> {
    // SAFETY: null, a static, or a page that is never unmapped.
    unsafe { WIPED.load(Ordering::Acquire).as_ref() }
}

/// Gives this process its number, if it has none yet. For a forked child, to be called before anybody
/// looks: a page that is read before it is written to takes two faults instead of one.
#[cold]
pub(super) fn begin() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let page = wiped().unwrap_or_else(place_page);
    if ptr::eq(page, &NO_PAGE) {
        return super::process_id();
    }
    let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match page.compare_exchange(0, next, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => next,
        Err(winner) => winner,
    }
}

/// Maps the page, unless another thread has been quicker.
fn place_page() -> &'static AtomicU32 {
    // Kernels before 4.14 cannot wipe: there the pid has to do.
    let page = map_wiped().unwrap_or((&raw const NO_PAGE).cast_mut());
    let none = ptr::null_mut();
    match WIPED.compare_exchange(none, page, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: a static, or a page that is never unmapped from now on.
        Ok(_) => unsafe { &*page },
        Err(winner) => {
            if !ptr::eq(page, &NO_PAGE) {
                // SAFETY: mapped just now, and nobody else has seen it.
                let _ = unsafe { munmap(page.cast(), super::page_size()) };
            }
            // SAFETY: not null, since it is not what was expected; else as in `wiped`.
            unsafe { &*winner }
        }
    }
}

fn map_wiped() -> Option<*mut AtomicU32> {
    let size = super::page_size();
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a fresh private mapping at an address of the kernel's choice overlaps nothing.
    let page = unsafe { mmap_anonymous(ptr::null_mut(), size, access, MapFlags::PRIVATE) }.ok()?;
    // SAFETY: the page is ours alone, and wiping it in children is the point.
    if unsafe { madvise(page, size, Advice::LinuxWipeOnFork) }.is_err() {
        // SAFETY: nobody has seen it.
        let _ = unsafe { munmap(page, size) };
        return None;
    }
    // The mapping is page-aligned and zeroed: a valid AtomicU32.
    Some(page.cast())
}
