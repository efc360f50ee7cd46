//! Calls of one thread that are under way at the same time.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use rumpclient::netbsd::{O_RDONLY, SIGPIPE, timespec};
use rumpclient::table::entry;
use rumpclient::{Batch, Client, Errno, Pending, RaisePolicy, RetryPolicy};
use rumpclient_tests::fixture::{contents, create, pattern};
use rumpclient_tests::harness::PATIENCE;
use rumpclient_tests::peer::{Conversation, Frame, Listener, converse, serve};
use rumpclient_tests::{on_every_kernel, on_every_mortal_kernel};

/// Too short for a call that is not answered, long enough for the others.
const LIMIT: Duration = Duration::from_millis(200);

/// More than are sent with one host call, and than a real server carries out at once.
const MANY: usize = 1000;

on_every_kernel! {
    fn results_come_in_any_order(kernel) {
        let client = kernel.client();
        let pid = client.rump_sys_getpid().unwrap();
        client.batch(|batch| {
            let missing = batch.rump_sys_open(c"/tmp/no-such-file", O_RDONLY, 0);
            let pids: Vec<_> = (0..32).map(|_| batch.rump_sys_getpid()).collect();
            let closed = batch.rump_sys_close(-1);
            for answer in pids.into_iter().rev() {
                assert_eq!(answer.wait(), Ok(pid));
            }
            assert_eq!(closed.wait(), Err(Errno::EBADF));
            assert_eq!(missing.wait(), Err(Errno::ENOENT));
        });
    }

    fn every_call_gets_its_own_memory(kernel) {
        let client = kernel.client();
        let text = pattern(64 << 10);
        let file = create(&client, c"/tmp/batch");
        let pieces = || text.chunks(777).enumerate().map(|(at, piece)| (at as i64 * 777, piece));
        client.batch(|batch| {
            let written: Vec<_> = pieces()
                .map(|(at, piece)| (piece.len(), batch.rump_sys_pwrite(file, piece, at)))
                .collect();
            for (len, written) in written {
                assert_eq!(written.wait(), Ok(len));
            }
        });
        assert_eq!(contents(&client, c"/tmp/batch"), text);
        let mut read = vec![0; text.len()];
        client.batch(|batch| {
            for (at, piece) in read.chunks_mut(1000).enumerate() {
                // Nobody waits for it: the batch does.
                let _ = batch.rump_sys_pread(file, piece, at as i64 * 1000);
            }
        });
        assert_eq!(read, text);
    }

    fn a_batch_may_be_larger_than_what_is_sent_and_carried_out_at_once(kernel) {
        let client = kernel.client();
        let pid = client.rump_sys_getpid().unwrap();
        client.batch(|batch| {
            let pids: Vec<_> = (0..MANY).map(|_| batch.rump_sys_getpid()).collect();
            assert!(pids.into_iter().all(|answer| answer.wait() == Ok(pid)));
        });
        assert_eq!(client.rump_sys_getpid(), Ok(pid));
    }

    fn a_call_may_wait_for_another_of_its_batch(kernel) {
        let client = kernel.client();
        let [read, write] = client.rump_sys_pipe().unwrap();
        let mut bytes = [0; 5];
        let got = client.batch(|batch| {
            let got = batch.rump_sys_read(read, &mut bytes);
            batch.submit();
            assert_eq!(batch.rump_sys_write(write, b"hello").wait(), Ok(5));
            got.wait()
        });
        assert_eq!((got, &bytes), (Ok(5), b"hello"));
    }

    fn a_forgotten_call_is_over_when_its_batch_is(kernel) {
        let client = kernel.client();
        let [read, write] = client.rump_sys_pipe().unwrap();
        let mut bytes = [0; 5];
        client.batch(|batch| {
            let _ = ManuallyDrop::new(batch.rump_sys_read(read, &mut bytes));
            let _ = batch.rump_sys_write(write, b"hello");
        });
        assert_eq!(&bytes, b"hello");
    }

    fn what_panics_gives_its_calls_up(kernel) {
        let client = kernel.client();
        let [read, write] = client.rump_sys_pipe().unwrap();
        let file = create(&client, c"/tmp/batch");
        let mut bytes = [0; 5];
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            client.batch(|batch| {
                let _ = batch.rump_sys_read(read, &mut bytes);
                batch.submit();
                let _ = batch.rump_sys_write(file, b"never sent");
                panic!("as this test wants it");
            })
        }));
        assert!(panicked.is_err());
        // The read that nobody waits for takes it.
        assert_eq!(client.rump_sys_write(write, b"hello"), Ok(5));
        assert_eq!(client.rump_sys_write(write, b"world"), Ok(5));
        let mut next = [0; 5];
        assert_eq!(client.rump_sys_read(read, &mut next), Ok(5));
        assert_eq!(&bytes, &[0; 5], "memory that has been given back is left alone");
        assert_eq!(contents(&client, c"/tmp/batch"), b"");
    }

    fn the_kernels_signals_are_delivered_meanwhile(kernel) {
        let inner = Arc::new(OnceLock::<Client>::new());
        let (sender, heard) = channel();
        let callback = RaisePolicy::Callback(Arc::new({
            let inner = Arc::clone(&inner);
            move |signal| {
                // A handler may make calls itself.
                let pid = inner.get().expect("there is a client").rump_sys_getpid();
                sender.send((signal, pid)).expect("the test listens");
            }
        }));
        let client = kernel.client_with(Client::builder().raise(callback));
        inner.set(client.clone()).expect("it is set once");
        let pid = client.rump_sys_getpid().unwrap();
        let [read, write] = client.rump_sys_pipe().unwrap();
        client.rump_sys_close(read).unwrap();
        client.batch(|batch| {
            let written = batch.rump_sys_write(write, b"x");
            let pids = [(); 8].map(|()| batch.rump_sys_getpid());
            assert!(pids.into_iter().all(|answer| answer.wait() == Ok(pid)));
            assert_eq!(written.wait(), Err(Errno::EPIPE));
        });
        assert_eq!(heard.recv_timeout(PATIENCE), Ok((SIGPIPE, Ok(pid))));
        drop(inner);
    }

    fn a_handler_that_panics_gives_the_calls_up(kernel) {
        let callback = RaisePolicy::Callback(Arc::new(|_| panic!("as this test wants it")));
        let client = kernel.client_with(Client::builder().raise(callback));
        let [read, write] = client.rump_sys_pipe().unwrap();
        let [gone, broken] = client.rump_sys_pipe().unwrap();
        client.rump_sys_close(gone).unwrap();
        let mut bytes = [0; 5];
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            client.batch(|batch| {
                let blocked = batch.rump_sys_read(read, &mut bytes);
                let _ = batch.rump_sys_write(broken, b"x");
                blocked.wait()
            })
        }));
        assert!(panicked.is_err());
        // The read that nobody waits for takes it.
        assert_eq!(client.rump_sys_write(write, b"hello"), Ok(5));
        assert_eq!(client.rump_sys_write(write, b"world"), Ok(5));
        assert_eq!(client.rump_sys_read(read, &mut [0; 5]), Ok(5));
        assert_eq!(bytes, [0; 5], "memory that has been given back is left alone");
    }

    fn each_call_has_the_time_that_single_calls_have(kernel) {
        let client = kernel.client_with(Client::builder().call_timeout(Some(LIMIT)));
        let pid = client.rump_sys_getpid().unwrap();
        let [read, write] = client.rump_sys_pipe().unwrap();
        let hour = timespec { tv_sec: 3600, tv_nsec: 0 };
        let (mut one, mut other) = ([0], [0]);
        client.batch(|batch| {
            let read_one = batch.rump_sys_read(read, &mut one);
            let slept = batch.rump_sys_nanosleep(&hour, None);
            // Nobody waits for it but the batch, and not for ever.
            let _ = batch.rump_sys_read(read, &mut other);
            let answer = batch.rump_sys_getpid();
            assert_eq!(slept.wait(), Err(Errno::ETIMEDOUT));
            assert_eq!(read_one.wait(), Err(Errno::ETIMEDOUT));
            assert_eq!(answer.wait(), Ok(pid));
        });
        // Two reads that nobody waits for take what comes first.
        assert_eq!(client.rump_sys_write(write, b"12"), Ok(2));
        assert!(client.link_error().is_none());
    }

    fn a_call_can_be_given_up(kernel) {
        let client = kernel.client();
        let [read, write] = client.rump_sys_pipe().unwrap();
        let file = create(&client, c"/tmp/batch");
        let mut bytes = [0; 1];
        client.batch(|batch| {
            let unsent = batch.rump_sys_write(file, b"unsent");
            unsent.give_up();
            let blocked = batch.rump_sys_read(read, &mut bytes);
            batch.submit();
            blocked.give_up();
            // The places of both are used again.
            let pids = [batch.rump_sys_getpid(), batch.rump_sys_getpid()];
            assert!(pids.into_iter().all(|pid| pid.wait().is_ok()));
        });
        assert_eq!(client.rump_sys_write(write, b"1"), Ok(1));
        assert_eq!((bytes, contents(&client, c"/tmp/batch").len()), ([0], 0));
    }

    fn batches_and_single_calls_go_on_side_by_side(kernel) {
        let client = kernel.client();
        let pid = client.rump_sys_getpid().unwrap();
        let (done, [read, write]) = (AtomicBool::new(false), client.rump_sys_pipe().unwrap());
        let mut byte = [0];
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        assert_eq!(client.rump_sys_getpid(), Ok(pid));
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        many_pids(&client, pid);
                    }
                });
            }
            client.batch(|batch| {
                let blocked = batch.rump_sys_read(read, &mut byte);
                batch.submit();
                for _ in 0..50 {
                    // Within the scope of another batch.
                    many_pids(&client, pid);
                    assert_eq!(client.rump_sys_getpid(), Ok(pid));
                }
                assert_eq!(client.rump_sys_write(write, b"x"), Ok(1));
                assert_eq!(blocked.wait(), Ok(1));
            });
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(byte, *b"x");
    }

    fn a_window_of_calls_moves_on(kernel) {
        let client = kernel.client();
        let pid = client.rump_sys_getpid().unwrap();
        client.batch(|batch| {
            let mut window: std::collections::VecDeque<Pending<'_, i32>> =
                (0..16).map(|_| batch.rump_sys_getpid()).collect();
            for _ in 0..MANY {
                assert_eq!(window.pop_front().unwrap().wait(), Ok(pid));
                window.push_back(batch.rump_sys_getpid());
                batch.submit();
            }
        });
    }
}

