//! Terminals: `<termios.h>`, `<sys/ttycom.h>`; `termios(4)`, `tty(4)`.

use core::ffi::{c_int, c_ulong, c_ushort};

use super::macros::{constants, layouts};
use super::{_IO, _IOR, _IOW, cc_t, speed_t, tcflag_t};

/// Settings of a terminal, `TIOCGETA`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct termios {
    /// Input flags.
    pub c_iflag: tcflag_t,
    /// Output flags.
    pub c_oflag: tcflag_t,
    /// Control flags.
    pub c_cflag: tcflag_t,
    /// Local flags.
    pub c_lflag: tcflag_t,
    /// Control characters.
    pub c_cc: [cc_t; 20],
    /// Input speed, bits per second.
    pub c_ispeed: speed_t,
    /// Output speed, bits per second.
    pub c_ospeed: speed_t,
}

/// Size of a terminal's window, `TIOCGWINSZ`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct winsize {
    /// Rows.
    pub ws_row: c_ushort,
    /// Columns.
    pub ws_col: c_ushort,
    /// Width, pixels.
    pub ws_xpixel: c_ushort,
    /// Height, pixels.
    pub ws_ypixel: c_ushort,
}

layouts! {
    termios: 44 / 44 {
        c_iflag: 0 / 0, c_oflag: 4 / 4, c_cflag: 8 / 8, c_lflag: 12 / 12, c_cc: 16 / 16,
        c_ispeed: 36 / 36, c_ospeed: 40 / 40,
    }
    winsize: 8 / 8 { ws_row: 0 / 0, ws_col: 2 / 2, ws_xpixel: 4 / 4, ws_ypixel: 6 / 6 }
}

constants! {
    /// `ioctl(2)` request of `tty(4)`.
    c_ulong {
        /// Get the settings.
        TIOCGETA = _IOR::<termios>(b't', 19);
        /// Set the settings.
        TIOCSETA = _IOW::<termios>(b't', 20);
        /// Set the settings once output has drained.
        TIOCSETAW = _IOW::<termios>(b't', 21);
        /// Set the settings once output has drained, and drop input.
        TIOCSETAF = _IOW::<termios>(b't', 22);
        /// Wait until output has drained.
        TIOCDRAIN = _IO(b't', 94);
        /// Become the controlling terminal.
        TIOCSCTTY = _IO(b't', 97);
        /// Set the window's size.
        TIOCSWINSZ = _IOW::<winsize>(b't', 103);
        /// Get the window's size.
        TIOCGWINSZ = _IOR::<winsize>(b't', 104);
        /// Bytes in the output queue.
        TIOCOUTQ = _IOR::<c_int>(b't', 115);
        /// Set the process group.
        TIOCSPGRP = _IOW::<c_int>(b't', 118);
        /// Get the process group.
        TIOCGPGRP = _IOR::<c_int>(b't', 119);
    }
}
