//! What several tests start from.

use std::ffi::{CStr, c_int, c_ulong};

use rumpclient::{Client, Errno, netbsd, table};

use crate::harness::{Kernel, PATIENCE, WORK_FOLDER};
use crate::raw::RawCall;

/// A new process in the kernel whose calls fail with ETIMEDOUT where a test would hang.
pub fn patient_client(kernel: &Kernel) -> Client {
    kernel.client_with(Client::builder().call_timeout(Some(PATIENCE)))
}

/// As [`patient_client`], in a work folder that can do all that a file system can: the root of a
/// real rump kernel is a rumpfs, which knows neither hard links nor renaming.
///
/// # Panics
/// When a kernel that has a tmpfs does not mount it.
pub fn client_with_files(kernel: &Kernel) -> Client {
    let client = patient_client(kernel);
    match mount_tmpfs(&client) {
        // The test server mounts nothing: its root is a folder of the host's.
        Ok(()) | Err(Errno::ENOSYS | Errno::EOPNOTSUPP) => client,
        Err(error) => panic!("cannot mount a tmpfs on {WORK_FOLDER}: {error}"),
    }
}

fn mount_tmpfs(client: &Client) -> Result<(), Errno> {
    let (kind, place) = (c"tmpfs", c"/tmp");
    assert_eq!(place.to_str(), Ok(WORK_FOLDER));
    let data = netbsd::tmpfs_args {
        ta_version: netbsd::TMPFS_ARGS_VERSION,
        ta_root_mode: 0o777,
        ..Default::default()
    };
    RawCall::new("mount")
        .set("type", address(kind.to_bytes_with_nul()))
        .set("path", address(place.to_bytes_with_nul()))
        .set("data", address(&data))
        .set("data_len", size_of_val(&data) as u64)
        .run(client, &[])
        .map(|_| ())
}

/// Makes an empty file, or empties one, and opens it for reading and writing.
///
/// # Panics
/// When the kernel does not let it.
pub fn create(client: &Client, path: &CStr) -> c_int {
    let flags = netbsd::O_CREAT | netbsd::O_TRUNC | netbsd::O_RDWR;
    client
        .rump_sys_open(path, flags, 0o644)
        .unwrap_or_else(|error| panic!("cannot create {}: {error}", path.to_string_lossy()))
}

/// What the file holds.
///
/// # Panics
/// When it cannot be read.
pub fn contents(client: &Client, path: &CStr) -> Vec<u8> {
    let fd = client
        .rump_sys_open(path, netbsd::O_RDONLY, 0)
        .unwrap_or_else(|error| panic!("cannot open {}: {error}", path.to_string_lossy()));
    let mut contents = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match client.rump_sys_read(fd, &mut buffer) {
            Ok(0) => break,
            Ok(len) => contents.extend_from_slice(&buffer[..len]),
            Err(error) => panic!("cannot read {}: {error}", path.to_string_lossy()),
        }
    }
    client.rump_sys_close(fd).expect("an open descriptor can be closed");
    contents
}

/// Bytes of which any piece tells where it comes from.
pub fn pattern(len: usize) -> Vec<u8> {
    // A multiplicative hash of the position: no period that a page or a frame could share.
    (0..len as u32).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect()
}

/// The address of a value, for an argument of a [`RawCall`].
pub fn address<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>().expose_provenance() as u64
}

/// The address of a value that the kernel may write to, for an argument of a [`RawCall`].
pub fn address_mut<T: ?Sized>(value: &mut T) -> u64 {
    std::ptr::from_mut(value).cast::<u8>().expose_provenance() as u64
}

/// `fcntl(2)` with an integer, or nothing, as its argument.
///
/// # Errors
/// The kernel's.
pub fn fcntl(client: &Client, fd: c_int, command: c_int, arg: c_int) -> Result<c_int, Errno> {
    fcntl_at(client, fd, command, arg as u64)
}

/// `fcntl(2)` with a struct that the kernel reads, writes or both.
///
/// # Errors
/// The kernel's.
pub fn fcntl_with<T>(
    client: &Client,
    fd: c_int,
    command: c_int,
    arg: &mut T,
) -> Result<c_int, Errno> {
    fcntl_at(client, fd, command, address_mut(arg))
}

fn fcntl_at(client: &Client, fd: c_int, command: c_int, arg: u64) -> Result<c_int, Errno> {
    let mut call = RawCall::new("fcntl");
    call.set("fd", fd as u64).set("cmd", command as u64).set("arg", arg);
    call.run(client, &[]).map(|value| value as c_int)
}

/// A call by its versioned name, the end of its C symbol: `kevent50`. It means the same struct in
/// every table, where the plain name is that of the newest version which the table has.
///
/// # Panics
/// When the table has no such call.
pub fn version(name: &str) -> RawCall {
    find_version(name).unwrap_or_else(|| panic!("the table has no rump___sysimpl_{name}"))
}

/// [`version`], where the table may have no such call.
pub fn find_version(name: &str) -> Option<RawCall> {
    let symbol = format!("rump___sysimpl_{name}");
    let call = table::SYSCALLS.iter().find(|call| call.symbol == symbol)?;
    Some(RawCall::new(call.name))
}

/// `ioctl(2)` with a struct or number that the kernel reads, writes or both.
///
/// # Errors
/// The kernel's.
pub fn ioctl<T>(client: &Client, fd: c_int, request: c_ulong, data: &mut T) -> Result<(), Errno> {
    assert_eq!(netbsd::ioc_len(request), size_of::<T>(), "{request:#x}");
    let mut call = RawCall::new("ioctl");
    call.set("fd", fd as u64).set("com", request as usize as u64).set("data", address_mut(data));
    call.run(client, &[]).map(|_| ())
}
