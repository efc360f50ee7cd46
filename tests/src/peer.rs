//! A peer that says what a test tells it to, frame by frame: for what no sane server does.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::{self, JoinHandle};

use rumpclient::proto::body::WORD;
use rumpclient::proto::header::{Class, HEADER_SIZE, Header, Kind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tempfile::TempDir;

use crate::harness::PATIENCE;

/// The banner of a kernel that this host's clients can talk to.
pub fn good_banner() -> Vec<u8> {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "i386",
        "aarch64" => "evbarm",
        other => other,
    };
    format!("RUMPSP-0.4-NetBSD-7.99.34/{machine}\n").into_bytes()
}

/// Runs `script` as the server side of one connection, and `client` against its address. Returns
/// what both returned.
pub fn converse<S: Send + 'static, C>(
    script: impl FnOnce(&mut Conversation) -> S + Send + 'static,
    client: impl FnOnce(&str) -> C,
) -> (S, C) {
    serve(|listener| script(&mut listener.accept()), client)
}

/// Runs `script` as a server, and `client` against its address. Returns what both returned.
pub fn serve<S: Send + 'static, C>(
    script: impl FnOnce(&Listener) -> S + Send + 'static,
    client: impl FnOnce(&str) -> C,
) -> (S, C) {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let path = folder.path().join("kernel");
    let listener = Listener(UnixListener::bind(&path).expect("a socket can be bound"));
    let server: JoinHandle<S> = thread::spawn(move || script(&listener));
    let result = client(&format!("unix://{}", path.display()));
    (server.join().expect("the script runs to its end"), result)
}

/// Where clients come to.
#[derive(Debug)]
pub struct Listener(UnixListener);

impl Listener {
    /// The socket.
    pub fn socket(&self) -> &UnixListener {
        &self.0
    }

    /// Waits for the next client.
    ///
    /// # Panics
    /// When none comes in time.
    pub fn accept(&self) -> Conversation {
        assert!(becomes_readable(&self.0), "the client connects");
        let (stream, _) = self.0.accept().expect("a client that is there can be accepted");
        Conversation::over(stream)
    }
}

/// Whether there is something to be read, or accepted, in time.
fn becomes_readable(socket: &impl AsFd) -> bool {
    let timeout = Timespec::try_from(PATIENCE).expect("the time limit is small");
    poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&timeout)) == Ok(1)
}

/// One connection, seen from the server.
#[derive(Debug)]
pub struct Conversation {
    stream: UnixStream,
    heard: Vec<u8>,
    /// What is to be sent in one piece with what follows.
    held: Option<Vec<u8>>,
}

/// A frame from the client.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its header.
    pub header: Header,
    /// Everything behind the header.
    pub body: Vec<u8>,
}

impl Conversation {
    /// A conversation over a connected stream socket of any family.
    pub fn over(socket: impl Into<OwnedFd>) -> Self {
        let stream = UnixStream::from(socket.into());
        // A client that never answers fails the test instead of hanging it.
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        Self { stream, heard: Vec::new(), held: None }
    }

    /// The socket.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Everything that the client has said, headers and all.
    pub fn heard(&self) -> &[u8] {
        &self.heard
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        if let Some(held) = &mut self.held {
            held.extend_from_slice(bytes);
            return;
        }
        // The client may have hung up already, which is for the test to judge.
        let _ = self.stream.write_all(bytes);
    }

    /// Keeps what is sent from now on until it is [`release`](Self::release)d.
    pub fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Sends what was held in one piece.
    pub fn release(&mut self) {
        if let Some(held) = self.held.take() {
            self.send_bytes(&held);
        }
    }

    /// Sends a frame.
    pub fn send(&mut self, class: Class, kind: Kind, reqno: u64, aux: u32, body: &[u8]) {
        let mut bytes = Header::new(class, kind, reqno, aux, body.len()).encode().to_vec();
        bytes.extend_from_slice(body);
        self.send_bytes(&bytes);
    }

    /// Waits until the client has said something that nobody has read.
    ///
    /// # Panics
    /// When it says nothing in time.
    pub fn wait_for_bytes(&self) {
        assert!(becomes_readable(&self.stream), "the client says something");
    }

    /// Reads a frame; `None` when the client has hung up.
    pub fn read_frame(&mut self) -> Option<Frame> {
        let mut header = [0; HEADER_SIZE];
        match self.stream.read_exact(&mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return None,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return None,
            other => other.expect("the client says something in time"),
        }
        self.heard.extend_from_slice(&header);
        let header = Header::decode(&header).expect("a header's worth of bytes is a header");
        let mut body = vec![0; header.len as usize - HEADER_SIZE];
        self.stream.read_exact(&mut body).expect("the client completes its frames");
        self.heard.extend_from_slice(&body);
        Some(Frame { header, body })
    }

    /// Waits for the client's next frame.
    ///
    /// # Panics
    /// When the client hangs up instead.
    pub fn expect_frame(&mut self) -> Frame {
        self.read_frame().expect("the client sends a frame")
    }

    /// Goes through banner and handshake as a good server does; the handshake frame.
    pub fn greet(&mut self) -> Frame {
        self.send_bytes(&good_banner());
        let hello = self.expect_frame();
        self.send(Class::Response, Kind::Handshake, hello.header.reqno, 0, &[0; 4]);
        hello
    }

    /// Answers a system call.
    pub fn answer(&mut self, reqno: u64, error: i32, retval: isize) {
        self.send(Class::Response, Kind::Syscall, reqno, 0, &syscall_body(error, retval));
    }

    /// Asks for `len` bytes at `address`; the answer's bytes.
    pub fn copyin(&mut self, reqno: u64, address: usize, len: usize) -> Vec<u8> {
        self.send(Class::Request, Kind::Copyin, reqno, 0, &words(&[len, address]));
        self.expect_frame().body
    }

    /// Asks for the string of at most `len` bytes at `address`; the answer's bytes.
    pub fn copyinstr(&mut self, reqno: u64, address: usize, len: usize) -> Vec<u8> {
        self.send(Class::Request, Kind::Copyinstr, reqno, 0, &words(&[len, address]));
        self.expect_frame().body
    }

    /// Puts `bytes` at `address`.
    pub fn copyout(&mut self, address: usize, bytes: &[u8]) {
        self.send_bytes(&copyout_frame(address, bytes));
    }

    /// Waits until the client has hung up, reading whatever it still says.
    pub fn wait_for_hangup(&mut self) {
        while self.read_frame().is_some() {}
    }
}

/// A frame that puts `bytes` at `address`.
pub fn copyout_frame(address: usize, bytes: &[u8]) -> Vec<u8> {
    let body = [&words(&[bytes.len(), address]), bytes].concat();
    let header = Header::new(Class::Request, Kind::Copyout, 0, 0, body.len());
    [&header.encode()[..], &body].concat()
}

/// The body of a response to a system call.
pub fn syscall_body(error: i32, retval: isize) -> Vec<u8> {
    let mut body = vec![0; WORD];
    body[..4].copy_from_slice(&error.to_ne_bytes());
    body.extend_from_slice(&retval.to_ne_bytes());
    body.extend_from_slice(&0isize.to_ne_bytes());
    body
}

/// Integers of the host's word size, one after the other.
pub fn words(words: &[usize]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

impl Frame {
    /// The `index`-th register-sized slot of the body.
    pub fn word(&self, index: usize) -> usize {
        let slot = &self.body[index * WORD..(index + 1) * WORD];
        usize::from_ne_bytes(slot.try_into().expect("a word has a word's bytes"))
    }
}
