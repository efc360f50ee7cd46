//! Regular files: opening, reading, writing, and the descriptors they are reached by.

use std::ffi::{CStr, c_int};
use std::io::{IoSlice, IoSliceMut};
use std::thread;

use rumpclient::Client;
use rumpclient::netbsd::{self, Errno};
use rumpclient_tests::fixture::{
    client_with_files, contents, create, fcntl, fcntl_with, patient_client, pattern,
};
use rumpclient_tests::on_every_kernel;

/// More than any buffer on the way, and a multiple of nothing.
const LARGE: usize = (5 << 20) + 12_345;

fn open(client: &Client, path: &CStr, flags: c_int) -> Result<c_int, Errno> {
    client.rump_sys_open(path, flags, 0o644)
}

fn size(client: &Client, fd: c_int) -> i64 {
    let mut stat = netbsd::stat::default();
    client.rump_sys_fstat(fd, &mut stat).expect("an open file has a size");
    stat.st_size
}

fn offset(client: &Client, fd: c_int) -> Result<i64, Errno> {
    client.rump_sys_lseek(fd, 0, netbsd::SEEK_CUR)
}

/// A lock on `len` bytes from `start`.
fn range(kind: i16, start: i64, len: i64) -> netbsd::flock {
    netbsd::flock { l_start: start, l_len: len, l_type: kind, ..Default::default() }
}

