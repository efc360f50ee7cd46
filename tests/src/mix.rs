//! Calls for threads to make at the same time, whose answers are known.

use std::ffi::{CStr, c_int};

use rumpclient::{Client, Errno, netbsd};

use crate::fixture::create;

const FILE: &CStr = c"/tmp/mixed";
/// What is opened and closed all the time. Nobody writes to it, or a real kernel hangs: "Stress" in
/// docs/testing.md says why.
const QUIET: &CStr = c"/tmp";
const NUMBERS: i64 = 1000;
const SIZE: i64 = NUMBERS * 8;

/// A file of numbers and the process that has it open.
#[derive(Debug)]
pub struct Mix {
    pid: i32,
    file: c_int,
}

impl Mix {
    /// Makes the file.
    ///
    /// # Panics
    /// When the kernel does not let it.
    pub fn new(client: &Client) -> Self {
        let file = create(client, FILE);
        let numbers: Vec<u8> = (0..NUMBERS).flat_map(|n| (n * 8).to_ne_bytes()).collect();
        assert_eq!(client.rump_sys_write(file, &numbers), Ok(numbers.len()));
        Self { pid: client.rump_sys_getpid().expect("a process has an id"), file }
    }

    /// The file's descriptor.
    pub fn file(&self) -> c_int {
        self.file
    }

    /// Makes one of several calls, or two that belong together.
    ///
    /// # Panics
    /// When the answer is not its own.
    pub fn call(&self, client: &Client, choice: usize, place: usize) {
        let offset = place as i64 % NUMBERS * 8;
        match choice % 8 {
            0 | 1 => assert_eq!(client.rump_sys_getpid(), Ok(self.pid)),
            2 => {
                let mut bytes = [0; 8];
                assert_eq!(client.rump_sys_pread(self.file, &mut bytes, offset), Ok(8));
                assert_eq!(i64::from_ne_bytes(bytes), offset);
            }
            3 => {
                let bytes = offset.to_ne_bytes();
                assert_eq!(client.rump_sys_pwrite(self.file, &bytes, offset), Ok(8));
            }
            4 => {
                let mut stat = netbsd::stat::default();
                assert_eq!(client.rump_sys_fstat(self.file, &mut stat), Ok(()));
                assert_eq!(stat.st_size, SIZE);
            }
            5 => {
                let fd = client.rump_sys_dup(self.file).expect("there are descriptors left");
                assert_eq!(client.rump_sys_close(fd), Ok(()));
            }
            6 => {
                let missing = c"/tmp/no-such-file";
                let result = client.rump_sys_open(missing, netbsd::O_RDONLY, 0);
                assert_eq!(result, Err(Errno::ENOENT));
            }
            _ => {
                let fd = client.rump_sys_open(QUIET, netbsd::O_RDONLY, 0).expect("it is there");
                assert_eq!(client.rump_sys_close(fd), Ok(()));
            }
        }
    }
}

/// Makes some calls with a file of the caller's, any of which may find its kernel lost, or a new one
/// that knows nothing of the old.
///
/// # Panics
/// When a call fails for another reason.
pub fn calls_amid_restarts(client: &Client, path: &CStr) {
    let round = || {
        // A new file each time, for the same reason.
        match client.rump_sys_unlink(path) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(error) => return Err(error),
        }
        let fd = client.rump_sys_open(path, netbsd::O_CREAT | netbsd::O_RDWR, 0o600)?;
        client.rump_sys_write(fd, &[7; 10_000])?;
        client.rump_sys_pread(fd, &mut [0; 10_000], 0)?;
        client.rump_sys_close(fd)
    };
    match round() {
        Ok(()) | Err(Errno::LINK_LOST | Errno::EBADF | Errno::ENOENT) => {}
        Err(error) => panic!("{}: {error}", path.to_string_lossy()),
    }
}
