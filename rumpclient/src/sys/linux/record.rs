//! Host calls whose outcome the kernel writes down.
//!
//! A signal handler may run between a system call's end and the moment at which the program has
//! taken note of its result. Whoever the handler calls can then not know whether bytes were moved.
//! `sendmmsg(2)` and `recvmmsg(2)` store the count in memory before they return: so it can.

use std::cell::UnsafeCell;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::socket::outcome;
use super::{Fd, Io, IoVec, wait};

/// One call, to be made until it moves something.
pub(crate) struct Record {
    message: UnsafeCell<libc::mmsghdr>,
    vector: UnsafeCell<IoVec>,
}

// SAFETY: the thread that uses a record prepares it while nobody else looks; after that the record
// changes only by host calls and through the atomic views of two of its fields.
unsafe impl Sync for Record {}
// SAFETY: the addresses in it are those of the memory that `prepare` was given.
unsafe impl Send for Record {}

/// What stands for a call that has moved nothing (yet).
const NOTHING: u32 = u32::MAX;

/// A number of pieces that makes the host refuse a call.
const REFUSED: usize = usize::MAX;

impl Record {
    pub(crate) fn new() -> Self {
        // SAFETY: both are plain data for which zero bytes are valid.
        let (message, vector) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        Self { message: UnsafeCell::new(message), vector: UnsafeCell::new(vector) }
    }

    /// Gets ready to move up to `len` bytes from or to `address`.
    ///
    /// # Safety
    /// The record must be this thread's alone, and stay where it is until it is used no more.
    pub(crate) unsafe fn prepare(&self, address: *mut u8, len: usize) {
        // SAFETY: the caller's promise.
        let (message, vector) = unsafe { (&mut *self.message.get(), &mut *self.vector.get()) };
        *vector = IoVec { iov_base: address.cast(), iov_len: len };
        message.msg_hdr.msg_iov = vector;
        message.msg_hdr.msg_iovlen = 1;
        message.msg_len = NOTHING;
    }

    /// How many bytes have been moved; `None` as long as the call has not been carried out.
    pub(crate) fn moved(&self) -> Option<usize> {
        // SAFETY: the field is aligned, and written by the kernel or by `prepare` only.
        let count = unsafe { AtomicU32::from_ptr(&raw mut (*self.message.get()).msg_len) };
        match count.load(Ordering::Acquire) {
            NOTHING => None,
            moved => Some(moved as usize),
        }
    }

    /// Sees to it that the call fails if it is still to be made, or made again.
    pub(crate) fn spoil(&self) {
        // SAFETY: the field is aligned; a usize by the kernel's ABI.
        let pieces = unsafe {
            AtomicUsize::from_ptr((&raw mut (*self.message.get()).msg_hdr.msg_iovlen).cast())
        };
        pieces.store(REFUSED, Ordering::Release);
    }

    /// Sends, without waiting. See [`moved`](Self::moved) for how much.
    ///
    /// # Safety
    /// The memory that `prepare` was given must be readable.
    pub(crate) unsafe fn send(&self, socket: &Fd) -> io::Result<bool> {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let message = self.message.get();
        // SAFETY: the header and its list are live; the caller vouches for the memory.
        progress(unsafe { wait::transfer(libc::SYS_sendmmsg, socket, message, flags) })
    }

    /// Receives, without waiting; whether there was something, if only the end.
    ///
    /// # Safety
    /// The memory that `prepare` was given must be this thread's to overwrite.
    pub(crate) unsafe fn receive(&self, socket: &Fd) -> io::Result<bool> {
        let (message, flags) = (self.message.get(), libc::MSG_DONTWAIT);
        // SAFETY: the header and its list are live; the caller vouches for the memory.
        progress(unsafe { wait::transfer(libc::SYS_recvmmsg, socket, message, flags) })
    }
}

fn progress(result: io::Result<usize>) -> io::Result<bool> {
    match outcome(result)? {
        Io::Moved(_) => Ok(true),
        Io::WouldBlock => Ok(false),
        Io::Fault => Err(io::Error::from_raw_os_error(libc::EFAULT)),
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("moved", &self.moved()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket_pair;

    #[test]
    fn what_was_moved_is_written_down() {
        let (here, there) = socket_pair().unwrap();
        let (mut out, mut into) = (*b"hello", [0; 16]);
        let (sent, received) = (Record::new(), Record::new());
        // SAFETY: nobody else has the records, and the arrays outlive them.
        unsafe {
            sent.prepare(out.as_mut_ptr(), out.len());
            received.prepare(into.as_mut_ptr(), into.len());
            assert!(!received.receive(&there).unwrap());
            assert_eq!((sent.moved(), received.moved()), (None, None));
            assert!(sent.send(&here).unwrap());
            assert!(received.receive(&there).unwrap());
        }
        assert_eq!((sent.moved(), received.moved()), (Some(5), Some(5)));
        assert_eq!(&into[..5], b"hello");
    }

    #[test]
    fn a_spoilt_call_fails_and_moves_nothing() {
        let (here, there) = socket_pair().unwrap();
        let (mut bytes, record) = (*b"hello", Record::new());
        // SAFETY: nobody else has the record, and the array outlives it.
        unsafe {
            record.prepare(bytes.as_mut_ptr(), bytes.len());
            record.spoil();
            assert!(record.send(&here).is_err());
            // Not even the end is taken note of.
            drop(here);
            assert!(record.receive(&there).is_err());
        }
        assert_eq!(record.moved(), None);
    }
}
