//! Calls as futures, for programs that use [tokio](https://docs.rs/tokio). With the feature `tokio`.
//!
//! ```no_run
//! use rumpclient::netbsd::O_RDONLY;
//! use rumpclient::tokio::AsyncClient;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let kernel = AsyncClient::connect("unix:///tmp/kernel.sock").await?;
//! let fd = kernel.open(c"/tmp/hello", O_RDONLY, 0).await?;
//! let (len, buffer) = kernel.read(fd, vec![0; 4096]).await;
//! println!("{:?}", &buffer[..len?]);
//! # Ok(())
//! # }
//! ```
//!
//! # Memory
//! A future can be forgotten at any time, and what it had borrowed would be used by somebody else
//! while the kernel still writes to it. So a call owns what it lends to the kernel, and hands it
//! back with its result: a buffer goes in and comes out. [`AsyncClient::call`] makes any call that
//! is safe, with whatever value of yours holds its memory.
//!
//! # Cancellation
//! A call that is dropped before it is over is given up, as one that times out is. The kernel may
//! still carry it out: a `read` may take data that nobody gets to see, so a read which has lost a
//! race (`tokio::select!`) is better kept and polled again than dropped.
//!
//! # Threads and other tasks
//! The connection may be shared with threads: [`AsyncClient::client`] makes blocking calls of the
//! same process. Answers are received by a task of its own, which an [`AsyncClient`] starts when it
//! makes its first call, or by whichever thread waits for a call of its own. That task lives on the
//! runtime of the first call; when this is shut down, the next call starts another. It keeps the
//! connection until it has seen that the last clone is dropped.

mod call;
mod driver;

use std::ffi::{CStr, OsStr, c_int};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use ::tokio::task::spawn_blocking;

use crate::batch::{Batch, Pending};
use crate::client::Client;
use crate::error::Error;
use crate::netbsd::{self, Errno, SockAddr};
use crate::session::{Failure, Session};
use driver::Driver;

pub use call::Call;

/// A process in a rump kernel, whose calls are futures.
///
/// Clones are the same process. Any number of calls may be under way. The kernel carries them out in
/// no particular order, and a server works at 128 at the same time: see [`Client::batch`].
///
/// Calls have to be polled on a tokio runtime with I/O enabled; and with time enabled, where the
/// client has a [call timeout](Client::with_call_timeout).
#[derive(Clone)]
pub struct AsyncClient {
    client: Client,
    driver: Arc<Mutex<Option<Arc<Driver>>>>,
}

impl AsyncClient {
    /// The same process as the client's, with its settings.
    pub fn new(client: Client) -> Self {
        Self { client, driver: Arc::default() }
    }

    /// Connects to the kernel at `address`: [`Client::connect`], on a thread that may wait.
    ///
    /// # Errors
    /// As for [`Client::connect`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn connect(address: impl AsRef<OsStr>) -> Result<Self, Error> {
        let address = address.as_ref().to_owned();
        let connected = spawn_blocking(move || Client::connect(address)).await;
        // A runtime that ends does not poll this any more.
        connected.expect("connecting does not panic").map(Self::new)
    }

    /// The client whose calls block, for the same process. Not to be used by tasks for calls that
    /// may take long.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Makes any call that is safe. `make` gets `lent` for as long as the kernel may use it, and
    /// queues a call as in [`Client::batch`]. The future resolves to the call's result and `lent`.
    /// Other calls that `make` queues are sent along, and waited for, too.
    ///
    /// ```no_run
    /// # use rumpclient::{netbsd, tokio::AsyncClient};
    /// # async fn example(kernel: AsyncClient) -> Result<(), rumpclient::Errno> {
    /// let lent = (c"/tmp/hello".to_owned(), netbsd::stat::default());
    /// let (result, (_, stat)) = kernel
    ///     .call(lent, |calls, (path, stat)| calls.rump_sys_stat(path, stat))
    ///     .await;
    /// result?;
    /// println!("{} bytes", stat.st_size);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Memory that is not the future's own cannot be lent:
    ///
    /// ```compile_fail
    /// # use rumpclient::tokio::AsyncClient;
    /// # fn example(kernel: AsyncClient, fd: i32, buffer: &mut [u8]) {
    /// let call = kernel.call((), |calls, ()| calls.rump_sys_read(fd, buffer));
    /// # }
    /// ```
    pub fn call<B: 'static, T, F>(&self, lent: B, make: F) -> Call<B, T>
    where
        F: for<'m, 'b> FnOnce(&'b Batch<'m>, &'m mut B) -> Pending<'b, T>,
    {
        Call::new(self.clone(), lent, make)
    }

    /// The driver of a session, started if there is none.
    fn driver(&self, session: &Arc<Session>) -> Result<Arc<Driver>, Failure> {
        let mut current = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(driver) = current.as_ref().filter(|driver| driver.serves(session)) {
            return Ok(Arc::clone(driver));
        }
        let started = Driver::start(session).map_err(|error| {
            let errno = error.raw_os_error().and_then(Errno::from_host);
            Failure::Kernel(errno.unwrap_or(Errno::EIO))
        })?;
        *current = Some(Arc::clone(&started));
        Ok(started)
    }
}

impl fmt::Debug for AsyncClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncClient").field(&self.client).finish()
    }
}

