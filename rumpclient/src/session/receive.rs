//! What comes in: the receiver's work.

use std::io;
use std::sync::Arc;

use smallvec::SmallVec;

use super::seat::Seat;
use super::spin::Awaited;
use super::transmit::{Body, Outgoing};
use super::{Session, State, Turns};
use crate::error::{Error, Stage};
use crate::memory::{self, Landing, Span};
use crate::netbsd::Errno;
use crate::proto::ProtocolError;
use crate::proto::banner::Banner;
use crate::proto::body;
use crate::proto::inbound::{Event, Inbound, Reply};
use crate::sync::atomic::Ordering;
use crate::sync::{MutexGuard, PoisonError};
use crate::sys::{self, Io, Window};
use crate::table::Dir;

/// Bytes read ahead: room for a burst of frames, with their heads, of 128 KiB of data. Larger payloads
/// go straight to their place.
pub(super) const BUFFER: usize = 136 << 10;

/// Answers that may wait for a server which does not read them. A real one has at most 128 calls
/// at work, each with one copyin.
const ANSWERS_MAX: usize = 1024;

/// Copyouts that are carried out together, at most.
pub(super) const LANDINGS_MAX: usize = 64;

/// Memory mapped for a server over a session's life, at most, bytes.
const MAPPED_MAX: usize = 1 << 30;

/// The incoming stream.
#[derive(Debug)]
pub(super) struct Rx {
    inbound: Inbound,
    buffer: Window,
    /// The part of the buffer that has arrived and not been handled.
    start: usize,
    end: usize,
    sink: Sink,
    /// What has arrived for memory whose address nobody vouches for, and is still to be copied
    /// there.
    landings: Vec<Landing>,
}

/// Where the payload of the current copyout goes.
#[derive(Debug)]
enum Sink {
    /// What is left of the memory that the call `owner` lends for it.
    Memory { owner: u64, span: Span },
    /// Nowhere: not lent, not writable, or the call is over.
    Discard,
}

/// What handling a batch of events leaves to be done without the lock.
#[derive(Default)]
pub(super) struct Work {
    pub(super) answers: SmallVec<[Outgoing; 4]>,
    wake: SmallVec<[Arc<Seat>; 8]>,
}

impl Rx {
    pub(super) fn new(frame_cap: usize, resumed: bool, buffer: Window) -> Self {
        let start = if resumed { Inbound::resumed } else { Inbound::new };
        Self {
            inbound: start(frame_cap),
            buffer,
            start: 0,
            end: 0,
            sink: Sink::Discard,
            landings: Vec::new(),
        }
    }

    /// Takes over `len` bytes at the front of the buffer, which is empty otherwise.
    pub(super) fn take_over(&mut self, len: usize) {
        debug_assert!(self.is_between_frames(), "nobody else has received");
        (self.start, self.end) = (0, len);
    }

    /// Whether nothing of a frame has arrived without the rest.
    pub(super) fn is_between_frames(&self) -> bool {
        self.start == self.end && self.inbound.payload_remaining() == 0
    }
}

impl Session {
    /// Reads what has arrived, once, and handles it; whether there was anything. Takes all locks:
    /// call with none held.
    pub(super) fn handle_readable(&self, turns: &mut Turns) -> Result<bool, Error> {
        let mut work = Work::default();
        let mut rx = self.rx.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.read_once(&mut rx, &mut work);
        drop(rx);
        if !work.answers.is_empty() {
            turns.awaited = Awaited::Next;
            self.submit(work.answers.drain(..));
        }
        result
    }

    /// Reads what has arrived, once, and handles it but for the answers it takes; whether there was
    /// anything. Takes `state`.
    pub(super) fn read_once(&self, rx: &mut Rx, work: &mut Work) -> Result<bool, Error> {
        if !self.fill(rx)? {
            return Ok(false);
        }
        self.handle_buffered(rx, work).map(|()| true)
    }

    /// Handles what somebody else has received, before anybody else sees the state. Takes `tx`
    /// afterwards.
    pub(super) fn handle_taken_over(
        &self,
        mut rx: MutexGuard<'_, Rx>,
        state: MutexGuard<'_, State>,
    ) {
        let mut work = Work::default();
        let result = self.handle_locked(&mut rx, state, &mut work);
        drop(rx);
        self.submit(work.answers.drain(..));
        if let Err(error) = result {
            self.end(error);
        }
    }

