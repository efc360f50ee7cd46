//! [`SockAddr`]: a socket address in NetBSD's layout.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::{
    AF_INET, AF_INET6, AF_LOCAL, AF_UNSPEC, Errno, sa_family_t, sockaddr_in, sockaddr_in6,
    sockaddr_storage, socklen_t,
};

/// Bytes that a socket address can have.
const CAPACITY: usize = size_of::<sockaddr_storage>();
/// Bytes of a local socket's address before the path.
const PATH: usize = 2;
/// Bytes that the path of a local socket can have, its NUL included where there is one.
const PATH_MAX: usize = 104;

/// A socket address of any family, as NetBSD's kernel takes and gives it: length in one byte,
/// family in the next, then what the family says; at most 128 bytes.
///
/// To send one, make it with [`v4`](SockAddr::v4), [`v6`](SockAddr::v6),
/// [`unix`](SockAddr::unix), `from` a [`SocketAddr`], or [`from_bytes`](SockAddr::from_bytes). To
/// receive one, pass a [`new`](SockAddr::new) one. What a server writes into it is believed in
/// nothing: a length beyond the storage is cut off.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct SockAddr {
    storage: [u8; CAPACITY],
    len: socklen_t,
}

impl SockAddr {
    /// An empty address, for the kernel to fill.
    pub const fn new() -> SockAddr {
        SockAddr { storage: [0; CAPACITY], len: 0 }
    }

    /// The address of an IPv4 socket.
    pub fn v4(address: SocketAddrV4) -> SockAddr {
        let mut bytes = [0; size_of::<sockaddr_in>()];
        bytes[0] = bytes.len() as u8;
        bytes[1] = AF_INET as u8;
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        bytes[4..8].copy_from_slice(&address.ip().octets());
        SockAddr::new().with(&bytes)
    }

    /// The address of an IPv6 socket. Flow information and scope are taken as they are.
    pub fn v6(address: SocketAddrV6) -> SockAddr {
        let mut bytes = [0; size_of::<sockaddr_in6>()];
        bytes[0] = bytes.len() as u8;
        bytes[1] = AF_INET6 as u8;
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        bytes[4..8].copy_from_slice(&address.flowinfo().to_ne_bytes());
        bytes[8..24].copy_from_slice(&address.ip().octets());
        bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
        SockAddr::new().with(&bytes)
    }

    /// The address of a local socket, `unix(4)`. `ENAMETOOLONG` for a path of more than 104 bytes,
    /// `EINVAL` for one with a NUL inside.
    pub fn unix(path: impl AsRef<[u8]>) -> Result<SockAddr, Errno> {
        let path = path.as_ref();
        if path.len() > PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        if path.contains(&0) {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; PATH + PATH_MAX];
        let len = PATH + path.len();
        bytes[0] = len as u8;
        bytes[1] = AF_LOCAL as u8;
        bytes[PATH..len].copy_from_slice(path);
        Ok(SockAddr::new().with(&bytes[..len]))
    }

    /// The address that these bytes are, length byte and family byte first; they are not checked.
    /// `EINVAL` for more than 128.
    pub fn from_bytes(bytes: &[u8]) -> Result<SockAddr, Errno> {
        if bytes.len() > CAPACITY { Err(Errno::EINVAL) } else { Ok(SockAddr::new().with(bytes)) }
    }

    /// With these bytes, of which there are no more than fit.
    fn with(mut self, bytes: &[u8]) -> SockAddr {
        self.storage[..bytes.len()].copy_from_slice(bytes);
        self.len = bytes.len() as socklen_t;
        self
    }

    /// The family, an `AF_` constant; [`AF_UNSPEC`] for an empty address.
    pub fn family(&self) -> sa_family_t {
        self.as_bytes().get(1).copied().unwrap_or(AF_UNSPEC as sa_family_t)
    }

    /// The address as the kernel takes it, length byte and family byte first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.storage[..self.len()]
    }

    /// Bytes of the address: never more than 128, whatever [`len_mut`](SockAddr::len_mut) was set
    /// to.
    pub fn len(&self) -> usize {
        usize::try_from(self.len).map_or(CAPACITY, |len| len.min(CAPACITY))
    }

    /// Whether there is no address.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The address of an Internet socket; `None` for other families and for too few bytes.
    pub fn to_socket_addr(&self) -> Option<SocketAddr> {
        let (head, tail) = self.as_bytes().split_first_chunk::<8>()?;
        let [_, family, p0, p1, word @ ..] = *head;
        let port = u16::from_be_bytes([p0, p1]);
        match family.into() {
            AF_INET => {
                tail.first_chunk::<8>()?;
                Some(SocketAddrV4::new(word.into(), port).into())
            }
            AF_INET6 => {
                let (ip, tail) = tail.split_first_chunk::<16>()?;
                let flowinfo = u32::from_ne_bytes(word);
                let scope_id = u32::from_ne_bytes(*tail.first_chunk()?);
                Some(SocketAddrV6::new(Ipv6Addr::from(*ip), port, flowinfo, scope_id).into())
            }
            _ => None,
        }
    }

    /// The path of a local socket, empty where it has none; `None` for other families.
    pub fn unix_path(&self) -> Option<&[u8]> {
        if self.family() != AF_LOCAL as sa_family_t {
            return None;
        }
        self.as_bytes().get(PATH..)?.split(|&byte| byte == 0).next()
    }

    /// Empties the address and says that all of its storage may be filled: what a call that gives
    /// an address starts from.
    pub fn reset(&mut self) {
        self.storage = [0; CAPACITY];
        self.len = CAPACITY as socklen_t;
    }

    /// The storage: 128 bytes, aligned for every family.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.storage.as_mut_ptr()
    }

    /// The length, for the kernel to read and write. Any value is fine: see
    /// [`len`](SockAddr::len).
    pub fn len_mut(&mut self) -> &mut socklen_t {
        &mut self.len
    }
}

