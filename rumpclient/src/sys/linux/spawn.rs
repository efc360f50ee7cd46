//! Starting a program that nobody has to wait for.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, accessat, openat, statat};
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

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

/// Whether there is a program that this process may run.
pub(crate) fn is_executable(program: &std::path::Path) -> bool {
    accessat(CWD, program, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
        && statat(CWD, program, AtFlags::empty())
            .is_ok_and(|status| FileType::from_raw_mode(status.st_mode).is_file())
}

/// A program that has been started.
#[derive(Debug)]
pub(crate) struct Spawned {
    /// `None` on a host that is too old for it.
    pidfd: Option<Fd>,
}

impl Spawned {
    /// Has the program end, wherever it is stuck.
    pub(crate) fn terminate(&self) {
        if let Some(pidfd) = &self.pidfd {
            // It fails for one that has ended.
            let _ = pidfd_send_signal(pidfd, Signal::TERM);
        }
    }
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
    argv: &StringArray,
    envp: &StringArray,
    stdin: &impl AsFd,
    stdout: &impl AsFd,
) -> io::Result<Spawned> {
    let (ours, theirs) = socket_pair()?;
    let stdio = [stdin.as_fd().as_raw_fd(), stdout.as_fd().as_raw_fd()];
    // No handler of the program's may run in the new processes before they are other programs.
    let mut signals = SignalsBlocked::new();
    let middle = match clone()? {
        0 => {
            let error = match clone() {
                Ok(0) => run(program, argv, envp, stdio, &mut signals),
                Ok(process) => hand_over(process, ours, &theirs),
                Err(error) => error,
            };
            tell(&theirs, -error.raw_os_error().unwrap_or(libc::EIO));
            exit_now(127);
        }
        middle => middle,
    };
    drop((theirs, signals));
    let outcome = listen(&ours);
    drop(ours);
    reap(middle);
    outcome
}

/// Forks without libc's knowledge and without a signal to the parent when the child ends. 0 in the
/// child.
fn clone() -> io::Result<usize> {
    // SAFETY: no flags and no stack: a plain fork, whose child goes on here with a copy of all
    // memory. It does nothing but raw system calls.
    unsafe { syscall!(SYS_clone, 0, 0, 0, 0, 0) }
}

/// Sends a number to whoever has called [`spawn`]: a process, or an errno below 0.
fn tell(theirs: &Fd, number: i32) {
    // Nobody can be told when this fails.
    let _ = rustix::io::write(theirs, &number.to_ne_bytes());
}

/// Tells which process the program is. While its parent lives, nobody else comes to have its number.
fn hand_over(process: usize, ours: Fd, theirs: &Fd) -> ! {
    drop(ours);
    tell(theirs, i32::try_from(process).unwrap_or(-libc::EIO));
    // The answer is the end of the stream.
    let _ = rustix::io::read(theirs, &mut [0; 1]);
    exit_now(0)
}

/// Hears what becomes of the program until nobody is left to tell: it runs, or will not.
fn listen(ours: &Fd) -> io::Result<Spawned> {
    let (mut pidfd, mut failure) = (None, None);
    let mut number = [0; 4];
    while rustix::io::retry_on_intr(|| rustix::io::read(ours, &mut number))? == number.len() {
        match i32::from_ne_bytes(number) {
            errno @ ..0 => failure = Some(io::Error::from_raw_os_error(-errno)),
            process => {
                let process = Pid::from_raw(process);
                pidfd = process.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
                rustix::net::shutdown(ours, Shutdown::Write)?;
            }
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(Spawned { pidfd: pidfd.map(Fd::adopt).transpose()? }),
    }
}

/// The new program's side; returns only if it cannot be run.
fn run(
    program: &CStr,
    argv: &StringArray,
    envp: &StringArray,
    [stdin, stdout]: [RawFd; 2],
    signals: &mut SignalsBlocked,
) -> io::Error {
    reset_signals();
    // SAFETY: dup3 touches no memory.
    let prepared = unsafe {
        syscall!(SYS_dup3, stdin, libc::STDIN_FILENO, 0)
            .and_then(|_| syscall!(SYS_dup3, stdout, libc::STDOUT_FILENO, 0))
    };
    match prepared {
        Ok(_) => super::exec(program, argv, envp, signals),
        Err(error) => error,
    }
}

/// Has a new program take signals by default, whatever this one does, except those that a terminal
/// sends to everybody in front of it: what becomes of the stream then is this program's decision.
fn reset_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        let handler = match signal {
            libc::SIGHUP | libc::SIGINT | libc::SIGQUIT => libc::SIG_IGN,
            _ => libc::SIG_DFL,
        };
        // SAFETY: neither is a function. It fails for signals that are not to be changed.
        unsafe { libc::signal(signal, handler) };
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

    fn spawn_with(program: &CStr, words: &[&CStr], stdio: &Fd) -> io::Result<Spawned> {
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
        // Other tests' threads have children of their own.
        let options = libc::__WALL | libc::__WNOTHREAD | libc::WNOHANG;
        // SAFETY: nothing is to be written to memory.
        let waited = unsafe {
            let (status, usage) = (std::ptr::null_mut::<i32>(), std::ptr::null_mut::<u8>());
            syscall!(SYS_wait4, -1, status, options, usage)
        };
        assert_eq!(waited.unwrap_err().raw_os_error(), Some(libc::ECHILD));
    }

    #[test]
    fn it_is_not_for_the_terminal_to_end_it() {
        let (ours, theirs) = socket_pair().unwrap();
        let spawned = spawn_with(c"/bin/cat", &[c"cat"], &theirs).unwrap();
        drop(theirs);
        let pidfd = spawned.pidfd.as_ref().expect("this host has pidfds");
        for signal in [Signal::INT, Signal::QUIT, Signal::HUP] {
            pidfd_send_signal(pidfd, signal).unwrap();
        }
        rustix::io::write(&ours, b"x").unwrap();
        assert_eq!(rustix::io::read(&ours, &mut [0; 1]), Ok(1));
        spawned.terminate();
        assert_eq!(rustix::io::read(&ours, &mut [0; 1]), Ok(0));
        spawned.terminate();
    }

    #[test]
    fn a_folder_is_no_program() {
        assert!(is_executable("/bin/cat".as_ref()));
        assert!(!is_executable("/bin".as_ref()));
        assert!(!is_executable("/etc/passwd".as_ref()));
        assert!(!is_executable("/nonexistent".as_ref()));
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
