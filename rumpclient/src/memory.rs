//! Every copy from or to the caller's memory.
//!
//! Invariant: a [`Lent`] or [`Span`] is used only while the call that lends it is registered with
//! its session and either the session's state is locked or the call is pinned (see `session.rs`).
//! The caller's thread cannot leave the call then, so what it lent is still lent.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::io;
use std::ptr;

use smallvec::SmallVec;

use crate::netbsd::Errno;
use crate::sys::{self, Fd, Io, IoVec, View};
use crate::table::Dir;

/// Memory of the caller cannot be read or written as asked: EFAULT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault;

/// What is known about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It comes from a Rust borrow that lasts as long as the call: valid by type.
    Borrowed,
    /// It comes from C or a raw pointer and may point anywhere: copied by the host kernel, which
    /// answers EFAULT.
    Raw,
}

/// A region that a call lends to the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lent {
    address: usize,
    extent: Extent,
    dir: Dir,
    trust: Trust,
}

#[derive(Clone, Copy, Debug)]
enum Extent {
    Bytes(usize),
    /// Up to and including a NUL that nobody has looked for yet.
    Terminated,
}

/// Part of a lent region, or of any memory while an opaque call runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    address: usize,
    len: usize,
    trust: Trust,
}

/// Bytes that have arrived in a window for a span that they fill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Landing {
    /// The call that lends the memory.
    pub(crate) owner: u64,
    pub(crate) span: Span,
    /// Where they stand in the window.
    pub(crate) at: usize,
}

/// The most bytes between two landings that are copied along with them, to nowhere: the heads of
/// frames.
const GAP_MAX: usize = 64;

/// Copies what has arrived to its places, which lie in the window in this order. How many landings
/// were copied whole before one could not be. The window holds `held` bytes in all; it is this
/// thread's, and no signal handler comes on top.
pub(crate) fn land(window: &View, held: usize, landings: &[Landing]) -> usize {
    let mut landed = 0;
    while landed < landings.len() {
        let (run, done) = land_run(window, held, &landings[landed..]);
        landed += done;
        if done < run {
            break;
        }
    }
    landed
}

/// The most places that one host call copies to, gaps among them: twice the frames of 4 KiB that a
/// window holds, and some.
const PIECES_MAX: usize = 96;

/// Copies the first landings that lie close together with one host call: how many they are, and how
/// many of them were copied whole.
fn land_run(window: &View, held: usize, landings: &[Landing]) -> (usize, usize) {
    let mut nowhere = [0_u8; GAP_MAX];
    let mut pieces = SmallVec::<[IoVec; PIECES_MAX]>::new();
    let (start, mut end, mut run) = (landings[0].at, landings[0].at, 0);
    for landing in landings {
        let gap = landing.at - end;
        if gap > GAP_MAX || pieces.len() + 2 > PIECES_MAX {
            break;
        }
        if gap > 0 {
            pieces.push(IoVec { iov_base: nowhere.as_mut_ptr().cast(), iov_len: gap });
        }
        pieces.push(landing.span.io_vec());
        end = landing.at + landing.span.len;
        run += 1;
    }
    // SAFETY: the window is this thread's; the spans are lent for writing, which the module's
    // invariant keeps true, and none is in a window: those are lent to nobody.
    let copied = unsafe { window.copy_out(held, start, &pieces) };
    let whole = |landing: &&Landing| landing.at + landing.span.len <= start + copied;
    (run, landings[..run].iter().take_while(whole).count())
}

/// Longest string that is read: well above NetBSD's PATH_MAX of 1024 bytes. Strings are copied, so
/// this also bounds what a server can have the library allocate.
const STRING_MAX: usize = 16 << 10;

/// How much of a string is read at once, bytes: most paths are shorter.
const STRING_CHUNK: usize = 256;

impl Lent {
    /// `len` bytes at `address`.
    ///
    /// # Safety
    /// For [`Trust::Borrowed`] the memory must be borrowed (exclusively, if the server may write)
    /// for as long as the module's invariant lets it be used. For [`Trust::Raw`] the caller must
    /// own up to every write the server makes there.
    pub(crate) unsafe fn bytes(address: usize, len: usize, dir: Dir, trust: Trust) -> Self {
        Self { address, extent: Extent::Bytes(len), dir, trust }
    }

    /// The NUL-terminated string at `address`, for the server to read.
    ///
    /// # Safety
    /// As for [`bytes`](Self::bytes), and borrowed memory must hold a NUL.
    pub(crate) unsafe fn string(address: usize, trust: Trust) -> Self {
        let extent = match trust {
            Trust::Raw => Extent::Terminated,
            Trust::Borrowed => {
                let start = ptr::with_exposed_provenance(address);
                // SAFETY: borrowed from a C string, says the caller.
                Extent::Bytes(unsafe { CStr::from_ptr(start) }.to_bytes_with_nul().len())
            }
        };
        Self { address, extent, dir: Dir::In, trust }
    }

    fn allows(&self, dir: Dir) -> bool {
        self.dir == dir || self.dir == Dir::InOut
    }

