//! A call that has the connection to itself.
//!
//! Most programs make one call at a time. Such a call need not be on the books that callers share:
//! it takes no lock and holds back no signal, and costs three host calls: to send, to poll and to
//! receive. Whoever comes while it is under way, another thread or a signal handler on top of its
//! own, **opens the books**: enters the call there, as if it had been registered like any other, and
//! goes on by the rules of `session.rs`. So does the call itself when the server has to say what it
//! does not expect.
//!
//! # Who may touch what
//! The gate says who runs the connection.
//! - [`IDLE`]: nobody. Whoever passes it has the connection, and the place for a call.
//! - [`SENDING`], [`RECEIVING`], [`PLACING`]: one thread, which puts a call in place and sends it,
//!   receives, or serves what has come: copies it to the call's memory, or sends what is wanted.
//! - [`WAITING`]: the same thread, but it polls and touches nothing.
//! - [`SHARED`]: those who hold the locks. The books are open, until nothing is on them.
//!
//! Another thread may open the books while this one waits, and when what it was to receive is known
//! to be there: a signal handler may keep it from going on. Else it tries again, which takes a
//! moment. A handler on top of the thread itself may open the books in any case.
//!
//! That is what the [`Record`]s are for: what a host call has moved is written down, and one that is
//! still to be made is spoilt. The thread finds the gate lost at its next step and is an ordinary
//! caller from then on. If it waits, it goes on waiting for the stream, for everybody, and whoever
//! takes that over rings a bell. A step that changes more than its own variables, PLACING, is made with
//! signals held back: nobody passes the gate then. So is SENDING where other threads make calls,
//! too: a handler on top of it keeps them out.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::receive::{BUFFER, LANDINGS_MAX};
use super::spin::{Awaited, Waited};
use super::transmit::{Body, Outgoing};
use super::{Call, Failure, Session};
use crate::lend::Lends;
use crate::memory::{self, Landing};
use crate::proto::body::{self, SmallFrame};
use crate::proto::header::Kind;
use crate::proto::inbound::{Event, HEAD_MAX, Inbound, Reply};
use crate::proto::requests;
use crate::sync::PoisonError;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::sys::{self, Bell, Fd, Heard, Record, SignalsBlocked, Thread, View};
use crate::table::Dir;

/// The gate: what is going on, the thread that it goes on in, and counts of calls and of what a call
/// has received, so that a gate that looks the same is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gate(u64);

const IDLE: u64 = 0;
const SHARED: u64 = 1;
const SENDING: u64 = 2;
const WAITING: u64 = 3;
const RECEIVING: u64 = 4;
const PLACING: u64 = 5;

impl Gate {
    const STATE: u64 = 7;
    const ROUND: u64 = 1 << 3;
    const ROUNDS: u64 = 31 * Self::ROUND;
    const THREAD: u32 = 8;
    const COUNT: u64 = 1 << 32;

    fn state(self) -> u64 {
        self.0 & Self::STATE
    }

    /// The same call of the same thread, in another state.
    fn to(self, state: u64) -> Self {
        Self(self.0 & !Self::STATE | state)
    }

    /// The same call, about to receive once more.
    fn next_round(self) -> Self {
        Self(self.0 & !Self::ROUNDS | self.0.wrapping_add(Self::ROUND) & Self::ROUNDS)
    }

    /// The same count of calls, with nobody's call under way.
    fn nobodys(self, state: u64) -> Self {
        Self(self.0 & !(Self::COUNT - 1) | state)
    }

    /// The next call, of this thread.
    fn next(self, thread: u32) -> Self {
        Self(
            (self.0 & !(Self::COUNT - 1)).wrapping_add(Self::COUNT)
                | u64::from(thread) << Self::THREAD
                | SENDING,
        )
    }

    fn thread(self) -> u32 {
        (self.0 as u32) >> Self::THREAD
    }

    /// The number of the call's request.
    fn reqno(self) -> u64 {
        requests::number((self.0 >> 32) as u32)
    }
}