    fn fill(&self, rx: &mut Rx) -> Result<bool, Error> {
        if rx.start == rx.end {
            (rx.start, rx.end) = (0, 0);
        } else if rx.end == rx.buffer.len() {
            // What is left is the beginning of a frame's head.
            rx.buffer.copy_within(rx.start..rx.end, 0);
            (rx.start, rx.end) = (0, rx.end - rx.start);
        }
        let outcome = match self.fill_direct(rx) {
            Some(outcome) => outcome,
            None => match sys::recv(&self.stream, &mut rx.buffer[rx.end..]) {
                Ok(Io::Moved(moved)) => {
                    rx.end += moved;
                    Ok(Io::Moved(moved))
                }
                // The program has unmapped memory that it does not know.
                Ok(Io::Fault) => Err(io::ErrorKind::OutOfMemory.into()),
                outcome => outcome,
            },
        };
        match outcome {
            Ok(Io::Moved(0)) => Err(Error::Closed { stage: self.lock_state().stage() }),
            Ok(io) => Ok(matches!(io, Io::Moved(_))),
            Err(source) if source.kind() == io::ErrorKind::ConnectionReset => {
                Err(Error::Closed { stage: self.lock_state().stage() })
            }
            Err(source) => Err(Error::Io { stage: Stage::Calls, source }),
        }
    }

    /// Receives the payload of a copyout straight into the caller's memory, when some is due and
    /// the memory is still lent.
    fn fill_direct(&self, rx: &mut Rx) -> Option<io::Result<Io>> {
        let remaining = rx.inbound.payload_remaining();
        let Sink::Memory { owner, span } = rx.sink else { return None };
        if remaining == 0 {
            return None;
        }
        if !self.lock_state().pin(owner) {
            rx.sink = Sink::Discard;
            return None;
        }
        // All that had arrived of the payload is handled, so the buffer is free.
        let outcome = span.receive(&self.stream, &mut rx.buffer);
        let mut state = self.lock_state();
        state.unpin(owner);
        match outcome {
            Ok(Io::Moved(moved)) => {
                let direct = moved.min(remaining);
                rx.inbound.handle_payload(direct);
                rx.sink = Sink::Memory { owner, span: span.skip(direct) };
                (rx.start, rx.end) = (0, moved - direct);
            }
            Ok(Io::Fault) => {
                state.fault(owner, span, Dir::Out);
                rx.sink = Sink::Discard;
            }
            _ => {}
        }
        Some(outcome)
    }

    fn handle_buffered(&self, rx: &mut Rx, work: &mut Work) -> Result<(), Error> {
        self.handle_locked(rx, self.lock_state(), work)
    }

    fn handle_locked(
        &self,
        rx: &mut Rx,
        mut state: MutexGuard<'_, State>,
        work: &mut Work,
    ) -> Result<(), Error> {
        let result = self.handle_events(rx, &mut state, work);
        // The buffer is filled anew after this.
        self.land(rx, &mut state);
        self.rx_at_rest.store(rx.is_between_frames(), Ordering::Release);
        drop(state);
        for seat in work.wake.drain(..) {
            seat.wake();
        }
        result
    }

    fn handle_events(&self, rx: &mut Rx, state: &mut State, work: &mut Work) -> Result<(), Error> {
        loop {
            rx.take_payload(state);
            let step = rx.inbound.handle_input(&rx.buffer[rx.start..rx.end])?;
            rx.start += step.consumed;
            let Some(event) = step.event else { return Ok(()) };
            if rx.landings.len() == LANDINGS_MAX || !matches!(event, Event::Copyout { .. }) {
                // A call's answer comes after its data, and so does what the server reads.
                self.land(rx, state);
            }
            self.handle_event(state, event, &mut rx.sink, work)?;
            if work.answers.len() + self.tx_queued.load(Ordering::Relaxed) > ANSWERS_MAX {
                return Err(ProtocolError::TooManyRequests { limit: ANSWERS_MAX }.into());
            }
        }
    }

