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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use rustix::thread::sched_setaffinity;

    use super::*;
    use crate::sys::socket_pair;

    fn stay_on(cpu: usize) {
        let mut only = CpuSet::new();
        only.set(cpu);
        sched_setaffinity(None, &only).unwrap();
    }

    /// Two of the CPUs that the test may use, if there are.
    fn two_cpus() -> Option<[usize; 2]> {
        let all = sched_getaffinity(None).unwrap();
        let mut cpus = (0..CpuSet::MAX_CPU).filter(|&cpu| all.is_set(cpu));
        let two = cpus.next().zip(cpus.next());
        if two.is_none() {
            println!("skipped: there is one CPU");
        }
        two.map(|(one, other)| [one, other])
    }

    /// The end of a TCP connection of a thread on `here`, to which one on `there` has sent a byte.
    fn sent_from(there: usize, here: usize) -> Fd {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            stay_on(there);
            listener.accept().unwrap().0.write_all(b"x").unwrap();
        });
        stay_on(here);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        server.join().unwrap();
        Fd::adopt(stream.into()).unwrap()
    }

    #[test]
    fn a_server_on_a_cpu_of_its_own_has_room() {
        let Some([here, there]) = two_cpus() else { return };
        assert!(leaves_room(&sent_from(there, here)));
        assert!(!leaves_room(&sent_from(here, here)));
    }

    #[test]
    fn a_server_that_may_run_anywhere_has_room() {
        let Some([here, _]) = two_cpus() else { return };
        let (ours, _theirs) = socket_pair().unwrap();
        assert!(leaves_room(&ours));
        // The one at the other end is this process, whose first thread has not been moved.
        stay_on(here);
        assert!(leaves_room(&ours));
    }
}