    /// The span of `len` bytes at `address`, if all of it is lent in this direction.
    pub(crate) fn span(&self, address: usize, len: usize, dir: Dir) -> Option<Span> {
        if !self.allows(dir) {
            return None;
        }
        let offset = address.checked_sub(self.address)?;
        let covered = match self.extent {
            Extent::Bytes(size) => offset.checked_add(len)? <= size,
            Extent::Terminated => {
                let end = offset.checked_add(len)?;
                // Everything before the last byte asked for must be free of the terminator.
                end == 0 || (end <= STRING_MAX && self.terminator(end - 1).is_none())
            }
        };
        covered.then_some(Span { address, len, trust: self.trust })
    }

    /// Bytes lent for writing from `address` on, if that lies in the region or at its end.
    pub(crate) fn room_after(&self, address: usize) -> Option<usize> {
        match self.extent {
            Extent::Bytes(size) if self.allows(Dir::Out) => {
                size.checked_sub(address.checked_sub(self.address)?)
            }
            _ => None,
        }
    }

    /// The span from `address` to the end of what is lent there for reading, at most `max` bytes,
    /// for a server that looks for a NUL in it.
    pub(crate) fn string_span(&self, address: usize, max: usize) -> Option<Span> {
        if !self.allows(Dir::In) {
            return None;
        }
        let offset = address.checked_sub(self.address)?;
        let len = match self.extent {
            Extent::Bytes(size) => size.checked_sub(offset).filter(|&left| left > 0)?.min(max),
            Extent::Terminated if offset == 0 => max,
            Extent::Terminated => {
                (offset <= STRING_MAX && self.terminator(offset).is_none()).then_some(max)?
            }
        };
        Some(Span { address, len, trust: self.trust })
    }

    /// Where the NUL stands in the first `len` bytes; unreadable memory has none.
    fn terminator(&self, len: usize) -> Option<usize> {
        let head = Span { address: self.address, len, trust: self.trust };
        let found = head.read_string().ok()?;
        (found.last() == Some(&0)).then(|| found.len() - 1)
    }
}