on_every_kernel! {
    fn open_makes_a_file_only_when_asked_to(kernel) {
        let client = patient_client(kernel);
        let path = c"/tmp/made";
        assert_eq!(open(&client, path, netbsd::O_RDWR), Err(Errno::ENOENT));
        let fd = open(&client, path, netbsd::O_CREAT | netbsd::O_EXCL | netbsd::O_RDWR).unwrap();
        assert_eq!(client.rump_sys_write(fd, b"made"), Ok(4));
        let again = open(&client, path, netbsd::O_CREAT | netbsd::O_EXCL | netbsd::O_RDWR);
        assert_eq!(again, Err(Errno::EEXIST));
        // Without O_EXCL the file that is there will do, as it is.
        let same = open(&client, path, netbsd::O_CREAT | netbsd::O_RDONLY).unwrap();
        let mut text = [0; 8];
        assert_eq!(client.rump_sys_read(same, &mut text), Ok(4));
        assert_eq!(&text[..4], b"made");
    }

    fn o_trunc_empties_a_file(kernel) {
        let client = patient_client(kernel);
        let fd = create(&client, c"/tmp/full");
        client.rump_sys_write(fd, b"contents").unwrap();
        open(&client, c"/tmp/full", netbsd::O_WRONLY | netbsd::O_TRUNC).unwrap();
        assert_eq!(size(&client, fd), 0);
    }

    fn o_append_writes_to_the_end_wherever_the_offset_is(kernel) {
        let client = client_with_files(kernel);
        let writer = create(&client, c"/tmp/log");
        let appender = open(&client, c"/tmp/log", netbsd::O_WRONLY | netbsd::O_APPEND).unwrap();
        client.rump_sys_write(writer, b"one ").unwrap();
        assert_eq!(client.rump_sys_write(appender, b"two "), Ok(4));
        client.rump_sys_lseek(appender, 0, netbsd::SEEK_SET).unwrap();
        assert_eq!(client.rump_sys_write(appender, b"three"), Ok(5));
        assert_eq!(contents(&client, c"/tmp/log"), b"one two three");
        // Without the flag, writes go where the offset is again.
        fcntl(&client, appender, netbsd::F_SETFL, 0).unwrap();
        client.rump_sys_lseek(appender, 0, netbsd::SEEK_SET).unwrap();
        client.rump_sys_write(appender, b"ONE").unwrap();
        assert_eq!(contents(&client, c"/tmp/log"), b"ONE two three");
    }

    fn what_is_no_regular_file_is_refused_for_what_it_is(kernel) {
        let client = patient_client(kernel);
        create(&client, c"/tmp/file");
        for (path, flags, error) in [
            (c"/tmp/file", netbsd::O_RDONLY | netbsd::O_DIRECTORY, Errno::ENOTDIR),
            (c"/tmp/file/below", netbsd::O_RDONLY, Errno::ENOTDIR),
            (c"/tmp", netbsd::O_WRONLY, Errno::EISDIR),
            (c"/tmp", netbsd::O_RDWR, Errno::EISDIR),
            (c"/tmp/nobody/below", netbsd::O_CREAT | netbsd::O_RDWR, Errno::ENOENT),
            (c"", netbsd::O_RDONLY, Errno::ENOENT),
        ] {
            assert_eq!(open(&client, path, flags), Err(error), "{path:?} {flags:#x}");
        }
        let fd = open(&client, c"/tmp", netbsd::O_RDONLY | netbsd::O_DIRECTORY).unwrap();
        assert_eq!(client.rump_sys_write(fd, b"x"), Err(Errno::EBADF));
        assert_eq!(client.rump_sys_read(fd, &mut [0; 16]), Err(Errno::EISDIR));
    }

    fn a_descriptor_does_what_it_was_opened_for(kernel) {
        let client = patient_client(kernel);
        create(&client, c"/tmp/file");
        let reader = open(&client, c"/tmp/file", netbsd::O_RDONLY).unwrap();
        let writer = open(&client, c"/tmp/file", netbsd::O_WRONLY).unwrap();
        assert_eq!(client.rump_sys_write(reader, b"x"), Err(Errno::EBADF));
        assert_eq!(client.rump_sys_read(writer, &mut [0; 4]), Err(Errno::EBADF));
        assert_eq!(client.rump_sys_ftruncate(reader, 0), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_write(writer, b"x"), Ok(1));
        assert_eq!(client.rump_sys_read(reader, &mut [0; 4]), Ok(1));
    }

    fn a_closed_descriptor_is_no_descriptor(kernel) {
        let client = patient_client(kernel);
        let fd = create(&client, c"/tmp/file");
        client.rump_sys_close(fd).unwrap();
        let mut stat = netbsd::stat::default();
        for bad in [fd, -1, 10_000, c_int::MAX] {
            assert_eq!(client.rump_sys_read(bad, &mut [0; 4]), Err(Errno::EBADF), "{bad}");
            assert_eq!(client.rump_sys_write(bad, &[0; 4]), Err(Errno::EBADF), "{bad}");
            assert_eq!(client.rump_sys_fstat(bad, &mut stat), Err(Errno::EBADF), "{bad}");
            assert_eq!(offset(&client, bad), Err(Errno::EBADF), "{bad}");
            assert_eq!(client.rump_sys_dup(bad), Err(Errno::EBADF), "{bad}");
            assert_eq!(client.rump_sys_close(bad), Err(Errno::EBADF), "{bad}");
            assert_eq!(fcntl(&client, bad, netbsd::F_GETFL, 0), Err(Errno::EBADF), "{bad}");
        }
    }

    fn reads_end_where_the_file_does(kernel) {
        let client = patient_client(kernel);
        let fd = create(&client, c"/tmp/short");
        assert_eq!(client.rump_sys_write(fd, b"0123456789"), Ok(10));
        assert_eq!(client.rump_sys_read(fd, &mut [0; 4]), Ok(0));
        client.rump_sys_lseek(fd, 0, netbsd::SEEK_SET).unwrap();
        let mut buffer = *b"................";
        assert_eq!(client.rump_sys_read(fd, &mut buffer[..7]), Ok(7));
        assert_eq!(client.rump_sys_read(fd, &mut buffer[7..]), Ok(3));
        assert_eq!(&buffer, b"0123456789......");
        assert_eq!(client.rump_sys_read(fd, &mut buffer), Ok(0));
        assert_eq!(client.rump_sys_read(fd, &mut []), Ok(0));
        assert_eq!(client.rump_sys_write(fd, &[]), Ok(0));
        assert_eq!(size(&client, fd), 10);
    }

    fn lseek_moves_from_start_offset_and_end(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/seek");
        client.rump_sys_write(fd, &[7; 100]).unwrap();
        assert_eq!(offset(&client, fd), Ok(100));
        assert_eq!(client.rump_sys_lseek(fd, 10, netbsd::SEEK_SET), Ok(10));
        assert_eq!(client.rump_sys_lseek(fd, 5, netbsd::SEEK_CUR), Ok(15));
        assert_eq!(client.rump_sys_lseek(fd, -15, netbsd::SEEK_CUR), Ok(0));
        assert_eq!(client.rump_sys_lseek(fd, -1, netbsd::SEEK_END), Ok(99));
        assert_eq!(client.rump_sys_lseek(fd, -1, netbsd::SEEK_SET), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_lseek(fd, 0, 77), Err(Errno::EINVAL));
        assert_eq!(offset(&client, fd), Ok(99), "a refused move moves nothing");
        // More than 32 bits, and beyond the end: the file grows when it is written there.
        let far = (1 << 40) + 3;
        assert_eq!(client.rump_sys_lseek(fd, far, netbsd::SEEK_SET), Ok(far));
        assert_eq!(size(&client, fd), 100);
        assert_eq!(client.rump_sys_read(fd, &mut [0; 4]), Ok(0));
        let [end, _] = client.rump_sys_pipe().unwrap();
        assert_eq!(offset(&client, end), Err(Errno::ESPIPE));
    }

    fn a_hole_reads_as_zeros(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/hole");
        client.rump_sys_write(fd, b"start").unwrap();
        client.rump_sys_lseek(fd, 20_000, netbsd::SEEK_SET).unwrap();
        client.rump_sys_write(fd, b"end").unwrap();
        let mut expected = b"start".to_vec();
        expected.resize(20_000, 0);
        expected.extend_from_slice(b"end");
        assert_eq!(contents(&client, c"/tmp/hole"), expected);
    }

    fn reads_and_writes_at_a_position_leave_the_offset_alone(kernel) {
        let client = patient_client(kernel);
        let fd = create(&client, c"/tmp/positions");
        client.rump_sys_write(fd, b"0123456789").unwrap();
        client.rump_sys_lseek(fd, 3, netbsd::SEEK_SET).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(client.rump_sys_pread(fd, &mut buffer, 5), Ok(4));
        assert_eq!(&buffer, b"5678");
        assert_eq!(client.rump_sys_pread(fd, &mut buffer, 8), Ok(2));
        assert_eq!(client.rump_sys_pread(fd, &mut buffer, 10), Ok(0));
        assert_eq!(client.rump_sys_pwrite(fd, b"ABCD", 8), Ok(4));
        let (mut one, mut two) = ([0; 2], [0; 3]);
        let into = &mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        assert_eq!(client.rump_sys_preadv(fd, into, 7), Ok(5));
        assert_eq!((&one, &two), (b"7A", b"BCD"));
        let from = &[IoSlice::new(b"a"), IoSlice::new(b"bc")];
        assert_eq!(client.rump_sys_pwritev(fd, from, 0), Ok(3));
        assert_eq!(offset(&client, fd), Ok(3));
        assert_eq!(contents(&client, c"/tmp/positions"), b"abc34567ABCD");
        assert_eq!(client.rump_sys_pread(fd, &mut buffer, -1), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_pwrite(fd, &buffer, -1), Err(Errno::EINVAL));
        let [reader, writer] = client.rump_sys_pipe().unwrap();
        assert_eq!(client.rump_sys_pread(reader, &mut buffer, 0), Err(Errno::ESPIPE));
        assert_eq!(client.rump_sys_pwrite(writer, &buffer, 0), Err(Errno::ESPIPE));
    }

    fn vectors_are_filled_and_emptied_in_order(kernel) {
        let client = patient_client(kernel);
        let fd = create(&client, c"/tmp/vectors");
        let text = pattern(100_000);
        // Pieces of 0, 1, 2, … bytes: more of them than the kernel keeps on its stack.
        let pieces: Vec<&[u8]> = (0..400).map(|n| &text[n * (n + 1) / 2..][..n + 1]).collect();
        let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(&piece[1..])).collect();
        let expected: Vec<u8> = pieces.iter().flat_map(|piece| &piece[1..]).copied().collect();
        assert_eq!(client.rump_sys_writev(fd, &slices), Ok(expected.len()));
        assert_eq!(offset(&client, fd), Ok(expected.len() as i64));
        client.rump_sys_lseek(fd, 0, netbsd::SEEK_SET).unwrap();
        let mut back: Vec<Vec<u8>> = (0..400).rev().map(|n| vec![0; n]).collect();
        let mut into: Vec<_> = back.iter_mut().map(|piece| IoSliceMut::new(piece)).collect();
        assert_eq!(client.rump_sys_readv(fd, &mut into), Ok(expected.len()));
        assert_eq!(back.concat(), expected);
    }

    fn vectors_of_no_length_and_of_too_many_are_refused(kernel) {
        let client = patient_client(kernel);
        let fd = create(&client, c"/tmp/vectors");
        assert_eq!(client.rump_sys_writev(fd, &[]), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_readv(fd, &mut []), Err(Errno::EINVAL));
        let most: Vec<_> = (0..1024).map(|_| IoSlice::new(b"x")).collect();
        assert_eq!(client.rump_sys_writev(fd, &most), Ok(1024));
        let more: Vec<_> = (0..1025).map(|_| IoSlice::new(b"x")).collect();
        assert_eq!(client.rump_sys_writev(fd, &more), Err(Errno::EINVAL));
        assert_eq!(size(&client, fd), 1024);
    }

    fn truncation_shortens_and_lengthens(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/length");
        client.rump_sys_write(fd, &pattern(10_000)).unwrap();
        assert_eq!(client.rump_sys_ftruncate(fd, 5000), Ok(()));
        assert_eq!(contents(&client, c"/tmp/length"), pattern(5000));
        assert_eq!(client.rump_sys_truncate(c"/tmp/length", 7000), Ok(()));
        let mut expected = pattern(5000);
        expected.resize(7000, 0);
        assert_eq!(contents(&client, c"/tmp/length"), expected);
        assert_eq!(offset(&client, fd), Ok(10_000));
        assert_eq!(client.rump_sys_truncate(c"/tmp/length", -1), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_ftruncate(fd, -1), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_truncate(c"/tmp", 0), Err(Errno::EISDIR));
        assert_eq!(client.rump_sys_truncate(c"/tmp/nobody", 0), Err(Errno::ENOENT));
        let [_, pipe] = client.rump_sys_pipe().unwrap();
        assert!(client.rump_sys_ftruncate(pipe, 0).is_err());
    }

    fn large_transfers_arrive_byte_for_byte(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/large");
        // Neither end of either buffer is at a page's edge.
        let written = pattern(LARGE + 1);
        assert_eq!(client.rump_sys_write(fd, &written[1..]), Ok(LARGE));
        let mut back = vec![0; LARGE + 3];
        assert_eq!(client.rump_sys_pread(fd, &mut back[3..], 0), Ok(LARGE));
        assert!(back[3..] == written[1..]);
        // And in pieces, from and to odd places.
        let piece = 1_000_003;
        for at in (0..LARGE).step_by(piece) {
            let len = piece.min(LARGE - at);
            back[..len].fill(0);
            assert_eq!(client.rump_sys_pread(fd, &mut back[..len], at as i64), Ok(len));
            assert!(back[..len] == written[1 + at..][..len], "{at}");
            assert_eq!(client.rump_sys_pwrite(fd, &written[at..][..len], at as i64), Ok(len));
        }
        assert_eq!(size(&client, fd), LARGE as i64);
        assert_eq!(client.rump_sys_pread(fd, &mut back, 0), Ok(LARGE));
        assert!(back[..LARGE] == written[..LARGE]);
    }

    fn large_transfers_of_many_threads_do_not_mix(kernel) {
        let client = client_with_files(kernel);
        thread::scope(|scope| {
            for (index, path) in [c"/tmp/a", c"/tmp/b", c"/tmp/c", c"/tmp/d"].iter().enumerate() {
                let client = &client;
                scope.spawn(move || {
                    let written = &pattern(LARGE)[index * 7..][..LARGE / 4];
                    let fd = create(client, path);
                    assert_eq!(client.rump_sys_write(fd, written), Ok(written.len()));
                    let mut back = vec![0; written.len()];
                    assert_eq!(client.rump_sys_pread(fd, &mut back, 0), Ok(back.len()));
                    assert!(back == written, "{path:?}");
                });
            }
        });
    }

    fn a_removed_file_stays_until_it_is_closed(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/unnamed");
        client.rump_sys_unlink(c"/tmp/unnamed").unwrap();
        assert_eq!(client.rump_sys_write(fd, b"still here"), Ok(10));
        let mut text = [0; 16];
        assert_eq!(client.rump_sys_pread(fd, &mut text, 0), Ok(10));
        assert_eq!(open(&client, c"/tmp/unnamed", netbsd::O_RDONLY), Err(Errno::ENOENT));
    }

    fn files_are_written_to_their_medium(kernel) {
        let client = client_with_files(kernel);
        let fd = create(&client, c"/tmp/synced");
        client.rump_sys_write(fd, &pattern(10_000)).unwrap();
        assert_eq!(client.rump_sys_fsync(fd), Ok(()));
        assert_eq!(client.rump_sys_fdatasync(fd), Ok(()));
        assert_eq!(client.rump_sys_fsync_range(fd, netbsd::FFILESYNC, 0, 5000), Ok(()));
        assert_eq!(client.rump_sys_sync(), Ok(()));
        assert_eq!(client.rump_sys_posix_fadvise(fd, 0, 0, netbsd::POSIX_FADV_SEQUENTIAL), Ok(()));
        // This one answers with an errno as its result.
        assert_eq!(client.rump_sys_posix_fadvise(fd, 0, 0, 77), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_posix_fadvise(-1, 0, 0, 0), Err(Errno::EBADF));
        assert_eq!(client.rump_sys_fsync(-1), Err(Errno::EBADF));
        let [pipe, _] = client.rump_sys_pipe().unwrap();
        assert_eq!(client.rump_sys_fsync(pipe), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_posix_fadvise(pipe, 0, 0, 0), Err(Errno::ESPIPE));
    }

    fn the_null_devices_are_there(kernel) {
        let client = patient_client(kernel);
        let null = open(&client, c"/dev/null", netbsd::O_RDWR).unwrap();
        assert_eq!(client.rump_sys_write(null, &pattern(100_000)), Ok(100_000));
        assert_eq!(client.rump_sys_read(null, &mut [1; 16]), Ok(0));
        let zero = open(&client, c"/dev/zero", netbsd::O_RDONLY).unwrap();
        let mut buffer = vec![1; 100_001];
        assert_eq!(client.rump_sys_read(zero, &mut buffer), Ok(100_001));
        assert!(buffer.iter().all(|&byte| byte == 0));
    }

    fn descriptors_are_the_lowest_that_are_free(kernel) {
        let client = patient_client(kernel);
        let first = create(&client, c"/tmp/file");
        let next: Vec<c_int> = (0..4).map(|_| client.rump_sys_dup(first).unwrap()).collect();
        assert_eq!(next, [first + 1, first + 2, first + 3, first + 4]);
        client.rump_sys_close(next[2]).unwrap();
        client.rump_sys_close(next[0]).unwrap();
        assert_eq!(client.rump_sys_dup(first), Ok(next[0]));
        assert_eq!(client.rump_sys_dup(first), Ok(next[2]));
        assert_eq!(client.rump_sys_dup(first), Ok(first + 5));
        assert_eq!(fcntl(&client, first, netbsd::F_DUPFD, first + 3), Ok(first + 6));
        assert_eq!(fcntl(&client, first, netbsd::F_DUPFD, 40), Ok(40));
        assert_eq!(fcntl(&client, first, netbsd::F_DUPFD, -1), Err(Errno::EINVAL));
    }

    fn copies_of_a_descriptor_share_its_offset(kernel) {
        let client = patient_client(kernel);
        let fd = create(&client, c"/tmp/shared");
        client.rump_sys_write(fd, b"0123456789").unwrap();
        let copy = client.rump_sys_dup(fd).unwrap();
        assert_eq!(client.rump_sys_dup2(fd, 30), Ok(30));
        assert_eq!(client.rump_sys_dup2(fd, fd), Ok(fd));
        assert_eq!(client.rump_sys_dup2(-1, 31), Err(Errno::EBADF));
        assert_eq!(client.rump_sys_dup2(fd, -1), Err(Errno::EBADF));
        client.rump_sys_lseek(copy, 2, netbsd::SEEK_SET).unwrap();
        let mut byte = [0];
        for (from, expected) in [(fd, b"2"), (copy, b"3"), (30, b"4")] {
            assert_eq!(client.rump_sys_read(from, &mut byte), Ok(1));
            assert_eq!(&byte, expected, "{from}");
        }
        // An open of its own has an offset of its own.
        let other = open(&client, c"/tmp/shared", netbsd::O_RDONLY).unwrap();
        client.rump_sys_read(other, &mut byte).unwrap();
        assert_eq!(&byte, b"0");
        // What the number stood for before is closed.
        assert_eq!(client.rump_sys_dup2(other, 30), Ok(30));
        assert_eq!(offset(&client, 30), Ok(1));
        client.rump_sys_close(fd).unwrap();
        assert_eq!(offset(&client, copy), Ok(5));
    }

    fn close_on_exec_belongs_to_the_descriptor(kernel) {
        let client = patient_client(kernel);
        let close_on_exec = |fd| fcntl(&client, fd, netbsd::F_GETFD, 0);
        let fd = create(&client, c"/tmp/file");
        assert_eq!(close_on_exec(fd), Ok(0));
        assert_eq!(fcntl(&client, fd, netbsd::F_SETFD, netbsd::FD_CLOEXEC), Ok(0));
        assert_eq!(close_on_exec(fd), Ok(netbsd::FD_CLOEXEC));
        let copy = client.rump_sys_dup(fd).unwrap();
        assert_eq!(close_on_exec(copy), Ok(0));
        let marked = fcntl(&client, fd, netbsd::F_DUPFD_CLOEXEC, 0).unwrap();
        assert_eq!(close_on_exec(marked), Ok(netbsd::FD_CLOEXEC));
        let opened = open(&client, c"/tmp/file", netbsd::O_RDONLY | netbsd::O_CLOEXEC).unwrap();
        assert_eq!(close_on_exec(opened), Ok(netbsd::FD_CLOEXEC));
        assert_eq!(client.rump_sys_dup2(opened, copy), Ok(copy));
        assert_eq!(close_on_exec(copy), Ok(0));
        assert_eq!(fcntl(&client, fd, netbsd::F_SETFD, 0), Ok(0));
        assert_eq!(close_on_exec(fd), Ok(0));
    }

    fn status_flags_belong_to_the_open_file(kernel) {
        let client = client_with_files(kernel);
        create(&client, c"/tmp/file");
        let fd = open(&client, c"/tmp/file", netbsd::O_WRONLY | netbsd::O_APPEND).unwrap();
        let flags = |fd| fcntl(&client, fd, netbsd::F_GETFL, 0).unwrap();
        assert_eq!(flags(fd), netbsd::O_WRONLY | netbsd::O_APPEND);
        let copy = client.rump_sys_dup(fd).unwrap();
        assert_eq!(fcntl(&client, copy, netbsd::F_SETFL, netbsd::O_NONBLOCK), Ok(0));
        assert_eq!(flags(fd), netbsd::O_WRONLY | netbsd::O_NONBLOCK);
        // The access mode cannot be changed.
        assert_eq!(fcntl(&client, fd, netbsd::F_SETFL, netbsd::O_RDWR), Ok(0));
        assert_eq!(flags(fd), netbsd::O_WRONLY);
        assert_eq!(fcntl(&client, fd, 9999, 0), Err(Errno::EINVAL));
    }

    fn record_locks_keep_another_process_out(kernel) {
        let (client, other) = (client_with_files(kernel), patient_client(kernel));
        let mine = create(&client, c"/tmp/locked");
        let theirs = open(&other, c"/tmp/locked", netbsd::O_RDWR).unwrap();
        let lock = |client: &Client, fd, kind, start, len| {
            fcntl_with(client, fd, netbsd::F_SETLK, &mut range(kind, start, len))
        };
        assert_eq!(lock(&client, mine, netbsd::F_WRLCK, 10, 10), Ok(0));
        assert_eq!(lock(&other, theirs, netbsd::F_WRLCK, 15, 1), Err(Errno::EAGAIN));
        assert_eq!(lock(&other, theirs, netbsd::F_RDLCK, 0, 0), Err(Errno::EAGAIN));
        assert_eq!(lock(&other, theirs, netbsd::F_WRLCK, 20, 10), Ok(0));
        // Who is in the way, and where.
        let mut found = range(netbsd::F_RDLCK, 0, 0);
        assert_eq!(fcntl_with(&other, theirs, netbsd::F_GETLK, &mut found), Ok(0));
        let pid = client.rump_sys_getpid().unwrap();
        assert_eq!((found.l_type, found.l_start, found.l_len), (netbsd::F_WRLCK, 10, 10));
        assert_eq!((found.l_pid, i32::from(found.l_whence)), (pid, netbsd::SEEK_SET));
        // A process's own locks are in nobody's way but others'.
        let mut found = range(netbsd::F_WRLCK, 10, 10);
        assert_eq!(fcntl_with(&client, mine, netbsd::F_GETLK, &mut found), Ok(0));
        assert_eq!(found.l_type, netbsd::F_UNLCK);
        // Shared ones go together.
        assert_eq!(lock(&client, mine, netbsd::F_RDLCK, 10, 10), Ok(0));
        assert_eq!(lock(&other, theirs, netbsd::F_RDLCK, 12, 2), Ok(0));
        assert_eq!(lock(&client, mine, netbsd::F_WRLCK, 10, 10), Err(Errno::EAGAIN));
        assert_eq!(lock(&other, theirs, netbsd::F_UNLCK, 0, 0), Ok(0));
        assert_eq!(lock(&client, mine, netbsd::F_WRLCK, 0, 0), Ok(0));
    }

    fn a_waiting_lock_is_had_when_the_other_goes(kernel) {
        let (client, other) = (client_with_files(kernel), patient_client(kernel));
        let mine = create(&client, c"/tmp/locked");
        let theirs = open(&other, c"/tmp/locked", netbsd::O_RDWR).unwrap();
        let mut whole = range(netbsd::F_WRLCK, 0, 0);
        fcntl_with(&client, mine, netbsd::F_SETLK, &mut whole).unwrap();
        let waited = thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                fcntl_with(&other, theirs, netbsd::F_SETLKW, &mut range(netbsd::F_WRLCK, 0, 0))
            });
            // Closing any of its descriptors gives up a process's locks on a file.
            let another = open(&client, c"/tmp/locked", netbsd::O_RDONLY).unwrap();
            client.rump_sys_close(another).unwrap();
            waiter.join().unwrap()
        });
        assert_eq!(waited, Ok(0));
        let refused = fcntl_with(&client, mine, netbsd::F_SETLK, &mut whole);
        assert_eq!(refused, Err(Errno::EAGAIN));
        drop(other);
        let taken = fcntl_with(&client, mine, netbsd::F_SETLKW, &mut whole);
        assert_eq!(taken, Ok(0), "a process that is gone has no locks");
    }

    fn flock_is_for_the_open_file(kernel) {
        let (client, other) = (client_with_files(kernel), patient_client(kernel));
        let mine = create(&client, c"/tmp/locked");
        let theirs = open(&other, c"/tmp/locked", netbsd::O_RDONLY).unwrap();
        assert_eq!(client.rump_sys_flock(mine, netbsd::LOCK_SH), Ok(()));
        assert_eq!(other.rump_sys_flock(theirs, netbsd::LOCK_SH | netbsd::LOCK_NB), Ok(()));
        let exclusive = netbsd::LOCK_EX | netbsd::LOCK_NB;
        assert_eq!(client.rump_sys_flock(mine, exclusive), Err(Errno::EAGAIN));
        assert_eq!(other.rump_sys_flock(theirs, netbsd::LOCK_UN), Ok(()));
        assert_eq!(client.rump_sys_flock(mine, exclusive), Ok(()));
        // Another open of the same process is another owner.
        let again = open(&client, c"/tmp/locked", netbsd::O_RDONLY).unwrap();
        assert_eq!(client.rump_sys_flock(again, exclusive), Err(Errno::EAGAIN));
        let flags = netbsd::O_RDONLY | netbsd::O_EXLOCK | netbsd::O_NONBLOCK;
        assert_eq!(open(&other, c"/tmp/locked", flags), Err(Errno::EAGAIN));
        client.rump_sys_close(mine).unwrap();
        assert!(open(&other, c"/tmp/locked", flags).is_ok());
    }

    fn names_that_are_too_long_are_refused(kernel) {
        let client = client_with_files(kernel);
        let name = |len: usize| {
            let path = [b"/tmp/".as_slice(), &vec![b'n'; len]].concat();
            std::ffi::CString::new(path).expect("no NUL inside")
        };
        assert!(open(&client, &name(255), netbsd::O_CREAT | netbsd::O_RDWR).is_ok());
        let long = open(&client, &name(256), netbsd::O_CREAT | netbsd::O_RDWR);
        assert_eq!(long, Err(Errno::ENAMETOOLONG));
        // A path has at most 1024 bytes with its NUL, however short its parts are.
        let path = |len: usize| {
            let slashes = "/".repeat(len - 3);
            std::ffi::CString::new(format!("{slashes}tmp")).expect("no NUL inside")
        };
        assert!(open(&client, &path(1023), netbsd::O_RDONLY).is_ok());
        assert_eq!(open(&client, &path(1024), netbsd::O_RDONLY), Err(Errno::ENAMETOOLONG));
        assert_eq!(open(&client, &path(5000), netbsd::O_RDONLY), Err(Errno::ENAMETOOLONG));
    }
}
