//! A rump kernel server that is always at hand.
//!
//! It speaks the rump_sp protocol (`rump_sp(7)`) as NetBSD's does and serves system calls out of
//! the host's kernel: processes with their own descriptors, files under a private temporary
//! directory, pipes, sockets on this machine, event queues, clocks. NetBSD's numbers, structs and
//! errors go over the wire. It is for tests and for trying things out, and nothing more than that:
//! it is no NetBSD, and it protects clients from each other no more than a rump kernel does.
//!
//! [`TestServer`] runs one inside the calling process; the program `rump-testserver` runs one on
//! its own.
//!
//! | file | what it does |
//! | --- | --- |
//! | `main_loop.rs` | accepts, reads frames: one thread |
//! | `clients.rs` | what frames mean: handshakes, prefork, exec, calls |
//! | `workers.rs` | the threads that run calls |
//! | `connection.rs`, `frames.rs` | sending, copyin, copyout |
//! | `calls/` | the system calls, a function each |
//! | `kernel/` | processes, descriptors, files: what the calls work on |
//! | `hooks.rs` | what tests see, and how they hold calls up |
//!
//! A thread that serves a call blocks only in two places: in `Lwp::block`, which a disconnect, an
//! exec or a shutdown interrupts, and on its client's connection, which they close. So none of
//! these ever waits for a call.

mod address;
mod bell;
mod calls;
mod clients;
mod connection;
mod frames;
mod hooks;
mod kernel;
mod main_loop;
mod options;
mod release;
#[cfg(test)]
mod tests;
mod workers;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use address::Listener;
use bell::Bell;
use clients::Server;

use kernel::{Kernel, Process};
use main_loop::MainLoop;

pub use hooks::BlockedCall;
pub use options::{BannerFault, Faults, Options};
pub use release::Release;

/// A running server, in this process. Dropping it stops it.
pub struct TestServer {
    server: Arc<Server>,
    main: Option<JoinHandle<()>>,
    url: String,
    options: Options,
}

/// A process in the server's kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Process number.
    pub pid: i32,
    /// The parent's number; 1 for children of init.
    pub parent: i32,
    /// The command that it runs, as its client said, cut to 16 bytes.
    pub name: String,
    /// Whether it belongs to a connection. A prefork that nobody has claimed does not.
    pub connected: bool,
    /// Its open descriptors, in order.
    pub descriptors: Vec<DescriptorInfo>,
}

/// An open descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptorInfo {
    /// The descriptor.
    pub fd: i32,
    /// What it leads to: `regular`, `directory`, `fifo`, `pipe`, `socket`, `kqueue`, `null`,
    /// `zero`, `console`.
    pub kind: &'static str,
    /// Whether an exec closes it.
    pub close_on_exec: bool,
}

impl TestServer {
    /// Starts a server at `unix://PATH`, `tcp://ADDRESS:PORT` or `tcp6://[ADDRESS]:PORT`; port 0
    /// takes a free one. It accepts clients when this returns.
    ///
    /// # Errors
    /// InvalidInput for an address of another form, and the host's errors.
    pub fn start(url: &str, options: Options) -> io::Result<Self> {
        let listener = Listener::bind(url)?;
        let url = listener.url();
        let kernel = Kernel::new(&options)?;
        let banner = options.banner.clone().unwrap_or_else(|| options.release.banner());
        let server = Arc::new(Server::new(kernel, banner, Arc::new(Bell::new()?)));
        let main_loop = MainLoop::new(Arc::clone(&server), listener);
        let builder = thread::Builder::new().name("rump-server".into());
        let main = Some(builder.spawn(|| main_loop.run())?);
        Ok(Self { server, main, url, options })
    }

    /// The address for clients: with an absolute path, or the port that was taken.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Has the server stop, without waiting for that.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// Stops the server: clients see the end of their connections, blocked calls end, files are
    /// closed, threads gone, and the socket's file is removed. Does nothing when it has stopped
    /// before.
    pub fn shutdown(&mut self) {
        self.server.stop();
        if let Some(main) = self.main.take() {
            // A panic of the main loop has been reported where it happened.
            let _ = main.join();
        }
    }

    /// Stops the server and starts another at the same address, with the same options: a kernel
    /// that was rebooted. Nothing of the old one is left, its files neither.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn restart(&mut self) -> io::Result<()> {
        self.shutdown();
        *self = Self::start(&self.url, self.options.clone())?;
        Ok(())
    }

    /// Waits until the server has stopped, as `reboot(2)` makes it. False when it has not by then.
    pub fn wait_until_stopped(&self, timeout: Duration) -> bool {
        self.hooks().wait_until_stopped(timeout)
    }

    /// The processes there are.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        self.server.kernel.processes.all().iter().map(|process| describe(process)).collect()
    }

    /// Waits until the processes there are fulfil a condition. False when they have not by then.
    pub fn wait_for_processes(
        &self,
        timeout: Duration,
        condition: impl Fn(&[ProcessInfo]) -> bool,
    ) -> bool {
        self.hooks().wait_until_changed(timeout, || condition(&self.processes()))
    }

    /// How often a call has come in, by its versioned name: `read`, `stat50`, `kevent100`.
    pub fn calls(&self, name: &str) -> u64 {
        self.hooks().calls(name)
    }

    /// Waits until a call has come in so many times. False when it has not by then.
    pub fn wait_until_called(&self, name: &str, times: u64, timeout: Duration) -> bool {
        self.hooks().wait_until_called(name, times, timeout)
    }

    /// The calls that are blocked in the server now, waiting for data, a time or
    /// [`resume`](Self::resume).
    pub fn blocked_calls(&self) -> Vec<BlockedCall> {
        self.hooks().blocked_calls()
    }

    /// Waits until exactly `count` calls are blocked in the server. False when there are not by
    /// then.
    pub fn wait_until_blocked(&self, count: usize, timeout: Duration) -> bool {
        self.hooks().wait_until_blocked(timeout, |blocked| blocked.len() == count)
    }

    /// Holds up every call that comes in from now on, before it starts. Such calls count as
    /// blocked, and a disconnect interrupts them.
    pub fn pause(&self) {
        self.hooks().set_paused(true);
    }

    /// Lets the calls go that are held up.
    pub fn resume(&self) {
        self.hooks().set_paused(false);
    }

    /// Sends signal `signo`, a NetBSD number that is not checked, to the client of a process.
    /// False when there is no such process.
    pub fn raise(&self, pid: i32, signo: i32) -> bool {
        let process = self.server.kernel.processes.get(pid);
        process.inspect(|process| process.raise(signo)).is_some()
    }

    /// Sets how connections are mistreated that are accepted from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.hooks().set_faults(faults);
    }

    /// Ends the connection of every process.
    pub fn disconnect_all(&self) {
        for process in self.server.kernel.processes.all() {
            process.disconnect();
        }
    }

    fn hooks(&self) -> &hooks::Hooks {
        &self.server.kernel.hooks
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn describe(process: &Process) -> ProcessInfo {
    let descriptors = process
        .descriptors
        .lock()
        .iter()
        .map(|(fd, slot)| DescriptorInfo {
            fd,
            kind: slot.file.kind(),
            close_on_exec: slot.close_on_exec,
        })
        .collect();
    let identity = process.identity.lock().clone();
    ProcessInfo {
        pid: process.pid,
        parent: identity.parent,
        name: String::from_utf8_lossy(&identity.name).into_owned(),
        connected: process.is_connected(),
        descriptors,
    }
}
