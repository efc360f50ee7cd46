//! Clocks, timers and times: `<sys/time.h>`, `<time.h>`; `clock_gettime(2)`, `setitimer(2)`,
//! `timer_settime(2)`, `gettimeofday(2)`.

use core::ffi::{c_int, c_long};
use core::time::Duration;

use super::macros::{constants, layouts};
use super::{Errno, clockid_t, suseconds_t, time_t};

/// Seconds and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct timespec {
    /// Seconds.
    pub tv_sec: time_t,
    /// Nanoseconds, 0 to 999,999,999.
    pub tv_nsec: c_long,
}

/// Seconds and microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct timeval {
    /// Seconds.
    pub tv_sec: time_t,
    /// Microseconds, 0 to 999,999.
    pub tv_usec: suseconds_t,
}

/// An interval timer of `setitimer(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct itimerval {
    /// Time between expirations; zero for a single one.
    pub it_interval: timeval,
    /// Time until the next expiration; zero when disarmed.
    pub it_value: timeval,
}

/// A timer of `timer_settime(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct itimerspec {
    /// Time between expirations; zero for a single one.
    pub it_interval: timespec,
    /// Time until the next expiration; zero when disarmed.
    pub it_value: timespec,
}

/// Seconds and a binary fraction of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct bintime {
    /// Seconds.
    pub sec: time_t,
    /// Fraction in units of 2⁻⁶⁴ seconds.
    pub frac: u64,
}

/// The time zone of `gettimeofday(2)`, obsolete: the kernel fills in zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct timezone {
    /// Minutes west of Greenwich.
    pub tz_minuteswest: c_int,
    /// Kind of daylight saving time.
    pub tz_dsttime: c_int,
}

layouts! {
    timespec: 16 / 12 { tv_sec: 0 / 0, tv_nsec: 8 / 8 }
    timeval: 16 / 12 { tv_sec: 0 / 0, tv_usec: 8 / 8 }
    itimerval: 32 / 24 { it_interval: 0 / 0, it_value: 16 / 12 }
    itimerspec: 32 / 24 { it_interval: 0 / 0, it_value: 16 / 12 }
    bintime: 16 / 16 { sec: 0 / 0, frac: 8 / 8 }
    timezone: 8 / 8 { tz_minuteswest: 0 / 0, tz_dsttime: 4 / 4 }
}

constants! {
    /// A duration in units of 2⁻⁶⁴ seconds, [`bintime::frac`].
    u64 {
        /// A millisecond.
        BINTIME_SCALE_MS = 18_446_744_073_709_551;
        /// A microsecond.
        BINTIME_SCALE_US = 18_446_744_073_709;
        /// A nanosecond.
        BINTIME_SCALE_NS = 18_446_744_073;
    }
    /// Which timer, `setitimer(2)`.
    c_int {
        /// Real time; `SIGALRM`.
        ITIMER_REAL = 0;
        /// Processor time in user mode; `SIGVTALRM`.
        ITIMER_VIRTUAL = 1;
        /// Processor time; `SIGPROF`.
        ITIMER_PROF = 2;
        /// Monotonic time; `SIGALRM`.
        ITIMER_MONOTONIC = 3;
    }
    /// Which clock, `clock_gettime(2)`.
    clockid_t {
        /// Time of day.
        CLOCK_REALTIME = 0;
        /// Processor time in user mode.
        CLOCK_VIRTUAL = 1;
        /// Processor time.
        CLOCK_PROF = 2;
        /// Time since some point in the past; never set.
        CLOCK_MONOTONIC = 3;
        /// Processor time of the thread. -0x80000000 in NetBSD 7.
        CLOCK_THREAD_CPUTIME_ID = 0x2000_0000;
        /// Processor time of the process.
        CLOCK_PROCESS_CPUTIME_ID = 0x4000_0000;
    }
    /// How to take a time, `clock_nanosleep(2)`, `timer_settime(2)`.
    c_int {
        /// From now.
        TIMER_RELTIME = 0;
        /// Absolute.
        TIMER_ABSTIME = 1;
    }
}

impl TryFrom<Duration> for timespec {
    type Error = Errno;

    /// `EOVERFLOW` where the seconds do not fit.
    fn try_from(duration: Duration) -> Result<Self, Errno> {
        let tv_sec = duration.as_secs().try_into().map_err(|_| Errno::EOVERFLOW)?;
        // A c_long holds a billion on every ABI.
        Ok(timespec { tv_sec, tv_nsec: duration.subsec_nanos() as c_long })
    }
}

impl TryFrom<timespec> for Duration {
    type Error = Errno;

    /// `EINVAL` for a negative time, or nanoseconds out of range.
    fn try_from(time: timespec) -> Result<Self, Errno> {
        duration(time.tv_sec, time.tv_nsec, 1)
    }
}

impl TryFrom<Duration> for timeval {
    type Error = Errno;

    /// Rounds down to microseconds. `EOVERFLOW` where the seconds do not fit.
    fn try_from(duration: Duration) -> Result<Self, Errno> {
        let tv_sec = duration.as_secs().try_into().map_err(|_| Errno::EOVERFLOW)?;
        Ok(timeval { tv_sec, tv_usec: duration.subsec_micros() as suseconds_t })
    }
}

impl TryFrom<timeval> for Duration {
    type Error = Errno;

    /// `EINVAL` for a negative time, or microseconds out of range.
    fn try_from(time: timeval) -> Result<Self, Errno> {
        duration(time.tv_sec, time.tv_usec, 1000)
    }
}

/// `fraction` counts units of `unit` nanoseconds.
fn duration(seconds: time_t, fraction: impl TryInto<u32>, unit: u32) -> Result<Duration, Errno> {
    let seconds = u64::try_from(seconds).map_err(|_| Errno::EINVAL)?;
    match fraction.try_into() {
        Ok(fraction) if fraction < 1_000_000_000 / unit => {
            Ok(Duration::new(seconds, fraction * unit))
        }
        _ => Err(Errno::EINVAL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_come_back() {
        for duration in
            [Duration::ZERO, Duration::new(1, 999_999_999), Duration::from_secs(1 << 40)]
        {
            let time = timespec::try_from(duration).expect("a duration that fits");
            assert_eq!(Duration::try_from(time), Ok(duration));
            let time = timeval::try_from(duration).expect("a duration that fits");
            let micros = Duration::from_micros(duration.as_micros() as u64);
            assert_eq!(Duration::try_from(time), Ok(micros));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(timespec::try_from(Duration::MAX), Err(Errno::EOVERFLOW));
        assert_eq!(timeval::try_from(Duration::MAX), Err(Errno::EOVERFLOW));
        for (tv_sec, tv_nsec) in [(-1, 0), (0, -1), (0, 1_000_000_000), (i64::MIN, 0)] {
            let time = timespec { tv_sec, tv_nsec };
            assert_eq!(Duration::try_from(time), Err(Errno::EINVAL), "{time:?}");
        }
        for (tv_sec, tv_usec) in [(-1, 0), (0, -1), (0, 1_000_000), (0, i32::MAX)] {
            let time = timeval { tv_sec, tv_usec };
            assert_eq!(Duration::try_from(time), Err(Errno::EINVAL), "{time:?}");
        }
    }
}