impl Span {
    /// Any memory at all: what an opaque call lends.
    ///
    /// # Safety
    /// The caller of the opaque call must own up to every access the server makes.
    pub(crate) unsafe fn anywhere(address: usize, len: usize) -> Self {
        Self { address, len, trust: Trust::Raw }
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> usize {
        self.address
    }

    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The span without its first `offset` bytes.
    pub(crate) fn skip(&self, offset: usize) -> Self {
        debug_assert!(offset <= self.len);
        Self { address: self.address.wrapping_add(offset), len: self.len - offset, ..*self }
    }

    /// Its front, of `len` bytes.
    pub(crate) fn front(&self, len: usize) -> Self {
        debug_assert!(len <= self.len);
        Self { len, ..*self }
    }

    /// Whether nothing is known about its address.
    pub(crate) fn is_raw(&self) -> bool {
        self.trust == Trust::Raw
    }

    /// For a scatter/gather list.
    pub(crate) fn io_vec(&self) -> IoVec {
        IoVec { iov_base: ptr::with_exposed_provenance_mut(self.address), iov_len: self.len }
    }

    /// Copies from the front of the span.
    pub(crate) fn read(&self, to: &mut [u8]) -> Result<(), Fault> {
        if to.len() > self.len {
            return Err(Fault);
        }
        match self.trust {
            Trust::Raw => sys::read_process(self.address, to).map_err(|_| Fault),
            Trust::Borrowed => {
                let from = ptr::with_exposed_provenance::<u8>(self.address);
                // SAFETY: within a borrow that the module's invariant keeps alive; `to` is the
                // library's own and cannot overlap it.
                unsafe { ptr::copy_nonoverlapping(from, to.as_mut_ptr(), to.len()) };
                Ok(())
            }
        }
    }

    /// Copies to the front of the span.
    pub(crate) fn write(&self, from: &[u8]) -> Result<(), Fault> {
        if from.len() > self.len {
            return Err(Fault);
        }
        match self.trust {
            Trust::Raw => sys::write_process(self.address, from).map_err(|_| Fault),
            Trust::Borrowed => {
                let to = ptr::with_exposed_provenance_mut::<u8>(self.address);
                // SAFETY: within an exclusive borrow that the module's invariant keeps alive;
                // `from` is the library's own and cannot overlap it.
                unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
                Ok(())
            }
        }
    }

    /// The string at the front of the span, up to and including its NUL, or all of the span when
    /// it has none. More than [`STRING_MAX`] bytes are no string.
    pub(crate) fn read_string(&self) -> Result<Vec<u8>, Fault> {
        self.read_string_up_to(STRING_MAX)
    }

    fn read_string_up_to(&self, max: usize) -> Result<Vec<u8>, Fault> {
        let page = sys::page_size();
        let (mut string, mut chunk) = (Vec::new(), [0; STRING_CHUNK]);
        while string.len() < self.len {
            if string.len() > max {
                return Err(Fault);
            }
            // A chunk stays within a page, so that a string may end right before unmapped memory.
            let at = self.address.wrapping_add(string.len());
            let len = (page - at % page).min(self.len - string.len()).min(chunk.len());
            let chunk = &mut chunk[..len];
            self.skip(string.len()).read(chunk)?;
            if let Ok(end) = CStr::from_bytes_until_nul(chunk) {
                string.extend_from_slice(end.to_bytes_with_nul());
                break;
            }
            string.extend_from_slice(chunk);
        }
        Ok(string)
    }

    /// Receives into the span, and what comes after it into `rest`.
    pub(crate) fn receive(&self, socket: &Fd, rest: &mut [u8]) -> io::Result<Io> {
        let rest = IoVec { iov_base: rest.as_mut_ptr().cast(), iov_len: rest.len() };
        // SAFETY: the span is lent for writing, which the module's invariant keeps true; `rest` is
        // exclusively borrowed.
        unsafe { sys::recv_vectored(socket, &mut [self.io_vec(), rest]) }
    }
}

/// Copies from an address that may be bad. For the C library, which is given pointers by anybody.
///
/// # Errors
/// EFAULT when some byte cannot be read.
#[doc(hidden)]
pub fn read_raw(from: *const u8, to: &mut [u8]) -> Result<(), Errno> {
    sys::read_process(from.expose_provenance(), to).map_err(|_| Errno::EFAULT)
}

/// Whether a string can be read at an address that may be bad.
///
/// # Errors
/// EFAULT when some byte up to its NUL cannot.
#[doc(hidden)]
pub fn check_raw_string(from: *const c_char) -> Result<(), Errno> {
    let address = from.expose_provenance();
    let span = Span { address, len: usize::MAX - address, trust: Trust::Raw };
    span.read_string_up_to(usize::MAX).map(|_| ()).map_err(|Fault| Errno::EFAULT)
}

/// Copies to an address that may be bad.
///
/// # Safety
/// The caller answers for what is overwritten.
///
/// # Errors
/// EFAULT when some byte cannot be written; those before it may have been.
#[doc(hidden)]
pub unsafe fn write_raw(to: *mut u8, from: &[u8]) -> Result<(), Errno> {
    sys::write_process(to.expose_provenance(), from).map_err(|_| Errno::EFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lend(bytes: &[u8], dir: Dir, trust: Trust) -> (usize, Lent) {
        let address = bytes.as_ptr().expose_provenance();
        // SAFETY: the tests only read, and keep the bytes alive.
        (address, unsafe { Lent::bytes(address, bytes.len(), dir, trust) })
    }

    #[test]
    fn a_region_is_lent_to_its_last_byte_and_no_further() {
        let bytes = [7; 100];
        for trust in [Trust::Borrowed, Trust::Raw] {
            let (at, lent) = lend(&bytes, Dir::In, trust);
            assert!(lent.span(at, 100, Dir::In).is_some());
            assert!(lent.span(at + 99, 1, Dir::In).is_some());
            assert!(lent.span(at + 100, 0, Dir::In).is_some());
            assert!(lent.span(at, 101, Dir::In).is_none());
            assert!(lent.span(at + 100, 1, Dir::In).is_none());
            assert!(lent.span(at - 1, 1, Dir::In).is_none());
            assert!(lent.span(at + 1, usize::MAX, Dir::In).is_none());
            assert!(lent.span(at, 1, Dir::Out).is_none());
        }
    }

    #[test]
    fn a_string_is_lent_up_to_its_nul() {
        let text = b"path\0secret\0";
        let at = text.as_ptr().expose_provenance();
        for trust in [Trust::Borrowed, Trust::Raw] {
            // SAFETY: the text is static and only read.
            let lent = unsafe { Lent::string(at, trust) };
            let read = |at| lent.string_span(at, 1024).map(|span| span.read_string().unwrap());
            assert_eq!(read(at).unwrap(), b"path\0");
            assert_eq!(read(at + 2).unwrap(), b"th\0");
            assert_eq!(read(at + 5), None, "{trust:?}");
            assert!(lent.span(at, 5, Dir::In).is_some());
            assert!(lent.span(at, 6, Dir::In).is_none());
            assert_eq!(lent.string_span(at, 3).unwrap().read_string().unwrap(), b"pat");
        }
    }

    #[test]
    fn memory_without_an_end_is_no_string() {
        let endless = vec![b'x'; 1 << 20];
        let at = endless.as_ptr().expose_provenance();
        for trust in [Trust::Borrowed, Trust::Raw] {
            let (_, lent) = lend(&endless, Dir::In, trust);
            let read = |max| lent.string_span(at, max).unwrap().read_string();
            assert_eq!(read(STRING_MAX).map(|string| string.len()), Ok(STRING_MAX));
            assert_eq!(read(usize::MAX), Err(Fault));
        }
    }

    #[test]
    fn a_string_that_runs_into_unmapped_memory_is_a_fault() {
        // SAFETY: nothing is written; the address is never mapped.
        let lent = unsafe { Lent::string(16, Trust::Raw) };
        assert_eq!(lent.string_span(16, 1024).unwrap().read_string(), Err(Fault));
    }
}
