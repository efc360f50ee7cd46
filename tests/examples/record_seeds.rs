//! Records sessions with the test server as seeds for the fuzzers:
//! `cargo run -p rumpclient-tests --example record_seeds`, at the top of the workspace.
//!
//! A proxy between client and server keeps what both say. What the server says is a seed for
//! `frames` as it is; for `session` it becomes a script, in which addresses are told by where the
//! client has named them.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use rumpclient::Client;
use rumpclient::netbsd::{O_CREAT, O_RDWR, SEEK_SET};
use rumpclient::proto::header::{Class, HEADER_SIZE, Header, Kind};
use rumpclient_tests::fuzz::session;
use rumpclient_tests::harness::Kernel;

/// What one side said, in one piece.
enum Said {
    Client(Vec<u8>),
    Server(Vec<u8>),
}

/// A client to record, by the name of its seed.
type Recorded = (&'static str, fn(&Client));

const RECORDED: [Recorded; 4] =
    [("files", files), ("errors", errors), ("pipes", pipes), ("names", names)];

/// The beginnings of inputs for `session`: traits, how many calls, and which.
const HEADS: [&[u8]; 6] = [
    &[0, 2, 0, 11],
    &[0, 3, 1, 2, 0],
    &[0, 4, 5, 6, 7, 8],
    &[0, 4, 3, 4, 9, 10],
    &[1, 5, 0, 1, 2, 5, 10],
    &[4, 2, 0, 6],
];

fn main() {
    for (name, client) in RECORDED {
        let said = record(|url| client(&Client::connect(url).expect("the server is there")));
        let server = said.iter().filter_map(|said| match said {
            Said::Server(bytes) => Some(&bytes[..]),
            Said::Client(_) => None,
        });
        save("frames", name, &[&[13, 0], &server.collect::<Vec<_>>().concat()[..]].concat());
    }
    for (at, head) in HEADS.into_iter().enumerate() {
        let said = record(|url| session::client(head, url));
        save("session", &format!("recorded-{at}"), &[head, &script(&said)].concat());
    }
}

fn save(target: &str, name: &str, bytes: &[u8]) {
    let path = Path::new("fuzz/seeds").join(target).join(name);
    fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    println!("{} bytes in {}", bytes.len(), path.display());
}

fn files(client: &Client) {
    let fd = client.rump_sys_open(c"/tmp/seed", O_CREAT | O_RDWR, 0o600).unwrap();
    client.rump_sys_write(fd, b"some bytes").unwrap();
    client.rump_sys_lseek(fd, 0, SEEK_SET).unwrap();
    client.rump_sys_read(fd, &mut [0; 64]).unwrap();
    client.rump_sys_fstat(fd, &mut Default::default()).unwrap();
    client.rump_sys_close(fd).unwrap();
    client.rump_sys_unlink(c"/tmp/seed").unwrap();
}

fn errors(client: &Client) {
    client.rump_sys_open(c"/nonexistent/path", 0, 0).unwrap_err();
    client.rump_sys_read(99, &mut [0; 8]).unwrap_err();
    drop(client.prefork().unwrap());
}

fn pipes(client: &Client) {
    let [read, write] = client.rump_sys_pipe().unwrap();
    client.rump_sys_write(write, &[7; 300]).unwrap();
    client.rump_sys_read(read, &mut [0; 300]).unwrap();
    client.rump_sys_close(read).unwrap();
    // Raises SIGPIPE, which this program ignores as all Rust programs do.
    client.rump_sys_write(write, b"x").unwrap_err();
}

fn names(client: &Client) {
    client.rump_sys_mkdir(c"/tmp/folder", 0o700).unwrap();
    client.rump_sys_rename(c"/tmp/folder", c"/tmp/renamed").unwrap();
    client.rump_sys_symlink(c"renamed", c"/tmp/link").unwrap();
    client.rump_sys_readlink(c"/tmp/link", &mut [0; 64]).unwrap();
    client.rump_sys_unlink(c"/tmp/link").unwrap();
    client.rump_sys_rmdir(c"/tmp/renamed").unwrap();
}

/// What is said while `client` runs against a test server's address.
fn record(client: impl FnOnce(&str)) -> Vec<Said> {
    let kernel = Kernel::test_server();
    let server = kernel.url().strip_prefix("unix://").expect("a local socket").to_owned();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("proxy");
    let listener = UnixListener::bind(&path).expect("a socket can be bound");
    let said = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let proxy = scope.spawn(|| {
            let (ours, _) = listener.accept().expect("the client comes");
            let theirs = UnixStream::connect(server).expect("the server is there");
            thread::scope(|scope| {
                scope.spawn(|| carry(&ours, &theirs, Said::Client, &said));
                scope.spawn(|| carry(&theirs, &ours, Said::Server, &said));
            });
        });
        client(&format!("unix://{}", path.display()));
        proxy.join().expect("the proxy ends with its client");
    });
    said.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Carries frames, after the server's banner, one by one.
