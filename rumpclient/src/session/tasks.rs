//! Calls of asynchronous tasks, on a connection that threads may share.
//!
//! Such a call is on the books like any other, but no thread waits for it. A **driver**, which is a
//! task itself, receives for all of them by [`Session::serve_tasks`] whenever the stream is readable.
//! It has the receiver's role only for as long as that takes, which does not wait, and a thread that
//! wants the role goes first: a task cannot be relied on to come round soon. As long as a thread
//! receives, the driver sleeps. Whoever has news for it rings its bell: an answer has come to a task's
//! call, or the role is free and no thread sleeps that would take it. There may be several drivers,
//! each for a crew of its own.

#![cfg_attr(not(feature = "tokio"), allow(dead_code))]

use std::sync::Arc;

use super::{Call, Failure, Session, State, Turns, answered, result};
use crate::marshal::Register;
use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::sys::{Bell, SignalsBlocked};

/// The tasks that have one driver. The lock is taken last, under [`SignalsBlocked`].
#[derive(Debug)]
pub(crate) struct Crew {
    bell: Bell,
    /// Requests that have been answered, and whose tasks are to be told.
    answered: Mutex<Vec<u64>>,
}

/// The request number of a receiver that is a driver.
pub(super) const DRIVER: u64 = u64::MAX;

/// How an attempt to receive went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// Something came, or has changed; there may be more.
    More,
    /// Nothing is there, or it is for others to receive.
    Nothing,
    /// The connection is over.
    Ended,
}

impl Crew {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { bell: Bell::new()?, answered: Mutex::default() })
    }

    /// Has the driver look what there is to do.
    pub(crate) fn ring(&self) {
        self.bell.ring();
    }

    /// What the driver waits for, besides the stream.
    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }

    fn answered(&self) -> MutexGuard<'_, Vec<u64>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Tells the driver of a task whose answer is here to be taken.
    pub(super) fn tell_crew(&self, reqno: u64) {
        if let Some(crew) = &self.crew
            && self.reply.is_some()
            && self.pins == 0
        {
            crew.answered().push(reqno);
            crew.ring();
        }
    }
}

impl State {
    /// Tells a driver with calls under way that nobody receives.
    pub(super) fn ring_for_tasks(&mut self) {
        let mut running = self.requests.iter_mut().filter(|(_, call)| call.is_running());
        if let Some(crew) = running.find_map(|(_, call)| call.crew.as_ref()) {
            crew.ring();
        }
    }
}

impl Session {
    /// Receives for all, once and without waiting, unless a thread does. Adds the requests of the
    /// crew that have been answered to `told`.
    pub(crate) fn serve_tasks(&self, crew: &Crew, told: &mut Vec<u64>) -> Served {
        if self.check_process().is_err() {
            return Served::Ended;
        }
        let mut signals = SignalsBlocked::new();
        crew.bell.hold();
        let mut served = self.serve(self.lock_state());
        let mut state = self.lock_state();
        if state.ended.is_some() {
            served = Served::Ended;
        }
        let raised = std::mem::take(&mut state.raised);
        drop(state);
        if crew.bell.release() && served == Served::Nothing {
            served = Served::More;
        }
        told.append(&mut crew.answered());
        if raised != 0 {
            self.deliver(raised, &mut signals);
        }
        served
    }

    fn serve(&self, mut state: MutexGuard<'_, State>) -> Served {
        // With the books closed, what comes is for the call that is made without them.
        if state.ended.is_some() || state.receiver.is_some() || !self.solo.is_shared() {
            return Served::Nothing;
        }
        state.receiver = Some(DRIVER);
        state.barred += 1;
        drop(state);
        let received = self.handle_readable(&mut Turns::new());
        let served = match received {
            Ok(true) => Served::More,
            Ok(false) => Served::Nothing,
            Err(error) => {
                self.end(error);
                Served::Ended
            }
        };
        let mut state = self.lock_state();
        state.barred -= 1;
        self.close_books(&state);
        self.pass_role(state, DRIVER);
        served
    }

    /// Whether frames wait for room in the stream.
    pub(crate) fn wants_room(&self) -> bool {
        self.tx_pending()
    }

    /// Sends them as far as there is room.
    pub(crate) fn flush(&self) {
        if self.check_process().is_ok() {
            let _signals = SignalsBlocked::new();
            self.submit([]);
        }
    }

    /// Says that a driver is no more. What it has left in the stream another may not have waited for.
    pub(crate) fn leave_driving(&self) {
        if self.check_process().is_ok() {
            let _signals = SignalsBlocked::new();
            self.lock_state().ring_for_tasks();
        }
    }

    /// Has another driver told of the answer to a call.
    pub(crate) fn adopt(&self, reqno: u64, crew: &Arc<Crew>) {
        if self.check_process().is_ok() {
            let _signals = SignalsBlocked::new();
            if let Some(call) = self.lock_state().requests.get_mut(reqno) {
                call.crew = Some(Arc::clone(crew));
            }
        }
    }

    /// The answer to a task's call, if it is here, or the connection's end.
    pub(crate) fn poll_answer(&self, reqno: u64) -> Option<Result<[Register; 2], Failure>> {
        if let Err(failure) = self.check_process() {
            return Some(Err(failure));
        }
        let _signals = SignalsBlocked::new();
        let mut state = self.lock_state();
        let ended = state.ended.is_some();
        let call = state.requests.get_mut(reqno).expect("a task's own request is registered");
        let reply = match answered(call) {
            None if !ended || call.pins > 0 => return None,
            reply => reply,
        };
        state.strike_out(reqno);
        self.close_books(&state);
        drop(state);
        Some(match reply {
            Some(reply) => reply.and_then(result),
            None => Err(Failure::Lost { sent: !self.is_unsent(reqno) }),
        })
    }
}
