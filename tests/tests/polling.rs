//! Waiting for descriptors: poll, select, kqueue, and their variants.

use std::ffi::{c_int, c_short};
use std::marker::PhantomData;
use std::thread;
use std::time::{Duration, Instant};

use rumpclient::netbsd::{self, Errno, fd_set, pollfd, timespec, timeval};
use rumpclient::{Client, table};
use rumpclient_tests::fixture::{
    address, address_mut, client_with_files, create, patient_client, version,
};
use rumpclient_tests::harness::{Kernel, PATIENCE, is_at_least};
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::server::{Options, Release};

/// Long enough to see that a call has waited.
const MOMENT: Duration = Duration::from_millis(40);
const AT_ONCE: timespec = timespec { tv_sec: 0, tv_nsec: 0 };

/// Whether a call has waited for a moment. Kernels count in ticks of 10 ms, from the one before.
fn has_waited(since: Instant) -> bool {
    since.elapsed() >= MOMENT / 2
}

fn millis(time: Duration) -> c_int {
    c_int::try_from(time.as_millis()).expect("no test waits for weeks")
}

fn spec(time: Duration) -> timespec {
    timespec::try_from(time).expect("no test waits for ages")
}

fn fd(fd: c_int, events: c_short) -> pollfd {
    pollfd { fd, events, revents: 0 }
}

fn pipe(client: &Client) -> [c_int; 2] {
    client.rump_sys_pipe().expect("a pipe can be made")
}

fn pair(client: &Client) -> [c_int; 2] {
    let mut ends = [-1; 2];
    client
        .rump_sys_socketpair(netbsd::AF_LOCAL, netbsd::SOCK_STREAM, 0, &mut ends)
        .expect("a pair of local sockets can be made");
    ends
}

fn set_of(descriptors: &[c_int]) -> fd_set {
    let mut set = fd_set::new();
    for &fd in descriptors {
        set.set(fd).expect("a test opens few descriptors");
    }
    set
}

/// Runs `wait` while another thread writes to `to`; what it waited for must come of that.
fn while_written_to<R>(client: &Client, to: c_int, wait: impl FnOnce() -> R) -> R {
    thread::scope(|scope| {
        let writer = scope.spawn(|| client.rump_sys_write(to, b"wake up"));
        let result = wait();
        assert_eq!(writer.join().expect("the writer does not panic"), Ok(7));
        result
    })
}

/// A `struct kevent` of either layout.
trait Event: Copy + Default {
    fn new(ident: usize, filter: u32, flags: u32, udata: usize) -> Self;
    fn with(self, fflags: u32, data: i64) -> Self;
    fn ident(&self) -> usize;
    fn filter(&self) -> u32;
    fn flags(&self) -> u32;
    fn data(&self) -> i64;
    fn udata(&self) -> usize;
}

macro_rules! events {
    ($($layout:ty),*) => {$(
        impl Event for $layout {
            fn new(ident: usize, filter: u32, flags: u32, udata: usize) -> Self {
                Self { ident, filter, flags, udata, ..Self::default() }
            }
            fn with(self, fflags: u32, data: i64) -> Self {
                Self { fflags, data, ..self }
            }
            fn ident(&self) -> usize {
                self.ident
            }
            fn filter(&self) -> u32 {
                self.filter
            }
            fn flags(&self) -> u32 {
                self.flags
            }
            fn data(&self) -> i64 {
                self.data
            }
            fn udata(&self) -> usize {
                self.udata
            }
        }
    )*};
}

events!(netbsd::kevent, netbsd::kevent100);

/// A queue with the `kevent(2)` that its kernel serves.
struct Queue<'a, K, E> {
    client: &'a Client,
    fd: c_int,
    kevent: K,
    layout: PhantomData<E>,
}

