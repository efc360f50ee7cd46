//! Signals: `<signal.h>`; `sigaction(2)`, `sigprocmask(2)`, `sigaltstack(2)`, `sigevent(3)`.

pub(super) mod header;
mod host;
pub(super) mod number;

pub use header::*;
pub use host::{from_host, to_host};
pub use number::*;

#[cfg(test)]
mod tests {
    use super::super::Errno;
    use super::*;

    #[test]
    fn signals_translate_by_name() {
        assert_eq!(to_host(SIGUSR1), Some(libc::SIGUSR1));
        assert_eq!(to_host(SIGCHLD), Some(libc::SIGCHLD));
        assert_eq!(from_host(libc::SIGSYS), Some(SIGSYS));
        for signal in i32::from(i8::MIN)..200 {
            if let Some(host) = to_host(signal) {
                assert_eq!(from_host(host), Some(signal));
                assert!(signal_name(signal).is_some());
            }
        }
        for none in [0, -1, SIGRTMIN, SIGRTMAX, NSIG, i32::MAX, i32::MIN] {
            assert_eq!(to_host(none), None, "{none}");
        }
        assert_eq!(from_host(0), None);
    }

    #[test]
    fn every_signal_below_the_real_time_ones_has_a_name() {
        assert!((1..=SIGRTMIN).all(|signal| signal_name(signal).is_some()));
        assert_eq!(signal_name(SIGIOT), Some("SIGABRT"));
        assert_eq!(signal_name(0), None);
    }

    #[test]
    fn signals_come_and_go_in_sets() {
        let mut set = sigset_t::empty();
        for signal in [SIGHUP, SIGPWR, SIGRTMIN, SIGRTMAX] {
            assert_eq!(set.add(signal), Ok(()));
        }
        assert_eq!(set.__bits, [1 << 31 | 1, 1 << 30 | 1, 0, 0]);
        assert_eq!(format!("{set:?}"), "{SIGHUP, SIGPWR, SIGRTMIN, SIGRTMAX}");
        assert_eq!(set.del(SIGHUP), Ok(()));
        assert!(!set.contains(SIGHUP) && set.contains(SIGPWR));
        for none in [0, -1, NSIG, i32::MAX, i32::MIN] {
            assert_eq!(set.add(none), Err(Errno::EINVAL));
            assert_eq!(set.del(none), Err(Errno::EINVAL));
            assert!(!sigset_t::full().contains(none));
        }
    }

    #[test]
    fn a_value_holds_a_whole_int() {
        for value in [0, 1, -1, i32::MIN, i32::MAX] {
            assert_eq!(sigval::from_int(value).sival_int(), value);
        }
    }
}
