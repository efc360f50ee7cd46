//! What can go wrong on the way to a kernel. What goes wrong inside one is an
//! [`Errno`].

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::netbsd::Errno;
use crate::proto::ProtocolError;
use crate::proto::address::{Address, AddressError};
use crate::proto::banner::BannerError;
use crate::proto::header::ServerError;

/// Why a client could not be made, forked or kept.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// `RUMP_SERVER` is not set.
    NoServer,
    /// The address cannot be understood.
    Address(AddressError),
    /// The host name in the address has no usable address.
    Resolve {
        /// The address in question.
        address: Address,
        /// The resolver's word.
        source: io::Error,
    },
    /// Nobody answers at the address, or the host failed to make the connection.
    Connect {
        /// The address in question.
        address: Address,
        /// The host's word.
        source: io::Error,
    },
    /// The server did not get on within its time.
    TimedOut {
        /// What was being waited for.
        stage: Stage,
        /// The limit that passed.
        limit: Duration,
    },
    /// The server closed the connection.
    Closed {
        /// What was going on.
        stage: Stage,
    },
    /// The server is no rump kernel, or none that this client can talk to.
    Banner(BannerError),
    /// The server broke the protocol. The connection has been closed.
    Protocol(ProtocolError),
    /// The server refused a request.
    Refused(ServerError),
    /// The kernel answered a handshake with this errno.
    Kernel(Errno),
    /// The host failed an operation on the connection.
    Io {
        /// What was going on.
        stage: Stage,
        /// The host's word.
        source: io::Error,
    },
    /// The server is not run by the user that the client requires, or the connection cannot tell.
    Peer {
        /// The user id required.
        required: u32,
        /// The server's, where the host knows it: of local sockets only.
        found: Option<u32>,
    },
    /// A variable of the environment does not hold what it should.
    Environment {
        /// The variable.
        variable: &'static str,
        /// What it holds.
        value: OsString,
        /// What it should hold.
        expected: &'static str,
    },
    /// The environment's address starts a program, and this one has more rights than its user: a
    /// set-user-ID program, say.
    Privileged {
        /// The address in question.
        address: Address,
    },
    /// The client belongs to another process: this one is a forked child that has not made its
    /// own.
    Forked,
}

/// The stages of a connection's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Making the connection.
    Connect,
    /// Waiting for the server's first line.
    Banner,
    /// Waiting for the answer to the handshake.
    Handshake,
    /// Running calls.
    Calls,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Banner => "waiting for its banner",
            Self::Handshake => "waiting for its handshake",
            Self::Calls => "running calls",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer => f.write_str(
                "RUMP_SERVER is not set: set it to the kernel's address, e.g. unix:///tmp/kernel",
            ),
            Self::Address(error) => error.fmt(f),
            Self::Resolve { address, source } => {
                write!(f, "cannot resolve the host in {address}: {source}")
            }
            Self::Connect { address, source } => {
                write!(f, "cannot connect to a rump kernel at {address}: {source}")
            }
            Self::TimedOut { stage, limit } => {
                write!(f, "the rump kernel said nothing for {limit:?} while {stage}")
            }
            Self::Closed { stage } => {
                write!(f, "the rump kernel closed the connection while {stage}")
            }
            Self::Banner(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
            Self::Kernel(errno) => write!(f, "the rump kernel refused the process: {errno}"),
            Self::Io { stage, source } => {
                write!(f, "the connection to the rump kernel failed while {stage}: {source}")
            }
            Self::Peer { required, found: Some(found) } => write!(
                f,
                "the server is run by user {found}, but must be by user {required}: nothing was said \
                 to it"
            ),
            Self::Peer { required, found: None } => write!(
                f,
                "the server must be run by user {required}, which only a unix:// address can tell"
            ),
            Self::Environment { variable, value, expected } => {
                let value = value.as_bytes().escape_ascii();
                write!(f, "{variable}=\"{value}\" is not {expected}")
            }
            Self::Privileged { address } => {
                write!(f, "a program with extra rights does not start programs for {address}")
            }
            Self::Forked => f.write_str(
                "this client belongs to the parent process; a forked child makes its own",
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            Self::Resolve { source, .. }
            | Self::Connect { source, .. }
            | Self::Io { source, .. } => Some(source),
            Self::Banner(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::Kernel(errno) => Some(errno),
            _ => None,
        }
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Banner(error) => Self::Banner(error),
            error => Self::Protocol(error),
        }
    }
}

impl From<ServerError> for Errno {
    /// The errno that stands for an ERROR frame.
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::TryAgain => Self::EAGAIN,
            ServerError::Auth => Self::EPERM,
            ServerError::InvalidPrefork => Self::ESRCH,
            ServerError::Inexec => Self::EBUSY,
            ServerError::Nomem => Self::ENOMEM,
            ServerError::MalformedRequest => Self::EINVAL,
            _ => Self::EIO,
        }
    }
}
