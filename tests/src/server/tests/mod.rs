//! The server as a client sees it that builds its frames by hand.

mod calls;
mod hooks;
mod processes;
mod protocol;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rumpclient::marshal::Register;
use rumpclient::proto::body::{Fields, WORD};
use rumpclient::proto::header::{Class, HEADER_SIZE, HandshakeKind, Header, Kind, ServerError};
use rumpclient::table::{self, Syscall};
use tempfile::TempDir;

use super::calls::CALLS_BEYOND_THE_TABLE;
use super::{Options, TestServer};

/// The longest that anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server with a socket of its own.
struct Running {
    server: TestServer,
    path: std::path::PathBuf,
    _folder: TempDir,
}

impl Running {
    fn new(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel");
        let server = TestServer::start(&format!("unix://{}", path.display()), options).unwrap();
        Self { server, path, _folder: folder }
    }

    /// A connection, of which nothing has been read.
    fn connect(&self) -> RawClient {
        RawClient::over(UnixStream::connect(&self.path).unwrap())
    }

    /// A client that has been told the banner.
    fn greeted(&self) -> RawClient {
        let mut client = self.connect();
        assert_eq!(client.read_line(), self.server.options.release.banner());
        client
    }

    /// A client with a process.
    fn client(&self) -> RawClient {
        let mut client = self.greeted();
        assert_eq!(client.handshake(HandshakeKind::Guest, b"raw\0"), Answer::Done(0));
        client
    }
}

fn server() -> Running {
    Running::new(Options::default())
}

/// Where the client's memory begins, as far as the server knows.
const MEMORY: usize = 0x10000;

/// A client made of a socket and some memory.
struct RawClient {
    stream: UnixStream,
    next_reqno: u64,
    memory: Vec<u8>,
    /// Signals that the server has raised.
    raised: Vec<u32>,
    /// Lengths of what it has copied out.
    copyouts: Vec<usize>,
    /// How many bytes fewer than asked for this client gives.
    miserly: usize,
}

/// How a request was answered.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// A handshake's or a call's error number.
    Done(i32),
    /// An ERROR frame.
    Refused(ServerError),
    /// The end of the connection.
    Closed,
}

