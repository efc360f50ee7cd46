//! What goes out: requests and answers, queued in order, sent without waiting.

use std::collections::VecDeque;
use std::time::Instant;

use smallvec::SmallVec;

use super::Session;
use crate::memory::Span;
use crate::proto::body::SmallFrame;
use crate::sync::PoisonError;
use crate::sync::atomic::Ordering;
use crate::sys::{self, Fd, Interest, Io, IoVec, SignalsBlocked};
use crate::table::Dir;

/// Frames on their way out.
#[derive(Debug, Default)]
pub(super) struct Tx {
    queue: VecDeque<Outgoing>,
    /// Sending has failed: the stream takes nothing any more. What is queued was never sent.
    broken: bool,
}

/// A frame on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    frame: SmallFrame,
    body: Body,
    /// Bytes of frame and body that the host has taken.
    sent: usize,
    /// The request that this is, if it is one.
    request: Option<u64>,
}

/// What follows the fixed part of a frame.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing.
    None,
    /// Memory that the call `owner` lends, sent from where it is.
    Lent { owner: u64, span: Span },
    /// Bytes of our own.
    Owned(Vec<u8>),
    /// Zeros, in place of memory that cannot be read.
    Zeros(usize),
}

impl Body {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Lent { span, .. } => span.len(),
            Self::Owned(bytes) => bytes.len(),
            Self::Zeros(len) => *len,
        }
    }
}

/// What stands in for memory that cannot be read, a piece at a time.
static ZEROS: [u8; 16 << 10] = [0; 16 << 10];

/// How many calls' memory is sent from at once, at most.
const LENDERS_MAX: usize = 16;

/// Pieces of memory handed to the host at once: as many small frames as a real server has calls at
/// work, or one large one.
type Vectors = SmallVec<[IoVec; 128]>;

impl Outgoing {
    pub(super) fn request(reqno: u64, frame: SmallFrame) -> Self {
        Self { frame, body: Body::None, sent: 0, request: Some(reqno) }
    }

    /// A request of whose frame the host has taken `sent` bytes already.
    pub(super) fn partly_sent(reqno: u64, frame: SmallFrame, sent: usize) -> Self {
        Self { sent, ..Self::request(reqno, frame) }
    }

    pub(super) fn answer(frame: SmallFrame, body: Body) -> Self {
        Self { frame, body, sent: 0, request: None }
    }

    fn len(&self) -> usize {
        self.frame.as_bytes().len() + self.body.len()
    }

    /// Sends it ahead of everything else; whether the host has taken all of it, or `None` if nothing.
    /// For a caller that nobody else sends beside, nor ends the lending of the body.
    pub(super) fn send(&mut self, stream: &Fd) -> Option<bool> {
        let mut vectors = Vectors::new();
        self.gather(&mut vectors);
        match sys::send(stream, &mut vectors) {
            Ok(Io::Moved(moved)) => {
                self.sent += moved;
                Some(self.sent == self.len())
            }
            _ => None,
        }
    }

    /// Adds what is left to send. The memory of a lent body must be pinned.
    fn gather(&self, vectors: &mut Vectors) {
        let head = self.frame.as_bytes();
        if self.sent < head.len() {
            vectors.push(io_vec(&head[self.sent..]));
        }
        let done = self.sent.saturating_sub(head.len());
        match &self.body {
            Body::None => {}
            Body::Lent { span, .. } => vectors.push(span.skip(done).io_vec()),
            Body::Owned(bytes) => vectors.push(io_vec(&bytes[done..])),
            Body::Zeros(len) => vectors.push(io_vec(&ZEROS[..(len - done).min(ZEROS.len())])),
        }
    }
}

