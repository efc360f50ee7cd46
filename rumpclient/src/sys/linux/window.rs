//! A buffer from which bytes can be copied to any address, with EFAULT instead of a fault.
//!
//! The buffer becomes memory and a file at once when enough has been copied from it to pay for that.
//! What stands in it is then read out of the file, straight to the caller's addresses, which the host
//! kernel checks: at less than half the cost of having it copy between two places of this process
//! (`process_vm_readv(2)`), and to any number of places at once.

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

use super::{Fd, IoVec, process_id, syscall, write_process};

/// The memory.
#[derive(Debug)]
pub(crate) struct Window(View);

/// A look at a window, whoever has that.
#[derive(Clone, Debug)]
pub(crate) struct View(Arc<Pages>);

#[derive(Debug)]
struct Pages {
    /// What the buffer is at first. It stays, for a thread that has lost the buffer and does not know
    /// yet.
    plain: Mapping,
    /// What it is from then on, unless the host has no such files.
    file: OnceLock<Option<(Fd, Mapping)>>,
    /// How many copies have been made without a file.
    copies: AtomicU32,
    /// In whose table of descriptors the file is to be: a vforked child has one of its own.
    process: u32,
}

/// The most pieces that the host takes at once.
const PIECES_MAX: usize = 1024;

/// So many copies take as much longer without a file as making one takes.
const COPIES_PAY: u32 = 32;

impl Window {
    /// `len` bytes.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        Ok(Self(View(Arc::new(Pages {
            plain: Mapping::new(len, None)?,
            file: OnceLock::new(),
            copies: AtomicU32::new(0),
            process: process_id(),
        }))))
    }

    /// A look at it that is not borrowed.
    pub(crate) fn view(&self) -> &View {
        &self.0
    }
}

impl View {
    fn file(&self) -> Option<&(Fd, Mapping)> {
        self.0.file.get()?.as_ref()
    }

    fn mapping(&self) -> &Mapping {
        self.file().map_or(&self.0.plain, |(_, mapping)| mapping)
    }

    /// Where it begins, for host calls to write to. It may begin elsewhere after a
    /// [`copy_out`](Self::copy_out).
    pub(crate) fn start(&self) -> *mut u8 {
        self.mapping().start
    }

    /// The descriptor of the file, once there is one.
    pub(crate) fn descriptor(&self) -> Option<&Fd> {
        self.file().map(|(file, _)| file)
    }

    /// Copies bytes from `at` on. A signal handler on top may change them meanwhile: what is copied
    /// then is of no use.
    pub(crate) fn read(&self, at: usize, to: &mut [u8]) {
        let Mapping { start, len } = *self.mapping();
        assert!(at <= len && to.len() <= len - at, "within the window");
        // SAFETY: the bytes are mapped as long as the window is, and outside of every borrow: the
        // window's owner is this thread.
        unsafe { std::ptr::copy_nonoverlapping(start.add(at), to.as_mut_ptr(), to.len()) };
    }

    /// Moves `len` bytes from `at` on to the front. For the window's owner, as [`read`](Self::read).
    pub(crate) fn move_to_front(&self, at: usize, len: usize) {
        let Mapping { start, len: end } = *self.mapping();
        assert!(at <= end && len <= end - at, "within the window");
        // SAFETY: as for `read`.
        unsafe { std::ptr::copy(start.add(at), start, len) };
    }

    /// Copies the bytes from `at` on to the places that `pieces` name, one behind the other; how
    /// many bytes were copied before one could not be written. The first `held` bytes stay what they
    /// are.
    ///
    /// # Safety
    /// The window must be this thread's, with no handler on top that uses it. Every piece that names
    /// mapped, writable memory must name memory that may be overwritten now, and none of the window's
    /// own.
    pub(crate) unsafe fn copy_out(&self, held: usize, at: usize, pieces: &[IoVec]) -> usize {
        let pages = &*self.0;
        if pages.copies.load(Ordering::Relaxed) >= COPIES_PAY
            && pages.file.get().is_none()
            && pages.process == process_id()
        {
            let _ = pages.file.set(self.make_file(held).ok());
        }
        let mut copied = 0;
        for batch in pieces.chunks(PIECES_MAX) {
            let wanted: usize = batch.iter().map(|piece| piece.iov_len).sum();
            // SAFETY: passed on from the caller.
            let done = unsafe { self.copy_batch(at + copied, batch) };
            copied += done;
            if done < wanted {
                break;
            }
        }
        copied
    }

