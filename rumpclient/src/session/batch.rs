//! Several calls of one thread under way at once.

use std::sync::Arc;
use std::time::Instant;

use super::transmit::Outgoing;
use super::{Call, Crew, Failure, Session, answered, result};
use crate::lend::Lends;
use crate::marshal::Register;
use crate::proto::body::SmallFrame;
use crate::proto::header::Kind;
use crate::sys::SignalsBlocked;

impl Session {
    /// Sends calls together, and does not wait for their answers. The request numbers, in order. If
    /// the calls are tasks', the crew is told of each answer.
    ///
    /// What a call lends, it lends until [`finish`](Self::finish) has come back for it, or
    /// [`take_answers`](Self::take_answers) with its answer.
    ///
    /// # Errors
    /// None of the calls has been sent then.
    pub(crate) fn start(
        &self,
        calls: impl Iterator<Item = (SmallFrame, Lends)>,
        crew: Option<&Arc<Crew>>,
    ) -> Result<Vec<u64>, Failure> {
        self.check_process()?;
        let _signals = SignalsBlocked::new();
        let mut state = self.admission()?;
        let frames: Vec<_> = calls
            .map(|(frame, lends)| {
                let seat = state.free_seat();
                let call = Call { crew: crew.cloned(), ..Call::new(seat, lends) };
                let reqno = state.requests.insert(Kind::Syscall, call);
                (reqno, Outgoing::request(reqno, frame.with_reqno(reqno)))
            })
            .collect();
        drop(state);
        let reqnos = frames.iter().map(|&(reqno, _)| reqno).collect();
        self.submit(frames.into_iter().map(|(_, frame)| frame));
        if let Some(crew) = crew.filter(|_| self.tx_pending()) {
            crew.ring();
        }
        Ok(reqnos)
    }

    /// Waits for the answer to a call that has been started.
    pub(crate) fn finish(
        &self,
        reqno: u64,
        deadline: Option<Instant>,
    ) -> Result<[Register; 2], Failure> {
        self.check_process()?;
        result(self.wait(reqno, SignalsBlocked::new(), deadline)?)
    }

    /// The answers to calls that have been started, up to the first that is not there.
    pub(crate) fn take_answers(
        &self,
        reqnos: impl Iterator<Item = u64>,
        mut take: impl FnMut(Result<[Register; 2], Failure>),
    ) {
        if self.check_process().is_err() {
            return;
        }
        let _signals = SignalsBlocked::new();
        let mut state = self.lock_state();
        let mut taken = false;
        for reqno in reqnos {
            let Some(reply) = state.requests.get_mut(reqno).and_then(answered) else { break };
            state.strike_out(reqno);
            take(reply.and_then(result));
            taken = true;
        }
        if taken {
            self.close_books(&state);
        }
    }
}
