//! Calls that one thread has under way at the same time.

#![allow(unsafe_code)]

#[cfg(feature = "tokio")]
mod task;

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use crate::call::{Prepared, Request};
use crate::client::Client;
use crate::lend::MemoryPolicy;
use crate::marshal::Register;
use crate::memory::Trust;
use crate::netbsd::Errno;
use crate::options::within;
use crate::repeat;
use crate::session::{Crew, Failure, Session};
use crate::sys::SignalsBlocked;

/// Queues a call: for the body of a generated method.
macro_rules! queued {
    ($batch:expr, $prepared:expr) => {{
        #[allow(unsafe_code)]
        // SAFETY: every address in the arguments is that of a borrow which outlives the batch's
        // scope, by the method's types, and is as long and as mutable as the table's entry says.
        let pending = unsafe { $batch.queue($prepared) };
        pending
    }};
}

pub(crate) use queued;
#[cfg(feature = "tokio")]
pub(crate) use task::UnderWay;

/// Calls that one thread makes at the same time: [`Client::batch`].
///
/// Its methods are those of [`Client`] that are safe, with the same names and parameters. Each
/// queues a call. What is queued is sent together by [`submit`](Self::submit), and by the first
/// [`Pending::wait`] after it.
///
/// What a call lends is borrowed for `'m`, until the batch is over: there is no other moment from
/// which the kernel is known to leave it alone, since a [`Pending`] may be forgotten. So this does
/// not compile:
///
/// ```compile_fail,E0503
/// # fn read(kernel: rumpclient::Client, fd: i32) {
/// let mut buffer = [0; 512];
/// kernel.batch(|batch| {
///     let read = batch.rump_sys_read(fd, &mut buffer);
///     std::mem::forget(read);
///     println!("{}", buffer[0]); // while the kernel may be writing to it
/// });
/// # }
/// ```
pub struct Batch<'m> {
    calls: Calls,
    // Neither longer nor shorter than what is borrowed.
    borrowed: PhantomData<&'m mut &'m ()>,
}

/// A call of a [`Batch`] that has been queued.
///
/// Dropping it changes nothing: the call is made all the same, and nobody learns its result.
#[must_use = "the call's result, and whether it failed, is told by `wait`"]
pub struct Pending<'b, T> {
    calls: &'b Calls,
    /// Which one it is; or why there is none.
    place: Result<usize, Errno>,
    result: fn([Register; 2], usize) -> Result<T, Errno>,
    room: usize,
}

impl Client {
    /// Makes several calls at the same time. `f` queues them with the methods of [`Batch`], and waits
    /// for them in any order. They travel together, and while the kernel is at work on some, the
    /// answers to others come back: for quick calls, that is several times as fast as one by one.
    ///
    /// When `f` returns, what is queued is sent, and this waits for all calls that nobody has waited
    /// for: no call goes on when this returns. When `f` panics, calls that are under way are given
    /// up, as those that time out are, and those not sent are not made.
    ///
    /// ```no_run
    /// # use rumpclient::{Client, Errno};
    /// # fn read(kernel: &Client, fd: i32) -> Result<(), Errno> {
    /// let (mut head, mut tail) = ([0; 512], [0; 512]);
    /// let (size, pid) = kernel.batch(|batch| {
    ///     let first = batch.rump_sys_pread(fd, &mut head, 0);
    ///     let second = batch.rump_sys_pread(fd, &mut tail, 4096);
    ///     let pid = batch.rump_sys_getpid();
    ///     Ok::<_, Errno>((first.wait()? + second.wait()?, pid.wait()?))
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # What the kernel does with them
    /// The order in which the kernel carries out the calls of a batch is not defined, nor that of
    /// their answers: NetBSD's server gives each to another of its threads. A call that needs
    /// another's effect has to wait for that one first. A server works at no more than 128 calls
    /// at the same time, those of all clients together; others wait in its queue. So when 128 calls
    /// block, a call that is to wake them is never made.
    ///
    /// # Limits
    /// Up to 127 calls are sent with one host call. Each may take as long as single calls may, from
    /// the moment it is sent. A call that is made again after a lost kernel, by the rules of
    /// [`RetryPolicy`](crate::RetryPolicy), is so together with the others of its batch.
    pub fn batch<'m, R>(&self, f: impl FnOnce(&Batch<'m>) -> R) -> R {
        let batch = Batch::new(self.clone());
        let result = f(&batch);
        batch.calls.wait_for_all();
        result
    }
}