    /// Copies what has arrived to its places. Under the state's lock, so that the memory stays lent.
    fn land(&self, rx: &mut Rx, state: &mut State) {
        let mut done = 0;
        while done < rx.landings.len() {
            let due = &rx.landings[done..];
            done += memory::land(rx.buffer.view(), rx.end, due);
            if let Some(landing) = rx.landings.get(done) {
                state.fault(landing.owner, landing.span, Dir::Out);
                done += 1;
            }
        }
        rx.landings.clear();
    }

    fn handle_event(
        &self,
        state: &mut State,
        event: Event,
        sink: &mut Sink,
        work: &mut Work,
    ) -> Result<(), Error> {
        match event {
            Event::Banner(banner) => self.handle_banner(state, banner)?,
            Event::Response { reqno, reply } => handle_response(state, reqno, reply, work)?,
            Event::Copyin { reqno, address, len, string: false } => {
                let body = state.copyin(address, len);
                work.answers.push(Outgoing::answer(body::copyin_response(reqno, len), body));
            }
            Event::Copyin { reqno, address, len, string: true } => {
                let string = state.copyinstr(address, len);
                let frame = body::copyin_response(reqno, string.len());
                work.answers.push(Outgoing::answer(frame, Body::Owned(string)));
            }
            Event::Copyout { address, len } => *sink = state.copyout(address, len),
            Event::Anonmmap { reqno, len } => {
                let frame = body::anonmmap_response(reqno, state.anonmmap(len));
                work.answers.push(Outgoing::answer(frame, Body::None));
            }
            Event::Raise { signo } => {
                if let 1..=64 = signo {
                    state.raised |= 1 << (signo - 1);
                }
            }
        }
        Ok(())
    }

    fn handle_banner(&self, state: &mut State, banner: Banner) -> Result<(), Error> {
        if !self.settings.allow_foreign_banner {
            banner.check().map_err(Error::Banner)?;
        }
        state.banner = Some(banner);
        Ok(())
    }
}

fn handle_response(
    state: &mut State,
    reqno: u64,
    reply: Reply,
    work: &mut Work,
) -> Result<(), ProtocolError> {
    let stale = state.is_stale();
    let call = match state.requests.handle_answer(reqno, reply.kind()) {
        Ok(call) => call,
        Err(_) if stale => return Ok(()),
        Err(error) => return Err(error),
    };
    if call.abandoned {
        state.forget_abandoned(reqno);
        return Ok(());
    }
    if call.reply.is_some() {
        let kind = reply.kind().map_or(u16::MAX, |kind| kind as u16);
        return Err(ProtocolError::UnexpectedResponse { reqno, kind });
    }
    if let Reply::Syscall { error, retval } = reply
        && call.parked
        && call.pins == 0
    {
        // Nothing is left for the caller to do here: it need not take the lock to leave.
        let error = if call.fault { Errno::EFAULT.raw() } else { error };
        call.seat.leave_answer(error, retval);
        work.wake.push(Arc::clone(&call.seat));
        state.strike_off(reqno);
        return Ok(());
    }
    call.reply = Some(reply);
    call.tell_crew(reqno);
    if call.parked {
        work.wake.push(Arc::clone(&call.seat));
    }
    Ok(())
}

impl Rx {
    /// Takes what has arrived of a copyout, to be copied to its place. Under the state's lock, so
    /// that the memory stays lent.
    fn take_payload(&mut self, state: &mut State) {
        let (at, len) = (self.start, self.inbound.payload_remaining().min(self.end - self.start));
        if len == 0 {
            return;
        }
        if let Sink::Memory { owner, span } = self.sink {
            self.sink = match state.requests.get_mut(owner) {
                Some(call) if call.is_running() => {
                    if span.is_raw() {
                        self.landings.push(Landing { owner, span: span.front(len), at });
                    } else {
                        // Borrowed memory is there.
                        let _ = span.write(&self.buffer[at..at + len]);
                    }
                    Sink::Memory { owner, span: span.skip(len) }
                }
                _ => Sink::Discard,
            };
        }
        self.start += len;
        self.inbound.handle_payload(len);
    }
}

