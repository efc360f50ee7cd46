//! Clients of another process: what a forked child finds in its memory, and what a vforked one
//! leaves there.

use crate::client::Client;

impl Client {
    /// Whether this process made the client. `false` in a forked child, which has its parent's
    /// clients in its memory but must leave their connections alone: calls on them fail with
    /// [`Errno::LINK_LOST`](crate::Errno::LINK_LOST).
    pub fn is_own(&self) -> bool {
        self.link().session().check_process().is_ok()
    }

    /// Whether this process is a vforked child that has the client only by sharing its parent's
    /// memory. Calls on it are the parent's, but the descriptors are copies: what is done to them
    /// here must not show in that memory.
    #[doc(hidden)]
    pub fn is_borrowed(&self) -> bool {
        self.is_own() && !self.link().is_of_this_process()
    }

    /// Closes a forked child's copies of the descriptors of a client that its parent made, so that
    /// the parent's connection ends when the parent does. Does nothing in the process that made
    /// the client.
    pub fn close_inherited(&self) {
        let session = self.link().session();
        if session.check_process().is_err() {
            session.close_in_child();
        }
    }

    /// Gives up the descriptors of a client that a vforked child made in the memory which it shared
    /// with this process, without closing them: their numbers are those of the child's table.
    #[doc(hidden)]
    pub fn disown_descriptors(&self) {
        self.link().session().disown_descriptors();
    }
}
