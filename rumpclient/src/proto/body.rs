//! Message bodies: what stands behind a header.

use std::ffi::CStr;

use super::header::{Class, HEADER_SIZE, HandshakeKind, Header, Kind};
use crate::marshal::Register;

/// Bytes of a pointer or `size_t` in a body.
pub const WORD: usize = size_of::<usize>();

/// Bytes of the body of a SYSCALL response: `int error`, padding, `register_t retval[2]`.
pub const SYSCALL_RESPONSE: usize = WORD + 2 * WORD;

/// Bytes of the body of a HANDSHAKE response: `int error`.
pub const HANDSHAKE_RESPONSE: usize = 4;

/// Bytes of the body of a PREFORK response.
pub const PREFORK_RESPONSE: usize = 16;

/// Bytes of a copy request: `size_t len`, `void *address`. In a COPYOUT the data follows.
pub const COPY_REQUEST: usize = 2 * WORD;

/// The longest command name sent in a handshake, in bytes without its NUL.
pub const COMMAND_MAX: usize = 63;

/// The 128-bit key by which a forked process claims its twin in the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PreforkKey(pub [u32; 4]);

impl std::fmt::Debug for PreforkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Whoever knows the key can become the process: it stays out of logs.
        f.write_str("PreforkKey(..)")
    }
}

/// Reads integers of the host's byte order off the front of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

macro_rules! field {
    ($($(#[$doc:meta])* $name:ident: $int:ty),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(&mut self) -> Option<$int> {
            let (field, rest) = self.0.split_first_chunk()?;
            self.0 = rest;
            Some(<$int>::from_ne_bytes(*field))
        }
    )*};
}

impl<'a> Fields<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    field! {
        /// The next 2 bytes.
        u16: u16,
        /// The next 4 bytes.
        u32: u32,
        /// The next 4 bytes, signed.
        i32: i32,
        /// The next 8 bytes.
        u64: u64,
        /// The next `size_t` or pointer.
        word: usize,
        /// The next `register_t`.
        register: Register,
    }
}

/// A small frame: header and body in one array, for frames that carry no caller memory.
#[derive(Clone, Copy, Debug)]
pub struct SmallFrame {
    bytes: [u8; Self::CAPACITY],
    len: u8,
}

impl SmallFrame {
    /// Header plus the largest marshalled argument struct (64 bytes), which is also room for a
    /// command name of [`COMMAND_MAX`] bytes and its NUL.
    const CAPACITY: usize = HEADER_SIZE + 64;

    /// A frame of `header` alone; its length field may announce more that follows elsewhere.
    pub fn bare(header: Header) -> Self {
        Self::with_body(header, &[])
    }

    /// A frame of `header` and `body`.
    ///
    /// # Panics
    /// When `body` is longer than 64 bytes: callers check first.
    fn with_body(header: Header, body: &[u8]) -> Self {
        let mut bytes = [0; Self::CAPACITY];
        bytes[..HEADER_SIZE].copy_from_slice(&header.encode());
        bytes[HEADER_SIZE..HEADER_SIZE + body.len()].copy_from_slice(body);
        Self { bytes, len: (HEADER_SIZE + body.len()) as u8 }
    }

    /// The same frame under another request number.
    pub fn with_reqno(mut self, reqno: u64) -> Self {
        self.bytes[8..16].copy_from_slice(&reqno.to_ne_bytes());
        self
    }

    /// The bytes to send.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// HANDSHAKE GUEST or EXEC with the command name, cut to [`COMMAND_MAX`] bytes.
pub fn handshake_named(reqno: u64, kind: HandshakeKind, command: &CStr) -> SmallFrame {
    let name = command.to_bytes();
    let name = &name[..name.len().min(COMMAND_MAX)];
    let mut body = [0; COMMAND_MAX + 1];
    body[..name.len()].copy_from_slice(name);
    let body = &body[..name.len() + 1];
    let header = Header::new(Class::Request, Kind::Handshake, reqno, kind as u32, body.len());
    SmallFrame::with_body(header, body)
}

/// HANDSHAKE FORK: claims the process that `key` stands for, or drops it when `cancel` is set.
pub fn handshake_fork(reqno: u64, key: PreforkKey, cancel: bool) -> SmallFrame {
    let mut body = [0; 20];
    for (field, word) in body.chunks_exact_mut(4).zip(key.0) {
        field.copy_from_slice(&word.to_ne_bytes());
    }
    body[16..].copy_from_slice(&i32::from(cancel).to_ne_bytes());
    let kind = HandshakeKind::Fork as u32;
    let header = Header::new(Class::Request, Kind::Handshake, reqno, kind, body.len());
    SmallFrame::with_body(header, &body)
}

/// SYSCALL with at most 64 bytes of marshalled arguments; `None` for more.
pub fn syscall(reqno: u64, number: u32, args: &[u8]) -> Option<SmallFrame> {
    let room = SmallFrame::CAPACITY - HEADER_SIZE;
    let header = Header::new(Class::Request, Kind::Syscall, reqno, number, args.len());
    (args.len() <= room).then(|| SmallFrame::with_body(header, args))
}

/// PREFORK.
pub fn prefork(reqno: u64) -> SmallFrame {
    SmallFrame::bare(Header::new(Class::Request, Kind::Prefork, reqno, 0, 0))
}

/// The front of a COPYIN response; `len` bytes of data follow it. Also answers COPYINSTR.
pub fn copyin_response(reqno: u64, len: usize) -> SmallFrame {
    SmallFrame::bare(Header::new(Class::Response, Kind::Copyin, reqno, 0, len))
}

/// ANONMMAP response: the address mapped, 0 for failure.
pub fn anonmmap_response(reqno: u64, address: usize) -> SmallFrame {
    let header = Header::new(Class::Response, Kind::Anonmmap, reqno, 0, WORD);
    SmallFrame::with_body(header, &address.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_name_is_cut_and_stays_terminated() {
        let name = std::ffi::CString::new(vec![b'x'; 500]).unwrap();
        let frame = handshake_named(7, HandshakeKind::Guest, &name);
        let header = Header::decode(frame.as_bytes()).unwrap();
        assert_eq!(header.len as usize, frame.as_bytes().len());
        assert_eq!(&frame.as_bytes()[HEADER_SIZE..], [vec![b'x'; 63], vec![0]].concat());
    }

    #[test]
    fn fork_handshakes_carry_key_and_cancel() {
        let frame = handshake_fork(1, PreforkKey([1, 2, 3, 4]), true);
        let mut fields = Fields::new(&frame.as_bytes()[HEADER_SIZE..]);
        assert_eq!([fields.u32(), fields.u32(), fields.u32()], [Some(1), Some(2), Some(3)]);
        assert_eq!((fields.u32(), fields.i32(), fields.u16()), (Some(4), Some(1), None));
    }

    #[test]
    fn arguments_of_more_than_64_bytes_do_not_fit() {
        assert!(syscall(0, 3, &[0; 64]).is_some());
        assert!(syscall(0, 3, &[0; 65]).is_none());
    }

    #[test]
    fn keys_stay_out_of_debug_output() {
        assert!(!format!("{:?}", PreforkKey([0xabcd; 4])).contains("abcd"));
    }
}
