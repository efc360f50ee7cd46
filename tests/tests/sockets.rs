//! Sockets: TCP and UDP over the kernel's loopback, local sockets, and what goes along with data.

use std::ffi::{c_int, c_void};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread;
use std::time::Duration;

use rumpclient::Client;
use rumpclient::netbsd::{self, Errno, SockAddr};
use rumpclient_tests::fixture::{
    address, address_mut, contents, create, fcntl, patient_client, pattern,
};
use rumpclient_tests::harness::PATIENCE;
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::raw::RawCall;

const LARGE: usize = (3 << 20) + 4321;

/// A port that nobody listens at: below those that kernels give out by themselves, so that none of
/// the tests that share the host's loopback gets it either.
const NOBODY: u16 = 1;

fn socket(client: &Client, family: c_int, kind: c_int) -> c_int {
    client.rump_sys_socket(family, kind, 0).expect("a socket can be made")
}

fn pair(client: &Client, kind: c_int) -> [c_int; 2] {
    let mut ends = [-1; 2];
    client
        .rump_sys_socketpair(netbsd::AF_LOCAL, kind, 0, &mut ends)
        .expect("a pair of local sockets can be made");
    ends
}

fn loopback(port: u16) -> SockAddr {
    SockAddr::v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

fn local(path: &str) -> SockAddr {
    SockAddr::unix(path).expect("a short path fits")
}

fn own_name(client: &Client, fd: c_int) -> SockAddr {
    let mut name = SockAddr::new();
    client.rump_sys_getsockname(fd, &mut name).expect("a socket has a name");
    name
}

fn peer_name(client: &Client, fd: c_int) -> Result<SockAddr, Errno> {
    let mut name = SockAddr::new();
    client.rump_sys_getpeername(fd, &mut name).map(|()| name)
}

/// A socket bound to a loopback port of the kernel's choice, and its address.
fn bound(client: &Client, kind: c_int) -> (c_int, SockAddr) {
    let fd = socket(client, netbsd::AF_INET, kind);
    client.rump_sys_bind(fd, &loopback(0)).expect("a free port can be bound");
    (fd, own_name(client, fd))
}

fn listening(client: &Client) -> (c_int, SockAddr) {
    let (fd, name) = bound(client, netbsd::SOCK_STREAM);
    client.rump_sys_listen(fd, 5).expect("a bound socket can listen");
    (fd, name)
}

/// A TCP connection: both its ends.
fn connection(client: &Client) -> [c_int; 2] {
    let (listener, name) = listening(client);
    let caller = socket(client, netbsd::AF_INET, netbsd::SOCK_STREAM);
    client.rump_sys_connect(caller, &name).expect("the listener can be connected to");
    let called = client.rump_sys_accept(listener, None).expect("there is a connection");
    client.rump_sys_close(listener).expect("an open descriptor can be closed");
    [caller, called]
}

fn option(client: &Client, fd: c_int, name: c_int) -> Result<c_int, Errno> {
    let (mut value, mut len) = ([0; 4], 0);
    client.rump_sys_getsockopt(fd, netbsd::SOL_SOCKET, name, &mut value, &mut len)?;
    assert_eq!(len, 4);
    Ok(c_int::from_ne_bytes(value))
}

fn set_option(client: &Client, fd: c_int, name: c_int, value: c_int) -> Result<(), Errno> {
    client.rump_sys_setsockopt(fd, netbsd::SOL_SOCKET, name, &value.to_ne_bytes())
}

fn send(client: &Client, fd: c_int, bytes: &[u8]) -> Result<usize, Errno> {
    client.rump_sys_sendto(fd, bytes, 0, None)
}

/// Receives until all of `into` is full or nothing more comes; how much did.
fn receive_all(client: &Client, fd: c_int, into: &mut [u8]) -> usize {
    let mut done = 0;
    while done < into.len() {
        match client.rump_sys_recvfrom(fd, &mut into[done..], 0, None) {
            Ok(0) => break,
            Ok(len) => done += len,
            Err(error) => panic!("recvfrom: {error}"),
        }
    }
    done
}

fn iovec(buffer: &mut [u8]) -> netbsd::iovec {
    netbsd::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() }
}

