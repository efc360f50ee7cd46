//! The server's side of a case.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rumpclient::proto::header::{Class, Header, Kind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::PATIENCE;
use crate::host::wait_until;
use crate::hostile::memory::Landmarks;
use crate::peer::{Conversation, Frame, words};

/// What carries a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A local socket.
    Unix,
    /// TCP on the loopback interface.
    Tcp,
}

/// A listening socket.
pub(super) struct Server {
    listener: Listener,
    url: String,
    // Held for its drop: the socket lives in it.
    _folder: Option<TempDir>,
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Server {
    pub(super) fn listen(transport: Transport) -> Self {
        match transport {
            Transport::Unix => {
                let folder = TempDir::new().expect("a temporary folder can be made");
                let path = folder.path().join("kernel");
                let listener = UnixListener::bind(&path).expect("a socket can be bound");
                let url = format!("unix://{}", path.display());
                Self { listener: Listener::Unix(listener), url, _folder: Some(folder) }
            }
            Transport::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
                let address = listener.local_addr().expect("a bound socket has an address");
                let url = format!("tcp://{address}/");
                Self { listener: Listener::Tcp(listener), url, _folder: None }
            }
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Plays the script for the first client, on a thread of its own. The thread's result is all
    /// that the client has said.
    pub(super) fn run(
        self,
        landmarks: Landmarks,
        script: Box<dyn FnOnce(&mut Peer) + Send>,
    ) -> JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let talk = Some(Conversation::over(self.accept()));
            let mut peer = Peer { talk, landmarks, heard: Vec::new(), server: Some(self) };
            script(&mut peer);
            peer.listen_to_the_end();
            peer.heard
        })
    }

    fn accept(&self) -> OwnedFd {
        let listener = match &self.listener {
            Listener::Unix(listener) => listener.as_fd(),
            Listener::Tcp(listener) => listener.as_fd(),
        };
        let timeout = Timespec::try_from(PATIENCE).expect("the time limit is small");
        let ready = poll(&mut [PollFd::new(&listener, PollFlags::IN)], Some(&timeout));
        assert_eq!(ready, Ok(1), "the client connects");
        match &self.listener {
            Listener::Unix(listener) => listener.accept().map(|(stream, _)| stream.into()),
            Listener::Tcp(listener) => listener.accept().map(|(stream, _)| stream.into()),
        }
        .expect("a client that is there can be accepted")
    }
}

/// A conversation with a program whose memory is known.
pub struct Peer {
    /// Gone when this side has hung up.
    talk: Option<Conversation>,
    /// Where things are in the program.
    pub landmarks: Landmarks,
    heard: Vec<u8>,
    /// Gone when no more clients are to come.
    server: Option<Server>,
}

impl Deref for Peer {
    type Target = Conversation;

    fn deref(&self) -> &Conversation {
        self.talk.as_ref().expect("this side has not hung up")
    }
}

impl DerefMut for Peer {
    fn deref_mut(&mut self) -> &mut Conversation {
        self.talk.as_mut().expect("this side has not hung up")
    }
}

impl Peer {
    /// Goes through the handshake and waits for the first call.
    pub fn greet_and_wait(&mut self) -> Frame {
        self.greet();
        self.expect_frame()
    }

    /// Goes through the handshake, and says something else in one piece with its answer; `say`
    /// gets the handshake's request number.
    pub fn greet_along_with(&mut self, say: impl FnOnce(&mut Self, u64)) {
        self.hold();
        let hello = self.greet();
        say(self, hello.header.reqno);
        self.release();
    }

    /// Sends a frame with numbers of any value in its header, and a length that is true.
    pub fn send_raw(&mut self, class: u16, kind: u16, reqno: u64, aux: u32, body: &[u8]) {
        let len = (rumpclient::proto::header::HEADER_SIZE + body.len()) as u64;
        self.send_header(len, class, kind, reqno, aux);
        self.send_bytes(body);
    }

    /// Sends a header alone.
    pub fn send_header(&mut self, len: u64, class: u16, kind: u16, reqno: u64, aux: u32) {
        self.send_bytes(&Header { len, reqno, class, kind, aux }.encode());
    }

