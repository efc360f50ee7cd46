//! One connection to a rump kernel, which is one process in that kernel, shared by any number of
//! threads.
//!
//! # How a call travels
//! The caller registers its request with what memory it lends, sends it, and waits. Whoever waits
//! while nobody else receives becomes the **receiver**: it polls the stream for everybody, serves
//! the server's copyins and copyouts, and hands out answers. The others sleep, each in its own
//! [`Seat`], and are woken one by one, each by its answer. A receiver that has its own answer, or
//! must let a signal in, gives the role up and wakes one sleeper to take it.
//!
//! # Locking rules
//! - Every lock is taken under [`SignalsBlocked`] and released before signals are let in: a signal
//!   handler may make calls on this very session, nested, and must find nothing held.
//! - Three locks, in this order: `rx` or `tx` first, `state` last. Never `rx` and `tx` together,
//!   but for a thread about to exec (`freeze.rs`) or to move a descriptor (`vacate.rs`), which
//!   takes `rx` and then `tx`. `rx` belongs to the receiver; `tx` is held while bytes are handed to the host.
//! - No lock is held while waiting for the stream or for another thread. Host calls under a lock
//!   are ones that do not wait.
//! - Caller memory is touched only under `state`, or while the call that lends it is **pinned**
//!   (`Call::pins`): a caller does not leave before its pins are gone, which takes one host call
//!   that does not wait.
//! - A session belongs to the process that made it. A forked child takes none of its locks, not
//!   even to find out: [`Session::check_process`] comes first, and again wherever signals were
//!   let in, since a handler may have forked.

mod batch;
mod freeze;
#[cfg(all(test, rumpclient_model))]
mod model;
mod receive;
mod seat;
mod solo;
mod spin;
mod tasks;
mod transmit;
mod vacate;

use std::collections::VecDeque;
use std::ffi::CStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Stage};
use crate::lend::Lends;
use crate::marshal::Register;
use crate::netbsd::Errno;
use crate::options::Settings;
use crate::proto::banner::Banner;
use crate::proto::body::{self, PreforkKey, SmallFrame};
use crate::proto::header::{HandshakeKind, Kind, ServerError};
use crate::proto::inbound::Reply;
use crate::proto::requests::Requests;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::sys::{self, Fd, Interest, SignalWatch, SignalsBlocked, Thread, Window};

pub(crate) use freeze::Frozen;
use receive::{BUFFER, Rx};
use seat::Seat;
use solo::Solo;
use spin::{Awaited, Spin, Waited};
pub(crate) use tasks::Crew;
use tasks::DRIVER;
#[cfg(feature = "tokio")]
pub(crate) use tasks::Served;
use transmit::{Outgoing, Tx};

/// A connection and the kernel process behind it.
#[derive(Debug)]
pub(crate) struct Session {
    stream: Fd,
    settings: Arc<Settings>,
    watch: SignalWatch,
    lineage: u32,
    state: Mutex<State>,
    rx: Mutex<Rx>,
    tx: Mutex<Tx>,
    /// How many frames in `tx` wait for the host to take them; the receiver then polls for room.
    tx_queued: AtomicUsize,
    /// The incoming stream is between two frames.
    rx_at_rest: AtomicBool,
    /// How long it pays to stay awake for what comes.
    spin: Spin,
    /// The call that is made without the books.
    solo: Solo,
}

#[derive(Debug, Default)]
struct State {
    requests: Requests<Call>,
    /// The request whose caller polls the stream.
    receiver: Option<u64>,
    /// The thread of a receiver that does not know yet that it is: it polls for its own answer, or
    /// runs a signal handler.
    unaware: Option<u32>,
    /// How many threads have yet to say that the books may be closed.
    barred: usize,
    /// Set once, when the connection is of no further use.
    ended: Option<Arc<Error>>,
    banner: Option<Banner>,
    established: bool,
    /// The connection came over exec: until the handshake is answered, so may calls of the old
    /// program that nobody here has made.
    resumed: bool,
    /// The thread that is about to exec, while the stream must not move.
    frozen_by: Option<Thread>,
    /// NetBSD signals raised and not yet delivered; signal `n` is bit `n - 1`.
    raised: u64,
    /// Bytes of memory mapped for the server so far.
    mapped: usize,
    /// Requests that nobody waits for any more but the server may still answer.
    abandoned: usize,
    spare_seats: Vec<Arc<Seat>>,
    /// Seats of calls that are off the books, until their callers have come for the answers.
    leaving: VecDeque<Arc<Seat>>,
}

