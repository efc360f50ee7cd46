//! What arrives from a server: bytes in, checked events out.

use super::ProtocolError;
use super::banner::Banner;
use super::body::{self, Fields, PreforkKey};
use super::header::{Class, HEADER_SIZE, Header, Kind, ServerError};
use crate::marshal::Register;

/// The state of the incoming stream.
///
/// Order of calls: feed what has arrived to [`handle_input`](Self::handle_input), drop the bytes
/// it took from the front, act on the event, and go on until it takes nothing and says nothing.
/// While [`payload_remaining`](Self::payload_remaining) is not 0, the next bytes of the stream are
/// the data of the [`Event::Copyout`] just seen: put them where they belong, without showing them
/// to `handle_input`, and account for them with [`handle_payload`](Self::handle_payload).
///
/// Nothing is allocated on a peer's word. After an error the stream has lost its meaning.
#[derive(Debug)]
pub struct Inbound {
    frame_cap: usize,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Banner,
    Frame,
    Payload { remaining: usize },
}

/// Something the server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The banner: always first, exactly once.
    Banner(Banner),
    /// The answer to a request.
    Response {
        /// The request.
        reqno: u64,
        /// The answer.
        reply: Reply,
    },
    /// The server wants `len` bytes (or a string of at most that many) from `address`.
    Copyin {
        /// To be repeated in the response.
        reqno: u64,
        /// An address of this process, unchecked.
        address: usize,
        /// Bytes wanted; within the frame cap.
        len: usize,
        /// COPYINSTR: up to and including a NUL.
        string: bool,
    },
    /// The server puts `len` bytes at `address`; they follow as payload.
    Copyout {
        /// An address of this process, unchecked.
        address: usize,
        /// Bytes that follow; within the frame cap.
        len: usize,
    },
    /// The server wants `len` bytes of fresh memory mapped.
    Anonmmap {
        /// To be repeated in the response.
        reqno: u64,
        /// Bytes wanted, unchecked.
        len: usize,
    },
    /// A signal, by NetBSD number, unchecked.
    Raise {
        /// The number.
        signo: u32,
    },
}

/// The answer to a request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To HANDSHAKE: 0 or a NetBSD errno.
    Handshake {
        /// The errno.
        error: i32,
    },
    /// To SYSCALL.
    Syscall {
        /// 0 or a NetBSD errno.
        error: i32,
        /// The two return registers.
        retval: [Register; 2],
    },
    /// To PREFORK.
    Prefork(PreforkKey),
    /// An ERROR frame, to any request.
    Refused(ServerError),
}

impl Reply {
    /// The type of request that this answers; `None` for a refusal, which may answer any.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Handshake { .. } => Some(Kind::Handshake),
            Self::Syscall { .. } => Some(Kind::Syscall),
            Self::Prefork(_) => Some(Kind::Prefork),
            Self::Refused(_) => None,
        }
    }
}

/// What [`Inbound::handle_input`] made of its input.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes taken off the front.
    pub consumed: usize,
    /// What they meant; `None`: more bytes are needed.
    pub event: Option<Event>,
}

/// The most bytes of a frame that have to be there before it can be acted on.
pub const HEAD_MAX: usize = HEADER_SIZE + body::SYSCALL_RESPONSE;

impl Step {
    const MORE: Self = Self { consumed: 0, event: None };
}

impl Inbound {
    /// A stream that starts with a banner. Frames longer than `frame_cap` bytes are refused.
    pub fn new(frame_cap: usize) -> Self {
        Self { frame_cap, state: State::Banner }
    }

    /// A stream inherited over exec: the banner is long past.
    pub fn resumed(frame_cap: usize) -> Self {
        Self { frame_cap, state: State::Frame }
    }

    /// Takes one event off the front of `input`.
    ///
    /// # Errors
    /// Any [`ProtocolError`]; the connection must then be closed.
    pub fn handle_input(&mut self, input: &[u8]) -> Result<Step, ProtocolError> {
        match self.state {
            State::Banner => Ok(match Banner::handle_bytes(input)? {
                None => Step::MORE,
                Some((banner, consumed)) => {
                    self.state = State::Frame;
                    Step { consumed, event: Some(Event::Banner(banner)) }
                }
            }),
            State::Frame => self.handle_frame(input),
            State::Payload { .. } => Ok(Step::MORE),
        }
    }

