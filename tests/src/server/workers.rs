//! The threads that run system calls.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};

use super::kernel::Waker;

/// Most threads there are; more calls than that wait for one to end.
const WORKERS_MAX: usize = 128;

/// Threads that stay when there is nothing to do.
const WORKERS_IDLE: usize = 16;

/// What a worker does once. It may block through the waker it is lent.
pub(crate) type Job = Box<dyn FnOnce(&Arc<Waker>) + Send>;

/// The host has no room for a thread and none is there.
#[derive(Debug)]
pub(crate) struct NoWorker;

/// A pool of threads that grows with the calls in progress.
#[derive(Default)]
pub(crate) struct Workers {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    workers: usize,
    closing: bool,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Has `job` done as soon as there is a thread for it.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) -> Result<(), NoWorker> {
        let mut state = self.state.lock();
        if state.jobs.len() >= state.idle && state.workers < WORKERS_MAX {
            self.add_worker(&mut state)?;
        }
        state.jobs.push_back(job);
        self.work.notify_one();
        Ok(())
    }

    /// Starts a thread. That it fails matters only while there is none.
    fn add_worker(self: &Arc<Self>, state: &mut State) -> Result<(), NoWorker> {
        state.threads.retain(|thread| !thread.is_finished());
        let pool = Arc::clone(self);
        let builder = thread::Builder::new().name("rump-worker".into());
        match builder.spawn(move || pool.work()) {
            Ok(thread) => {
                state.workers += 1;
                state.threads.push(thread);
                Ok(())
            }
            Err(_) if state.workers == 0 => Err(NoWorker),
            Err(_) => Ok(()),
        }
    }

    fn work(&self) {
        let waker = Arc::new(Waker::default());
        while let Some(job) = self.next_job() {
            waker.reset();
            job(&waker);
        }
    }

    /// The next job, or `None` when the calling thread is to end.
    fn next_job(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closing || state.idle >= WORKERS_IDLE {
                state.workers -= 1;
                return None;
            }
            state.idle += 1;
            self.work.wait(&mut state);
            state.idle -= 1;
        }
    }

    /// Ends all threads once the jobs are done, and waits for that. The jobs must not block any
    /// more. Nothing may be submitted afterwards.
    pub(crate) fn shutdown(&self) {
        let threads = {
            let mut state = self.state.lock();
            state.closing = true;
            std::mem::take(&mut state.threads)
        };
        self.work.notify_all();
        for thread in threads {
            // A worker's panic has been reported where it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::sync::{Barrier, atomic::AtomicUsize, atomic::Ordering};

    use super::*;

    #[test]
    fn jobs_run_at_the_same_time_up_to_the_limit() {
        let workers = Arc::new(Workers::default());
        let meeting = Arc::new(Barrier::new(WORKERS_MAX));
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..WORKERS_MAX {
            let (meeting, done) = (Arc::clone(&meeting), Arc::clone(&done));
            let job = move |_: &Arc<Waker>| {
                meeting.wait();
                done.fetch_add(1, Ordering::SeqCst);
            };
            workers.submit(Box::new(job)).unwrap();
        }
        workers.shutdown();
        assert_eq!(done.load(Ordering::SeqCst), WORKERS_MAX);
    }

    #[test]
    fn more_jobs_than_threads_all_get_done() {
        let workers = Arc::new(Workers::default());
        let (sender, receiver) = channel();
        for job in 0..1000 {
            let sender = sender.clone();
            workers.submit(Box::new(move |_| sender.send(job).unwrap())).unwrap();
        }
        workers.shutdown();
        drop(sender);
        let mut done: Vec<i32> = receiver.iter().collect();
        done.sort_unstable();
        assert_eq!(done, (0..1000).collect::<Vec<_>>());
        assert_eq!(workers.state.lock().workers, 0);
    }
}
