//! Many threads, one connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rumpclient_tests::mix::Mix;
use rumpclient_tests::on_every_kernel;

const THREADS: usize = 16;
const CALLS: usize = 10_000;

on_every_kernel! {
    fn sixteen_threads_get_their_own_answers_and_leak_nothing(kernel) {
        let client = kernel.client();
        let mix = Mix::new(&client);
        let run = |calls: usize| {
            let done = AtomicU64::new(0);
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (client, mix, done) = (&client, &mix, &done);
                    scope.spawn(move || {
                        for round in 0..calls {
                            mix.call(client, round + thread, thread * CALLS + round);
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            done.into_inner()
        };
        run(100);
        let descriptor = client.rump_sys_dup(mix.file()).unwrap();
        assert_eq!(run(CALLS), (THREADS * CALLS) as u64);
        // The kernel gives the lowest free number: the same one shows that none was left open.
        client.rump_sys_close(descriptor).unwrap();
        assert_eq!(client.rump_sys_dup(mix.file()), Ok(descriptor));
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