/// One outstanding request.
#[derive(Debug)]
struct Call {
    seat: Arc<Seat>,
    lends: Lends,
    reply: Option<Reply>,
    /// Memory that the call should have lent could not be used: its result is EFAULT.
    fault: bool,
    /// How many host calls work on the call's memory right now.
    pins: u32,
    /// The caller sleeps in the seat.
    parked: bool,
    /// The caller has given up.
    abandoned: bool,
    /// For a task's call: who is told of its answer.
    crew: Option<Arc<Crew>>,
}

impl Call {
    fn new(seat: Arc<Seat>, lends: Lends) -> Self {
        Self {
            seat,
            lends,
            reply: None,
            fault: false,
            pins: 0,
            parked: false,
            abandoned: false,
            crew: None,
        }
    }

    /// Whether the server may use what the call lends.
    fn is_running(&self) -> bool {
        self.reply.is_none() && !self.abandoned
    }

    /// The seat, for the caller to sleep in once it has released the lock: whoever has news for the
    /// call wakes it after this.
    fn take_seat(&mut self) -> Arc<Seat> {
        self.parked = true;
        self.seat.reset();
        Arc::clone(&self.seat)
    }
}

/// What a caller remembers from one turn as the receiver to the next.
#[derive(Debug)]
struct Turns {
    awaited: Awaited,
    /// How many in a row it has stayed awake, with signals held back.
    awake: u32,
}

/// After so many turns awake, the receiver looks whether signals are pending.
const AWAKE_MAX: u32 = 16;

/// How much time passes between two looks at the stream. A look is a host call, and the server
/// needs what it locks.
const BETWEEN_LOOKS: Duration = Duration::from_micros(2);

/// After so many looks others may run first: the server, where the host has put it here.
const YIELD_EVERY: u32 = 6;

impl Turns {
    fn new() -> Self {
        Self { awaited: Awaited::Answer, awake: 0 }
    }
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The kernel says so, or the call's memory was bad.
    Kernel(Errno),
    /// The server refused the request.
    Refused(ServerError),
    /// The connection ended. Unless `sent`, the server cannot have seen the request.
    Lost { sent: bool },
    /// The deadline passed.
    TimedOut,
    /// The session is another process's.
    Forked,
}

/// A call's answer, if it is here and the call's memory is not in use.
fn answered(call: &mut Call) -> Option<Result<Reply, Failure>> {
    if call.pins > 0 {
        return None;
    }
    let reply = call.reply.take()?;
    Some(if call.fault { Err(Failure::Kernel(Errno::EFAULT)) } else { Ok(reply) })
}

/// What the answer to a call means.
fn result(reply: Reply) -> Result<[Register; 2], Failure> {
    match reply {
        Reply::Syscall { error: 0, retval } => Ok(retval),
        Reply::Syscall { error, .. } => Err(Failure::Kernel(Errno::from_raw(error))),
        other => Err(unusual(other)),
    }
}

/// What a reply means that is not the one which was asked for.
fn unusual(reply: Reply) -> Failure {
    match reply {
        Reply::Refused(error) => Failure::Refused(error),
        // The request table matched the answer's type.
        _ => Failure::Kernel(Errno::EINVAL),
    }
}

/// More unanswered requests than this that everybody has given up on, and the server counts as
/// gone.
const ABANDONED_MAX: usize = 1024;

/// How long a sleeper waits before it looks after a receiver that does not know its role.
const PATIENCE: Duration = Duration::from_millis(20);

/// How a new connection introduces itself.
#[derive(Debug)]
pub(crate) enum Hello {
    /// As a new process.
    Guest,
    /// As the process that a prefork made.
    Fork(PreforkKey),
    /// To have the process that a prefork made dropped. The server closes without an answer.
    CancelFork(PreforkKey),
    /// As the same process after exec, on the connection it had before.
    Exec,
}

