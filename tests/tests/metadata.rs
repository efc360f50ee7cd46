//! What is known of a file: type, owner, permissions, times, and the file system it is on.

use std::ffi::{CStr, c_int, c_long};

use rumpclient::Client;
use rumpclient::netbsd::{self, Errno, timespec, timeval};
use rumpclient_tests::fixture::{client_with_files, create, patient_client};
use rumpclient_tests::on_every_kernel;

const LONG_AGO: timespec = timespec { tv_sec: 1_000_000_000, tv_nsec: 123_456_000 };
const BEFORE_THAT: timespec = timespec { tv_sec: 86_400, tv_nsec: 0 };
/// More than 32 bits of seconds.
const FAR_OFF: timespec = timespec { tv_sec: 5_000_000_000, tv_nsec: 0 };

fn stat(client: &Client, path: &CStr) -> netbsd::stat {
    let mut stat = netbsd::stat::default();
    client.rump_sys_stat(path, &mut stat).expect("the file is there");
    stat
}

fn lstat(client: &Client, path: &CStr) -> netbsd::stat {
    let mut stat = netbsd::stat::default();
    client.rump_sys_lstat(path, &mut stat).expect("the file is there");
    stat
}

fn fstat(client: &Client, fd: c_int) -> netbsd::stat {
    let mut stat = netbsd::stat::default();
    client.rump_sys_fstat(fd, &mut stat).expect("the descriptor is open");
    stat
}

/// Access and modification times.
fn times(stat: &netbsd::stat) -> [timespec; 2] {
    [stat.st_atim, stat.st_mtim]
}

fn micros(time: timespec) -> timeval {
    timeval { tv_sec: time.tv_sec, tv_usec: (time.tv_nsec / 1000) as netbsd::suseconds_t }
}

fn now(client: &Client) -> timespec {
    let mut now = timespec::default();
    client.rump_sys_clock_gettime(netbsd::CLOCK_REALTIME, &mut now).expect("there is a clock");
    now
}

/// A time in the call's own type that stands for something else.
fn special(meaning: c_long) -> timespec {
    timespec { tv_sec: 0, tv_nsec: meaning }
}