/// The calls that programs make most. Buffers are anything that owns bytes, such as `Vec<u8>`: all
/// of its length is used. Any other call, also one that not every table has in the same form, such as
/// `kevent(2)`, is made by [`call`](Self::call).
///
/// # Errors
/// Those of the methods of [`Client`] that they name.
impl AsyncClient {
    /// Opens a file and returns a descriptor: `open(2)`, [`Client::rump_sys_open`].
    pub fn open(
        &self,
        path: &CStr,
        flags: c_int,
        mode: netbsd::mode_t,
    ) -> impl Future<Output = Result<c_int, Errno>> + Send + use<> {
        let opened =
            self.call(path.to_owned(), move |calls, path| calls.rump_sys_open(path, flags, mode));
        async { opened.await.0 }
    }

    /// Closes a descriptor: `close(2)`, [`Client::rump_sys_close`].
    pub fn close(&self, fd: c_int) -> impl Future<Output = Result<(), Errno>> + Send + use<> {
        let closed = self.call((), move |calls, ()| calls.rump_sys_close(fd));
        async { closed.await.0 }
    }

    /// Reads from a descriptor at its offset: `read(2)`, [`Client::rump_sys_read`]. Bytes.
    pub fn read<B: AsMut<[u8]> + 'static>(&self, fd: c_int, buf: B) -> Call<B, usize> {
        self.call(buf, move |calls, buf| calls.rump_sys_read(fd, buf.as_mut()))
    }

    /// Writes to a descriptor at its offset: `write(2)`, [`Client::rump_sys_write`]. Bytes.
    pub fn write<B: AsRef<[u8]> + 'static>(&self, fd: c_int, buf: B) -> Call<B, usize> {
        self.call(buf, move |calls, buf| calls.rump_sys_write(fd, (*buf).as_ref()))
    }

    /// Reads from a descriptor at `offset`, in bytes: `pread(2)`, [`Client::rump_sys_pread`].
    pub fn pread<B: AsMut<[u8]> + 'static>(
        &self,
        fd: c_int,
        buf: B,
        offset: netbsd::off_t,
    ) -> Call<B, usize> {
        self.call(buf, move |calls, buf| calls.rump_sys_pread(fd, buf.as_mut(), offset))
    }

    /// Writes to a descriptor at `offset`, in bytes: `pwrite(2)`, [`Client::rump_sys_pwrite`].
    pub fn pwrite<B: AsRef<[u8]> + 'static>(
        &self,
        fd: c_int,
        buf: B,
        offset: netbsd::off_t,
    ) -> Call<B, usize> {
        self.call(buf, move |calls, buf| calls.rump_sys_pwrite(fd, (*buf).as_ref(), offset))
    }

    /// Has a file's data written to its device: `fsync(2)`, [`Client::rump_sys_fsync`].
    pub fn fsync(&self, fd: c_int) -> impl Future<Output = Result<(), Errno>> + Send + use<> {
        let synced = self.call((), move |calls, ()| calls.rump_sys_fsync(fd));
        async { synced.await.0 }
    }

    /// Takes a connection, and tells who it is from: `accept(2)`, [`Client::rump_sys_accept`].
    pub fn accept(
        &self,
        s: c_int,
    ) -> impl Future<Output = Result<(c_int, SockAddr), Errno>> + Send + use<> {
        let accepted =
            self.call(SockAddr::new(), move |calls, from| calls.rump_sys_accept(s, Some(from)));
        async {
            let (fd, from) = accepted.await;
            Ok((fd?, from))
        }
    }

    /// Connects a socket: `connect(2)`, [`Client::rump_sys_connect`].
    pub fn connect_socket(
        &self,
        s: c_int,
        to: SockAddr,
    ) -> impl Future<Output = Result<(), Errno>> + Send + use<> {
        let connected = self.call(to, move |calls, to| calls.rump_sys_connect(s, to));
        async { connected.await.0 }
    }

    /// Receives a message, and tells who it is from: `recvfrom(2)`, [`Client::rump_sys_recvfrom`].
    /// Bytes.
    pub fn recvfrom<B: AsMut<[u8]> + Send + 'static>(
        &self,
        s: c_int,
        buf: B,
        flags: c_int,
    ) -> impl Future<Output = (Result<(usize, SockAddr), Errno>, B)> + Send + use<B> {
        let received = self.call((buf, SockAddr::new()), move |calls, (buf, from)| {
            calls.rump_sys_recvfrom(s, buf.as_mut(), flags, Some(from))
        });
        async {
            let (len, (buf, from)) = received.await;
            (len.map(|len| (len, from)), buf)
        }
    }

    /// Sends a message: `sendto(2)`, [`Client::rump_sys_sendto`]. Bytes.
    pub fn sendto<B: AsRef<[u8]> + Send + 'static>(
        &self,
        s: c_int,
        buf: B,
        flags: c_int,
        to: Option<SockAddr>,
    ) -> impl Future<Output = (Result<usize, Errno>, B)> + Send + use<B> {
        let sent = self.call((buf, to), move |calls, (buf, to)| {
            calls.rump_sys_sendto(s, (*buf).as_ref(), flags, to.as_ref())
        });
        async {
            let (len, (buf, _)) = sent.await;
            (len, buf)
        }
    }

    /// Waits for descriptors to be ready, for at most `timeout` milliseconds or, at -1, for any
    /// time: `poll(2)`, [`Client::rump_sys_poll`]. How many are ready.
    pub fn poll(
        &self,
        fds: Vec<netbsd::pollfd>,
        timeout: c_int,
    ) -> Call<Vec<netbsd::pollfd>, c_int> {
        self.call(fds, move |calls, fds| calls.rump_sys_poll(fds, timeout))
    }
}