impl Hello {
    /// The handshake. It is sent ahead of the banner, which servers allow; the banner is still
    /// checked before the answer is believed, since it must come first.
    fn frame(&self, reqno: u64, command: &CStr) -> SmallFrame {
        match *self {
            Self::Guest => body::handshake_named(reqno, HandshakeKind::Guest, command),
            Self::Exec => body::handshake_named(reqno, HandshakeKind::Exec, command),
            Self::Fork(key) => body::handshake_fork(reqno, key, false),
            Self::CancelFork(key) => body::handshake_fork(reqno, key, true),
        }
    }
}

impl Session {
    /// Introduces this process to the server at the other end of `stream`.
    pub(crate) fn establish(
        stream: Fd,
        settings: Arc<Settings>,
        hello: &Hello,
        deadline: Option<Instant>,
    ) -> Result<Arc<Self>, Error> {
        let connecting = |source| Error::Io { stage: Stage::Connect, source };
        let resumed = matches!(hello, Hello::Exec);
        // As always while memory is allocated: a handler on top may make a call that does, too.
        let signals = SignalsBlocked::new();
        let buffer = Window::new(BUFFER).map_err(connecting)?;
        let session = Arc::new(Self {
            watch: SignalWatch::new().map_err(connecting)?,
            lineage: sys::lineage(),
            solo: Solo::new(buffer.view().clone()).map_err(connecting)?,
            state: Mutex::new(State { resumed, ..State::default() }),
            rx: Mutex::new(Rx::new(settings.frame_cap, resumed, buffer)),
            tx: Mutex::default(),
            tx_queued: AtomicUsize::new(0),
            rx_at_rest: AtomicBool::new(false),
            spin: Spin::new(settings.spin, sys::leaves_room(&stream)),
            stream,
            settings,
        });
        let frame = |reqno| hello.frame(reqno, &session.settings.command);
        let answer = session.request(Kind::Handshake, Lends::default(), signals, deadline, frame);
        let _signals = SignalsBlocked::new();
        let failure = match answer {
            Ok(Reply::Handshake { error: 0 }) => {
                let mut state = session.lock_state();
                state.established = true;
                session.close_books(&state);
                drop(state);
                return Ok(session);
            }
            Ok(Reply::Handshake { error }) => Failure::Kernel(Errno::from_raw(error)),
            Ok(other) => unusual(other),
            Err(failure) => failure,
        };
        Err(session.handshake_error(failure))
    }

    fn handshake_error(&self, failure: Failure) -> Error {
        if matches!(failure, Failure::Forked) {
            return Error::Forked;
        }
        let limit = self.settings.handshake_timeout.unwrap_or(Duration::MAX);
        let mut state = self.lock_state();
        let stage = state.stage();
        match failure {
            Failure::Refused(code) => Error::Refused(code),
            Failure::TimedOut => Error::TimedOut { stage, limit },
            Failure::Kernel(errno) => Error::Kernel(errno),
            Failure::Forked | Failure::Lost { .. } => {
                // Nobody else has heard of the session.
                let reason = state.ended.take().and_then(Arc::into_inner);
                reason.unwrap_or(Error::Closed { stage })
            }
        }
    }

