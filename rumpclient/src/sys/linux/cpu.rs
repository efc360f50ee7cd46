//! Who can run while this thread does.

use rustix::process::{Pid, RawPid};
use rustix::thread::sched_getaffinity;

use super::{Fd, peer_credentials};

/// Whether the server has a CPU while this thread keeps one: another of those that this thread may
/// run on, or one of its own, if it is a process of this host.
pub(crate) fn leaves_room(stream: &Fd) -> bool {
    let Ok(ours) = sched_getaffinity(None) else { return false };
    if ours.count() > 1 {
        return true;
    }
    let server = peer_credentials(stream).ok().and_then(|(pid, ..)| Pid::from_raw(pid as RawPid));
    let theirs = server.and_then(|pid| sched_getaffinity(Some(pid)).ok());
    // Ours is one: theirs has another, unless it is the same.
    theirs.is_some_and(|theirs| theirs != ours)
}
