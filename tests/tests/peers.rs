//! Who is at the other end, and who may listen on the way there.

use std::net::{IpAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;

use rumpclient::{Client, Errno, Error, LinkEvent, RetryPolicy};
use rumpclient_tests::c::{CC, Library};
use rumpclient_tests::host::user;
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::peer::{Conversation, Listener, serve};
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;

on_every_kernel! {
    fn a_local_socket_tells_who_runs_the_server(kernel) {
        let peer = kernel.client().peer_credentials().expect("a local socket tells");
        assert_eq!(peer.uid, user());
        assert!(peer.pid > 1);
        let strict = kernel.client_with(Client::builder().require_peer_uid(user()));
        assert!(strict.rump_sys_getpid().is_ok());
        let error = Client::builder().require_peer_uid(user() + 1).connect(kernel.url());
        let found = match error.unwrap_err() {
            Error::Peer { required, found } if required == user() + 1 => found,
            other => panic!("{other}"),
        };
        assert_eq!(found, Some(user()));
    }
}

#[test]
fn a_connection_that_cannot_tell_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let error = Client::builder().require_peer_uid(user()).connect(url).unwrap_err();
    assert!(matches!(error, Error::Peer { found: None, .. }), "{error}");
}

#[test]
fn a_lost_server_is_not_replaced_by_another_users() {
    if user() != 0 {
        println!("skipped: only root can be two users");
        return;
    }
    let script = |listener: &Listener| {
        let mut first = listener.accept();
        first.greet();
        first.expect_frame();
        // The socket comes to be nobody's: the host notes who listens at the time they do.
        let nobody = Uid::from_raw(65534);
        set_thread_res_uid(nobody, nobody, nobody).expect("root can be anybody");
        rustix::net::listen(listener.socket(), 5).expect("a listening socket can listen");
        drop(first);
        let mut second = listener.accept();
        assert!(second.read_frame().is_none(), "the client hangs up");
        assert_eq!(second.heard(), b"");
    };
    let client = |url: &str| {
        let builder = Client::builder().require_peer_uid(0).retry(RetryPolicy::Once);
        let client = builder.connect(url).unwrap();
        assert_eq!(client.rump_sys_close(3), Err(Errno::LINK_LOST));
    };
    serve(script, client);
}

/// An address of this host's that is not the loopback interface's. What is sent there stays on the
/// host all the same. `None` has printed why.
fn exposed_address() -> Option<IpAddr> {
    // An address for documentation; a datagram socket is connected without a packet.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    let address = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    match address {
        Ok(address) if !address.ip().is_loopback() => Some(address.ip()),
        _ => {
            println!("skipped: this host has only its loopback interface");
            None
        }
    }
}

/// Serves one client at this address: greets it and waits until it is gone. What `client` returns.
fn at<R>(address: IpAddr, client: impl FnOnce(&str) -> R) -> R {
    let listener = TcpListener::bind((address, 0)).expect("a port is free");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the client connects");
        let mut peer = Conversation::over(stream);
        peer.greet();
        peer.wait_for_hangup();
    });
    let result = client(&format!("tcp://{address}:{port}"));
    server.join().expect("the script runs to its end");
    result
}

/// What a client hears of a connection to this address.
fn events(address: IpAddr) -> Vec<LinkEvent> {
    let (sender, events) = channel();
    at(address, |url| {
        let hear = move |event: &LinkEvent| sender.send(event.clone()).unwrap();
        Client::builder().on_link_event(hear).connect(url).unwrap();
    });
    events.try_iter().collect()
}

#[test]
fn a_connection_that_crosses_a_network_is_announced_once() {
    assert!(events(IpAddr::from([127, 0, 0, 1])).is_empty());
    let Some(address) = exposed_address() else { return };
    let events = events(address);
    let [LinkEvent::Exposed { peer }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(peer.ip(), address);
}

#[test]
fn a_c_program_is_told_on_standard_error() {
    let program = CC.program_of(
        "exposed",
        "#include <rump/rumpclient.h>\nint main(void) { return rumpclient_init() == -1; }\n",
    );
    let said = |address, quiet: &str| {
        at(address, |url| {
            let mut command: Command = Library::ours().command(&program, url);
            let output = command.env("RUMPCLIENT_QUIET", quiet).output().unwrap();
            assert!(output.status.success());
            String::from_utf8(output.stderr).unwrap()
        })
    };
    assert_eq!(said(IpAddr::from([127, 0, 0, 1]), ""), "");
    let Some(address) = exposed_address() else { return };
    let warning = said(address, "");
    assert!(warning.contains("can be read and changed") && warning.lines().count() == 1);
    assert_eq!(said(address, "1"), "");
}
