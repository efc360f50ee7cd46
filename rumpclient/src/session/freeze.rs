//! Holding the stream still between two frames, so that another program image can go on with it.

use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use super::Session;
use super::receive::{Rx, Work};
use super::solo::BooksOpen;
use super::transmit::Tx;
use crate::error::{Error, Stage};
use crate::sys::{self, Fd, Interest, SignalWatch, SignalsBlocked, Thread};

/// The stream at rest: no frame is partly sent or partly read, and nobody else can move it. Other
/// threads' calls wait until this is dropped.
pub(crate) struct Frozen<'a> {
    session: &'a Session,
    _rx: MutexGuard<'a, Rx>,
    _tx: MutexGuard<'a, Tx>,
    _books: BooksOpen<'a>,
}

impl Session {
    /// Brings the stream to rest. While the result lives, calls from this thread (by a signal
    /// handler) fail with EBUSY.
    ///
    /// # Errors
    /// The connection's end, or [`Error::TimedOut`] when the server does not let it come to rest
    /// before `deadline`.
    pub(crate) fn freeze(
        &self,
        _signals: &SignalsBlocked,
        deadline: Option<Instant>,
    ) -> Result<Frozen<'_>, Error> {
        let books = self.with_books_open();
        let mut rx = self.rx.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tx = self.tx.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if tx.is_broken() || self.lock_state().ended.is_some() {
                return Err(Error::Closed { stage: Stage::Calls });
            }
            let interest = Interest { read: !rx.is_between_frames(), write: !tx.is_flushed() };
            if !interest.read && !interest.write {
                self.lock_state().frozen_by = Some(Thread::current());
                return Ok(Frozen { session: self, _rx: rx, _tx: tx, _books: books });
            }
            let ready = sys::poll_stream(&self.stream, interest, None, deadline)
                .map_err(|source| Error::Io { stage: Stage::Calls, source })?;
            let mut work = Work::default();
            if ready.read {
                self.read_once(&mut rx, &mut work)?;
            }
            self.send_all(&mut tx, work.answers);
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                let limit = self.settings.handshake_timeout.unwrap_or_default();
                return Err(Error::TimedOut { stage: Stage::Calls, limit });
            }
        }
    }
}

impl Frozen<'_> {
    /// The connection, for the next program image.
    pub(crate) fn stream(&self) -> &Fd {
        &self.session.stream
    }

    /// The signal watch that goes with it.
    pub(crate) fn watch(&self) -> &SignalWatch {
        &self.session.watch
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.session.lock_state().frozen_by = None;
    }
}
