//! Directories: making, listing and removing them, and finding the way from one to another.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_int};

use rumpclient::Client;
use rumpclient::netbsd::{self, Errno};
use rumpclient_tests::fixture::{client_with_files, contents, create, patient_client};
use rumpclient_tests::on_every_kernel;

fn open_directory(client: &Client, path: &CStr) -> c_int {
    let flags = netbsd::O_RDONLY | netbsd::O_DIRECTORY;
    client.rump_sys_open(path, flags, 0).expect("a directory can be opened")
}

/// Reads a directory to its end, in pieces of at most `room` bytes: names and types, but for `.`
/// and `..`, which not every file system lists.
fn list(client: &Client, fd: c_int, room: usize) -> Vec<(Vec<u8>, u8)> {
    let mut found = Vec::new();
    let mut buffer = vec![0; room];
    loop {
        let len = client.rump_sys_getdents(fd, &mut buffer).expect("a directory can be read");
        if len == 0 {
            return found;
        }
        for entry in netbsd::dirents(&buffer[..len]) {
            let entry = entry.expect("the kernel sends whole entries");
            if ![&b"."[..], b".."].contains(&entry.name) {
                found.push((entry.name.to_vec(), entry.kind));
            }
        }
    }
}

fn names(client: &Client, path: &CStr) -> BTreeSet<String> {
    let fd = open_directory(client, path);
    let names = list(client, fd, 4096)
        .into_iter()
        .map(|(name, _)| String::from_utf8(name).expect("a name of this test's is text"))
        .collect();
    client.rump_sys_close(fd).expect("an open descriptor can be closed");
    names
}

fn current(client: &Client) -> CString {
    let mut path = [0; 1024];
    let len = client.rump_sys___getcwd(&mut path).expect("the current directory has a path");
    CStr::from_bytes_with_nul(&path[..len]).expect("a path ends with its NUL").to_owned()
}

fn exists(client: &Client, path: &CStr) -> bool {
    match client.rump_sys_lstat(path, &mut netbsd::stat::default()) {
        Ok(()) => true,
        Err(Errno::ENOENT) => false,
        Err(error) => panic!("{}: {error}", path.to_string_lossy()),
    }
}