on_every_kernel! {
    fn stat_tells_what_a_file_is(kernel) {
        let client = client_with_files(kernel);
        let before = now(&client).tv_sec;
        let fd = create(&client, c"/tmp/file");
        client.rump_sys_write(fd, &[7; 5000]).unwrap();
        let file = fstat(&client, fd);
        assert_eq!(file.st_mode, netbsd::S_IFREG | 0o644);
        assert_eq!((file.st_size, file.st_nlink), (5000, 1));
        assert_eq!((file.st_uid, file.st_gid), (0, 0));
        assert!(file.st_ino > 0 && file.st_blksize > 0);
        assert!(file.st_blocks >= 5000 / 512, "{} blocks of 512 bytes", file.st_blocks);
        let after = now(&client).tv_sec;
        for time in [file.st_atim, file.st_mtim, file.st_ctim, file.st_birthtim] {
            assert!((before - 1..=after + 1).contains(&time.tv_sec), "{before} {time:?} {after}");
            assert!((0..1_000_000_000).contains(&time.tv_nsec), "{time:?}");
        }
        // All ways to the file say the same.
        assert_eq!(stat(&client, c"/tmp/file"), file);
        assert_eq!(lstat(&client, c"/tmp/file"), file);
        let mut at = netbsd::stat::default();
        client.rump_sys_fstatat(netbsd::AT_FDCWD, c"/tmp/file", &mut at, 0).unwrap();
        assert_eq!(at, file);
    }

    fn every_kind_of_file_has_its_type(kernel) {
        let client = client_with_files(kernel);
        create(&client, c"/tmp/file");
        client.rump_sys_mkdir(c"/tmp/folder", 0o700).unwrap();
        client.rump_sys_symlink(c"file", c"/tmp/link").unwrap();
        let kind = |mode| mode & netbsd::S_IFMT;
        assert_eq!(kind(stat(&client, c"/tmp/file").st_mode), netbsd::S_IFREG);
        assert_eq!(kind(stat(&client, c"/tmp/folder").st_mode), netbsd::S_IFDIR);
        assert_eq!(kind(lstat(&client, c"/tmp/link").st_mode), netbsd::S_IFLNK);
        assert_eq!(kind(stat(&client, c"/tmp/link").st_mode), netbsd::S_IFREG);
        assert_eq!(kind(stat(&client, c"/dev/null").st_mode), netbsd::S_IFCHR);
        let [pipe, _] = client.rump_sys_pipe().unwrap();
        assert_eq!(kind(fstat(&client, pipe).st_mode), netbsd::S_IFIFO);
        let socket = client.rump_sys_socket(netbsd::AF_LOCAL, netbsd::SOCK_STREAM, 0).unwrap();
        assert_eq!(kind(fstat(&client, socket).st_mode), netbsd::S_IFSOCK);
        let mut none = netbsd::stat::default();
        assert_eq!(client.rump_sys_stat(c"/tmp/nobody", &mut none), Err(Errno::ENOENT));
        assert_eq!(client.rump_sys_stat(c"/tmp/file/x", &mut none), Err(Errno::ENOTDIR));
    }

    fn modes_are_changed_by_path_and_descriptor(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/file");
        client.rump_sys_symlink(c"file", c"/tmp/link").unwrap();
        let mode = || fstat(&client, fd).st_mode & 0o7777;
        assert_eq!(client.rump_sys_chmod(c"/tmp/file", 0o4751), Ok(()));
        assert_eq!(mode(), 0o4751);
        assert_eq!(client.rump_sys_fchmod(fd, 0o600), Ok(()));
        assert_eq!(mode(), 0o600);
        assert_eq!(client.rump_sys_chmod(c"/tmp/link", 0o640), Ok(()));
        assert_eq!(mode(), 0o640, "the link is followed");
        assert_eq!(client.rump_sys_fchmodat(netbsd::AT_FDCWD, c"/tmp/file", 0o604, 0), Ok(()));
        assert_eq!(mode(), 0o604);
        assert_eq!(client.rump_sys_chmod(c"/tmp/nobody", 0o600), Err(Errno::ENOENT));
        assert_eq!(client.rump_sys_fchmod(-1, 0o600), Err(Errno::EBADF));
    }

    fn the_umask_takes_permissions_from_new_files(kernel) {
        let (client, other) = (client_with_files(kernel), patient_client(kernel));
        let usual = client.rump_sys_umask(0o027).unwrap();
        assert_eq!(usual, 0o022);
        let flags = netbsd::O_CREAT | netbsd::O_RDWR;
        client.rump_sys_open(c"/tmp/file", flags, 0o666).unwrap();
        client.rump_sys_mkdir(c"/tmp/folder", 0o777).unwrap();
        assert_eq!(stat(&client, c"/tmp/file").st_mode & 0o777, 0o640);
        assert_eq!(stat(&client, c"/tmp/folder").st_mode & 0o777, 0o750);
        assert_eq!(client.rump_sys_umask(0), Ok(0o027));
        client.rump_sys_open(c"/tmp/open", flags, 0o666).unwrap();
        assert_eq!(stat(&client, c"/tmp/open").st_mode & 0o777, 0o666);
        // Each process has its own.
        assert_eq!(other.rump_sys_umask(0o022), Ok(0o022));
    }

    fn owners_are_changed(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/file");
        client.rump_sys_symlink(c"file", c"/tmp/link").unwrap();
        let owner = |stat: netbsd::stat| (stat.st_uid, stat.st_gid);
        assert_eq!(client.rump_sys_chown(c"/tmp/link", 10, 20), Ok(()));
        assert_eq!(owner(fstat(&client, fd)), (10, 20));
        assert_eq!(client.rump_sys_fchown(fd, 11, u32::MAX), Ok(()));
        assert_eq!(owner(fstat(&client, fd)), (11, 20), "-1 leaves it as it is");
        assert_eq!(client.rump_sys_lchown(c"/tmp/link", 12, 22), Ok(()));
        assert_eq!(owner(lstat(&client, c"/tmp/link")), (12, 22));
        assert_eq!(owner(fstat(&client, fd)), (11, 20));
    }

    fn access_is_granted_by_the_mode(kernel) {
        let client = client_with_files(kernel);
        create(&client, c"/tmp/file");
        client.rump_sys_chmod(c"/tmp/file", 0o600).unwrap();
        let access = |client: &Client, how| client.rump_sys_access(c"/tmp/file", how);
        assert_eq!(access(&client, netbsd::F_OK), Ok(()));
        assert_eq!(access(&client, netbsd::R_OK | netbsd::W_OK), Ok(()));
        assert_eq!(access(&client, netbsd::X_OK), Err(Errno::EACCES), "not even for root");
        assert_eq!(client.rump_sys_access(c"/tmp/nobody", netbsd::F_OK), Err(Errno::ENOENT));
        assert_eq!(access(&client, 0x100), Err(Errno::EINVAL));
    }

    fn others_are_kept_out_by_the_mode(kernel) {
        let client = client_with_files(kernel);
        create(&client, c"/tmp/secret");
        client.rump_sys_chmod(c"/tmp/secret", 0o600).unwrap();
        create(&client, c"/tmp/notice");
        client.rump_sys_mkdir(c"/tmp/closed", 0o700).unwrap();
        create(&client, c"/tmp/closed/file");
        let other = patient_client(kernel);
        other.rump_sys_setgid(100).unwrap();
        other.rump_sys_setgroups(&[100]).unwrap();
        other.rump_sys_setuid(1000).unwrap();
        let open = |path, flags| other.rump_sys_open(path, flags, 0);
        assert_eq!(open(c"/tmp/secret", netbsd::O_RDONLY), Err(Errno::EACCES));
        assert_eq!(other.rump_sys_access(c"/tmp/secret", netbsd::R_OK), Err(Errno::EACCES));
        assert_eq!(other.rump_sys_chmod(c"/tmp/secret", 0o666), Err(Errno::EPERM));
        assert_eq!(other.rump_sys_chown(c"/tmp/secret", 1000, 100), Err(Errno::EPERM));
        assert!(open(c"/tmp/notice", netbsd::O_RDONLY).is_ok());
        assert_eq!(open(c"/tmp/notice", netbsd::O_RDWR), Err(Errno::EACCES));
        assert_eq!(open(c"/tmp/closed/file", netbsd::O_RDONLY), Err(Errno::EACCES));
    }

    fn times_are_set_to_the_microsecond(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/file");
        client.rump_sys_symlink(c"file", c"/tmp/link").unwrap();
        let link_modified = lstat(&client, c"/tmp/link").st_mtim;
        let set = [micros(LONG_AGO), micros(FAR_OFF)];
        assert_eq!(client.rump_sys_utimes(c"/tmp/link", Some(&set)), Ok(()));
        assert_eq!(times(&fstat(&client, fd)), [LONG_AGO, FAR_OFF]);
        assert_eq!(lstat(&client, c"/tmp/link").st_mtim, link_modified);
        let set = [micros(BEFORE_THAT), micros(LONG_AGO)];
        assert_eq!(client.rump_sys_futimes(fd, Some(&set)), Ok(()));
        assert_eq!(times(&fstat(&client, fd)), [BEFORE_THAT, LONG_AGO]);
        let set = [micros(LONG_AGO), micros(LONG_AGO)];
        assert_eq!(client.rump_sys_lutimes(c"/tmp/link", Some(&set)), Ok(()));
        assert_eq!(times(&lstat(&client, c"/tmp/link")), [LONG_AGO, LONG_AGO]);
        assert_eq!(times(&fstat(&client, fd)), [BEFORE_THAT, LONG_AGO]);
        // Nothing given means now.
        let before = now(&client).tv_sec;
        assert_eq!(client.rump_sys_utimes(c"/tmp/file", None), Ok(()));
        assert!(fstat(&client, fd).st_mtim.tv_sec >= before - 1);
        assert_eq!(client.rump_sys_utimes(c"/tmp/nobody", None), Err(Errno::ENOENT));
    }

    fn times_are_set_to_the_nanosecond(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/file");
        let fine = timespec { tv_sec: 1_000_000_000, tv_nsec: 123_456_789 };
        assert_eq!(client.rump_sys_futimens(fd, Some(&[fine, FAR_OFF])), Ok(()));
        assert_eq!(times(&fstat(&client, fd)), [fine, FAR_OFF]);
        let omit_and_set = [special(netbsd::UTIME_OMIT), BEFORE_THAT];
        assert_eq!(client.rump_sys_futimens(fd, Some(&omit_and_set)), Ok(()));
        assert_eq!(times(&fstat(&client, fd)), [fine, BEFORE_THAT]);
        let before = now(&client).tv_sec;
        let set_and_now = [LONG_AGO, special(netbsd::UTIME_NOW)];
        let here = netbsd::AT_FDCWD;
        assert_eq!(client.rump_sys_utimensat(here, c"/tmp/file", Some(&set_and_now), 0), Ok(()));
        let [accessed, modified] = times(&fstat(&client, fd));
        assert_eq!(accessed, LONG_AGO);
        assert!(modified.tv_sec >= before - 1, "{modified:?}");
        // A link itself.
        client.rump_sys_symlink(c"file", c"/tmp/link").unwrap();
        let flag = netbsd::AT_SYMLINK_NOFOLLOW;
        let set = Some(&[LONG_AGO, BEFORE_THAT]);
        assert_eq!(client.rump_sys_utimensat(here, c"/tmp/link", set, flag), Ok(()));
        assert_eq!(times(&lstat(&client, c"/tmp/link")), [LONG_AGO, BEFORE_THAT]);
        assert_eq!(fstat(&client, fd).st_mtim, modified);
    }

    fn using_a_file_changes_its_times(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/file");
        let reset = || client.rump_sys_futimens(fd, Some(&[LONG_AGO, LONG_AGO])).unwrap();
        let recent = now(&client).tv_sec - 60;
        reset();
        client.rump_sys_write(fd, b"x").unwrap();
        assert!(fstat(&client, fd).st_mtim.tv_sec > recent);
        reset();
        client.rump_sys_ftruncate(fd, 0).unwrap();
        assert!(fstat(&client, fd).st_mtim.tv_sec > recent);
        reset();
        client.rump_sys_chmod(c"/tmp/file", 0o600).unwrap();
        let changed = fstat(&client, fd);
        assert_eq!(changed.st_mtim, LONG_AGO);
        assert!(changed.st_ctim.tv_sec > recent);
    }

    fn limits_of_a_path_are_told(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/file");
        assert_eq!(client.rump_sys_pathconf(c"/tmp", netbsd::_PC_NAME_MAX), Ok(255));
        assert_eq!(client.rump_sys_fpathconf(fd, netbsd::_PC_PATH_MAX), Ok(1024));
        assert_eq!(client.rump_sys_pathconf(c"/tmp", netbsd::_PC_NO_TRUNC), Ok(1));
        assert_eq!(client.rump_sys_pathconf(c"/tmp", 9999), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_pathconf(c"/tmp/nobody", 4), Err(Errno::ENOENT));
        let [pipe, _] = client.rump_sys_pipe().unwrap();
        assert_eq!(client.rump_sys_fpathconf(pipe, netbsd::_PC_PIPE_BUF), Ok(512));
    }
}