impl<'m> Batch<'m> {
    pub(crate) fn new(client: Client) -> Self {
        Self { calls: Calls::new(client), borrowed: PhantomData }
    }

    /// Sends what is queued. What goes wrong is told by each call's [`Pending::wait`]. Waits for
    /// nothing but, where the policy wants that, another kernel in a lost one's place.
    pub fn submit(&self) {
        self.calls.send();
    }

    /// Queues a call.
    ///
    /// # Safety
    /// Every address in the arguments must be that of a borrow for `'m`, as long and as mutable as
    /// the table says that the call lends it.
    pub(crate) unsafe fn queue<T>(
        &self,
        prepared: Result<Prepared<'m, T>, Errno>,
    ) -> Pending<'_, T> {
        let calls = &self.calls;
        match prepared {
            Ok(Prepared { request, result, room, .. }) => {
                Pending { calls, place: Ok(calls.push(request)), result, room }
            }
            Err(errno) => {
                Pending { calls, place: Err(errno), result: |_, _| unreachable!(), room: 0 }
            }
        }
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("client", &self.calls.client).finish_non_exhaustive()
    }
}

impl<T> Pending<'_, T> {
    /// Waits for the call's result, and sends first what is queued.
    ///
    /// # Errors
    /// Those of the method of [`Client`] of the same name.
    pub fn wait(self) -> Result<T, Errno> {
        let retval = self.calls.wait(self.place?)?;
        (self.result)(retval, self.room)
    }

    /// Gives the call up: it is not made if it has not been sent. Otherwise the kernel may still
    /// carry it out, as one that times out: see [`Builder::call_timeout`](crate::Builder::call_timeout).
    pub fn give_up(self) {
        if let Ok(at) = self.place {
            self.calls.give_up(at);
        }
    }
}

impl<T> fmt::Debug for Pending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

/// How many answers are taken along with one that is waited for.
const TAKEN_AT_ONCE: usize = 32;

/// The calls of a batch.
///
/// Invariant: what a call lends is borrowed as long as this exists. It does not go while a session
/// may still make use of that: it gives up the calls that are out.
pub(crate) struct Calls {
    client: Client,
    // Never borrowed where a signal handler of the kernel's, or an observer, may run.
    list: RefCell<List>,
}

#[derive(Default)]
struct List {
    calls: Vec<Call>,
    /// Places of calls that have been waited for.
    free: Vec<usize>,
    /// Places of calls to be sent, in order.
    queued: Vec<usize>,
    /// Where all that have been sent are under way, with its generation.
    session: Option<(u64, Arc<Session>)>,
}

struct Call {
    request: Request,
    /// Since it has been sent for the first time.
    deadline: Option<Instant>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Queued,
    /// Under way as this request.
    Sent(u64),
    Over(Result<[Register; 2], Errno>),
}

impl Calls {
    fn new(client: Client) -> Self {
        Self { client, list: RefCell::default() }
    }

    /// Queues a call; its place.
    fn push(&self, request: Request) -> usize {
        let list = &mut *self.list.borrow_mut();
        let call = Call { request, deadline: None, stage: Stage::Queued };
        let at = list.free.pop().unwrap_or(list.calls.len());
        match list.calls.get_mut(at) {
            Some(place) => *place = call,
            None => push(&mut list.calls, call),
        }
        push(&mut list.queued, at);
        at
    }

    /// Sends what is queued, on another session where that is lost and the policy wants it.
    fn send(&self) {
        while self.has_queued() {
            if let Err(loss) = self.start(|_| Ok(None)) {
                self.recover(loss);
            }
        }
    }

