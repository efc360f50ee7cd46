//! Calls that take too long.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rumpclient::netbsd::{O_CREAT, O_RDWR, timespec};
use rumpclient::proto::header::{Class, Kind};
use rumpclient::table::entry;
use rumpclient::{Client, Errno};
use rumpclient_tests::harness::PATIENCE;
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::peer::{Conversation, converse, words};

/// Too short for a call that is not answered, long enough for the others.
const LIMIT: Duration = Duration::from_millis(200);

fn limited() -> rumpclient::Builder {
    Client::builder().call_timeout(Some(LIMIT))
}

on_every_kernel! {
    fn a_call_that_takes_too_long_is_given_up(kernel) {
        let client = kernel.client_with(limited());
        let patient = client.with_call_timeout(None);
        let [read, write] = patient.rump_sys_pipe().unwrap();
        for _ in 0..3 {
            let began = Instant::now();
            assert_eq!(client.rump_sys_read(read, &mut [0]), Err(Errno::ETIMEDOUT));
            assert!(began.elapsed() >= LIMIT && began.elapsed() < PATIENCE);
        }
        let hour = timespec { tv_sec: 3600, tv_nsec: 0 };
        assert_eq!(client.rump_sys_nanosleep(&hour, None), Err(Errno::ETIMEDOUT));
        // Three reads that nobody waits for are still at it, and take what comes first.
        assert_eq!(patient.rump_sys_write(write, b"123"), Ok(3));
        assert!(patient.rump_sys_getpid().is_ok());
        assert!(client.link_error().is_none());
    }

    fn a_single_call_may_have_a_limit_of_its_own(kernel) {
        let client = kernel.client();
        let [read, write] = client.rump_sys_pipe().unwrap();
        let hasty = client.with_call_timeout(Some(LIMIT));
        assert_eq!(hasty.rump_sys_read(read, &mut [0]), Err(Errno::ETIMEDOUT));
        let pid = retry(|| hasty.rump_sys_getpid());
        assert_eq!(client.rump_sys_getpid(), Ok(pid), "it is the same process");
        let limited = kernel.client_with(limited());
        let second = timespec { tv_sec: 1, tv_nsec: 0 };
        assert_eq!(limited.rump_sys_nanosleep(&second, None), Err(Errno::ETIMEDOUT));
        assert_eq!(limited.with_call_timeout(None).rump_sys_nanosleep(&second, None), Ok(()));
        client.rump_sys_write(write, b"1").unwrap();
    }

    fn limits_that_no_clock_reaches_are_none(kernel) {
        let builder = Client::builder().call_timeout(Some(Duration::MAX));
        let client = kernel.client_with(builder.handshake_timeout(Some(Duration::MAX)));
        assert!(client.rump_sys_getpid().is_ok());
        drop(client.prefork().unwrap());
    }

    fn sleepers_are_given_up_as_the_receiver_is(kernel) {
        let client = kernel.client_with(limited());
        let patient = client.with_call_timeout(None);
        let [read, _] = patient.rump_sys_pipe().unwrap();
        thread::scope(|scope| {
            let readers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| client.rump_sys_read(read, &mut [0])))
                .collect();
            for reader in readers {
                assert_eq!(reader.join().unwrap(), Err(Errno::ETIMEDOUT));
            }
        });
        assert!(patient.rump_sys_getpid().is_ok());
    }

    fn calls_that_end_just_then_wear_nothing_out(kernel) {
        // The limit is not far from what a call takes, so that some are late and some are not.
        // By a client without haste: a write that is given up leaves zeros where its memory was to
        // go.
        let patient = kernel.client();
        let file = patient.rump_sys_open(c"/tmp/deadlines", O_CREAT | O_RDWR, 0o600).unwrap();
        assert_eq!(patient.rump_sys_pwrite(file, &[b'x'; 4096], 0), Ok(4096));
        let began = Instant::now();
        for _ in 0..100 {
            patient.rump_sys_pread(file, &mut [0; 4096], 0).unwrap();
        }
        let hasty = Client::builder().call_timeout(Some(began.elapsed() / 50));
        let client = kernel.client_with(hasty);
        let file = retry(|| client.rump_sys_open(c"/tmp/deadlines", O_RDWR, 0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut bytes = [b'.'; 4096];
                    for _ in 0..2000 {
                        if client.rump_sys_pread(file, &mut bytes, 0).is_ok() {
                            assert_eq!(bytes, [b'x'; 4096]);
                            continue;
                        }
                        // The memory is this thread's again, whatever is still to come.
                        bytes.fill(b'.');
                        retry(|| client.rump_sys_getpid());
                        assert_eq!(bytes, [b'.'; 4096]);
                    }
                });
            }
        });
        assert!(client.link_error().is_none());
    }
}

