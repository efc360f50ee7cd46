//! Waiting for descriptors: `<poll.h>`; `poll(2)`, `pollts(2)`.

use core::ffi::{c_int, c_short};

use super::macros::{constants, layouts};

/// A descriptor to wait for, `poll(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct pollfd {
    /// The descriptor; negative ones are passed over.
    pub fd: c_int,
    /// What to wait for, `POLL` constants.
    pub events: c_short,
    /// What has come.
    pub revents: c_short,
}

layouts! {
    pollfd: 8 / 8 { fd: 0 / 0, events: 4 / 4, revents: 6 / 6 }
}

constants! {
    /// Event of `poll(2)`, [`pollfd::events`].
    c_short {
        /// Data can be read without blocking.
        POLLIN = 0x1;
        /// Urgent data can be read without blocking.
        POLLPRI = 0x2;
        /// Data can be written without blocking.
        POLLOUT = 0x4;
        /// Normal data can be read without blocking.
        POLLRDNORM = 0x40;
        /// Normal data can be written without blocking: `POLLOUT`.
        POLLWRNORM = POLLOUT;
        /// Data of a priority band can be read without blocking.
        POLLRDBAND = 0x80;
        /// Data of a priority band can be written without blocking.
        POLLWRBAND = 0x100;
    }
    /// Event that `poll(2)` reports unasked, [`pollfd::revents`].
    c_short {
        /// An error.
        POLLERR = 0x8;
        /// The other end hung up.
        POLLHUP = 0x10;
        /// The descriptor is not open.
        POLLNVAL = 0x20;
    }
    /// Time limit of `poll(2)`.
    c_int {
        /// None.
        INFTIM = -1;
    }
}
