//! Sockets: `<sys/socket.h>`; `socket(2)`, `setsockopt(2)`, `sendmsg(2)`, `recvmmsg(2)`.
//!
//! NetBSD's socket addresses begin with their length in one byte and their family in another; see
//! [`SockAddr`](super::SockAddr) for a type that takes care of it.

use core::ffi::{c_int, c_uint, c_void};

use super::macros::{constants, layouts};
use super::types::CharArray;
use super::{gid_t, iovec, pid_t, sa_family_t, socklen_t, uid_t};

/// The head of any socket address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct sockaddr {
    /// Bytes of the whole address.
    pub sa_len: u8,
    /// An `AF_` constant.
    pub sa_family: sa_family_t,
    /// The family's own, longer for some.
    pub sa_data: [u8; 14],
}

/// Room and alignment for any socket address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct sockaddr_storage {
    /// Bytes of the address.
    pub ss_len: u8,
    /// An `AF_` constant.
    pub ss_family: sa_family_t,
    /// Filler.
    pub __ss_pad1: [u8; 6],
    /// Forces the alignment.
    pub __ss_align: i64,
    /// Filler.
    pub __ss_pad2: CharArray<112>,
}

/// A message, `sendmsg(2)` and `recvmsg(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct msghdr {
    /// The peer's address, or room for it; may be null.
    pub msg_name: *mut c_void,
    /// Bytes at `msg_name`.
    pub msg_namelen: socklen_t,
    /// The data's buffers.
    pub msg_iov: *mut iovec,
    /// Number of buffers.
    pub msg_iovlen: c_int,
    /// Control messages ([`cmsghdr`](super::cmsghdr)), or room for them; may be null.
    pub msg_control: *mut c_void,
    /// Bytes at `msg_control`.
    pub msg_controllen: socklen_t,
    /// `MSG_` flags of what was received.
    pub msg_flags: c_int,
}

/// One of several messages, `sendmmsg(2)` and `recvmmsg(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct mmsghdr {
    /// The message.
    pub msg_hdr: msghdr,
    /// Bytes sent or received.
    pub msg_len: c_uint,
}

/// What `SO_LINGER` sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct linger {
    /// Whether close waits for unsent data.
    pub l_onoff: c_int,
    /// How long, seconds.
    pub l_linger: c_int,
}

/// Credentials of a peer, in an `SCM_CREDS` control message. The groups may be more than one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct sockcred {
    /// Process.
    pub sc_pid: pid_t,
    /// Real user.
    pub sc_uid: uid_t,
    /// Effective user.
    pub sc_euid: uid_t,
    /// Real group.
    pub sc_gid: gid_t,
    /// Effective group.
    pub sc_egid: gid_t,
    /// Number of supplementary groups.
    pub sc_ngroups: c_int,
    /// The first of them.
    pub sc_groups: [gid_t; 1],
}

layouts! {
    sockaddr: 16 / 16 { sa_len: 0 / 0, sa_family: 1 / 1, sa_data: 2 / 2 }
    sockaddr_storage: 128 / 128 {
        ss_len: 0 / 0, ss_family: 1 / 1, __ss_pad1: 2 / 2, __ss_align: 8 / 8, __ss_pad2: 16 / 16,
    }
    msghdr: 48 / 28 {
        msg_name: 0 / 0, msg_namelen: 8 / 4, msg_iov: 16 / 8, msg_iovlen: 24 / 12,
        msg_control: 32 / 16, msg_controllen: 40 / 20, msg_flags: 44 / 24,
    }
    mmsghdr: 56 / 32 { msg_hdr: 0 / 0, msg_len: 48 / 28 }
    linger: 8 / 8 { l_onoff: 0 / 0, l_linger: 4 / 4 }
    sockcred: 28 / 28 {
        sc_pid: 0 / 0, sc_uid: 4 / 4, sc_euid: 8 / 8, sc_gid: 12 / 12, sc_egid: 16 / 16,
        sc_ngroups: 20 / 20, sc_groups: 24 / 24,
    }
}