/// What a call has that is on no books.
#[derive(Debug)]
pub(super) struct Solo {
    gate: AtomicU64,
    /// The call in place waits for its answer. Else whoever opens the books has nothing to enter.
    called: AtomicBool,
    /// The call has been entered in the books, and its thread does not know.
    entered: AtomicBool,
    place: UnsafeCell<Place>,
    send: Record,
    /// Of what has been received and not been dealt with.
    receive: Record,
    /// Bytes of a frame that has not arrived whole, at the front of the buffer: what is received goes
    /// behind them.
    kept: AtomicUsize,
    /// Rung for a thread that waits, or is about to, for what it will not get there.
    bell: Bell,
    /// The receiver's buffer.
    buffer: View,
    /// The thread that has made the latest calls, and how many in a row.
    caller: AtomicU32,
    row: AtomicU32,
}

/// For how many rounds signals are held back at a stretch, at most.
const HELD_BACK_MAX: u32 = 32;

/// With less data than this to come, it is taken as it comes, bytes: four frames of most servers.
const GATHERED_MIN: usize = 16 << 10;

/// How long frames are let gather. The server may need the time to get at the socket; what it takes
/// until that is full is several times as much.
const GATHERING: Duration = Duration::from_micros(3);

/// The same after frames that have come one by one again and again: twice as long each time, up to
/// this. Server and client can fall into step, each holding up the other at every frame.
const GATHERING_MAX: Duration = Duration::from_micros(48);

/// After so many calls in a row of the same thread, no other is expected.
const ROW: u32 = 16;

// SAFETY: see "Who may touch what": the atomics tell whose the place is, and the records and the
// buffer's bytes are only touched along with it.
unsafe impl Sync for Solo {}

#[derive(Debug)]
struct Place {
    frame: SmallFrame,
    lends: Lends,
    /// An answer of which the host has taken a part.
    unfinished: Option<Outgoing>,
}

/// What has been received at once: the data of copyouts, and what comes behind.
#[derive(Default)]
struct Burst {
    data: SmallVec<[Data; LANDINGS_MAX]>,
    last: Option<Last>,
}

/// What the server says when it has no more data.
enum Last {
    Answer(Reply),
    Copyin(Copyin),
}

/// What the server wants to read.
struct Copyin {
    reqno: u64,
    address: usize,
    len: usize,
    string: bool,
}

/// The data of a copyout.
struct Data {
    /// Where the server wants it.
    address: usize,
    len: usize,
    /// Where it stands in the buffer.
    at: usize,
}

impl Solo {
    /// With the gate shared until somebody closes the books.
    pub(super) fn new(buffer: View) -> std::io::Result<Self> {
        let place = Place { frame: body::prefork(0), lends: Lends::default(), unfinished: None };
        Ok(Self {
            gate: AtomicU64::new(SHARED),
            called: AtomicBool::new(false),
            entered: AtomicBool::new(false),
            place: UnsafeCell::new(place),
            send: Record::new(),
            receive: Record::new(),
            kept: AtomicUsize::new(0),
            bell: Bell::new()?,
            buffer,
            caller: AtomicU32::new(0),
            row: AtomicU32::new(0),
        })
    }

    /// The bell's descriptor.
    pub(super) fn bell(&self) -> &Fd {
        self.bell.descriptor()
    }

    /// Calls off the wait of the thread whose call has been entered in the books.
    pub(super) fn ring(&self) {
        self.bell.ring();
    }

    /// The descriptor of the file that the receiver's buffer has become, if it has.
    pub(super) fn window(&self) -> Option<&Fd> {
        self.buffer.descriptor()
    }

    /// Whether `thread`, which makes a call, is the only one to be expected. A guess.
    fn is_sole_caller(&self, thread: u32) -> bool {
        if self.caller.load(Ordering::Relaxed) != thread {
            self.caller.store(thread, Ordering::Relaxed);
            self.row.store(0, Ordering::Relaxed);
        }
        let row = self.row.load(Ordering::Relaxed);
        if row < ROW {
            self.row.store(row + 1, Ordering::Relaxed);
        }
        row == ROW
    }

    fn gate(&self) -> Gate {
        Gate(self.gate.load(Ordering::Acquire))
    }

