//! The Internet: `<netinet/in.h>`, `<netinet6/in6.h>`, `<netinet/tcp.h>`; `ip(4)`, `ip6(4)`,
//! `tcp(4)`, `udp(4)`.

use core::ffi::{c_int, c_uint};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use super::macros::{constants, layouts};
use super::{in_addr_t, in_port_t, sa_family_t, sockaddr};

/// An IPv4 address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct in_addr {
    /// The address in network byte order.
    pub s_addr: in_addr_t,
}

/// An IPv6 address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C, align(4))]
pub struct in6_addr {
    /// The address in network byte order.
    pub s6_addr: [u8; 16],
}

/// Socket address of IPv4. See [`SockAddr::v4`](super::SockAddr::v4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct sockaddr_in {
    /// Bytes of the address: 16.
    pub sin_len: u8,
    /// [`AF_INET`](super::AF_INET).
    pub sin_family: sa_family_t,
    /// Port in network byte order.
    pub sin_port: in_port_t,
    /// Address.
    pub sin_addr: in_addr,
    /// Zero.
    pub sin_zero: [u8; 8],
}

/// Socket address of IPv6. See [`SockAddr::v6`](super::SockAddr::v6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct sockaddr_in6 {
    /// Bytes of the address: 28.
    pub sin6_len: u8,
    /// [`AF_INET6`](super::AF_INET6).
    pub sin6_family: sa_family_t,
    /// Port in network byte order.
    pub sin6_port: in_port_t,
    /// Flow label and traffic class in network byte order.
    pub sin6_flowinfo: u32,
    /// Address.
    pub sin6_addr: in6_addr,
    /// Index of the interface that a link-local address is on.
    pub sin6_scope_id: u32,
}

/// A multicast group of IPv4, `IP_ADD_MEMBERSHIP`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct ip_mreq {
    /// The group.
    pub imr_multiaddr: in_addr,
    /// An address of the interface; zero for the default.
    pub imr_interface: in_addr,
}

/// A multicast group of IPv6, `IPV6_JOIN_GROUP`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct ipv6_mreq {
    /// The group.
    pub ipv6mr_multiaddr: in6_addr,
    /// Index of the interface; zero for the default.
    pub ipv6mr_interface: c_uint,
}

layouts! {
    sockaddr_in: 16 / 16 {
        sin_len: 0 / 0, sin_family: 1 / 1, sin_port: 2 / 2, sin_addr: 4 / 4, sin_zero: 8 / 8,
    }
    sockaddr_in6: 28 / 28 {
        sin6_len: 0 / 0, sin6_family: 1 / 1, sin6_port: 2 / 2, sin6_flowinfo: 4 / 4,
        sin6_addr: 8 / 8, sin6_scope_id: 24 / 24,
    }
    ip_mreq: 8 / 8 { imr_multiaddr: 0 / 0, imr_interface: 4 / 4 }
    ipv6_mreq: 20 / 20 { ipv6mr_multiaddr: 0 / 0, ipv6mr_interface: 16 / 16 }
}

impl From<Ipv4Addr> for in_addr {
    fn from(address: Ipv4Addr) -> in_addr {
        in_addr { s_addr: in_addr_t::from_ne_bytes(address.octets()) }
    }
}

impl From<in_addr> for Ipv4Addr {
    fn from(address: in_addr) -> Ipv4Addr {
        address.s_addr.to_ne_bytes().into()
    }
}

impl From<Ipv6Addr> for in6_addr {
    fn from(address: Ipv6Addr) -> in6_addr {
        in6_addr { s6_addr: address.octets() }
    }
}

impl From<in6_addr> for Ipv6Addr {
    fn from(address: in6_addr) -> Ipv6Addr {
        address.s6_addr.into()
    }
}

impl From<SocketAddrV4> for sockaddr_in {
    fn from(address: SocketAddrV4) -> sockaddr_in {
        sockaddr_in {
            sin_len: size_of::<sockaddr_in>() as u8,
            sin_family: super::AF_INET as sa_family_t,
            sin_port: address.port().to_be(),
            sin_addr: (*address.ip()).into(),
            sin_zero: [0; 8],
        }
    }
}

