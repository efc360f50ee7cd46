//! The kernel is gone; perhaps there will be another.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rumpclient::netbsd::{O_CREAT, O_RDWR, SEEK_CUR, SEEK_SET};
use rumpclient::{Builder, Client, Errno, LinkEvent, RetryPolicy};
use rumpclient_tests::harness::PATIENCE;
use rumpclient_tests::host::wait_until;
use rumpclient_tests::on_every_mortal_kernel;
use rumpclient_tests::peer::{Listener, serve};
use rumpclient_tests::program::{Ending, Program};
use rustix::process::Signal;

const CLIENT: &str = env!("CARGO_BIN_EXE_rump-testclient");

/// Long enough for every honest attempt, short enough to wait for.
const BRIEFLY: Duration = Duration::from_millis(300);

const FILE: &CStr = c"/tmp/reconnect";

/// A builder with a policy, and what its client says of its link.
fn with_policy(policy: RetryPolicy) -> (Builder, Receiver<LinkEvent>) {
    let (sender, events) = channel();
    let tell = move |event: &LinkEvent| {
        // A test that has seen enough does not listen any more.
        let _ = sender.send(event.clone());
    };
    (Client::builder().retry(policy).on_link_event(tell), events)
}

fn expect_lost(events: &Receiver<LinkEvent>) {
    let event = events.recv_timeout(PATIENCE).expect("the client notices the loss");
    assert!(matches!(event, LinkEvent::Lost { .. }), "{event:?}");
}

fn expect_regained(events: &Receiver<LinkEvent>, expected: u64) {
    let event = events.recv_timeout(PATIENCE).expect("the client finds a kernel");
    let LinkEvent::Regained { generation } = event else { panic!("{event:?}") };
    assert_eq!(generation, expected);
}