fn many_pids(client: &Client, pid: i32) {
    client.batch(|batch| {
        let pids: Vec<_> = (0..8).map(|_| batch.rump_sys_getpid()).collect();
        assert!(pids.into_iter().all(|answer| answer.wait() == Ok(pid)));
    });
}

on_every_mortal_kernel! {
    fn calls_of_a_lost_kernel_fail_and_later_ones_go_to_the_next(kernel) {
        for policy in [RetryPolicy::Never, RetryPolicy::For(PATIENCE)] {
            let client = kernel.client_with(Client::builder().retry(policy));
            let [read, _] = client.rump_sys_pipe().unwrap();
            let mut byte = [0];
            client.batch(|batch| {
                let blocked = batch.rump_sys_read(read, &mut byte);
                assert!(batch.rump_sys_getpid().wait().is_ok());
                let unsent = batch.rump_sys_getpid();
                kernel.kill();
                kernel.start();
                assert_eq!(blocked.wait(), Err(Errno::LINK_LOST));
                let later = batch.rump_sys_getpid();
                assert_eq!(unsent.wait().is_ok(), policy != RetryPolicy::Never);
                assert_eq!(later.wait().is_ok(), policy != RetryPolicy::Never);
            });
            assert_eq!(client.link_error().is_some(), policy == RetryPolicy::Never);
        }
    }
}

