//! Calls that are known and refused, with the error that a kernel without the feature gives.

use rumpclient::Errno;

use super::{Answer, Call, Handlers};
use crate::server::kernel::Result;

pub(super) const HANDLERS: Handlers = &[
    // The file system has no extended attributes and no handles.
    ("setxattr", unsupported),
    ("lsetxattr", unsupported),
    ("fsetxattr", unsupported),
    ("getxattr", unsupported),
    ("lgetxattr", unsupported),
    ("fgetxattr", unsupported),
    ("listxattr", unsupported),
    ("llistxattr", unsupported),
    ("flistxattr", unsupported),
    ("removexattr", unsupported),
    ("lremovexattr", unsupported),
    ("fremovexattr", unsupported),
    ("extattrctl", unsupported),
    ("extattr_set_file", unsupported),
    ("extattr_set_link", unsupported),
    ("extattr_set_fd", unsupported),
    ("extattr_get_file", unsupported),
    ("extattr_get_link", unsupported),
    ("extattr_get_fd", unsupported),
    ("extattr_list_file", unsupported),
    ("extattr_list_link", unsupported),
    ("extattr_list_fd", unsupported),
    ("extattr_delete_file", unsupported),
    ("extattr_delete_link", unsupported),
    ("extattr_delete_fd", unsupported),
    ("getfh30", unsupported),
    ("fhopen40", unsupported),
    ("fhstat40", unsupported),
    ("fhstat50", unsupported),
    ("fhstatvfs140", unsupported),
    ("fhstatvfs190", unsupported),
    ("__quotactl", unsupported),
    // There is one file system, and no modules.
    ("mount50", unsupported),
    ("unmount", not_permitted),
    ("modctl", not_permitted),
    // No terminals, no devices to take away.
    ("revoke", unsupported),
];

fn unsupported(_: &Call<'_>) -> Result<Answer> {
    Err(Errno::EOPNOTSUPP.into())
}

fn not_permitted(_: &Call<'_>) -> Result<Answer> {
    Err(Errno::EPERM.into())
}
