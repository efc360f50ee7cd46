//! Pipes, and calls that wait for what another thread does.

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use rumpclient::netbsd::{self, Errno};
use rumpclient::proto::header::{Class, Kind};
use rumpclient::{Client, RaisePolicy};
use rumpclient_tests::fixture::{address, fcntl, ioctl, patient_client, pattern};
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::peer::{Conversation, Frame, converse, words};
use rumpclient_tests::raw::{RawCall, Unmapped};

fn pipe(client: &Client) -> [c_int; 2] {
    client.rump_sys_pipe().expect("a pipe can be made")
}

fn pipe_with(client: &Client, flags: c_int) -> Result<[c_int; 2], Errno> {
    let mut ends = [-1; 2];
    client.rump_sys_pipe2(&mut ends, flags).map(|()| ends)
}

/// Reads until all of `into` is full, or the other end is closed; how much there was.
fn read_all(client: &Client, fd: c_int, into: &mut [u8]) -> usize {
    let mut done = 0;
    while done < into.len() {
        match client.rump_sys_read(fd, &mut into[done..]) {
            Ok(0) => break,
            Ok(len) => done += len,
            Err(error) => panic!("read: {error}"),
        }
    }
    done
}

on_every_kernel! {
    fn what_goes_in_comes_out(kernel) {
        let client = patient_client(kernel);
        let [from, to] = pipe(&client);
        assert_ne!(from, to);
        assert_eq!(client.rump_sys_write(to, b"one"), Ok(3));
        assert_eq!(client.rump_sys_write(to, b"two"), Ok(3));
        let mut buffer = [0; 16];
        assert_eq!(client.rump_sys_read(from, &mut buffer[..4]), Ok(4));
        assert_eq!(client.rump_sys_read(from, &mut buffer[4..]), Ok(2));
        assert_eq!(&buffer[..6], b"onetwo");
    }

    fn each_end_goes_one_way(kernel) {
        let client = patient_client(kernel);
        let [from, to] = pipe(&client);
        assert_eq!(client.rump_sys_write(from, b"x"), Err(Errno::EBADF));
        assert_eq!(client.rump_sys_read(to, &mut [0; 4]), Err(Errno::EBADF));
    }

    fn a_pipe_ends_when_nobody_can_write_to_it(kernel) {
        let client = patient_client(kernel);
        let [from, to] = pipe(&client);
        let another = client.rump_sys_dup(to).unwrap();
        client.rump_sys_write(to, b"last").unwrap();
        client.rump_sys_close(to).unwrap();
        client.rump_sys_write(another, b" words").unwrap();
        client.rump_sys_close(another).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(read_all(&client, from, &mut buffer), 10);
        assert_eq!(&buffer[..10], b"last words");
        assert_eq!(client.rump_sys_read(from, &mut buffer), Ok(0));
        assert_eq!(client.rump_sys_read(from, &mut buffer), Ok(0), "the end stays the end");
    }

    fn writing_where_nobody_reads_fails_with_epipe_and_a_signal(kernel) {
        let signals = Arc::new(Mutex::new(Vec::new()));
        let hear = Arc::clone(&signals);
        let callback = RaisePolicy::Callback(Arc::new(move |signal| {
            hear.lock().expect("nobody panics with the lock").push(signal);
        }));
        let client = kernel.client_with(Client::builder().raise(callback));
        let [from, to] = pipe(&client);
        client.rump_sys_close(from).unwrap();
        assert_eq!(client.rump_sys_write(to, b"x"), Err(Errno::EPIPE));
        assert_eq!(*signals.lock().unwrap(), [netbsd::SIGPIPE]);
        // O_NOSIGPIPE asks for the error alone.
        let [from, to] = pipe_with(&client, netbsd::O_NOSIGPIPE).unwrap();
        client.rump_sys_close(from).unwrap();
        assert_eq!(client.rump_sys_write(to, b"x"), Err(Errno::EPIPE));
        assert_eq!(signals.lock().unwrap().len(), 1);
    }

    fn a_handler_that_panics_ends_the_call_it_comes_upon(kernel) {
        let (caller, panicked) = (thread::current().id(), Arc::new(AtomicBool::new(false)));
        let done = Arc::clone(&panicked);
        let callback = RaisePolicy::Callback(Arc::new(move |_| {
            if thread::current().id() == caller && !done.swap(true, Ordering::Relaxed) {
                panic!("as this test wants it");
            }
        }));
        let client = kernel.client_with(Client::builder().raise(callback));
        let ([read, write], [gone, broken]) = (pipe(&client), pipe(&client));
        client.rump_sys_close(gone).unwrap();
        let mut bytes = [0; 5];
        thread::scope(|scope| {
            scope.spawn(|| {
                // Until the signal meets the thread that reads.
                while !panicked.load(Ordering::Relaxed) {
                    assert_eq!(client.rump_sys_write(broken, b"x"), Err(Errno::EPIPE));
                }
            });
            let read = AssertUnwindSafe(|| client.rump_sys_read(read, &mut bytes));
            assert!(catch_unwind(read).is_err());
        });
        // The read that nobody waits for takes the first.
        assert_eq!(client.rump_sys_write(write, b"hello"), Ok(5));
        assert_eq!(client.rump_sys_write(write, b"world"), Ok(5));
        assert_eq!(client.rump_sys_read(read, &mut [0; 5]), Ok(5));
        assert_eq!(bytes, [0; 5], "memory that has been given back is left alone");
    }

    fn without_blocking_there_is_eagain(kernel) {
        let client = patient_client(kernel);
        let [from, to] = pipe_with(&client, netbsd::O_NONBLOCK).unwrap();
        let mut buffer = vec![0; 1 << 20];
        assert_eq!(client.rump_sys_read(from, &mut buffer), Err(Errno::EAGAIN));
        // It is filled until nothing more goes in; all of it comes out.
        let sent = pattern(1 << 20);
        let mut filled = 0;
        let full = loop {
            match client.rump_sys_write(to, &sent[filled..][..1000]) {
                Ok(len) => filled += len,
                Err(error) => break error,
            }
        };
        assert_eq!(full, Errno::EAGAIN);
        assert!(filled >= 512, "less than PIPE_BUF: {filled}");
        let mut taken = 0;
        let empty = loop {
            match client.rump_sys_read(from, &mut buffer[taken..]) {
                Ok(len) => taken += len,
                Err(error) => break error,
            }
        };
        assert_eq!((empty, taken), (Errno::EAGAIN, filled));
        assert!(buffer[..filled] == sent[..filled]);
    }

    fn flags_are_set_with_the_pipe(kernel) {
        let client = patient_client(kernel);
        for (flags, status, descriptor) in [
            (0, 0, 0),
            (netbsd::O_NONBLOCK, netbsd::O_NONBLOCK, 0),
            (netbsd::O_CLOEXEC, 0, netbsd::FD_CLOEXEC),
        ] {
            for end in pipe_with(&client, flags).unwrap() {
                let set = fcntl(&client, end, netbsd::F_GETFL, 0).unwrap();
                assert_eq!(set & netbsd::O_NONBLOCK, status, "{flags:#x}");
                assert_eq!(fcntl(&client, end, netbsd::F_GETFD, 0), Ok(descriptor), "{flags:#x}");
            }
        }
        assert_eq!(pipe_with(&client, netbsd::O_EXCL), Err(Errno::EINVAL));
    }

    fn how_much_there_is_to_read_can_be_asked(kernel) {
        let client = patient_client(kernel);
        let [from, to] = pipe(&client);
        let mut available: c_int = -1;
        ioctl(&client, from, netbsd::FIONREAD, &mut available).unwrap();
        assert_eq!(available, 0);
        client.rump_sys_write(to, &[7; 300]).unwrap();
        ioctl(&client, from, netbsd::FIONREAD, &mut available).unwrap();
        assert_eq!(available, 300);
        ioctl(&client, from, netbsd::FIONBIO, &mut 1).unwrap();
        client.rump_sys_read(from, &mut [0; 300]).unwrap();
        assert_eq!(client.rump_sys_read(from, &mut [0; 300]), Err(Errno::EAGAIN));
    }

    fn a_read_waits_for_another_threads_write(kernel) {
        let client = patient_client(kernel);
        let [there, to] = pipe(&client);
        let [from, back] = pipe(&client);
        thread::scope(|scope| {
            let client = &client;
            // Each waits for the other's answer, in the same kernel process.
            let echo = scope.spawn(move || {
                let mut number = [0; 4];
                while read_all(client, there, &mut number) == 4 {
                    let answer = u32::from_ne_bytes(number) + 1;
                    assert_eq!(client.rump_sys_write(back, &answer.to_ne_bytes()), Ok(4));
                }
            });
            let mut number = [0; 4];
            for round in 0..500_u32 {
                assert_eq!(client.rump_sys_write(to, &round.to_ne_bytes()), Ok(4));
                assert_eq!(read_all(client, from, &mut number), 4);
                assert_eq!(u32::from_ne_bytes(number), round + 1);
            }
            client.rump_sys_close(to).unwrap();
            echo.join().unwrap();
        });
    }

    fn a_write_waits_for_another_threads_reads(kernel) {
        const LEN: usize = (2 << 20) + 17;
        let client = patient_client(kernel);
        let [from, to] = pipe(&client);
        let sent = pattern(LEN);
        let received = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut received = vec![0; LEN + 1];
                let len = read_all(&client, from, &mut received);
                received.truncate(len);
                received
            });
            // More than any pipe holds: in one call.
            assert_eq!(client.rump_sys_write(to, &sent), Ok(LEN));
            client.rump_sys_close(to).unwrap();
            reader.join().unwrap()
        });
        assert!(received == sent);
    }

    fn a_waiting_read_ends_when_the_writer_closes(kernel) {
        let client = patient_client(kernel);
        let [from, to] = pipe(&client);
        thread::scope(|scope| {
            let reader = scope.spawn(|| client.rump_sys_read(from, &mut [0; 4]));
            client.rump_sys_close(to).unwrap();
            assert_eq!(reader.join().unwrap(), Ok(0));
        });
    }

    fn other_calls_go_on_while_some_wait(kernel) {
        const WAITERS: usize = 8;
        let client = patient_client(kernel);
        let pipes: Vec<_> = (0..WAITERS).map(|_| pipe(&client)).collect();
        thread::scope(|scope| {
            let client = &client;
            let waiters: Vec<_> = pipes
                .iter()
                .map(|&[from, _]| {
                    scope.spawn(move || {
                        let mut byte = [0];
                        client.rump_sys_read(from, &mut byte).map(|_| byte[0])
                    })
                })
                .collect();
            for _ in 0..100 {
                assert!(client.rump_sys_getpid().is_ok());
            }
            // Released in the opposite order.
            for (index, [_, to]) in pipes.iter().enumerate().rev() {
                assert_eq!(client.rump_sys_write(*to, &[index as u8]), Ok(1));
            }
            for (index, waiter) in waiters.into_iter().enumerate() {
                assert_eq!(waiter.join().unwrap(), Ok(index as u8));
            }
        });
    }

    fn threads_may_write_from_the_same_memory(kernel) {
        let client = patient_client(kernel);
        let shared = pattern(3000);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let [from, to] = pipe(&client);
                    let mut back = vec![0; shared.len()];
                    for round in 0..200 {
                        assert_eq!(client.rump_sys_write(to, &shared), Ok(shared.len()));
                        assert_eq!(read_all(&client, from, &mut back), shared.len());
                        assert!(back == shared, "round {round}");
                    }
                });
            }
        });
    }
}

