//! Programs that carry the stream, and who is at its other end.

use std::fs;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use rumpclient::netbsd::{O_CREAT, O_RDWR};
use rumpclient::{Client, Errno, Error, LinkEvent, RetryPolicy};
use rumpclient_tests::c::{CC, Library};
use rumpclient_tests::harness::Kernel;
use rumpclient_tests::host::wait_until;
use rumpclient_tests::program::Program;
use rumpclient_tests::server::{Options, TestServer};
use rumpclient_tests::ssh::{SshServer, ssh_url};
use rumpclient_tests::{on_every_kernel, on_every_mortal_kernel};

const CLIENT: &str = env!("CARGO_BIN_EXE_rump-testclient");

/// Settings in the environment.
const LIMIT: (&str, &str) = ("RUMPCLIENT_HANDSHAKE_TIMEOUT", "0.25");
const LONG_LIMIT: (&str, &str) = ("RUMPCLIENT_HANDSHAKE_TIMEOUT", "30");

/// An address by which socat carries the stream to the kernel at `url`. `None` has printed why
/// there is none.
fn by_socat(url: &str) -> Option<String> {
    if !Path::new("/usr/bin/socat").exists() {
        println!("skipped: there is no socat on this host");
        return None;
    }
    let path = url.strip_prefix("unix://").expect("kernels listen on local sockets");
    Some(format!("exec:socat - UNIX-CONNECT:{path}"))
}

/// Runs scenarios that fork and exec, at this address.
fn process_life(url: &str, set_up: impl Fn(&mut Command)) {
    for scenario in [&["exec", CLIENT, "3"][..], &["fork-tree", "2"], &["fork-cookie-used-twice"]] {
        let mut command = Command::new(CLIENT);
        command.args(scenario).env("RUMP_SERVER", url);
        set_up(&mut command);
        Program::spawn(&mut command).finish();
    }
}

/// How it goes for a program that connects with this in its environment, makes a call and hangs up.
/// What it has started and left is not killed.
fn connect_with(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(CLIENT);
    command.arg("connect").envs(variables.iter().copied()).stdin(Stdio::null());
    let output = command.stderr(Stdio::inherit()).output().expect("the program runs");
    assert!(output.status.success(), "{variables:?}: {output:?}");
    String::from_utf8(output.stdout).expect("the program prints text").trim_end().to_owned()
}

on_every_kernel! {
    fn a_command_carries_the_stream(kernel) {
        let Some(url) = by_socat(kernel.url()) else { return };
        let client = Client::connect(&url).unwrap();
        assert!(client.rump_sys_getpid().is_ok());
        assert_eq!(client.address().to_string(), url);
        let large = vec![b'x'; 1 << 20];
        let fd = client.rump_sys_open(c"/tmp/by-command", O_CREAT | O_RDWR, 0o600).unwrap();
        assert_eq!(client.rump_sys_write(fd, &large), Ok(large.len()));
        let mut back = vec![0; large.len()];
        assert_eq!(client.rump_sys_pread(fd, &mut back, 0), Ok(large.len()));
        assert_eq!(large, back);
    }

    fn a_commands_stream_survives_fork_and_exec(kernel) {
        let Some(url) = by_socat(kernel.url()) else { return };
        process_life(&url, |_| ());
    }

    fn ssh_carries_the_stream_and_ends_with_it(kernel) {
        let Some(ssh) = SshServer::start() else { return };
        let url = ssh.url(kernel.url());
        let path = ssh.path().into_string().unwrap();
        let outcome = connect_with(&[("RUMP_SERVER", &url), ("PATH", &path)]);
        assert_eq!(outcome, "connected", "{}", ssh.log());
        ssh.expect_clients_ended();
    }

    fn an_ssh_stream_survives_fork_and_exec(kernel) {
        let Some(ssh) = SshServer::start() else { return };
        process_life(&ssh.url(kernel.url()), |command| {
            command.env("PATH", ssh.path());
        });
        ssh.expect_clients_ended();
    }

    fn the_kernels_user_is_known(kernel) {
        let client = kernel.client();
        let peer = client.peer_credentials().expect("a local socket tells who is there");
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.gid, rustix::process::getegid().as_raw());
        assert!(Path::new(&format!("/proc/{}", peer.pid)).exists());
        let builder = Client::builder().require_peer_uid(peer.uid);
        assert!(kernel.client_with(builder).rump_sys_getpid().is_ok());
    }

    fn another_user_is_refused_before_anything_is_said(kernel) {
        let me = rustix::process::geteuid().as_raw();
        let other = me + 1;
        let error = Client::builder().require_peer_uid(other).connect(kernel.url()).unwrap_err();
        let names_both = matches!(
            error,
            Error::Peer { required, found: Some(found) } if (required, found) == (other, me)
        );
        assert!(names_both, "{error}");
    }
}

