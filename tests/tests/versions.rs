//! Calls that changed from release to release: each kernel is spoken to in the version it knows,
//! and what it does not know it refuses.

use std::ffi::{CStr, c_int};
use std::sync::{Arc, Mutex};

use rumpclient::netbsd::{self, Errno};
use rumpclient::{Client, RaisePolicy, table};
use rumpclient_tests::fixture::{
    address, address_mut, client_with_files, create, fcntl, find_version, patient_client, version,
};
use rumpclient_tests::harness::{Kernel, is_at_least};
use rumpclient_tests::raw::RawCall;
use rumpclient_tests::server::{Options, Release};

/// Runs a test against kernels of both ends of the range: the test server's, and a real one.
fn on_old_and_new(body: impl Fn(&Kernel)) {
    for release in [Release::netbsd_2016(), Release::netbsd_11()] {
        body(&Kernel::test_server_with(Options { release, ..Options::default() }));
    }
    if let Some(kernel) = Kernel::real() {
        body(&kernel);
    }
}

fn is_netbsd_11(client: &Client) -> bool {
    is_at_least(&client.banner().expect("a connected client has a banner"), &[11])
}

/// The call that this table has under a plain name, by what its C symbol ends with.
fn newest(name: &str) -> &'static str {
    let call = table::by_name(name).unwrap_or_else(|| panic!("every table has {name}"));
    call.symbol.trim_start_matches("rump___sysimpl_")
}

/// A `struct statvfs` of either layout.
trait Volume: Default + Copy {
    fn file_system(&self) -> &[u8];
    fn mounted_on(&self) -> &[u8];
    fn longest_name(&self) -> usize;
    fn fragment(&self) -> usize;
    /// In all, free, and free for everybody.
    fn blocks(&self) -> [u64; 3];
    fn id(&self) -> [i32; 2];
}

macro_rules! volumes {
    ($($layout:ty),*) => {$(
        impl Volume for $layout {
            fn file_system(&self) -> &[u8] {
                self.f_fstypename.to_bytes()
            }
            fn mounted_on(&self) -> &[u8] {
                self.f_mntonname.to_bytes()
            }
            fn longest_name(&self) -> usize {
                self.f_namemax as usize
            }
            fn fragment(&self) -> usize {
                self.f_frsize as usize
            }
            fn blocks(&self) -> [u64; 3] {
                [self.f_blocks, self.f_bfree, self.f_bavail]
            }
            fn id(&self) -> [i32; 2] {
                self.f_fsidx.__fsid_val
            }
        }
    )*};
}

volumes!(netbsd::statvfs, netbsd::statvfs90);

/// What `statvfs1(2)`, `fstatvfs1(2)` and `getvfsstat(2)` say of the file system of a file, in
/// whatever version they are.
fn check_statvfs<V: Volume>(
    by_path: impl Fn(&CStr, &mut V) -> Result<(), Errno>,
    by_descriptor: impl Fn(c_int, &mut V) -> Result<(), Errno>,
    all: impl Fn(Option<&mut [V]>) -> Result<c_int, Errno>,
    fd: c_int,
) {
    let (mut volume, mut same) = (V::default(), V::default());
    assert_eq!(by_path(c"/tmp/file", &mut volume), Ok(()));
    assert!(volume.longest_name() >= 255, "{}", volume.longest_name());
    assert!(volume.fragment().is_power_of_two(), "{}", volume.fragment());
    let [blocks, free, available] = volume.blocks();
    assert!(blocks >= free && free >= available && blocks > 0, "{blocks} {free} {available}");
    assert!(!volume.file_system().is_empty());
    assert!([&b"/"[..], b"/tmp"].contains(&volume.mounted_on()));
    assert_eq!(by_descriptor(fd, &mut same), Ok(()));
    assert_eq!((same.id(), same.mounted_on()), (volume.id(), volume.mounted_on()));
    assert_eq!(by_path(c"/tmp/nobody", &mut same), Err(Errno::ENOENT));
    assert_eq!(by_descriptor(-1, &mut same), Err(Errno::EBADF));
    // The list of all of them is counted, and has this one in it.
    let count = all(None).expect("file systems can be counted");
    assert!(count >= 1);
    let mut volumes = vec![V::default(); count as usize + 2];
    assert_eq!(all(Some(&mut volumes)), Ok(count));
    let (listed, rest) = volumes.split_at(count as usize);
    assert!(listed.iter().any(|it| it.mounted_on() == volume.mounted_on()));
    assert!(rest.iter().all(|it| it.mounted_on().is_empty()));
    assert_eq!(all(Some(&mut volumes[..1])), Ok(1));
}

fn check_newest_statvfs(client: &Client, fd: c_int) {
    check_statvfs(
        |path, volume| client.rump_sys_statvfs1(path, volume, netbsd::MNT_WAIT),
        |fd, volume| client.rump_sys_fstatvfs1(fd, volume, netbsd::MNT_NOWAIT),
        |volumes| client.rump_sys_getvfsstat(volumes, netbsd::MNT_NOWAIT),
        fd,
    );
}

/// The calls of NetBSD 9 and earlier.
fn check_statvfs_90(client: &Client, fd: c_int) {
    let nowait = netbsd::MNT_NOWAIT as u64;
    check_statvfs::<netbsd::statvfs90>(
        |path, volume| {
            let mut call = version("statvfs1");
            call.set("path", address(path.to_bytes_with_nul()));
            call.set("buf", address_mut(volume)).set("flags", nowait);
            call.run(client, &[]).map(|_| ())
        },
        |fd, volume| {
            let mut call = version("fstatvfs1");
            call.set("fd", fd as u64).set("buf", address_mut(volume)).set("flags", nowait);
            call.run(client, &[]).map(|_| ())
        },
        |volumes| {
            let mut call = version("getvfsstat");
            if let Some(volumes) = volumes {
                call.set("bufsize", size_of_val(volumes) as u64);
                call.set("buf", address_mut(volumes));
            }
            call.set("flags", nowait).run(client, &[]).map(|count| count as c_int)
        },
        fd,
    );
}

