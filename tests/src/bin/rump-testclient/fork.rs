//! Forking.

use std::io::{Read, Write, pipe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rumpclient::{Client, Errno, Error};
use rumpclient_tests::host::open_descriptors;

use crate::Scenario;
use crate::kernel::{connect, read_all};
use rumpclient_tests::process::{Child, fork, plain_fork};

pub(crate) const SCENARIOS: [Scenario; 7] = [
    ("fork-tree", tree),
    ("fork-and-exit", and_exit),
    ("fork-cookie-used-twice", cookie_used_twice),
    ("fork-loop", in_a_loop),
    ("fork-inherited-client", inherited_client),
    ("fork-among-threads", among_threads),
    ("fork-copies-descriptors", copies_descriptors),
];

/// Children of each process in the tree.
const CHILDREN: usize = 2;

/// A tree of processes as many levels deep as the argument says, that passes the pids of all back
/// to its root by pipes in the kernel. Prints them.
fn tree(args: &[String]) {
    let levels = args[0].parse().expect("the number of levels is a number");
    for pid in subtree(&connect(), levels) {
        println!("{pid}");
    }
}

/// The pids of this process and its descendants.
fn subtree(client: &Client, levels: usize) -> Vec<i32> {
    let mut pids = vec![client.rump_sys_getpid().unwrap()];
    if levels > 0 {
        let [read, write] = client.rump_sys_pipe().unwrap();
        let children = (0..CHILDREN).map(|_| {
            fork(client, |client| {
                client.rump_sys_close(read).unwrap();
                let pids: Vec<u8> =
                    subtree(&client, levels - 1).into_iter().flat_map(i32::to_ne_bytes).collect();
                // Less than a pipe's buffer: one write is one piece.
                assert_eq!(client.rump_sys_write(write, &pids), Ok(pids.len()));
            })
        });
        let children: Vec<Child> = children.collect();
        client.rump_sys_close(write).unwrap();
        // The end comes when every child's copy of the write end is closed.
        let report = read_all(client, read);
        pids.extend(report.chunks(4).map(|pid| i32::from_ne_bytes(pid.try_into().unwrap())));
        client.rump_sys_close(read).unwrap();
        children.into_iter().for_each(Child::join);
    }
    pids
}

/// A parent that is gone before its child claims the process that the kernel has forked for it.
fn and_exit(_: &[String]) {
    let client = connect();
    let [read, write] = client.rump_sys_pipe().unwrap();
    client.rump_sys_write(write, b"from the parent").unwrap();
    let cookie = client.prefork().unwrap();
    let (mut parent_gone, parent_lives) = pipe().unwrap();
    let (_child, (cookie, parent_lives)) =
        plain_fork((cookie, parent_lives), |(cookie, parent_lives)| {
            drop((client, parent_lives));
            assert_eq!(parent_gone.read(&mut [0]).unwrap(), 0);
            let client = cookie.attach().expect("the kernel has kept the process");
            let mut bytes = [0; 15];
            assert_eq!(client.rump_sys_read(read, &mut bytes), Ok(15));
            println!("{}", String::from_utf8_lossy(&bytes));
        });
    cookie.hand_over();
    // Leaves without running destructors, which would be in the child's way no less.
    drop(parent_lives);
}

/// A cookie that the child uses, and then the parent.
fn cookie_used_twice(_: &[String]) {
    let client = connect();
    let (mut attached, mut tell) = pipe().unwrap();
    let (child, cookie) = plain_fork(client.prefork().unwrap(), |cookie| {
        let client = cookie.attach().unwrap();
        tell.write_all(b"!").unwrap();
        client.rump_sys_getpid().unwrap();
    });
    attached.read_exact(&mut [0]).unwrap();
    let error = cookie.attach().unwrap_err();
    assert!(matches!(error, Error::Kernel(Errno::ESRCH)), "{error:?}");
    child.join();
    client.rump_sys_getpid().expect("the parent's own connection is not concerned");
}

/// As many forks as the argument says, none of which leaves anything behind.
fn in_a_loop(args: &[String]) {
    let client = connect();
    let [read, write] = client.rump_sys_pipe().unwrap();
    let once = || {
        fork(&client, |client| {
            client.rump_sys_getpid().unwrap();
        })
        .join();
    };
    once();
    let descriptors = open_descriptors();
    for _ in 0..args[0].parse().expect("the number of forks is a number") {
        once();
    }
    assert_eq!(open_descriptors(), descriptors);
    // Every child had the pipe: it ends when all of them are gone from the kernel.
    client.rump_sys_close(write).unwrap();
    assert_eq!(read_all(&client, read), b"");
}

/// A child that tries its parent's client, while the parent goes on using it.
fn inherited_client(_: &[String]) {
    let client = connect();
    let pid = client.rump_sys_getpid().unwrap();
    let [read, write] = client.rump_sys_pipe().unwrap();
    let (waiting, done) = (
        thread::spawn({
            let client = client.clone();
            move || {
                let mut byte = [0];
                client.rump_sys_read(read, &mut byte).map(|_| byte[0])
            }
        }),
        AtomicBool::new(false),
    );
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(client.rump_sys_getpid(), Ok(pid));
            }
        });
        for _ in 0..50 {
            let (child, ()) = plain_fork((), |()| {
                assert_eq!(client.rump_sys_getpid(), Err(Errno::LINK_LOST));
                assert!(matches!(client.prefork().unwrap_err(), Error::Forked));
                assert!(client.banner().is_none());
                assert!(matches!(*client.link_error().unwrap(), Error::Forked));
                client.set_retry(rumpclient::RetryPolicy::Forever);
                assert_eq!(client.rump_sys_getpid(), Err(Errno::LINK_LOST));
                drop(client.clone());
            });
            child.join();
        }
        done.store(true, Ordering::Relaxed);
    });
    client.rump_sys_write(write, b"x").unwrap();
    assert_eq!(waiting.join().unwrap(), Ok(b'x'));
}

/// Forks in the midst of other threads' calls: a child is not held up by what they were at.
fn among_threads(args: &[String]) {
    let client = connect();
    let pid = client.rump_sys_getpid().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(client.rump_sys_getpid(), Ok(pid));
                }
            });
        }
        for _ in 0..args[0].parse().expect("the number of forks is a number") {
            fork(&client, |client| assert_ne!(client.rump_sys_getpid(), Ok(pid))).join();
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// What a child does with its descriptors is its own affair, but for what open files share.
fn copies_descriptors(_: &[String]) {
    use rumpclient::netbsd::{O_CREAT, O_RDWR, SEEK_CUR};
    let client = connect();
    let fd = client.rump_sys_open(c"/tmp/fork", O_CREAT | O_RDWR, 0o600).unwrap();
    fork(&client, |client| {
        assert_eq!(client.rump_sys_write(fd, b"four"), Ok(4));
        client.rump_sys_close(fd).unwrap();
        assert_eq!(client.rump_sys_close(fd), Err(Errno::EBADF));
    })
    .join();
    assert_eq!(client.rump_sys_lseek(fd, 0, SEEK_CUR), Ok(4));
    let cookie = client.prefork().unwrap();
    client.rump_sys_close(fd).unwrap();
    let (child, cookie) = plain_fork(cookie, |cookie| {
        let client = cookie.attach().unwrap();
        assert_eq!(client.rump_sys_lseek(fd, 0, SEEK_CUR), Ok(4), "as it was at the prefork");
    });
    cookie.hand_over();
    child.join();
}
