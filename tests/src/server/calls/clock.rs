//! Time: `clock_gettime(2)`, `gettimeofday(2)`, `nanosleep(2)`, ….

use std::time::{Duration, Instant};

use rumpclient::Errno;
use rumpclient::netbsd::{self as nb, timespec};
use rustix::time::{ClockId, clock_getres, clock_gettime};

use super::time::{TimeLayout, duration, time_of};
use super::{Answer, Call, Handlers};
use crate::server::kernel::{Result, Wake};

pub(super) const HANDLERS: Handlers = &[
    ("clock_gettime50", gettime),
    ("clock_getres50", getres),
    ("clock_settime50", refuse_to_set),
    ("gettimeofday50", gettimeofday),
    ("settimeofday50", refuse_to_set),
    ("adjtime50", refuse_to_set),
    ("nanosleep50", nanosleep),
    ("clock_nanosleep", clock_nanosleep),
    ("clock_getcpuclockid2", getcpuclockid),
];

/// `CLOCK_THREAD_CPUTIME_ID` of NetBSD 7.
const THREAD_CPUTIME_7: i32 = i32::MIN;

/// The host's clock that tells what one of NetBSD's does. The server's processor time stands for
/// every process's.
fn host_clock(call: &Call<'_>) -> Result<ClockId> {
    match call.int("clock_id")? {
        nb::CLOCK_REALTIME => Ok(ClockId::Realtime),
        nb::CLOCK_MONOTONIC => Ok(ClockId::Monotonic),
        nb::CLOCK_VIRTUAL | nb::CLOCK_PROF | nb::CLOCK_PROCESS_CPUTIME_ID => {
            Ok(ClockId::ProcessCPUTime)
        }
        nb::CLOCK_THREAD_CPUTIME_ID | THREAD_CPUTIME_7 => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::EINVAL.into()),
    }
}

fn from_host(time: rustix::time::Timespec) -> timespec {
    timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_nsec as _ }
}

fn gettime(call: &Call<'_>) -> Result<Answer> {
    let now = from_host(clock_gettime(host_clock(call)?));
    Ok(call.put_time("tp", TimeLayout::Timespec, now)?.into())
}

fn getres(call: &Call<'_>) -> Result<Answer> {
    let resolution = from_host(clock_getres(host_clock(call)?));
    Ok(call.put_time("tp", TimeLayout::Timespec, resolution)?.into())
}

/// The clocks are the host's, and not the clients' to set.
fn refuse_to_set(_: &Call<'_>) -> Result<Answer> {
    Err(Errno::EPERM.into())
}

fn gettimeofday(call: &Call<'_>) -> Result<Answer> {
    let now = from_host(clock_gettime(ClockId::Realtime));
    call.put_time("tp", TimeLayout::Timeval, now)?;
    if let Some(zone) = call.pointer("tzp")? {
        call.copyout(zone, &[0; size_of::<nb::timezone>()])?;
    }
    Ok(().into())
}

fn nanosleep(call: &Call<'_>) -> Result<Answer> {
    let wanted = call.time("rqtp", TimeLayout::Timespec)?.ok_or(Errno::EFAULT)?;
    let deadline = Instant::now().checked_add(duration(wanted)?);
    Ok(sleep(call, deadline, true)?.into())
}

/// Answers with an error number as its result.
fn clock_nanosleep(call: &Call<'_>) -> Result<Answer> {
    let result = clock_sleep(call);
    Ok(result.map_or_else(|failure| failure.0.raw(), |()| 0).into())
}

fn clock_sleep(call: &Call<'_>) -> Result<()> {
    let clock = host_clock(call)?;
    if !matches!(clock, ClockId::Realtime | ClockId::Monotonic) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let wanted = call.time("rqtp", TimeLayout::Timespec)?.ok_or(Errno::EFAULT)?;
    let wanted = duration(wanted)?;
    let absolute = call.int("flags")? & nb::TIMER_ABSTIME != 0;
    let now = duration(from_host(clock_gettime(clock)))?;
    let left = if absolute { wanted.saturating_sub(now) } else { wanted };
    sleep(call, Instant::now().checked_add(left), !absolute)
}

/// Sleeps until `deadline`, or until interrupted when there is none; stores what is left of the
/// time when the sleep is cut short.
fn sleep(call: &Call<'_>, deadline: Option<Instant>, report_rest: bool) -> Result<()> {
    loop {
        match call.lwp.block(&[], deadline) {
            Ok(Wake::TimedOut) => {
                if report_rest {
                    call.put_time("rmtp", TimeLayout::Timespec, timespec::default())?;
                }
                return Ok(());
            }
            Ok(Wake::Event) => {}
            Err(failure) => {
                let rest = deadline.map_or(Duration::MAX, |at| at - Instant::now());
                if report_rest {
                    // The client may be gone, and then nobody asks.
                    let _ = call.put_time("rmtp", TimeLayout::Timespec, time_of(rest));
                }
                return Err(failure);
            }
        }
    }
}

/// The clock of a process or thread; every one has the same.
fn getcpuclockid(call: &Call<'_>) -> Result<Answer> {
    let clock = match call.int("idtype")? {
        nb::P_PID => nb::CLOCK_PROCESS_CPUTIME_ID,
        nb::P_LWPID => nb::CLOCK_THREAD_CPUTIME_ID,
        _ => return Err(Errno::EINVAL.into()),
    };
    call.copyout(call.word("clock_id")?, &clock.to_ne_bytes())?;
    Ok(().into())
}
