//! Requests and what servers make of them: an answer finds its own request, once it was made and
//! before it is forgotten, and nothing else.

use std::collections::BTreeMap;

use rumpclient::proto::header::{Class, Header, Kind};
use rumpclient::proto::inbound::{Event, Inbound};
use rumpclient::proto::requests::Requests;

use super::input::Input;
use crate::peer::{syscall_body, words};

const CAP: usize = 4096;

/// What a client asks, with an answer's body.
fn question(choice: usize) -> (Kind, Vec<u8>) {
    match choice % 3 {
        0 => (Kind::Handshake, vec![0; 4]),
        1 => (Kind::Syscall, syscall_body(0, 7)),
        _ => (Kind::Prefork, vec![1; 16]),
    }
}

/// The requests, and what they should be.
#[derive(Default)]
struct Sides {
    requests: Requests<u64>,
    outstanding: BTreeMap<u64, (Kind, u64)>,
    gone: Vec<u64>,
    made: u64,
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (mut sides, mut inbound) = (Sides::default(), Inbound::resumed(CAP));
    while !input.is_empty() {
        match input.below(6) {
            0 => sides.ask(question(input.below(3)).0),
            1 => sides.forget(input.byte()),
            2 => {
                let reqno = sides.some_outstanding(input.byte());
                sides.answer(&mut inbound, reqno, &mut input);
            }
            3 => {
                let reqno = sides.some_gone(input.byte());
                sides.answer(&mut inbound, reqno, &mut input);
            }
            4 => {
                let reqno = input.u64();
                sides.answer(&mut inbound, reqno, &mut input);
            }
            _ => server_asks(&mut inbound, &mut input),
        }
        sides.check();
    }
}

impl Sides {
    fn ask(&mut self, kind: Kind) {
        self.made += 1;
        let reqno = self.requests.insert(kind, self.made);
        let before = self.outstanding.insert(reqno, (kind, self.made));
        assert_eq!(before, None, "a number in use was given out again");
    }

    fn forget(&mut self, choice: u8) {
        let reqno = self.some_outstanding(choice);
        let expected = self.outstanding.remove(&reqno).map(|(_, made)| made);
        assert_eq!(self.requests.remove(reqno), expected);
        self.gone.push(reqno);
    }

    fn some_outstanding(&self, choice: u8) -> u64 {
        let at = usize::from(choice) % self.outstanding.len().max(1);
        self.outstanding.keys().nth(at).copied().unwrap_or(0)
    }

    fn some_gone(&self, choice: u8) -> u64 {
        let at = usize::from(choice) % self.gone.len().max(1);
        self.gone.get(at).copied().unwrap_or(u64::MAX)
    }

    /// An answer, or a refusal, goes over the wire and to its request.
    fn answer(&mut self, inbound: &mut Inbound, reqno: u64, input: &mut Input<'_>) {
        let choice = input.below(4);
        let (class, kind, body) = match choice {
            3 => (Class::Error, Kind::Syscall, Vec::new()),
            _ => {
                let (kind, body) = question(choice);
                (Class::Response, kind, body)
            }
        };
        let event = deliver(inbound, class, kind, reqno, input.u32(), &body);
        let Event::Response { reqno: heard, reply } = event else { panic!("{event:?}") };
        assert_eq!(heard, reqno);
        let asked = self.outstanding.get(&reqno);
        let fits = asked.is_some_and(|(asked, _)| class == Class::Error || *asked == kind);
        match self.requests.handle_answer(heard, reply.kind()) {
            Ok(made) => assert_eq!(Some(&mut *made), asked.map(|(_, made)| *made).as_mut()),
            Err(_) => assert!(!fits, "{reply:?} finds nothing"),
        }
        assert!(fits || self.requests.handle_answer(heard, reply.kind()).is_err());
    }

    fn check(&mut self) {
        assert_eq!(self.requests.len(), self.outstanding.len());
        assert_eq!(self.requests.is_empty(), self.outstanding.is_empty());
        let listed: BTreeMap<u64, u64> =
            self.requests.iter_mut().map(|(reqno, made)| (reqno, *made)).collect();
        let expected = self.outstanding.iter().map(|(reqno, (_, made))| (*reqno, *made));
        assert!(listed.into_iter().eq(expected));
    }
}

/// A server's request says what was put into it.
fn server_asks(inbound: &mut Inbound, input: &mut Input<'_>) {
    let (reqno, address) = (input.u64(), input.u64() as usize);
    let len = usize::from(input.u16()) % 2048;
    let body = words(&[len, address]);
    let (kind, expected, body) = match input.below(4) {
        0 => (Kind::Copyin, Event::Copyin { reqno, address, len, string: false }, body),
        1 => (Kind::Copyinstr, Event::Copyin { reqno, address, len, string: true }, body),
        2 => (Kind::Copyout, Event::Copyout { address, len }, [body, vec![9; len]].concat()),
        _ => (Kind::Anonmmap, Event::Anonmmap { reqno, len: address }, words(&[address])),
    };
    let event = deliver(inbound, Class::Request, kind, reqno, 0, &body);
    assert_eq!(event, expected);
    inbound.handle_payload(inbound.payload_remaining());
}

/// Encodes a frame and hands it to the client's side.
fn deliver(
    inbound: &mut Inbound,
    class: Class,
    kind: Kind,
    reqno: u64,
    aux: u32,
    body: &[u8],
) -> Event {
    let mut frame = Header::new(class, kind, reqno, aux, body.len()).encode().to_vec();
    frame.extend_from_slice(body);
    let step = inbound.handle_input(&frame).expect("a good frame");
    assert_eq!(step.consumed + inbound.payload_remaining(), frame.len());
    step.event.expect("a whole frame means something")
}
