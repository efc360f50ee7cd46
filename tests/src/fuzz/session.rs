//! Whole sessions: a client makes calls, and a peer does what the input says.
//!
//! Whatever the peer does, the client must come to an end, must not send a byte that no call lent,
//! and must not have one changed.
//!
//! The first byte says what the client is like, the next how many calls it makes; each call takes a
//! few more. The rest is the peer's script, a byte for each step and what that
//! needs. Whatever happened before, the peer hangs up at the end of it.

mod calls;
mod grounds;

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::AsFd;

use rumpclient::proto::header::{Class, HEADER_SIZE, Header, Kind};
use rumpclient::{Client, Error, MemoryPolicy, RaisePolicy};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::input::Input;
use crate::peer::{Conversation, Frame, converse, good_banner, syscall_body, words};
use calls::Call;
use grounds::{Grounds, Places};

/// Small, so that both sides of it are reached.
const FRAME_CAP: usize = 64 << 10;

/// The most calls that a client makes.
const CALLS: usize = 6;

/// How long a client that owes nothing is listened to.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000 };

/// What the client is like and which calls it makes.
fn head(input: &mut Input<'_>) -> (Traits, Vec<Call>) {
    (Traits::take(input), (0..input.below(CALLS)).map(|_| Call::take(input)).collect())
}

/// Plays the client of an input that begins so, to a server that is none of a fuzzer's.
pub fn client(bytes: &[u8], url: &str) {
    let (traits, calls) = head(&mut Input::new(bytes));
    meet(url, traits, &calls, &mut Grounds::new(bytes));
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (traits, calls) = head(&mut input);
    let script = input.rest().to_vec();
    let mut grounds = Grounds::new(data);
    let places = grounds.places();
    let play = move |peer: &mut Conversation| {
        let mut player = Player::new(peer, places, !(traits.two_threads || traits.batch));
        player.play(Input::new(&script));
        player.listen_to_the_end()
    };
    let (heard, ()) = converse(play, |url| meet(url, traits, &calls, &mut grounds));
    grounds.check(&heard);
}

/// What the client is like.
#[derive(Clone, Copy, Debug)]
struct Traits {
    two_threads: bool,
    /// Calls by reference are made at the same time.
    batch: bool,
    any_banner: bool,
    policy: MemoryPolicy,
}

impl Traits {
    fn take(input: &mut Input<'_>) -> Self {
        let bits = input.byte();
        // A call that lends everything would lend the fuzzer.
        let policy = if bits & 4 == 0 { MemoryPolicy::Lent } else { MemoryPolicy::Strict };
        Self { two_threads: bits & 1 != 0, any_banner: bits & 2 != 0, batch: bits & 8 != 0, policy }
    }
}

/// The client's side.
fn meet(url: &str, traits: Traits, calls: &[Call], grounds: &mut Grounds) {
    let builder = Client::builder()
        .frame_cap(FRAME_CAP)
        .memory(traits.policy)
        .raise(RaisePolicy::Callback(std::sync::Arc::new(|_| ())))
        .allow_foreign_banner(traits.any_banner);
    let client = match builder.connect(url) {
        Ok(client) => client,
        Err(Error::Connect { source, .. }) => panic!("the peer is there: {source}"),
        Err(Error::TimedOut { stage, limit }) => panic!("{stage} took {limit:?}"),
        Err(error) => return check_text(&error.to_string()),
    };
    std::thread::scope(|scope| {
        let second = traits.two_threads.then(|| {
            scope.spawn(|| {
                calls.iter().filter_map(Call::safe).for_each(|call| call.make_apart(&client))
            })
        });
        if traits.batch {
            calls::make_together(calls, &client, grounds.buffer());
        } else {
            calls.iter().for_each(|call| call.make(&client, grounds, traits.policy));
        }
        // The scope waits for the closure only, a leak checker for the thread.
        if let Some(Err(panic)) = second.map(|second| second.join()) {
            std::panic::resume_unwind(panic);
        }
    });
    if let Some(error) = client.link_error() {
        check_text(&error.to_string());
    }
}

fn check_text(text: &str) {
    assert!(text.len() < 1000 && !text.contains(char::is_control), "{text:?}");
}

/// The peer's side.
struct Player<'p> {
    peer: &'p mut Conversation,
    places: Places,
    heard: Vec<u8>,
    /// The client's requests that have not been answered.
    requests: Vec<Frame>,
    /// The last system call, for the addresses in it.
    call: Option<Frame>,
    /// How many frames the client owes, or else the end of the stream.
    owed: usize,
    /// Whether that number is certain.
    certain: bool,
}

impl<'p> Player<'p> {
    fn new(peer: &'p mut Conversation, places: Places, certain: bool) -> Self {
        // The handshake comes ahead of the banner.
        Self { peer, places, heard: Vec::new(), requests: Vec::new(), call: None, owed: 1, certain }
    }

    fn play(&mut self, mut script: Input<'_>) {
        while !script.is_empty() {
            self.step(&mut script);
        }
        self.peer.release();
    }

    fn step(&mut self, script: &mut Input<'_>) {
        match script.below(16) {
            0 => self.peer.send_bytes(&good_banner()),
            1 => self.hear(),
            2 => self.answer(0, script),
            3 => self.answer(i32::from(script.byte()), script),
            4 => self.copyin(Kind::Copyin, script),
            5 => self.copyin(Kind::Copyinstr, script),
            6 | 7 => self.copyout(script),
            8 => {
                let signo = u32::from(script.byte());
                self.peer.send(Class::Request, Kind::Raise, 0, signo, &[]);
            }
            9 => {
                self.owed += 1;
                let len = script.u64() as usize;
                self.peer.send(Class::Request, Kind::Anonmmap, 1, 0, &words(&[len]));
            }
            10 => self.answer_somebody_else(script),
            11 => self.any_frame(script),
            12 => {
                self.certain = false;
                let len = script.below(256);
                self.peer.send_bytes(script.take(len));
            }
            13 => self.peer.hold(),
            14 => self.peer.release(),
            _ => {
                let len = script.below(100);
                self.peer.send_bytes(script.take(len));
                self.peer.send_bytes(b"\n");
                self.certain = false;
            }
        }
    }

