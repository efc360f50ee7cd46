//! Many threads, one connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rumpclient::{Client, netbsd};
use rumpclient_tests::on_every_kernel;

const THREADS: usize = 16;
const CALLS: usize = 10_000;

/// One of a mix of calls; panics when the answer is not its own.
fn mixed_call(client: &Client, pid: i32, file: i32, thread: usize, round: usize) {
    let offset = ((thread * CALLS + round) % 1000) as i64 * 8;
    match round % 8 {
        0 | 1 => assert_eq!(client.rump_sys_getpid(), Ok(pid)),
        2 => {
            let mut bytes = [0; 8];
            assert_eq!(client.rump_sys_pread(file, &mut bytes, offset), Ok(8));
            assert_eq!(i64::from_ne_bytes(bytes), offset);
        }
        3 => {
            assert_eq!(client.rump_sys_pwrite(file, &offset.to_ne_bytes(), offset), Ok(8));
        }
        4 => {
            let mut stat = netbsd::stat::default();
            assert_eq!(client.rump_sys_fstat(file, &mut stat), Ok(()));
            assert_eq!(stat.st_size, 8000);
        }
        5 => {
            let fd = client.rump_sys_dup(file).expect("there are descriptors left");
            assert_eq!(client.rump_sys_close(fd), Ok(()));
        }
        6 => {
            let missing = c"/tmp/no-such-file";
            assert_eq!(
                client.rump_sys_open(missing, netbsd::O_RDONLY, 0),
                Err(netbsd::Errno::ENOENT)
            );
        }
        _ => {
            let fd = client.rump_sys_open(c"/tmp/mixed", netbsd::O_RDONLY, 0).unwrap();
            assert_eq!(client.rump_sys_close(fd), Ok(()));
        }
    }
}

on_every_kernel! {
    fn sixteen_threads_get_their_own_answers_and_leak_nothing(kernel) {
        let client = kernel.client();
        let pid = client.rump_sys_getpid().unwrap();
        let flags = netbsd::O_CREAT | netbsd::O_RDWR;
        let file = client.rump_sys_open(c"/tmp/mixed", flags, 0o600).unwrap();
        let numbers: Vec<u8> = (0..1000i64).flat_map(|n| (n * 8).to_ne_bytes()).collect();
        assert_eq!(client.rump_sys_write(file, &numbers), Ok(numbers.len()));
        let run = |calls: usize| {
            let done = AtomicU64::new(0);
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (client, done) = (&client, &done);
                    scope.spawn(move || {
                        for round in 0..calls {
                            mixed_call(client, pid, file, thread, round + thread);
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            done.into_inner()
        };
        run(100);
        let descriptor = client.rump_sys_dup(file).unwrap();
        assert_eq!(run(CALLS), (THREADS * CALLS) as u64);
        // The kernel gives the lowest free number: the same one shows that none was left open.
        client.rump_sys_close(descriptor).unwrap();
        assert_eq!(client.rump_sys_dup(file), Ok(descriptor));
    }
}

on_every_kernel! {
    // One that pauses now and then finds the other's lone calls under way, again and again.
    fn two_threads_keep_meeting(kernel) {
        let client = kernel.client();
        let pid = client.rump_sys_getpid().unwrap();
        let pause = Duration::from_micros(50);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..60_000 {
                    assert_eq!(client.rump_sys_getpid(), Ok(pid));
                }
            });
            for round in 0..30_000 {
                if round % 16 == 0 {
                    thread::sleep(pause);
                }
                assert_eq!(client.rump_sys_getpid(), Ok(pid));
            }
        });
    }
}
