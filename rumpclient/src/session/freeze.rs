//! Holding the stream still between two frames, so that another program image can go on with it.

use std::time::{Duration, Instant};

use super::Session;
use super::receive::{Rx, Work};
use super::solo::BooksOpen;
use super::transmit::{Outgoing, Tx};
use crate::error::{Error, Stage};
use crate::proto::body;
use crate::proto::header::Kind;
use crate::sync::{MutexGuard, PoisonError};
use crate::sys::{self, Fd, Interest, SignalWatch, SignalsBlocked, Thread};
use crate::table::entry;

/// How long an exec may be held up until the kernel has come to rest.
const SETTLED_WITHIN: Duration = Duration::from_millis(500);

/// How long a call that has begun may take, at least, until it wants something or sleeps.
const ASLEEP_WITHIN: Duration = Duration::from_millis(50);

/// Waiting until the calls that the kernel has are over or asleep in there.
///
/// An exec ends those that sleep. One that begins just then NetBSD's kernel overlooks, and waits for
/// it for ever (PR kern/55338); and data that a call asks for later is gone with this program. The
/// kernel does not say that a call sleeps. But it begins calls in order: once it has answered one
/// that was made now, the others have begun, and how long that took tells how busy it is.
#[derive(Debug)]
struct Settling {
    began: Instant,
    /// The call made now.
    probe: u64,
    /// How long nothing may come after it has been answered.
    silence: Option<Duration>,
    until: Instant,
}

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
        let mut settling = None;
        loop {
            if tx.is_broken() || self.lock_state().ended.is_some() {
                return Err(Error::Closed { stage: Stage::Calls });
            }
            let mut until = deadline;
            if rx.is_between_frames() && tx.is_flushed() {
                match &settling {
                    None if self.lock_state().running().next().is_none() => break,
                    None => settling = Some(self.begin_to_settle(&mut tx)),
                    Some(settling) if self.has_settled(settling) => break,
                    Some(_) => {}
                }
                until = settling.as_ref().map(|settling| settling.until);
            } else if deadline.is_some_and(|deadline| deadline <= sys::now()) {
                let limit = self.settings.handshake_timeout.unwrap_or_default();
                return Err(Error::TimedOut { stage: Stage::Calls, limit });
            }
            let interest = Interest { read: true, write: !tx.is_flushed() };
            let ready = sys::poll_stream(&self.stream, interest, None, until)
                .map_err(|source| Error::Io { stage: Stage::Calls, source })?;
            let mut work = Work::default();
            if ready.read {
                self.read_once(&mut rx, &mut work)?;
            }
            self.send_all(&mut tx, work.answers);
            if let Some(settling) = settling.as_mut().filter(|_| ready.read) {
                self.note_arrival(settling);
            }
        }
        self.lock_state().frozen_by = Some(Thread::current());
        Ok(Frozen { session: self, _rx: rx, _tx: tx, _books: books })
    }

    fn begin_to_settle(&self, tx: &mut Tx) -> Settling {
        let began = sys::now();
        let probe = self.lock_state().abandoned_request(Kind::Syscall);
        let frame = body::syscall(probe, entry::GETPID.number, &[]);
        self.send_all(tx, frame.map(|frame| Outgoing::request(probe, frame)));
        Settling { began, probe, silence: None, until: began + SETTLED_WITHIN }
    }

    fn note_arrival(&self, settling: &mut Settling) {
        let took = sys::now() - settling.began;
        if settling.silence.is_none()
            && self.lock_state().requests.get_mut(settling.probe).is_none()
        {
            settling.silence = Some(ASLEEP_WITHIN.max(4 * took));
        }
        if let Some(silence) = settling.silence {
            settling.until = settling.began + SETTLED_WITHIN.min(took + silence);
        }
    }

    fn has_settled(&self, settling: &Settling) -> bool {
        let answered = settling.silence.is_some();
        let over = || self.lock_state().running().next().is_none();
        settling.until <= sys::now() || answered && over()
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