    /// Sends what is queued. `crew` tells of which crew the calls are, on the session they go to.
    pub(crate) fn start(
        &self,
        crew: impl FnOnce(&Arc<Session>) -> Result<Option<Arc<Crew>>, Failure>,
    ) -> Result<(), Loss> {
        let limit = within(self.client.call_timeout());
        let deadline = self.list.borrow_mut().date_queued(limit);
        let (generation, session) = self.client.link().current();
        let before = self.list.borrow().session();
        if let Some((_, lost)) = before.filter(|(_, before)| !Arc::ptr_eq(before, &session)) {
            self.settle(&lost);
        }
        let policy = self.client.settings().memory;
        let started = crew(&session).and_then(|crew| {
            self.list.borrow_mut().start(generation, &session, crew.as_ref(), policy)
        });
        started.map_err(|failure| Loss { generation, session, failure, deadline })
    }

    /// Waits for the result of the call in a place, which is free then.
    fn wait(&self, at: usize) -> Result<[Register; 2], Errno> {
        loop {
            if let Stage::Over(result) = self.stage(at) {
                push(&mut self.list.borrow_mut().free, at);
                return result;
            }
            self.send();
            if let Stage::Sent(reqno) = self.stage(at) {
                self.finish(at, reqno);
            }
        }
    }

    fn wait_for_all(&self) {
        for at in 0..self.len() {
            if !matches!(self.stage(at), Stage::Over(_)) {
                // Nobody wants to know.
                let _ = self.wait(at);
            }
        }
    }

    /// Waits for the answer to a call that has been sent: afterwards it is over, or queued again.
    fn finish(&self, at: usize, reqno: u64) {
        let Some((_, session)) = self.list.borrow().session() else { return };
        let deadline = self.list.borrow().calls[at].deadline;
        let result = session.finish(reqno, deadline);
        match self.take(at, result) {
            Some(loss) => self.recover(loss),
            None => self.list.borrow_mut().take_answers(at + 1, &session),
        }
    }

    /// Takes the result of a call that has been under way. If its session is lost, so are the others
    /// that are, and what can be sent again is queued.
    pub(crate) fn take(&self, at: usize, result: Result<[Register; 2], Failure>) -> Option<Loss> {
        let lost = matches!(result, Err(Failure::Lost { .. }));
        self.list.borrow_mut().take_result(at, result);
        let (generation, session) = self.list.borrow().session().filter(|_| lost)?;
        self.settle(&session);
        let deadline = self.list.borrow().calls[at].deadline;
        Some(Loss { generation, session, failure: Failure::Lost { sent: false }, deadline })
    }

    /// Finishes the calls that are under way on a lost session: that does not take long.
    fn settle(&self, lost: &Session) {
        for at in 0..self.len() {
            if let Stage::Sent(reqno) = self.stage(at) {
                let deadline = self.list.borrow().calls[at].deadline;
                let result = lost.finish(reqno, deadline);
                self.list.borrow_mut().take_result(at, result);
            }
        }
    }

    /// Sees to it that there is another session for what is queued, or gives that up.
    fn recover(&self, loss: Loss) {
        if let Err(failure) = loss.recover(&self.client) {
            self.list.borrow_mut().fail_queued(failure.into());
        }
    }

    /// Gives up the call in a place, which is free then.
    fn give_up(&self, at: usize) {
        self.withdraw(at);
        push(&mut self.list.borrow_mut().free, at);
    }

    /// Ends a call without its result.
    pub(crate) fn withdraw(&self, at: usize) {
        let under_way = self.list.borrow().session();
        if let (Stage::Sent(reqno), Some((_, session))) = (self.stage(at), under_way) {
            // It ends in any case.
            let _ = session.finish(reqno, Some(Instant::now()));
        }
        let list = &mut *self.list.borrow_mut();
        list.queued.retain(|&queued| queued != at);
        list.calls[at].stage = Stage::Over(Err(Errno::ETIMEDOUT));
    }