impl State {
    /// The memory a server may use at `address`, and the call that lends it. A call that names the
    /// region goes before one that lends everything.
    fn lent(
        &mut self,
        find: impl Fn(&crate::lend::Lends) -> Option<Span>,
        anywhere: (usize, usize),
    ) -> Option<(u64, Span)> {
        let named = self.running().find_map(|(reqno, call)| Some((reqno, find(&call.lends)?)));
        named.or_else(|| {
            let (address, len) = anywhere;
            self.running()
                .find_map(|(reqno, call)| Some((reqno, call.lends.anywhere(address, len)?)))
        })
    }

    /// The calls that the server may still use memory of.
    pub(super) fn running(&mut self) -> impl Iterator<Item = (u64, &mut super::Call)> {
        self.requests.iter_mut().filter(|(_, call)| call.is_running())
    }

    /// Somebody's call needs memory that nobody lends. The server does not say whose: blame those
    /// that may have needed more than was known, else the only one there is, else all; but nobody
    /// for what calls may need that have timed out, or that were made before exec.
    fn blame(&mut self) {
        let elsewhere = self.is_stale() || self.abandoned > 0;
        let known = self.running().all(|(_, call)| !call.lends.incomplete());
        for (_, call) in self.running() {
            call.fault |= call.lends.incomplete() || (known && !elsewhere);
        }
    }

    fn copyin(&mut self, address: usize, len: usize) -> Body {
        match self.lent(|lends| lends.span(address, len, Dir::In), (address, len)) {
            Some((owner, span)) => Body::Lent { owner, span },
            None => {
                self.blame();
                Body::Zeros(len)
            }
        }
    }

    /// The string at `address`, at most `len` bytes; the empty string where there is none. Copied,
    /// so that its end is where it was found even if the program changes it meanwhile.
    fn copyinstr(&mut self, address: usize, len: usize) -> Vec<u8> {
        let found = self.lent(|lends| lends.string_span(address, len), (address, len));
        let Some((owner, span)) = found else {
            self.blame();
            return empty_string(len);
        };
        span.read_string().unwrap_or_else(|_| {
            self.fault(owner, span, Dir::In);
            empty_string(len)
        })
    }

    /// Pins the call that lends memory for a copyin: `owner`, or, when that one is over by now,
    /// another that lends the same memory. The server does not say which of them it asks for.
    pub(super) fn pin_lender(&mut self, owner: u64, span: Span) -> Option<(u64, Span)> {
        if self.pin(owner) {
            return Some((owner, span));
        }
        let (address, len) = (span.address(), span.len());
        let found = self.lent(|lends| lends.span(address, len, Dir::In), (address, len))?;
        self.pin(found.0).then_some(found)
    }

    /// Memory that `owner` lends cannot be used after all. Others that lend it as well have failed
    /// too: it may have been for them.
    pub(super) fn fault(&mut self, owner: u64, span: Span, dir: Dir) {
        let (address, len) = (span.address(), span.len());
        for (reqno, call) in self.requests.iter_mut() {
            call.fault |= reqno == owner || call.lends.span(address, len, dir).is_some();
        }
    }

    fn copyout(&mut self, address: usize, len: usize) -> Sink {
        match self.lent(|lends| lends.span(address, len, Dir::Out), (address, len)) {
            Some((owner, span)) => Sink::Memory { owner, span },
            None => {
                self.blame();
                Sink::Discard
            }
        }
    }

    /// Maps memory for the server: its address, or 0. Only a call that lends everything can have
    /// asked for it.
    fn anonmmap(&mut self, len: usize) -> usize {
        let wanted = self.running().any(|(_, call)| call.lends.anywhere(0, 0).is_some());
        let within = self.mapped.checked_add(len).filter(|&mapped| mapped <= MAPPED_MAX);
        match within.filter(|_| wanted && len > 0).and_then(|_| sys::map_anonymous(len).ok()) {
            Some(address) => {
                self.mapped += len;
                address
            }
            None => 0,
        }
    }
}

/// One NUL, unless the server wants no bytes at all.
fn empty_string(len: usize) -> Vec<u8> {
    vec![0; len.min(1)]
}