/// What `dup3(2)` does, in whatever version it is.
fn check_dup3(client: &Client, dup3: impl Fn(c_int, c_int, c_int) -> Result<c_int, Errno>) {
    let fd = create(client, c"/tmp/file");
    assert_eq!(dup3(fd, 20, netbsd::O_CLOEXEC), Ok(20));
    assert_eq!(fcntl(client, 20, netbsd::F_GETFD, 0), Ok(netbsd::FD_CLOEXEC));
    assert_eq!(dup3(fd, 21, 0), Ok(21));
    assert_eq!(fcntl(client, 21, netbsd::F_GETFD, 0), Ok(0));
    assert_eq!(dup3(-1, 22, 0), Err(Errno::EBADF));
    assert_eq!(client.rump_sys_write(21, b"written"), Ok(7));
}

/// Calls by number, and the first release that has them.
const ADDED: [(u32, &str, &[u32]); 4] = [
    (91, "getrandom", &[9, 99, 79]),
    (484, "statvfs1 with more room for names", &[9, 99, 15]),
    (501, "kevent with the extension", &[10, 99, 7]),
    (511, "no call yet", &[u32::MAX]),
];

/// Calls by number that NetBSD 11 keeps for programs of its own, but not for those of others: the
/// kernel raises SIGSYS and answers ENOSYS.
const DROPPED: [(u32, &str); 6] = [
    (356, "getvfsstat"),
    (357, "statvfs1"),
    (358, "fstatvfs1"),
    (397, "fhstatvfs1"),
    (435, "kevent"),
    (454, "dup3"),
];

fn call_without_arguments(client: &Client, number: u32) -> Result<isize, Errno> {
    RawCall::run_bytes(client, number, &[0; rumpclient::marshal::MAX_ARGS_SIZE], &[])
}

#[test]
fn file_systems_tell_of_themselves_in_the_kernels_layout() {
    on_old_and_new(|kernel| {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/file");
        match (is_netbsd_11(&client), newest("statvfs1")) {
            // NetBSD's own table has it without RUMP since NetBSD 10.
            (false, _) if find_version("statvfs1").is_none() => {
                println!("skipped: the table has no older statvfs1");
            }
            (false, _) => check_statvfs_90(&client, fd),
            (true, "statvfs190") => check_newest_statvfs(&client, fd),
            (true, older) => println!("skipped: the table's newest statvfs1 is {older}"),
        }
    });
}

#[test]
fn dup3_is_had_in_the_version_that_the_kernel_serves() {
    on_old_and_new(|kernel| {
        let client = patient_client(kernel);
        let older = |from: c_int, to: c_int, flags: c_int| {
            let mut call = version("dup3");
            call.set("from", from as u64).set("to", to as u64).set("flags", flags as u64);
            call.run(&client, &[]).map(|fd| fd as c_int)
        };
        if is_netbsd_11(&client) {
            // Its table has a newer one, and no code for it.
            assert_eq!(older(0, 20, 0), Err(Errno::ENOSYS));
            assert_eq!(client.rump_sys_dup3(0, 20, 0), Err(Errno::ENOSYS));
        } else {
            check_dup3(&client, older);
        }
    });
}

#[test]
fn dup3_of_the_table_is_had_where_nothing_is_missing() {
    let kernel = Kernel::test_server();
    let client = patient_client(&kernel);
    check_dup3(&client, |from, to, flags| client.rump_sys_dup3(from, to, flags));
}

#[test]
fn calls_that_came_later_are_refused_quietly() {
    on_old_and_new(|kernel| {
        let client = patient_client(kernel);
        let banner = client.banner().unwrap();
        for (number, what, since) in ADDED {
            if !is_at_least(&banner, since) {
                let refused = call_without_arguments(&client, number);
                assert_eq!(refused, Err(Errno::ENOSYS), "{number}, {what}");
            }
        }
        assert!(client.rump_sys_getpid().is_ok());
    });
}

#[test]
fn calls_that_are_gone_are_refused_and_nobody_dies() {
    on_old_and_new(|kernel| {
        // With settings as they are by default: SIGSYS is dropped, else this test would not end.
        let client = kernel.client();
        if !is_netbsd_11(&client) {
            return;
        }
        for (number, what) in DROPPED {
            let refused = call_without_arguments(&client, number);
            assert_eq!(refused, Err(Errno::ENOSYS), "{number}, {what}");
        }
        assert!(client.rump_sys_getpid().is_ok());
    });
}

#[test]
fn the_signal_that_comes_with_a_call_that_is_gone_can_be_heard() {
    on_old_and_new(|kernel| {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = Arc::clone(&heard);
        let callback = RaisePolicy::Callback(Arc::new(move |signal| {
            hear.lock().expect("nobody panics with the lock").push(signal);
        }));
        let client = kernel.client_with(Client::builder().raise(callback));
        let (gone, _) = DROPPED[4];
        let result = call_without_arguments(&client, gone);
        let heard = heard.lock().expect("nobody panics with the lock").clone();
        if is_netbsd_11(&client) {
            assert_eq!((result, heard), (Err(Errno::ENOSYS), vec![netbsd::SIGSYS]));
        } else {
            assert!(heard.is_empty(), "{heard:?}");
        }
    });
}