    fn pass(&self, from: Gate, to: Gate) -> bool {
        self.gate.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether the books are open.
    pub(super) fn is_shared(&self) -> bool {
        self.gate().state() == SHARED
    }

    /// Closes the books, which the caller has found empty under the state's lock.
    pub(super) fn close_books(&self) {
        let gate = self.gate();
        debug_assert_eq!(gate.state(), SHARED, "only open books are closed");
        self.gate.store(gate.to(IDLE).0, Ordering::Release);
    }

    /// Puts a call in place. A handler on top may have opened the books meanwhile.
    ///
    /// # Safety
    /// The thread must have come in SENDING, with no call in place.
    unsafe fn set_up(&self, gate: Gate, frame: &SmallFrame, lends: Lends) {
        // SAFETY: the place is this thread's: a handler on top finds no call and leaves it alone,
        // and keeps others out.
        let place = unsafe { &mut *self.place.get() };
        place.frame = frame.with_reqno(gate.reqno());
        place.lends = lends;
        let bytes = place.frame.as_bytes();
        self.bell.reset();
        // Not earlier: whoever has opened the books says so after the gate does.
        self.entered.store(false, Ordering::Relaxed);
        // SAFETY: the records go with the place, and stay where they are.
        unsafe {
            self.send.prepare(bytes.as_ptr().cast_mut(), bytes.len());
            self.prepare_to_receive(0);
        }
        self.called.store(true, Ordering::Release);
    }

    /// Gets ready to receive behind the first `kept` bytes of the buffer.
    ///
    /// # Safety
    /// The place must be this thread's.
    unsafe fn prepare_to_receive(&self, kept: usize) {
        self.kept.store(kept, Ordering::Relaxed);
        // SAFETY: the record and the buffer go with the place.
        unsafe { self.receive.prepare(self.buffer.start().add(kept), BUFFER - kept) };
    }

    /// How many bytes have been received and not been dealt with.
    fn pending(&self) -> usize {
        self.kept.load(Ordering::Relaxed) + self.receive.moved().unwrap_or(0)
    }

    /// Whether a thread other than the one at the gate may open the books.
    fn is_open_to_others(&self, gate: Gate) -> bool {
        match gate.state() {
            WAITING => true,
            RECEIVING => self.receive.moved().is_some(),
            _ => false,
        }
    }
}

impl Session {
    /// Makes a call without the books, as long as that is possible. `None`, with what the call lends
    /// left where it is, when the connection is not idle.
    pub(super) fn call_alone(
        &self,
        frame: &SmallFrame,
        lends: &mut Lends,
        deadline: Option<Instant>,
    ) -> Option<Result<Reply, Failure>> {
        let (solo, idle) = (&self.solo, self.solo.gate());
        if idle.state() != IDLE {
            return None;
        }
        let thread = Thread::tag();
        let gate = idle.next(thread);
        // A handler on top of this would keep other threads out for as long as it takes. Where none
        // is expected, that is not worth two host calls every time.
        let signals = (!solo.is_sole_caller(thread)).then(SignalsBlocked::new);
        if !solo.pass(idle, gate) {
            return None;
        }
        // SAFETY: the thread has come in SENDING.
        unsafe { solo.set_up(gate, frame, std::mem::take(lends)) };
        if solo.gate() != gate && !self.is_entered() {
            // A handler has opened the books before there was anything to enter.
            solo.called.store(false, Ordering::Release);
            // SAFETY: nobody comes in before `unbar`.
            *lends = std::mem::take(unsafe { &mut (*solo.place.get()).lends });
            self.unbar();
            return None;
        }
        let waiting = self.send_alone(frame.as_bytes().len())
            && solo.pass(gate.to(SENDING), gate.to(WAITING));
        drop(signals);
        let reply = if waiting { self.converse(gate, deadline) } else { None };
        Some(reply.map_or_else(|| self.go_on_the_books(gate, deadline), Ok))
    }

    /// Sends the call that is in place, a frame of `len` bytes; whether all of it is on its way.
    fn send_alone(&self, len: usize) -> bool {
        // SAFETY: the record is of the frame in place, which is not written to as long as it is.
        let sent = unsafe { self.solo.send.send(&self.stream) };
        sent.is_ok_and(|progress| progress) && self.solo.send.moved() == Some(len)
    }