impl Default for SockAddr {
    fn default() -> SockAddr {
        SockAddr::new()
    }
}

impl From<SocketAddrV4> for SockAddr {
    fn from(address: SocketAddrV4) -> SockAddr {
        SockAddr::v4(address)
    }
}

impl From<SocketAddrV6> for SockAddr {
    fn from(address: SocketAddrV6) -> SockAddr {
        SockAddr::v6(address)
    }
}

impl From<SocketAddr> for SockAddr {
    fn from(address: SocketAddr) -> SockAddr {
        match address {
            SocketAddr::V4(address) => SockAddr::v4(address),
            SocketAddr::V6(address) => SockAddr::v6(address),
        }
    }
}

impl PartialEq for SockAddr {
    fn eq(&self, other: &SockAddr) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for SockAddr {}

impl Hash for SockAddr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for SockAddr {
    /// `127.0.0.1:80`, `[::1]:80`, `"/tmp/socket"`, or the family and all bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.to_socket_addr() {
            write!(f, "{address}")
        } else if let Some(path) = self.unix_path() {
            write!(f, "\"{}\"", path.escape_ascii())
        } else {
            write!(f, "SockAddr(family {}, {:02x?})", self.family(), self.as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internet_addresses_have_netbsds_layout() {
        let v4 = SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 80)));
        assert_eq!(v4.as_bytes(), [16, 2, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let address = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0x1234, 0, 3);
        let v6 = SockAddr::from(address);
        assert_eq!(v6.as_bytes()[..4], [28, 24, 0x12, 0x34]);
        assert_eq!(v6.as_bytes()[23..], [[1].as_slice(), &3_u32.to_ne_bytes()].concat());
        assert_eq!(v6.to_socket_addr(), Some(address.into()));
        assert_eq!(v4.unix_path(), None);
        assert_eq!(format!("{v4:?} {:?}", SockAddr::v6(address)), "127.0.0.1:80 [::1%3]:4660");
    }

    #[test]
    fn local_addresses_hold_104_bytes_of_path() {
        let address = SockAddr::unix("/tmp/s").expect("a short path");
        assert_eq!(address.as_bytes(), b"\x08\x01/tmp/s");
        assert_eq!(address.unix_path(), Some(b"/tmp/s".as_slice()));
        assert_eq!(address.to_socket_addr(), None);
        assert_eq!(format!("{address:?}"), "\"/tmp/s\"");
        let longest = [b'a'; 104];
        let address = SockAddr::unix(longest).expect("a path that just fits");
        assert_eq!(address.unix_path(), Some(longest.as_slice()));
        assert_eq!(address.as_bytes()[0], 106);
        assert_eq!(SockAddr::unix([b'a'; 105]), Err(Errno::ENAMETOOLONG));
        assert_eq!(SockAddr::unix(b"a\0b"), Err(Errno::EINVAL));
    }

    #[test]
    fn a_path_ends_at_its_nul() {
        let address = SockAddr::from_bytes(b"\x6a\x01/tmp/s\0/rest").expect("bytes that fit");
        assert_eq!(address.unix_path(), Some(b"/tmp/s".as_slice()));
        let unnamed = SockAddr::from_bytes(b"\x02\x01").expect("bytes that fit");
        assert_eq!(unnamed.unix_path(), Some(b"".as_slice()));
    }

    #[test]
    fn a_hostile_length_is_cut_off() {
        let mut address = SockAddr::v4(SocketAddrV4::new([1, 2, 3, 4].into(), 5));
        for len in [129, 1000, socklen_t::MAX] {
            *address.len_mut() = len;
            assert_eq!(address.as_bytes().len(), CAPACITY);
            assert_eq!(address.len(), CAPACITY);
        }
        for len in 0..16 {
            *address.len_mut() = len;
            assert_eq!(address.to_socket_addr(), None, "{len} bytes");
            assert_eq!(address.unix_path(), None, "{len} bytes");
        }
        assert!(SockAddr::from_bytes(&[0; 129]).is_err());
    }

    #[test]
    fn every_family_prints_at_every_length() {
        for family in 0..=u8::MAX {
            for len in 0..=CAPACITY {
                let mut bytes = [0xff; CAPACITY];
                bytes[1] = family;
                let address = SockAddr::from_bytes(&bytes[..len]).expect("bytes that fit");
                assert!(!format!("{address:?}").is_empty());
            }
        }
    }

    #[test]
    fn reset_offers_all_of_the_storage() {
        let mut address = SockAddr::unix("/tmp/s").expect("a short path");
        address.reset();
        assert_eq!(*address.len_mut(), 128);
        assert_eq!(address.as_bytes(), [0; CAPACITY]);
        assert_eq!(address.as_mut_ptr().addr() % 8, 0);
        assert!(SockAddr::new().is_empty());
        assert_eq!(SockAddr::new().family(), AF_UNSPEC as u8);
    }
}
