//! The task that receives for a client's other tasks.

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;

use crate::session::{Crew, Served, Session};
use crate::sys::Fd;

/// What calls know of the driver of their session. It ends with the last of these, or with the
/// runtime it was started on.
pub(super) struct Driver(Arc<Shared>);

struct Shared {
    session: Arc<Session>,
    crew: Arc<Crew>,
    /// Taken with none of the session's locks held.
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// Whom to wake, by the requests they wait for.
    tasks: HashMap<u64, Waker>,
    /// No call knows the driver any more.
    unknown: bool,
    /// The driver is no more.
    gone: bool,
}

impl Driver {
    /// Starts a driver for the session, on the runtime of the task that calls.
    pub(super) fn start(session: &Arc<Session>) -> io::Result<Arc<Self>> {
        let crew = Arc::new(Crew::new()?);
        let shared = Arc::new(Shared {
            session: Arc::clone(session),
            crew: Arc::clone(&crew),
            waiting: Mutex::default(),
        });
        // Its own, so that a runtime can have two of one session, the earlier about to end.
        // SAFETY: the descriptor is nobody else's, and stays open as long as it is owned.
        let stream = unsafe { AsyncFd::register(session.stream().duplicate()?)? };
        // SAFETY: the crew owns the descriptor, and is owned in turn.
        let bell = unsafe { AsyncFd::register_with_interest(Ear(crew), Interest::READABLE)? };
        ::tokio::spawn(Drive { shared: Arc::clone(&shared), stream, bell });
        Ok(Arc::new(Self(shared)))
    }

    /// Whether it is there, and for this session.
    pub(super) fn serves(&self, session: &Arc<Session>) -> bool {
        Arc::ptr_eq(&self.0.session, session) && !self.0.waiting().gone
    }

    pub(super) fn crew(&self) -> &Arc<Crew> {
        &self.0.crew
    }

    /// Has a task woken when the request has been answered, or the driver is no more.
    pub(super) fn watch(&self, reqno: u64, task: &Waker) {
        self.0.waiting().tasks.insert(reqno, task.clone());
    }

    pub(super) fn forget(&self, reqno: u64) {
        self.0.waiting().tasks.remove(&reqno);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.waiting().unknown = true;
        self.0.crew.ring();
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, answered: &mut Vec<u64>) {
        for reqno in answered.drain(..) {
            let task = self.waiting().tasks.remove(&reqno);
            // With the lock released: who knows what a waker does.
            if let Some(task) = task {
                task.wake();
            }
        }
    }
}

/// The crew's bell, to be waited for.
struct Ear(Arc<Crew>);

impl AsRawFd for Ear {
    fn as_raw_fd(&self) -> RawFd {
        self.0.bell().as_raw_fd()
    }
}

/// The driver's own task.
struct Drive {
    shared: Arc<Shared>,
    stream: AsyncFd<Fd>,
    bell: AsyncFd<Ear>,
}

impl Future for Drive {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Shared { session, crew, .. } = &*self.shared;
        let mut answered = Vec::new();
        // The runtime limits how often this goes round.
        loop {
            let rung = match self.bell.poll_read_ready(cx) {
                Poll::Ready(Ok(mut guard)) => {
                    crew.bell().silence();
                    guard.clear_ready();
                    true
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => false,
            };
            if self.shared.waiting().unknown || self.flush(cx).is_err() {
                return Poll::Ready(());
            }
            let mut readable = match self.stream.poll_read_ready(cx) {
                Poll::Ready(Ok(guard)) => Some(guard),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending if !rung => return Poll::Pending,
                Poll::Pending => None,
            };
            let served = session.serve_tasks(crew, &mut answered);
            self.shared.wake(&mut answered);
            match served {
                Served::More => {}
                // Also where a thread receives, or nobody's call is on the books: for data that
                // concerns a task, which comes later, the stream becomes readable once more.
                Served::Nothing => {
                    if let Some(guard) = &mut readable {
                        guard.clear_ready();
                    }
                }
                Served::Ended => return Poll::Ready(()),
            }
        }
    }
}

impl Drive {
    /// Sends what the host did not take at once, as far as there is room now.
    fn flush(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let session = &self.shared.session;
        while session.wants_room() {
            let Poll::Ready(guard) = self.stream.poll_write_ready(cx) else { break };
            let mut guard = guard?;
            session.flush();
            if session.wants_room() {
                guard.clear_ready();
            }
        }
        Ok(())
    }
}

impl Drop for Drive {
    /// Tasks that still wait look for another driver, or find the connection ended.
    fn drop(&mut self) {
        let mut waiting = self.shared.waiting();
        waiting.gone = true;
        let tasks = std::mem::take(&mut waiting.tasks);
        drop(waiting);
        tasks.into_values().for_each(Waker::wake);
        self.shared.session.leave_driving();
    }
}
