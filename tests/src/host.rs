//! What a test can see of its own process, and let others see.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal;
use rustix::process::{Signal, set_parent_process_death_signal};

/// The user who runs this process.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// How many descriptors this process has open.
pub fn open_descriptors() -> usize {
    let listing = std::fs::read_dir("/proc/self/fd").expect("a process can list its descriptors");
    // The listing itself takes one.
    listing.count() - 1
}

/// How many descriptors this process has open of the kinds that a client takes: sockets and
/// signalfds. The test server in the same process keeps others at hand.
pub fn open_connections() -> usize {
    let listing = std::fs::read_dir("/proc/self/fd").expect("a process can list its descriptors");
    let targets = listing.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let of_a_client = |target: &std::path::PathBuf| {
        let target = target.to_string_lossy();
        target.starts_with("socket:") || target.ends_with("[signalfd]")
    };
    targets.filter(of_a_client).count()
}

/// Resident memory of this process, bytes.
pub fn resident_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").expect("a process can see its size");
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("statm's second field is a number") * crate::raw::page_size()
}

/// The most memory that this process has had resident, bytes.
pub fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process can see its size");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kib.expect("the peak is a number of KiB") * 1024
}

/// Lets a program live no longer than the thread that starts it. That ends it anyhow, unless the
/// test is killed: a server or client that nobody ends goes on for ever. And signals that whoever
/// started the tests ignores, as shells do for jobs in the background, do what they do by default.
#[allow(unsafe_code)]
pub fn end_with_us(command: &mut Command) -> &mut Command {
    let set_up = || {
        for signal in [signal::SIGHUP, signal::SIGINT, signal::SIGQUIT] {
            // SAFETY: no handler is installed.
            unsafe { signal::signal(signal, signal::SigHandler::SigDfl) }?;
        }
        Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
    };
    // SAFETY: in the child there are only system calls, which touch no memory.
    unsafe { command.pre_exec(set_up) }
}

/// Waits for something that announces itself to nobody, such as a descriptor that another thread
/// closes.
///
/// # Panics
/// When it has not come about within [`PATIENCE`](crate::harness::PATIENCE).
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + crate::harness::PATIENCE;
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