    /// The session's host descriptors, but for those that have been given up.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = &Fd> {
        let always = [&self.stream, self.watch.descriptor(), self.solo.bell()];
        always.into_iter().chain(self.solo.window()).filter(|descriptor| descriptor.is_held())
    }

    /// The stream.
    pub(crate) fn stream(&self) -> &Fd {
        &self.stream
    }

    /// Ends the connection. Calls fail from now on as those of a lost kernel do.
    pub(crate) fn close(&self) {
        if self.check_process().is_ok() {
            let _signals = SignalsBlocked::new();
            self.end(Error::Closed { stage: Stage::Calls });
        }
    }

    /// Closes a forked child's copies of its parent's descriptors. The parent's connection is not
    /// disturbed, and ends when the parent does.
    pub(crate) fn close_in_child(&self) {
        debug_assert!(self.check_process().is_err(), "the session is this process's own");
        self.descriptors().for_each(Fd::close);
    }

    /// Gives the descriptors up without closing them: they are a vforked child's, whose memory this
    /// was, and so their numbers mean nothing here.
    pub(crate) fn disown_descriptors(&self) {
        self.descriptors().for_each(Fd::disown);
    }

    /// What the server said of itself.
    pub(crate) fn banner(&self) -> Option<Banner> {
        if self.check_process().is_err() {
            return None;
        }
        let _signals = SignalsBlocked::new();
        self.lock_state().banner.clone()
    }

    /// Why the connection ended, if it did.
    pub(crate) fn ended(&self) -> Option<Arc<Error>> {
        if self.check_process().is_err() {
            return Some(Arc::new(Error::Forked));
        }
        let _signals = SignalsBlocked::new();
        self.lock_state().ended.clone()
    }

    /// Whether this process made the session.
    pub(crate) fn check_process(&self) -> Result<(), Failure> {
        if self.lineage == sys::lineage() { Ok(()) } else { Err(Failure::Forked) }
    }

    /// Runs a system call: at most 64 bytes of marshalled arguments, which lend `lends` until this
    /// returns.
    pub(crate) fn syscall(
        &self,
        number: u32,
        args: &[u8],
        mut lends: Lends,
        deadline: Option<Instant>,
    ) -> Result<[Register; 2], Failure> {
        // Checked before anything is registered.
        let too_long = || Failure::Kernel(Errno::EINVAL);
        let frame = body::syscall(0, number, args).ok_or_else(too_long)?;
        self.check_process()?;
        let reply = self.call_alone(&frame, &mut lends, deadline).unwrap_or_else(|| {
            let signals = SignalsBlocked::new();
            self.request(Kind::Syscall, lends, signals, deadline, |reqno| frame.with_reqno(reqno))
        });
        result(reply?)
    }

    /// Has the kernel fork this process: the key by which the twin is claimed.
    pub(crate) fn prefork(&self, deadline: Option<Instant>) -> Result<PreforkKey, Failure> {
        let signals = SignalsBlocked::new();
        match self.request(Kind::Prefork, Lends::default(), signals, deadline, body::prefork)? {
            Reply::Prefork(key) => Ok(key),
            other => Err(unusual(other)),
        }
    }

    /// Sends a request and waits for its answer.
    fn request(
        &self,
        kind: Kind,
        lends: Lends,
        signals: SignalsBlocked,
        deadline: Option<Instant>,
        frame: impl FnOnce(u64) -> SmallFrame,
    ) -> Result<Reply, Failure> {
        self.check_process()?;
        let reqno = self.register(kind, lends)?;
        self.submit([Outgoing::request(reqno, frame(reqno))]);
        self.wait_or_give_up(reqno, signals, deadline)
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere is no reason to lose the connection: every update of the state is
        // completed before anything that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, with the connection run by the books until there is nothing on them. Takes all
    /// locks: call with none held, and signals held back.
    fn books(&self) -> MutexGuard<'_, State> {
        loop {
            self.open_books();
            let state = self.lock_state();
            if self.solo.is_shared() {
                return state;
            }
        }
    }

    /// Closes the books if nothing is on them and nobody needs them open.
    fn close_books(&self, state: &State) {
        let idle = state.requests.is_empty()
            && state.barred == 0
            && state.established
            && state.ended.is_none()
            && state.raised == 0
            && !self.tx_pending()
            && self.rx_at_rest.load(Ordering::Acquire);
        if idle {
            self.solo.close_books();
        }
    }

    fn register(&self, kind: Kind, lends: Lends) -> Result<u64, Failure> {
        let mut state = self.admission()?;
        let seat = state.free_seat();
        Ok(state.requests.insert(kind, Call::new(seat, lends)))
    }

    /// The state, for requests to be registered.
    fn admission(&self) -> Result<MutexGuard<'_, State>, Failure> {
        let state = self.books();
        if state.ended.is_some() {
            return Err(Failure::Lost { sent: false });
        }
        if state.frozen_by.is_some_and(|thread| thread == Thread::current()) {
            // A signal handler on top of an exec: the stream is promised to the new program.
            return Err(Failure::Kernel(Errno::EBUSY));
        }
        Ok(state)
    }

    /// Waits for the answer to a request that its caller cannot leave behind: where a handler of the
    /// kernel's signals panics, it is given up, since what it lends is borrowed no longer.
    fn wait_or_give_up(
        &self,
        reqno: u64,
        signals: SignalsBlocked,
        deadline: Option<Instant>,
    ) -> Result<Reply, Failure> {
        let abandoned = Abandoned { session: self, reqno };
        let reply = self.wait(reqno, signals, deadline);
        std::mem::forget(abandoned);
        reply
    }

    /// Waits for the answer to `reqno`, receiving for everybody when nobody else does.
    fn wait(
        &self,
        reqno: u64,
        mut signals: SignalsBlocked,
        deadline: Option<Instant>,
    ) -> Result<Reply, Failure> {
        self.flush_before_waiting(reqno, &mut signals, deadline);
        self.check_process()?;
        let mut turns = Turns::new();
        let mut state = self.lock_state();
        loop {
            if state.raised != 0 {
                state = self.let_signals_in(state, reqno, &mut signals)?;
            }
            let ended = state.ended.is_some();
            let has_receiver = state.is_received_for(reqno);
            let call = state.requests.get_mut(reqno).expect("a caller's own request is registered");
            if call.pins == 0 {
                if let Some(reply) = answered(call) {
                    self.leave(state, reqno);
                    return reply;
                }
                if ended {
                    self.leave(state, reqno);
                    return Err(Failure::Lost { sent: !self.is_unsent(reqno) });
                }
                if deadline.is_some_and(|deadline| deadline <= sys::now()) {
                    self.give_up(state, reqno);
                    return Err(Failure::TimedOut);
                }
            }
            state = if has_receiver {
                let seat = call.take_seat();
                let patience = state.unaware.map(|_| sys::now() + PATIENCE);
                let until = [patience, deadline].into_iter().flatten().min();
                drop(state);
                // Signals are let in, and stay so if the answer has come.
                drop(signals);
                self.check_process()?;
                seat.park(until);
                self.check_process()?;
                if let Some(reply) = seat.take_answer() {
                    return Ok(reply);
                }
                signals = SignalsBlocked::new();
                self.check_process()?;
                state = self.lock_state();
                // It may have come just now.
                if let Some(reply) = seat.take_answer() {
                    return Ok(reply);
                }
                if let Some(call) = state.requests.get_mut(reqno) {
                    call.parked = false;
                }
                self.look_after_receiver(&mut state);
                state
            } else {
                if state.receiver == Some(reqno) {
                    state.unaware = None;
                }
                self.relieve(&mut state);
                state.receiver = Some(reqno);
                drop(state);
                self.receive_once(reqno, &mut turns, &mut signals, deadline)?
            };
        }
    }

    /// Relieves a receiver that does not know of the role and does not come round for what has
    /// arrived: a signal handler keeps it.
    fn look_after_receiver(&self, state: &mut State) {
        let interest = Interest { read: true, write: false };
        if state.unaware.is_some()
            && sys::poll_stream(&self.stream, interest, None, Some(sys::now()))
                .is_ok_and(|ready| ready.read)
        {
            self.relieve(state);
        }
    }

    /// Takes the role from a receiver that does not know of it. If it waits, or is about to, what it
    /// waits for will be taken from under it.
    fn relieve(&self, state: &mut State) {
        if state.unaware.take().is_some() {
            state.receiver = None;
            self.solo.ring();
        }
    }

    /// One turn as the receiver.
    fn receive_once(
        &self,
        reqno: u64,
        turns: &mut Turns,
        signals: &mut SignalsBlocked,
        deadline: Option<Instant>,
    ) -> Result<MutexGuard<'_, State>, Failure> {
        let signal = match self.receive(turns, signals, deadline) {
            Ok(signal) => signal,
            Err(error) => {
                self.end(error);
                false
            }
        };
        let mut state = self.lock_state();
        if signal {
            state = self.let_signals_in(state, reqno, signals)?;
        }
        Ok(state)
    }

    /// Waits for something to arrive and handles it; whether a signal waits to be let in.
    fn receive(
        &self,
        turns: &mut Turns,
        signals: &SignalsBlocked,
        deadline: Option<Instant>,
    ) -> Result<bool, Error> {
        let may_stay_awake = turns.awake < AWAKE_MAX && !self.tx_pending();
        if may_stay_awake && self.stay_awake(turns.awaited, || self.handle_readable(turns))? {
            turns.awake += 1;
            return Ok(false);
        }
        turns.awake = 0;
        let failed = |source| Error::Io { stage: Stage::Calls, source };
        self.watch.watch(signals).map_err(failed)?;
        let interest = Interest { read: true, write: self.tx_pending() };
        let asleep = sys::now();
        let ready = sys::poll_stream(&self.stream, interest, Some(&self.watch), deadline)
            .map_err(failed)?;
        if ready.write {
            self.submit([]);
        }
        if ready.read {
            self.spin.learn(turns.awaited, Waited::Asleep(sys::now() - asleep));
            self.handle_readable(turns)?;
        }
        Ok(ready.signal)
    }

    /// Makes attempts to receive until something comes, for as long as that has been worth it of
    /// late; whether something came.
    fn stay_awake<E>(
        &self,
        awaited: Awaited,
        mut attempt: impl FnMut() -> Result<bool, E>,
    ) -> Result<bool, E> {
        let Some(limit) = self.spin.limit(awaited, || sys::leaves_room(&self.stream)) else {
            return Ok(false);
        };
        let began = sys::now();
        for look in 1_u32.. {
            if attempt()? {
                self.spin.learn(awaited, Waited::Awake);
                return Ok(true);
            }
            if sys::now() - began >= limit {
                break;
            }
            if look % YIELD_EVERY == 0 {
                sys::yield_cpu();
            } else {
                sys::pause(BETWEEN_LOOKS);
            }
        }
        self.spin.learn(awaited, Waited::InVain);
        Ok(false)
    }

    /// Delivers what the server raised and what the host has pending. If the receiver's role is that
    /// of `reqno` it is passed on first, so that nobody waits for the handlers.
    fn let_signals_in<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        reqno: u64,
        signals: &mut SignalsBlocked,
    ) -> Result<MutexGuard<'a, State>, Failure> {
        let raised = std::mem::take(&mut state.raised);
        self.pass_role(state, reqno);
        self.deliver(raised, signals);
        self.check_process()?;
        Ok(self.lock_state())
    }

    /// Delivers these of the server's signals, with the host's let in.
    fn deliver(&self, mut raised: u64, signals: &mut SignalsBlocked) {
        signals.unblocked(|| {
            while raised != 0 {
                let signo = raised.trailing_zeros() + 1;
                raised &= raised - 1;
                self.settings.raise.deliver(signo as i32);
            }
        });
    }

    /// Takes a caller off the books, and passes the receiver's role on if it had it.
    fn leave(&self, mut state: MutexGuard<'_, State>, reqno: u64) {
        state.strike_out(reqno);
        self.close_books(&state);
        self.pass_role(state, reqno);
    }

    /// Leaves without an answer. A request that the host has not begun to send is withdrawn, so
    /// that the server never runs a call nobody waits for; for any other the answer is still due.
    fn give_up(&self, mut state: MutexGuard<'_, State>, reqno: u64) {
        // Before the lock is released: from then on nobody may use what the call lent.
        state.abandon(reqno);
        self.pass_role(state, reqno);
        let withdrawn = self.withdraw(reqno);
        let mut state = self.lock_state();
        if withdrawn {
            state.forget_abandoned(reqno);
        }
        if state.abandoned > ABANDONED_MAX {
            let stage = state.stage();
            drop(state);
            let limit = self.settings.call_timeout.unwrap_or_default();
            self.end(Error::TimedOut { stage, limit });
        }
    }

    /// Gives the receiver's role up, if `reqno` has it, and wakes a sleeper to take it.
    fn pass_role(&self, mut state: MutexGuard<'_, State>, reqno: u64) {
        if state.receiver != Some(reqno) {
            return;
        }
        (state.receiver, state.unaware) = (None, None);
        let sleepers =
            state.requests.iter_mut().filter(|(_, call)| call.parked && call.is_running());
        for (_, call) in sleepers {
            // One that runs a signal handler right now may be long in coming: ask the next.
            if call.seat.wake() {
                return;
            }
        }
        if reqno != DRIVER {
            state.ring_for_tasks();
        }
    }

    /// Ends the connection for good: every caller gets the same error. The first reason stays.
    fn end(&self, error: Error) {
        let mut state = self.lock_state();
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(Arc::new(error));
        for (_, call) in state.requests.iter_mut() {
            call.seat.wake();
            call.crew.iter().for_each(|crew| crew.ring());
        }
        drop(state);
        // A program that closes descriptors it does not know closes these too. Their numbers are
        // then the next ones to be given out, and nobody's here.
        self.descriptors().for_each(Fd::disown_if_closed);
        sys::shutdown(&self.stream);
    }
}

