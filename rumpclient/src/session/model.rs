//! What threads may do to one another, tried by a model checker: `cargo xtask model`.
//!
//! A server at the other end of a stream answers in any order. Every call gets its own answer, with
//! its own data; nothing is left on the books; and nobody sleeps for ever, which the checker sees.

#![allow(unsafe_code)]

use std::sync::Arc;

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner, thread};

use super::{Failure, Hello, Session};
use crate::lend::{Lends, Region};
use crate::marshal::Register;
use crate::options::Settings;
use crate::proto::body::PreforkKey;
use crate::proto::header::{Class, HEADER_SIZE, Header, Kind};
use crate::sys::{self, Fd, Interest, Io};
use crate::table::Dir;

/// Numbers of calls that the server knows.
mod call {
    /// Returns its argument.
    pub(super) const ECHO: u32 = 1;
    /// Stores its second argument at its first, and returns that.
    pub(super) const STORE: u32 = 2;
    /// Returns its argument, and raises a signal.
    pub(super) const RAISE: u32 = 3;
    /// Fills [`FILLED`](super::FILLED) bytes at its first argument with the lowest byte of its
    /// second, and returns that.
    pub(super) const FILL: u32 = 4;
}

/// Bytes that a long call fills: so many that frames are let gather.
const FILLED: usize = 24 << 10;

/// Bytes of the banner, which says which protocol this is.
const BANNER: &[u8] = b"RUMPSP-0.4-NetBSD-7.99.34/amd64\n";

/// How many orders of each kind are tried, unless `MODEL_ORDERS` says otherwise.
const ORDERS: usize = 5000;

fn orders() -> usize {
    let told = std::env::var("MODEL_ORDERS").ok();
    told.map_or(ORDERS, |number| number.parse().expect("the number of orders is a number"))
}

/// At how many places threads are held up.
const HELD_UP: usize = 3;

/// Runs `work`, which gets a session, in many orders.
fn check(work: impl Fn(&Arc<Session>) + Send + Sync + 'static) {
    let once = move || {
        let (ours, theirs) = sys::socket_pair().unwrap();
        let server = thread::spawn(move || Server::new(theirs).run());
        let mut settings = Settings::new();
        settings.spin = std::time::Duration::ZERO;
        settings.allow_foreign_banner = true;
        settings.raise = crate::RaisePolicy::Callback(Arc::new(|_| {}));
        let session = Session::establish(ours, Arc::new(settings), &Hello::Guest, None).unwrap();
        work(&session);
        assert!(session.ended().is_none(), "{:?}", session.ended());
        assert!(session.lock_state().requests.is_empty(), "a request is left");
        assert_eq!(session.lock_state().barred, 0);
        session.close();
        server.join().unwrap();
    };
    let mut config = Config::new();
    // The seed is enough.
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(100_000);
    let once = Arc::new(once);
    let again = Arc::clone(&once);
    // Any order; and orders in which threads are held up for long at a few places.
    Runner::new(RandomScheduler::new(orders()), config.clone()).run(move || once());
    Runner::new(PctScheduler::new(HELD_UP, orders()), config).run(move || again());
}