/// A first kernel that takes in calls, as many as the second number says, answers as many of them
/// as the first says, and is gone; and one that answers all. What the second was asked.
fn two_kernels(answered: usize, taken: usize, client: impl FnOnce(&Client)) -> Vec<u32> {
    let script = move |listener: &Listener| {
        let mut first = listener.accept();
        first.greet();
        let calls: Vec<Frame> = (0..taken).map(|_| first.expect_frame()).collect();
        for call in &calls[..answered] {
            first.answer(call.header.reqno, 0, 1);
        }
        drop(first);
        let mut second = listener.accept();
        second.greet();
        let mut asked = Vec::new();
        while let Some(call) = second.read_frame() {
            asked.push(call.header.aux);
            second.answer(call.header.reqno, 0, 2);
        }
        asked
    };
    let client = |url: &str| {
        let builder = Client::builder().retry(RetryPolicy::For(PATIENCE));
        client(&builder.connect(url).unwrap());
    };
    serve(script, client).0
}

#[test]
fn only_what_only_asks_is_asked_again() {
    let mut asked = two_kernels(1, 4, |client| {
        client.batch(|batch| {
            let [one, two] = [batch.rump_sys_getpid(), batch.rump_sys_getppid()];
            let (close, three) = (batch.rump_sys_close(3), batch.rump_sys_getpid());
            assert_eq!(three.wait(), Ok(2));
            assert_eq!(close.wait(), Err(Errno::LINK_LOST), "it may have been carried out");
            assert_eq!(two.wait(), Ok(2));
            assert_eq!(one.wait(), Ok(1), "it had been answered");
            assert_eq!(client.generation(), 2);
        });
    });
    asked.sort_unstable();
    assert_eq!(asked, [entry::GETPID.number, entry::GETPPID.number]);
}

#[test]
fn a_batch_is_sent_in_one_piece() {
    let ((), ()) = converse(
        |server| {
            server.greet();
            server.wait_for_bytes();
            let calls = frames_in_one_piece(server);
            assert_eq!(calls, 32);
        },
        |url| {
            let client = Client::connect(url).unwrap();
            client.batch(|batch| {
                let mut calls: Vec<_> = (0..32).map(|_| batch.rump_sys_getpid()).collect();
                assert_eq!(calls.pop().unwrap().wait(), Err(Errno::LINK_LOST));
            });
        },
    );
}

/// How many frames the client has sent with one host call.
fn frames_in_one_piece(server: &Conversation) -> usize {
    use std::io::Read as _;
    let mut bytes = [0; 4096];
    let len = server.stream().read(&mut bytes).unwrap();
    let frame = rumpclient::proto::header::HEADER_SIZE;
    assert_eq!(len % frame, 0);
    len / frame
}

/// What a batch lends cannot be used before it is over: this is a matter of types, which the
/// documentation's tests look after. Here only that it can be given a name.
#[test]
fn a_batch_can_be_handed_to_functions() {
    fn queue<'b>(batch: &'b Batch<'_>) -> Pending<'b, i32> {
        batch.rump_sys_getpid()
    }
    let kernel = rumpclient_tests::harness::Kernel::test_server();
    let client = kernel.client();
    assert_eq!(client.batch(|batch| queue(batch).wait()), client.rump_sys_getpid());
}
