//! NetBSD's error numbers.

use core::fmt;

mod host;

/// Why a system call failed: a NetBSD error number, `errno(2)`, never the host's.
///
/// The numbers of NetBSD and of the host differ (`EAGAIN` is 35 here and 11 on Linux), so this is
/// a type of its own. [`to_host`](Errno::to_host), [`from_host`](Errno::from_host) and the
/// conversion into [`std::io::Error`] translate by name.
///
/// One value is not the kernel's: [`Errno::LINK_LOST`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Errno(i32);

/// The number behind [`Errno::LINK_LOST`]: far from NetBSD's errors, which are positive and small,
/// and from the codes its kernel uses internally, -1 to -6.
const LINK_LOST: i32 = i32::MIN;

impl Errno {
    /// The connection to the rump kernel is lost, or was never there.
    ///
    /// Made by the client only, so it is never confused with [`ENOTCONN`](Errno::ENOTCONN), by
    /// which the kernel says that a socket is not connected.
    pub const LINK_LOST: Errno = Errno(LINK_LOST);

    /// The error with this NetBSD number.
    ///
    /// Numbers that NetBSD does not have are kept, except for the one that stands for
    /// [`LINK_LOST`](Errno::LINK_LOST): a server that sends it gets [`EPROTO`](Errno::EPROTO).
    pub const fn from_raw(number: i32) -> Errno {
        if number == LINK_LOST { Errno::EPROTO } else { Errno(number) }
    }

    /// The NetBSD number. That of [`LINK_LOST`](Errno::LINK_LOST) is no error number and must not
    /// be handed on as one.
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// Whether this is [`LINK_LOST`](Errno::LINK_LOST).
    pub const fn is_link_lost(self) -> bool {
        self.0 == LINK_LOST
    }
}

/// Defines the errors of `<sys/errno.h>`: constants, names and the texts of `strerror(3)`.
macro_rules! errnos {
    ($( $number:literal $name:ident $text:literal )*) => {
        impl Errno {
            $(
                #[doc = concat!($text, ".")]
                pub const $name: Errno = Errno($number);
            )*

            /// Its name in `<errno.h>`, `"ENOENT"`. `None` for numbers that NetBSD does not have,
            /// and for [`LINK_LOST`](Errno::LINK_LOST).
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $( $number => Some(stringify!($name)), )*
                    _ => None,
                }
            }

            /// NetBSD's text for it, as from `strerror(3)`; `"Unknown error"` for numbers that
            /// NetBSD does not have.
            pub const fn description(self) -> &'static str {
                match self.0 {
                    $( $number => $text, )*
                    LINK_LOST => "connection to the rump kernel lost",
                    _ => "Unknown error",
                }
            }
        }

        #[cfg(test)]
        pub(in crate::netbsd) const TABLE: &[super::tests::Constant] = &[
            $( (stringify!($name), $number, 32), )*
            ("EWOULDBLOCK", Errno::EWOULDBLOCK.0 as i128, 32),
            ("ELAST", Errno::ELAST.0 as i128, 32),
        ];
    };
}

