//! Clocks and sleeping.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rumpclient::Client;
use rumpclient::netbsd::{self, Errno, clockid_t, timespec, timeval};
use rumpclient_tests::fixture::patient_client;
use rumpclient_tests::harness::PATIENCE;
use rumpclient_tests::on_every_kernel;

/// Long enough to see that a call has waited.
const MOMENT: Duration = Duration::from_millis(40);

fn spec(time: Duration) -> timespec {
    timespec::try_from(time).expect("no test waits for ages")
}

fn read(client: &Client, clock: clockid_t) -> Result<Duration, Errno> {
    let mut time = timespec::default();
    client.rump_sys_clock_gettime(clock, &mut time)?;
    Ok(Duration::try_from(time).expect("no clock runs before its start"))
}

fn uptime(client: &Client) -> Duration {
    read(client, netbsd::CLOCK_MONOTONIC).expect("there is a monotonic clock")
}

on_every_kernel! {
    fn the_time_of_day_is_the_hosts(kernel) {
        let client = patient_client(kernel);
        // A rump kernel takes the time over from its host when it starts.
        let host = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let clock = read(&client, netbsd::CLOCK_REALTIME).unwrap();
        assert!(clock.abs_diff(host) < PATIENCE, "{clock:?} {host:?}");
        let mut time = timeval::default();
        assert_eq!(client.rump_sys_gettimeofday(Some(&mut time), None), Ok(()));
        let time = Duration::try_from(time).unwrap();
        assert!(time.abs_diff(clock) < PATIENCE, "{time:?} {clock:?}");
        // The time zone, which nobody uses any more, is Greenwich.
        let mut zone = netbsd::timezone { tz_minuteswest: 7, tz_dsttime: 7 };
        assert_eq!(client.rump_sys_gettimeofday(None, Some(&mut zone)), Ok(()));
        assert_eq!(zone, netbsd::timezone::default());
    }

    fn the_monotonic_clock_never_goes_back(kernel) {
        let client = patient_client(kernel);
        let mut last = uptime(&client);
        for _ in 0..1000 {
            let now = uptime(&client);
            assert!(now >= last, "{now:?} after {last:?}");
            last = now;
        }
    }

    fn threads_agree_on_the_monotonic_clock(kernel) {
        let client = patient_client(kernel);
        let before = uptime(&client);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| uptime(&client))).collect();
            for thread in threads {
                assert!(thread.join().unwrap() >= before);
            }
        });
    }

    fn clocks_tell_how_fine_they_are(kernel) {
        let client = patient_client(kernel);
        for clock in [netbsd::CLOCK_REALTIME, netbsd::CLOCK_MONOTONIC] {
            let mut step = timespec::default();
            assert_eq!(client.rump_sys_clock_getres(clock, Some(&mut step)), Ok(()));
            let step = Duration::try_from(step).unwrap();
            assert!(step > Duration::ZERO && step <= Duration::from_secs(1), "{step:?}");
            assert_eq!(client.rump_sys_clock_getres(clock, None), Ok(()));
        }
    }

    fn unknown_clocks_are_refused(kernel) {
        let client = patient_client(kernel);
        for clock in [4, 77] {
            assert_eq!(read(&client, clock), Err(Errno::EINVAL), "{clock}");
            let result = client.rump_sys_clock_getres(clock, None);
            assert_eq!(result, Err(Errno::EINVAL), "{clock}");
        }
    }

    fn sleeping_takes_its_time(kernel) {
        let client = patient_client(kernel);
        let (kernels, began) = (uptime(&client), Instant::now());
        let mut left = timespec { tv_sec: 7, tv_nsec: 7 };
        assert_eq!(client.rump_sys_nanosleep(&spec(MOMENT), Some(&mut left)), Ok(()));
        assert!(began.elapsed() >= MOMENT, "{:?}", began.elapsed());
        assert!(uptime(&client) - kernels >= MOMENT);
        assert!(left.tv_sec <= 0, "{left:?}");
        assert_eq!(client.rump_sys_nanosleep(&timespec::default(), None), Ok(()));
    }

    fn times_that_are_none_are_refused(kernel) {
        let client = patient_client(kernel);
        for tv_nsec in [-1, 1_000_000_000] {
            let time = timespec { tv_sec: 0, tv_nsec };
            let result = client.rump_sys_nanosleep(&time, None);
            assert_eq!(result, Err(Errno::EINVAL), "{time:?}");
        }
    }

    fn sleeping_by_a_clock_can_end_at_a_time(kernel) {
        let client = patient_client(kernel);
        let clock = netbsd::CLOCK_MONOTONIC;
        let sleep = |flags, time: Duration| {
            client.rump_sys_clock_nanosleep(clock, flags, &spec(time), None)
        };
        let until = uptime(&client) + MOMENT;
        assert_eq!(sleep(netbsd::TIMER_ABSTIME, until), Ok(()));
        assert!(uptime(&client) >= until);
        // A time that has been is not waited for.
        assert_eq!(sleep(netbsd::TIMER_ABSTIME, until), Ok(()));
        let began = Instant::now();
        assert_eq!(sleep(netbsd::TIMER_RELTIME, MOMENT), Ok(()));
        assert!(began.elapsed() >= MOMENT, "{:?}", began.elapsed());
        // This one answers with an errno as its result.
        let unknown = client.rump_sys_clock_nanosleep(77, 0, &spec(MOMENT), None);
        assert_eq!(unknown, Err(Errno::EINVAL));
    }

    fn threads_sleep_side_by_side(kernel) {
        const SLEEPERS: u32 = 16;
        let client = patient_client(kernel);
        let began = Instant::now();
        thread::scope(|scope| {
            let sleepers: Vec<_> = (0..SLEEPERS)
                .map(|_| scope.spawn(|| client.rump_sys_nanosleep(&spec(MOMENT * 5), None)))
                .collect();
            for sleeper in sleepers {
                assert_eq!(sleeper.join().unwrap(), Ok(()));
            }
        });
        let took = began.elapsed();
        assert!(took < MOMENT * 5 * SLEEPERS, "one after the other: {took:?}");
    }
}
