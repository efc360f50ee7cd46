//! Whether it pays to look at the stream again and again before sleeping until something comes.
//!
//! Waking up takes longer than a kernel takes over a quick call: on two CPUs the wait is halved by
//! staying awake. It is wasted where the kernel needs this CPU, or where the call is a slow one. So
//! a session learns, for each kind of wait apart, how long waits last, and stays awake only for
//! those that have been short of late. A wait that outlasts the budget costs the right to stay awake
//! for a number of short waits that doubles each time.

use std::time::Duration;

use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The answer to a call, or the kernel's first request for its memory.
    Answer,
    /// What follows on memory that the kernel has asked for.
    Next,
}

/// How a wait went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// Something came while the thread stayed awake.
    Awake,
    /// Nothing did, for as long as it stayed awake.
    InVain,
    /// The thread slept, for so long.
    Asleep(Duration),
}

/// What has been learnt about a session's waits.
#[derive(Debug)]
pub(super) struct Spin {
    /// How long to stay awake at most; zero for not at all.
    budget: Duration,
    /// Whether the kernel can run while a thread here stays awake.
    room: AtomicBool,
    /// Counts waits, to look at the CPUs again now and then.
    waits: AtomicU32,
    kinds: [Learned; 2],
}

/// What has been learnt about one kind of wait. Racing updates may lose one another: these are
/// estimates.
#[derive(Debug, Default)]
struct Learned {
    /// How many more short waits it takes before one is spent awake.
    owed: AtomicU8,
    /// What the next wait in vain will cost: a power of two, in steps of [`STEP`].
    price: AtomicU8,
}

/// How much dearer a wait in vain makes the next one; a wait that paid takes 1 off.
const STEP: u8 = 16;

/// The dearest that a wait in vain gets: 128 short waits.
const PRICE_MAX: u8 = 7 * STEP;

/// How many waits pass before the CPUs are looked at again.
const ROOM_CHECKED_EVERY: u32 = 512;

/// Before that they are looked at after so many waits, when the server has run, and after twice as
/// many each time.
const ROOM_CHECKED_FIRST: u32 = 16;

impl Spin {
    /// Staying awake for `budget` at most. `room` tells whether that leaves the kernel a CPU.
    pub(super) fn new(budget: Duration, room: bool) -> Self {
        Self {
            budget,
            room: AtomicBool::new(room),
            waits: AtomicU32::new(0),
            kinds: Default::default(),
        }
    }

    fn learned(&self, awaited: Awaited) -> &Learned {
        &self.kinds[awaited as usize]
    }

    /// How long to stay awake for what comes next, if at all. `has_room` is asked now and then.
    pub(super) fn limit(
        &self,
        awaited: Awaited,
        has_room: impl FnOnce() -> bool,
    ) -> Option<Duration> {
        if self.budget.is_zero() {
            return None;
        }
        let waits = self.waits.fetch_add(1, Ordering::Relaxed);
        let early = (ROOM_CHECKED_FIRST..ROOM_CHECKED_EVERY).contains(&waits);
        if early && waits.is_power_of_two() || waits % ROOM_CHECKED_EVERY == ROOM_CHECKED_EVERY - 1
        {
            self.room.store(has_room(), Ordering::Relaxed);
        }
        let pays = self.learned(awaited).owed.load(Ordering::Relaxed) == 0;
        (pays && self.has_room()).then_some(self.budget)
    }

    /// Whether there is anything to be learnt from how long waits last.
    pub(super) fn learns(&self) -> bool {
        !self.budget.is_zero() && self.has_room()
    }

    /// Whether the kernel can run while a thread here stays awake, as of late.
    fn has_room(&self) -> bool {
        self.room.load(Ordering::Relaxed)
    }

    /// Takes note of how a wait went.
    pub(super) fn learn(&self, awaited: Awaited, waited: Waited) {
        let Learned { owed, price } = self.learned(awaited);
        let cost = price.load(Ordering::Relaxed);
        match waited {
            Waited::Awake if cost > 0 => price.store(cost - 1, Ordering::Relaxed),
            Waited::Awake => {}
            Waited::InVain => {
                owed.store(1 << (cost / STEP), Ordering::Relaxed);
                price.store((cost + STEP).min(PRICE_MAX), Ordering::Relaxed);
            }
            // Waking up is part of what was measured, and would have been saved.
            Waited::Asleep(time) if time <= self.budget * 3 => {
                let left = owed.load(Ordering::Relaxed);
                owed.store(left.saturating_sub(1), Ordering::Relaxed);
            }
            Waited::Asleep(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_micros(50);
    const SHORT: Waited = Waited::Asleep(Duration::from_micros(60));
    const LONG: Waited = Waited::Asleep(Duration::from_millis(5));

    fn stays_awake(spin: &Spin, awaited: Awaited) -> bool {
        spin.limit(awaited, || true).is_some()
    }

    /// How many short waits it takes until one is spent awake.
    fn short_waits_owed(spin: &Spin) -> u32 {
        let mut count = 0;
        while !stays_awake(spin, Awaited::Answer) {
            spin.learn(Awaited::Answer, SHORT);
            count += 1;
        }
        count
    }

    #[test]
    fn without_a_budget_or_a_second_cpu_nobody_stays_awake() {
        assert!(!stays_awake(&Spin::new(Duration::ZERO, true), Awaited::Answer));
        let alone = Spin::new(BUDGET, false);
        assert!(alone.limit(Awaited::Answer, || false).is_none());
        // The program may be moved: it finds out in time.
        let waits = (0..ROOM_CHECKED_EVERY).take_while(|_| !stays_awake(&alone, Awaited::Next));
        assert!(waits.count() <= ROOM_CHECKED_FIRST as usize);
    }

    #[test]
    fn waits_in_vain_get_dearer_and_are_forgiven() {
        let spin = Spin::new(BUDGET, true);
        for owed in [1, 2, 4, 8, 16, 32, 64, 128, 128] {
            assert!(stays_awake(&spin, Awaited::Answer));
            spin.learn(Awaited::Answer, Waited::InVain);
            assert_eq!(short_waits_owed(&spin), owed);
        }
        for _ in 0..PRICE_MAX {
            spin.learn(Awaited::Answer, Waited::Awake);
        }
        spin.learn(Awaited::Answer, Waited::InVain);
        assert_eq!(short_waits_owed(&spin), 1);
    }

    #[test]
    fn long_waits_do_not_earn_it_back() {
        let spin = Spin::new(BUDGET, true);
        spin.learn(Awaited::Answer, Waited::InVain);
        for _ in 0..100 {
            spin.learn(Awaited::Answer, LONG);
        }
        assert_eq!(short_waits_owed(&spin), 1);
    }

    #[test]
    fn kinds_of_wait_are_learnt_apart() {
        let spin = Spin::new(BUDGET, true);
        spin.learn(Awaited::Answer, Waited::InVain);
        assert!(!stays_awake(&spin, Awaited::Answer));
        assert!(stays_awake(&spin, Awaited::Next));
    }
}