    /// # Safety
    /// As for [`copy_out`](Self::copy_out).
    unsafe fn copy_batch(&self, at: usize, pieces: &[IoVec]) -> usize {
        if let Some(file) = self.descriptor() {
            let (number, list) = (file.as_raw_fd(), pieces.as_ptr());
            // SAFETY: the list is live; the kernel checks the memory that it names, and the caller
            // vouches for that.
            let read = unsafe { syscall!(SYS_preadv, number, list, pieces.len(), at, 0usize) };
            match read {
                Ok(copied) => return copied,
                Err(error) if error.raw_os_error() == Some(libc::EFAULT) => return 0,
                // The program has closed a descriptor that it does not know.
                Err(_) => {}
            }
        }
        let mut copied = 0;
        for piece in pieces {
            // SAFETY: nobody changes the bytes while they are copied, says the caller.
            let bytes = unsafe { self.mapping().bytes(at + copied, piece.iov_len) };
            if write_process(piece.iov_base.expose_provenance(), bytes).is_err() {
                break;
            }
            copied += bytes.len();
            self.0.copies.fetch_add(1, Ordering::Relaxed);
        }
        copied
    }

    #[cold]
    fn make_file(&self, held: usize) -> io::Result<(Fd, Mapping)> {
        let plain = &self.0.plain;
        let file = file(plain.len)?;
        // SAFETY: nobody changes the bytes, as for `copy_out`, which calls this.
        let bytes = unsafe { plain.bytes(0, held) };
        // By the host, which says so where it has no memory for a page of the file.
        if rustix::io::pwrite(&file, bytes, 0)? != held {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let mapping = Mapping::new(plain.len, Some(&file))?;
        Ok((file, mapping))
    }
}

fn file(len: usize) -> io::Result<Fd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let make = |flags| memfd_create(c"rumpclient", flags);
    // Kernels before 6.3 do not take the promise that it will never be a program.
    let file = make(flags | MemfdFlags::NOEXEC_SEAL).or_else(|_| make(flags))?;
    ftruncate(&file, len as u64)?;
    // Nobody can take the pages away from under the mapping.
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Fd::adopt(file)
}

impl Deref for Window {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let mapping = self.0.mapping();
        // SAFETY: only written through this value, or by whoever has its views and the window.
        unsafe { mapping.bytes(0, mapping.len) }
    }
}

