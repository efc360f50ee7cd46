//! Quotas: `<sys/quotactl.h>`; `quotactl(2)`.

use core::ffi::{c_int, c_uint};

use super::macros::{constants, layouts};

/// Arguments of `quotactl(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct quotactl_args {
    /// A `QUOTACTL_` constant.
    pub qc_op: c_uint,
    /// The operation's own arguments, a union in C: each member's fields, pointers and `int`s, in
    /// one word each. An `int` sits at the start of its word.
    pub qc_args: [usize; 5],
}

layouts! {
    quotactl_args: 48 / 24 { qc_op: 0 / 0, qc_args: 8 / 4 }
}

constants! {
    /// Operation of `quotactl(2)`.
    c_uint {
        /// What the file system's quotas can do.
        QUOTACTL_STAT = 0;
        /// About a kind of id.
        QUOTACTL_IDTYPESTAT = 1;
        /// About a kind of object.
        QUOTACTL_OBJTYPESTAT = 2;
        /// Get a quota.
        QUOTACTL_GET = 3;
        /// Set a quota.
        QUOTACTL_PUT = 4;
        /// Delete a quota.
        QUOTACTL_DEL = 5;
        /// Open a cursor.
        QUOTACTL_CURSOROPEN = 6;
        /// Close a cursor.
        QUOTACTL_CURSORCLOSE = 7;
        /// Let a cursor skip a kind of id.
        QUOTACTL_CURSORSKIPIDTYPE = 8;
        /// Get quotas at a cursor.
        QUOTACTL_CURSORGET = 9;
        /// Whether a cursor is at its end.
        QUOTACTL_CURSORATEND = 10;
        /// Set a cursor back to its start.
        QUOTACTL_CURSORREWIND = 11;
        /// Turn quotas on.
        QUOTACTL_QUOTAON = 12;
        /// Turn quotas off.
        QUOTACTL_QUOTAOFF = 13;
    }
    /// Kind of id that a quota is for.
    c_int {
        /// A user.
        QUOTA_IDTYPE_USER = 0;
        /// A group.
        QUOTA_IDTYPE_GROUP = 1;
    }
}