    /// Bytes of copyout data that come next on the stream.
    pub fn payload_remaining(&self) -> usize {
        match self.state {
            State::Payload { remaining } => remaining,
            State::Banner | State::Frame => 0,
        }
    }

    /// Accounts for `taken` bytes of copyout data.
    ///
    /// # Panics
    /// When `taken` exceeds [`payload_remaining`](Self::payload_remaining).
    pub fn handle_payload(&mut self, taken: usize) {
        let left = self.payload_remaining().checked_sub(taken).expect("more payload than remains");
        self.state = match self.state {
            State::Payload { .. } if left > 0 => State::Payload { remaining: left },
            State::Payload { .. } => State::Frame,
            other => other,
        };
    }

    fn handle_frame(&mut self, input: &[u8]) -> Result<Step, ProtocolError> {
        let Some(header) = Header::decode(input) else { return Ok(Step::MORE) };
        if header.len < HEADER_SIZE as u64 {
            return Err(ProtocolError::FrameTooShort { len: header.len });
        }
        if header.len > self.frame_cap as u64 {
            return Err(ProtocolError::FrameTooLong { len: header.len, cap: self.frame_cap });
        }
        let body = header.len as usize - HEADER_SIZE;
        let class =
            Class::from_wire(header.class).ok_or(ProtocolError::UnknownClass(header.class))?;
        // The part of the body that must be here before the frame can be acted on.
        let fixed = fixed_body(class, &header)?;
        let is_copyout = class == Class::Request
            && [Kind::Copyout as u16, Kind::Copyoutstr as u16].contains(&header.kind);
        if body < fixed || (body > fixed && !is_copyout) {
            return Err(body_length(&header, fixed as u64));
        }
        let consumed = HEADER_SIZE + fixed;
        let Some(fields) = input.get(HEADER_SIZE..consumed) else { return Ok(Step::MORE) };
        let event = self.decode_body(class, &header, Fields::new(fields), body - fixed)?;
        if let Event::Copyout { len: remaining @ 1.., .. } = event {
            self.state = State::Payload { remaining };
        }
        Ok(Step { consumed, event: Some(event) })
    }

    fn decode_body(
        &self,
        class: Class,
        header: &Header,
        mut fields: Fields<'_>,
        payload: usize,
    ) -> Result<Event, ProtocolError> {
        let reqno = header.reqno;
        let short = || body_length(header, header.len);
        if class == Class::Error {
            let reply = Reply::Refused(ServerError::from_wire(header.aux));
            return Ok(Event::Response { reqno, reply });
        }
        let response = |reply| Event::Response { reqno, reply };
        match (class, Kind::from_wire(header.kind)) {
            (Class::Response, Some(Kind::Handshake)) => {
                Ok(response(Reply::Handshake { error: fields.i32().ok_or_else(short)? }))
            }
            (Class::Response, Some(Kind::Syscall)) => {
                // `int error` and padding share a register-sized slot on LP64.
                let error = fields.i32().ok_or_else(short)?;
                if body::WORD == 8 {
                    fields.u32();
                }
                let retval = [fields.register(), fields.register()];
                let [Some(first), Some(second)] = retval else { return Err(short()) };
                Ok(response(Reply::Syscall { error, retval: [first, second] }))
            }
            (Class::Response, Some(Kind::Prefork)) => {
                let mut key = [0; 4];
                for word in &mut key {
                    *word = fields.u32().ok_or_else(short)?;
                }
                Ok(response(Reply::Prefork(PreforkKey(key))))
            }
            (Class::Request, Some(kind @ (Kind::Copyin | Kind::Copyinstr))) => {
                let (len, address) = copy_request(&mut fields).ok_or_else(short)?;
                self.check_copy(len)?;
                Ok(Event::Copyin { reqno, address, len, string: kind == Kind::Copyinstr })
            }
            (Class::Request, Some(Kind::Copyout | Kind::Copyoutstr)) => {
                let (len, address) = copy_request(&mut fields).ok_or_else(short)?;
                if len != payload {
                    let expected = (body::COPY_REQUEST as u64).saturating_add(len as u64);
                    return Err(body_length(header, expected));
                }
                Ok(Event::Copyout { address, len })
            }
            (Class::Request, Some(Kind::Anonmmap)) => {
                Ok(Event::Anonmmap { reqno, len: fields.word().ok_or_else(short)? })
            }
            (Class::Request, Some(Kind::Raise)) => Ok(Event::Raise { signo: header.aux }),
            _ => Err(unexpected(header)),
        }
    }