/// Makes a call until it is in time.
fn retry<T>(call: impl Fn() -> Result<T, Errno>) -> T {
    loop {
        match call() {
            Ok(result) => return result,
            Err(error) => assert_eq!(error, Errno::ETIMEDOUT),
        }
    }
}

#[test]
fn what_comes_late_touches_no_memory_and_nobody_else() {
    let (given_up, wait) = channel();
    let script = move |peer: &mut Conversation| {
        peer.greet();
        let read = peer.expect_frame();
        wait.recv_timeout(PATIENCE).unwrap();
        let getpid = peer.expect_frame();
        peer.copyout(read.word(1), b"too late");
        peer.copyout(read.word(1), &[b'x'; 200_000]);
        let answer = peer.copyin(1, read.word(1), 8);
        peer.answer(read.header.reqno, 0, 8);
        peer.answer(getpid.header.reqno, 0, 9);
        peer.wait_for_hangup();
        answer
    };
    let mut memory = vec![b'.'; 200_000];
    let client = |url: &str| {
        let client = limited().connect(url).unwrap();
        let result = client.rump_sys_read(3, &mut memory);
        given_up.send(()).unwrap();
        (result, client.with_call_timeout(None).rump_sys_getpid())
    };
    let (answer, results) = converse(script, client);
    assert_eq!(results, (Err(Errno::ETIMEDOUT), Ok(9)));
    assert_eq!(answer, [0; 8]);
    assert!(memory.iter().all(|&byte| byte == b'.'));
}

#[test]
fn a_call_that_was_never_sent_is_withdrawn() {
    const LARGE: usize = 8 << 20;
    let (given_up, wait) = channel();
    let (under_way, data_is) = channel();
    let script = move |peer: &mut Conversation| {
        peer.greet();
        let write = peer.expect_frame();
        let ask = words(&[LARGE, write.word(1)]);
        peer.send(Class::Request, Kind::Copyin, 1, 0, &ask);
        // Nobody reads the answer until the client has given up: what comes after it is stuck.
        peer.wait_for_bytes();
        under_way.send(()).unwrap();
        wait.recv_timeout(PATIENCE).unwrap();
        let data = peer.expect_frame();
        let next = peer.expect_frame();
        peer.answer(next.header.reqno, 0, 9);
        peer.wait_for_hangup();
        (data.body, next.header.aux)
    };
    let client = |url: &str| {
        let client = limited().connect(url).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut memory = vec![b'.'; LARGE];
                assert_eq!(client.rump_sys_write(3, &memory), Err(Errno::ETIMEDOUT));
                memory.fill(b'!');
            });
            data_is.recv_timeout(PATIENCE).unwrap();
            assert_eq!(client.rump_sys_unlink(c"/file"), Err(Errno::ETIMEDOUT));
        });
        given_up.send(()).unwrap();
        client.with_call_timeout(None).rump_sys_getpid()
    };
    let ((data, next), result) = converse(script, client);
    assert_eq!(result, Ok(9));
    assert_eq!(next, entry::GETPID.number, "the call before was not sent");
    let sent = data.iter().take_while(|&&byte| byte == b'.').count();
    assert_eq!(data.len(), LARGE, "the frame is completed");
    assert!(0 < sent && sent < LARGE && data[sent..].iter().all(|&byte| byte == 0));
}