/// A request whose caller is unwinding.
struct Abandoned<'s> {
    session: &'s Session,
    reqno: u64,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if self.session.check_process().is_ok() {
            // Its time is over.
            let _ = self.session.wait(self.reqno, SignalsBlocked::new(), Some(Instant::now()));
        }
    }
}

impl State {
    /// A seat that nobody uses.
    fn free_seat(&mut self) -> Arc<Seat> {
        // Its caller may be long in coming: one that is not the next is asked after again later.
        self.leaving.rotate_left(usize::from(self.leaving.len() > 1));
        if let Some(seat) = self.leaving.pop_back() {
            if seat.is_free() {
                return seat;
            }
            self.leaving.push_back(seat);
        }
        self.spare_seats.pop().unwrap_or_default()
    }

    /// Whether another caller than that of `reqno` receives, or will. One below a signal handler on
    /// this thread cannot come round before the handler.
    fn is_received_for(&self, reqno: u64) -> bool {
        let receiver = self.receiver.is_some_and(|receiver| receiver != reqno);
        receiver && self.unaware.is_none_or(|thread| thread != Thread::tag())
    }

    /// Takes a call off the books whose caller is here.
    fn strike_out(&mut self, reqno: u64) {
        if let Some(call) = self.requests.remove(reqno) {
            self.spare_seats.push(call.seat);
        }
    }