    fn check_copy(&self, len: usize) -> Result<(), ProtocolError> {
        if len > self.frame_cap.saturating_sub(HEADER_SIZE) {
            return Err(ProtocolError::CopyTooLong { len: len as u64, cap: self.frame_cap });
        }
        Ok(())
    }
}

/// Bytes of body that a frame's type takes before any payload.
fn fixed_body(class: Class, header: &Header) -> Result<usize, ProtocolError> {
    let kind = Kind::from_wire(header.kind);
    Ok(match (class, kind) {
        (Class::Error, _) => 0,
        (Class::Response, Some(Kind::Handshake)) => body::HANDSHAKE_RESPONSE,
        (Class::Response, Some(Kind::Syscall)) => body::SYSCALL_RESPONSE,
        (Class::Response, Some(Kind::Prefork)) => body::PREFORK_RESPONSE,
        (Class::Request, Some(Kind::Copyin | Kind::Copyinstr)) => body::COPY_REQUEST,
        (Class::Request, Some(Kind::Copyout | Kind::Copyoutstr)) => body::COPY_REQUEST,
        (Class::Request, Some(Kind::Anonmmap)) => body::WORD,
        (Class::Request, Some(Kind::Raise)) => 0,
        _ => return Err(unexpected(header)),
    })
}

fn copy_request(fields: &mut Fields<'_>) -> Option<(usize, usize)> {
    Some((fields.word()?, fields.word()?))
}

fn unexpected(header: &Header) -> ProtocolError {
    ProtocolError::UnexpectedType { class: header.class, kind: header.kind }
}

