//! Extended attributes: `<sys/extattr.h>`; `extattr_get_file(2)`, `extattrctl(2)`.

use core::ffi::c_int;

use super::macros::constants;

constants! {
    /// Namespace of an extended attribute.
    c_int {
        /// None.
        EXTATTR_NAMESPACE_EMPTY = 0;
        /// The user's.
        EXTATTR_NAMESPACE_USER = 1;
        /// The system's.
        EXTATTR_NAMESPACE_SYSTEM = 2;
    }
    /// Command of `extattrctl(2)`.
    c_int {
        /// Enable extended attributes on a file system.
        EXTATTR_CMD_START = 1;
        /// Disable them.
        EXTATTR_CMD_STOP = 2;
    }
}
