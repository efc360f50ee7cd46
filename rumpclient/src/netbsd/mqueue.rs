//! Message queues: `<mqueue.h>`; `mq_open(3)`, `mq_getattr(3)`.

use core::ffi::c_long;

use super::macros::layouts;

/// Attributes of a message queue, `mq_getattr(3)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct mq_attr {
    /// `O_NONBLOCK` or nothing.
    pub mq_flags: c_long,
    /// Messages that fit.
    pub mq_maxmsg: c_long,
    /// Bytes of the longest message.
    pub mq_msgsize: c_long,
    /// Messages queued.
    pub mq_curmsgs: c_long,
}

layouts! {
    mq_attr: 32 / 16 { mq_flags: 0 / 0, mq_maxmsg: 8 / 4, mq_msgsize: 16 / 8, mq_curmsgs: 24 / 12 }
}