impl DerefMut for Window {
    fn deref_mut(&mut self) -> &mut [u8] {
        let Mapping { start, len } = *self.0.mapping();
        // SAFETY: the mapping is that long and writable, and exclusively borrowed with this value.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }
}

/// Memory of its own.
#[derive(Debug)]
struct Mapping {
    start: *mut u8,
    len: usize,
}

// SAFETY: the memory belongs to the value, like that of a boxed slice.
unsafe impl Send for Mapping {}
// SAFETY: a pointer and a length; what may be done with them is said at the methods of those who have
// it.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Zeroed memory, or that of a file of this length.
    fn new(len: usize, file: Option<&Fd>) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let anywhere = std::ptr::null_mut();
        // SAFETY: a fresh mapping at an address of the kernel's choice overlaps nothing.
        let start = unsafe {
            match file {
                Some(file) => mmap(anywhere, len, access, MapFlags::SHARED, file, 0),
                None => mmap_anonymous(anywhere, len, access, MapFlags::PRIVATE),
            }
        }?;
        if file.is_none() {
            // For a forked child, which has no use for it, the host need not keep a copy. It finds
            // zeros; what kernels before 4.14 give it does no harm either.
            // SAFETY: nobody has the memory yet.
            let _ = unsafe { madvise(start, len, Advice::LinuxWipeOnFork) };
        }
        Ok(Self { start: start.cast(), len })
    }

    /// # Safety
    /// Nobody may change the bytes as long as the result is used.
    unsafe fn bytes(&self, at: usize, len: usize) -> &[u8] {
        assert!(at <= self.len && len <= self.len - at, "within the window");
        // SAFETY: mapped as long as this value lives; the rest the caller vouches for.
        unsafe { std::slice::from_raw_parts(self.start.add(at), len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by this value, which nobody borrows any more.
        let _ = unsafe { munmap(self.start.cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{map_anonymous, page_size};

    const LEN: usize = 64 << 10;

    fn piece(address: usize, len: usize) -> IoVec {
        IoVec { iov_base: std::ptr::with_exposed_provenance_mut(address), iov_len: len }
    }

    fn patterned() -> Window {
        let mut window = Window::new(LEN).unwrap();
        (0..LEN).for_each(|at| window[at] = (at % 251) as u8);
        window
    }

    /// A window that is a file, and one that never will be.
    fn windows() -> [Window; 2] {
        let windows = [patterned(), patterned()];
        let pages = &windows[0].0;
        assert!(pages.0.file.set(pages.make_file(LEN).ok()).is_ok());
        assert!(pages.descriptor().is_some());
        assert!(windows[1].0.0.file.set(None).is_ok());
        windows
    }

    #[test]
    fn bytes_go_to_any_number_of_places() {
        for window in windows() {
            let mut target = vec![0_u8; 30_000];
            let start = target.as_mut_ptr().expose_provenance();
            let pieces: Vec<_> = (0..3000).map(|at| piece(start + at * 10, 10)).collect();
            // SAFETY: the pieces lie in the target.
            assert_eq!(unsafe { window.view().copy_out(LEN, 7, &pieces) }, 30_000);
            assert_eq!(target, window[7..30_007]);
        }
    }

    #[test]
    fn what_comes_before_a_bad_place_is_copied() {
        for window in windows() {
            let page = page_size();
            let address = map_anonymous(page).unwrap();
            let pieces = [piece(address, 100), piece(0, 10), piece(address + 200, 10)];
            // SAFETY: one piece lies in the page, one is not mapped, one is not reached.
            assert_eq!(unsafe { window.view().copy_out(LEN, 0, &pieces) }, 100);
            // SAFETY: nothing is mapped there.
            assert_eq!(unsafe { window.view().copy_out(LEN, 0, &pieces[1..2]) }, 0);
        }
    }

    #[test]
    fn a_descriptor_that_the_program_has_closed_is_done_without() {
        let [window, _] = windows();
        window.view().descriptor().unwrap().close();
        let mut target = [0_u8; 100];
        let pieces = [piece(target.as_mut_ptr().expose_provenance(), 100)];
        // SAFETY: the piece is the target.
        assert_eq!(unsafe { window.view().copy_out(LEN, 0, &pieces) }, 100);
        assert_eq!(target, window[..100]);
    }

    /// Copies bytes of the window one by one, as many times as it takes for a file to pay.
    fn copy_until_it_pays(window: &Window) {
        for at in 0..COPIES_PAY as usize {
            assert!(window.view().descriptor().is_none());
            assert_eq!(copy_one(window, at), window[at]);
        }
    }

    fn copy_one(window: &Window, at: usize) -> u8 {
        let mut target = 0xff;
        let pieces = [piece(std::ptr::from_mut(&mut target).expose_provenance(), 1)];
        // SAFETY: the piece is the target.
        assert_eq!(unsafe { window.view().copy_out(1000, at, &pieces) }, 1);
        target
    }

    #[test]
    fn a_window_becomes_a_file_when_that_pays() {
        let mut window = patterned();
        let before = window[..1000].to_vec();
        copy_until_it_pays(&window);
        assert_eq!(copy_one(&window, 999), before[999]);
        assert!(window.view().descriptor().is_some());
        assert_eq!(window[..1000], before);
        // What is written from now on is read out of the file.
        window[LEN - 1] = 0xaa;
        assert_eq!(copy_one(&window, LEN - 1), 0xaa);
        let mut read = [0];
        window.view().read(LEN - 1, &mut read);
        assert_eq!((read, window.view().start()), ([0xaa], window.as_mut_ptr()));
    }

    #[test]
    fn a_vforked_child_makes_no_file() {
        let mut window = patterned();
        Arc::get_mut(&mut window.0.0).unwrap().process += 1;
        copy_until_it_pays(&window);
        assert_eq!(copy_one(&window, 999), window[999]);
        assert!(window.view().descriptor().is_none());
    }
}
