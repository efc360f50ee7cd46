//! Linux.

#![allow(unsafe_code)]

mod bell;
mod cpu;
mod fd;
mod folder;
mod lineage;
mod memory;
mod park;
mod poll;
mod process;
mod program;
mod raw;
mod record;
mod signals;
mod socket;
mod spawn;
#[cfg_attr(rumpclient_model, path = "wait/model.rs")]
mod wait;
mod window;

pub(crate) use bell::Bell;
pub(crate) use cpu::leaves_room;
pub(crate) use fd::{Fd, close_range};
pub(crate) use folder::PrivateFolder;
pub(crate) use lineage::lineage;
pub(crate) use memory::{map_anonymous, page_size, read_process, write_process};
pub(crate) use park::Parker;
pub(crate) use poll::{Heard, Interest, poll_lone, poll_stream};
pub use process::execve;
pub(crate) use process::{
    Forked, StringArray, change_to_root, close_inherited_watch, environment, exec, exit_now, fork,
    inherit_stream, is_privileged, new_session, number, set_cloexec, set_host_fork, silence_stdio,
    stream_identity,
};
pub(crate) use program::{Thread, command_name, process_id, working_directory};
pub(crate) use record::Record;
pub(crate) use signals::{SignalWatch, SignalsBlocked, raise_process};
pub(crate) use socket::{
    Io, IoVec, connect_inet, connect_unix, is_peer_elsewhere, peer_address, peer_credentials, recv,
    recv_vectored, send, shutdown,
};
pub(crate) use spawn::{Spawned, is_executable, open_null, pipe, socket_pair, spawn};
#[cfg(all(test, rumpclient_model))]
pub(crate) use wait::send_signal;
pub(crate) use wait::{now, pause, yield_cpu};
pub(crate) use window::{View, Window};

use raw::syscall;
