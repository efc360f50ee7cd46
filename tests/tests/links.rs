//! Names of files: hard links, symbolic links, renaming and removing.

use std::ffi::{CStr, CString, c_int};

use rumpclient::Client;
use rumpclient::netbsd::{self, Errno};
use rumpclient_tests::fixture::{client_with_files, contents, create, patient_client};
use rumpclient_tests::on_every_kernel;

fn stat(client: &Client, path: &CStr) -> Result<netbsd::stat, Errno> {
    let mut stat = netbsd::stat::default();
    client.rump_sys_stat(path, &mut stat).map(|()| stat)
}

fn lstat(client: &Client, path: &CStr) -> Result<netbsd::stat, Errno> {
    let mut stat = netbsd::stat::default();
    client.rump_sys_lstat(path, &mut stat).map(|()| stat)
}

fn readlink(client: &Client, path: &CStr) -> Result<Vec<u8>, Errno> {
    let mut text = vec![0; 1024];
    let len = client.rump_sys_readlink(path, &mut text)?;
    text.truncate(len);
    Ok(text)
}

fn open(client: &Client, path: &CStr, flags: c_int) -> Result<c_int, Errno> {
    client.rump_sys_open(path, flags, 0o644)
}

fn create_with(client: &Client, path: &CStr, text: &[u8]) {
    let fd = create(client, path);
    assert_eq!(client.rump_sys_write(fd, text), Ok(text.len()));
    client.rump_sys_close(fd).expect("an open descriptor can be closed");
}