    pub(crate) fn has_queued(&self) -> bool {
        !self.list.borrow().queued.is_empty()
    }

    fn stage(&self, at: usize) -> Stage {
        self.list.borrow().calls[at].stage
    }

    fn len(&self) -> usize {
        self.list.borrow().calls.len()
    }
}

/// Adds to a list. No signal handler, whose calls may allocate, comes on top of an allocation here.
fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        let _signals = SignalsBlocked::new();
        list.reserve(1);
    }
    list.push(item);
}

/// Calls could not be sent, or went with their session.
pub(crate) struct Loss {
    generation: u64,
    session: Arc<Session>,
    failure: Failure,
    deadline: Option<Instant>,
}

impl Loss {
    /// Waits for another kernel as the policy says. Succeeds if what is queued can be sent again.
    pub(crate) fn recover(self, client: &Client) -> Result<(), Failure> {
        let Self { generation, session, failure, deadline } = self;
        client.link().recover(generation, session, failure, deadline)
    }
}

impl Drop for Calls {
    /// Only where somebody has panicked there is still something to give up.
    fn drop(&mut self) {
        for at in 0..self.len() {
            if let Stage::Sent(_) = self.stage(at) {
                self.withdraw(at);
            }
        }
        let _signals = SignalsBlocked::new();
        drop(self.list.take());
    }
}

impl List {
    fn session(&self) -> Option<(u64, Arc<Session>)> {
        self.session.clone()
    }

    /// Sets the limit of queued calls that have none yet; the first that ends.
    fn date_queued(&mut self, limit: Option<Instant>) -> Option<Instant> {
        for &at in &self.queued {
            self.calls[at].deadline = self.calls[at].deadline.or(limit);
        }
        self.queued.iter().filter_map(|&at| self.calls[at].deadline).min()
    }

    /// Sends what is queued. No call may be under way on another session.
    fn start(
        &mut self,
        generation: u64,
        session: &Arc<Session>,
        crew: Option<&Arc<Crew>>,
        policy: MemoryPolicy,
    ) -> Result<(), Failure> {
        let _signals = SignalsBlocked::new();
        let calls = self.queued.iter().map(|&at| {
            let request = &self.calls[at].request;
            // SAFETY: what the call lends is borrowed as long as the list exists, and the session
            // may use it as long as the call is under way.
            (request.frame(), unsafe { request.lends(Trust::Borrowed, policy) })
        });
        let reqnos = session.start(calls, crew)?;
        self.session = Some((generation, Arc::clone(session)));
        for (at, reqno) in self.queued.drain(..).zip(reqnos) {
            self.calls[at].stage = Stage::Sent(reqno);
        }
        Ok(())
    }

    /// Takes the result of a call that has been sent.
    fn take_result(&mut self, at: usize, result: Result<[Register; 2], Failure>) {
        let Call { request, stage, .. } = &mut self.calls[at];
        let judged = |failure| repeat::judge(failure, request.number(), request.args());
        *stage = match result.map_err(judged) {
            Err(Failure::Lost { sent: false }) => {
                push(&mut self.queued, at);
                Stage::Queued
            }
            result => Stage::Over(result.map_err(Errno::from)),
        };
    }

    /// Takes the answers that are here already, of calls that probably are waited for next.
    fn take_answers(&mut self, from: usize, session: &Session) {
        let next = self.calls[from..].iter().map_while(|call| match call.stage {
            Stage::Sent(reqno) => Some(reqno),
            _ => None,
        });
        let mut next = next.take(TAKEN_AT_ONCE).peekable();
        if next.peek().is_none() {
            return;
        }
        let mut results = SmallVec::<[_; TAKEN_AT_ONCE]>::new();
        session.take_answers(next, |result| results.push(result));
        for (at, result) in (from..).zip(results) {
            self.take_result(at, result);
        }
    }

    fn fail_queued(&mut self, errno: Errno) {
        for at in self.queued.drain(..) {
            self.calls[at].stage = Stage::Over(Err(errno));
        }
    }
}
