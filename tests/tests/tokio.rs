//! Calls as futures, among themselves and next to threads.

use std::ffi::c_int;
use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use rumpclient::netbsd::{
    AF_INET, O_CREAT, O_RDWR, POLLIN, SIGPIPE, SOCK_DGRAM, SOCK_STREAM, SockAddr, pollfd, stat,
    timespec,
};
use rumpclient::tokio::AsyncClient;
use rumpclient::{Client, Errno, RaisePolicy, RetryPolicy};
use rumpclient_tests::fixture::{contents, create, pattern};
use rumpclient_tests::harness::{Kernel, PATIENCE};
use rumpclient_tests::{on_every_kernel, on_every_mortal_kernel};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, spawn, spawn_blocking, yield_now};
use tokio::time::timeout;

/// Too short for a call that is not answered, long enough for the others.
const LIMIT: Duration = Duration::from_millis(200);

/// A runtime that has this thread only.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime can be made")
}

/// Runs a test's future, in time.
fn run<R>(test: impl Future<Output = R>) -> R {
    runtime().block_on(async { timeout(PATIENCE, test).await }).expect("the test ends in time")
}

/// Polls a future once; whether it is over.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}

fn async_client(kernel: &Kernel) -> AsyncClient {
    AsyncClient::new(kernel.client())
}

fn pipe(client: &AsyncClient) -> [c_int; 2] {
    client.client().rump_sys_pipe().expect("a pipe can be made")
}

async fn getpid(client: &AsyncClient) -> Result<i32, Errno> {
    client.call((), |calls, ()| calls.rump_sys_getpid()).await.0
}