impl<'a, K, E> Queue<'a, K, E>
where
    E: Event,
    K: Fn(c_int, &[E], &mut [E], Option<&timespec>) -> Result<c_int, Errno>,
{
    fn new(client: &'a Client, kevent: K) -> Self {
        let fd = client.rump_sys_kqueue().expect("a queue can be made");
        Self { client, fd, kevent, layout: PhantomData }
    }

    fn change(&self, changes: &[E]) -> Result<(), Errno> {
        (self.kevent)(self.fd, changes, &mut [], None).map(|_| ())
    }

    fn wait(&self, limit: Duration) -> Vec<E> {
        let mut events = [E::default(); 8];
        let count = (self.kevent)(self.fd, &[], &mut events, Some(&spec(limit)));
        events[..count.expect("a queue can be waited for") as usize].to_vec()
    }

    fn wait_for_one(&self) -> E {
        let events = self.wait(PATIENCE);
        assert_eq!(events.len(), 1);
        events[0]
    }

    fn none(&self) -> bool {
        self.wait(Duration::ZERO).is_empty()
    }

    fn check_readiness(&self) {
        let client = self.client;
        let [from, to] = pipe(client);
        let watch = |flags| E::new(from as usize, netbsd::EVFILT_READ, flags, 0xbeef);
        self.change(&[watch(netbsd::EV_ADD)]).expect("a pipe can be watched");
        assert!(self.none());
        let event = while_written_to(client, to, || self.wait_for_one());
        assert_eq!((event.ident(), event.filter()), (from as usize, netbsd::EVFILT_READ));
        assert_eq!((event.data(), event.udata()), (7, 0xbeef));
        assert_eq!(self.wait_for_one().data(), 7, "it is there as long as it is true");
        client.rump_sys_read(from, &mut [0; 16]).expect("there is something to read");
        assert!(self.none());
        // Disabled and enabled again.
        self.change(&[watch(netbsd::EV_DISABLE)]).expect("a watched pipe can be disabled");
        client.rump_sys_write(to, b"x").expect("a pipe takes a byte");
        assert!(self.none());
        self.change(&[watch(netbsd::EV_ENABLE)]).expect("a disabled pipe can be enabled");
        assert_eq!(self.wait_for_one().data(), 1);
        self.change(&[watch(netbsd::EV_DELETE)]).expect("a watched pipe can be let go");
        assert!(self.none());
        assert_eq!(self.change(&[watch(netbsd::EV_DELETE)]), Err(Errno::ENOENT));
        // Only news.
        self.change(&[watch(netbsd::EV_ADD | netbsd::EV_CLEAR)]).expect("it can be watched");
        assert_eq!(self.wait_for_one().data(), 1);
        assert!(self.none());
        client.rump_sys_write(to, b"y").expect("a pipe takes a byte");
        assert_eq!(self.wait_for_one().data(), 2);
        self.change(&[watch(netbsd::EV_DELETE)]).expect("a watched pipe can be let go");
        // Once, and then the end.
        self.change(&[watch(netbsd::EV_ADD | netbsd::EV_ONESHOT)]).expect("it can be watched");
        assert_eq!(self.wait_for_one().data(), 2);
        assert!(self.none());
        client.rump_sys_close(to).expect("the end of a pipe can be closed");
        self.change(&[watch(netbsd::EV_ADD)]).expect("it can be watched");
        assert_ne!(self.wait_for_one().flags() & netbsd::EV_EOF, 0);
        // A closed descriptor is forgotten.
        client.rump_sys_close(from).expect("the end of a pipe can be closed");
        assert!(self.none());
    }

    fn check_many(&self) {
        let client = self.client;
        let pairs: Vec<[c_int; 2]> = (0..5).map(|_| pair(client)).collect();
        let watch = |&[one, _]: &[c_int; 2], filter| {
            E::new(one as usize, filter, netbsd::EV_ADD, one as usize + 1000)
        };
        let changes: Vec<E> = pairs.iter().map(|it| watch(it, netbsd::EVFILT_READ)).collect();
        self.change(&changes).expect("sockets can be watched");
        assert!(self.none());
        for [_, other] in &pairs[1..4] {
            client.rump_sys_write(*other, b"abc").expect("a socket takes three bytes");
        }
        let ready: Vec<_> = self.wait(PATIENCE).iter().map(|it| (it.ident(), it.udata())).collect();
        assert_eq!(ready.len(), 3);
        for [one, _] in &pairs[1..4] {
            assert!(ready.contains(&(*one as usize, *one as usize + 1000)));
        }
        // A queue can be waited for like anything else.
        let mut fds = [fd(self.fd, netbsd::POLLIN)];
        assert_eq!(client.rump_sys_poll(&mut fds, 0), Ok(1));
        self.change(&[watch(&pairs[0], netbsd::EVFILT_WRITE)]).expect("a socket can be watched");
        assert!(self.wait(PATIENCE).iter().any(|it| it.filter() == netbsd::EVFILT_WRITE));
    }

    fn check_refusals(&self) {
        let change = |ident: usize, filter| E::new(ident, filter, netbsd::EV_ADD, 0);
        assert_eq!(self.change(&[change(77, netbsd::EVFILT_READ)]), Err(Errno::EBADF));
        let [from, _to] = pipe(self.client);
        assert_eq!(self.change(&[change(from as usize, 7777)]), Err(Errno::EINVAL));
        // With room for it, the error is an event, and the other changes are made.
        let changes = [change(77, netbsd::EVFILT_READ), change(from as usize, netbsd::EVFILT_READ)];
        let mut events = [E::default(); 4];
        assert_eq!((self.kevent)(self.fd, &changes, &mut events, Some(&AT_ONCE)), Ok(1));
        assert_ne!(events[0].flags() & netbsd::EV_ERROR, 0);
        assert_eq!((events[0].ident(), events[0].data()), (77, Errno::EBADF.raw().into()));
        let file = create(self.client, c"/tmp/no-queue");
        let wrong = (self.kevent)(file, &[], &mut events, Some(&AT_ONCE));
        assert_eq!(wrong, Err(Errno::EBADF));
        let bad = timespec { tv_sec: -1, tv_nsec: 0 };
        assert_eq!((self.kevent)(self.fd, &[], &mut events, Some(&bad)), Err(Errno::EINVAL));
    }

    fn check_timer(&self) {
        let period = i64::from(millis(MOMENT));
        let timer = |flags| E::new(3, netbsd::EVFILT_TIMER, flags, 9).with(0, period);
        let began = Instant::now();
        let once = netbsd::EV_ADD | netbsd::EV_ONESHOT;
        self.change(&[timer(once)]).expect("a timer can be started");
        let event = self.wait_for_one();
        assert_eq!((event.ident(), event.filter()), (3, netbsd::EVFILT_TIMER));
        assert_eq!((event.data(), event.udata()), (1, 9));
        assert!(has_waited(began), "{:?}", began.elapsed());
        self.change(&[timer(netbsd::EV_ADD)]).expect("a timer can be started");
        for _ in 0..3 {
            assert!(self.wait_for_one().data() >= 1);
        }
        self.change(&[timer(netbsd::EV_DELETE)]).expect("a timer can be stopped");
        assert!(self.none());
    }
}

