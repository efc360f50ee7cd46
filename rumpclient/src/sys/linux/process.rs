//! Making and replacing processes.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::net::sockopt::{socket_cookie, socket_type};
use rustix::net::{SocketAddrAny, SocketType, getpeername};
use rustix::stdio;

use super::{Fd, SignalsBlocked, syscall};

/// Which side of a fork this is.
pub(crate) enum Forked {
    Parent { child: i32 },
    Child,
}

/// A function that forks as libc's `fork` does.
pub(crate) type HostFork = unsafe extern "C" fn() -> libc::pid_t;

/// Stands in for libc's `fork` where a preloaded library has taken that symbol.
static HOST_FORK: OnceLock<HostFork> = OnceLock::new();

/// Has [`fork`] call another function; the first one given stays.
pub(crate) fn set_host_fork(fork: HostFork) {
    let _ = HOST_FORK.set(fork);
}

/// `fork(2)` by way of libc, so that its own locks are in order in the child.
///
/// # Safety
/// In a program with threads the child may only do what is async-signal-safe, and what libc allows
/// beyond that, until it execs.
pub(crate) unsafe fn fork() -> io::Result<Forked> {
    let fork = HOST_FORK.get().copied().unwrap_or(libc::fork);
    // SAFETY: passed on from the caller.
    match unsafe { fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            super::lineage::begin();
            Ok(Forked::Child)
        }
        child => Ok(Forked::Parent { child }),
    }
}

/// Ends the process at once, without running exit handlers.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: _exit ends the process and touches no memory.
    unsafe { libc::_exit(status) }
}

/// A NULL-terminated array of C strings, for exec.
#[derive(Debug)]
pub(crate) struct StringArray {
    /// Into `_bytes`.
    pointers: Vec<*const libc::c_char>,
    _bytes: Box<[u8]>,
}

// SAFETY: the pointers lead to the array's own memory, which nobody changes.
unsafe impl Send for StringArray {}
// SAFETY: as above.
unsafe impl Sync for StringArray {}

impl StringArray {
    pub(crate) fn new<'s>(strings: impl IntoIterator<Item = &'s CStr>) -> Self {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for string in strings {
            starts.push(bytes.len());
            bytes.extend_from_slice(string.to_bytes_with_nul());
        }
        let bytes = bytes.into_boxed_slice();
        let pointers = starts.into_iter().map(|start| bytes[start..].as_ptr().cast());
        Self { pointers: pointers.chain([std::ptr::null()]).collect(), _bytes: bytes }
    }
}

/// `execve(2)` with the signal mask that the caller had; returns only on failure, with signals
/// blocked again.
pub(crate) fn exec(
    path: &CStr,
    argv: &StringArray,
    envp: &StringArray,
    signals: &mut SignalsBlocked,
) -> io::Error {
    let (path, argv, envp) = (path.as_ptr(), argv.pointers.as_ptr(), envp.pointers.as_ptr());
    // SAFETY: all three point at live, NUL-terminated strings and NULL-terminated arrays of them.
    signals.unblocked(|| unsafe { execve(path, argv, envp) })
}

/// `execve(2)` past a preloaded library that has its own; returns only on failure.
///
/// # Safety
/// Whatever of the three is mapped must be a string, and NULL-terminated arrays of strings.
pub unsafe fn execve(
    path: *const libc::c_char,
    argv: *const *const libc::c_char,
    envp: *const *const libc::c_char,
) -> io::Error {
    // SAFETY: passed on from the caller.
    let result = unsafe { syscall!(SYS_execve, path, argv, envp) };
    result.err().unwrap_or_else(|| io::Error::other("execve returned"))
}

/// The strings of the environment.
pub(crate) fn environment() -> Vec<CString> {
    use std::os::unix::ffi::OsStringExt;
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let mut entry = name.into_vec();
            entry.push(b'=');
            entry.extend(value.into_vec());
            CString::new(entry).ok()
        })
        .collect()
}

/// Whether the program runs with more rights than whoever started it, whose environment is then
/// not to be believed.
pub(crate) fn is_privileged() -> bool {
    // SAFETY: getauxval only reads what the kernel gave the program at its start.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Whether a descriptor is closed by exec.
pub(crate) fn set_cloexec(fd: &impl AsFd, cloexec: bool) -> io::Result<()> {
    let mut flags = fcntl_getfd(fd)?;
    flags.set(FdFlags::CLOEXEC, cloexec);
    Ok(fcntl_setfd(fd, flags)?)
}

/// Takes over a descriptor that the program before exec left, if it is what was announced: a
/// connected stream socket that `is_ours` recognises.
pub(crate) fn inherit_stream(
    number: RawFd,
    is_ours: impl FnOnce(BorrowedFd<'_>) -> bool,
) -> Option<Fd> {
    if number <= libc::STDERR_FILENO {
        return None;
    }
    // SAFETY: only looked at, and only for the time of the checks; a number that is not open makes
    // them fail.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    let is_stream = socket_type(fd).is_ok_and(|kind| kind == SocketType::STREAM);
    let peer = getpeername(fd).ok()?.map(|peer: SocketAddrAny| peer.address_family());
    if !is_stream || peer.is_none() || !is_ours(fd) || set_cloexec(&fd, true).is_err() {
        return None;
    }
    // SAFETY: the program before announced it as left for us, and nobody else has used it since.
    Fd::adopt(unsafe { OwnedFd::from_raw_fd(number) }).ok()
}

/// A number that no other socket of this host has or will have; 0 where the host tells none.
pub(crate) fn stream_identity(fd: &impl AsFd) -> u64 {
    socket_cookie(fd).unwrap_or(0)
}

/// Closes a descriptor that the program before exec left, if it is a signalfd.
pub(crate) fn close_inherited_watch(number: RawFd) {
    if number <= libc::STDERR_FILENO {
        return;
    }
    let set: u64 = 0;
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the set is a live u64; for anything but a signalfd the call fails.
    let updated =
        unsafe { syscall!(SYS_signalfd4, number, &raw const set, size_of::<u64>(), flags) };
    if updated.is_ok() {
        // SAFETY: the program before announced it as left for us, and it is a signalfd.
        unsafe { rustix::io::close(number) };
    }
}

/// Starts a session without a terminal: what a daemon does first.
pub(crate) fn new_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Makes `/` the working directory.
pub(crate) fn change_to_root() -> io::Result<()> {
    Ok(rustix::process::chdir(c"/")?)
}

/// Points standard input, output and error at `/dev/null`.
pub(crate) fn silence_stdio() -> io::Result<()> {
    let null = openat(CWD, c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let null = Fd::adopt(null)?;
    stdio::dup2_stdin(&null)?;
    stdio::dup2_stdout(&null)?;
    stdio::dup2_stderr(&null)?;
    Ok(())
}

/// The number of a descriptor, for telling another program.
pub(crate) fn number(fd: &impl AsFd) -> RawFd {
    fd.as_fd().as_raw_fd()
}