on_every_kernel! {
    fn a_hundred_calls_are_under_way_at_once(kernel) {
        run(async {
            let client = async_client(kernel);
            let [read, write] = pipe(&client);
            let mut readers = JoinSet::new();
            for _ in 0..100 {
                readers.spawn(client.read(read, [0; 1]));
            }
            // Each of them has been polled afterwards: a runtime takes turns of some 60 tasks.
            for _ in 0..10 {
                yield_now().await;
            }
            kernel.expect_blocked(100);
            let text = pattern(100);
            assert_eq!(client.write(write, text.clone()).await, (Ok(100), text.clone()));
            let mut got = Vec::new();
            while let Some(read) = readers.join_next().await {
                let (len, byte) = read.expect("a reader does not panic");
                assert_eq!(len, Ok(1));
                got.extend(byte);
            }
            got.sort_unstable();
            let mut sent = text;
            sent.sort_unstable();
            assert_eq!(got, sent);
        });
    }

    fn buffers_come_back_with_the_result(kernel) {
        run(async {
            let client = async_client(kernel);
            let file = client.open(c"/tmp/tokio", O_CREAT | O_RDWR, 0o600).await.unwrap();
            let text = pattern(100_000);
            let mut written = JoinSet::new();
            for (at, piece) in text.chunks(999).enumerate() {
                written.spawn(client.pwrite(file, Vec::from(piece), at as i64 * 999));
            }
            while let Some(written) = written.join_next().await {
                let (len, piece) = written.unwrap();
                assert_eq!(len, Ok(piece.len()));
            }
            assert_eq!(client.fsync(file).await, Ok(()));
            let (len, read) = client.pread(file, vec![0; text.len() + 10], 0).await;
            assert_eq!((len, &read[..text.len()]), (Ok(text.len()), &text[..]));
            let (len, boxed) = client.read(file, vec![0; 10].into_boxed_slice()).await;
            assert_eq!((len, &boxed[..]), (Ok(10), &text[..10]));
            assert_eq!(client.write(file, "static").await, (Ok(6), "static"));
            // Several arguments, with several kinds of memory, by the general way.
            let lent = (c"/tmp/tokio".to_owned(), stat::default());
            let call = client.call(lent, |calls, (path, stat)| calls.rump_sys_stat(path, stat));
            let (result, (_, stat)) = call.await;
            assert_eq!((result, stat.st_size), (Ok(()), text.len() as i64));
            assert_eq!(client.close(file).await, Ok(()));
            assert_eq!(client.close(file).await, Err(Errno::EBADF));
            assert_eq!(client.read(file, vec![1]).await, (Err(Errno::EBADF), vec![1]));
        });
    }

    fn what_a_dropped_call_had_lent_is_left_alone(kernel) {
        run(async {
            let client = async_client(kernel);
            let [read, write] = pipe(&client);
            let (given_back, memory) = channel();
            let reading = client.read(read, Watched(vec![0; 5], given_back));
            assert!(timeout(LIMIT, reading).await.is_err(), "there is nothing to read");
            // The read that nobody waits for takes it.
            assert_eq!(client.write(write, "hello").await.0, Ok(5));
            assert_eq!(client.write(write, "world").await.0, Ok(5));
            let (len, next) = client.read(read, vec![0; 5]).await;
            assert_eq!((len, &next[..]), (Ok(5), &b"world"[..]));
            assert_eq!(memory.recv(), Ok(vec![0; 5]));
            assert!(getpid(&client).await.is_ok());
        });
    }

    fn a_call_that_is_not_polled_is_not_made(kernel) {
        run(async {
            let client = async_client(kernel);
            let file = create(client.client(), c"/tmp/tokio");
            drop(client.write(file, "never polled"));
            assert!(getpid(&client).await.is_ok());
            assert_eq!(contents(client.client(), c"/tmp/tokio"), b"");
        });
    }

    fn a_call_that_is_no_longer_polled_holds_nobody_up(kernel) {
        run(async {
            let client = async_client(kernel);
            let [read, write] = pipe(&client);
            let mut reading = pin!(client.read(read, vec![0; 5]));
            assert!(!poll_once(reading.as_mut()).await);
            for _ in 0..100 {
                assert!(getpid(&client).await.is_ok());
            }
            // Not even where it will not be polled for a while, and the answer is there.
            assert_eq!(client.write(write, "hello").await.0, Ok(5));
            for _ in 0..100 {
                assert!(getpid(&client).await.is_ok());
            }
            assert_eq!(reading.await, (Ok(5), b"hello".to_vec()));
        });
    }

    fn blocking_calls_may_come_between(kernel) {
        run(async {
            let client = async_client(kernel);
            let [read, write] = pipe(&client);
            let mut reading = pin!(client.read(read, vec![0; 5]));
            assert!(!poll_once(reading.as_mut()).await);
            for _ in 0..100 {
                // On the runtime's only thread.
                assert!(client.client().rump_sys_getpid().is_ok());
            }
            // The thread that blocks receives the task's answer, too, or the driver does later.
            assert_eq!(client.client().rump_sys_write(write, b"hello"), Ok(5));
            assert!(client.client().rump_sys_getpid().is_ok());
            assert_eq!(reading.await, (Ok(5), b"hello".to_vec()));
            assert!(getpid(&client).await.is_ok());
        });
    }

    fn tasks_and_threads_share_a_connection(kernel) {
        let client = async_client(kernel);
        let done = AtomicBool::new(false);
        let blocking = client.client().clone();
        let pid = blocking.rump_sys_getpid().unwrap();
        let [read, write] = pipe(&client);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        assert_eq!(blocking.rump_sys_getpid(), Ok(pid));
                    }
                });
            }
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    blocking.batch(|batch| {
                        let pids = [(); 8].map(|()| batch.rump_sys_getpid());
                        assert!(pids.into_iter().all(|answer| answer.wait() == Ok(pid)));
                    });
                }
            });
            // One that waits for most of the time, so that it has the receiver's role.
            let reader = scope.spawn(|| blocking.rump_sys_read(read, &mut [0]));
            run(async {
                let mut tasks = JoinSet::new();
                for _ in 0..10 {
                    let client = client.clone();
                    tasks.spawn(async move {
                        for _ in 0..100 {
                            assert_eq!(getpid(&client).await, Ok(pid));
                        }
                    });
                }
                while let Some(task) = tasks.join_next().await {
                    task.expect("a task does not panic");
                }
                assert_eq!(client.write(write, "x").await.0, Ok(1));
            });
            assert_eq!(reader.join().unwrap(), Ok(1));
            done.store(true, Ordering::Relaxed);
        });
    }

    fn several_runtimes_and_clients_of_one_process(kernel) {
        let blocking = kernel.client();
        let pid = blocking.rump_sys_getpid().unwrap();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    run(async {
                        let clients = [(); 2].map(|()| AsyncClient::new(blocking.clone()));
                        let mut tasks = JoinSet::new();
                        for at in 0..8 {
                            let client = clients[at % 2].clone();
                            tasks.spawn(async move {
                                for _ in 0..100 {
                                    assert_eq!(getpid(&client).await, Ok(pid));
                                }
                            });
                        }
                        while let Some(task) = tasks.join_next().await {
                            task.expect("a task does not panic");
                        }
                    });
                });
            }
        });
        assert_eq!(blocking.rump_sys_getpid(), Ok(pid));
    }

    fn a_call_outlives_the_runtime_it_was_begun_on(kernel) {
        let client = async_client(kernel);
        let [read, write] = pipe(&client);
        let mut reading = Box::pin(client.read(read, vec![0; 5]));
        let first = runtime();
        assert!(!first.block_on(poll_once(reading.as_mut())));
        drop(first);
        run(async {
            assert_eq!(client.write(write, "hello").await.0, Ok(5));
            assert_eq!(reading.await, (Ok(5), b"hello".to_vec()));
        });
    }

    fn a_call_has_the_time_that_its_client_says(kernel) {
        run(async {
            let client = kernel.client_with(Client::builder().call_timeout(Some(LIMIT)));
            let client = AsyncClient::new(client);
            let [read, write] = pipe(&client);
            assert_eq!(client.read(read, vec![7]).await, (Err(Errno::ETIMEDOUT), vec![7]));
            let hour = timespec { tv_sec: 3600, tv_nsec: 0 };
            let sleep = client.call(hour, |calls, time| calls.rump_sys_nanosleep(time, None));
            assert_eq!(sleep.await.0, Err(Errno::ETIMEDOUT));
            assert_eq!(client.write(write, "1").await.0, Ok(1));
            assert!(getpid(&client).await.is_ok());
        });
    }

    fn the_kernels_signals_are_delivered_meanwhile(kernel) {
        run(async {
            let (sender, heard) = channel();
            let callback = RaisePolicy::Callback(Arc::new(move |signal| {
                sender.send(signal).expect("the test listens");
            }));
            let client = kernel.client_with(Client::builder().raise(callback));
            let client = AsyncClient::new(client);
            let [read, write] = pipe(&client);
            assert_eq!(client.close(read).await, Ok(()));
            assert_eq!(client.write(write, "x").await.0, Err(Errno::EPIPE));
            while heard.try_recv() != Ok(SIGPIPE) {
                assert!(getpid(&client).await.is_ok());
            }
        });
    }

    fn a_large_answer_and_a_large_argument(kernel) {
        run(async {
            let client = async_client(kernel);
            let file = client.open(c"/tmp/tokio", O_CREAT | O_RDWR, 0o600).await.unwrap();
            let text = pattern(3 << 20);
            let (len, text) = client.write(file, text).await;
            assert_eq!(len, Ok(text.len()));
            let reads = (0..3).map(|_| spawn(client.pread(file, vec![0; 3 << 20], 0)));
            for read in reads.collect::<Vec<_>>() {
                let (len, read) = read.await.unwrap();
                assert_eq!(len, Ok(text.len()));
                assert!(read == text);
            }
        });
    }

    fn the_calls_that_have_names(kernel) {
        run(async {
            let client = async_client(kernel);
            let blocking = client.client();
            let [read, write] = pipe(&client);
            let fds = vec![pollfd { fd: read, events: POLLIN, revents: 0 }];
            let polling = spawn(client.poll(fds, -1));
            yield_now().await;
            assert_eq!(client.write(write, "x").await.0, Ok(1));
            let (ready, fds) = polling.await.unwrap();
            assert_eq!((ready, fds[0].revents), (Ok(1), POLLIN));

            let (listener, address) = bound(blocking, SOCK_STREAM);
            blocking.rump_sys_listen(listener, 1).unwrap();
            let accepting = spawn(client.accept(listener));
            let socket = blocking.rump_sys_socket(AF_INET, SOCK_STREAM, 0).unwrap();
            assert_eq!(client.connect_socket(socket, address).await, Ok(()));
            let (accepted, from) = accepting.await.unwrap().unwrap();
            let mut own = SockAddr::new();
            blocking.rump_sys_getsockname(socket, &mut own).unwrap();
            assert_eq!(from.as_bytes(), own.as_bytes());
            assert_eq!(client.write(socket, "hello").await.0, Ok(5));
            assert_eq!(client.read(accepted, [0; 5]).await, (Ok(5), *b"hello"));

            let (receiver, to) = bound(blocking, SOCK_DGRAM);
            let receiving = spawn(client.recvfrom(receiver, vec![0; 10], 0));
            let (sender, _) = bound(blocking, SOCK_DGRAM);
            assert_eq!(client.sendto(sender, "hello", 0, Some(to)).await, (Ok(5), "hello"));
            let (received, buffer) = receiving.await.unwrap();
            assert_eq!((received.unwrap().0, &buffer[..5]), (5, &b"hello"[..]));
        });
    }
}

