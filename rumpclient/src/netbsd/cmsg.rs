//! Control messages: `<sys/socket.h>`; `sendmsg(2)`, `recvmsg(2)`, `CMSG_DATA(3)`.
//!
//! Control data is a sequence of messages, each a [`cmsghdr`] and its data, both padded to the
//! alignment of the machine. [`cmsgs`] reads such a sequence, [`push_cmsg`] appends to one.

use core::ffi::c_int;
use core::iter;

use super::macros::{constants, layouts};
use super::{Errno, socklen_t};

/// Head of a control message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct cmsghdr {
    /// Bytes of head and data, without padding at the end.
    pub cmsg_len: socklen_t,
    /// Whose message it is: `SOL_SOCKET` or a protocol.
    pub cmsg_level: c_int,
    /// What it is: `SCM_RIGHTS`.
    pub cmsg_type: c_int,
}

layouts! {
    cmsghdr: 12 / 12 { cmsg_len: 0 / 0, cmsg_level: 4 / 4, cmsg_type: 8 / 8 }
}

constants! {
    /// Type of a control message at level `SOL_SOCKET`.
    c_int {
        /// Descriptors: an array of `int`.
        SCM_RIGHTS = 0x1;
        /// When the data arrived: a [`timeval`](super::timeval).
        SCM_TIMESTAMP = 0x8;
        /// Who sent it: a [`sockcred`](super::sockcred).
        SCM_CREDS = 0x10;
    }
    /// Bytes of a [`cmsghdr`] and the padding up to its data.
    usize {
        __CMSG_ASIZE = align(size_of::<cmsghdr>());
    }
}

/// What control messages are aligned to, bytes.
const ALIGNMENT: usize = if cfg!(any(target_arch = "x86", target_arch = "m68k")) {
    4
} else if cfg!(any(
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "riscv32",
    target_arch = "sparc64",
)) {
    16
} else {
    8
};

const fn align(len: usize) -> usize {
    len.next_multiple_of(ALIGNMENT)
}

/// Bytes that a control message with `len` bytes of data takes up, padding included.
pub const fn CMSG_SPACE(len: usize) -> usize {
    __CMSG_ASIZE + align(len)
}

/// [`cmsghdr::cmsg_len`] of a control message with `len` bytes of data.
pub const fn CMSG_LEN(len: usize) -> usize {
    __CMSG_ASIZE + len
}

/// A control message in control data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlMessage<'a> {
    /// Whose message it is, [`cmsghdr::cmsg_level`].
    pub level: c_int,
    /// What it is, [`cmsghdr::cmsg_type`].
    pub kind: c_int,
    /// Its data. Not aligned for anything but bytes.
    pub data: &'a [u8],
}

impl<'a> ControlMessage<'a> {
    /// The descriptors of an `SCM_RIGHTS` message; nothing for other messages.
    pub fn descriptors(&self) -> impl Iterator<Item = c_int> + use<'a> {
        let is_rights = self.level == super::SOL_SOCKET && self.kind == SCM_RIGHTS;
        let data = if is_rights { self.data } else { &[] };
        data.as_chunks().0.iter().map(|&bytes| c_int::from_ne_bytes(bytes))
    }
}

/// The messages in `control`: the first [`msg_controllen`](super::msghdr::msg_controllen) bytes of
/// the buffer that `recvmsg(2)` was given. Ends at the first message whose length cannot be true.
pub fn cmsgs(control: &[u8]) -> impl Iterator<Item = ControlMessage<'_>> {
    let mut rest = control;
    iter::from_fn(move || {
        let (message, len) = first_cmsg(rest)?;
        rest = rest.get(align(len)..).unwrap_or_default();
        Some(message)
    })
}

/// The message at the start of `control`, and its length without the padding behind it.
fn first_cmsg(control: &[u8]) -> Option<(ControlMessage<'_>, usize)> {
    let (head, _) = control.split_first_chunk::<{ size_of::<cmsghdr>() }>()?;
    let word = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
    let len = usize::try_from(socklen_t::from_ne_bytes(word(0))).ok()?;
    let data = control.get(__CMSG_ASIZE..len)?;
    let level = c_int::from_ne_bytes(word(4));
    let kind = c_int::from_ne_bytes(word(8));
    Some((ControlMessage { level, kind, data }, len))
}

/// Appends a message to control data for `sendmsg(2)`. `EMSGSIZE` where the length does not fit.
pub fn push_cmsg(control: &mut Vec<u8>, message: &ControlMessage<'_>) -> Result<(), Errno> {
    let len = socklen_t::try_from(CMSG_LEN(message.data.len())).map_err(|_| Errno::EMSGSIZE)?;
    let start = control.len();
    control.extend_from_slice(&len.to_ne_bytes());
    control.extend_from_slice(&message.level.to_ne_bytes());
    control.extend_from_slice(&message.kind.to_ne_bytes());
    control.resize(start + __CMSG_ASIZE, 0);
    control.extend_from_slice(message.data);
    control.resize(start + CMSG_SPACE(message.data.len()), 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::SOL_SOCKET;
    use super::*;

    fn rights(data: &[u8]) -> ControlMessage<'_> {
        ControlMessage { level: SOL_SOCKET, kind: SCM_RIGHTS, data }
    }

    #[test]
    fn reads_what_was_pushed() {
        let fds = [3_i32.to_ne_bytes(), 4_i32.to_ne_bytes()].concat();
        let messages = [rights(&fds), ControlMessage { level: 1, kind: 2, data: b"" }, rights(b"")];
        let mut control = Vec::new();
        for message in &messages {
            push_cmsg(&mut control, message).expect("a length that fits");
        }
        assert_eq!(control.len(), CMSG_SPACE(8) + 2 * CMSG_SPACE(0));
        assert_eq!(cmsgs(&control).collect::<Vec<_>>(), messages);
        assert_eq!(messages[0].descriptors().collect::<Vec<_>>(), [3, 4]);
        assert_eq!(messages[1].descriptors().count(), 0);
    }

    #[test]
    fn any_length_is_survived() {
        let mut control = Vec::new();
        push_cmsg(&mut control, &rights(b"1234")).expect("a length that fits");
        push_cmsg(&mut control, &rights(b"5678")).expect("a length that fits");
        let most = control.len() / __CMSG_ASIZE;
        for len in (0..100).chain([socklen_t::MAX - 15, socklen_t::MAX]) {
            control[..4].copy_from_slice(&len.to_ne_bytes());
            for end in 0..control.len() {
                assert!(cmsgs(&control[..end]).take(most + 1).count() <= most, "{len} {end}");
            }
        }
    }

    #[test]
    fn a_last_message_needs_no_padding() {
        let mut control = Vec::new();
        push_cmsg(&mut control, &rights(b"12345")).expect("a length that fits");
        control.truncate(CMSG_LEN(5));
        assert_eq!(cmsgs(&control).collect::<Vec<_>>(), [rights(b"12345")]);
        control.pop();
        assert_eq!(cmsgs(&control).count(), 0);
    }
}