impl From<SocketAddrV6> for sockaddr_in6 {
    fn from(address: SocketAddrV6) -> sockaddr_in6 {
        sockaddr_in6 {
            sin6_len: size_of::<sockaddr_in6>() as u8,
            sin6_family: super::AF_INET6 as sa_family_t,
            sin6_port: address.port().to_be(),
            sin6_flowinfo: address.flowinfo(),
            sin6_addr: (*address.ip()).into(),
            sin6_scope_id: address.scope_id(),
        }
    }
}

impl From<SocketAddrV4> for sockaddr {
    /// The same bytes as a [`sockaddr_in`], for structs that have room for no other family.
    fn from(address: SocketAddrV4) -> sockaddr {
        let mut sa_data = [0; 14];
        sa_data[..2].copy_from_slice(&address.port().to_be_bytes());
        sa_data[2..6].copy_from_slice(&address.ip().octets());
        sockaddr {
            sa_len: size_of::<sockaddr_in>() as u8,
            sa_family: super::AF_INET as sa_family_t,
            sa_data,
        }
    }
}

constants! {
    /// Protocol, `socket(2)`, `setsockopt(2)`.
    c_int {
        /// Level of the `IP_` options; as a protocol: any.
        IPPROTO_IP = 0;
        /// Hop-by-hop options of IPv6.
        IPPROTO_HOPOPTS = 0;
        /// Control messages.
        IPPROTO_ICMP = 1;
        /// Group membership.
        IPPROTO_IGMP = 2;
        IPPROTO_GGP = 3;
        /// IPv4 in IP.
        IPPROTO_IPV4 = 4;
        /// Another name of `IPPROTO_IPV4`.
        IPPROTO_IPIP = 4;
        /// TCP; level of the `TCP_` options.
        IPPROTO_TCP = 6;
        IPPROTO_EGP = 8;
        IPPROTO_PUP = 12;
        /// UDP.
        IPPROTO_UDP = 17;
        IPPROTO_IDP = 22;
        IPPROTO_TP = 29;
        /// DCCP.
        IPPROTO_DCCP = 33;
        /// IPv6 in IP; level of the `IPV6_` options.
        IPPROTO_IPV6 = 41;
        /// Routing header of IPv6.
        IPPROTO_ROUTING = 43;
        /// Fragment header of IPv6.
        IPPROTO_FRAGMENT = 44;
        IPPROTO_RSVP = 46;
        /// Generic encapsulation.
        IPPROTO_GRE = 47;
        /// Encrypted payload of IPsec.
        IPPROTO_ESP = 50;
        /// Authentication header of IPsec.
        IPPROTO_AH = 51;
        IPPROTO_MOBILE = 55;
        /// Control messages of IPv6.
        IPPROTO_IPV6_ICMP = 58;
        /// Control messages of IPv6.
        IPPROTO_ICMPV6 = 58;
        /// No next header, IPv6.
        IPPROTO_NONE = 59;
        /// Destination options of IPv6.
        IPPROTO_DSTOPTS = 60;
        IPPROTO_EON = 80;
        IPPROTO_ETHERIP = 97;
        IPPROTO_ENCAP = 98;
        IPPROTO_PIM = 103;
        IPPROTO_IPCOMP = 108;
        IPPROTO_VRRP = 112;
        /// Another name of `IPPROTO_VRRP`.
        IPPROTO_CARP = 112;
        /// L2TPv3; not in NetBSD 7.
        IPPROTO_L2TP = 115;
        /// SCTP.
        IPPROTO_SCTP = 132;
        IPPROTO_PFSYNC = 240;
        /// Raw IP.
        IPPROTO_RAW = 255;
        /// One more than the largest on the wire.
        IPPROTO_MAX = 256;
        /// Inside the kernel: the packet is done with.
        IPPROTO_DONE = 257;
    }
    /// An IPv4 address, in host byte order.
    in_addr_t {
        /// 0.0.0.0: any.
        INADDR_ANY = 0;
        /// 127.0.0.1
        INADDR_LOOPBACK = 0x7f00_0001;
        /// 255.255.255.255
        INADDR_BROADCAST = 0xffff_ffff;
        /// What `inet_addr(3)` returns for no address.
        INADDR_NONE = 0xffff_ffff;
        /// 224.0.0.0
        INADDR_UNSPEC_GROUP = 0xe000_0000;
        /// 224.0.0.1
        INADDR_ALLHOSTS_GROUP = 0xe000_0001;
        /// 224.0.0.2
        INADDR_ALLRTRS_GROUP = 0xe000_0002;
        /// 224.0.0.18
        INADDR_CARP_GROUP = 0xe000_0012;
        /// 224.0.0.255
        INADDR_MAX_LOCAL_GROUP = 0xe000_00ff;
    }
    /// Option at level `IPPROTO_IP`, `setsockopt(2)`, `ip(4)`.
    c_int {
        /// Options of sent packets; bytes.
        IP_OPTIONS = 1;
        /// The data starts with the header; `int`.
        IP_HDRINCL = 2;
        /// Type of service; `int`.
        IP_TOS = 3;
        /// Time to live; `int`.
        IP_TTL = 4;
        /// Receive options; `int`.
        IP_RECVOPTS = 5;
        /// Receive options for the answer; `int`.
        IP_RECVRETOPTS = 6;
        /// Receive the destination address; `int`.
        IP_RECVDSTADDR = 7;
        /// Options for the answer; bytes.
        IP_RETOPTS = 8;
        /// Interface of multicasts; an [`in_addr`].
        IP_MULTICAST_IF = 9;
        /// Time to live of multicasts; `u8`.
        IP_MULTICAST_TTL = 10;
        /// Loop multicasts back; `u8`.
        IP_MULTICAST_LOOP = 11;
        /// Join a group; an [`ip_mreq`].
        IP_ADD_MEMBERSHIP = 12;
        /// Leave a group; an [`ip_mreq`].
        IP_DROP_MEMBERSHIP = 13;
        /// How a port is chosen (RFC 6056); `int`.
        IP_PORTALGO = 18;
        /// Range that a port is chosen from, `IP_PORTRANGE_DEFAULT` or its neighbours; `int`.
        IP_PORTRANGE = 19;
        /// Receive the interface; `int`.
        IP_RECVIF = 20;
        /// MTU that made the last send fail with `EMSGSIZE`; `int`, read only.
        IP_ERRORMTU = 21;
        /// Policy of IPsec.
        IP_IPSEC_POLICY = 22;
        /// Receive the time to live; `int`.
        IP_RECVTTL = 23;
        /// Drop packets with less time to live; `int`.
        IP_MINTTL = 24;
        /// Default source address and interface.
        IP_PKTINFO = 25;
        /// Receive destination address and interface; `int`.
        IP_RECVPKTINFO = 26;
        /// Bind to any address; `int`; not in NetBSD 7.
        IP_BINDANY = 27;
        /// Another name of `IP_RECVDSTADDR`; not in NetBSD 7.
        IP_SENDSRCADDR = 7;
    }
    /// Default or limit of multicasting over IPv4.
    c_int {
        /// Time to live.
        IP_DEFAULT_MULTICAST_TTL = 1;
        /// Whether multicasts are looped back.
        IP_DEFAULT_MULTICAST_LOOP = 1;
        /// Groups of one socket.
        IP_MAX_MEMBERSHIPS = 20;
    }
    /// Range of ports, `IP_PORTRANGE`.
    c_int {
        /// The default range.
        IP_PORTRANGE_DEFAULT = 0;
        /// The high range.
        IP_PORTRANGE_HIGH = 1;
        /// The low range, for the superuser.
        IP_PORTRANGE_LOW = 2;
    }
    /// Option at level `IPPROTO_IPV6`, `setsockopt(2)`, `ip6(4)`.
    c_int {
        /// Hop limit; `int`.
        IPV6_UNICAST_HOPS = 4;
        /// Interface of multicasts, its index; `unsigned int`.
        IPV6_MULTICAST_IF = 9;
        /// Hop limit of multicasts; `int`.
        IPV6_MULTICAST_HOPS = 10;
        /// Loop multicasts back; `unsigned int`.
        IPV6_MULTICAST_LOOP = 11;
        /// Join a group; an [`ipv6_mreq`].
        IPV6_JOIN_GROUP = 12;
        /// Leave a group; an [`ipv6_mreq`].
        IPV6_LEAVE_GROUP = 13;
        /// Range that a port is chosen from; `int`.
        IPV6_PORTRANGE = 14;
        /// How a port is chosen (RFC 6056); `int`.
        IPV6_PORTALGO = 17;
        /// Where the checksum of a raw socket sits; `int`.
        IPV6_CHECKSUM = 26;
        /// No IPv4; `int`.
        IPV6_V6ONLY = 27;
        /// Policy of IPsec.
        IPV6_IPSEC_POLICY = 28;
        /// Receive destination address and interface; `int`.
        IPV6_RECVPKTINFO = 36;
        /// Receive the hop limit; `int`.
        IPV6_RECVHOPLIMIT = 37;
        /// Receive routing headers; `int`.
        IPV6_RECVRTHDR = 38;
        /// Receive hop-by-hop options; `int`.
        IPV6_RECVHOPOPTS = 39;
        /// Receive destination options; `int`.
        IPV6_RECVDSTOPTS = 40;
        /// Send at the smallest MTU; `int`.
        IPV6_USE_MIN_MTU = 42;
        /// Receive changes of the path MTU; `int`.
        IPV6_RECVPATHMTU = 43;
        /// The path MTU; read only.
        IPV6_PATHMTU = 44;
        /// Source address and interface.
        IPV6_PKTINFO = 46;
        /// Hop limit, in a control message; `int`.
        IPV6_HOPLIMIT = 47;
        /// Next hop; an address.
        IPV6_NEXTHOP = 48;
        /// Hop-by-hop options.
        IPV6_HOPOPTS = 49;
        /// Destination options.
        IPV6_DSTOPTS = 50;
        /// Routing header.
        IPV6_RTHDR = 51;
        /// Receive the traffic class; `int`.
        IPV6_RECVTCLASS = 57;
        /// Traffic class; `int`.
        IPV6_TCLASS = 61;
        /// Do not fragment; `int`.
        IPV6_DONTFRAG = 62;
        /// Prefer temporary source addresses; `int`.
        IPV6_PREFER_TEMPADDR = 63;
        /// Bind to any address; `int`. Not in NetBSD 7.
        IPV6_BINDANY = 64;
    }
    /// Option at level `IPPROTO_TCP`, `setsockopt(2)`, `tcp(4)`.
    c_int {
        /// Send small segments at once; `int`.
        TCP_NODELAY = 1;
        /// Largest segment, bytes; `int`.
        TCP_MAXSEG = 2;
        /// Idle time before keep-alive probes, seconds; `int`.
        TCP_KEEPIDLE = 3;
        /// Time between keep-alive probes, seconds; `int`.
        TCP_KEEPINTVL = 5;
        /// Keep-alive probes before giving up; `int`.
        TCP_KEEPCNT = 6;
        /// Time limit of connecting, seconds; `int`.
        TCP_KEEPINIT = 7;
        /// State of the connection; read only.
        TCP_INFO = 9;
        /// Sign segments (RFC 2385); `int`.
        TCP_MD5SIG = 16;
        /// Name of the congestion control.
        TCP_CONGCTL = 32;
    }
}

#[cfg(test)]
mod tests {
    use super::super::SockAddr;
    use super::*;

    #[test]
    fn structs_hold_what_the_socket_address_holds() {
        let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 0x1234);
        let bytes = SockAddr::v4(address);
        let sockaddr { sa_len, sa_family, sa_data } = address.into();
        assert_eq!(bytes.as_bytes(), [&[sa_len, sa_family], sa_data.as_slice()].concat());
        let with_fields = sockaddr_in::from(address);
        assert_eq!(with_fields.sin_port.to_ne_bytes(), bytes.as_bytes()[2..4]);
        assert_eq!(with_fields.sin_addr.s_addr.to_ne_bytes(), bytes.as_bytes()[4..8]);
        assert_eq!(Ipv4Addr::from(with_fields.sin_addr), *address.ip());
        let address = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 2);
        let with_fields = sockaddr_in6::from(address);
        assert_eq!(Ipv6Addr::from(with_fields.sin6_addr), Ipv6Addr::LOCALHOST);
        assert_eq!(with_fields.sin6_port.to_ne_bytes(), [0, 80]);
        assert_eq!(with_fields.sin6_scope_id, 2);
    }
}
