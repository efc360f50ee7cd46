//! An ssh server of a test's own, and a client that knows it.

use std::ffi::OsString;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::host::{end_with_us, wait_until};

const SERVER: &str = "/usr/sbin/sshd";
const CLIENT: &str = "/usr/bin/ssh";

/// Somebody else may take a port between its choice and its use.
const ATTEMPTS: usize = 5;

/// What a key may be used for, as `docs/security.md` recommends.
const KEY_OPTIONS: &str = "restrict,port-forwarding,command=\"cat\"";

/// A running ssh server that lets this user in; stopped when dropped.
#[derive(Debug)]
pub struct SshServer {
    server: Child,
    port: u16,
    folder: TempDir,
}

impl SshServer {
    /// Starts one on the loopback interface, with keys made for the occasion. `None` has printed
    /// what the host lacks for that.
    ///
    /// # Panics
    /// When everything is there and it does not start.
    pub fn start() -> Option<Self> {
        if let Some(missing) = [SERVER, CLIENT].iter().find(|program| !Path::new(program).exists())
        {
            println!("skipped: there is no {missing} on this host");
            return None;
        }
        let folder = TempDir::new().expect("a temporary folder can be made");
        make_keys(folder.path());
        make_client(folder.path());
        // A server that root starts wants it, and only the host's own start script makes it.
        let _ = fs::create_dir_all("/run/sshd");
        let (server, port) = (0..ATTEMPTS)
            .find_map(|_| start(folder.path()))
            .unwrap_or_else(|| panic!("{SERVER} does not start: {}", log(folder.path())));
        Some(Self { server, port, folder })
    }

    /// The address of a kernel that listens on the local socket `url` here, by way of this server.
    pub fn url(&self, url: &str) -> String {
        ssh_url(self.port, url)
    }

    /// What `PATH` must begin with for `ssh` to know this server and its keys.
    pub fn path(&self) -> OsString {
        let usual = std::env::var_os("PATH").unwrap_or_default();
        let ours = self.folder.path().join("bin");
        std::env::join_paths([ours].into_iter().chain(std::env::split_paths(&usual)))
            .expect("a path in PATH has no colon")
    }

    /// The clients that have been started so far, by process id.
    pub fn clients(&self) -> Vec<u32> {
        let pids = fs::read_to_string(self.folder.path().join("started")).unwrap_or_default();
        pids.lines().map(|pid| pid.parse().expect("a process id is a number")).collect()
    }

    /// Waits until every client has ended.
    ///
    /// # Panics
    /// When there was none, or one stays.
    pub fn expect_clients_ended(&self) {
        assert!(!self.clients().is_empty(), "ssh was never started");
        // A client that nobody has reaped yet has no descriptors any more.
        let runs = |pid: &u32| Path::new(&format!("/proc/{pid}/fd/0")).exists();
        wait_until("ssh has ended", || !self.clients().iter().any(runs));
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        log(self.folder.path())
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The address of a kernel that listens on the local socket `url`, by way of whatever is at a port.
pub fn ssh_url(port: u16, url: &str) -> String {
    let path = url.strip_prefix("unix://").expect("the kernel listens on a local socket");
    format!("ssh://127.0.0.1:{port}{path}")
}

fn make_keys(folder: &Path) {
    for key in ["host", "user"] {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(key));
        assert!(keygen.status().expect("ssh-keygen runs").success());
    }
    let key = fs::read_to_string(folder.join("user.pub")).expect("ssh-keygen has made a key");
    fs::write(folder.join("authorized"), format!("{KEY_OPTIONS} {key}"))
        .expect("a file can be written");
}

/// Writes a program that tells of itself and goes on as the real one.
fn make_client(folder: &Path) {
    let (config, bin) = (folder.join("client"), folder.join("bin"));
    let at = folder.display();
    let text = format!(
        "Host *\n  IdentityFile {at}/user\n  IdentitiesOnly yes\n  BatchMode yes\n  \
         StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
    );
    fs::write(config, text).expect("a file can be written");
    let script =
        format!("#!/bin/sh\necho $$ >> {at}/started\nexec {CLIENT} -F {at}/client \"$@\"\n");
    fs::create_dir(&bin).expect("a folder can be made");
    let program = bin.join("ssh");
    fs::write(&program, script).expect("a file can be written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
        .expect("a file can be made a program");
}

/// Starts the server and waits until it listens; `None` if it has ended instead.
fn start(folder: &Path) -> Option<(Child, u16)> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let port = free.expect("a port is free").port();
    let at = folder.display();
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {at}/host\nPidFile none\n\
         AuthorizedKeysFile {at}/authorized\nStrictModes no\nUsePAM no\n\
         PermitRootLogin yes\nMaxStartups 100\nMaxSessions 100\n"
    );
    fs::write(folder.join("server"), config).expect("a file can be written");
    let mut server = end_with_us(&mut Command::new(SERVER))
        .args(["-D", "-f", &format!("{at}/server"), "-E", &format!("{at}/log")])
        .stdin(Stdio::null())
        .spawn()
        .expect("the ssh server can be run");
    let mut ended = false;
    wait_until("the ssh server listens", || {
        ended = server.try_wait().expect("a child can be waited for").is_some();
        ended || TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    (!ended).then_some((server, port))
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}
