//! What tests see of a running server, and where they hold it up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::kernel::{Lwp, Result, WaitList};
use super::options::Faults;

/// A system call that is blocked in the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedCall {
    /// The process that made it.
    pub pid: i32,
    /// The call by its versioned name, `read`, `nanosleep50`.
    pub call: &'static str,
}

/// The state behind the hooks of [`TestServer`](super::TestServer).
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    state: Mutex<State>,
    changed: Condvar,
    gate: WaitList,
}

#[derive(Debug, Default)]
struct State {
    calls: BTreeMap<&'static str, u64>,
    blocked: Vec<BlockedCall>,
    paused: bool,
    faults: Arc<Faults>,
    stopped: bool,
}

/// Takes its call off the list of blocked ones.
pub(crate) struct Blocked<'a> {
    hooks: &'a Hooks,
    call: BlockedCall,
}

impl Hooks {
    pub(crate) fn new(faults: Faults) -> Self {
        let state = State { faults: Arc::new(faults), ..State::default() };
        Self { state: Mutex::new(state), ..Self::default() }
    }

    pub(crate) fn faults(&self) -> Arc<Faults> {
        Arc::clone(&self.state.lock().faults)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = Arc::new(faults);
    }

    /// Counts a call that has come in.
    pub(crate) fn count(&self, call: &'static str) {
        *self.state.lock().calls.entry(call).or_default() += 1;
        self.changed.notify_all();
    }

    /// How often a call has come in.
    pub(crate) fn calls(&self, call: &str) -> u64 {
        self.state.lock().calls.get(call).copied().unwrap_or(0)
    }

    /// Notes that a call blocks, until the guard is dropped.
    pub(crate) fn blocked(&self, pid: i32, call: &'static str) -> Blocked<'_> {
        let call = BlockedCall { pid, call };
        self.state.lock().blocked.push(call.clone());
        self.changed.notify_all();
        Blocked { hooks: self, call }
    }

    /// The calls that are blocked now.
    pub(crate) fn blocked_calls(&self) -> Vec<BlockedCall> {
        self.state.lock().blocked.clone()
    }

    /// Holds calls up before they start, or lets them go.
    pub(crate) fn set_paused(&self, paused: bool) {
        self.state.lock().paused = paused;
        self.gate.wake_all();
    }

    /// Waits while calls are held up. They count as blocked meanwhile.
    pub(crate) fn pass_gate(&self, lwp: &Lwp<'_>) -> Result<()> {
        if !self.state.lock().paused {
            return Ok(());
        }
        lwp.wait_for(&self.gate, || Ok((!self.state.lock().paused).then_some(())))
    }

    /// Notes that the server serves no more.
    pub(crate) fn set_stopped(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(crate) fn wait_until_blocked(
        &self,
        timeout: Duration,
        enough: impl Fn(&[BlockedCall]) -> bool,
    ) -> bool {
        self.wait_until(timeout, |state| enough(&state.blocked))
    }

    pub(crate) fn wait_until_called(&self, call: &str, times: u64, timeout: Duration) -> bool {
        self.wait_until(timeout, |state| state.calls.get(call).is_some_and(|&n| n >= times))
    }

    pub(crate) fn wait_until_stopped(&self, timeout: Duration) -> bool {
        self.wait_until(timeout, |state| state.stopped)
    }

    /// Looks again at `condition`, which depends on something outside.
    pub(crate) fn note_change(&self) {
        // The lock keeps this from falling between a waiter's look and its sleep.
        let _state = self.state.lock();
        self.changed.notify_all();
    }

    pub(crate) fn wait_until_changed(
        &self,
        timeout: Duration,
        condition: impl Fn() -> bool,
    ) -> bool {
        self.wait_until(timeout, |_| condition())
    }

    fn wait_until(&self, timeout: Duration, mut condition: impl FnMut(&State) -> bool) -> bool {
        let deadline = Instant::now().checked_add(timeout);
        let mut state: MutexGuard<'_, State> = self.state.lock();
        while !condition(&state) {
            let Some(deadline) = deadline else {
                self.changed.wait(&mut state);
                continue;
            };
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                return condition(&state);
            }
        }
        true
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        let blocked = &mut self.hooks.state.lock().blocked;
        if let Some(at) = blocked.iter().position(|call| *call == self.call) {
            blocked.swap_remove(at);
        }
        self.hooks.changed.notify_all();
    }
}
