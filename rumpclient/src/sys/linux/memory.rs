//! Copies that answer EFAULT instead of faulting.

use std::io;
use std::os::fd::AsRawFd;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use super::syscall;

/// Bytes of a page.
pub(crate) fn page_size() -> usize {
    // rustix would read all of the auxiliary vector, and fault on what valgrind puts there.
    // SAFETY: getauxval only reads what the kernel gave the program at its start.
    unsafe { libc::getauxval(libc::AT_PAGESZ) as usize }
}

/// Copies from this process's memory at `address`, which need not be mapped or readable, into
/// `to`. All or an error: EFAULT when some byte cannot be read.
pub(crate) fn read_process(address: usize, to: &mut [u8]) -> io::Result<()> {
    let own = to.as_mut_ptr().expose_provenance();
    copy(address, own, to.len()).unwrap_or_else(|| read_by_pipe(address, to))
}

/// Copies `from` into this process's memory at `address`, which need not be mapped or writable.
/// All or an error: EFAULT when some byte cannot be written (those before it may have been).
pub(crate) fn write_process(address: usize, from: &[u8]) -> io::Result<()> {
    let own = from.as_ptr().expose_provenance();
    copy(own, address, from.len()).unwrap_or_else(|| write_by_pipe(address, from))
}

/// Copies `len` bytes between two addresses of this process, one of which may be bad. `None` where
/// the host does not let a process use the call on itself (seccomp).
///
/// Writing goes by the same call, the target being what it takes for this side's memory: checkers
/// such as valgrind know that it fills that, but not what process_vm_writev does to the other side.
fn copy(from: usize, to: usize, len: usize) -> Option<io::Result<()>> {
    if len == 0 {
        return Some(Ok(()));
    }
    let io_vec = |address| libc::iovec {
        iov_base: std::ptr::with_exposed_provenance_mut(address),
        iov_len: len,
    };
    let (local, remote) = (io_vec(to), io_vec(from));
    let pid = super::process_id();
    // SAFETY: one side is a live slice, exclusive if it is the target; for the other one the kernel
    // checks that it is mapped with the right permission, and answers EFAULT if not. Whether it may
    // be written is the caller's decision.
    let copied = unsafe {
        syscall!(SYS_process_vm_readv, pid, &raw const local, 1, &raw const remote, 1, 0)
    };
    match copied {
        Ok(copied) if copied == len => Some(Ok(())),
        Ok(_) => Some(Err(fault())),
        Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Some(Err(error)),
        Err(_) => None,
    }
}

fn fault() -> io::Error {
    io::Error::from_raw_os_error(libc::EFAULT)
}

/// Bytes moved through the pipe at once: what a pipe takes without blocking.
const PIPE_CHUNK: usize = 4096;

fn read_by_pipe(address: usize, to: &mut [u8]) -> io::Result<()> {
    let (out, into) = super::pipe()?;
    let mut address = address;
    for chunk in to.chunks_mut(PIPE_CHUNK) {
        // SAFETY: write(2) only reads the memory, and answers EFAULT where it cannot.
        let moved = unsafe { syscall!(SYS_write, into.as_raw_fd(), address, chunk.len()) }?;
        if moved != chunk.len() || rustix::io::read(&out, &mut *chunk)? != chunk.len() {
            return Err(fault());
        }
        address = address.wrapping_add(chunk.len());
    }
    Ok(())
}

fn write_by_pipe(address: usize, from: &[u8]) -> io::Result<()> {
    let (out, into) = super::pipe()?;
    let mut address = address;
    for chunk in from.chunks(PIPE_CHUNK) {
        if rustix::io::write(&into, chunk)? != chunk.len() {
            return Err(fault());
        }
        // SAFETY: the caller decided that this memory may be written; read(2) answers EFAULT where
        // it cannot be.
        let moved = unsafe { syscall!(SYS_read, out.as_raw_fd(), address, chunk.len()) }?;
        if moved != chunk.len() {
            return Err(fault());
        }
        address = address.wrapping_add(chunk.len());
    }
    Ok(())
}

/// Maps `len` bytes of fresh zeroed memory; its address.
pub(crate) fn map_anonymous(len: usize) -> io::Result<usize> {
    // SAFETY: a fresh private mapping at an address of the kernel's choice overlaps nothing.
    let address = unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            len,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    }?;
    Ok(address.expose_provenance())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = fn(usize, &mut [u8]) -> io::Result<()>;
    type Write = fn(usize, &[u8]) -> io::Result<()>;

    /// Both ways of copying keep the same promises.
    const WAYS: [(Read, Write); 2] = [(read_process, write_process), (read_by_pipe, write_by_pipe)];

    #[test]
    fn good_memory_is_copied_whole() {
        for (read, write) in WAYS {
            let source: Vec<u8> = (0..20_000u32).map(|n| n as u8).collect();
            let mut target = vec![0; source.len()];
            read(source.as_ptr().expose_provenance(), &mut target).unwrap();
            assert_eq!(source, target);
            let mut other = vec![0u8; source.len()];
            write(other.as_mut_ptr().expose_provenance(), &source).unwrap();
            assert_eq!(source, other);
        }
    }

    #[test]
    fn bad_memory_is_an_error_and_no_signal() {
        let page = page_size();
        let address = map_anonymous(2 * page).unwrap();
        let protect = |at: usize, flags| {
            let pointer = std::ptr::with_exposed_provenance_mut(at);
            // SAFETY: the pages were mapped above and nobody else uses them.
            unsafe { rustix::mm::mprotect(pointer, page, flags) }.unwrap();
        };
        protect(address + page, rustix::mm::MprotectFlags::empty());
        for (read, write) in WAYS {
            let mut bytes = [0; 16];
            for bad in [0, address + page, address + page - 8, usize::MAX - 4] {
                let error = read(bad, &mut bytes).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EFAULT), "{bad:#x}");
                let error = write(bad, &bytes).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EFAULT), "{bad:#x}");
            }
        }
        protect(address, rustix::mm::MprotectFlags::READ);
        for (read, write) in WAYS {
            read(address, &mut [0; 16]).unwrap();
            assert_eq!(write(address, &[1]).unwrap_err().raw_os_error(), Some(libc::EFAULT));
        }
    }
}
