//! Random numbers: `<sys/random.h>`; `getrandom(2)`.

use core::ffi::c_uint;

use super::macros::constants;

constants! {
    /// Flag of `getrandom(2)`.
    c_uint {
        /// Do not block: fail with `EAGAIN`.
        GRND_NONBLOCK = 0x1;
        /// As from `/dev/random`.
        GRND_RANDOM = 0x2;
        /// Even where the kernel has no entropy yet.
        GRND_INSECURE = 0x4;
    }
}
