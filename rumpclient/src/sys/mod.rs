//! Every host call of the crate, and with `memory.rs` the only place with `unsafe` code.
//!
//! One folder per host family; this module says what each must provide and holds nothing else.
//! The calls go to the kernel directly instead of through libc's socket, read, close, poll or
//! fcntl symbols: a preloaded library such as librumphijack interposes those to send them to the
//! rump kernel, which would turn the transport back onto itself.
//!
//! Where a host has no call of its own for something, what is said here leaves room: `lineage` may
//! compare process ids, `stream_identity` and `peer_credentials` may know nothing, and a
//! `SignalWatch` is any descriptor that polls as readable, a kqueue as well as a signalfd.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as host;

#[cfg(not(target_os = "linux"))]
compile_error!("rumpclient has no host layer for this system yet: add one beside sys/linux");

// Fd                 a descriptor, close-on-exec, never 0 to 2; let go where the program closed it
// close_range        closes a range of numbers but for some
pub(crate) use host::{Fd, close_range};

// Io                 what became of a transfer: bytes, end, would block, bad address
// IoVec              a piece of memory in a scatter/gather list, as the host's calls take it
// connect_unix       a connection to a local socket, by a deadline
// connect_inet       the same over TCP
// socket_pair        two sockets, each the other's peer
// send               one frame with one host call: no waiting, no SIGPIPE
// recv               what has arrived, without waiting
// recv_vectored      the same straight into callers' memory; a bad address takes nothing
// shutdown           ends a stream for all who hold it
// peer_address       who is at the other end of TCP
// peer_credentials   who is at the other end of a local socket
// stream_identity    a number that tells one socket from all others
pub(crate) use host::{
    Io, IoVec, connect_inet, connect_unix, peer_address, peer_credentials, recv, recv_vectored,
    send, shutdown, socket_pair, stream_identity,
};

// Interest           which directions of a stream, and which signal watch, to wait for
// poll_stream        waits for one of them, by a deadline
// poll_lone          waits for a stream or a bell, with the caller's signals let in
// Heard              what ended such a wait
// Parker             where a thread sleeps until another one, or a signal, wakes it
// Bell               a descriptor that is readable once somebody has rung
// Record             a transfer whose outcome is in memory before the host's call returns
// leaves_room        whether the server can run while this thread does
// yield_cpu          lets others run first
// pause              lets a moment pass without sleeping
// now                the time
pub(crate) use host::{
    Bell, Heard, Interest, Parker, Record, leaves_room, now, pause, poll_lone, poll_stream,
    yield_cpu,
};

// SignalsBlocked     holds signals back from this thread while it lives
// SignalWatch        a descriptor that is readable while a signal that the caller takes is pending
// raise_process      sends this process a signal
#[cfg(all(test, rumpclient_model))]
pub(crate) use host::send_signal;
pub(crate) use host::{SignalWatch, SignalsBlocked, raise_process};

// page_size          bytes of a page
// map_anonymous      fresh zeroed memory
// read_process       copies from callers' memory: a bad address is EFAULT, never a signal
// write_process      copies to it, likewise
// Window             a buffer from which bytes can be copied to many callers' addresses at once
// View               a look at one that is not borrowed
pub(crate) use host::{View, Window, map_anonymous, page_size, read_process, write_process};

// lineage            tells a forked child from its parent
// Thread             tells threads apart
// process_id         this process's number
// command_name       its name, as ps shows it
// working_directory  where it is
// is_privileged      whether it is set-uid or the like, so that its environment is not believed
// environment        the strings of its environment
pub(crate) use host::{
    Thread, command_name, environment, is_privileged, lineage, process_id, working_directory,
};

// fork               fork(2), with Forked for an answer
// set_host_fork      has it go through a function that is given
// exit_now           _exit(2)
// StringArray        argv or envp, as exec takes it
// exec               execve(2) with the caller's signal mask
// execve             execve(2) of what C has at hand
// set_cloexec        whether exec closes a descriptor
// number             a descriptor's number, to tell the next program
// inherit_stream     takes over the stream that the program before exec left, if it is one
// close_inherited_watch  closes the signal watch that it left
pub use host::execve;
pub(crate) use host::{
    Forked, StringArray, close_inherited_watch, exec, exit_now, fork, inherit_stream, number,
    set_cloexec, set_host_fork,
};

// new_session        setsid(2)
// change_to_root     chdir(2) to /
// silence_stdio      standard input, output and error become the null device
pub(crate) use host::{change_to_root, new_session, silence_stdio};

// is_executable      whether this process may run a file
// spawn              starts a program on given descriptors that nobody has to wait for
// Spawned            such a program, to be ended
// pipe               a pipe for its output
// open_null          the null device for its output
// PrivateFolder      a temporary folder with room for one socket
pub(crate) use host::{PrivateFolder, Spawned, is_executable, open_null, pipe, spawn};
