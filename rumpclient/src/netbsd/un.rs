//! Local sockets: `<sys/un.h>`; `unix(4)`.

use core::ffi::c_int;

use super::macros::{constants, layouts};
use super::types::CharArray;
use super::{gid_t, pid_t, sa_family_t, uid_t};

/// Address of a local socket. See [`SockAddr::unix`](super::SockAddr::unix).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct sockaddr_un {
    /// Bytes of the address.
    pub sun_len: u8,
    /// [`AF_LOCAL`](super::AF_LOCAL).
    pub sun_family: sa_family_t,
    /// The path; the NUL may be missing where `sun_len` tells its end.
    pub sun_path: CharArray<104>,
}

/// Who is at the other end of a local socket: option `LOCAL_PEEREID`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct unpcbid {
    /// Process.
    pub unp_pid: pid_t,
    /// Effective user.
    pub unp_euid: uid_t,
    /// Effective group.
    pub unp_egid: gid_t,
}

layouts! {
    sockaddr_un: 106 / 106 { sun_len: 0 / 0, sun_family: 1 / 1, sun_path: 2 / 2 }
    unpcbid: 12 / 12 { unp_pid: 0 / 0, unp_euid: 4 / 4, unp_egid: 8 / 8 }
}

constants! {
    /// Level of the options of local sockets, `setsockopt(2)`.
    c_int {
        SOL_LOCAL = 0;
    }
    /// Option at level `SOL_LOCAL`, `setsockopt(2)`.
    c_int {
        /// Receive the sender's credentials in the older format, without the process; `int`.
        LOCAL_OCREDS = 0x1;
        /// Connecting waits until the connection is accepted; `int`.
        LOCAL_CONNWAIT = 0x2;
        /// Who is at the other end; an [`unpcbid`], read only.
        LOCAL_PEEREID = 0x3;
        /// Receive the sender's credentials, `SCM_CREDS`; `int`.
        LOCAL_CREDS = 0x4;
    }
}
