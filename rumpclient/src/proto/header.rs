//! The frame header: 24 bytes in front of every message, either way.

use super::body;

/// Bytes of a header.
pub const HEADER_SIZE: usize = 24;

/// Whether a frame asks, answers or refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Class {
    /// A request, from either side.
    Request = 0,
    /// The answer to a request.
    Response = 1,
    /// The refusal of a request; the header carries a [`ServerError`] code.
    Error = 2,
}

impl Class {
    /// The class with this number on the wire.
    pub fn from_wire(class: u16) -> Option<Self> {
        [Self::Request, Self::Response, Self::Error].into_iter().find(|&c| c as u16 == class)
    }
}

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// Client to server: who I am.
    Handshake = 0,
    /// Client to server: run this system call.
    Syscall = 1,
    /// Server to client: send me memory of yours.
    Copyin = 2,
    /// Server to client: send me a string of yours.
    Copyinstr = 3,
    /// Server to client: put these bytes into your memory. Has no response.
    Copyout = 4,
    /// Server to client: the same for a string. Has no response.
    Copyoutstr = 5,
    /// Server to client: map fresh memory.
    Anonmmap = 6,
    /// Client to server: fork my process, its twin will come for it.
    Prefork = 7,
    /// Server to client: a signal for you. Has no response.
    Raise = 8,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Handshake,
        Self::Syscall,
        Self::Copyin,
        Self::Copyinstr,
        Self::Copyout,
        Self::Copyoutstr,
        Self::Anonmmap,
        Self::Prefork,
        Self::Raise,
    ];

    /// The type with this number on the wire.
    pub fn from_wire(kind: u16) -> Option<Self> {
        Self::ALL.get(usize::from(kind)).copied()
    }
}

/// What a handshake is for; travels in [`Header::aux`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum HandshakeKind {
    /// A new process, child of init.
    Guest = 0,
    /// Reserved by the protocol; no server implements it.
    Auth = 1,
    /// Attach to (or cancel) a process that PREFORK made.
    Fork = 2,
    /// The same process after exec.
    Exec = 3,
}

impl HandshakeKind {
    /// The handshake with this number on the wire.
    pub fn from_wire(kind: u32) -> Option<Self> {
        [Self::Guest, Self::Auth, Self::Fork, Self::Exec].into_iter().find(|&k| k as u32 == kind)
    }
}

/// Why a server refused a request: the code of an ERROR frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerError {
    /// 1: resources are short for the moment.
    TryAgain,
    /// 2: not authorised.
    Auth,
    /// 3: the prefork cookie is unknown or used up.
    InvalidPrefork,
    /// 4: the kernel could not fork the process.
    RforkFailed,
    /// 5: the process is in exec.
    Inexec,
    /// 6: out of memory.
    Nomem,
    /// 7: the request made no sense to the server.
    MalformedRequest,
    /// A code outside the protocol.
    Unknown(u32),
}

impl ServerError {
    const CODES: [Self; 7] = [
        Self::TryAgain,
        Self::Auth,
        Self::InvalidPrefork,
        Self::RforkFailed,
        Self::Inexec,
        Self::Nomem,
        Self::MalformedRequest,
    ];

    /// The error with this code on the wire.
    pub fn from_wire(code: u32) -> Self {
        let index = code.wrapping_sub(1) as usize;
        Self::CODES.get(index).copied().unwrap_or(Self::Unknown(code))
    }

    /// The code on the wire.
    pub fn to_wire(self) -> u32 {
        match self {
            Self::Unknown(code) => code,
            known => Self::CODES.iter().position(|&c| c == known).map_or(0, |at| at as u32 + 1),
        }
    }
}

impl std::fmt::Display for ServerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TryAgain => "the server is short of resources, try again",
            Self::Auth => "the server does not authorise this client",
            Self::InvalidPrefork => "the server does not know this prefork cookie",
            Self::RforkFailed => "the server could not fork the process",
            Self::Inexec => "the process is in exec",
            Self::Nomem => "the server is out of memory",
            Self::MalformedRequest => "the server calls the request malformed",
            Self::Unknown(code) => return write!(f, "the server refused with unknown code {code}"),
        })
    }
}

/// A frame header as it stands on the wire; nothing in it has been checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole frame, header included.
    pub len: u64,
    /// Chosen by whoever sends the request; a response repeats it.
    pub reqno: u64,
    /// A [`Class`] number.
    pub class: u16,
    /// A [`Kind`] number.
    pub kind: u16,
    /// By type: the call number, the error code, the [`HandshakeKind`] or the signal number.
    pub aux: u32,
}

impl Header {
    /// A header for a frame with `body` bytes behind it.
    pub fn new(class: Class, kind: Kind, reqno: u64, aux: u32, body: usize) -> Self {
        let len = (HEADER_SIZE + body) as u64;
        Self { len, reqno, class: class as u16, kind: kind as u16, aux }
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut wire = [0; HEADER_SIZE];
        wire[0..8].copy_from_slice(&self.len.to_ne_bytes());
        wire[8..16].copy_from_slice(&self.reqno.to_ne_bytes());
        wire[16..18].copy_from_slice(&self.class.to_ne_bytes());
        wire[18..20].copy_from_slice(&self.kind.to_ne_bytes());
        wire[20..24].copy_from_slice(&self.aux.to_ne_bytes());
        wire
    }

    /// Reads the header at the start of `bytes`. `None` while there are fewer than
    /// [`HEADER_SIZE`] bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = body::Fields::new(bytes.get(..HEADER_SIZE)?);
        Some(Self {
            len: fields.u64()?,
            reqno: fields.u64()?,
            class: fields.u16()?,
            kind: fields.u16()?,
            aux: fields.u32()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_wire() {
        let header = Header::new(Class::Response, Kind::Prefork, u64::MAX - 3, 0xdead_beef, 16);
        assert_eq!(header.len, 40);
        assert_eq!(Header::decode(&header.encode()), Some(header));
        assert_eq!(Header::decode(&header.encode()[..23]), None);
    }

    #[test]
    fn fields_sit_where_the_protocol_puts_them() {
        let header = Header { len: 1, reqno: 2, class: 3, kind: 4, aux: 5 };
        let wire = header.encode();
        assert_eq!(wire[0..8], 1u64.to_ne_bytes());
        assert_eq!(wire[8..16], 2u64.to_ne_bytes());
        assert_eq!(wire[16..18], 3u16.to_ne_bytes());
        assert_eq!(wire[18..20], 4u16.to_ne_bytes());
        assert_eq!(wire[20..24], 5u32.to_ne_bytes());
    }

    #[test]
    fn numbers_and_names_agree() {
        for number in 0..20u16 {
            if let Some(kind) = Kind::from_wire(number) {
                assert_eq!(kind as u16, number);
            }
            if let Some(class) = Class::from_wire(number) {
                assert_eq!(class as u16, number);
            }
        }
        assert_eq!(Kind::from_wire(9), None);
        assert_eq!(Class::from_wire(3), None);
        for code in [0, 1, 7, 8, u32::MAX] {
            assert_eq!(ServerError::from_wire(code).to_wire(), code);
        }
        assert_eq!(ServerError::from_wire(3), ServerError::InvalidPrefork);
    }
}