on_every_mortal_kernel! {
    fn without_a_policy_the_first_loss_is_the_last(kernel) {
        let (builder, events) = with_policy(RetryPolicy::Never);
        let client = kernel.client_with(builder);
        let [read, _] = client.rump_sys_pipe().unwrap();
        thread::scope(|scope| {
            let blocked = scope.spawn(|| client.rump_sys_read(read, &mut [0]));
            client.rump_sys_getpid().unwrap();
            kernel.kill();
            assert_eq!(blocked.join().unwrap(), Err(Errno::LINK_LOST));
        });
        expect_lost(&events);
        assert_eq!(client.rump_sys_getpid(), Err(Errno::LINK_LOST));
        kernel.start();
        assert_eq!(client.rump_sys_getpid(), Err(Errno::LINK_LOST));
        assert!(client.link_error().is_some());
        assert_eq!(client.generation(), 1);
        assert!(events.try_recv().is_err(), "a loss is told once");
    }

    fn a_kernel_that_comes_back_in_time_is_found(kernel) {
        for policy in [RetryPolicy::For(PATIENCE), RetryPolicy::Forever] {
            let (builder, events) = with_policy(policy);
            let client = kernel.client_with(builder);
            let fd = client.rump_sys_open(FILE, O_CREAT | O_RDWR, 0o600).unwrap();
            let [read, _] = client.rump_sys_pipe().unwrap();
            thread::scope(|scope| {
                let blocked = scope.spawn(|| client.rump_sys_read(read, &mut [0]));
                kernel.kill();
                // Somebody is at the address, but no kernel.
                let decoy = kernel.decoy();
                let later = scope.spawn(|| client.rump_sys_getpid());
                expect_lost(&events);
                decoy.expect_visits(3);
                drop(decoy);
                kernel.start();
                // It may have been carried out, unless the kernel died before it was sent: then it
                // is the new kernel's, which does not know the descriptor.
                let result = blocked.join().unwrap();
                assert!(matches!(result, Err(Errno::LINK_LOST | Errno::EBADF)), "{result:?}");
                assert!(later.join().unwrap().is_ok_and(|pid| pid > 1));
            });
            expect_regained(&events, 2);
            assert_eq!(client.generation(), 2);
            assert!(client.link_error().is_none());
            let gone = client.rump_sys_lseek(fd, 0, SEEK_CUR);
            assert_eq!(gone, Err(Errno::EBADF), "what was open went with the old kernel");
            assert!(events.try_recv().is_err(), "one loss, one return");
        }
    }

    fn a_kernel_that_does_not_come_back_in_time_is_given_up(kernel) {
        let (builder, events) = with_policy(RetryPolicy::For(BRIEFLY));
        let client = kernel.client_with(builder);
        kernel.kill();
        for _ in 0..2 {
            let began = Instant::now();
            assert_eq!(client.rump_sys_getpid(), Err(Errno::LINK_LOST));
            assert!(began.elapsed() >= BRIEFLY && began.elapsed() < PATIENCE);
        }
        expect_lost(&events);
        // Those requests have failed; the next one gets as much time, which may be short for a
        // busy host.
        kernel.start();
        wait_until("the kernel is found", || client.rump_sys_getpid().is_ok());
        expect_regained(&events, 2);
    }

    fn once_is_one_attempt_for_each_call(kernel) {
        let client = kernel.client_with(Client::builder().retry(RetryPolicy::Once));
        kernel.kill();
        let decoy = kernel.decoy();
        for _ in 0..3 {
            assert_eq!(client.rump_sys_getpid(), Err(Errno::LINK_LOST));
            assert_eq!(decoy.count_visits(), 1);
        }
        drop(decoy);
        kernel.start();
        assert!(client.rump_sys_getpid().is_ok());
    }

    fn the_policy_may_change_during_the_search(kernel) {
        let (builder, events) = with_policy(RetryPolicy::Forever);
        let client = kernel.client_with(builder);
        kernel.kill();
        let decoy = kernel.decoy();
        thread::scope(|scope| {
            let callers: Vec<_> = (0..4).map(|_| scope.spawn(|| client.rump_sys_getpid())).collect();
            expect_lost(&events);
            decoy.expect_visits(2);
            client.set_retry(RetryPolicy::Never);
            for caller in callers {
                assert_eq!(caller.join().unwrap(), Err(Errno::LINK_LOST));
            }
        });
        // And back.
        client.set_retry(RetryPolicy::Forever);
        drop(decoy);
        kernel.start();
        assert!(client.rump_sys_getpid().is_ok());
        expect_regained(&events, 2);
    }

    fn a_call_with_a_time_limit_does_not_search_longer(kernel) {
        let builder = Client::builder().retry(RetryPolicy::Forever).call_timeout(Some(BRIEFLY));
        let client = kernel.client_with(builder);
        kernel.kill();
        assert_eq!(client.rump_sys_getpid(), Err(Errno::ETIMEDOUT));
        kernel.start();
        wait_until("the kernel is found", || client.rump_sys_getpid().is_ok());
    }

    fn a_program_may_die_with_its_kernel(kernel) {
        let mut program = Program::start(CLIENT, kernel.url(), &["die-with-the-kernel"]);
        program.expect("ready");
        kernel.kill();
        program.expect("on exit: true");
        // It would rather have seen the end, but the program waits for it.
        program.expect("the other: true");
        assert_eq!(program.wait(), Ending::Exited(1));
    }

    fn signals_are_taken_during_the_search_and_may_join_it(kernel) {
        let mut program = Program::start(CLIENT, kernel.url(), &["signal-while-reconnecting"]);
        program.expect("ready");
        kernel.kill();
        let decoy = kernel.decoy();
        decoy.expect_visits(2);
        program.signal(Signal::USR1);
        decoy.expect_visits(2);
        drop(decoy);
        kernel.start();
        program.finish();
    }

    fn a_hundred_restarts_under_the_load_of_eight_threads(kernel) {
        let mut program = Program::start(CLIENT, kernel.url(), &["restarts-under-load"]);
        program.expect("ready");
        for generation in 1..=100 {
            kernel.kill();
            kernel.start();
            program.expect(&format!("regained {}", generation + 1));
        }
        program.say("enough");
        program.finish();
    }
}

