//! What a task needs of its calls, which it waits for without keeping a thread.

use std::sync::Arc;
use std::time::Instant;

use super::{Batch, Calls, Pending, Stage};
use crate::marshal::Register;
use crate::netbsd::Errno;
use crate::session::Session;

/// A call that has been sent.
pub(crate) struct UnderWay {
    /// Its place.
    pub(crate) at: usize,
    pub(crate) reqno: u64,
    pub(crate) session: Arc<Session>,
    pub(crate) deadline: Option<Instant>,
}

/// How the registers' contents become a result, given the room that the call had.
pub(crate) type Reading<T> = fn([Register; 2], usize) -> Result<T, Errno>;

impl Batch<'_> {
    /// The calls, for whoever keeps what they lend.
    pub(crate) fn into_calls(self) -> Calls {
        self.calls
    }
}

impl<T> Pending<'_, T> {
    /// Its place among the calls, how to read its result, and the room it had.
    pub(crate) fn into_parts(self) -> (Result<usize, Errno>, Reading<T>, usize) {
        (self.place, self.result, self.room)
    }
}

impl Calls {
    /// The first call that is under way.
    pub(crate) fn under_way(&self) -> Option<UnderWay> {
        let list = self.list.borrow();
        let (_, session) = list.session.as_ref()?;
        list.calls.iter().enumerate().find_map(|(at, call)| match call.stage {
            Stage::Sent(reqno) => {
                let session = Arc::clone(session);
                Some(UnderWay { at, reqno, session, deadline: call.deadline })
            }
            _ => None,
        })
    }

    pub(crate) fn each_under_way(&self, mut f: impl FnMut(u64)) {
        for call in &self.list.borrow().calls {
            if let Stage::Sent(reqno) = call.stage {
                f(reqno);
            }
        }
    }

    /// The result of the call in a place, which is over.
    pub(crate) fn result(&self, at: usize) -> Result<[Register; 2], Errno> {
        match self.stage(at) {
            Stage::Over(result) => result,
            _ => unreachable!("the call is over"),
        }
    }

    /// Ends the queued calls with an error.
    pub(crate) fn fail_queued(&self, errno: Errno) {
        self.list.borrow_mut().fail_queued(errno);
    }
}