    /// Serves the call that has been sent, until its answer comes. `None` where that takes the
    /// books, or somebody has opened them.
    fn converse(&self, mut gate: Gate, deadline: Option<Instant>) -> Option<Reply> {
        let solo = &self.solo;
        let mut burst = Burst::default();
        // Held back from when they first have to be; to wait lets them in.
        let mut signals = None;
        let mut awaited = Awaited::Answer;
        // How much data may follow on what has come, and whether there was no room for more of it.
        let (mut more, mut full) = (0, false);
        let mut pause = GATHERING;
        for round in 1.. {
            if round % HELD_BACK_MAX == 0 {
                // What comes without a pause does not make the thread wait.
                signals = None;
            }
            if deadline.is_some_and(|deadline| deadline <= sys::now()) {
                return None;
            }
            let mut received = false;
            if more >= GATHERED_MIN && signals.is_some() {
                if !full {
                    self.let_gather(pause);
                }
                received = self.receive_at_once(gate);
            }
            if !received && !self.receive_alone(gate, awaited, signals.as_ref(), deadline) {
                return None;
            }
            solo.receive.moved().filter(|&moved| moved > 0)?;
            let len = solo.pending();
            full = len == BUFFER;
            pause = if len < GATHERED_MIN { (pause * 2).min(GATHERING_MAX) } else { GATHERING };
            let read = self.read_burst(len, gate.reqno(), &mut burst)?;
            let mut state = RECEIVING;
            if !(burst.data.is_empty() && matches!(burst.last, Some(Last::Answer(_)))) {
                // Whoever comes on top is to find it dealt with and accounted for, or neither.
                signals.get_or_insert_with(SignalsBlocked::new);
                if self.check_process().is_err() || !solo.pass(gate.to(RECEIVING), gate.to(PLACING))
                {
                    return None;
                }
                more = self.place_data(&burst.data, gate)?;
                state = PLACING;
            }
            let finished = match burst.last.take() {
                Some(Last::Answer(reply)) => {
                    solo.called.store(false, Ordering::Release);
                    if !solo.pass(gate.to(state), gate.nobodys(IDLE)) {
                        if self.is_entered() {
                            return None;
                        }
                        self.unbar();
                    }
                    return Some(reply);
                }
                Some(Last::Copyin(copyin)) => {
                    awaited = Awaited::Next;
                    self.answer_alone(&copyin, gate)?
                }
                None => true,
            };
            solo.buffer.move_to_front(read, len - read);
            // SAFETY: the place is this thread's in PLACING.
            unsafe { solo.prepare_to_receive(len - read) };
            // Whoever has seen the gate in this round, with its outcome, cannot pass it in the next.
            let next = gate.next_round();
            if !(finished && solo.pass(gate.to(PLACING), next.to(WAITING))) {
                return None;
            }
            gate = next;
        }
        None
    }

    /// Waits until there is something and receives it; whether the gate is still this thread's.
    fn receive_alone(
        &self,
        gate: Gate,
        awaited: Awaited,
        signals: Option<&SignalsBlocked>,
        deadline: Option<Instant>,
    ) -> bool {
        let look = |timeout| {
            // A handler that receives in place of this thread, after this, rings the bell.
            if self.solo.gate() != gate.to(WAITING) {
                return Err(());
            }
            let bell = &self.solo.bell;
            let heard = sys::poll_lone(&self.stream, bell, signals, timeout).map_err(drop)?;
            // In the child of a handler that forked, the stream is the parent's.
            self.check_process().map_err(drop)?;
            if heard == Heard::Bell { Err(()) } else { Ok(heard == Heard::Stream) }
        };
        let ready = match self.stay_awake(awaited, || look(Some(Duration::ZERO))) {
            Ok(false) => self.sleep_alone(look, awaited, deadline),
            awake => awake,
        };
        ready == Ok(true)
            && self.solo.pass(gate.to(WAITING), gate.to(RECEIVING))
            // SAFETY: the buffer goes with the gate; the call fails once that is lost.
            && unsafe { self.solo.receive.receive(&self.stream) }.is_ok_and(|received| received)
    }

    /// Lets the server send more of its data before it is taken, all at once. To look for every single
    /// frame would take longer than the frame.
    fn let_gather(&self, pause: Duration) {
        if self.spin.learns() {
            sys::pause(pause);
        } else {
            sys::yield_cpu();
        }
    }