/// Runs each as a thread of its own.
fn together(session: &Arc<Session>, threads: Vec<fn(&Session)>) {
    let threads = threads.into_iter().map(|run| {
        let session = Arc::clone(session);
        thread::spawn(move || run(&session))
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn run(session: &Session, number: u32, args: [u64; 2], lends: Lends) -> Result<u64, Failure> {
    let bytes: Vec<u8> = args.iter().flat_map(|arg| arg.to_ne_bytes()).collect();
    let result = session.syscall(number, &bytes, lends, None);
    if let Err(Failure::Lost { .. }) = result {
        println!("lost: {:?}", session.ended());
    }
    result.map(|[result, _]: [Register; 2]| result as u64)
}

/// A value that no other call has.
fn unique() -> u64 {
    u64::from(sys::Thread::tag()) << 32 | u64::from(thread_rng().r#gen::<u32>())
}

fn echo(session: &Session) {
    let value = unique();
    assert_eq!(run(session, call::ECHO, [value, 0], Lends::default()).unwrap(), value);
}

fn raise(session: &Session) {
    let value = unique();
    assert_eq!(run(session, call::RAISE, [value, 0], Lends::default()).unwrap(), value);
}

fn store(session: &Session) {
    let (value, mut place) = (unique(), 0_u64);
    let address = &raw mut place;
    let mut lends = Lends::default();
    // SAFETY: the place outlives the call, and nobody else uses it meanwhile.
    unsafe { lends.add(&Region { address: address.cast(), len: 8, dir: Dir::Out }) };
    let args = [address.expose_provenance() as u64, value];
    assert_eq!(run(session, call::STORE, args, lends).unwrap(), value);
    // SAFETY: as above; the kernel may have written there behind the compiler's back.
    assert_eq!(unsafe { address.read_volatile() }, value);
}

fn fill(session: &Session) {
    let (value, mut place) = (unique(), vec![0_u8; FILLED]);
    let address = place.as_mut_ptr();
    let mut lends = Lends::default();
    // SAFETY: the place outlives the call, and nobody else uses it meanwhile.
    unsafe { lends.add(&Region { address, len: FILLED, dir: Dir::Out }) };
    let args = [address.expose_provenance() as u64, value];
    assert_eq!(run(session, call::FILL, args, lends).unwrap(), value);
    assert!(std::hint::black_box(place).iter().all(|&byte| byte == value as u8));
}

fn prefork(session: &Session) {
    let PreforkKey(key) = session.prefork(None).unwrap();
    assert_eq!(key, [1, 2, 3, 4]);
}

/// A handler that makes a call, on top of whatever the thread does next.
fn signal(session: &Arc<Session>) {
    let session = Arc::clone(session);
    sys::send_signal(move || echo(&session));
}

#[test]
fn lone_calls_of_two_threads() {
    check(|session| {
        let calls = |session: &Session| (0..24).for_each(|_| echo(session));
        together(session, vec![calls, calls]);
    });
}

#[test]
fn calls_with_data() {
    check(|session| {
        let calls = |session: &Session| (0..2).for_each(|_| store(session));
        together(session, vec![calls, calls]);
    });
}

#[test]
fn calls_with_much_data() {
    check(|session| {
        let session = Arc::clone(session);
        let other = Arc::clone(&session);
        let filler = thread::spawn(move || {
            fill(&session);
            signal(&session);
            fill(&session);
        });
        echo(&other);
        filler.join().unwrap();
    });
}

#[test]
fn lone_calls_and_one_that_opens_the_books() {
    check(|session| {
        let calls = |session: &Session| (0..12).for_each(|_| echo(session));
        let preforks = |session: &Session| (0..12).for_each(|_| prefork(session));
        together(session, vec![calls, preforks]);
    });
}

#[test]
fn the_receivers_role_goes_round() {
    check(|session| {
        let preforks = |session: &Session| (0..2).for_each(|_| prefork(session));
        together(session, vec![preforks, preforks, store, echo]);
    });
}

#[test]
fn the_kernel_raises_signals() {
    check(|session| {
        let calls = |session: &Session| {
            echo(session);
            raise(session);
        };
        together(session, vec![calls, raise, prefork]);
    });
}

#[test]
fn handlers_make_calls() {
    check(|session| {
        let threads = (0..2).map(|_| {
            let session = Arc::clone(session);
            thread::spawn(move || {
                signal(&session);
                store(&session);
                signal(&session);
                echo(&session);
                prefork(&session);
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn the_connection_is_closed_under_everybody() {
    check(|session| {
        let fate = |session: &Session| {
            let result = run(session, call::ECHO, [7, 0], Lends::default());
            assert!(matches!(result, Ok(7) | Err(Failure::Lost { .. })), "{result:?}");
        };
        // A session of its own, on a stream that is about to end.
        let (ours, theirs) = sys::socket_pair().unwrap();
        let server = thread::spawn(move || Server::new(theirs).run());
        let settings = Arc::clone(&session.settings);
        let doomed = Session::establish(ours, settings, &Hello::Guest, None).unwrap();
        together(&doomed, vec![fate, fate, Session::close]);
        assert!(doomed.lock_state().requests.is_empty(), "a request is left");
        server.join().unwrap();
    });
}

/// The other end: it takes requests as they come and answers one of them at a time.
struct Server {
    stream: Fd,
    heard: Vec<u8>,
    requests: Vec<(Header, Vec<u8>)>,
}

impl Server {
    fn new(stream: Fd) -> Self {
        Self { stream, heard: Vec::new(), requests: Vec::new() }
    }

    fn run(mut self) {
        self.say(BANNER);
        while self.listen() {
            let any = thread_rng().gen_range(0..self.requests.len());
            let (header, body) = self.requests.swap_remove(any);
            self.answer(header, &body);
        }
    }

    /// Takes what has come, or waits for it; whether there is a request.
    fn listen(&mut self) -> bool {
        loop {
            let mut bytes = [0; 1024];
            match sys::recv(&self.stream, &mut bytes) {
                Ok(Io::Moved(0)) | Err(_) => return false,
                Ok(Io::Moved(len)) => self.heard.extend_from_slice(&bytes[..len]),
                Ok(_) if !self.requests.is_empty() => return true,
                Ok(_) => {
                    let interest = Interest { read: true, write: false };
                    sys::poll_stream(&self.stream, interest, None, None).unwrap();
                }
            }
            while let Some(header) = Header::decode(&self.heard) {
                let Some(body) = self.heard.get(HEADER_SIZE..header.len as usize) else { break };
                self.requests.push((header, body.to_vec()));
                self.heard.drain(..header.len as usize);
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        let mut vectors =
            [sys::IoVec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }];
        // The client may have gone.
        let _ = sys::send(&self.stream, &mut vectors);
    }

    fn say_frame(&mut self, class: Class, kind: Kind, reqno: u64, aux: u32, body: &[u8]) {
        let header = Header::new(class, kind, reqno, aux, body.len());
        let frame = [&header.encode()[..], body].concat();
        // A stream has no frames: what comes of one at a time is anybody's guess.
        let (front, back) = frame.split_at(thread_rng().gen_range(0..=frame.len()));
        self.say(front);
        self.say(back);
    }

    fn answer(&mut self, header: Header, body: &[u8]) {
        let respond = |server: &mut Self, kind, body: &[u8]| {
            server.say_frame(Class::Response, kind, header.reqno, 0, body);
        };
        match Kind::from_wire(header.kind).unwrap() {
            Kind::Handshake => respond(self, Kind::Handshake, &[0; 4]),
            Kind::Prefork => {
                let key: Vec<u8> = [1_u32, 2, 3, 4].iter().flat_map(|n| n.to_ne_bytes()).collect();
                respond(self, Kind::Prefork, &key);
            }
            Kind::Syscall => {
                let word = |at: usize| u64::from_ne_bytes(body[at..at + 8].try_into().unwrap());
                let (first, second) = (word(0), word(8));
                let mut result = first;
                match header.aux {
                    call::STORE => {
                        let parts = [8, first, second].map(u64::to_ne_bytes).concat();
                        self.say_frame(Class::Request, Kind::Copyout, 1, 0, &parts);
                        result = second;
                    }
                    call::FILL => {
                        const FRAME: usize = 4 << 10;
                        for at in (0..FILLED).step_by(FRAME) {
                            let head = [FRAME as u64, first + at as u64].map(u64::to_ne_bytes);
                            let data = [second as u8; FRAME];
                            let parts = [&head.concat()[..], &data].concat();
                            self.say_frame(Class::Request, Kind::Copyout, 1, 0, &parts);
                        }
                        result = second;
                    }
                    call::RAISE => self.say_frame(Class::Request, Kind::Raise, 1, 13, &[]),
                    _ => {}
                }
                respond(self, Kind::Syscall, &[0, result, 0].map(u64::to_ne_bytes).concat());
            }
            other => panic!("a client sends {other:?}"),
        }
    }
}
