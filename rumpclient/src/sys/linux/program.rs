//! Facts about the running program.

use std::cell::Cell;
use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::Fd;

/// This process's id.
pub(crate) fn process_id() -> u32 {
    rustix::process::getpid().as_raw_nonzero().get() as u32
}

/// The calling thread. Not by std, which would leave the thread a handle to free in its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thread(rustix::thread::Pid);

impl Thread {
    /// The one that runs this.
    pub(crate) fn current() -> Self {
        Self(rustix::thread::gettid())
    }

    /// A number of 24 bits that no other thread of the process has: a cheap name.
    pub(crate) fn tag() -> u32 {
        static LAST: AtomicU32 = AtomicU32::new(0);
        use super::wait::thread_local;
        thread_local! {
            static TAG: Cell<u32> = const { Cell::new(0) };
        }
        match TAG.with(Cell::get) {
            0 => {
                let tag = LAST.fetch_add(1, Ordering::Relaxed) % ((1 << 24) - 1) + 1;
                TAG.with(|cell| cell.set(tag));
                tag
            }
            tag => tag,
        }
    }
}

/// The command name, as `ps` shows it: up to 15 bytes.
pub(crate) fn command_name() -> CString {
    // It is the main thread's, which can ask for its own: opening a file of /proc takes a new process
    // longer than anything else here.
    let is_main = rustix::thread::gettid() == rustix::process::getpid();
    let name = if is_main { rustix::thread::name().ok() } else { read_command().ok() };
    name.unwrap_or_else(|| c"rumpclient".into())
}

fn read_command() -> io::Result<CString> {
    let file = openat(CWD, c"/proc/self/comm", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let file = Fd::adopt(file)?;
    let mut name = [0; 64];
    let len = rustix::io::read(&file, &mut name)?;
    let end = name[..len].iter().position(|&byte| byte == b'\n' || byte == 0).unwrap_or(len);
    Ok(CString::new(&name[..end])?)
}

/// The working directory.
pub(crate) fn working_directory() -> io::Result<PathBuf> {
    let path = rustix::process::getcwd(Vec::new())?;
    Ok(OsString::from_vec(path.into_bytes()).into())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_threads_own_name_is_not_the_commands() {
        let name = || rustix::thread::name().unwrap();
        let command = command_name();
        let other = thread::Builder::new().name("not the command".into());
        let (own, seen) = other.spawn(move || (name(), command_name())).unwrap().join().unwrap();
        assert_eq!((own.as_c_str(), &seen), (c"not the command", &command));
        let comm = std::fs::read("/proc/self/comm").unwrap();
        assert_eq!(seen.as_bytes(), comm.trim_ascii_end());
    }
}