/// Memory that can be looked at when its owner is gone.
struct Watched(Vec<u8>, Sender<Vec<u8>>);

impl AsMut<[u8]> for Watched {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // The memory stays where it is.
        self.1.send(std::mem::take(&mut self.0)).expect("the test goes on");
    }
}

/// A socket bound to a loopback port of the kernel's choice, and its address.
fn bound(client: &Client, kind: c_int) -> (c_int, SockAddr) {
    let fd = client.rump_sys_socket(AF_INET, kind, 0).unwrap();
    let any = SockAddr::v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    client.rump_sys_bind(fd, &any).unwrap();
    let mut name = SockAddr::new();
    client.rump_sys_getsockname(fd, &mut name).unwrap();
    (fd, name)
}

on_every_mortal_kernel! {
    fn a_lost_kernel_is_replaced(kernel) {
        for policy in [RetryPolicy::Never, RetryPolicy::For(PATIENCE)] {
            let client = AsyncClient::new(kernel.client_with(Client::builder().retry(policy)));
            run(async {
                let [read, _] = pipe(&client);
                let mut reading = pin!(client.read(read, vec![0]));
                assert!(!poll_once(reading.as_mut()).await);
                assert!(getpid(&client).await.is_ok());
                kernel.kill();
                // Looks for a kernel, if it does, while there is none.
                let asking = spawn({
                    let client = client.clone();
                    async move { getpid(&client).await }
                });
                yield_now().await;
                kernel.start();
                assert_eq!(reading.await.0, Err(Errno::LINK_LOST));
                assert_eq!(asking.await.unwrap().is_ok(), policy != RetryPolicy::Never);
                assert_eq!(getpid(&client).await.is_ok(), policy != RetryPolicy::Never);
            });
        }
    }
}

#[test]
fn the_process_ends_with_the_last_client() {
    let kernel = Kernel::test_server();
    let client = async_client(&kernel);
    run(async {
        let [read, _] = pipe(&client);
        let mut reading = Box::pin(client.read(read, vec![0]));
        assert!(!poll_once(reading.as_mut()).await);
        drop((client, reading));
        let (gone, told) = channel();
        spawn_blocking(move || {
            kernel.expect_deserted();
            gone.send(()).expect("the test waits");
        });
        while told.try_recv().is_err() {
            yield_now().await;
        }
    });
}

#[test]
fn connecting_does_not_block() {
    let kernel = Kernel::test_server();
    run(async {
        let client = AsyncClient::connect(kernel.url()).await.unwrap();
        assert!(getpid(&client).await.is_ok());
        assert!(AsyncClient::connect("unix:///nowhere/kernel").await.is_err());
    });
}
