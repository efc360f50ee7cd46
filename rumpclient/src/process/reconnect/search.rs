//! The search for a kernel in a lost one's place: one thread makes attempts, the others wait.

use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use super::{Link, Repair};
use crate::client::open_session;
use crate::options::RetryPolicy;
use crate::session::{Failure, Session};
use crate::sys::{Parker, SignalsBlocked, Thread};

/// Pauses between attempts: they double from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// How long calls of other threads wait for the end of a program that dies with its kernel. Not for
/// ever: an exit handler may be waiting for those threads.
const DYING_TIME: Duration = Duration::from_secs(5);

/// How a thread's part in the search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Repaired,
    GivenUp,
}

/// A thread's part in the search.
pub(super) struct Search<'l> {
    link: &'l Link,
    generation: u64,
    lost: &'l Session,
    deadline: Option<Instant>,
    me: Thread,
    /// Where this thread sleeps.
    parker: Arc<Parker>,
    signals: SignalsBlocked,
}

impl<'l> Search<'l> {
    /// For a call, to be made by `deadline`, that has found the session of `generation` lost.
    pub(super) fn new(
        link: &'l Link,
        generation: u64,
        lost: &'l Session,
        deadline: Option<Instant>,
    ) -> Self {
        let signals = SignalsBlocked::new();
        Self {
            link,
            generation,
            lost,
            deadline,
            me: Thread::current(),
            parker: Arc::default(),
            signals,
        }
    }

    /// Sees to it that the lost session is replaced, or waits while another thread does.
    pub(super) fn run(mut self) -> Result<Outcome, Failure> {
        self.lost.check_process()?;
        self.link.announce_loss(self.generation, self.lost, &mut self.signals);
        self.lost.check_process()?;
        let given_up = self.link.lock_repair().given_up;
        loop {
            let mut repair = self.link.lock_repair();
            if let Some(outcome) = self.foregone(&repair, given_up) {
                return outcome;
            }
            if repair.repairer.is_none_or(|repairer| repairer == self.me) {
                // It may be this thread itself, below a signal handler that has made this call: it
                // cannot go on before the handler returns, so the handler's call repairs.
                let below = repair.repairer.replace(self.me);
                drop(repair);
                return self.repair(below);
            }
            let until = earlier(self.deadline, repair.dying);
            self.sleep(repair, until)?;
        }
    }

    /// What there is to say without attempts of one's own.
    fn foregone(&self, repair: &Repair, given_up: u64) -> Option<Result<Outcome, Failure>> {
        if self.is_over() {
            return Some(Ok(Outcome::Repaired));
        }
        let hopeless = match repair.dying {
            Some(end) => repair.repairer == Some(self.me) || end <= Instant::now(),
            None => repair.policy == RetryPolicy::Never || repair.given_up != given_up,
        };
        if hopeless {
            return Some(Ok(Outcome::GivenUp));
        }
        self.is_late().then_some(Err(Failure::TimedOut))
    }

    /// Whether the lost session has been replaced.
    fn is_over(&self) -> bool {
        self.link.generation() != self.generation
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Makes attempts as the repairer, and leaves the office to `below` afterwards.
    fn repair(&mut self, below: Option<Thread>) -> Result<Outcome, Failure> {
        let outcome = self.make_attempts();
        self.lost.check_process()?;
        let mut repair = self.link.lock_repair();
        repair.repairer = below;
        repair.given_up += u64::from(matches!(outcome, Ok(Outcome::GivenUp)));
        repair.wake_all();
        drop(repair);
        if matches!(outcome, Ok(Outcome::Repaired)) {
            self.link.announce_regain(&mut self.signals);
        }
        outcome
    }

    /// Attempts and pauses, as long as the policy of the moment says.
    fn make_attempts(&mut self) -> Result<Outcome, Failure> {
        let (began, mut pause, mut attempts) = (Instant::now(), FIRST_PAUSE, 0);
        loop {
            let policy = self.link.lock_repair().policy;
            let limit = match policy {
                RetryPolicy::Never => return Ok(Outcome::GivenUp),
                RetryPolicy::Die => self.die(),
                RetryPolicy::Once if attempts > 0 => return Ok(Outcome::GivenUp),
                RetryPolicy::For(limit) if attempts > 0 && began.elapsed() >= limit => {
                    return Ok(Outcome::GivenUp);
                }
                RetryPolicy::For(limit) => began.checked_add(limit),
                RetryPolicy::Once | RetryPolicy::Forever => None,
            };
            let until = earlier(limit, self.deadline);
            self.attempt(until)?;
            if self.is_over() {
                return Ok(Outcome::Repaired);
            }
            attempts += 1;
            if policy == RetryPolicy::Once {
                continue;
            }
            if self.is_late() {
                return Err(Failure::TimedOut);
            }
            let repair = self.link.lock_repair();
            if repair.policy == policy {
                self.sleep(repair, earlier(Some(Instant::now() + pause), until))?;
                pause = (pause * 2).min(LAST_PAUSE);
            }
        }
    }

    /// Connects, and makes the new session the link's if that works. Signals are let in.
    fn attempt(&mut self, until: Option<Instant>) -> Result<(), Failure> {
        let link = self.link;
        let session = self.signals.unblocked(|| open_session(&link.address, &link.settings, until));
        self.lost.check_process()?;
        if let Ok(session) = session {
            link.install(self.generation, session);
        }
        Ok(())
    }

    /// Ends the program. Calls that exit handlers make from this thread fail; other threads' calls
    /// wait for the end.
    fn die(&mut self) -> ! {
        let mut repair = self.link.lock_repair();
        repair.dying = Some(Instant::now() + DYING_TIME);
        repair.wake_all();
        drop(repair);
        self.signals.unblocked(|| std::process::exit(1))
    }

    /// Sleeps until something about the repair changes, or until `until`. Signals are let in.
    fn sleep(
        &mut self,
        mut repair: MutexGuard<'_, Repair>,
        until: Option<Instant>,
    ) -> Result<(), Failure> {
        let (lost, parker) = (self.lost, &self.parker);
        // Under the lock: whoever has news sets it after this.
        parker.reset();
        repair.waiting.push(Arc::clone(parker));
        drop(repair);
        self.signals.unblocked(|| {
            // In the child of a handler that forked, nobody would wake it.
            if lost.check_process().is_ok() {
                parker.park(until);
            }
        });
        lost.check_process()?;
        self.link.lock_repair().waiting.retain(|other| !Arc::ptr_eq(other, parker));
        Ok(())
    }
}

/// The earlier of two limits, where there are any.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}
