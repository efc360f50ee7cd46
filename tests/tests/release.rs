//! What only some releases have: asked of those, and skipped on the others.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use rumpclient::netbsd::{self, Errno, timespec};
use rumpclient::{Client, table};
use rumpclient_tests::fixture::{
    address, address_mut, client_with_files, create, fcntl_with, patient_client, version,
};
use rumpclient_tests::harness::{PATIENCE, is_at_least};
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::raw::RawCall;

/// Whether the kernel is of this release or later; says so where it is not.
fn has(client: &Client, what: &str, since: &[u32]) -> bool {
    let banner = client.banner().expect("a connected client has a banner");
    let has = is_at_least(&banner, since);
    if !has {
        println!("skipped: {banner} has no {what}");
    }
    has
}

/// Whether kernel and table have a call.
fn has_call(client: &Client, name: &str, since: &[u32]) -> bool {
    let known = table::by_name(name).is_some();
    if !known {
        println!("skipped: the table has no {name}");
    }
    known && has(client, name, since)
}

fn random(client: &Client, buffer: &mut [u8], flags: u32) -> Result<usize, Errno> {
    let mut call = RawCall::new("getrandom");
    call.set("buf", address_mut(buffer)).set("buflen", buffer.len() as u64);
    call.set("flags", flags.into()).run(client, &[]).map(|len| len as usize)
}

/// `kevent(2)` of NetBSD 11.
fn kevent100(
    client: &Client,
    queue: i32,
    changes: &[netbsd::kevent],
    events: &mut [netbsd::kevent],
    limit: Duration,
) -> Result<usize, Errno> {
    let limit = timespec::try_from(limit).expect("no test waits for ages");
    let mut call = version("kevent100");
    call.set("fd", queue as u64);
    call.set("changelist", address(changes)).set("nchanges", changes.len() as u64);
    call.set("eventlist", address_mut(events)).set("nevents", events.len() as u64);
    call.set("timeout", address(&limit)).run(client, &[]).map(|count| count as usize)
}

on_every_kernel! {
    fn random_bytes_are_random(kernel) {
        let client = patient_client(kernel);
        if !has_call(&client, "getrandom", &[10]) {
            return;
        }
        let mut drawn = HashSet::new();
        for _ in 0..20 {
            let mut bytes = [0; 32];
            assert_eq!(random(&client, &mut bytes, 0), Ok(32));
            assert!(drawn.insert(bytes), "drawn twice: {bytes:?}");
        }
        let mut long = [0; 256];
        assert_eq!(random(&client, &mut long, netbsd::GRND_INSECURE), Ok(256));
        assert!(long.iter().collect::<HashSet<_>>().len() > 50);
        assert_eq!(random(&client, &mut [], 0), Ok(0));
        assert_eq!(random(&client, &mut [0; 8], 0x100), Err(Errno::EINVAL));
    }

    fn a_queue_has_events_of_the_programs_own(kernel) {
        let client = patient_client(kernel);
        let newest = table::by_name("kevent").expect("every table has kevent");
        if newest.symbol != "rump___sysimpl_kevent100" || !has(&client, "user events", &[11]) {
            return;
        }
        let queue = client.rump_sys_kqueue().unwrap();
        let event = |flags, fflags| netbsd::kevent {
            ident: 5,
            filter: netbsd::EVFILT_USER,
            flags,
            fflags,
            udata: 77,
            ..netbsd::kevent::default()
        };
        let mut events = [netbsd::kevent::default(); 4];
        let mut wait = |changes: &[_], limit| {
            let count = kevent100(&client, queue, changes, &mut events, limit).unwrap();
            events[..count].to_vec()
        };
        let add = [event(netbsd::EV_ADD | netbsd::EV_CLEAR, 0)];
        assert_eq!(wait(&add, Duration::ZERO), []);
        let trigger = [event(0, netbsd::NOTE_TRIGGER | netbsd::NOTE_FFCOPY | 0x2a)];
        let seen = thread::scope(|scope| {
            let triggered = scope.spawn(|| kevent100(&client, queue, &trigger, &mut [], PATIENCE));
            let seen = wait(&[], PATIENCE);
            assert_eq!(triggered.join().unwrap(), Ok(0));
            seen
        });
        let seen: Vec<_> = seen.iter().map(|it| (it.ident, it.fflags, it.udata)).collect();
        assert_eq!(seen, [(5, 0x2a, 77)]);
        assert_eq!(wait(&[], Duration::ZERO), []);
        // Timers by the microsecond.
        let timer = netbsd::kevent {
            ident: 6,
            filter: netbsd::EVFILT_TIMER,
            flags: netbsd::EV_ADD | netbsd::EV_ONESHOT,
            fflags: netbsd::NOTE_USECONDS,
            data: 1500,
            ..netbsd::kevent::default()
        };
        let seen = wait(&[timer], PATIENCE);
        assert_eq!((seen.len(), seen[0].ident, seen[0].data), (1, 6, 1));
    }

    fn a_descriptor_tells_its_path(kernel) {
        let client = client_with_files(kernel);
        if !has(&client, "F_GETPATH", &[10]) {
            return;
        }
        client.rump_sys_mkdir(c"/tmp/folder", 0o755).unwrap();
        let fd = create(&client, c"/tmp/folder/file");
        let mut path = [0_u8; 1024];
        assert!(fcntl_with(&client, fd, netbsd::F_GETPATH, &mut path).is_ok());
        assert!(path.starts_with(b"/tmp/folder/file\0"));
    }

    fn only_regular_files_are_opened_if_so_asked(kernel) {
        let client = client_with_files(kernel);
        if !has(&client, "O_REGULAR", &[10]) {
            return;
        }
        create(&client, c"/tmp/file");
        let open = |path| client.rump_sys_open(path, netbsd::O_RDONLY | netbsd::O_REGULAR, 0);
        assert!(open(c"/tmp/file").is_ok());
        assert_eq!(open(c"/tmp"), Err(Errno::EFTYPE));
        assert_eq!(open(c"/dev/null"), Err(Errno::EFTYPE));
    }

    fn limits_of_a_link_itself_are_told(kernel) {
        let client = client_with_files(kernel);
        if !has_call(&client, "lpathconf", &[10]) {
            return;
        }
        client.rump_sys_symlink(c"nobody", c"/tmp/link").unwrap();
        let limit = |call: &str| {
            let mut call = RawCall::new(call);
            call.set("path", address(c"/tmp/link".to_bytes_with_nul()));
            call.set("name", netbsd::_PC_NAME_MAX as u64).run(&client, &[])
        };
        assert_eq!(limit("pathconf"), Err(Errno::ENOENT));
        assert_eq!(limit("lpathconf"), Ok(255));
    }

    fn a_process_has_a_clock(kernel) {
        let client = patient_client(kernel);
        if !has_call(&client, "clock_getcpuclockid2", &[10]) {
            return;
        }
        let mut clock: netbsd::clockid_t = 0;
        let mut call = RawCall::new("clock_getcpuclockid2");
        call.set("idtype", netbsd::P_PID as u64).set("id", 0);
        call.set("clock_id", address_mut(&mut clock));
        assert_eq!(call.run(&client, &[]), Ok(0));
        let mut time = timespec { tv_sec: -1, tv_nsec: -1 };
        assert_eq!(client.rump_sys_clock_gettime(clock, &mut time), Ok(()));
        assert!(Duration::try_from(time).is_ok());
    }
}
