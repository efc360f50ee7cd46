//! The rump_sp protocol, version 0.4, as pure state: no sockets, no clocks, no unsafe code.
//!
//! The modules speak the sans-I/O vocabulary: bytes go in through `handle_*`, what they mean comes
//! out as values, and encoders turn commands into bytes. Whoever owns the socket moves the bytes.
//! See `rump_sp(7)` for the protocol's place in the world.
//!
//! All integers are in the byte order and widths of the host: client and server share an ABI.

#![forbid(unsafe_code)]

pub mod address;
pub mod banner;
pub mod body;
pub mod header;
pub mod inbound;
pub mod requests;

use std::fmt;

/// The largest frame accepted from a server unless the builder says otherwise: 64 MiB.
pub const DEFAULT_FRAME_CAP: usize = 64 << 20;

/// Something the peer sent that the protocol does not allow. The connection is of no further use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A frame whose length field is smaller than a header.
    FrameTooShort {
        /// The length field, bytes.
        len: u64,
    },
    /// A frame whose length field exceeds the cap.
    FrameTooLong {
        /// The length field, bytes.
        len: u64,
        /// The cap in force, bytes.
        cap: usize,
    },
    /// A class that the protocol does not define.
    UnknownClass(u16),
    /// A type that a server may not send in this class.
    UnexpectedType {
        /// The frame's class.
        class: u16,
        /// The frame's type.
        kind: u16,
    },
    /// A body whose length does not fit its type.
    BodyLength {
        /// The frame's class.
        class: u16,
        /// The frame's type.
        kind: u16,
        /// Bytes of body that the frame has.
        found: u64,
        /// Bytes of body that its type takes.
        expected: u64,
    },
    /// A response that no outstanding request asked for.
    UnexpectedResponse {
        /// The request number in the response.
        reqno: u64,
        /// The response's type.
        kind: u16,
    },
    /// A request to copy more bytes than a frame may hold.
    CopyTooLong {
        /// The length asked for, bytes.
        len: u64,
        /// The cap in force, bytes.
        cap: usize,
    },
    /// More requests from the server than it may leave unanswered: it asks faster than it reads.
    TooManyRequests {
        /// The limit in force.
        limit: usize,
    },
    /// The banner is not one of a rump kernel.
    Banner(banner::BannerError),
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrameTooShort { len } => write!(
                f,
                "the server sent a frame of {len} bytes, less than its header of {} bytes",
                header::HEADER_SIZE
            ),
            Self::FrameTooLong { len, cap } => write!(
                f,
                "the server sent a frame of {len} bytes, more than the cap of {cap} bytes; \
                 raise it with Builder::frame_cap or RUMPCLIENT_FRAME_CAP if the server is to be \
                 trusted with more"
            ),
            Self::UnknownClass(class) => {
                write!(f, "the server sent a frame of unknown class {class}")
            }
            Self::UnexpectedType { class, kind } => write!(
                f,
                "the server sent a frame of class {class} and type {kind}, \
                 which a client never receives"
            ),
            Self::BodyLength { class, kind, found, expected } => write!(
                f,
                "the server sent a frame of class {class} and type {kind} with a body of {found} \
                 bytes where {expected} are right"
            ),
            Self::UnexpectedResponse { reqno, kind } => write!(
                f,
                "the server answered request {reqno} with type {kind}, \
                 but no such request is outstanding"
            ),
            Self::CopyTooLong { len, cap } => write!(
                f,
                "the server asked to copy {len} bytes at once, more than the cap of {cap} bytes"
            ),
            Self::TooManyRequests { limit } => write!(
                f,
                "the server has more than {limit} requests unanswered and does not read answers"
            ),
            Self::Banner(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ProtocolError {}

impl From<banner::BannerError> for ProtocolError {
    fn from(error: banner::BannerError) -> Self {
        Self::Banner(error)
    }
}
