//! Who can run while this thread does.

use rustix::net::sockopt::socket_incoming_cpu;
use rustix::process::{Pid, RawPid};
use rustix::thread::{CpuSet, sched_getaffinity};

use super::{Fd, is_peer_elsewhere, peer_credentials};

/// Whether the server has a CPU while this thread keeps one: another of those that this thread may
/// run on, or one of its own.
pub(crate) fn leaves_room(stream: &Fd) -> bool {
    let Ok(ours) = sched_getaffinity(None) else { return false };
    ours.count() > 1
        || match peer_credentials(stream) {
            Ok((pid, ..)) => may_run_elsewhere(pid, &ours),
            // By TCP nobody says who the server is.
            Err(_) => is_peer_elsewhere(stream) || has_sent_elsewhere(stream, &ours),
        }
}

/// Whether a process may run on another CPU than the only one of ours.
fn may_run_elsewhere(pid: RawPid, ours: &CpuSet) -> bool {
    let theirs = Pid::from_raw(pid).and_then(|pid| sched_getaffinity(Some(pid)).ok());
    theirs.is_some_and(|theirs| theirs != *ours)
}

/// Whether the latest that has come from another process of this host was sent on another CPU: there
/// the host has taken it in.
fn has_sent_elsewhere(stream: &Fd, ours: &CpuSet) -> bool {
    socket_incoming_cpu(stream).is_ok_and(|cpu| {
        let cpu = cpu as usize;
        cpu < CpuSet::MAX_CPU && !ours.is_set(cpu)
    })
}