fn carry(
    mut from: &UnixStream,
    to: &UnixStream,
    side: fn(Vec<u8>) -> Said,
    all: &Mutex<Vec<Said>>,
) {
    let is_server = matches!(side(Vec::new()), Said::Server(_));
    if is_server {
        let mut banner = Vec::new();
        while banner.last() != Some(&b'\n') {
            let mut byte = [0];
            from.read_exact(&mut byte).expect("the banner has an end");
            banner.extend(byte);
        }
        pass(&banner, to, side, all);
    }
    let mut header = [0; HEADER_SIZE];
    while from.read_exact(&mut header).is_ok() {
        let len = Header::decode(&header).expect("a header").len as usize;
        let mut frame = header.to_vec();
        frame.resize(len, 0);
        from.read_exact(&mut frame[HEADER_SIZE..]).expect("frames are whole");
        pass(&frame, to, side, all);
    }
    // The other side may have gone first.
    let _ = to.shutdown(Shutdown::Write);

    fn pass(bytes: &[u8], mut to: &UnixStream, side: fn(Vec<u8>) -> Said, all: &Mutex<Vec<Said>>) {
        all.lock().unwrap_or_else(PoisonError::into_inner).push(side(bytes.to_vec()));
        // The other side may have gone.
        let _ = to.write_all(bytes);
    }
}

/// The peer's script that says the same: see `fuzz::session` for its steps.
fn script(said: &[Said]) -> Vec<u8> {
    let (mut script, mut call) = (Vec::new(), Vec::new());
    let mut banner = true;
    for said in said {
        match said {
            Said::Client(frame) => {
                script.push(1);
                let header = Header::decode(frame).expect("a header");
                if header.kind == Kind::Syscall as u16 {
                    call = frame[HEADER_SIZE..].to_vec();
                }
            }
            Said::Server(_) if banner => {
                script.push(0);
                banner = false;
            }
            Said::Server(frame) => script.extend(step(frame, &call)),
        }
    }
    script
}

fn step(frame: &[u8], call: &[u8]) -> Vec<u8> {
    let header = Header::decode(frame).expect("a header");
    let body = &frame[HEADER_SIZE..];
    let word = |at: usize| u64::from_ne_bytes(body[8 * at..8 * at + 8].try_into().expect("a word"));
    if header.class == Class::Response as u16 {
        let error = body[0];
        let value = if body.len() >= 16 { word(1) as u16 } else { 0 };
        return [
            &[if error == 0 { 2 } else { 3 }][..],
            &[error][usize::from(error == 0)..],
            &value.to_le_bytes(),
        ]
        .concat();
    }
    let place = || {
        let address = word(1);
        let slots =
            call.chunks_exact(8).map(|slot| u64::from_ne_bytes(slot.try_into().expect("a word")));
        let named = slots.into_iter().position(|slot| slot == address);
        // A part of a vector is in the buffer, which is the second place.
        let choice = named.map_or(11, |at| at as u8);
        let len = (word(0) % 4096) as u16;
        [&[choice, 0, 0, 1][..], &len.to_le_bytes()].concat()
    };
    match Kind::from_wire(header.kind) {
        Some(Kind::Copyin) => [&[4][..], &place(), &[0; 8]].concat(),
        Some(Kind::Copyinstr) => [&[5][..], &place(), &[0; 8]].concat(),
        Some(Kind::Copyout | Kind::Copyoutstr) => [&[6][..], &place(), &[7]].concat(),
        Some(Kind::Raise) => vec![8, header.aux as u8],
        _ => panic!("the test server says {header:?}"),
    }
}
