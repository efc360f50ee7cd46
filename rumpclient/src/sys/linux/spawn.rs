//! Starting a program that nobody has to wait for.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, openat};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{Fd, SignalsBlocked, StringArray, exit_now, syscall};

/// Two stream sockets that are each other's peer.
pub(crate) fn socket_pair() -> io::Result<(Fd, Fd)> {
    let flags = SocketFlags::CLOEXEC;
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok((Fd::adopt(one)?, Fd::adopt(other)?))
}

/// A pipe: the end to read from, and the end to write to.
pub(crate) fn pipe() -> io::Result<(Fd, Fd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((Fd::adopt(read)?, Fd::adopt(write)?))
}

/// Where output goes to be forgotten.
pub(crate) fn open_null() -> io::Result<Fd> {
    Fd::adopt(openat(CWD, c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// Whether this process may run the program.
pub(crate) fn is_executable(program: &std::path::Path) -> bool {
    accessat(CWD, program, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// Starts `program` with these as standard input and output, and the program's own standard error.
///
/// It is no child of this process: no SIGCHLD comes of it, and no `wait(2)` of the program's meets
/// it. Everything it needs is made beforehand: between fork and exec there is no allocation and no
/// lock, so other threads do not matter.
///
/// # Errors
/// The host's reason why it cannot be run.
pub(crate) fn spawn(
    program: &CStr,
    argv: &StringArray<'_>,
    envp: &StringArray<'_>,
    stdin: &impl AsFd,
    stdout: &impl AsFd,
) -> io::Result<()> {
    let (report, failure) = pipe()?;
    let stdio = [stdin.as_fd().as_raw_fd(), stdout.as_fd().as_raw_fd()];
    // No handler of the program's may run in the new processes before they are other programs.
    let mut signals = SignalsBlocked::new();
    let middle = match clone()? {
        0 => {
            let error = match clone() {
                Ok(0) => run(program, argv, envp, stdio, &mut signals),
                Ok(_) => exit_now(0),
                Err(error) => error,
            };
            let number = error.raw_os_error().unwrap_or(libc::EIO);
            // Nobody can be told when this fails.
            let _ = rustix::io::write(&failure, &number.to_ne_bytes());
            exit_now(127);
        }
        middle => middle,
    };
    drop(failure);
    reap(middle);
    drop(signals);
    let mut number = [0; 4];
    match rustix::io::retry_on_intr(|| rustix::io::read(&report, &mut number))? {
        4 => Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number))),
        _ => Ok(()),
    }
}

/// Forks without libc's knowledge and without a signal to the parent when the child ends. 0 in the
/// child.
fn clone() -> io::Result<usize> {
    // SAFETY: no flags and no stack: a plain fork, whose child goes on here with a copy of all
    // memory. It does nothing but raw system calls.
    unsafe { syscall!(SYS_clone, 0, 0, 0, 0, 0) }
}

/// The new program's side; returns only if it cannot be run.
fn run(
    program: &CStr,
    argv: &StringArray<'_>,
    envp: &StringArray<'_>,
    [stdin, stdout]: [RawFd; 2],
    signals: &mut SignalsBlocked,
) -> io::Error {
    // A program expects to be killed by it, whatever this one does about it.
    let default: [usize; 4] = [libc::SIG_DFL, 0, 0, 0];
    // SAFETY: dup3 touches no memory; the action is one with the default handler and nothing else.
    let prepared = unsafe {
        syscall!(SYS_dup3, stdin, libc::STDIN_FILENO, 0)
            .and_then(|_| syscall!(SYS_dup3, stdout, libc::STDOUT_FILENO, 0))
            .and_then(|_| {
                let old = std::ptr::null_mut::<usize>();
                syscall!(SYS_rt_sigaction, libc::SIGPIPE, &raw const default, old, size_of::<u64>())
            })
    };
    match prepared {
        Ok(_) => super::exec(program, argv, envp, signals),
        Err(error) => error,
    }
}

/// Waits for a process of [`clone`]'s, which is about to end.
fn reap(process: usize) {
    let (status, usage) = (std::ptr::null_mut::<i32>(), std::ptr::null_mut::<libc::rusage>());
    loop {
        // SAFETY: nothing is to be written to memory.
        match unsafe { syscall!(SYS_wait4, process, status, libc::__WALL, usage) } {
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Io;

    fn spawn_with(program: &CStr, words: &[&CStr], stdio: &Fd) -> io::Result<()> {
        let argv = StringArray::new(words.iter().copied());
        spawn(program, &argv, &StringArray::new([c"PATH=/usr/bin:/bin"]), stdio, stdio)
    }

    #[test]
    fn a_program_talks_over_its_standard_input_and_output() {
        let (ours, theirs) = socket_pair().unwrap();
        spawn_with(c"/bin/cat", &[c"cat"], &theirs).unwrap();
        drop(theirs);
        rustix::io::write(&ours, b"there and back").unwrap();
        let mut back = [0; 14];
        assert_eq!(rustix::io::read(&ours, &mut back), Ok(14));
        assert_eq!(&back, b"there and back");
        super::super::shutdown(&ours);
        // It ends with its input, and its end of the stream with it.
        assert_eq!(super::super::recv(&ours, &mut back).unwrap(), Io::Moved(0));
    }

    #[test]
    fn nobody_has_to_wait_for_it() {
        let (_ours, theirs) = socket_pair().unwrap();
        spawn_with(c"/bin/cat", &[c"cat"], &theirs).unwrap();
        // SAFETY: nothing is to be written to memory.
        let waited = unsafe {
            let (status, usage) = (std::ptr::null_mut::<i32>(), std::ptr::null_mut::<u8>());
            syscall!(SYS_wait4, -1, status, libc::__WALL | libc::WNOHANG, usage)
        };
        assert_eq!(waited.unwrap_err().raw_os_error(), Some(libc::ECHILD));
    }

    #[test]
    fn what_cannot_be_run_is_an_error_here() {
        let (_ours, theirs) = socket_pair().unwrap();
        for (program, error) in
            [(c"/nonexistent/program", libc::ENOENT), (c"/etc/passwd", libc::EACCES)]
        {
            let result = spawn_with(program, &[program], &theirs);
            assert_eq!(result.unwrap_err().raw_os_error(), Some(error), "{program:?}");
        }
    }
}
