//! Calls by number with raw arguments, and memory that is not what it should be: what C programs
//! do and Rust's types forbid.

#![allow(unsafe_code)]

use rumpclient::table::{self, Syscall};
use rumpclient::{Client, Errno, Region};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// A call of the table with marshalled arguments, all zero at first.
#[derive(Debug)]
pub struct RawCall {
    call: &'static Syscall,
    args: Vec<u8>,
}

impl RawCall {
    /// The call of this name.
    ///
    /// # Panics
    /// When the table has no such call.
    pub fn new(name: &str) -> Self {
        let call = table::by_name(name).unwrap_or_else(|| panic!("the table has no call {name}"));
        Self { call, args: vec![0; call.size] }
    }

    /// Sets an argument by name.
    ///
    /// # Panics
    /// When the call has no such argument.
    pub fn set(&mut self, name: &str, value: u64) -> &mut Self {
        let arg = self.call.arg(name).unwrap_or_else(|| panic!("no argument {name}"));
        let bytes = value.to_ne_bytes();
        let value =
            if cfg!(target_endian = "big") { &bytes[8 - arg.width..] } else { &bytes[..arg.width] };
        let slot = arg.width.max(size_of::<usize>());
        let at =
            if cfg!(target_endian = "big") { arg.offset + slot - arg.width } else { arg.offset };
        self.args[at..at + arg.width].copy_from_slice(value);
        self
    }

    /// Makes the call; its first return register.
    pub fn run(&self, client: &Client, regions: &[Region]) -> Result<isize, Errno> {
        Self::run_bytes(client, self.call.number, &self.args, regions)
    }

    /// Makes a call by number; its first return register.
    pub fn run_bytes(
        client: &Client,
        number: u32,
        args: &[u8],
        regions: &[Region],
    ) -> Result<isize, Errno> {
        let mut retval = [0; 2];
        // SAFETY: tests pass pointers to memory of their own that a kernel may write to, or
        // pointers that no kernel can.
        unsafe { client.syscall_lending(number, args, regions, &mut retval) }?;
        Ok(retval[0])
    }
}

/// Bytes of a page of the host's.
pub fn page_size() -> usize {
    // SAFETY: sysconf only looks a number up.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).expect("the host knows how large a page is")
}

/// The host maps nothing below this (`vm.mmap_min_addr`) unless it is told where to.
const LOWEST_MAPPING: usize = 0x10000;

/// Pages in a row: one that can only be read and holds no NUL, one without any access.
#[derive(Debug)]
pub struct Unmapped {
    base: usize,
}

impl Default for Unmapped {
    fn default() -> Self {
        Self::new()
    }
}

impl Unmapped {
    /// Maps the pages.
    pub fn new() -> Self {
        let page = page_size();
        // SAFETY: a fresh private mapping at an address of the host's choice overlaps nothing.
        let base = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                2 * page,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }
        .expect("two pages can be mapped");
        // SAFETY: the first of the two pages, which nobody else uses.
        unsafe { base.cast::<u8>().write_bytes(b'x', page) };
        // SAFETY: as above.
        unsafe { mprotect(base, page, MprotectFlags::READ) }.expect("a page can be protected");
        let second = base.cast::<u8>().wrapping_add(page).cast();
        // SAFETY: the second of the two pages, which nobody else uses.
        unsafe { mprotect(second, page, MprotectFlags::empty()) }.expect("a page can be protected");
        Self { base: base.expose_provenance() }
    }

    /// The start of a page that can be read and not written.
    pub fn readable(&self) -> usize {
        self.base
    }

    /// The last `left` bytes of the readable page: what is longer runs into the protected one.
    pub fn end_of_readable(&self, left: usize) -> usize {
        self.protected() - left
    }

    /// The start of a page without access.
    pub fn protected(&self) -> usize {
        self.base + page_size()
    }

    /// The start of a page that is not mapped, and is not going to be: a hole beside the other
    /// pages would soon be another thread's memory.
    pub fn unmapped(&self) -> usize {
        LOWEST_MAPPING / 2
    }
}

impl Drop for Unmapped {
    fn drop(&mut self) {
        let base = std::ptr::with_exposed_provenance_mut(self.base);
        // SAFETY: the two pages are this value's own.
        let _ = unsafe { munmap(base, 2 * page_size()) };
    }
}