    /// Receives without having waited; whether there was something.
    fn receive_at_once(&self, gate: Gate) -> bool {
        self.solo.pass(gate.to(WAITING), gate.to(RECEIVING))
            // SAFETY: as in `receive_alone`.
            && match unsafe { self.solo.receive.receive(&self.stream) } {
                Ok(false) => {
                    self.solo.pass(gate.to(RECEIVING), gate.to(WAITING));
                    false
                }
                received => received.is_ok(),
            }
    }

    /// Sleeps until `look`, which waits for a time, finds something; `false` when the deadline passes
    /// first.
    fn sleep_alone(
        &self,
        look: impl Fn(Option<Duration>) -> Result<bool, ()>,
        awaited: Awaited,
        deadline: Option<Instant>,
    ) -> Result<bool, ()> {
        let asleep = self.spin.learns().then(sys::now);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(sys::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            if look(left)? {
                if let Some(asleep) = asleep {
                    self.spin.learn(awaited, Waited::Asleep(sys::now() - asleep));
                }
                return Ok(true);
            }
        }
    }

    /// Takes `len` received bytes for what they are, if they are frames of data, of which the last
    /// may be incomplete, and no more than one other, at the end; how many bytes are of whole ones.
    /// Changes nothing, and draws no conclusions from what is no good.
    fn read_burst(&self, len: usize, reqno: u64, burst: &mut Burst) -> Option<usize> {
        let mut inbound = Inbound::resumed(self.settings.frame_cap);
        let mut at = 0;
        burst.data.clear();
        burst.last = None;
        while at < len && burst.last.is_none() && burst.data.len() < LANDINGS_MAX {
            let mut head = [0; HEAD_MAX];
            let head = &mut head[..HEAD_MAX.min(len - at)];
            self.solo.buffer.read(at, head);
            let step = inbound.handle_input(head).ok()?;
            let Some(event) = step.event else { return Some(at) };
            let frame = at;
            at += step.consumed;
            match event {
                Event::Response { reqno: answered, reply: reply @ Reply::Syscall { .. } }
                    if answered == reqno =>
                {
                    burst.last = Some(Last::Answer(reply));
                }
                Event::Copyin { reqno, address, len, string } => {
                    burst.last = Some(Last::Copyin(Copyin { reqno, address, len, string }));
                }
                Event::Copyout { address, len: size } if size <= len - at => {
                    burst.data.push(Data { address, len: size, at });
                    inbound.handle_payload(size);
                    at += size;
                }
                // A larger one is received straight into place.
                Event::Copyout { len: size, .. } if size <= BUFFER - HEAD_MAX => {
                    return Some(frame);
                }
                _ => return None,
            }
        }
        (at == len).then_some(at)
    }

    /// Copies data to the memory that the call lends, in PLACING; how much may follow on it. `None`
    /// where not all of it could be copied.
    #[inline(never)] // Most calls have no use for the stack that this takes.
    fn place_data(&self, data: &[Data], gate: Gate) -> Option<usize> {
        // SAFETY: nobody passes the gate, or comes on top.
        let lends = unsafe { &(*self.solo.place.get()).lends };
        let mut landings = SmallVec::<[Landing; LANDINGS_MAX]>::new();
        for &Data { address, len, at } in data {
            let span = lends.span(address, len, Dir::Out)?;
            landings.push(Landing { owner: gate.reqno(), span, at });
        }
        if memory::land(&self.solo.buffer, self.solo.pending(), &landings) < landings.len() {
            return None;
        }
        Some(data.last().map_or(0, |last| lends.room_after(last.address + last.len)))
    }

    /// Answers a copyin, in PLACING; whether all of it is on its way. `None` where the books are to
    /// say what is wrong with it.
    #[inline(never)] // As for `place_data`.
    fn answer_alone(&self, copyin: &Copyin, gate: Gate) -> Option<bool> {
        // SAFETY: nobody passes the gate, or comes on top.
        let place = unsafe { &mut *self.solo.place.get() };
        let &Copyin { reqno, address, len, string } = copyin;
        let body = if string {
            Body::Owned(place.lends.string_span(address, len)?.read_string().ok()?)
        } else {
            Body::Lent { owner: gate.reqno(), span: place.lends.span(address, len, Dir::In)? }
        };
        let mut answer = Outgoing::answer(body::copyin_response(reqno, body.len()), body);
        if !answer.send(&self.stream)? {
            place.unfinished = Some(answer);
            return Some(false);
        }
        Some(true)
    }

