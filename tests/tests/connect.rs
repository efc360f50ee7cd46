//! Getting to a kernel, or learning why not.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rumpclient::{Client, Errno, Error, Stage};
use rumpclient_tests::harness::PATIENCE;
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::peer::{Conversation, converse, good_banner};
use rumpclient_tests::server::{BannerFault, Faults, Options};

/// Long enough for any honest answer on a busy machine, and short enough to wait for.
const LIMIT: Duration = Duration::from_millis(300);

fn hasty(url: &str) -> Result<Client, Error> {
    Client::builder().handshake_timeout(Some(LIMIT)).connect(url)
}

on_every_kernel! {
    fn a_client_learns_what_it_talks_to(kernel) {
        let client = kernel.client();
        let banner = client.banner().expect("a connected client has a banner");
        assert!(banner.ostype.ends_with("BSD"), "{banner}");
        assert_eq!(banner.protocol, (0, 4));
        assert!(!banner.release().is_empty(), "{banner}");
        assert_eq!(client.generation(), 1);
        assert!(client.link_error().is_none());
    }

    fn each_client_is_a_process_of_its_own(kernel) {
        let clients: Vec<_> = (0..5).map(|_| kernel.client()).collect();
        let mut pids: Vec<_> = clients.iter().map(|client| client.rump_sys_getpid().unwrap()).collect();
        pids.sort();
        pids.dedup();
        assert_eq!(pids.len(), clients.len());
        // A child of init, as rumpclient(3) promises.
        assert!(clients.iter().all(|client| client.rump_sys_getppid() == Ok(1)));
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent");
    let _listener = UnixListener::bind(&path).unwrap();
    let began = Instant::now();
    let error = hasty(&format!("unix://{}", path.display())).unwrap_err();
    assert!(matches!(error, Error::TimedOut { stage: Stage::Banner, .. }), "{error}");
    assert!(began.elapsed() >= LIMIT && began.elapsed() < PATIENCE);
}

#[test]
fn a_server_that_never_shakes_hands_is_given_up_on() {
    let script = |peer: &mut Conversation| {
        peer.send_bytes(&good_banner());
        peer.wait_for_hangup();
    };
    let ((), result) = converse(script, hasty);
    let error = result.unwrap_err();
    assert!(matches!(error, Error::TimedOut { stage: Stage::Handshake, .. }), "{error}");
}

#[test]
fn a_full_listen_queue_does_not_hang_a_client() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full");
    let listener = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    rustix::net::bind(&listener, &rustix::net::SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let url = format!("unix://{}", path.display());
    // The queue takes one; whoever comes next waits in connect(2).
    let waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let error = hasty(&url).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    drop(waiting);
}

#[test]
fn a_banner_may_come_in_pieces() {
    for size in [1, 7, 31] {
        let banner = BannerFault::Pieces { size, gap: Duration::from_millis(1) };
        let options =
            Options { faults: Faults { banner, ..Faults::default() }, ..Options::default() };
        let kernel = rumpclient_tests::harness::Kernel::test_server_with(options);
        assert!(kernel.client().rump_sys_getpid().is_ok());
    }
}

#[test]
fn other_servers_are_named_for_what_they_are() {
    for (banner, expected) in [
        (&b"SSH-2.0-OpenSSH_9.9\r\n"[..], "SSH-2.0-OpenSSH_9.9"),
        (b"RUMPSP-1.0-NetBSD-13.0/amd64\n", "protocol 1.0"),
        (b"RUMPSP-0.4-NetBSD-11.0/pdp11\n", "pdp11"),
        (b"RUMPSP-zero\n", "RUMPSP-zero"),
        (&[b'x'; 200], "xxx"),
    ] {
        let script = move |peer: &mut Conversation| {
            peer.send_bytes(banner);
            peer.wait_for_hangup();
        };
        let ((), result) = converse(script, |url| Client::connect(url));
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Banner(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_foreign_machine_is_taken_on_request() {
    let script = |peer: &mut Conversation| {
        peer.send_bytes(b"RUMPSP-0.4-NetBSD-11.0/pdp11\n");
        let hello = peer.expect_frame();
        use rumpclient::proto::header::{Class, Kind};
        peer.send(Class::Response, Kind::Handshake, hello.header.reqno, 0, &[0; 4]);
        peer.wait_for_hangup();
    };
    let connect = |url: &str| {
        let client = Client::builder().allow_foreign_banner(true).connect(url)?;
        Ok::<_, Error>(client.banner().unwrap().machine)
    };
    assert_eq!(converse(script, connect).1.unwrap(), "pdp11");
}

#[test]
fn a_server_that_hangs_up_says_when() {
    let ((), result) = converse(|_| {}, |url| Client::connect(url));
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Closed { stage: Stage::Banner }), "{error}");
    let script = |peer: &mut Conversation| {
        peer.send_bytes(&good_banner());
        peer.expect_frame();
    };
    let ((), result) = converse(script, |url| Client::connect(url));
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Closed { stage: Stage::Handshake }), "{error}");
}

#[test]
fn a_server_that_hangs_up_in_the_middle_of_calls_ends_them_all() {
    const CALLERS: usize = 8;
    let script = |peer: &mut Conversation| {
        peer.greet();
        for _ in 0..CALLERS {
            peer.expect_frame();
        }
    };
    let call = |url: &str| {
        let client = Client::connect(url).unwrap();
        let results: Vec<_> = std::thread::scope(|scope| {
            let callers: Vec<_> =
                (0..CALLERS).map(|_| scope.spawn(|| client.rump_sys_getppid())).collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        (results, client.rump_sys_getpid(), client.link_error().unwrap().to_string())
    };
    let ((), (results, later, reason)) = converse(script, call);
    assert_eq!(results, vec![Err(Errno::LINK_LOST); CALLERS]);
    assert_eq!(later, Err(Errno::LINK_LOST));
    assert!(reason.contains("closed the connection"), "{reason}");
}

#[test]
fn an_address_without_a_server_is_named() {
    let error = Client::connect("unix:///nonexistent/kernel").unwrap_err();
    assert!(error.to_string().contains("unix:///nonexistent/kernel"), "{error}");
    assert!(matches!(error, Error::Connect { .. }));
    let error = Client::connect("tcp://127.0.0.1:notaport/").unwrap_err();
    assert!(error.to_string().contains("notaport"), "{error}");
    assert!(matches!(error, Error::Address(_)));
}

#[test]
fn tcp_in_all_its_forms_reaches_a_kernel() {
    use rumpclient_tests::server::TestServer;
    for (listen, forms) in [
        ("tcp://127.0.0.1:0/", &["tcp://127.0.0.1:{}/", "tcp://localhost:{}"][..]),
        ("tcp6://[::1]:0/", &["tcp6://[::1]:{}/", "tcp://[::1]:{}"]),
    ] {
        let server = match TestServer::start(listen, Options::default()) {
            Ok(server) => server,
            Err(error) if listen.starts_with("tcp6") => {
                println!("skipped: this host has no IPv6 loopback: {error}");
                continue;
            }
            Err(error) => panic!("{listen}: {error}"),
        };
        let port = server.url().trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
        for form in forms {
            let client = Client::connect(form.replace("{}", &port)).unwrap();
            assert!(client.rump_sys_getpid().is_ok(), "{form}");
        }
    }
}
