//! Translation between NetBSD's error numbers and the host's: by name, since only the names are
//! the same everywhere.

use std::ffi::c_int;
use std::io;

use super::Errno;

macro_rules! same_names {
    ($( $(#[$condition:meta])? $name:ident )*) => {
        &[$( $(#[$condition])? (Errno::$name, libc::$name) ),*]
    };
}

/// The errors that the host has under the same name. Where the host gives two names one number
/// (Linux: `EOPNOTSUPP` and `ENOTSUP`), the first here is what the number is translated back to.
const SAME_NAMES: &[(Errno, c_int)] = same_names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EDEADLK ENOMEM EACCES EFAULT
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG
    ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EAGAIN EINPROGRESS EALREADY ENOTSOCK EDESTADDRREQ
    EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT
    EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET
    ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED ELOOP ENAMETOOLONG
    EHOSTDOWN EHOSTUNREACH ENOTEMPTY EUSERS EDQUOT ESTALE EREMOTE ENOLCK ENOSYS EIDRM ENOMSG
    EOVERFLOW EILSEQ ENOTSUP ECANCELED EBADMSG EPROTO EOWNERDEAD ENOTRECOVERABLE

    // Remote procedure calls, file types, extended attributes: an inheritance of the BSDs.
    #[cfg(not(any(target_os = "linux", target_os = "android")))] EPROCLIM
    #[cfg(not(any(target_os = "linux", target_os = "android")))] EBADRPC
    #[cfg(not(any(target_os = "linux", target_os = "android")))] ERPCMISMATCH
    #[cfg(not(any(target_os = "linux", target_os = "android")))] EPROGUNAVAIL
    #[cfg(not(any(target_os = "linux", target_os = "android")))] EPROGMISMATCH
    #[cfg(not(any(target_os = "linux", target_os = "android")))] EPROCUNAVAIL
    #[cfg(not(any(target_os = "linux", target_os = "android")))] EFTYPE
    #[cfg(not(any(target_os = "linux", target_os = "android")))] EAUTH
    #[cfg(not(any(target_os = "linux", target_os = "android")))] ENEEDAUTH
    #[cfg(not(any(target_os = "linux", target_os = "android")))] ENOATTR

    // Streams.
    #[cfg(not(any(target_os = "freebsd", target_os = "dragonfly", target_os = "openbsd")))] ENODATA
    #[cfg(not(any(target_os = "freebsd", target_os = "dragonfly", target_os = "openbsd")))] ENOSR
    #[cfg(not(any(target_os = "freebsd", target_os = "dragonfly", target_os = "openbsd")))] ENOSTR
    #[cfg(not(any(target_os = "freebsd", target_os = "dragonfly", target_os = "openbsd")))] ETIME
    #[cfg(not(target_os = "openbsd"))] EMULTIHOP
    #[cfg(not(target_os = "openbsd"))] ENOLINK
};

impl Errno {
    /// The host's number of the error of the same name. `None` where the host has no such name,
    /// and for [`LINK_LOST`](Errno::LINK_LOST).
    pub fn to_host(self) -> Option<c_int> {
        SAME_NAMES.iter().find(|(errno, _)| *errno == self).map(|&(_, host)| host)
    }

    /// NetBSD's error of the same name as the host's error `number`. `None` where NetBSD has no
    /// such name.
    pub fn from_host(number: c_int) -> Option<Errno> {
        SAME_NAMES.iter().find(|&&(_, host)| host == number).map(|&(errno, _)| errno)
    }

    /// What standard kind of error this is, for errors that the host cannot express.
    fn foreign_kind(self) -> io::ErrorKind {
        match self {
            Errno::LINK_LOST => io::ErrorKind::NotConnected,
            Errno::EAUTH | Errno::ENEEDAUTH => io::ErrorKind::PermissionDenied,
            Errno::ENOATTR => io::ErrorKind::NotFound,
            Errno::ETIME => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        }
    }
}

impl From<Errno> for io::Error {
    /// The host's error of the same name, with the host's number and text. An error that the host
    /// does not have, and [`LINK_LOST`](Errno::LINK_LOST), keeps its NetBSD text and is found again
    /// by [`io::Error::get_ref`].
    fn from(errno: Errno) -> io::Error {
        match errno.to_host() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(errno.foreign_kind(), errno),
        }
    }
}