/// A message for `sendmsg(2)` or `recvmsg(2)`, of memory that must outlive it.
fn message(
    name: Option<&mut SockAddr>,
    iovecs: &mut [netbsd::iovec],
    control: &mut [u8],
) -> netbsd::msghdr {
    let (msg_name, msg_namelen) = name.map_or((std::ptr::null_mut(), 0), |name| {
        let len = name.len() as netbsd::socklen_t;
        (name.as_mut_ptr().cast(), len)
    });
    let msg_control: *mut c_void = match control {
        [] => std::ptr::null_mut(),
        _ => control.as_mut_ptr().cast(),
    };
    netbsd::msghdr {
        msg_name,
        msg_namelen,
        msg_iov: iovecs.as_mut_ptr(),
        msg_iovlen: iovecs.len() as c_int,
        msg_control,
        msg_controllen: control.len() as netbsd::socklen_t,
        msg_flags: 0,
    }
}

fn sendmsg(client: &Client, fd: c_int, message: &netbsd::msghdr) -> Result<usize, Errno> {
    let mut call = RawCall::new("sendmsg");
    call.set("s", fd as u64).set("msg", address(message));
    call.run(client, &[]).map(|len| len as usize)
}

fn recvmsg(client: &Client, fd: c_int, message: &mut netbsd::msghdr) -> Result<usize, Errno> {
    let mut call = RawCall::new("recvmsg");
    call.set("s", fd as u64).set("msg", address_mut(message));
    call.run(client, &[]).map(|len| len as usize)
}

/// Control data with these descriptors in it.
fn rights(descriptors: &[c_int]) -> Vec<u8> {
    let data: Vec<u8> = descriptors.iter().flat_map(|fd| fd.to_ne_bytes()).collect();
    let message =
        netbsd::ControlMessage { level: netbsd::SOL_SOCKET, kind: netbsd::SCM_RIGHTS, data: &data };
    let mut control = Vec::new();
    netbsd::push_cmsg(&mut control, &message).expect("a few descriptors fit");
    control
}

/// Sends one byte and descriptors.
fn send_descriptors(client: &Client, fd: c_int, descriptors: &[c_int]) -> Result<usize, Errno> {
    let mut byte = *b"d";
    sendmsg(client, fd, &message(None, &mut [iovec(&mut byte)], &mut rights(descriptors)))
}

/// Receives one byte and descriptors.
fn receive_descriptors(client: &Client, fd: c_int) -> Result<Vec<c_int>, Errno> {
    let (mut byte, mut control) = ([0], [0; 256]);
    let mut iovecs = [iovec(&mut byte)];
    let mut message = message(None, &mut iovecs, &mut control);
    recvmsg(client, fd, &mut message)?;
    let len = message.msg_controllen as usize;
    Ok(netbsd::cmsgs(&control[..len]).flat_map(|message| message.descriptors()).collect())
}