impl RawClient {
    fn over(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            next_reqno: 0,
            memory: vec![0; 1 << 17],
            raised: Vec::new(),
            copyouts: Vec::new(),
            miserly: 0,
        }
    }

    fn read_line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        line
    }

    fn send(&mut self, class: u16, kind: u16, aux: u32, body: &[u8]) -> u64 {
        self.next_reqno += 1;
        let len = (HEADER_SIZE + body.len()) as u64;
        let header = Header { len, reqno: self.next_reqno, class, kind, aux };
        self.send_frame(header, body);
        self.next_reqno
    }

    fn send_frame(&mut self, header: Header, body: &[u8]) {
        // A server that has hung up is seen when its answer is read.
        let _ = self.stream.write_all(&[&header.encode()[..], body].concat());
    }

    fn request(&mut self, kind: Kind, aux: u32, body: &[u8]) -> u64 {
        self.send(Class::Request as u16, kind as u16, aux, body)
    }

    /// The next frame; `None` at the end of the connection.
    fn read_frame(&mut self) -> Option<(Header, Vec<u8>)> {
        let mut header = [0; HEADER_SIZE];
        self.stream.read_exact(&mut header).ok()?;
        let header = Header::decode(&header).unwrap();
        let mut body = vec![0; header.len as usize - HEADER_SIZE];
        self.stream.read_exact(&mut body).unwrap();
        Some((header, body))
    }

    /// Waits for the answer to a request and serves the server's requests meanwhile.
    fn await_answer(&mut self, reqno: u64) -> Option<(Header, Vec<u8>)> {
        loop {
            let (header, body) = self.read_frame()?;
            if header.class != Class::Request as u16 {
                assert_eq!(header.reqno, reqno);
                return Some((header, body));
            }
            self.serve(&header, &body);
        }
    }

    fn serve(&mut self, header: &Header, body: &[u8]) {
        let mut fields = Fields::new(body);
        let mut words = || (fields.word().unwrap(), fields.word().unwrap() - MEMORY);
        let answer = match Kind::from_wire(header.kind).unwrap() {
            Kind::Raise => return self.raised.push(header.aux),
            Kind::Copyout => {
                let (len, at) = words();
                self.copyouts.push(len);
                return self.memory[at..at + len].copy_from_slice(&body[2 * WORD..]);
            }
            Kind::Copyin => {
                let (len, at) = words();
                self.memory[at..at + len - self.miserly.min(len)].to_vec()
            }
            Kind::Copyinstr => {
                let (len, at) = words();
                let string = &self.memory[at..at + len];
                let end = string.iter().position(|&byte| byte == 0).map_or(len, |end| end + 1);
                string[..end].to_vec()
            }
            other => panic!("the server asks for {other:?}"),
        };
        let header = Header::new(Class::Response, Kind::Copyin, header.reqno, 0, answer.len());
        self.send_frame(header, &answer);
    }

    fn answer(&mut self, reqno: u64) -> Answer {
        match self.await_answer(reqno) {
            None => Answer::Closed,
            Some((header, _)) if header.class == Class::Error as u16 => {
                Answer::Refused(ServerError::from_wire(header.aux))
            }
            Some((_, body)) => Answer::Done(Fields::new(&body).i32().unwrap()),
        }
    }

    fn handshake(&mut self, kind: HandshakeKind, body: &[u8]) -> Answer {
        let reqno = self.request(Kind::Handshake, kind as u32, body);
        self.answer(reqno)
    }

    /// The key of a new prefork.
    fn prefork(&mut self) -> Vec<u8> {
        let reqno = self.request(Kind::Prefork, 0, &[]);
        self.await_answer(reqno).unwrap().1
    }

    /// Claims a prefork, or cancels it.
    fn claim(&mut self, key: &[u8], cancel: i32) -> Answer {
        self.handshake(HandshakeKind::Fork, &[key, &cancel.to_ne_bytes()].concat())
    }

    /// Sends a call without waiting for its answer.
    fn begin(&mut self, name: &str, args: &[(&str, usize)]) -> u64 {
        let call = call_named(name);
        self.request(Kind::Syscall, call.number, &marshal(call, args))
    }

    /// The result of a call that has been begun.
    fn finish(&mut self, reqno: u64) -> Result<[Register; 2], i32> {
        let (_, body) = self.await_answer(reqno).expect("the server answers");
        let mut fields = Fields::new(&body);
        let error = fields.i32().unwrap();
        let mut fields = Fields::new(&body[WORD..]);
        let retval = [fields.register().unwrap(), fields.register().unwrap()];
        if error == 0 { Ok(retval) } else { Err(error) }
    }

    /// Makes a call.
    fn call(&mut self, name: &str, args: &[(&str, usize)]) -> Result<[Register; 2], i32> {
        let reqno = self.begin(name, args);
        self.finish(reqno)
    }

    /// Makes a call whose first result is of interest.
    fn get(&mut self, name: &str, args: &[(&str, usize)]) -> usize {
        self.call(name, args).unwrap_or_else(|error| panic!("{name}: error {error}"))[0] as usize
    }

    /// Puts bytes into the client's memory; their address.
    fn put(&mut self, offset: usize, bytes: &[u8]) -> usize {
        self.memory[offset..offset + bytes.len()].copy_from_slice(bytes);
        MEMORY + offset
    }

    fn pid(&mut self) -> i32 {
        self.get("getpid", &[]) as i32
    }

    /// Whether the server ends the connection, saying nothing more but answers that are under way.
    fn is_closed(&mut self) -> bool {
        while let Some((header, body)) = self.read_frame() {
            if header.class == Class::Request as u16 {
                self.serve(&header, &body);
            }
        }
        true
    }
}

/// The call of this versioned name.
fn call_named(name: &str) -> &'static Syscall {
    let symbols = [format!("rump___sysimpl_{name}"), format!("rump_sys_{name}")];
    let mut calls = CALLS_BEYOND_THE_TABLE.iter().chain(table::SYSCALLS);
    calls.find(|call| symbols.iter().any(|symbol| call.symbol == symbol)).unwrap()
}

/// The argument struct with these values, and zero for the others.
fn marshal(call: &Syscall, args: &[(&str, usize)]) -> Vec<u8> {
    let mut bytes = vec![0; call.size];
    for (name, value) in args {
        let arg = call.arg(name).unwrap_or_else(|| panic!("{} has no {name}", call.name));
        let slot = &mut bytes[arg.offset..][..WORD];
        slot.copy_from_slice(&value.to_ne_bytes());
    }
    bytes
}