on_every_mortal_kernel! {
    fn a_command_is_started_again_for_a_new_kernel(kernel) {
        let Some(url) = by_socat(kernel.url()) else { return };
        let client = Client::builder().retry(RetryPolicy::Forever).connect(url).unwrap();
        let fd = client.rump_sys_open(c"/tmp/lost", O_CREAT | O_RDWR, 0o600).unwrap();
        kernel.kill();
        kernel.start();
        // socat may have taken the call on its way to a kernel that was gone.
        wait_until("there is a kernel again", || client.rump_sys_getpid().is_ok());
        assert_eq!(client.generation(), 2);
        assert_eq!(client.rump_sys_write(fd, b"x"), Err(Errno::EBADF));
    }
}

/// No program is started for a user whom it could not name.
#[test]
fn only_a_local_socket_can_be_required_to_be_a_users() {
    let folder = tempfile::tempdir().unwrap();
    let trap = folder.path().join("trap");
    let me = rustix::process::geteuid().as_raw();
    let closed = "tcp://127.0.0.1:1/";
    for address in [format!("exec:touch {}", trap.display()), closed.into(), "ssh://h/k".into()] {
        let error = Client::builder().require_peer_uid(me).connect(address).unwrap_err();
        assert!(matches!(error, Error::Peer { found: None, .. }), "{error}");
    }
    assert!(!trap.exists());
}

#[test]
fn a_command_that_is_killed_is_a_lost_kernel() {
    let kernel = Kernel::test_server();
    let Some(url) = by_socat(kernel.url()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("pid");
    let socat = url.strip_prefix("exec:").unwrap();
    let url = format!("exec:sh -c 'echo $$ > {}; exec {socat}'", told.display());
    let client = Client::connect(url).unwrap();
    let pid: i32 = fs::read_to_string(told).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    wait_until("the loss is noticed", || client.rump_sys_getpid() == Err(Errno::LINK_LOST));
    assert!(client.link_error().is_some());
    kernel.expect_deserted();
}

#[test]
fn nothing_is_left_of_commands_that_fail() {
    for (command, reason) in [
        ("exec:true", "closed the connection while waiting for its banner"),
        ("exec:nonexistent-program", "there is no program nonexistent-program in PATH"),
        ("exec:/etc/passwd", "Permission denied"),
        (
            "exec:sh -c 'exec cat > /dev/null'",
            "said nothing for 250ms while waiting for its banner",
        ),
    ] {
        let outcome = connect_with(&[("RUMP_SERVER", command), LIMIT]);
        assert!(outcome.contains(reason), "{command}: {outcome}");
    }
}

/// Neither a machine that does not answer nor one without a kernel keeps ssh running.
#[test]
fn nothing_is_left_of_ssh_that_gets_nowhere() {
    let Some(ssh) = SshServer::start() else { return };
    let path = ssh.path().into_string().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let nobody = "unix:///nonexistent/kernel";
    for (url, limit, reason) in [
        (ssh_url(silent_port, nobody), LIMIT, "said nothing for 250ms while connecting"),
        (ssh.url(nobody), LONG_LIMIT, "closed the connection while waiting for its banner"),
        (ssh_url(1, nobody), LONG_LIMIT, "ssh ended without a connection"),
    ] {
        let outcome = connect_with(&[("RUMP_SERVER", &url), ("PATH", &path), limit]);
        assert!(outcome.contains(reason), "{url}: {outcome}");
        ssh.expect_clients_ended();
    }
}

#[test]
fn the_environment_can_require_a_user() {
    let kernel = Kernel::test_server();
    let me = rustix::process::geteuid().as_raw();
    let with_user = |uid: u32| {
        let uid = uid.to_string();
        connect_with(&[("RUMP_SERVER", kernel.url()), ("RUMPCLIENT_PEER_UID", &uid)])
    };
    assert_eq!(with_user(me), "connected");
    let outcome = with_user(me + 1);
    assert!(outcome.contains("nothing was said to it"), "{outcome}");
}

#[test]
fn an_environment_that_makes_no_sense_is_refused() {
    let server = ("RUMP_SERVER", "unix:///nonexistent/kernel");
    let outcome = connect_with(&[server]);
    assert!(outcome.contains("cannot connect"), "{outcome}");
    for (variable, value) in [
        ("RUMPCLIENT_PEER_UID", "root"),
        ("RUMPCLIENT_PEER_UID", ""),
        ("RUMPCLIENT_HANDSHAKE_TIMEOUT", "soon"),
        ("RUMPCLIENT_HANDSHAKE_TIMEOUT", "-1"),
        ("RUMPCLIENT_CALL_TIMEOUT", "1e9"),
    ] {
        let outcome = connect_with(&[server, (variable, value)]);
        assert!(outcome.contains(&format!("{variable}=\"{value}\"")), "{outcome}");
    }
}

/// Nothing of a command reaches a shell.
#[test]
fn a_command_is_not_expanded() {
    let folder = tempfile::tempdir().unwrap();
    let trap = folder.path().join("trap");
    let at = trap.display();
    let address = format!("exec:echo $(touch {at}) `touch {at}`; touch {at} & > {at}");
    let error = Client::connect(address).unwrap_err().to_string();
    assert!(error.contains("$(touch"), "{error}");
    assert!(!trap.exists());
}

/// A program that carries the stream must not become a client by way of what this one preloads.
#[test]
fn a_command_is_told_nothing_of_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("environment");
    let address = format!("exec:sh -c 'env > {}'", told.display());
    let hidden =
        [("RUMPHIJACK", "path=/rump"), ("LD_PRELOAD", ""), ("RUMPCLIENT__EXECFD", "77,78")];
    let told_too = [("RUMP_SERVER", address.as_str()), ("KEPT", "1")];
    connect_with(&[&hidden[..], &told_too].concat());
    let told = fs::read_to_string(told).unwrap();
    let names: Vec<_> = told.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(names.contains(&"KEPT"), "{told}");
    for name in ["RUMP_SERVER", "RUMPHIJACK", "LD_PRELOAD", "RUMPCLIENT__EXECFD"] {
        assert!(!names.contains(&name), "{told}");
    }
}

