//! Frames as a server reads and writes them.

use std::os::fd::AsFd;

use rumpclient::marshal::Register;
use rumpclient::proto::body::WORD;
use rumpclient::proto::header::{Class, HEADER_SIZE, Header, Kind, ServerError};
use rustix::buffer::spare_capacity;

/// The largest body a client may send. It sends call arguments of 64 bytes, command names, and
/// what it was asked to copy in, which is never more than this.
pub(crate) const BODY_MAX: usize = 64 << 10;

/// A frame from a client. The header's numbers have not been checked.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) body: Vec<u8>,
}

/// What reading from a connection gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Bytes, or nothing for the moment.
    Open,
    /// The end of the connection.
    Ended,
}

/// A frame whose length field says less than a header or more than any client sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLength;

/// Cuts the stream of one connection into frames.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    buffer: Vec<u8>,
    start: usize,
}

impl FrameReader {
    /// Reads once from a descriptor that does not block.
    pub(crate) fn fill(&mut self, stream: impl AsFd) -> Fill {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.reserve(HEADER_SIZE + BODY_MAX);
        match rustix::io::read(stream, spare_capacity(&mut self.buffer)) {
            Ok(0) => Fill::Ended,
            Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Fill::Open,
            Err(_) => Fill::Ended,
        }
    }

    /// The next frame that has arrived in full.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, BadLength> {
        let bytes = &self.buffer[self.start..];
        let Some(header) = Header::decode(bytes) else {
            return Ok(None);
        };
        let len = match usize::try_from(header.len) {
            Ok(len @ HEADER_SIZE..) if len - HEADER_SIZE <= BODY_MAX => len,
            _ => return Err(BadLength),
        };
        let Some(frame) = bytes.get(..len) else {
            return Ok(None);
        };
        let body = frame[HEADER_SIZE..].to_vec();
        self.start += len;
        Ok(Some(Frame { header, body }))
    }
}

/// The response to a request.
pub(crate) fn response(kind: Kind, reqno: u64, body: &[u8]) -> Vec<u8> {
    let header = Header::new(Class::Response, kind, reqno, 0, body.len());
    [&header.encode()[..], body].concat()
}

/// The response to a system call: NetBSD's error number or 0, and the two result registers.
pub(crate) fn syscall_response(reqno: u64, error: i32, retval: [Register; 2]) -> Vec<u8> {
    let mut body = error.to_ne_bytes().to_vec();
    body.resize(WORD, 0);
    body.extend(retval.iter().flat_map(|register| register.to_ne_bytes()));
    response(Kind::Syscall, reqno, &body)
}

/// The refusal of a request. NetBSD's server leaves its type 0.
pub(crate) fn error_response(reqno: u64, error: ServerError) -> Vec<u8> {
    Header::new(Class::Error, Kind::Handshake, reqno, error.to_wire(), 0).encode().to_vec()
}

/// A request without a body: RAISE.
pub(crate) fn raise_request(reqno: u64, signo: i32) -> Vec<u8> {
    Header::new(Class::Request, Kind::Raise, reqno, signo as u32, 0).encode().to_vec()
}

/// The front of a COPYIN, COPYINSTR or COPYOUT; a copyout's `data` bytes follow it.
pub(crate) fn copy_request(
    kind: Kind,
    reqno: u64,
    len: usize,
    address: usize,
    data: usize,
) -> Vec<u8> {
    let header = Header::new(Class::Request, kind, reqno, 0, 2 * WORD + data);
    [&header.encode()[..], &len.to_ne_bytes(), &address.to_ne_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn reader_of(bytes: &[u8]) -> FrameReader {
        let (mut client, server) = UnixStream::pair().unwrap();
        client.write_all(bytes).unwrap();
        let mut reader = FrameReader::default();
        assert_eq!(reader.fill(&server), Fill::Open);
        reader
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let stream = [response(Kind::Copyin, 1, b"first"), response(Kind::Copyin, 2, b"")].concat();
        let mut reader = reader_of(&stream);
        assert_eq!(reader.next().unwrap().unwrap().body, b"first");
        let frame = reader.next().unwrap().unwrap();
        assert_eq!((frame.header.reqno, frame.body.len()), (2, 0));
        assert!(reader.next().unwrap().is_none());
    }

    #[test]
    fn part_of_a_frame_is_no_frame() {
        let frame = response(Kind::Copyin, 1, b"first");
        for cut in 1..frame.len() {
            assert!(reader_of(&frame[..cut]).next().unwrap().is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn lengths_that_no_client_sends_are_refused() {
        for len in [0, 23, (HEADER_SIZE + BODY_MAX + 1) as u64, u64::MAX] {
            let header = Header { len, ..Header::default() };
            assert_eq!(reader_of(&header.encode()).next().unwrap_err(), BadLength);
        }
    }

    #[test]
    fn the_end_of_a_connection_is_seen() {
        let (client, server) = UnixStream::pair().unwrap();
        drop(client);
        assert_eq!(FrameReader::default().fill(&server), Fill::Ended);
    }
}