fn body_length(header: &Header, expected: u64) -> ProtocolError {
    ProtocolError::BodyLength {
        class: header.class,
        kind: header.kind,
        found: header.len - HEADER_SIZE as u64,
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: usize = 1 << 20;

    fn frame(class: u16, kind: u16, reqno: u64, aux: u32, body: &[u8]) -> Vec<u8> {
        let len = (HEADER_SIZE + body.len()) as u64;
        let mut bytes = Header { len, reqno, class, kind, aux }.encode().to_vec();
        bytes.extend_from_slice(body);
        bytes
    }

    fn words(words: &[usize]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// Runs a whole stream through, in chunks of `chunk` bytes, collecting events and payload.
    fn run(stream: &[u8], chunk: usize) -> Result<(Vec<Event>, Vec<u8>), ProtocolError> {
        let mut inbound = Inbound::resumed(CAP);
        let (mut events, mut payload, mut buffer) = (vec![], vec![], vec![]);
        for part in stream.chunks(chunk) {
            buffer.extend_from_slice(part);
            loop {
                let data = inbound.payload_remaining().min(buffer.len());
                payload.extend(buffer.drain(..data));
                inbound.handle_payload(data);
                let step = inbound.handle_input(&buffer)?;
                buffer.drain(..step.consumed);
                match step.event {
                    Some(event) => events.push(event),
                    None => break,
                }
            }
        }
        assert!(buffer.is_empty(), "bytes left over: {buffer:?}");
        Ok((events, payload))
    }

    fn conversation() -> (Vec<u8>, Vec<Event>, Vec<u8>) {
        let retval: [Register; 2] = [-7, 9];
        let mut result = words(&[0]);
        result[..4].copy_from_slice(&13i32.to_ne_bytes());
        result.extend(retval.iter().flat_map(|r| r.to_ne_bytes()));
        let stream = [
            frame(1, 0, 1, 0, &0i32.to_ne_bytes()),
            frame(0, 2, 2, 0, &words(&[100, 0x1000])),
            frame(0, 3, 3, 0, &words(&[50, 0x2000])),
            frame(0, 4, 4, 0, &[words(&[5, 0x3000]), b"hello".to_vec()].concat()),
            frame(0, 5, 5, 0, &[words(&[0, 0x4000]), vec![]].concat()),
            frame(0, 6, 6, 0, &words(&[usize::MAX])),
            frame(0, 8, 7, 14, &[]),
            frame(1, 7, 8, 0, &[1, 0, 0, 0].repeat(4)),
            frame(2, 1, 9, 3, &[]),
            frame(1, 1, 10, 0, &result),
        ]
        .concat();
        let response = |reqno, reply| Event::Response { reqno, reply };
        let one = u32::from_ne_bytes([1, 0, 0, 0]);
        let events = vec![
            response(1, Reply::Handshake { error: 0 }),
            Event::Copyin { reqno: 2, address: 0x1000, len: 100, string: false },
            Event::Copyin { reqno: 3, address: 0x2000, len: 50, string: true },
            Event::Copyout { address: 0x3000, len: 5 },
            Event::Copyout { address: 0x4000, len: 0 },
            Event::Anonmmap { reqno: 6, len: usize::MAX },
            Event::Raise { signo: 14 },
            response(8, Reply::Prefork(PreforkKey([one; 4]))),
            response(9, Reply::Refused(ServerError::InvalidPrefork)),
            response(10, Reply::Syscall { error: 13, retval }),
        ];
        (stream, events, b"hello".to_vec())
    }

    #[test]
    fn a_conversation_means_the_same_however_it_is_cut() {
        let (stream, events, payload) = conversation();
        for chunk in 1..=stream.len() {
            let heard = run(&stream, chunk).unwrap();
            assert_eq!((&heard.0, &heard.1), (&events, &payload), "chunks of {chunk}");
        }
    }

    #[test]
    fn no_payload_is_no_progress() {
        let mut inbound = Inbound::new(CAP);
        inbound.handle_payload(0);
        assert!(inbound.handle_input(&[0; 24]).is_err(), "the banner is still to come");
    }

    #[test]
    fn lies_about_lengths_are_found() {
        let header = |len| Header { len, reqno: 1, class: 1, kind: 1, aux: 0 }.encode();
        for len in [0, 1, 23] {
            assert_eq!(run(&header(len), 24), Err(ProtocolError::FrameTooShort { len }));
        }
        for len in [CAP as u64 + 1, 1 << 63, u64::MAX] {
            assert_eq!(run(&header(len), 24), Err(ProtocolError::FrameTooLong { len, cap: CAP }));
        }
        for (class, kind, body) in [
            (1, 0, 0),
            (1, 0, 5),
            (1, 1, body::SYSCALL_RESPONSE - 1),
            (1, 1, body::SYSCALL_RESPONSE + 1),
            (1, 7, 15),
            (0, 2, body::COPY_REQUEST - 1),
            (0, 3, body::COPY_REQUEST + 1),
            (0, 4, body::COPY_REQUEST - 1),
            (0, 6, 0),
            (0, 8, 1),
            (2, 1, 4),
        ] {
            let result = run(&frame(class, kind, 1, 0, &vec![0; body]), 4096);
            assert!(
                matches!(result, Err(ProtocolError::BodyLength { .. })),
                "class {class} type {kind} body {body}: {result:?}"
            );
        }
        // A copyout whose own length field disagrees with its frame, either way.
        for len in [0, 4, 6, usize::MAX] {
            let body = [words(&[len, 0x3000]), b"hello".to_vec()].concat();
            let result = run(&frame(0, 4, 1, 0, &body), 4096);
            assert!(matches!(result, Err(ProtocolError::BodyLength { .. })), "{len}: {result:?}");
        }
        let result = run(&frame(0, 2, 1, 0, &words(&[CAP, 0])), 4096);
        assert!(matches!(result, Err(ProtocolError::CopyTooLong { .. })), "{result:?}");
    }

    #[test]
    fn what_a_server_never_says_is_refused() {
        for kind in 0..20 {
            if ![0, 1, 7].contains(&kind) {
                let result = run(&frame(1, kind, 1, 0, &[]), 4096);
                assert!(matches!(result, Err(ProtocolError::UnexpectedType { .. })), "{result:?}");
            }
            if ![2, 3, 4, 5, 6, 8].contains(&kind) {
                let result = run(&frame(0, kind, 1, 0, &[]), 4096);
                assert!(matches!(result, Err(ProtocolError::UnexpectedType { .. })), "{result:?}");
            }
        }
        assert_eq!(run(&frame(3, 0, 1, 0, &[]), 4096), Err(ProtocolError::UnknownClass(3)));
    }
}
