//! Network interfaces: `<net/if.h>`, `<sys/sockio.h>`; `netintro(4)`.
//!
//! Enough to create an interface, bring it up and give it an address: what a rump kernel's network
//! stack needs before it can talk.

use core::ffi::{c_int, c_short, c_ulong, c_void};

use super::macros::{constants, layouts};
use super::types::CharArray;
use super::{_IOW, _IOWR, SockAddr, sockaddr, sockaddr_in6, time_t};

/// A request about one interface, and its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct ifreq {
    /// Name of the interface, `"lo0"`.
    pub ifr_name: CharArray<16>,
    /// An address, or a number at the start: a union in C.
    pub ifr_ifru: [u64; 16],
}

impl ifreq {
    /// `ifr_addr`: the address in the request or answer.
    pub fn address(&self) -> SockAddr {
        let mut bytes = [0; size_of::<[u64; 16]>()];
        for (to, from) in bytes.chunks_exact_mut(8).zip(self.ifr_ifru) {
            to.copy_from_slice(&from.to_ne_bytes());
        }
        // Its first byte tells its length; it may claim more than there is room for.
        let len = usize::from(bytes[0]).min(bytes.len());
        SockAddr::from_bytes(&bytes[..len]).unwrap_or_default()
    }

    /// Sets `ifr_addr`.
    pub fn set_address(&mut self, address: &SockAddr) {
        self.set_union(address.as_bytes());
    }

    /// `ifr_flags`: the `IFF_` flags in the answer.
    pub fn flags(&self) -> c_short {
        let [b0, b1, ..] = self.ifr_ifru[0].to_ne_bytes();
        c_short::from_ne_bytes([b0, b1])
    }

    /// Sets `ifr_flags`.
    pub fn set_flags(&mut self, flags: c_short) {
        self.set_union(&flags.to_ne_bytes());
    }

    /// `ifr_mtu`, `ifr_metric` and all other numbers: the one in the answer.
    pub fn value(&self) -> c_int {
        let [b0, b1, b2, b3, ..] = self.ifr_ifru[0].to_ne_bytes();
        c_int::from_ne_bytes([b0, b1, b2, b3])
    }

    /// Sets `ifr_mtu`, `ifr_metric` and all other numbers.
    pub fn set_value(&mut self, value: c_int) {
        self.set_union(&value.to_ne_bytes());
    }

    /// Sets the start of the union to `bytes`, at most as many as it has, and the rest to zero.
    fn set_union(&mut self, bytes: &[u8]) {
        self.ifr_ifru = [0; 16];
        for (word, chunk) in self.ifr_ifru.iter_mut().zip(bytes.chunks(8)) {
            let mut buffer = [0; 8];
            buffer[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_ne_bytes(buffer);
        }
    }
}

/// A request for the list of interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct ifconf {
    /// Bytes at `ifc_buf`; how many were written.
    pub ifc_len: c_int,
    /// Room for [`ifreq`]s.
    pub ifc_buf: *mut c_void,
}

/// An address to add to an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct ifaliasreq {
    /// Name of the interface.
    pub ifra_name: CharArray<16>,
    /// Its address.
    pub ifra_addr: sockaddr,
    /// The address of the other end, or for broadcasts.
    pub ifra_dstaddr: sockaddr,
    /// The network's mask.
    pub ifra_mask: sockaddr,
}

/// How long an IPv6 address is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct in6_addrlifetime {
    /// When it ceases to be valid.
    pub ia6t_expire: time_t,
    /// When it ceases to be preferred.
    pub ia6t_preferred: time_t,
    /// How long it is valid, seconds; [`ND6_INFINITE_LIFETIME`].
    pub ia6t_vltime: u32,
    /// How long it is preferred, seconds; [`ND6_INFINITE_LIFETIME`].
    pub ia6t_pltime: u32,
}

/// An IPv6 address to add to an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct in6_aliasreq {
    /// Name of the interface.
    pub ifra_name: CharArray<16>,
    /// Its address.
    pub ifra_addr: sockaddr_in6,
    /// The address of the other end.
    pub ifra_dstaddr: sockaddr_in6,
    /// The prefix's mask.
    pub ifra_prefixmask: sockaddr_in6,
    /// Flags of the address.
    pub ifra_flags: c_int,
    /// How long it is valid.
    pub ifra_lifetime: in6_addrlifetime,
}

layouts! {
    ifreq: 144 / 144 { ifr_name: 0 / 0, ifr_ifru: 16 / 16 }
    ifconf: 16 / 8 { ifc_len: 0 / 0, ifc_buf: 8 / 4 }
    ifaliasreq: 64 / 64 {
        ifra_name: 0 / 0, ifra_addr: 16 / 16, ifra_dstaddr: 32 / 32, ifra_mask: 48 / 48,
    }
    in6_addrlifetime: 24 / 24 {
        ia6t_expire: 0 / 0, ia6t_preferred: 8 / 8, ia6t_vltime: 16 / 16, ia6t_pltime: 20 / 20,
    }
    in6_aliasreq: 128 / 128 {
        ifra_name: 0 / 0, ifra_addr: 16 / 16, ifra_dstaddr: 44 / 44, ifra_prefixmask: 72 / 72,
        ifra_flags: 100 / 100, ifra_lifetime: 104 / 104,
    }
}

