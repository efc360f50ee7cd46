//! Times in the client's memory.

use std::time::Duration;

use rumpclient::Errno;
use rumpclient::netbsd::{self as nb, timespec};

use super::Call;
use super::layout::{encode, field};
use crate::server::kernel::Result;

/// How a time is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeLayout {
    /// `struct timespec`.
    Timespec,
    /// `struct timespec` up to NetBSD 5.
    Timespec50,
    /// `struct timeval`.
    Timeval,
    /// `struct timeval` up to NetBSD 5.
    Timeval50,
}

impl TimeLayout {
    /// Bytes of one.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Timespec => size_of::<nb::timespec>(),
            Self::Timespec50 => size_of::<nb::timespec50>(),
            Self::Timeval => size_of::<nb::timeval>(),
            Self::Timeval50 => size_of::<nb::timeval50>(),
        }
    }

    /// Reads one, without checking its range.
    pub(super) fn decode(self, bytes: &[u8]) -> timespec {
        let (tv_sec, tv_nsec) = match self {
            Self::Timespec => {
                (field!(bytes, nb::timespec, tv_sec), field!(bytes, nb::timespec, tv_nsec))
            }
            Self::Timespec50 => (
                field!(bytes, nb::timespec50, tv_sec).into(),
                field!(bytes, nb::timespec50, tv_nsec),
            ),
            Self::Timeval => {
                let micros = field!(bytes, nb::timeval, tv_usec);
                (field!(bytes, nb::timeval, tv_sec), nanoseconds(micros.into()))
            }
            Self::Timeval50 => {
                let micros = field!(bytes, nb::timeval50, tv_usec);
                (field!(bytes, nb::timeval50, tv_sec) as _, nanoseconds(micros as _))
            }
        };
        timespec { tv_sec, tv_nsec }
    }

    /// Writes one.
    pub(super) fn encode(self, time: timespec) -> Vec<u8> {
        let timespec { tv_sec, tv_nsec } = time;
        match self {
            Self::Timespec => encode!(nb::timespec { tv_sec: tv_sec, tv_nsec: tv_nsec }),
            Self::Timespec50 => {
                encode!(nb::timespec50 { tv_sec: tv_sec as i32, tv_nsec: tv_nsec })
            }
            Self::Timeval => {
                encode!(nb::timeval { tv_sec: tv_sec, tv_usec: (tv_nsec / 1000) as i32 })
            }
            Self::Timeval50 => {
                encode!(nb::timeval50 { tv_sec: tv_sec as _, tv_usec: tv_nsec / 1000 })
            }
        }
    }
}

/// Microseconds as nanoseconds; what is out of range stays so.
fn nanoseconds(micros: i64) -> core::ffi::c_long {
    match micros {
        0..1_000_000 => (micros * 1000) as _,
        _ => -1,
    }
}

/// A time as a duration.
///
/// # Errors
/// EINVAL when it is negative or its fraction is out of range.
pub(super) fn duration(time: timespec) -> Result<Duration> {
    let seconds = u64::try_from(time.tv_sec).map_err(|_| Errno::EINVAL)?;
    match u32::try_from(time.tv_nsec) {
        Ok(nanos @ 0..1_000_000_000) => Ok(Duration::new(seconds, nanos)),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// A duration as a time.
pub(super) fn time_of(duration: Duration) -> timespec {
    timespec::try_from(duration).unwrap_or(timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}

impl Call<'_> {
    /// The time that an argument points at; `None` for the null pointer.
    pub(super) fn time(&self, name: &str, layout: TimeLayout) -> Result<Option<timespec>> {
        let Some(address) = self.pointer(name)? else {
            return Ok(None);
        };
        Ok(Some(layout.decode(&self.copyin(address, layout.size())?)))
    }

    /// Stores a time where an argument points, unless that is null.
    pub(super) fn put_time(&self, name: &str, layout: TimeLayout, time: timespec) -> Result<()> {
        match self.pointer(name)? {
            Some(address) => self.copyout(address, &layout.encode(time)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_every_layout() {
        let time = timespec { tv_sec: 1_700_000_000, tv_nsec: 123_456_000 };
        for layout in [
            TimeLayout::Timespec,
            TimeLayout::Timespec50,
            TimeLayout::Timeval,
            TimeLayout::Timeval50,
        ] {
            let bytes = layout.encode(time);
            assert_eq!(bytes.len(), layout.size());
            assert_eq!(layout.decode(&bytes), time, "{layout:?}");
        }
    }

    #[test]
    fn fractions_out_of_range_are_refused() {
        let with = |tv_nsec| timespec { tv_sec: 0, tv_nsec };
        assert!(duration(with(999_999_999)).is_ok());
        for tv_nsec in [-1, 1_000_000_000] {
            assert!(duration(with(tv_nsec)).is_err());
        }
        assert!(duration(timespec { tv_sec: -1, tv_nsec: 0 }).is_err());
    }
}