/// Two calls of two threads that write the same memory, against a script that gets the frames of
/// both, in order.
fn during_two_writes<S: Send + 'static>(
    address: usize,
    len: usize,
    script: impl FnOnce(&mut Conversation, [&Frame; 2]) -> S + Send + 'static,
) -> (S, [Result<isize, Errno>; 2]) {
    let (arrived, first_arrived) = mpsc::channel();
    let script = move |peer: &mut Conversation| {
        peer.greet();
        let first = peer.expect_frame();
        arrived.send(()).expect("somebody waits for it");
        let second = peer.expect_frame();
        let result = script(peer, [&first, &second]);
        peer.wait_for_hangup();
        result
    };
    converse(script, |url| {
        let client = Client::connect(url).expect("the script greets");
        let write = || {
            let mut call = RawCall::new("write");
            call.set("buf", address as u64).set("nbyte", len as u64).run(&client, &[])
        };
        thread::scope(|scope| {
            let first = scope.spawn(write);
            first_arrived.recv().expect("the first call arrives");
            let second = write();
            [first.join().expect("a write does not panic"), second]
        })
    })
}

#[test]
fn memory_that_two_calls_lend_is_lent_until_both_have_ended() {
    let shared = pattern(1000);
    let (copied, results) =
        during_two_writes(address(&*shared) as usize, 1000, |peer, [one, two]| {
            // The second call's memory is asked for, and the first call is over: in one go, so that
            // the client sees both before it answers.
            peer.hold();
            peer.send(Class::Request, Kind::Copyin, 1, 0, &words(&[two.word(2), two.word(1)]));
            peer.answer(one.header.reqno, 0, 1000);
            peer.release();
            let copied = peer.expect_frame().body;
            peer.answer(two.header.reqno, 0, 1000);
            copied
        });
    assert_eq!(results, [Ok(1000), Ok(1000)]);
    assert!(copied == shared, "the second call's memory is not what the server gets");
}

#[test]
fn bad_memory_that_two_calls_lend_fails_both() {
    let bad = Unmapped::new();
    let (copied, results) = during_two_writes(bad.unmapped(), 100, |peer, [one, two]| {
        let copied = peer.copyin(1, one.word(1), 100);
        peer.answer(one.header.reqno, 0, 100);
        peer.answer(two.header.reqno, 0, 100);
        copied
    });
    assert_eq!(results, [Err(Errno::EFAULT); 2]);
    assert_eq!(copied, [0; 100]);
}