on_every_kernel! {
    fn hard_links_are_names_of_one_file(kernel) {
        let client = client_with_files(kernel);
        create_with(&client, c"/tmp/one", b"shared");
        assert_eq!(stat(&client, c"/tmp/one").unwrap().st_nlink, 1);
        assert_eq!(client.rump_sys_link(c"/tmp/one", c"/tmp/two"), Ok(()));
        let (one, two) = (stat(&client, c"/tmp/one").unwrap(), stat(&client, c"/tmp/two").unwrap());
        assert_eq!((one.st_ino, one.st_nlink), (two.st_ino, 2));
        let fd = open(&client, c"/tmp/two", netbsd::O_WRONLY).unwrap();
        client.rump_sys_write(fd, b"SH").unwrap();
        assert_eq!(contents(&client, c"/tmp/one"), b"SHared");
        assert_eq!(client.rump_sys_unlink(c"/tmp/one"), Ok(()));
        assert_eq!(contents(&client, c"/tmp/two"), b"SHared");
        assert_eq!(stat(&client, c"/tmp/two").unwrap().st_nlink, 1);
    }

    fn hard_links_that_cannot_be_are_refused(kernel) {
        let client = client_with_files(kernel);
        create(&client, c"/tmp/file");
        create(&client, c"/tmp/taken");
        client.rump_sys_mkdir(c"/tmp/folder", 0o755).unwrap();
        for (from, to, error) in [
            (c"/tmp/file", c"/tmp/taken", Errno::EEXIST),
            (c"/tmp/nobody", c"/tmp/new", Errno::ENOENT),
            (c"/tmp/file", c"/tmp/nobody/new", Errno::ENOENT),
            (c"/tmp/file", c"/tmp/taken/new", Errno::ENOTDIR),
            (c"/tmp/folder", c"/tmp/new", Errno::EPERM),
            (c"/tmp/file", c"/dev/new", Errno::EXDEV),
        ] {
            // The test server has a single file system.
            if error == Errno::EXDEV && on_one_device(&client, c"/tmp", c"/dev") {
                continue;
            }
            assert_eq!(client.rump_sys_link(from, to), Err(error), "{from:?} {to:?}");
        }
    }

    fn symbolic_links_are_followed(kernel) {
        let client = client_with_files(kernel);
        create_with(&client, c"/tmp/file", b"found");
        client.rump_sys_mkdir(c"/tmp/folder", 0o755).unwrap();
        assert_eq!(client.rump_sys_symlink(c"file", c"/tmp/relative"), Ok(()));
        assert_eq!(client.rump_sys_symlink(c"/tmp/relative", c"/tmp/absolute"), Ok(()));
        assert_eq!(client.rump_sys_symlink(c"folder", c"/tmp/way"), Ok(()));
        assert_eq!(contents(&client, c"/tmp/absolute"), b"found");
        assert_eq!(stat(&client, c"/tmp/absolute").unwrap().st_size, 5);
        create_with(&client, c"/tmp/way/inside", b"in");
        assert_eq!(contents(&client, c"/tmp/folder/inside"), b"in");
        assert_eq!(contents(&client, c"/tmp/way/../file"), b"found");
        assert_eq!(client.rump_sys_symlink(c"x", c"/tmp/file"), Err(Errno::EEXIST));
    }

    fn a_symbolic_link_has_a_text_of_its_own(kernel) {
        let client = client_with_files(kernel);
        client.rump_sys_symlink(c"no such file", c"/tmp/link").unwrap();
        assert_eq!(readlink(&client, c"/tmp/link").unwrap(), b"no such file");
        // No NUL, and no more than there is room for.
        let mut text = [b'.'; 16];
        assert_eq!(client.rump_sys_readlink(c"/tmp/link", &mut text), Ok(12));
        assert_eq!(&text, b"no such file....");
        assert_eq!(client.rump_sys_readlink(c"/tmp/link", &mut text[..4]), Ok(4));
        let link = lstat(&client, c"/tmp/link").unwrap();
        assert_eq!((link.st_mode & netbsd::S_IFMT, link.st_size), (netbsd::S_IFLNK, 12));
        assert_eq!(stat(&client, c"/tmp/link").unwrap_err(), Errno::ENOENT);
        create(&client, c"/tmp/file");
        assert_eq!(readlink(&client, c"/tmp/file"), Err(Errno::EINVAL));
        assert_eq!(readlink(&client, c"/tmp/nobody"), Err(Errno::ENOENT));
        let long = CString::new(vec![b'l'; 1000]).unwrap();
        client.rump_sys_symlink(&long, c"/tmp/long").unwrap();
        assert_eq!(readlink(&client, c"/tmp/long").unwrap(), long.as_bytes());
    }

    fn a_dangling_link_can_be_written_through(kernel) {
        let client = client_with_files(kernel);
        client.rump_sys_symlink(c"target", c"/tmp/dangling").unwrap();
        assert_eq!(open(&client, c"/tmp/dangling", netbsd::O_RDWR), Err(Errno::ENOENT));
        let exclusive = netbsd::O_CREAT | netbsd::O_EXCL | netbsd::O_RDWR;
        assert_eq!(open(&client, c"/tmp/dangling", exclusive), Err(Errno::EEXIST));
        assert!(open(&client, c"/tmp/dangling", netbsd::O_CREAT | netbsd::O_RDWR).is_ok());
        assert_eq!(stat(&client, c"/tmp/target").unwrap().st_size, 0);
    }

    fn links_in_a_circle_end(kernel) {
        let client = client_with_files(kernel);
        client.rump_sys_symlink(c"/tmp/b", c"/tmp/a").unwrap();
        client.rump_sys_symlink(c"/tmp/a", c"/tmp/b").unwrap();
        client.rump_sys_symlink(c"self", c"/tmp/self").unwrap();
        for path in [c"/tmp/a", c"/tmp/self", c"/tmp/a/below"] {
            assert_eq!(stat(&client, path).unwrap_err(), Errno::ELOOP, "{path:?}");
            assert_eq!(open(&client, path, netbsd::O_RDONLY), Err(Errno::ELOOP), "{path:?}");
        }
        assert!(lstat(&client, c"/tmp/a").is_ok());
        assert_eq!(client.rump_sys_unlink(c"/tmp/self"), Ok(()));
    }

    fn a_link_that_is_not_to_be_followed_is_refused(kernel) {
        let client = client_with_files(kernel);
        create(&client, c"/tmp/file");
        client.rump_sys_symlink(c"file", c"/tmp/link").unwrap();
        let flags = netbsd::O_RDONLY | netbsd::O_NOFOLLOW;
        // NetBSD's own error: other systems say ELOOP.
        assert_eq!(open(&client, c"/tmp/link", flags), Err(Errno::EFTYPE));
        assert!(open(&client, c"/tmp/file", flags).is_ok());
    }

    fn linkat_says_whether_it_follows(kernel) {
        let client = client_with_files(kernel);
        create(&client, c"/tmp/file");
        client.rump_sys_symlink(c"file", c"/tmp/link").unwrap();
        let here = netbsd::AT_FDCWD;
        let followed = netbsd::AT_SYMLINK_FOLLOW;
        client.rump_sys_linkat(here, c"/tmp/link", here, c"/tmp/followed", followed).unwrap();
        let kind = |path| lstat(&client, path).unwrap().st_mode & netbsd::S_IFMT;
        assert_eq!(kind(c"/tmp/followed"), netbsd::S_IFREG);
        client.rump_sys_linkat(here, c"/tmp/link", here, c"/tmp/itself", 0).unwrap();
        assert_eq!(kind(c"/tmp/itself"), netbsd::S_IFLNK);
    }

    fn renaming_replaces_what_was_there(kernel) {
        let client = client_with_files(kernel);
        create_with(&client, c"/tmp/new", b"new");
        create_with(&client, c"/tmp/old", b"old");
        let old = open(&client, c"/tmp/old", netbsd::O_RDONLY).unwrap();
        assert_eq!(client.rump_sys_rename(c"/tmp/new", c"/tmp/old"), Ok(()));
        assert_eq!(contents(&client, c"/tmp/old"), b"new");
        assert_eq!(stat(&client, c"/tmp/new").unwrap_err(), Errno::ENOENT);
        let mut text = [0; 8];
        assert_eq!(client.rump_sys_read(old, &mut text), Ok(3));
        assert_eq!(&text[..3], b"old", "whoever has it open still reads the file that is gone");
        // A link is renamed, not what it leads to.
        client.rump_sys_symlink(c"old", c"/tmp/link").unwrap();
        assert_eq!(client.rump_sys_rename(c"/tmp/link", c"/tmp/moved"), Ok(()));
        assert_eq!(readlink(&client, c"/tmp/moved").unwrap(), b"old");
        assert_eq!(client.rump_sys_rename(c"/tmp/old", c"/tmp/old"), Ok(()));
        assert_eq!(contents(&client, c"/tmp/moved"), b"new");
    }

    fn renaming_one_name_of_a_file_to_the_other_has_two_meanings(kernel) {
        let client = client_with_files(kernel);
        create(&client, c"/tmp/one");
        client.rump_sys_link(c"/tmp/one", c"/tmp/two").unwrap();
        // POSIX has both stay, NetBSD's own call removes the first.
        assert_eq!(client.rump_sys___posix_rename(c"/tmp/one", c"/tmp/two"), Ok(()));
        assert!(stat(&client, c"/tmp/one").is_ok() && stat(&client, c"/tmp/two").is_ok());
        assert_eq!(client.rump_sys_rename(c"/tmp/one", c"/tmp/two"), Ok(()));
        assert_eq!(stat(&client, c"/tmp/one").unwrap_err(), Errno::ENOENT);
        assert_eq!(stat(&client, c"/tmp/two").unwrap().st_nlink, 1);
    }

    fn names_are_removed_once(kernel) {
        let client = patient_client(kernel);
        create(&client, c"/tmp/file");
        assert_eq!(client.rump_sys_unlink(c"/tmp/file"), Ok(()));
        assert_eq!(client.rump_sys_unlink(c"/tmp/file"), Err(Errno::ENOENT));
        assert_eq!(client.rump_sys_unlink(c"/tmp/nobody/file"), Err(Errno::ENOENT));
    }
}

fn on_one_device(client: &Client, one: &CStr, other: &CStr) -> bool {
    let device = |path| stat(client, path).expect("every kernel has it").st_dev;
    device(one) == device(other)
}
