//! One process becomes two.

use rumpclient::proto::header::{Class, Kind};
use rumpclient::{Client, Errno, Error, Stage};
use rumpclient_tests::harness::Kernel;
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::peer::{Listener, good_banner, serve};
use rumpclient_tests::program::run;

const CLIENT: &str = env!("CARGO_BIN_EXE_rump-testclient");

fn scenario(kernel: &Kernel, args: &[&str]) -> Vec<String> {
    run(CLIENT, kernel.url(), args)
}

/// Whether the pipe at `fd` has come to its end: everybody who could write is gone.
fn is_at_end(client: &Client, fd: i32) -> bool {
    client.rump_sys_read(fd, &mut [0]) == Ok(0)
}

on_every_kernel! {
    fn a_tree_of_processes_talks_through_pipes_of_the_kernel(kernel) {
        let mut pids = scenario(kernel, &["fork-tree", "3"]);
        pids.sort();
        pids.dedup();
        assert_eq!(pids.len(), 1 + 2 + 4 + 8);
    }

    fn a_child_may_outlive_its_parent_before_it_attaches(kernel) {
        assert_eq!(scenario(kernel, &["fork-and-exit"]), ["from the parent"]);
    }

    fn a_cookie_works_once(kernel) {
        scenario(kernel, &["fork-cookie-used-twice"]);
    }

    fn a_forged_cookie_is_esrch_and_does_no_harm(kernel) {
        let client = kernel.client();
        let genuine = client.prefork().unwrap();
        let forge = |word: usize| {
            let mut key = genuine.key();
            key[word] ^= 1;
            let mut forged = client.prefork().unwrap();
            forged.set_key(key);
            forged
        };
        for word in 0..genuine.key().len() {
            let error = forge(word).attach().unwrap_err();
            assert!(matches!(error, Error::Kernel(Errno::ESRCH)), "{error:?}");
            let error = forge(word).cancel().unwrap_err();
            assert!(matches!(error, Error::Kernel(Errno::ESRCH)), "{error:?}");
        }
        let twin = genuine.attach().unwrap();
        assert_ne!(twin.rump_sys_getpid(), client.rump_sys_getpid());
    }

    fn a_thousand_forks_leave_nothing_behind(kernel) {
        scenario(kernel, &["fork-loop", "1000"]);
    }

    fn an_inherited_client_is_of_no_use_and_does_no_harm(kernel) {
        scenario(kernel, &["fork-inherited-client"]);
    }

    fn other_threads_calls_do_not_hold_a_child_up(kernel) {
        scenario(kernel, &["fork-among-threads", "100"]);
    }

    fn a_child_has_copies_of_the_descriptors(kernel) {
        scenario(kernel, &["fork-copies-descriptors"]);
    }

    fn a_cancelled_prefork_leaves_the_kernel(kernel) {
        let client = kernel.client();
        let [read, write] = client.rump_sys_pipe().unwrap();
        let cookie = client.prefork().unwrap();
        client.rump_sys_close(write).unwrap();
        cookie.cancel().unwrap();
        assert!(is_at_end(&client, read), "the kernel's process is gone, and its copy of the pipe");
    }

    fn a_dropped_prefork_leaves_the_kernel(kernel) {
        let client = kernel.client();
        let [read, write] = client.rump_sys_pipe().unwrap();
        let cookie = client.prefork().unwrap();
        client.rump_sys_close(write).unwrap();
        drop(cookie);
        assert!(is_at_end(&client, read));
    }
}

#[test]
fn a_cancel_returns_when_the_process_is_off_the_kernels_table() {
    let kernel = Kernel::test_server();
    let client = kernel.client();
    let pid = client.rump_sys_getpid().unwrap();
    let cookie = client.prefork().unwrap();
    let processes = kernel.hooks().processes();
    let twins: Vec<_> = processes.iter().filter(|process| process.pid != pid).collect();
    assert!(matches!(twins[..], [twin] if twin.parent == pid && !twin.connected), "{processes:?}");
    cookie.cancel().unwrap();
    let left: Vec<_> = kernel.hooks().processes().iter().map(|process| process.pid).collect();
    assert_eq!(left, [pid]);
    drop(client);
    kernel.expect_deserted();
}

/// The key of the prefork in the scripted tests.
const KEY: [u8; 16] = *b"a cookie's crumb";

/// Serves a prefork, and a second connection that tries to claim or cancel it; whether that one
/// showed the key, and asked to cancel.
fn refuse_claim(listener: &Listener) -> (bool, bool) {
    let mut parent = listener.accept();
    parent.greet();
    let prefork = parent.expect_frame().header.reqno;
    parent.send(Class::Response, Kind::Prefork, prefork, 0, &KEY);
    let mut child = listener.accept();
    child.send_bytes(&good_banner());
    let claim = child.expect_frame();
    let invalid_prefork = 3;
    child.send(Class::Error, Kind::Handshake, claim.header.reqno, invalid_prefork, &[]);
    (claim.body[..16] == KEY, claim.body[16..] != [0; 4])
}

#[test]
fn a_cookie_that_the_kernel_does_not_know_is_esrch() {
    let attach = |url: &str| Client::connect(url).unwrap().prefork().unwrap().attach().unwrap_err();
    let (claim, error) = serve(refuse_claim, attach);
    assert_eq!(claim, (true, false));
    assert!(matches!(error, Error::Kernel(Errno::ESRCH)), "{error:?}");
    let cancel = |url: &str| Client::connect(url).unwrap().prefork().unwrap().cancel().unwrap_err();
    let (claim, error) = serve(refuse_claim, cancel);
    assert_eq!(claim, (true, true));
    assert!(matches!(error, Error::Kernel(Errno::ESRCH)), "{error:?}");
}

#[test]
fn a_cancel_that_the_kernel_had_no_room_for_is_no_success() {
    let turn_away = |listener: &Listener| {
        let mut parent = listener.accept();
        parent.greet();
        let prefork = parent.expect_frame().header.reqno;
        parent.send(Class::Response, Kind::Prefork, prefork, 0, &KEY);
        // A server with all slots taken hangs up before it says anything.
        drop(listener.accept());
    };
    let cancel = |url: &str| Client::connect(url).unwrap().prefork().unwrap().cancel();
    let error = serve(turn_away, cancel).1.unwrap_err();
    assert!(matches!(error, Error::Closed { stage: Stage::Banner }), "{error:?}");
}