    /// Takes a call off the books whose answer has been left in its seat.
    fn strike_off(&mut self, reqno: u64) {
        if let Some(call) = self.requests.remove(reqno) {
            self.leaving.push_back(call.seat);
        }
    }

    /// Whether what the server says may still be about calls of the program before exec.
    fn is_stale(&self) -> bool {
        self.resumed && !self.established
    }

    fn stage(&self) -> Stage {
        match (self.established, &self.banner) {
            (true, _) => Stage::Calls,
            // Before exec there has been one.
            (false, None) if !self.resumed => Stage::Banner,
            (false, _) => Stage::Handshake,
        }
    }

    /// Puts a request on the books whose answer nobody waits for.
    fn abandoned_request(&mut self, kind: Kind) -> u64 {
        let seat = self.free_seat();
        let reqno = self.requests.insert(kind, Call::new(seat, Lends::default()));
        self.abandon(reqno);
        reqno
    }

    /// Notes that the caller of `reqno`, which nobody has pinned, waits no longer.
    fn abandon(&mut self, reqno: u64) {
        let call = self.requests.get_mut(reqno).expect("a caller's own request is registered");
        debug_assert_eq!(call.pins, 0, "the call's memory is in use");
        call.abandoned = true;
        call.lends = Lends::default();
        self.abandoned += 1;
    }

    /// Takes an abandoned request off the books: no answer is due any more.
    fn forget_abandoned(&mut self, reqno: u64) {
        if self.requests.remove(reqno).is_some() {
            self.abandoned -= 1;
        }
    }

    /// Keeps the caller of `reqno` from leaving, if it still runs.
    fn pin(&mut self, reqno: u64) -> bool {
        match self.requests.get_mut(reqno) {
            Some(call) if call.is_running() => {
                call.pins += 1;
                true
            }
            _ => false,
        }
    }

    fn unpin(&mut self, reqno: u64) {
        if let Some(call) = self.requests.get_mut(reqno) {
            call.pins -= 1;
            if call.pins == 0 && call.parked {
                call.seat.wake();
            }
            call.tell_crew(reqno);
        }
    }
}