on_every_kernel! {
    fn directories_are_made_and_removed(kernel) {
        let client = patient_client(kernel);
        assert_eq!(client.rump_sys_mkdir(c"/tmp/d", 0o755), Ok(()));
        assert_eq!(client.rump_sys_mkdir(c"/tmp/d", 0o755), Err(Errno::EEXIST));
        assert_eq!(client.rump_sys_mkdir(c"/tmp/d/one/two", 0o755), Err(Errno::ENOENT));
        assert_eq!(client.rump_sys_mkdir(c"/tmp/d/one", 0o755), Ok(()));
        create(&client, c"/tmp/d/file");
        assert_eq!(client.rump_sys_mkdir(c"/tmp/d/file", 0o755), Err(Errno::EEXIST));
        assert_eq!(client.rump_sys_mkdir(c"/tmp/d/file/one", 0o755), Err(Errno::ENOTDIR));
        assert_eq!(client.rump_sys_rmdir(c"/tmp/d"), Err(Errno::ENOTEMPTY));
        assert_eq!(client.rump_sys_rmdir(c"/tmp/d/file"), Err(Errno::ENOTDIR));
        assert_eq!(client.rump_sys_rmdir(c"/tmp/d/nobody"), Err(Errno::ENOENT));
        assert_eq!(client.rump_sys_unlink(c"/tmp/d/one"), Err(Errno::EPERM));
        assert_eq!(client.rump_sys_rmdir(c"/tmp/d/one"), Ok(()));
        assert_eq!(client.rump_sys_unlink(c"/tmp/d/file"), Ok(()));
        assert_eq!(client.rump_sys_rmdir(c"/tmp/d"), Ok(()));
        assert!(!exists(&client, c"/tmp/d"));
    }

    fn a_long_listing_comes_in_pieces_and_is_complete(kernel) {
        let client = client_with_files(kernel);
        client.rump_sys_mkdir(c"/tmp/many", 0o755).unwrap();
        let mut expected = BTreeSet::new();
        for number in 0..300 {
            // Names of many lengths, so that records end in many places.
            let name = format!("{number:0width$}", width = 3 + number % 120);
            let path = CString::new(format!("/tmp/many/{name}")).unwrap();
            client.rump_sys_close(create(&client, &path)).unwrap();
            expected.insert(name);
        }
        let fd = open_directory(&client, c"/tmp/many");
        for room in [1024, 4096, 65_536] {
            client.rump_sys_lseek(fd, 0, netbsd::SEEK_SET).unwrap();
            let listed = list(&client, fd, room);
            assert_eq!(listed.len(), expected.len(), "each once, {room} bytes at a time");
            let listed: BTreeSet<_> =
                listed.into_iter().map(|(name, _)| String::from_utf8(name).unwrap()).collect();
            assert_eq!(listed, expected, "{room} bytes at a time");
        }
        assert_eq!(client.rump_sys_getdents(fd, &mut [0; 4096]), Ok(0), "the end stays the end");
    }

    fn entries_tell_what_they_are(kernel) {
        let client = client_with_files(kernel);
        client.rump_sys_mkdir(c"/tmp/kinds", 0o755).unwrap();
        create(&client, c"/tmp/kinds/file");
        client.rump_sys_mkdir(c"/tmp/kinds/folder", 0o755).unwrap();
        client.rump_sys_symlink(c"file", c"/tmp/kinds/link").unwrap();
        let fd = open_directory(&client, c"/tmp/kinds");
        let listed: BTreeSet<_> = list(&client, fd, 4096).into_iter().collect();
        let expected = [
            (b"file".to_vec(), netbsd::DT_REG),
            (b"folder".to_vec(), netbsd::DT_DIR),
            (b"link".to_vec(), netbsd::DT_LNK),
        ];
        assert_eq!(listed, BTreeSet::from(expected));
        // The serial number is the file's.
        let mut buffer = [0; 4096];
        client.rump_sys_lseek(fd, 0, netbsd::SEEK_SET).unwrap();
        let len = client.rump_sys_getdents(fd, &mut buffer).unwrap();
        let entries = netbsd::dirents(&buffer[..len]).map(Result::unwrap);
        let file = entries.into_iter().find(|entry| entry.name == b"file").unwrap();
        let mut stat = netbsd::stat::default();
        client.rump_sys_stat(c"/tmp/kinds/file", &mut stat).unwrap();
        assert_eq!(file.fileno, stat.st_ino);
    }

    fn names_are_bytes(kernel) {
        let client = client_with_files(kernel);
        client.rump_sys_mkdir(c"/tmp/odd", 0o755).unwrap();
        let long = vec![b'l'; 255];
        let odd: [&[u8]; 6] =
            [b" ", b"\n", "h\u{e9}llo \u{1f980}".as_bytes(), b"\xff\xfe", b"...", &long];
        for name in odd {
            let path = CString::new([b"/tmp/odd/", name].concat()).unwrap();
            create(&client, &path);
        }
        let fd = open_directory(&client, c"/tmp/odd");
        let listed: BTreeSet<_> = list(&client, fd, 4096).into_iter().map(|it| it.0).collect();
        assert_eq!(listed, odd.into_iter().map(<[u8]>::to_vec).collect());
    }

    fn only_directories_are_listed(kernel) {
        let client = client_with_files(kernel);
        let file = create(&client, c"/tmp/file");
        let mut buffer = [0; 4096];
        assert_eq!(client.rump_sys_getdents(file, &mut buffer), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_getdents(-1, &mut buffer), Err(Errno::EBADF));
        let [pipe, _] = client.rump_sys_pipe().unwrap();
        assert_eq!(client.rump_sys_getdents(pipe, &mut buffer), Err(Errno::EINVAL));
        // A removed directory is empty.
        client.rump_sys_mkdir(c"/tmp/gone", 0o755).unwrap();
        let gone = open_directory(&client, c"/tmp/gone");
        client.rump_sys_rmdir(c"/tmp/gone").unwrap();
        assert!(!exists(&client, c"/tmp/gone"));
        client.rump_sys_close(gone).unwrap();
    }

    fn relative_paths_start_at_the_current_directory(kernel) {
        let client = client_with_files(kernel);
        assert_eq!(current(&client).as_c_str(), c"/");
        client.rump_sys_mkdir(c"/tmp/here", 0o755).unwrap();
        client.rump_sys_chdir(c"/tmp/here").unwrap();
        assert_eq!(current(&client).as_c_str(), c"/tmp/here");
        create(&client, c"file");
        assert!(exists(&client, c"/tmp/here/file"));
        assert!(exists(&client, c"../here/./file"));
        client.rump_sys_mkdir(c"below", 0o755).unwrap();
        client.rump_sys_chdir(c"below").unwrap();
        assert_eq!(current(&client).as_c_str(), c"/tmp/here/below");
        client.rump_sys_chdir(c"../..").unwrap();
        assert_eq!(current(&client).as_c_str(), c"/tmp");
        assert_eq!(client.rump_sys_chdir(c"here/file"), Err(Errno::ENOTDIR));
        assert_eq!(client.rump_sys_chdir(c"nobody"), Err(Errno::ENOENT));
        // By descriptor.
        let fd = open_directory(&client, c"here/below");
        assert_eq!(client.rump_sys_fchdir(fd), Ok(()));
        assert_eq!(current(&client).as_c_str(), c"/tmp/here/below");
        let file = create(&client, c"file");
        assert_eq!(client.rump_sys_fchdir(file), Err(Errno::ENOTDIR));
        assert_eq!(client.rump_sys_fchdir(-1), Err(Errno::EBADF));
        // There is no way above the root.
        client.rump_sys_chdir(c"/../..").unwrap();
        assert_eq!(current(&client).as_c_str(), c"/");
    }

    fn each_process_is_in_a_directory_of_its_own(kernel) {
        let (one, other) = (client_with_files(kernel), patient_client(kernel));
        one.rump_sys_chdir(c"/tmp").unwrap();
        create(&one, c"file");
        assert_eq!(current(&other).as_c_str(), c"/");
        assert!(!exists(&other, c"file"));
        assert!(exists(&other, c"tmp/file"));
    }

    fn the_path_of_the_current_directory_needs_room(kernel) {
        let client = client_with_files(kernel);
        client.rump_sys_mkdir(c"/tmp/eleven", 0o755).unwrap();
        client.rump_sys_chdir(c"/tmp/eleven").unwrap();
        assert_eq!(client.rump_sys___getcwd(&mut [0; 11]), Err(Errno::ERANGE));
        let mut path = [b'.'; 64];
        assert_eq!(client.rump_sys___getcwd(&mut path), Ok(12));
        assert_eq!(&path[..13], b"/tmp/eleven\0.");
    }

    fn a_new_root_hides_what_is_above(kernel) {
        let client = client_with_files(kernel);
        client.rump_sys_mkdir(c"/tmp/root", 0o755).unwrap();
        create(&client, c"/tmp/root/inside");
        create(&client, c"/tmp/outside");
        client.rump_sys_chroot(c"/tmp/root").unwrap();
        client.rump_sys_chdir(c"/").unwrap();
        assert!(exists(&client, c"/inside"));
        assert!(!exists(&client, c"/tmp"));
        assert!(!exists(&client, c"/../outside"));
        assert!(exists(&client, c"/../../inside"));
        assert_eq!(current(&client).as_c_str(), c"/");
        // Of this process only.
        assert!(exists(&patient_client(kernel), c"/tmp/outside"));
    }

    fn calls_start_at_a_directorys_descriptor(kernel) {
        let client = client_with_files(kernel);
        client.rump_sys_mkdir(c"/tmp/base", 0o755).unwrap();
        let base = open_directory(&client, c"/tmp/base");
        let flags = netbsd::O_CREAT | netbsd::O_RDWR;
        let fd = client.rump_sys_openat(base, c"file", flags, 0o600).unwrap();
        client.rump_sys_write(fd, b"at").unwrap();
        assert_eq!(contents(&client, c"/tmp/base/file"), b"at");
        assert_eq!(client.rump_sys_mkdirat(base, c"folder", 0o755), Ok(()));
        assert_eq!(client.rump_sys_symlinkat(c"file", base, c"link"), Ok(()));
        let mut text = [0; 16];
        assert_eq!(client.rump_sys_readlinkat(base, c"link", &mut text), Ok(4));
        assert_eq!(&text[..4], b"file");
        let mut stat = netbsd::stat::default();
        assert_eq!(client.rump_sys_fstatat(base, c"link", &mut stat, 0), Ok(()));
        assert_eq!((stat.st_mode & netbsd::S_IFMT, stat.st_size), (netbsd::S_IFREG, 2));
        let no_follow = netbsd::AT_SYMLINK_NOFOLLOW;
        assert_eq!(client.rump_sys_fstatat(base, c"link", &mut stat, no_follow), Ok(()));
        assert_eq!((stat.st_mode & netbsd::S_IFMT, stat.st_size), (netbsd::S_IFLNK, 4));
        assert_eq!(client.rump_sys_linkat(base, c"file", base, c"folder/hard", 0), Ok(()));
        assert_eq!(client.rump_sys_renameat(base, c"link", base, c"folder/soft"), Ok(()));
        assert_eq!(client.rump_sys_faccessat(base, c"folder/hard", netbsd::R_OK, 0), Ok(()));
        assert_eq!(client.rump_sys_fchmodat(base, c"file", 0o400, 0), Ok(()));
        assert_eq!(client.rump_sys_fchownat(base, c"file", 5, 6, 0), Ok(()));
        client.rump_sys_stat(c"/tmp/base/folder/hard", &mut stat).unwrap();
        assert_eq!((stat.st_mode & 0o777, stat.st_uid, stat.st_gid), (0o400, 5, 6));
        let expected = ["file", "folder"].map(str::to_owned);
        assert_eq!(names(&client, c"/tmp/base"), BTreeSet::from(expected));
        let expected = ["hard", "soft"].map(str::to_owned);
        assert_eq!(names(&client, c"/tmp/base/folder"), BTreeSet::from(expected));
        // Files and directories are removed in different ways.
        let remove_directory = netbsd::AT_REMOVEDIR;
        let unlink = |path, flag| client.rump_sys_unlinkat(base, path, flag);
        assert_eq!(unlink(c"folder", remove_directory), Err(Errno::ENOTEMPTY));
        assert_eq!(unlink(c"folder", 0), Err(Errno::EPERM));
        assert_eq!(unlink(c"file", remove_directory), Err(Errno::ENOTDIR));
        assert_eq!(unlink(c"folder/hard", 0), Ok(()));
        assert_eq!(unlink(c"folder/soft", 0), Ok(()));
        assert_eq!(unlink(c"folder", remove_directory), Ok(()));
        assert_eq!(unlink(c"file", 0), Ok(()));
        assert!(names(&client, c"/tmp/base").is_empty());
    }

    fn a_descriptor_to_start_at_must_be_a_directorys(kernel) {
        let client = client_with_files(kernel);
        let file = create(&client, c"/tmp/file");
        let open = |fd, path| client.rump_sys_openat(fd, path, netbsd::O_RDONLY, 0);
        assert_eq!(open(file, c"below"), Err(Errno::ENOTDIR));
        assert_eq!(open(77, c"below"), Err(Errno::EBADF));
        assert_eq!(client.rump_sys_mkdirat(77, c"below", 0o755), Err(Errno::EBADF));
        assert_eq!(client.rump_sys_unlinkat(file, c"below", 0), Err(Errno::ENOTDIR));
        // Absolute paths do not start there, and AT_FDCWD is the current directory.
        let folder = open_directory(&client, c"/tmp");
        assert!(open(folder, c"/tmp/file").is_ok());
        client.rump_sys_chdir(c"/tmp").unwrap();
        assert!(open(netbsd::AT_FDCWD, c"file").is_ok());
        assert_eq!(open(netbsd::AT_FDCWD, c"tmp"), Err(Errno::ENOENT));
    }

    fn directories_are_renamed_with_what_is_in_them(kernel) {
        let client = client_with_files(kernel);
        for path in [c"/tmp/a", c"/tmp/a/b", c"/tmp/full", c"/tmp/full/x", c"/tmp/empty"] {
            client.rump_sys_mkdir(path, 0o755).unwrap();
        }
        create(&client, c"/tmp/a/b/file");
        assert_eq!(client.rump_sys_rename(c"/tmp/a", c"/tmp/a/b/c"), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_rename(c"/tmp/a", c"/tmp/full"), Err(Errno::ENOTEMPTY));
        assert_eq!(client.rump_sys_rename(c"/tmp/a", c"/tmp/a/b/file"), Err(Errno::ENOTDIR));
        assert_eq!(client.rump_sys_rename(c"/tmp/a/b/file", c"/tmp/full"), Err(Errno::EISDIR));
        assert_eq!(client.rump_sys_rename(c"/tmp/nobody", c"/tmp/x"), Err(Errno::ENOENT));
        assert_eq!(client.rump_sys_rename(c"/tmp/a", c"/tmp/empty"), Ok(()));
        assert!(exists(&client, c"/tmp/empty/b/file") && !exists(&client, c"/tmp/a"));
        // Into another directory: its `..` follows.
        assert_eq!(client.rump_sys_rename(c"/tmp/empty/b", c"/tmp/full/b"), Ok(()));
        client.rump_sys_chdir(c"/tmp/full/b").unwrap();
        assert!(exists(&client, c"../x"));
        assert_eq!(current(&client).as_c_str(), c"/tmp/full/b");
    }
}