    /// Reads a frame. A client that owes one and sends nothing is stuck.
    fn hear(&mut self) {
        self.peer.release();
        if self.owed == 0 || !self.certain {
            let mut fds = [PollFd::from_borrowed_fd(self.peer.stream().as_fd(), PollFlags::IN)];
            if poll(&mut fds, Some(&MOMENT)) != Ok(1) {
                return;
            }
        }
        self.owed = self.owed.saturating_sub(1);
        let Some(frame) = self.read_frame() else {
            // The client has had enough.
            self.certain = false;
            return;
        };
        if frame.header.class == Class::Request as u16 {
            if frame.header.kind == Kind::Syscall as u16 {
                self.call = Some(frame.clone());
            }
            self.requests.push(frame);
        }
    }

    fn read_frame(&mut self) -> Option<Frame> {
        let header = self.read(HEADER_SIZE)?;
        let header = Header::decode(&header).expect("a header's worth of bytes is a header");
        let body = usize::try_from(header.len).ok().and_then(|len| len.checked_sub(HEADER_SIZE));
        let body = body.filter(|body| *body <= FRAME_CAP).expect("the client's frames are sane");
        Some(Frame { header, body: self.read(body)? })
    }

    /// Reads so many bytes; `None` when the client hangs up instead.
    fn read(&mut self, len: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        let mut read = 0;
        while read < len {
            match self.peer.stream().read(&mut bytes[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("the client owes {} frames: {error}", self.owed),
            }
        }
        self.heard.extend_from_slice(&bytes[..read]);
        (read == len).then_some(bytes)
    }

    /// Answers the last request as its type demands.
    fn answer(&mut self, error: i32, script: &mut Input<'_>) {
        let Some(request) = self.requests.pop() else { return };
        let (kind, body) = match Kind::from_wire(request.header.kind) {
            Some(Kind::Handshake) => (Kind::Handshake, error.to_ne_bytes().to_vec()),
            _ => (Kind::Syscall, syscall_body(error, script.u16() as i16 as isize)),
        };
        // The next call, or the end.
        self.owed += 1;
        self.peer.send(Class::Response, kind, request.header.reqno, 0, &body);
    }

    fn answer_somebody_else(&mut self, script: &mut Input<'_>) {
        self.certain = false;
        let reqno = match (&self.call, script.below(3)) {
            (Some(call), 0) => call.header.reqno,
            (Some(call), 1) => call.header.reqno ^ 1 << script.below(64),
            _ => script.u64(),
        };
        let (class, kind, body) = match script.below(4) {
            0 => (Class::Response, Kind::Handshake, vec![0; 4]),
            1 => (Class::Response, Kind::Syscall, syscall_body(0, 1)),
            2 => (Class::Response, Kind::Prefork, vec![0; 16]),
            _ => (Class::Error, Kind::Syscall, vec![]),
        };
        self.peer.send(class, kind, reqno, script.u32(), &body);
    }

    fn copyin(&mut self, kind: Kind, script: &mut Input<'_>) {
        let (address, len) = (self.address(script), self.len(script));
        self.owed += 1;
        self.peer.send(Class::Request, kind, script.u64(), 0, &words(&[len, address]));
    }

    fn copyout(&mut self, script: &mut Input<'_>) {
        let (address, len) = (self.address(script), self.len(script) % (2 * FRAME_CAP));
        let byte = script.byte();
        let kind = if byte & 1 == 0 { Kind::Copyout } else { Kind::Copyoutstr };
        let body = [words(&[len, address]), vec![byte; len]].concat();
        self.peer.send(Class::Request, kind, 0, 0, &body);
    }

    fn any_frame(&mut self, script: &mut Input<'_>) {
        self.certain = false;
        let len = script.below(64);
        let body = script.take(len);
        let lie = i64::from(script.byte() as i8);
        let header = Header {
            len: ((HEADER_SIZE + body.len()) as u64).wrapping_add_signed(lie),
            reqno: script.u64(),
            class: script.u16() % 4,
            kind: script.u16() % 16,
            aux: script.u32(),
        };
        self.peer.send_bytes(&header.encode());
        self.peer.send_bytes(body);
    }

    /// An address that the client has named, one that it has not, or anything.
    fn address(&self, script: &mut Input<'_>) -> usize {
        let choice = script.below(16);
        let base = match &self.call {
            Some(call) if choice < 8 && call.body.len() >= 8 => {
                call.word(choice % (call.body.len() / 8))
            }
            _ if choice < 15 => self.places.get(choice),
            _ => script.u64() as usize,
        };
        base.wrapping_add_signed(isize::from(script.u16() as i16) / 16)
    }

    /// A length: small, about a buffer's, about the cap, or anything.
    fn len(&self, script: &mut Input<'_>) -> usize {
        match script.below(4) {
            0 => script.below(32),
            1 => usize::from(script.u16()) % 4096,
            2 => FRAME_CAP - 64 + script.below(128),
            _ => script.u64() as usize,
        }
    }

    /// Hangs up one way, and hears what the client still has to say; all that it has said.
    fn listen_to_the_end(mut self) -> Vec<u8> {
        // The client may have gone already.
        let _ = self.peer.stream().shutdown(Shutdown::Write);
        self.certain = true;
        while self.read(1).is_some() {}
        self.heard
    }
}