    /// Whether whoever has opened the books has entered the call. If not, it waits for `unbar`. In
    /// the child of a handler that forked there is nothing to wait for, or to lock.
    fn is_entered(&self) -> bool {
        let _signals = SignalsBlocked::new();
        if self.check_process().is_err() {
            return true;
        }
        // Opening the books is one step to those who hold the lock.
        let _state = self.lock_state();
        self.solo.entered.load(Ordering::Acquire)
    }

    /// Goes on with a call that has been made without the books, as an ordinary caller.
    fn go_on_the_books(&self, gate: Gate, deadline: Option<Instant>) -> Result<Reply, Failure> {
        let signals = SignalsBlocked::new();
        self.check_process()?;
        self.open_books();
        self.wait_or_give_up(gate.reqno(), signals, deadline)
    }

    /// Has the connection run by the books. They stay open until the state's lock is released with
    /// nothing on them. Takes all locks: call with none held, and signals held back.
    pub(super) fn open_books(&self) {
        let (solo, thread) = (&self.solo, Thread::tag());
        loop {
            let gate = solo.gate();
            let open = match gate.state() {
                SHARED => true,
                IDLE => solo.pass(gate, gate.to(SHARED)),
                _ if gate.thread() == thread || solo.is_open_to_others(gate) => {
                    self.enter_call(gate, gate.thread() == thread)
                }
                _ => false,
            };
            if open {
                return;
            }
            sys::yield_cpu();
        }
    }

    /// Opens the books and enters the call that is in place; whether the gate was still that.
    fn enter_call(&self, gate: Gate, own: bool) -> bool {
        let solo = &self.solo;
        let mut rx = self.rx.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tx = self.tx.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock_state();
        if !solo.pass(gate, gate.nobodys(SHARED)) {
            return false;
        }
        if !solo.called.swap(false, Ordering::AcqRel) {
            // The thread below is about to put a call in place, or has its answer: it says when.
            state.barred += 1;
            return true;
        }
        // SAFETY: the thread whose place it is has lost it, and touches nothing before it has seen
        // that.
        let place = unsafe { &mut *solo.place.get() };
        let reqno = gate.reqno();
        let call = Call::new(state.free_seat(), std::mem::take(&mut place.lends));
        state.requests.insert_numbered(reqno, Kind::Syscall, call);
        (state.receiver, state.unaware) = (Some(reqno), Some(gate.thread()));
        if !own {
            solo.row.store(0, Ordering::Relaxed);
        }
        let sent = solo.send.moved().unwrap_or(0);
        if sent < place.frame.as_bytes().len() {
            tx.push_front(Outgoing::partly_sent(reqno, place.frame, sent));
        }
        if let Some(answer) = place.unfinished.take() {
            tx.push_front(answer);
        }
        let pending = solo.pending();
        solo.send.spoil();
        solo.receive.spoil();
        solo.entered.store(true, Ordering::Release);
        self.note_queued(&tx);
        drop(tx);
        if pending > 0 {
            // It has been taken off the stream, and is for whoever opens the books: before the call's
            // own thread finds the call there and waits for more.
            rx.take_over(pending);
            self.handle_taken_over(rx, state);
        }
        true
    }

    /// Opens the books, for as long as the result lives, with nobody waiting beside them.
    pub(super) fn with_books_open(&self) -> BooksOpen<'_> {
        let _signals = SignalsBlocked::new();
        let mut state = self.books();
        state.barred += 1;
        self.relieve(&mut state);
        drop(state);
        BooksOpen(self)
    }

    /// Lets the books be closed again, as far as this thread is concerned.
    fn unbar(&self) {
        let _signals = SignalsBlocked::new();
        let mut state = self.lock_state();
        state.barred -= 1;
        self.close_books(&state);
    }
}

/// As long as it lives, no call is made without the books.
pub(super) struct BooksOpen<'s>(&'s Session);

impl Drop for BooksOpen<'_> {
    fn drop(&mut self) {
        self.0.unbar();
    }
}
