//! The kernel's side of a scenario.

use rumpclient::Client;

/// A new process in the kernel that the environment names.
pub(crate) fn connect() -> Client {
    Client::from_env().expect("the kernel takes a client")
}

/// Reads a descriptor of the kernel's to its end.
pub(crate) fn read_all(client: &Client, fd: i32) -> Vec<u8> {
    let (mut all, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        match client.rump_sys_read(fd, &mut bytes).expect("the descriptor can be read") {
            0 => return all,
            len => all.extend_from_slice(&bytes[..len]),
        }
    }
}