fn io_vec(bytes: &[u8]) -> IoVec {
    IoVec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

impl Session {
    fn with_tx<R>(&self, f: impl FnOnce(&mut Tx) -> R) -> R {
        let mut tx = self.tx.lock().unwrap_or_else(PoisonError::into_inner);
        let result = f(&mut tx);
        self.note_queued(&tx);
        result
    }

    pub(super) fn note_queued(&self, tx: &Tx) {
        let queued = if tx.broken { 0 } else { tx.queue.len() };
        self.tx_queued.store(queued, Ordering::Release);
    }

    /// Whether frames wait for the host to take them.
    pub(super) fn tx_pending(&self) -> bool {
        self.tx_queued.load(Ordering::Acquire) > 0
    }

    /// Queues frames behind those already queued and sends as much as the host takes. Takes `tx`
    /// and `state`: call with neither held.
    ///
    /// A failure to send is not the end yet: answers may still be waiting to be read. Both
    /// directions are closed, and the receiver reports the end when it has read them.
    pub(super) fn submit(&self, frames: impl IntoIterator<Item = Outgoing>) {
        self.with_tx(|tx| self.send_all(tx, frames));
    }

    /// [`submit`](Self::submit) for a holder of `tx`. Takes `state`.
    pub(super) fn send_all(&self, tx: &mut Tx, frames: impl IntoIterator<Item = Outgoing>) {
        tx.queue.extend(frames);
        while !tx.broken && !tx.queue.is_empty() {
            match self.send_front(tx) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    tx.broken = true;
                    sys::shutdown(&self.stream);
                }
            }
        }
        self.note_queued(tx);
    }

    /// One send; whether it made progress.
    fn send_front(&self, tx: &mut Tx) -> std::io::Result<bool> {
        let (outcome, lenders) = match self.send_lent(tx, LENDERS_MAX)? {
            // One by one, so that it is clear whose memory it is about.
            (Io::Fault, 2..) => self.send_lent(tx, 1)?,
            sent => sent,
        };
        Ok(match outcome {
            Io::Moved(_) => true,
            Io::Fault => lenders == 1,
            Io::WouldBlock => false,
        })
    }

    /// One send, with the memory of up to `most` calls; of how many it was. If a fault is about that
    /// of one call, zeros take its place.
    fn send_lent(&self, tx: &mut Tx, most: usize) -> std::io::Result<(Io, usize)> {
        let mut vectors = Vectors::new();
        let mut pinned = SmallVec::<[(usize, u64, Span); LENDERS_MAX]>::new();
        for (at, frame) in tx.queue.iter_mut().enumerate() {
            if let Body::Lent { owner, span } = frame.body {
                match self.lock_state().pin_lender(owner, span) {
                    Some((owner, span)) => {
                        frame.body = Body::Lent { owner, span };
                        pinned.push((at, owner, span));
                    }
                    // Nobody lends it any more; the frame was announced and must be completed.
                    None => frame.body = Body::Zeros(frame.body.len()),
                }
            }
            frame.gather(&mut vectors);
            let partial = matches!(frame.body, Body::Zeros(len) if len > ZEROS.len());
            if pinned.len() == most || partial || vectors.len() + 2 > vectors.inline_size() {
                break;
            }
        }
        let outcome = sys::send(&self.stream, &mut vectors);
        if !pinned.is_empty() {
            let mut state = self.lock_state();
            for &(_, owner, _) in &pinned {
                state.unpin(owner);
            }
            if let (Ok(Io::Fault), &[(at, owner, span)]) = (&outcome, &pinned[..]) {
                state.fault(owner, span, Dir::In);
                let body = &mut tx.queue[at].body;
                *body = Body::Zeros(body.len());
            }
        }
        if let Ok(Io::Moved(moved)) = outcome {
            tx.advance(moved);
        }
        Ok((outcome?, pinned.len()))
    }

    /// Stays until the queue is on its way, if the host does not take it at once and a receiver
    /// is already waiting without knowing. Signals are let in.
    pub(super) fn flush_before_waiting(
        &self,
        reqno: u64,
        signals: &mut SignalsBlocked,
        deadline: Option<Instant>,
    ) {
        let interest = Interest { read: false, write: true };
        while self.tx_pending() && self.lock_state().is_received_for(reqno) {
            let ready =
                signals.unblocked(|| sys::poll_stream(&self.stream, interest, None, deadline));
            if !ready.is_ok_and(|ready| ready.write) {
                if deadline.is_some_and(|deadline| deadline <= sys::now()) {
                    return;
                }
                continue;
            }
            self.submit([]);
        }
    }

    /// Whether some of the request's bytes were never taken by the host.
    pub(super) fn is_unsent(&self, reqno: u64) -> bool {
        self.with_tx(|tx| tx.position(reqno).is_some())
    }

    /// Takes a request back that the host has not begun to send.
    pub(super) fn withdraw(&self, reqno: u64) -> bool {
        self.with_tx(|tx| match tx.position(reqno) {
            Some(at) if tx.queue[at].sent == 0 => tx.queue.remove(at).is_some(),
            _ => false,
        })
    }
}

impl Tx {
    fn position(&self, reqno: u64) -> Option<usize> {
        self.queue.iter().position(|frame| frame.request == Some(reqno))
    }

    /// Accounts for bytes the host has taken off the front.
    fn advance(&mut self, mut moved: usize) {
        while let Some(front) = self.queue.front_mut() {
            let left = front.len() - front.sent;
            if moved < left {
                front.sent += moved;
                return;
            }
            moved -= left;
            self.queue.pop_front();
        }
    }

    /// Queues a frame ahead of all others.
    pub(super) fn push_front(&mut self, frame: Outgoing) {
        self.queue.push_front(frame);
    }

    /// Whether everything queued has been taken by the host.
    pub(super) fn is_flushed(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the stream takes nothing any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }
}