/// A test server that can be reached over a network. `None` has printed why there is none.
fn networked_server() -> Option<TestServer> {
    // Connecting a datagram socket chooses an address and sends nothing.
    let own_address = || -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect("192.0.2.1:9")?;
        Ok(socket.local_addr()?.ip())
    };
    let Some(host) = own_address().ok().filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
    else {
        println!("skipped: this host has no address but the loopback interface's");
        return None;
    };
    let url = format!("tcp://{host}:0/");
    Some(TestServer::start(&url, Options::default()).expect("the test server starts"))
}

#[test]
fn an_open_network_is_told_of_once() {
    static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let Some(server) = networked_server() else { return };
    let hear = |event: &LinkEvent| HEARD.lock().unwrap().push(format!("{event:?}"));
    let client = Client::builder().on_link_event(hear).connect(server.url()).unwrap();
    assert!(client.rump_sys_getpid().is_ok());
    assert!(client.peer_credentials().is_none());
    let heard = HEARD.lock().unwrap();
    assert!(matches!(&heard[..], [one] if one.starts_with("Exposed")), "{heard:?}");
}

#[test]
fn the_loopback_interface_is_no_open_network() {
    static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    for url in ["tcp://127.0.0.1:0/", "tcp6://[::1]:0/"] {
        let Ok(server) = TestServer::start(url, Options::default()) else {
            println!("skipped: nobody can listen at {url} on this host");
            continue;
        };
        let hear = |event: &LinkEvent| HEARD.lock().unwrap().push(format!("{event:?}"));
        let client = Client::builder().on_link_event(hear).connect(server.url()).unwrap();
        assert!(client.rump_sys_getpid().is_ok());
    }
    assert_eq!(*HEARD.lock().unwrap(), [""; 0]);
}

/// A C program that connects, and connects again in a plainly forked child.
const CONNECTS_TWICE: &str = r"
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <rump/rumpclient.h>

int
main(void)
{
	int status;

	if (rumpclient_init() != 0 || rumpclient_init() != 0)
		return 1;
	if (fork() == 0)
		_exit(rumpclient_init() != 0);
	return wait(&status) == -1 || status != 0;
}
";

#[test]
fn a_c_program_is_warned_of_an_open_network_once() {
    let (Some(server), Some(cc)) = (networked_server(), CC.present()) else { return };
    let program = cc.program_of("connects-twice", CONNECTS_TWICE);
    let warnings = |url: &str, quiet: &str| {
        let mut command = Library::ours().command(&program, url);
        let output = command.env("RUMPCLIENT_QUIET", quiet).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let text = warnings(server.url(), "");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("can be read and changed on its way"), "{text}");
    assert_eq!(warnings(server.url(), "1"), "");
    assert_eq!(warnings(Kernel::test_server().url(), ""), "");
}
