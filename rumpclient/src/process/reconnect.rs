//! The connection over time: which session is current, and how a lost one is replaced.
//!
//! # Locking rules
//! `repair` is taken under [`SignalsBlocked`] and never held while connecting, sleeping or calling
//! out. A session's own locks are not taken under it. A forked child does not take it: the session
//! is asked first whose it is, and again wherever signals were let in.

mod search;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};

use crate::options::{LinkEvent, RetryPolicy, Settings};
use crate::process::lease::{Lease, Leases};
use crate::proto::address::Address;
use crate::session::{Failure, Session};
use crate::sys::{self, Parker, SignalsBlocked, Thread};
use search::{Outcome, Search};

/// A client's connection, over reconnects.
pub(crate) struct Link {
    address: Address,
    settings: Arc<Settings>,
    /// The process that made the link. A vforked child that has not is a guest in its memory.
    process: u32,
    current: ArcSwap<Session>,
    generation: AtomicU64,
    repair: Mutex<Repair>,
    leases: Leases,
}

/// The state of a repair.
struct Repair {
    /// The current session once more: [`ArcSwap`] keeps a pointer into the middle of it, which leak
    /// checkers do not take for an owner's.
    _session: Arc<Session>,
    policy: RetryPolicy,
    /// Who is at it.
    repairer: Option<Thread>,
    /// Threads that wait for the outcome, and the repairer when it pauses.
    waiting: Vec<Arc<Parker>>,
    /// The program is ending for want of a kernel; until when other threads' calls wait for that.
    dying: Option<Instant>,
    /// How many repairs have been given up.
    given_up: u64,
    /// The observer has heard that this generation is lost.
    lost: u64,
    /// The observer has heard of this generation.
    regained: u64,
}

impl Link {
    pub(crate) fn new(
        address: Address,
        settings: Arc<Settings>,
        policy: RetryPolicy,
        session: Arc<Session>,
    ) -> Self {
        let repair = Repair {
            _session: Arc::clone(&session),
            policy,
            repairer: None,
            waiting: Vec::new(),
            dying: None,
            given_up: 0,
            lost: 0,
            regained: 1,
        };
        Self {
            address,
            settings,
            process: sys::process_id(),
            current: ArcSwap::new(session),
            generation: AtomicU64::new(1),
            repair: Mutex::new(repair),
            leases: Leases::default(),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether this process made the link: neither a forked nor a vforked child of the one that did.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.session().check_process().is_ok() && self.process == sys::process_id()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn shared_settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }

    pub(crate) fn retry(&self) -> RetryPolicy {
        let _signals = SignalsBlocked::new();
        self.lock_repair().policy
    }

    pub(crate) fn session(&self) -> Guard<Arc<Session>> {
        self.current.load()
    }

    /// The current session, owned by the link also when the caller never returns.
    pub(crate) fn lease(&self) -> Lease<'_, Session> {
        self.leases.take(self.current.load_full())
    }

    /// What else the caller who may never return leaves to the link.
    pub(crate) fn leases(&self) -> &Leases {
        &self.leases
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn set_retry(&self, policy: RetryPolicy) {
        if self.session().check_process().is_err() {
            return;
        }
        let _signals = SignalsBlocked::new();
        let mut repair = self.lock_repair();
        repair.policy = policy;
        // A repairer in its pause reconsiders.
        repair.wake_all();
    }

    /// Runs `f` on the current session. When the kernel is lost before it can have seen the
    /// request, and the policy finds a new one in time, runs it again there.
    pub(crate) fn run<R>(
        &self,
        deadline: Option<Instant>,
        f: impl Fn(&Session) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        loop {
            let (generation, session) = self.current();
            match f(&session) {
                Err(failure) => self.recover(generation, session, failure, deadline)?,
                result => return result,
            }
        }
    }

    /// The current session, and its generation. The session may be newer: then it only repairs too
    /// little.
    pub(crate) fn current(&self) -> (u64, Arc<Session>) {
        let generation = self.generation();
        (generation, self.current.load_full())
    }

    /// Looks for another kernel where a request has failed because that of `session` is lost, as
    /// the policy says. Succeeds if the request is to be made once more.
    pub(crate) fn recover(
        &self,
        generation: u64,
        session: Arc<Session>,
        failure: Failure,
        deadline: Option<Instant>,
    ) -> Result<(), Failure> {
        let Failure::Lost { sent } = failure else { return Err(failure) };
        let outcome = Search::new(self, generation, &session, deadline).run();
        // This may free it, while a handler on top makes a call that allocates.
        let signals = SignalsBlocked::new();
        drop(session);
        drop(signals);
        match outcome? {
            Outcome::Repaired if !sent => Ok(()),
            _ => Err(failure),
        }
    }

    fn lock_repair(&self) -> MutexGuard<'_, Repair> {
        self.repair.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes `session` the successor of the lost one of `generation`, unless a call in a signal
    /// handler on top of the attempt has been quicker.
    fn install(&self, generation: u64, session: Arc<Session>) {
        let mut repair = self.lock_repair();
        if self.generation() == generation {
            repair._session = Arc::clone(&session);
            self.current.store(session);
            self.generation.store(generation + 1, Ordering::Release);
        }
    }

    /// Tells the observer once that this generation's kernel is gone.
    fn announce_loss(&self, generation: u64, lost: &Session, signals: &mut SignalsBlocked) {
        let mut repair = self.lock_repair();
        if repair.lost >= generation {
            return;
        }
        repair.lost = generation;
        drop(repair);
        if let Some(reason) = lost.ended() {
            signals.unblocked(|| self.tell(&LinkEvent::Lost { reason }));
        }
    }

    /// Tells the observer once that there is a kernel again.
    fn announce_regain(&self, signals: &mut SignalsBlocked) {
        let mut repair = self.lock_repair();
        let generation = self.generation();
        if repair.regained >= generation {
            return;
        }
        repair.regained = generation;
        drop(repair);
        signals.unblocked(|| self.tell(&LinkEvent::Regained { generation }));
    }

    fn tell(&self, event: &LinkEvent) {
        if let Some(observer) = &self.settings.observer {
            (observer.0)(event);
        }
    }
}

impl Repair {
    fn wake_all(&mut self) {
        for parker in self.waiting.drain(..) {
            parker.wake();
        }
    }
}