    /// Sends bytes together with a descriptor of this process.
    pub fn send_with_descriptor(&mut self, bytes: &[u8]) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [self.stream().as_fd()];
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let bytes = [IoSlice::new(bytes)];
        let sent = sendmsg(self.stream(), &bytes, &mut control, SendFlags::NOSIGNAL);
        sent.expect("a local socket takes a descriptor");
    }

    /// Sends in one piece all that `say` says.
    pub fn in_one_piece(&mut self, say: impl FnOnce(&mut Self)) {
        self.hold();
        say(self);
        self.release();
    }

    /// Sends a byte every now and then, for as long as the client listens, at most [`PATIENCE`].
    pub fn trickle(&mut self, bytes: &[u8]) {
        let began = Instant::now();
        for byte in bytes.chunks(1).cycle() {
            if began.elapsed() > PATIENCE || self.stream().write_all(byte).is_err() {
                return;
            }
            self.wait(PollFlags::HUP, Duration::from_millis(10));
        }
    }

    /// Sends a frame over and over until the client has had enough.
    pub fn send_without_end(&mut self, frame: &[u8]) {
        while self.stream().write_all(frame).is_ok() {}
    }

    /// Waits until the client has said something.
    pub fn wait_for_input(&self) {
        self.wait(PollFlags::IN, PATIENCE);
    }

    fn wait(&self, events: PollFlags, limit: Duration) {
        let timeout = Timespec::try_from(limit).expect("the time limit is small");
        poll(&mut [PollFd::new(self.stream(), events)], Some(&timeout)).expect("a socket polls");
    }

    /// Asks for memory without waiting for the answer.
    pub fn ask_copyin(&mut self, reqno: u64, address: usize, len: usize) {
        self.send(Class::Request, Kind::Copyin, reqno, 0, &words(&[len, address]));
    }

    /// Raises a signal in the program.
    pub fn raise(&mut self, signo: u32) {
        self.send(Class::Request, Kind::Raise, 0, signo, &[]);
    }

    /// Asks for memory to be mapped; its address.
    pub fn anonmmap(&mut self, len: usize) -> usize {
        self.send(Class::Request, Kind::Anonmmap, 7, 0, &words(&[len]));
        self.expect_frame().word(0)
    }

    /// The process at the other end of a local socket.
    fn program(&self) -> Pid {
        let credentials = rustix::net::sockopt::socket_peercred(self.stream());
        credentials.expect("a local socket knows who has connected").pid
    }

    /// Sends the program a signal of the host's.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.program(), signal).expect("the program runs");
    }

    /// Waits until the program is stopped, and has it go on.
    pub fn wait_until_stopped(&self) {
        let status = format!("/proc/{}/stat", self.program().as_raw_nonzero());
        let is_stopped = || {
            let status = std::fs::read_to_string(&status).expect("the program is there");
            status.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"))
        };
        wait_until("the program is stopped", is_stopped);
        self.signal(Signal::CONT);
    }

    /// The conversation so far, which goes on later.
    pub fn put_aside(&mut self) -> Conversation {
        self.talk.take().expect("this side has not hung up")
    }

    /// Hangs up, if that has not been done, and goes on with a conversation.
    pub fn take_up(&mut self, talk: Conversation) {
        self.close();
        self.talk = Some(talk);
    }

    /// Hangs up, if that has not been done, and waits for the next connection.
    pub fn next_connection(&mut self) {
        self.close();
        let server = self.server.as_ref().expect("clients may come");
        self.talk = Some(Conversation::over(server.accept()));
    }

    /// Hangs up.
    pub fn close(&mut self) {
        if let Some(talk) = self.talk.take() {
            self.heard.extend_from_slice(talk.heard());
        }
    }

    /// Hangs up with a reset instead of an orderly end.
    pub fn reset(&mut self) {
        let linger = rustix::net::sockopt::set_socket_linger;
        // A local socket has no such thing, but resets when something was left unread.
        linger(self.stream(), Some(Duration::ZERO)).expect("a socket takes a linger time");
        self.close();
    }

    /// Reads until the client hangs up, frames or not.
    fn listen_to_the_end(&mut self) {
        self.server = None;
        let Some(talk) = &self.talk else { return };
        let mut rest = Vec::new();
        match talk.stream().read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the client neither speaks nor hangs up: {error}"),
        }
        self.heard.extend_from_slice(talk.heard());
        self.heard.append(&mut rest);
        self.talk = None;
    }
}