/// Runs all checks, each with a queue of its own.
fn check_kevent<E: Event>(
    client: &Client,
    kevent: impl Fn(c_int, &[E], &mut [E], Option<&timespec>) -> Result<c_int, Errno> + Copy,
) {
    Queue::new(client, kevent).check_readiness();
    Queue::new(client, kevent).check_many();
    Queue::new(client, kevent).check_refusals();
    Queue::new(client, kevent).check_timer();
}

/// Runs all checks with the `kevent(2)` that the kernel knows.
fn check_queues(kernel: &Kernel) {
    let client = patient_client(kernel);
    let banner = client.banner().expect("a connected client has a banner");
    let newest = table::by_name("kevent").expect("every table has kevent").symbol;
    if !is_at_least(&banner, &[11]) {
        check_kevent(&client, |queue, changes, events, timeout| {
            kevent50(&client, queue, changes, events, timeout)
        });
    } else if newest == "rump___sysimpl_kevent50" {
        println!("skipped: the table has no kevent for this kernel");
    } else {
        check_kevent(&client, |queue, changes, events, timeout| {
            client.rump_sys_kevent(queue, changes, events, timeout)
        });
    }
}

/// `kevent(2)` as it was up to NetBSD 10.
fn kevent50(
    client: &Client,
    queue: c_int,
    changes: &[netbsd::kevent100],
    events: &mut [netbsd::kevent100],
    timeout: Option<&timespec>,
) -> Result<c_int, Errno> {
    let mut call = version("kevent50");
    call.set("fd", queue as u64);
    call.set("changelist", address(changes)).set("nchanges", changes.len() as u64);
    call.set("eventlist", address_mut(events)).set("nevents", events.len() as u64);
    call.set("timeout", timeout.map_or(0, address));
    call.run(client, &[]).map(|count| count as c_int)
}