constants! {
    /// Bytes of an interface's name, its NUL included.
    usize {
        IFNAMSIZ = 16;
    }
    /// Flag of an interface, [`ifreq::flags`].
    c_short {
        /// It is up.
        IFF_UP = 0x1;
        /// It can broadcast.
        IFF_BROADCAST = 0x2;
        /// It prints debugging messages.
        IFF_DEBUG = 0x4;
        /// It is a loopback.
        IFF_LOOPBACK = 0x8;
        /// It has one other end.
        IFF_POINTOPOINT = 0x10;
        /// It is ready to send and receive.
        IFF_RUNNING = 0x40;
        /// It does not resolve addresses.
        IFF_NOARP = 0x80;
        /// It receives all packets.
        IFF_PROMISC = 0x100;
        /// It receives all multicasts.
        IFF_ALLMULTI = 0x200;
        /// It is sending.
        IFF_OACTIVE = 0x400;
        /// It does not hear what it sends.
        IFF_SIMPLEX = 0x800;
        /// It can multicast.
        IFF_MULTICAST = 0x8000_u16 as c_short;
    }
    /// Lifetime of an address that does not end.
    u32 {
        ND6_INFINITE_LIFETIME = 0xffff_ffff;
    }
    /// `ioctl(2)` request about interfaces, on any socket of the right family.
    c_ulong {
        /// Set the address; an [`ifreq`].
        SIOCSIFADDR = _IOW::<ifreq>(b'i', 12);
        /// Set the address of the other end; an [`ifreq`].
        SIOCSIFDSTADDR = _IOW::<ifreq>(b'i', 14);
        /// Set the flags; an [`ifreq`].
        SIOCSIFFLAGS = _IOW::<ifreq>(b'i', 16);
        /// Get the flags; an [`ifreq`].
        SIOCGIFFLAGS = _IOWR::<ifreq>(b'i', 17);
        /// Set the broadcast address; an [`ifreq`].
        SIOCSIFBRDADDR = _IOW::<ifreq>(b'i', 19);
        /// Set the network's mask; an [`ifreq`].
        SIOCSIFNETMASK = _IOW::<ifreq>(b'i', 22);
        /// Get the metric; an [`ifreq`].
        SIOCGIFMETRIC = _IOWR::<ifreq>(b'i', 23);
        /// Set the metric; an [`ifreq`].
        SIOCSIFMETRIC = _IOW::<ifreq>(b'i', 24);
        /// Delete an address; an [`ifreq`].
        SIOCDIFADDR = _IOW::<ifreq>(b'i', 25);
        /// Add an address; an [`ifaliasreq`].
        SIOCAIFADDR = _IOW::<ifaliasreq>(b'i', 26);
        /// Get the address; an [`ifreq`].
        SIOCGIFADDR = _IOWR::<ifreq>(b'i', 33);
        /// Get the address of the other end; an [`ifreq`].
        SIOCGIFDSTADDR = _IOWR::<ifreq>(b'i', 34);
        /// Get the broadcast address; an [`ifreq`].
        SIOCGIFBRDADDR = _IOWR::<ifreq>(b'i', 35);
        /// Get the network's mask; an [`ifreq`].
        SIOCGIFNETMASK = _IOWR::<ifreq>(b'i', 37);
        /// List the interfaces; an [`ifconf`].
        SIOCGIFCONF = _IOWR::<ifconf>(b'i', 38);
        /// Add an IPv6 address; an [`in6_aliasreq`].
        SIOCAIFADDR_IN6 = _IOW::<in6_aliasreq>(b'i', 107);
        /// Destroy an interface; an [`ifreq`].
        SIOCIFDESTROY = _IOW::<ifreq>(b'i', 121);
        /// Create an interface; an [`ifreq`].
        SIOCIFCREATE = _IOW::<ifreq>(b'i', 122);
        /// Get the largest packet; an [`ifreq`].
        SIOCGIFMTU = _IOWR::<ifreq>(b'i', 126);
        /// Set the largest packet; an [`ifreq`].
        SIOCSIFMTU = _IOW::<ifreq>(b'i', 127);
        /// Get the index; an [`ifreq`].
        SIOCGIFINDEX = _IOWR::<ifreq>(b'i', 140);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_an_address_or_a_number() {
        let mut request = ifreq::default();
        let address = SockAddr::from(core::net::SocketAddr::from(([10, 0, 0, 1], 0)));
        request.set_address(&address);
        assert_eq!(request.address(), address);
        request.set_flags(IFF_UP | IFF_MULTICAST);
        assert_eq!(request.flags(), IFF_UP | IFF_MULTICAST);
        request.set_value(-1500);
        assert_eq!(request.value(), -1500);
        assert_eq!(request.ifr_ifru[1..], [0; 15]);
    }

    #[test]
    fn an_address_of_any_claimed_length_is_read() {
        for len in 0..=u8::MAX {
            let request =
                ifreq { ifr_ifru: [u64::from_ne_bytes([len; 8]); 16], ..Default::default() };
            assert_eq!(request.address().len(), usize::from(len).min(128));
        }
    }
}