constants! {
    /// Type of a socket, `socket(2)`.
    c_int {
        /// Stream.
        SOCK_STREAM = 1;
        /// Datagrams.
        SOCK_DGRAM = 2;
        /// Raw protocol.
        SOCK_RAW = 3;
        /// Reliably delivered messages.
        SOCK_RDM = 4;
        /// Stream of packets.
        SOCK_SEQPACKET = 5;
        /// Connected datagrams.
        SOCK_CONN_DGRAM = 6;
        /// Connected datagrams, as DCCP has them.
        SOCK_DCCP = 6;
    }
    /// Flag beside the type, `socket(2)`, or of `paccept(2)`.
    c_int {
        /// Close on exec.
        SOCK_CLOEXEC = 0x1000_0000;
        /// Do not block.
        SOCK_NONBLOCK = 0x2000_0000;
        /// Writes to a broken connection fail with `EPIPE` only, without `SIGPIPE`.
        SOCK_NOSIGPIPE = 0x4000_0000;
        /// Close on fork; not in NetBSD 7.
        SOCK_CLOFORK = 0x8000_0000_u32 as c_int;
        /// Mask of these.
        SOCK_FLAGS_MASK = 0xf000_0000_u32 as c_int;
    }
    /// Level of the options of any socket, `setsockopt(2)`.
    c_int {
        SOL_SOCKET = 0xffff;
    }
    /// Option at level `SOL_SOCKET`, `setsockopt(2)`.
    c_int {
        /// Record debugging information; `int`.
        SO_DEBUG = 0x1;
        /// Whether it listens; `int`, read only.
        SO_ACCEPTCONN = 0x2;
        /// A bound address may be used again; `int`.
        SO_REUSEADDR = 0x4;
        /// Keep the connection alive; `int`.
        SO_KEEPALIVE = 0x8;
        /// Bypass routing; `int`.
        SO_DONTROUTE = 0x10;
        /// Broadcasts may be sent; `int`.
        SO_BROADCAST = 0x20;
        /// Loop back what a routing socket sends; `int`.
        SO_USELOOPBACK = 0x40;
        /// Wait on close for unsent data; a [`linger`].
        SO_LINGER = 0x80;
        /// Leave urgent data in line; `int`.
        SO_OOBINLINE = 0x100;
        /// A bound address and port may be used again; `int`.
        SO_REUSEPORT = 0x200;
        /// No `SIGPIPE`; `int`.
        SO_NOSIGPIPE = 0x800;
        /// Accept filter.
        SO_ACCEPTFILTER = 0x1000;
        /// Receive datagrams with their time, `SCM_TIMESTAMP`; `int`.
        SO_TIMESTAMP = 0x2000;
        /// Report that received data was dropped, as `ENOBUFS`; `int`; not in NetBSD 7.
        SO_RERROR = 0x4000;
        /// Mask of the options that an accepted socket inherits; not in NetBSD 7.
        SO_DEFOPTS = 0x6bfd;
        /// Size of the send buffer, bytes; `int`.
        SO_SNDBUF = 0x1001;
        /// Size of the receive buffer, bytes; `int`.
        SO_RCVBUF = 0x1002;
        /// Room that makes it writable, bytes; `int`.
        SO_SNDLOWAT = 0x1003;
        /// Data that makes it readable, bytes; `int`.
        SO_RCVLOWAT = 0x1004;
        /// Pending error, which is cleared; `int`, read only.
        SO_ERROR = 0x1007;
        /// Its type; `int`, read only.
        SO_TYPE = 0x1008;
        /// Data was dropped; `int`, read only.
        SO_OVERFLOWED = 0x1009;
        /// The user gives no header, the kernel makes it; `int`.
        SO_NOHEADER = 0x100a;
        /// How long sending waits; a [`timeval`](super::timeval).
        SO_SNDTIMEO = 0x100b;
        /// How long receiving waits; a [`timeval`](super::timeval).
        SO_RCVTIMEO = 0x100c;
    }
    /// Address family, `socket(2)` and [`sockaddr::sa_family`].
    c_int {
        /// None.
        AF_UNSPEC = 0;
        /// On one host: `unix(4)`.
        AF_LOCAL = 1;
        /// Older name of `AF_LOCAL`.
        AF_UNIX = 1;
        /// Internet, version 4.
        AF_INET = 2;
        AF_IMPLINK = 3;
        AF_PUP = 4;
        AF_CHAOS = 5;
        AF_NS = 6;
        AF_ISO = 7;
        AF_OSI = 7;
        AF_ECMA = 8;
        AF_DATAKIT = 9;
        AF_CCITT = 10;
        AF_SNA = 11;
        AF_DECnet = 12;
        AF_DLI = 13;
        AF_LAT = 14;
        AF_HYLINK = 15;
        /// AppleTalk.
        AF_APPLETALK = 16;
        /// Routing, as of NetBSD 5.
        AF_OROUTE = 17;
        /// Link layer: the address of an interface.
        AF_LINK = 18;
        AF_COIP = 20;
        AF_CNT = 21;
        AF_IPX = 23;
        /// Internet, version 6.
        AF_INET6 = 24;
        AF_ISDN = 26;
        AF_E164 = 26;
        AF_NATM = 27;
        AF_ARP = 28;
        /// Bluetooth.
        AF_BLUETOOTH = 31;
        AF_IEEE80211 = 32;
        AF_MPLS = 33;
        /// Routing: `route(4)`.
        AF_ROUTE = 34;
        /// CAN bus; not in NetBSD 7.
        AF_CAN = 35;
        /// Ethernet; not in NetBSD 7.
        AF_ETHER = 36;
        /// One more than the largest; 35 in NetBSD 7.
        AF_MAX = 37;
    }
    /// Protocol family: the address family of the same name.
    c_int {
        PF_UNSPEC = AF_UNSPEC;
        PF_LOCAL = AF_LOCAL;
        PF_UNIX = AF_UNIX;
        PF_INET = AF_INET;
        PF_IMPLINK = AF_IMPLINK;
        PF_PUP = AF_PUP;
        PF_CHAOS = AF_CHAOS;
        PF_NS = AF_NS;
        PF_ISO = AF_ISO;
        PF_OSI = AF_OSI;
        PF_ECMA = AF_ECMA;
        PF_DATAKIT = AF_DATAKIT;
        PF_CCITT = AF_CCITT;
        PF_SNA = AF_SNA;
        PF_DECnet = AF_DECnet;
        PF_DLI = AF_DLI;
        PF_LAT = AF_LAT;
        PF_HYLINK = AF_HYLINK;
        PF_APPLETALK = AF_APPLETALK;
        PF_OROUTE = AF_OROUTE;
        PF_LINK = AF_LINK;
        PF_XTP = 19;
        PF_COIP = AF_COIP;
        PF_CNT = AF_CNT;
        PF_RTIP = 22;
        PF_IPX = AF_IPX;
        PF_INET6 = AF_INET6;
        PF_PIP = 25;
        PF_ISDN = AF_ISDN;
        PF_E164 = AF_E164;
        PF_NATM = AF_NATM;
        PF_ARP = AF_ARP;
        /// Key management of IPsec; has no address family.
        PF_KEY = 29;
        PF_BLUETOOTH = AF_BLUETOOTH;
        PF_MPLS = AF_MPLS;
        PF_ROUTE = AF_ROUTE;
        PF_CAN = AF_CAN;
        PF_ETHER = AF_ETHER;
        PF_MAX = AF_MAX;
    }
    /// Size of a part of [`sockaddr_storage`], bytes.
    usize {
        _SS_MAXSIZE = 128;
        _SS_ALIGNSIZE = 8;
        _SS_PAD1SIZE = 6;
        _SS_PAD2SIZE = 112;
    }
    /// For the `sysctl(3)` variables that list protocol control blocks.
    c_int {
        /// Entries to allow for beyond those counted.
        PCB_SLOP = 20;
        /// All of them.
        PCB_ALL = 0;
    }
    /// What the `sysctl(3)` variable of `route(4)` lists.
    c_int {
        /// The routing table.
        NET_RT_DUMP = 1;
        /// Those routes that have given flags.
        NET_RT_FLAGS = 2;
        /// Interfaces, in the oldest of three earlier formats. Not in NetBSD 7.
        NET_RT_OOOIFLIST = 3;
        /// Interfaces, in an earlier format; 3 in NetBSD 7.
        NET_RT_OOIFLIST = 4;
        /// Interfaces, in an earlier format; 4 in NetBSD 7.
        NET_RT_OIFLIST = 5;
        /// Interfaces; 5 in NetBSD 7.
        NET_RT_IFLIST = 6;
    }
    /// Longest queue of `listen(2)`.
    c_int {
        SOMAXCONN = 128;
    }
    /// Flag of `send(2)`, `recv(2)` and their relatives.
    c_int {
        /// Urgent data.
        MSG_OOB = 0x1;
        /// Leave the data in the queue.
        MSG_PEEK = 0x2;
        /// Bypass routing.
        MSG_DONTROUTE = 0x4;
        /// End of record.
        MSG_EOR = 0x8;
        /// Received: data was cut off.
        MSG_TRUNC = 0x10;
        /// Received: control data was cut off.
        MSG_CTRUNC = 0x20;
        /// Wait until the buffer is full.
        MSG_WAITALL = 0x40;
        /// Do not block.
        MSG_DONTWAIT = 0x80;
        /// Received: it was a broadcast.
        MSG_BCAST = 0x100;
        /// Received: it was a multicast.
        MSG_MCAST = 0x200;
        /// No `SIGPIPE`.
        MSG_NOSIGNAL = 0x400;
        /// Received descriptors get close-on-exec.
        MSG_CMSG_CLOEXEC = 0x800;
        /// Do not block.
        MSG_NBIO = 0x1000;
        /// `recvmmsg(2)`: do not block after the first message.
        MSG_WAITFORONE = 0x2000;
        /// Received: a notification of SCTP.
        MSG_NOTIFICATION = 0x4000;
        /// Received descriptors get close-on-fork; not in NetBSD 7.
        MSG_CMSG_CLOFORK = 0x8000;
    }
    /// Flag of a message inside the kernel.
    c_int {
        /// Mask of the flags that are not internal.
        MSG_USERFLAGS = 0x00ff_ffff;
        /// The name is in an mbuf.
        MSG_NAMEMBUF = 0x0100_0000;
        /// Control data is in an mbuf.
        MSG_CONTROLMBUF = 0x0200_0000;
        /// The buffers' array is in user space.
        MSG_IOVUSRSPACE = 0x0400_0000;
        /// The length is in user space.
        MSG_LENUSRSPACE = 0x0800_0000;
    }
    /// How to shut a socket down, `shutdown(2)`.
    c_int {
        /// No more receiving.
        SHUT_RD = 0;
        /// No more sending.
        SHUT_WR = 1;
        /// Neither.
        SHUT_RDWR = 2;
    }
}