on_every_kernel! {
    fn poll_tells_what_is_ready(kernel) {
        let client = client_with_files(kernel);
        let [from, to] = pipe(&client);
        let [one, other] = pair(&client);
        let both = netbsd::POLLIN | netbsd::POLLOUT;
        let (read, write) = (netbsd::POLLIN, netbsd::POLLOUT);
        let mut fds = [fd(from, read), fd(to, write), fd(one, both), fd(-1, both)];
        assert_eq!(client.rump_sys_poll(&mut fds, 0), Ok(2));
        let ready = |fds: &[pollfd]| fds.iter().map(|it| it.revents).collect::<Vec<_>>();
        assert_eq!(ready(&fds), [0, netbsd::POLLOUT, netbsd::POLLOUT, 0]);
        client.rump_sys_write(to, b"x").unwrap();
        client.rump_sys_write(other, b"x").unwrap();
        assert_eq!(client.rump_sys_poll(&mut fds, 0), Ok(3));
        assert_eq!(ready(&fds), [netbsd::POLLIN, netbsd::POLLOUT, both, 0]);
        // The end of what comes can be read, and a descriptor that is none is told at once.
        client.rump_sys_read(one, &mut [0; 4]).unwrap();
        client.rump_sys_close(other).unwrap();
        let mut fds = [fd(one, netbsd::POLLIN), fd(from, netbsd::POLLPRI), fd(77, netbsd::POLLIN)];
        assert_eq!(client.rump_sys_poll(&mut fds, millis(PATIENCE)), Ok(2));
        assert_ne!(fds[0].revents & (netbsd::POLLIN | netbsd::POLLHUP), 0);
        assert_eq!(ready(&fds[1..]), [0, netbsd::POLLNVAL]);
        let file = create(&client, c"/tmp/file");
        let mut fds = [fd(file, both)];
        assert_eq!(client.rump_sys_poll(&mut fds, millis(PATIENCE)), Ok(1));
        assert_eq!(fds[0].revents, both);
    }

    fn poll_waits_as_long_as_it_is_told_to(kernel) {
        let client = patient_client(kernel);
        let [from, _to] = pipe(&client);
        let mut fds = [fd(from, netbsd::POLLIN)];
        let began = Instant::now();
        assert_eq!(client.rump_sys_poll(&mut fds, millis(MOMENT)), Ok(0));
        assert!(has_waited(began), "{:?}", began.elapsed());
        assert_eq!(client.rump_sys_poll(&mut [], millis(MOMENT)), Ok(0));
        assert_eq!(client.rump_sys_pollts(&mut fds, Some(&spec(MOMENT)), None), Ok(0));
        let bad = timespec { tv_sec: 0, tv_nsec: -1 };
        assert_eq!(client.rump_sys_pollts(&mut fds, Some(&bad), None), Err(Errno::EINVAL));
    }

    fn poll_ends_when_another_thread_writes(kernel) {
        let client = patient_client(kernel);
        for [from, to] in [pipe(&client), pair(&client)] {
            let mut fds = [fd(from, netbsd::POLLIN)];
            let wait = || client.rump_sys_poll(&mut fds, netbsd::INFTIM);
            assert_eq!(while_written_to(&client, to, wait), Ok(1));
            assert_eq!(fds[0].revents, netbsd::POLLIN);
            client.rump_sys_read(from, &mut [0; 16]).unwrap();
            let mask = netbsd::sigset_t::default();
            let wait = || client.rump_sys_pollts(&mut fds, None, Some(&mask));
            assert_eq!(while_written_to(&client, to, wait), Ok(1));
        }
    }

    fn many_threads_wait_for_descriptors_of_their_own(kernel) {
        let client = patient_client(kernel);
        let pipes: Vec<_> = (0..8).map(|_| pipe(&client)).collect();
        thread::scope(|scope| {
            let waiters: Vec<_> = pipes
                .iter()
                .map(|&[from, _]| {
                    let client = &client;
                    scope.spawn(move || {
                        client.rump_sys_poll(&mut [fd(from, netbsd::POLLIN)], netbsd::INFTIM)
                    })
                })
                .collect();
            for [_, to] in pipes.iter().rev() {
                client.rump_sys_write(*to, b"x").unwrap();
            }
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), Ok(1));
            }
        });
    }

    fn select_tells_what_is_ready(kernel) {
        let client = patient_client(kernel);
        let [from, to] = pipe(&client);
        let [one, other] = pair(&client);
        client.rump_sys_write(other, b"x").unwrap();
        let nd = [from, to, one, other].into_iter().max().unwrap() + 1;
        let (mut readable, mut writable) = (set_of(&[from, one]), set_of(&[to]));
        let now = timeval::default();
        let select = |readable: Option<&mut fd_set>, writable: Option<&mut fd_set>| {
            client.rump_sys_select(nd, readable, writable, None, Some(&now))
        };
        assert_eq!(select(Some(&mut readable), Some(&mut writable)), Ok(2));
        assert_eq!((readable, writable), (set_of(&[one]), set_of(&[to])));
        let mut readable = set_of(&[from]);
        assert_eq!(select(Some(&mut readable), None), Ok(0));
        assert_eq!(readable, fd_set::new());
        // A descriptor that is none, and one that is not asked for.
        client.rump_sys_close(other).unwrap();
        assert_eq!(select(Some(&mut set_of(&[other])), None), Err(Errno::EBADF));
        let below = client.rump_sys_select(1, Some(&mut set_of(&[from])), None, None, Some(&now));
        assert_eq!(below, Ok(0));
        let negative = client.rump_sys_select(-1, None, None, None, Some(&now));
        assert_eq!(negative, Err(Errno::EINVAL));
    }

    fn select_ends_when_another_thread_writes(kernel) {
        let client = patient_client(kernel);
        for [from, to] in [pipe(&client), pair(&client)] {
            let mut readable = set_of(&[from]);
            let wait = || client.rump_sys_select(from + 1, Some(&mut readable), None, None, None);
            assert_eq!(while_written_to(&client, to, wait), Ok(1));
            assert_eq!(readable, set_of(&[from]));
            client.rump_sys_read(from, &mut [0; 16]).unwrap();
            let (limit, mask) = (spec(PATIENCE), netbsd::sigset_t::default());
            let wait = || {
                let readable = Some(&mut readable);
                client.rump_sys_pselect(from + 1, readable, None, None, Some(&limit), Some(&mask))
            };
            assert_eq!(while_written_to(&client, to, wait), Ok(1));
            assert_eq!(readable, set_of(&[from]));
        }
    }

    fn select_waits_as_long_as_it_is_told_to(kernel) {
        let client = patient_client(kernel);
        let [from, _to] = pipe(&client);
        let mut readable = set_of(&[from]);
        let limit = timeval::try_from(MOMENT).unwrap();
        let began = Instant::now();
        let none = client.rump_sys_select(from + 1, Some(&mut readable), None, None, Some(&limit));
        assert_eq!((none, readable), (Ok(0), fd_set::new()));
        assert!(has_waited(began), "{:?}", began.elapsed());
        let bad = timeval { tv_sec: 0, tv_usec: -1 };
        let refused = client.rump_sys_select(0, None, None, None, Some(&bad));
        assert_eq!(refused, Err(Errno::EINVAL));
    }

    fn a_queue_tells_of_events(kernel) {
        check_queues(kernel);
    }
}

#[test]
fn a_queue_of_an_older_kernel_tells_of_events() {
    let options = Options { release: Release::netbsd_2016(), ..Options::default() };
    check_queues(&Kernel::test_server_with(options));
}