/// Ways for a connection to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// The server hangs up in order.
    End,
    /// It hangs up with something of the client's unread: the host answers with ECONNRESET.
    Reset,
    /// It has hung up before the client sends: EPIPE.
    Pipe,
}

#[test]
fn every_way_for_a_connection_to_end_is_a_loss() {
    for loss in [Loss::End, Loss::Reset, Loss::Pipe] {
        let (hung_up, wait) = channel();
        let script = move |listener: &Listener| {
            let mut first = listener.accept();
            first.greet();
            match loss {
                Loss::End => drop(first.expect_frame()),
                Loss::Reset => first.wait_for_bytes(),
                Loss::Pipe => {}
            }
            drop(first);
            hung_up.send(()).unwrap();
            let mut second = listener.accept();
            second.greet();
            let call = second.expect_frame();
            second.answer(call.header.reqno, 0, 9);
            second.wait_for_hangup();
        };
        let client = |url: &str| {
            let client = Client::builder().retry(RetryPolicy::Forever).connect(url).unwrap();
            if loss == Loss::Pipe {
                wait.recv_timeout(PATIENCE).unwrap();
                // Never sent, so it is the new kernel's.
                return client.rump_sys_dup(3);
            }
            assert_eq!(client.rump_sys_dup(3), Err(Errno::LINK_LOST), "{loss:?}");
            client.rump_sys_dup(3)
        };
        assert_eq!(serve(script, client).1, Ok(9), "{loss:?}");
    }
}

/// The offset by which a client says that it has made its calls.
const FINISHED: i64 = 1 << 40;

/// A server that hangs up at every bad moment. Counts how often each call has reached it, told
/// apart by their offsets, and its clients.
fn hang_up_often(listener: &Listener) -> (BTreeMap<i64, usize>, usize) {
    let mut seen = BTreeMap::new();
    for visit in 0.. {
        let mut peer = listener.accept();
        peer.greet();
        let answered = visit % 7;
        for nth in 0..=answered {
            let Some(call) = peer.read_frame() else { break };
            let offset = call.word(2) as i64;
            if offset == FINISHED {
                peer.answer(call.header.reqno, 0, 0);
                return (seen, visit);
            }
            *seen.entry(offset).or_default() += 1;
            match (nth < answered, visit % 3) {
                (true, _) | (false, 0) => peer.answer(call.header.reqno, 0, call.word(2) as isize),
                (false, 1) => peer.send_bytes(&[24]),
                (false, _) => {}
            }
        }
    }
    unreachable!("there is always another visit")
}

#[test]
fn no_call_reaches_a_kernel_twice() {
    const THREADS: i64 = 8;
    const CALLS: i64 = 100;
    let make_calls = |url: &str| {
        let client = Client::builder().retry(RetryPolicy::Forever).connect(url).unwrap();
        let call = |offset| client.rump_sys_lseek(3, offset, SEEK_SET);
        let thread = |thread| (0..CALLS).map(move |nth| thread * CALLS + nth);
        let results: BTreeMap<_, _> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|at| scope.spawn(move || thread(at).map(|n| (n, call(n))).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        while call(FINISHED).is_err() {}
        results
    };
    let ((seen, visits), results) = serve(hang_up_often, make_calls);
    for (offset, result) in &results {
        match (result, seen.get(offset)) {
            (Ok(answer), Some(1)) => assert_eq!(answer, offset),
            (Err(Errno::LINK_LOST), None | Some(1)) => {}
            other => panic!("call {offset}: {other:?}"),
        }
    }
    assert_eq!(results.len() as i64, THREADS * CALLS);
    let lost = results.values().filter(|result| result.is_err()).count();
    assert!(visits >= 100 && lost >= visits / 3, "{visits} visits, {lost} calls lost");
}