on_every_kernel! {
    fn a_tcp_connection_goes_both_ways_and_knows_its_ends(kernel) {
        let client = patient_client(kernel);
        let (listener, name) = listening(&client);
        let port = name.to_socket_addr().expect("an Internet address").port();
        assert_eq!(name, loopback(port));
        assert_ne!(port, 0);
        let caller = socket(&client, netbsd::AF_INET, netbsd::SOCK_STREAM);
        assert_eq!(client.rump_sys_connect(caller, &name), Ok(()));
        let mut from = SockAddr::new();
        let called = client.rump_sys_accept(listener, Some(&mut from)).unwrap();
        assert_eq!(from, own_name(&client, caller));
        assert_eq!(peer_name(&client, called), Ok(from));
        assert_eq!(peer_name(&client, caller), Ok(name));
        assert_eq!(own_name(&client, called), name);
        for (to, at, text) in [(caller, called, b"ping"), (called, caller, b"pong")] {
            assert_eq!(send(&client, to, text), Ok(4));
            let mut back = [0; 4];
            assert_eq!(receive_all(&client, at, &mut back), 4);
            assert_eq!(&back, text);
        }
        client.rump_sys_close(caller).unwrap();
        assert_eq!(client.rump_sys_read(called, &mut [0; 4]), Ok(0));
    }

    fn large_transfers_over_tcp_arrive_byte_for_byte(kernel) {
        let client = patient_client(kernel);
        let [caller, called] = connection(&client);
        let sent = pattern(LARGE);
        let received = thread::scope(|scope| {
            let receiver = scope.spawn(|| {
                let mut received = vec![0; LARGE + 1];
                let len = receive_all(&client, called, &mut received);
                received.truncate(len);
                received
            });
            assert_eq!(client.rump_sys_write(caller, &sent), Ok(LARGE));
            assert_eq!(client.rump_sys_shutdown(caller, netbsd::SHUT_WR), Ok(()));
            receiver.join().unwrap()
        });
        assert!(received == sent);
    }

    fn processes_meet_at_a_port(kernel) {
        let (server, client) = (patient_client(kernel), patient_client(kernel));
        let (listener, name) = listening(&server);
        thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let called = server.rump_sys_accept(listener, None).unwrap();
                let mut question = [0; 9];
                assert_eq!(receive_all(&server, called, &mut question), 9);
                assert_eq!(&question, b"who is it");
                let pid = server.rump_sys_getpid().unwrap();
                assert_eq!(send(&server, called, &pid.to_ne_bytes()), Ok(4));
                pid
            });
            let caller = socket(&client, netbsd::AF_INET, netbsd::SOCK_STREAM);
            client.rump_sys_connect(caller, &name).unwrap();
            assert_eq!(send(&client, caller, b"who is it"), Ok(9));
            let mut pid = [0; 4];
            assert_eq!(receive_all(&client, caller, &mut pid), 4);
            assert_eq!(i32::from_ne_bytes(pid), serving.join().unwrap());
        });
    }

    fn local_sockets_are_found_by_path(kernel) {
        let client = patient_client(kernel);
        let name = local("/tmp/socket");
        let listener = socket(&client, netbsd::AF_LOCAL, netbsd::SOCK_STREAM);
        assert_eq!(client.rump_sys_bind(listener, &name), Ok(()));
        let other = socket(&client, netbsd::AF_LOCAL, netbsd::SOCK_STREAM);
        assert_eq!(client.rump_sys_connect(other, &name), Err(Errno::ECONNREFUSED));
        assert_eq!(client.rump_sys_listen(listener, 1), Ok(()));
        let second = socket(&client, netbsd::AF_LOCAL, netbsd::SOCK_STREAM);
        assert_eq!(client.rump_sys_bind(second, &name), Err(Errno::EADDRINUSE));
        assert_eq!(client.rump_sys_connect(second, &local("/tmp/nobody")), Err(Errno::ENOENT));
        assert_eq!(client.rump_sys_connect(other, &name), Ok(()));
        let called = client.rump_sys_accept(listener, None).unwrap();
        assert_eq!(peer_name(&client, other).unwrap().unix_path(), Some(&b"/tmp/socket"[..]));
        assert_eq!(own_name(&client, listener).unix_path(), Some(&b"/tmp/socket"[..]));
        let mut stat = netbsd::stat::default();
        client.rump_sys_stat(c"/tmp/socket", &mut stat).unwrap();
        assert_eq!(stat.st_mode & netbsd::S_IFMT, netbsd::S_IFSOCK);
        assert_eq!(send(&client, other, b"local"), Ok(5));
        let mut text = [0; 8];
        assert_eq!(client.rump_sys_read(called, &mut text), Ok(5));
        assert_eq!(&text[..5], b"local");
        // The name stays when the socket goes, with nobody behind it.
        client.rump_sys_close(listener).unwrap();
        let late = socket(&client, netbsd::AF_LOCAL, netbsd::SOCK_STREAM);
        assert_eq!(client.rump_sys_connect(late, &name), Err(Errno::ECONNREFUSED));
        assert_eq!(client.rump_sys_unlink(c"/tmp/socket"), Ok(()));
    }

    fn datagrams_tell_where_they_come_from(kernel) {
        let client = patient_client(kernel);
        let (one, one_name) = bound(&client, netbsd::SOCK_DGRAM);
        let (two, two_name) = bound(&client, netbsd::SOCK_DGRAM);
        let to = |fd, text: &[u8], name| client.rump_sys_sendto(fd, text, 0, Some(name));
        assert_eq!(to(one, b"first", &two_name), Ok(5));
        assert_eq!(to(one, b"", &two_name), Ok(0));
        assert_eq!(to(one, b"third one", &two_name), Ok(9));
        let mut from = SockAddr::new();
        let mut text = [b'.'; 16];
        let mut receive = |text: &mut [u8], flags| {
            client.rump_sys_recvfrom(two, text, flags, Some(&mut from)).map(|len| (len, from))
        };
        assert_eq!(receive(&mut text, netbsd::MSG_PEEK), Ok((5, one_name)));
        assert_eq!(receive(&mut text, 0), Ok((5, one_name)));
        assert_eq!(&text, b"first...........");
        assert_eq!(receive(&mut text, 0), Ok((0, one_name)));
        // What does not fit is gone, and does not run into the next.
        assert_eq!(to(one, b"fourth", &two_name), Ok(6));
        assert_eq!(receive(&mut text[..5], 0), Ok((5, one_name)));
        assert_eq!(receive(&mut text, 0), Ok((6, one_name)));
        assert_eq!(&text[..6], b"fourth");
        let none = receive(&mut text, netbsd::MSG_DONTWAIT);
        assert_eq!(none, Err(Errno::EAGAIN));
        // An answer goes back to where it came from.
        assert_eq!(to(two, b"answer", &one_name), Ok(6));
        let mut from = SockAddr::new();
        assert_eq!(client.rump_sys_recvfrom(one, &mut text, 0, Some(&mut from)), Ok(6));
        assert_eq!(from, two_name);
    }

    fn a_datagram_socket_can_settle_on_a_peer(kernel) {
        let client = patient_client(kernel);
        let (one, one_name) = bound(&client, netbsd::SOCK_DGRAM);
        let (two, two_name) = bound(&client, netbsd::SOCK_DGRAM);
        assert_eq!(send(&client, one, b"x"), Err(Errno::EDESTADDRREQ));
        assert_eq!(peer_name(&client, one), Err(Errno::ENOTCONN));
        assert_eq!(client.rump_sys_connect(one, &two_name), Ok(()));
        assert_eq!(peer_name(&client, one), Ok(two_name));
        assert_eq!(client.rump_sys_write(one, b"settled"), Ok(7));
        let mut text = [0; 16];
        let mut from = SockAddr::new();
        assert_eq!(client.rump_sys_recvfrom(two, &mut text, 0, Some(&mut from)), Ok(7));
        assert_eq!(from, one_name);
        let elsewhere = client.rump_sys_sendto(one, b"x", 0, Some(&one_name));
        assert_eq!(elsewhere, Err(Errno::EISCONN));
        assert_eq!(send(&client, one, &[0; 70_000]), Err(Errno::EMSGSIZE));
    }

    fn local_datagrams_have_names(kernel) {
        let client = patient_client(kernel);
        let bound = |path| {
            let fd = socket(&client, netbsd::AF_LOCAL, netbsd::SOCK_DGRAM);
            client.rump_sys_bind(fd, &local(path)).unwrap();
            fd
        };
        let (one, two) = (bound("/tmp/one"), bound("/tmp/two"));
        assert_eq!(client.rump_sys_sendto(one, b"hello", 0, Some(&local("/tmp/two"))), Ok(5));
        let mut from = SockAddr::new();
        let mut text = [0; 16];
        assert_eq!(client.rump_sys_recvfrom(two, &mut text, 0, Some(&mut from)), Ok(5));
        assert_eq!(from.unix_path(), Some(&b"/tmp/one"[..]));
        let nobody = client.rump_sys_sendto(one, b"x", 0, Some(&local("/tmp/nobody")));
        assert_eq!(nobody, Err(Errno::ENOENT));
    }

    fn a_pair_of_sockets_is_connected(kernel) {
        let client = patient_client(kernel);
        let [one, other] = pair(&client, netbsd::SOCK_STREAM);
        let mut text = [0; 16];
        for (to, at) in [(one, other), (other, one)] {
            assert_eq!(client.rump_sys_write(to, b"across"), Ok(6));
            assert_eq!(client.rump_sys_read(at, &mut text), Ok(6));
        }
        client.rump_sys_close(one).unwrap();
        assert_eq!(client.rump_sys_read(other, &mut text), Ok(0));
        let sent = client.rump_sys_sendto(other, b"x", netbsd::MSG_NOSIGNAL, None);
        assert_eq!(sent, Err(Errno::EPIPE));
        // Datagrams keep their ends.
        let [one, other] = pair(&client, netbsd::SOCK_DGRAM);
        client.rump_sys_write(one, b"one").unwrap();
        client.rump_sys_write(one, b"two").unwrap();
        assert_eq!(client.rump_sys_read(other, &mut text), Ok(3));
        assert_eq!(client.rump_sys_read(other, &mut text), Ok(3));
        assert_eq!(&text[..3], b"two");
    }

    fn a_half_closed_connection_still_goes_the_other_way(kernel) {
        let client = patient_client(kernel);
        for [one, other] in [pair(&client, netbsd::SOCK_STREAM), connection(&client)] {
            send(&client, one, b"end").unwrap();
            assert_eq!(client.rump_sys_shutdown(one, netbsd::SHUT_WR), Ok(()));
            let sent = client.rump_sys_sendto(one, b"x", netbsd::MSG_NOSIGNAL, None);
            assert_eq!(sent, Err(Errno::EPIPE));
            let mut text = [0; 8];
            assert_eq!(receive_all(&client, other, &mut text), 3);
            assert_eq!(send(&client, other, b"answer"), Ok(6));
            assert_eq!(receive_all(&client, one, &mut text[..6]), 6);
            assert_eq!(&text[..6], b"answer");
            assert_eq!(client.rump_sys_shutdown(one, 77), Err(Errno::EINVAL));
        }
        assert_eq!(client.rump_sys_shutdown(-1, netbsd::SHUT_RD), Err(Errno::EBADF));
    }

    fn options_are_set_and_asked(kernel) {
        let client = patient_client(kernel);
        let fd = socket(&client, netbsd::AF_INET, netbsd::SOCK_STREAM);
        assert_eq!(option(&client, fd, netbsd::SO_TYPE), Ok(netbsd::SOCK_STREAM));
        assert_eq!(option(&client, fd, netbsd::SO_ERROR), Ok(0));
        for name in [netbsd::SO_REUSEADDR, netbsd::SO_KEEPALIVE] {
            assert_eq!(option(&client, fd, name), Ok(0), "{name:#x}");
            assert_eq!(set_option(&client, fd, name, 1), Ok(()), "{name:#x}");
            assert_ne!(option(&client, fd, name), Ok(0), "{name:#x}");
        }
        assert_eq!(set_option(&client, fd, netbsd::SO_SNDBUF, 20_000), Ok(()));
        assert!(option(&client, fd, netbsd::SO_SNDBUF).unwrap() >= 20_000);
        let tcp = netbsd::IPPROTO_TCP;
        let on = 1_i32.to_ne_bytes();
        assert_eq!(client.rump_sys_setsockopt(fd, tcp, netbsd::TCP_NODELAY, &on), Ok(()));
        let (mut value, mut len) = ([0; 4], 0);
        let name = netbsd::TCP_NODELAY;
        client.rump_sys_getsockopt(fd, tcp, name, &mut value, &mut len).unwrap();
        assert_ne!(i32::from_ne_bytes(value), 0);
        let linger = [1_i32.to_ne_bytes(), 5_i32.to_ne_bytes()].concat();
        let level = netbsd::SOL_SOCKET;
        assert_eq!(client.rump_sys_setsockopt(fd, level, netbsd::SO_LINGER, &linger), Ok(()));
        let mut back = [0; 16];
        client.rump_sys_getsockopt(fd, level, netbsd::SO_LINGER, &mut back, &mut len).unwrap();
        assert_eq!(len, 8);
        assert_ne!(i32::from_ne_bytes([back[0], back[1], back[2], back[3]]), 0);
        assert_eq!(back[4..8], 5_i32.to_ne_bytes());
        assert_eq!(option(&client, fd, 0x7777), Err(Errno::ENOPROTOOPT));
        assert_eq!(set_option(&client, fd, 0x7777, 1), Err(Errno::ENOPROTOOPT));
        let short = client.rump_sys_setsockopt(fd, level, netbsd::SO_REUSEADDR, &[1]);
        assert_eq!(short, Err(Errno::EINVAL));
    }

    fn a_receive_waits_no_longer_than_its_limit(kernel) {
        let client = patient_client(kernel);
        let [one, _other] = pair(&client, netbsd::SOCK_STREAM);
        let limit = netbsd::timeval::try_from(Duration::from_millis(30)).unwrap();
        let bytes = [
            &limit.tv_sec.to_ne_bytes()[..],
            &limit.tv_usec.to_ne_bytes(),
            &[0; size_of::<netbsd::timeval>() - 12],
        ]
        .concat();
        let (level, name) = (netbsd::SOL_SOCKET, netbsd::SO_RCVTIMEO);
        assert_eq!(client.rump_sys_setsockopt(one, level, name, &bytes), Ok(()));
        let mut text = [0; 8];
        assert_eq!(client.rump_sys_recvfrom(one, &mut text, 0, None), Err(Errno::EAGAIN));
    }

    fn msg_waitall_waits_for_everything(kernel) {
        let client = patient_client(kernel);
        let [one, other] = pair(&client, netbsd::SOCK_STREAM);
        thread::scope(|scope| {
            let receiver = scope.spawn(|| {
                let mut text = [0; 9];
                let len = client.rump_sys_recvfrom(other, &mut text, netbsd::MSG_WAITALL, None);
                len.map(|len| text[..len].to_vec())
            });
            for part in [b"one", b"two", b"six"] {
                client.rump_sys_write(one, part).unwrap();
            }
            assert_eq!(receiver.join().unwrap().unwrap(), b"onetwosix");
        });
    }

    fn without_blocking_nothing_waits(kernel) {
        let client = patient_client(kernel);
        let kind = netbsd::SOCK_STREAM | netbsd::SOCK_NONBLOCK;
        let listener = socket(&client, netbsd::AF_INET, kind);
        client.rump_sys_bind(listener, &loopback(0)).unwrap();
        client.rump_sys_listen(listener, 5).unwrap();
        assert_eq!(client.rump_sys_accept(listener, None), Err(Errno::EAGAIN));
        let [one, _other] = pair(&client, netbsd::SOCK_STREAM | netbsd::SOCK_NONBLOCK);
        assert_eq!(client.rump_sys_read(one, &mut [0; 8]), Err(Errno::EAGAIN));
        let block = vec![0; 1 << 16];
        let full = (0..1000).find_map(|_| client.rump_sys_write(one, &block).err());
        assert_eq!(full, Some(Errno::EAGAIN));
    }

    fn a_connect_without_blocking_is_done_when_it_can_be_written_to(kernel) {
        let client = patient_client(kernel);
        let (listener, name) = listening(&client);
        let caller = socket(&client, netbsd::AF_INET, netbsd::SOCK_STREAM | netbsd::SOCK_NONBLOCK);
        let result = client.rump_sys_connect(caller, &name);
        // Over the loopback it may be there at once.
        assert!(matches!(result, Ok(()) | Err(Errno::EINPROGRESS)), "{result:?}");
        let mut fds = [netbsd::pollfd { fd: caller, events: netbsd::POLLOUT, revents: 0 }];
        assert_eq!(client.rump_sys_poll(&mut fds, PATIENCE.as_millis() as c_int), Ok(1));
        assert_eq!(option(&client, caller, netbsd::SO_ERROR), Ok(0));
        let called = client.rump_sys_accept(listener, None).unwrap();
        assert_eq!(send(&client, caller, b"through"), Ok(7));
        assert_eq!(receive_all(&client, called, &mut [0; 7]), 7);
        let late = socket(&client, netbsd::AF_INET, netbsd::SOCK_STREAM | netbsd::SOCK_NONBLOCK);
        match client.rump_sys_connect(late, &loopback(NOBODY)) {
            Err(Errno::EINPROGRESS) => {
                fds[0].fd = late;
                assert_eq!(client.rump_sys_poll(&mut fds, PATIENCE.as_millis() as c_int), Ok(1));
                let error = option(&client, late, netbsd::SO_ERROR);
                assert_eq!(error, Ok(Errno::ECONNREFUSED.raw()));
            }
            result => assert_eq!(result, Err(Errno::ECONNREFUSED)),
        }
    }

    fn flags_come_with_the_socket(kernel) {
        let client = patient_client(kernel);
        let (listener, name) = listening(&client);
        let flags = |fd| {
            let status = fcntl(&client, fd, netbsd::F_GETFL, 0).unwrap();
            (status & netbsd::O_NONBLOCK, fcntl(&client, fd, netbsd::F_GETFD, 0).unwrap())
        };
        let both = (netbsd::O_NONBLOCK, netbsd::FD_CLOEXEC);
        let marks = netbsd::SOCK_NONBLOCK | netbsd::SOCK_CLOEXEC;
        assert_eq!(flags(listener), (0, 0));
        assert_eq!(flags(socket(&client, netbsd::AF_INET, netbsd::SOCK_DGRAM | marks)), both);
        for end in pair(&client, netbsd::SOCK_STREAM | marks) {
            assert_eq!(flags(end), both);
        }
        let caller = socket(&client, netbsd::AF_INET, netbsd::SOCK_STREAM);
        for (wanted, got) in [(0, (0, 0)), (marks, both)] {
            let caller = socket(&client, netbsd::AF_INET, netbsd::SOCK_STREAM);
            client.rump_sys_connect(caller, &name).unwrap();
            let mut from = SockAddr::new();
            let called = client.rump_sys_paccept(listener, Some(&mut from), None, wanted).unwrap();
            assert_eq!(flags(called), got);
            assert_eq!(from, own_name(&client, caller));
        }
        assert_eq!(flags(caller), (0, 0));
    }

    fn accept_waits_for_another_threads_connect(kernel) {
        const CALLERS: usize = 5;
        let client = patient_client(kernel);
        let (listener, name) = listening(&client);
        thread::scope(|scope| {
            let (client, name) = (&client, &name);
            let accepted = scope.spawn(move || {
                let accept = |_| {
                    let mut from = SockAddr::new();
                    client.rump_sys_accept(listener, Some(&mut from)).map(|_| from)
                };
                (0..CALLERS).map(accept).collect::<Result<Vec<_>, _>>()
            });
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| {
                    scope.spawn(move || {
                        let fd = socket(client, netbsd::AF_INET, netbsd::SOCK_STREAM);
                        client.rump_sys_connect(fd, name).map(|()| own_name(client, fd))
                    })
                })
                .collect();
            let accepted = accepted.join().unwrap().unwrap();
            for caller in callers {
                assert!(accepted.contains(&caller.join().unwrap().unwrap()));
            }
        });
    }

    fn messages_are_gathered_and_scattered(kernel) {
        let client = patient_client(kernel);
        let (one, mut one_name) = bound(&client, netbsd::SOCK_DGRAM);
        let (two, mut two_name) = bound(&client, netbsd::SOCK_DGRAM);
        let (mut head, mut body) = (*b"head:", *b" and body");
        let mut iovecs = [iovec(&mut head), iovec(&mut []), iovec(&mut body)];
        let sent = sendmsg(&client, one, &message(Some(&mut two_name), &mut iovecs, &mut []));
        assert_eq!(sent, Ok(14));
        let mut from = SockAddr::new();
        from.reset();
        let (mut start, mut rest) = ([0; 9], [0; 20]);
        let mut iovecs = [iovec(&mut start), iovec(&mut rest)];
        let mut received = message(Some(&mut from), &mut iovecs, &mut []);
        assert_eq!(recvmsg(&client, two, &mut received), Ok(14));
        *from.len_mut() = received.msg_namelen;
        assert_eq!((from, received.msg_flags), (one_name, 0));
        assert_eq!((&start, &rest[..5]), (b"head: and", &b" body"[..]));
        // What had no room is gone, and said to be.
        let mut iovecs = [iovec(&mut body)];
        let sent = sendmsg(&client, two, &message(Some(&mut one_name), &mut iovecs, &mut []));
        assert_eq!(sent, Ok(9));
        let mut iovecs = [iovec(&mut start[..4])];
        let mut received = message(None, &mut iovecs, &mut []);
        assert_eq!(recvmsg(&client, one, &mut received), Ok(4));
        assert_eq!(received.msg_flags & netbsd::MSG_TRUNC, netbsd::MSG_TRUNC);
    }

    fn large_messages_of_many_pieces_arrive(kernel) {
        let client = patient_client(kernel);
        let [one, other] = pair(&client, netbsd::SOCK_STREAM);
        let sent = pattern(1 << 19);
        thread::scope(|scope| {
            let receiver = scope.spawn(|| {
                let mut received = vec![0; sent.len()];
                assert_eq!(receive_all(&client, other, &mut received), sent.len());
                received
            });
            let mut pieces: Vec<Vec<u8>> = sent.chunks(5003).map(<[u8]>::to_vec).collect();
            let mut iovecs: Vec<_> = pieces.iter_mut().map(|piece| iovec(piece)).collect();
            let result = sendmsg(&client, one, &message(None, &mut iovecs, &mut []));
            assert_eq!(result, Ok(sent.len()));
            assert!(receiver.join().unwrap() == sent);
        });
    }

    fn descriptors_travel_between_processes(kernel) {
        let (client, other) = (patient_client(kernel), patient_client(kernel));
        let name = local("/tmp/meeting");
        let listener = socket(&client, netbsd::AF_LOCAL, netbsd::SOCK_STREAM);
        client.rump_sys_bind(listener, &name).unwrap();
        client.rump_sys_listen(listener, 1).unwrap();
        let there = socket(&other, netbsd::AF_LOCAL, netbsd::SOCK_STREAM);
        other.rump_sys_connect(there, &name).unwrap();
        let here = client.rump_sys_accept(listener, None).unwrap();
        // A file, and the reading end of a pipe.
        let file = create(&client, c"/tmp/given");
        client.rump_sys_write(file, b"given").unwrap();
        let [from, to] = client.rump_sys_pipe().unwrap();
        assert_eq!(send_descriptors(&client, here, &[file, from]), Ok(1));
        client.rump_sys_close(file).unwrap();
        client.rump_sys_close(from).unwrap();
        let descriptors = receive_descriptors(&other, there).unwrap();
        let [file, from] = descriptors[..] else { panic!("{descriptors:?}") };
        assert_eq!(other.rump_sys_write(file, b" away"), Ok(5));
        assert_eq!(contents(&client, c"/tmp/given"), b"given away");
        assert_eq!(client.rump_sys_write(to, b"piped"), Ok(5));
        let mut text = [0; 8];
        assert_eq!(other.rump_sys_read(from, &mut text), Ok(5));
        // With no room for them, none are left open.
        let file = create(&client, c"/tmp/given");
        assert_eq!(send_descriptors(&client, here, &[file]), Ok(1));
        let next = other.rump_sys_dup(there).unwrap();
        other.rump_sys_close(next).unwrap();
        let mut iovecs = [iovec(&mut text)];
        let mut received = message(None, &mut iovecs, &mut []);
        assert_eq!(recvmsg(&other, there, &mut received), Ok(1));
        assert_eq!(other.rump_sys_dup(there), Ok(next));
        assert_eq!(send_descriptors(&client, here, &[77]), Err(Errno::EBADF));
    }

    fn what_a_socket_cannot_do_is_refused(kernel) {
        let client = patient_client(kernel);
        let make = |family, kind, protocol| client.rump_sys_socket(family, kind, protocol);
        assert_eq!(make(77, netbsd::SOCK_STREAM, 0), Err(Errno::EAFNOSUPPORT));
        let udp = netbsd::IPPROTO_UDP;
        assert_eq!(make(netbsd::AF_INET, netbsd::SOCK_STREAM, udp), Err(Errno::EPROTONOSUPPORT));
        let file = create(&client, c"/tmp/file");
        assert_eq!(client.rump_sys_connect(file, &loopback(NOBODY)), Err(Errno::ENOTSOCK));
        assert_eq!(client.rump_sys_listen(77, 1), Err(Errno::EBADF));
        let (one, name) = listening(&client);
        let other = socket(&client, netbsd::AF_INET, netbsd::SOCK_STREAM);
        assert_eq!(client.rump_sys_bind(other, &name), Err(Errno::EADDRINUSE));
        let foreign = SockAddr::v4(SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 7), 0));
        assert_eq!(client.rump_sys_bind(other, &foreign), Err(Errno::EADDRNOTAVAIL));
        assert_eq!(client.rump_sys_bind(one, &loopback(0)), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_accept(other, None), Err(Errno::EINVAL));
        assert_eq!(send(&client, other, b"x"), Err(Errno::ENOTCONN));
        assert_eq!(peer_name(&client, other), Err(Errno::ENOTCONN));
        let [caller, _called] = connection(&client);
        assert_eq!(client.rump_sys_connect(caller, &name), Err(Errno::EISCONN));
        assert_eq!(client.rump_sys_connect(other, &loopback(NOBODY)), Err(Errno::ECONNREFUSED));
        let datagram = socket(&client, netbsd::AF_INET, netbsd::SOCK_DGRAM);
        assert_eq!(client.rump_sys_listen(datagram, 1), Err(Errno::EOPNOTSUPP));
    }

    fn a_socket_without_a_peer_has_an_empty_name(kernel) {
        let client = patient_client(kernel);
        let fd = socket(&client, netbsd::AF_INET, netbsd::SOCK_STREAM);
        let any = SockAddr::v4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        assert_eq!(own_name(&client, fd), any);
        let fd = socket(&client, netbsd::AF_LOCAL, netbsd::SOCK_STREAM);
        assert_eq!(own_name(&client, fd).unix_path(), Some(&b""[..]));
    }
}
