//! A buffer from which bytes can be copied to any address, with EFAULT instead of a fault.
//!
//! The buffer is memory and a file at once. What stands in it is read out of the file, straight to
//! the caller's addresses, which the host kernel checks: at a quarter of the cost of having it write
//! to this process's memory (`process_vm_writev(2)`), and to any number of places at once.

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::AsRawFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use super::{Fd, IoVec, syscall, write_process};

/// The memory.
#[derive(Debug)]
pub(crate) struct Window {
    start: *mut u8,
    len: usize,
}

// SAFETY: the mapping belongs to the value, like the memory of a boxed slice.
unsafe impl Send for Window {}

/// The most pieces that the host takes at once.
const PIECES_MAX: usize = 1024;

impl Window {
    /// `len` bytes, and the file that they are. `None` where the host has no such files: copies
    /// take longer then.
    pub(crate) fn new(len: usize) -> io::Result<(Self, Option<Fd>)> {
        let file = file(len).ok();
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let anywhere = std::ptr::null_mut();
        // SAFETY: a fresh mapping at an address of the kernel's choice overlaps nothing.
        let start = unsafe {
            match &file {
                Some(file) => mmap(anywhere, len, access, MapFlags::SHARED, file, 0),
                None => mmap_anonymous(anywhere, len, access, MapFlags::PRIVATE),
            }
        }?;
        Ok((Self { start: start.cast(), len }, file))
    }

    /// A look at it that is not borrowed. It must not be used when the window is gone.
    pub(crate) fn view(&self) -> View {
        View { start: self.start, len: self.len }
    }
}

/// A look at a window, whoever has that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    start: *mut u8,
    len: usize,
}

// SAFETY: a pointer and a length; what may be done with them is said at the methods.
unsafe impl Send for View {}

impl View {
    /// Where it begins, for host calls to write to.
    pub(crate) fn start(self) -> *mut u8 {
        self.start
    }

    /// Copies bytes from `at` on. A signal handler on top may change them meanwhile: what is copied
    /// then is of no use.
    pub(crate) fn read(self, at: usize, to: &mut [u8]) {
        assert!(at <= self.len && to.len() <= self.len - at, "within the window");
        // SAFETY: the bytes are mapped as long as the window is, and outside of every borrow: the
        // window's owner is this thread.
        unsafe { std::ptr::copy_nonoverlapping(self.start.add(at), to.as_mut_ptr(), to.len()) };
    }

    /// Copies the bytes from `at` on to the places that `pieces` name, one behind the other; how
    /// many bytes were copied before one could not be written.
    ///
    /// # Safety
    /// Every piece that names mapped, writable memory must name memory that may be overwritten now,
    /// and none of the window's own.
    pub(crate) unsafe fn copy_out(self, file: Option<&Fd>, at: usize, pieces: &[IoVec]) -> usize {
        let mut copied = 0;
        for batch in pieces.chunks(PIECES_MAX) {
            let wanted: usize = batch.iter().map(|piece| piece.iov_len).sum();
            // SAFETY: passed on from the caller.
            let done = unsafe { self.copy_batch(file, at + copied, batch) };
            copied += done;
            if done < wanted {
                break;
            }
        }
        copied
    }

    /// # Safety
    /// As for [`copy_out`](Self::copy_out).
    unsafe fn copy_batch(self, file: Option<&Fd>, at: usize, pieces: &[IoVec]) -> usize {
        if let Some(file) = file {
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
            let end = at + copied + piece.iov_len;
            assert!(end <= self.len, "within the window");
            // SAFETY: the bytes are mapped, and nobody changes them while they are copied.
            let bytes =
                unsafe { std::slice::from_raw_parts(self.start.add(at + copied), piece.iov_len) };
            if write_process(piece.iov_base.expose_provenance(), bytes).is_err() {
                break;
            }
            copied += bytes.len();
        }
        copied
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
        // SAFETY: the mapping is that long, readable, and only written through this value.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl DerefMut for Window {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is that long and writable, and exclusively borrowed with this value.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl Drop for Window {
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

    /// A window with a pattern in it, as a file and without one.
    fn windows() -> [(Window, Option<Fd>); 2] {
        let (window, file) = Window::new(LEN).unwrap();
        assert!(file.is_some());
        let plain = Window::new(LEN).unwrap().0;
        [(window, file), (plain, None)].map(|(mut window, file)| {
            (0..LEN).for_each(|at| window[at] = (at % 251) as u8);
            (window, file)
        })
    }

    #[test]
    fn bytes_go_to_any_number_of_places() {
        for (window, file) in windows() {
            let mut target = vec![0_u8; 30_000];
            let start = target.as_mut_ptr().expose_provenance();
            let pieces: Vec<_> = (0..3000).map(|at| piece(start + at * 10, 10)).collect();
            // SAFETY: the pieces lie in the target.
            assert_eq!(unsafe { window.view().copy_out(file.as_ref(), 7, &pieces) }, 30_000);
            assert_eq!(target, window[7..30_007]);
        }
    }

    #[test]
    fn what_comes_before_a_bad_place_is_copied() {
        for (window, file) in windows() {
            let page = page_size();
            let address = map_anonymous(page).unwrap();
            let pieces = [piece(address, 100), piece(0, 10), piece(address + 200, 10)];
            // SAFETY: one piece lies in the page, one is not mapped, one is not reached.
            assert_eq!(unsafe { window.view().copy_out(file.as_ref(), 0, &pieces) }, 100);
            // SAFETY: nothing is mapped there.
            assert_eq!(unsafe { window.view().copy_out(file.as_ref(), 0, &pieces[1..2]) }, 0);
        }
    }

    #[test]
    fn a_descriptor_that_the_program_has_closed_is_done_without() {
        let [(window, file), _] = windows();
        file.as_ref().unwrap().close();
        let mut target = [0_u8; 100];
        let pieces = [piece(target.as_mut_ptr().expose_provenance(), 100)];
        // SAFETY: the piece is the target.
        assert_eq!(unsafe { window.view().copy_out(file.as_ref(), 0, &pieces) }, 100);
        assert_eq!(target, window[..100]);
    }
}