errnos! {
    1 EPERM "Operation not permitted"
    2 ENOENT "No such file or directory"
    3 ESRCH "No such process"
    4 EINTR "Interrupted system call"
    5 EIO "Input/output error"
    6 ENXIO "Device not configured"
    7 E2BIG "Argument list too long"
    8 ENOEXEC "Exec format error"
    9 EBADF "Bad file descriptor"
    10 ECHILD "No child processes"
    11 EDEADLK "Resource deadlock avoided"
    12 ENOMEM "Cannot allocate memory"
    13 EACCES "Permission denied"
    14 EFAULT "Bad address"
    15 ENOTBLK "Block device required"
    16 EBUSY "Device busy"
    17 EEXIST "File exists"
    18 EXDEV "Cross-device link"
    19 ENODEV "Operation not supported by device"
    20 ENOTDIR "Not a directory"
    21 EISDIR "Is a directory"
    22 EINVAL "Invalid argument"
    23 ENFILE "Too many open files in system"
    24 EMFILE "Too many open files"
    25 ENOTTY "Inappropriate ioctl for device"
    26 ETXTBSY "Text file busy"
    27 EFBIG "File too large"
    28 ENOSPC "No space left on device"
    29 ESPIPE "Illegal seek"
    30 EROFS "Read-only file system"
    31 EMLINK "Too many links"
    32 EPIPE "Broken pipe"
    33 EDOM "Numerical argument out of domain"
    34 ERANGE "Result too large or too small"
    35 EAGAIN "Resource temporarily unavailable"
    36 EINPROGRESS "Operation now in progress"
    37 EALREADY "Operation already in progress"
    38 ENOTSOCK "Socket operation on non-socket"
    39 EDESTADDRREQ "Destination address required"
    40 EMSGSIZE "Message too long"
    41 EPROTOTYPE "Protocol wrong type for socket"
    42 ENOPROTOOPT "Protocol option not available"
    43 EPROTONOSUPPORT "Protocol not supported"
    44 ESOCKTNOSUPPORT "Socket type not supported"
    45 EOPNOTSUPP "Operation not supported"
    46 EPFNOSUPPORT "Protocol family not supported"
    47 EAFNOSUPPORT "Address family not supported by protocol family"
    48 EADDRINUSE "Address already in use"
    49 EADDRNOTAVAIL "Can't assign requested address"
    50 ENETDOWN "Network is down"
    51 ENETUNREACH "Network is unreachable"
    52 ENETRESET "Network dropped connection on reset"
    53 ECONNABORTED "Software caused connection abort"
    54 ECONNRESET "Connection reset by peer"
    55 ENOBUFS "No buffer space available"
    56 EISCONN "Socket is already connected"
    57 ENOTCONN "Socket is not connected"
    58 ESHUTDOWN "Can't send after socket shutdown"
    59 ETOOMANYREFS "Too many references: can't splice"
    60 ETIMEDOUT "Operation timed out"
    61 ECONNREFUSED "Connection refused"
    62 ELOOP "Too many levels of symbolic links"
    63 ENAMETOOLONG "File name too long"
    64 EHOSTDOWN "Host is down"
    65 EHOSTUNREACH "No route to host"
    66 ENOTEMPTY "Directory not empty"
    67 EPROCLIM "Too many processes"
    68 EUSERS "Too many users"
    69 EDQUOT "Disc quota exceeded"
    70 ESTALE "Stale NFS file handle"
    71 EREMOTE "Too many levels of remote in path"
    72 EBADRPC "RPC struct is bad"
    73 ERPCMISMATCH "RPC version wrong"
    74 EPROGUNAVAIL "RPC prog. not avail"
    75 EPROGMISMATCH "Program version wrong"
    76 EPROCUNAVAIL "Bad procedure for program"
    77 ENOLCK "No locks available"
    78 ENOSYS "Function not implemented"
    79 EFTYPE "Inappropriate file type or format"
    80 EAUTH "Authentication error"
    81 ENEEDAUTH "Need authenticator"
    82 EIDRM "Identifier removed"
    83 ENOMSG "No message of desired type"
    84 EOVERFLOW "Value too large to be stored in data type"
    85 EILSEQ "Illegal byte sequence"
    86 ENOTSUP "Not supported"
    87 ECANCELED "Operation canceled"
    88 EBADMSG "Bad or Corrupt message"
    89 ENODATA "No message available"
    90 ENOSR "No STREAM resources"
    91 ENOSTR "Not a STREAM"
    92 ETIME "STREAM ioctl timeout"
    93 ENOATTR "Attribute not found"
    94 EMULTIHOP "Multihop attempted"
    95 ENOLINK "Link has been severed"
    96 EPROTO "Protocol error"
    97 EOWNERDEAD "Previous owner died"
    98 ENOTRECOVERABLE "State not recoverable"
}

impl Errno {
    /// Operation would block: another name of [`EAGAIN`](Errno::EAGAIN).
    pub const EWOULDBLOCK: Errno = Errno::EAGAIN;
    /// The largest error number. NetBSD before 10 ends at 96, [`EPROTO`](Errno::EPROTO).
    pub const ELAST: Errno = Errno::ENOTRECOVERABLE;
}

impl fmt::Debug for Errno {
    /// `Errno(ENOENT)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "Errno({name})"),
            None if self.is_link_lost() => f.write_str("Errno(LINK_LOST)"),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl fmt::Display for Errno {
    /// `No such file or directory (ENOENT)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.description()),
            None if self.is_link_lost() => f.write_str(self.description()),
            None => write!(f, "{}: {}", self.description(), self.0),
        }
    }
}

impl std::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io;

    use super::*;

    /// All that NetBSD has, by number.
    fn all() -> impl Iterator<Item = Errno> {
        (1..=Errno::ELAST.raw()).map(Errno::from_raw)
    }

    #[test]
    fn every_number_has_its_own_name_and_text() {
        let names: HashSet<_> = all().map(|errno| errno.name().expect("a name")).collect();
        let texts: HashSet<_> = all().map(Errno::description).collect();
        assert_eq!((names.len(), texts.len()), (98, 98));
        assert_eq!(Errno::EAGAIN.raw(), 35);
        assert_eq!(Errno::EWOULDBLOCK.name(), Some("EAGAIN"));
        assert_eq!(Errno::ENOTSUP.description(), "Not supported");
        assert_eq!(Errno::EOPNOTSUPP.description(), "Operation not supported");
    }

    #[test]
    fn prints_text_and_name() {
        assert_eq!(Errno::ENOENT.to_string(), "No such file or directory (ENOENT)");
        assert_eq!(format!("{:?}", Errno::ENOENT), "Errno(ENOENT)");
        for unknown in [0, -1, 99, i32::MAX, i32::MIN + 1] {
            let errno = Errno::from_raw(unknown);
            assert_eq!(errno.name(), None);
            assert_eq!(errno.to_string(), format!("Unknown error: {unknown}"));
            assert_eq!(format!("{errno:?}"), format!("Errno({unknown})"));
        }
    }

    #[test]
    fn no_number_from_a_server_is_a_lost_link() {
        assert!(Errno::LINK_LOST.is_link_lost());
        assert_eq!(Errno::LINK_LOST.to_string(), "connection to the rump kernel lost");
        assert_eq!(format!("{:?}", Errno::LINK_LOST), "Errno(LINK_LOST)");
        assert_eq!(Errno::LINK_LOST.name(), None);
        assert_eq!(Errno::from_raw(Errno::LINK_LOST.raw()), Errno::EPROTO);
        assert!(all().all(|errno| !errno.is_link_lost()));
    }

    #[test]
    fn translates_to_the_host_and_back() {
        assert_eq!(Errno::EAGAIN.to_host(), Some(libc::EAGAIN));
        assert_eq!(Errno::ELOOP.to_host(), Some(libc::ELOOP));
        assert_eq!(Errno::from_host(libc::ENOSYS), Some(Errno::ENOSYS));
        assert_eq!(Errno::from_host(0), None);
        for errno in all() {
            let back = errno.to_host().map(|host| Errno::from_host(host).expect("a name"));
            // Some hosts have one number for these two.
            let same = back == Some(errno) || errno == Errno::ENOTSUP;
            assert!(back.is_none() || same, "{errno:?} comes back as {back:?}");
        }
    }

    #[test]
    fn io_errors_are_the_hosts_or_keep_their_text() {
        let not_found = io::Error::from(Errno::ENOENT);
        assert_eq!(not_found.raw_os_error(), Some(libc::ENOENT));
        assert_eq!(not_found.kind(), io::ErrorKind::NotFound);
        let lost = io::Error::from(Errno::LINK_LOST);
        assert_eq!(lost.kind(), io::ErrorKind::NotConnected);
        assert_eq!(lost.raw_os_error(), None);
        let inner = lost.get_ref().and_then(|error| error.downcast_ref());
        assert_eq!(inner, Some(&Errno::LINK_LOST));
        assert_eq!(lost.to_string(), "connection to the rump kernel lost");
        let unknown = io::Error::from(Errno::from_raw(4711));
        assert_eq!(unknown.to_string(), "Unknown error: 4711");
    }
}
