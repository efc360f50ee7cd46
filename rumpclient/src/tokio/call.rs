//! A call as a future.

#![allow(unsafe_code)]

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use ::tokio::task::{JoinHandle, spawn_blocking};
use ::tokio::time::{Sleep, sleep_until};

use super::AsyncClient;
use super::driver::Driver;
use crate::batch::{Batch, Calls, Loss, Pending, UnderWay};
use crate::marshal::Register;
use crate::netbsd::Errno;
use crate::session::Failure;

/// A call of an [`AsyncClient`]: resolves to the call's result and what has been lent for it.
///
/// It is sent when it is polled for the first time. Dropping it before gives it up: it is not made
/// if it has not been sent; otherwise the kernel may still carry it out, but leaves alone what had
/// been lent, as for a call that times out: see
/// [`Builder::call_timeout`](crate::Builder::call_timeout).
#[must_use = "futures do nothing unless they are polled"]
pub struct Call<B, T> {
    client: AsyncClient,
    stage: Stage,
    timer: Option<Pin<Box<Sleep>>>,
    // Dropped before what is lent: then the session knows the calls no more.
    calls: Calls,
    lent: Option<Lent<B>>,
    /// Which of the calls is meant; or why there is none.
    place: Result<usize, Errno>,
    result: fn([Register; 2], usize) -> Result<T, Errno>,
    room: usize,
}

enum Stage {
    /// With the driver of the session where calls are under way.
    Active(Option<Arc<Driver>>),
    /// The kernel has been lost, and a thread looks for another.
    Recovering(JoinHandle<Result<(), Failure>>),
}

/// What is lent to the kernel: in a place of its own, which nobody looks at meanwhile.
struct Lent<B>(NonNull<B>);

// SAFETY: it owns the value, as a Box does.
unsafe impl<B: Send> Send for Lent<B> {}

impl<B> Lent<B> {
    fn new(value: B) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    fn into_inner(self) -> B {
        let place = std::mem::ManuallyDrop::new(self).0;
        // SAFETY: the place is that of a Box which has been leaked for this.
        *unsafe { Box::from_raw(place.as_ptr()) }
    }
}

impl<B> Drop for Lent<B> {
    fn drop(&mut self) {
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl<B: 'static, T> Call<B, T> {
    pub(super) fn new<F>(client: AsyncClient, lent: B, make: F) -> Self
    where
        F: for<'m, 'b> FnOnce(&'b Batch<'m>, &'m mut B) -> Pending<'b, T>,
    {
        let lent = Lent::new(lent);
        let batch = Batch::new(client.client.clone());
        // SAFETY: `make` accepts any lifetime, so that it can pass the reference on to the batch and
        // to nobody else. The calls made of it are over before the value is used again or dropped:
        // they are given up with this future, which owns both; one that is forgotten keeps both.
        let value = unsafe { &mut *lent.0.as_ptr() };
        let (place, result, room) = make(&batch, value).into_parts();
        Self {
            client,
            stage: Stage::Active(None),
            timer: None,
            calls: batch.into_calls(),
            lent: Some(lent),
            place,
            result,
            room,
        }
    }
}

impl<B, T> Unpin for Call<B, T> {}

impl<B, T> Future for Call<B, T> {
    type Output = (Result<T, Errno>, B);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        ready!(this.poll_calls(cx));
        let result = this.place.and_then(|at| this.calls.result(at));
        let result = result.and_then(|retval| (this.result)(retval, this.room));
        let lent = this.lent.take().expect("a call that is over is not polled again");
        Poll::Ready((result, lent.into_inner()))
    }
}

impl<B, T> Call<B, T> {
    /// Makes the calls, and waits until all of them are over.
    fn poll_calls(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Stage::Recovering(search) = &mut self.stage {
                let found = ready!(Pin::new(search).poll(cx));
                self.stage = Stage::Active(None);
                match found.map_err(|error| error.try_into_panic()) {
                    Ok(Ok(())) => {}
                    Ok(Err(failure)) => self.calls.fail_queued(failure.into()),
                    Err(Ok(panic)) => resume_unwind(panic),
                    // The runtime is ending.
                    Err(Err(_)) => self.calls.fail_queued(Errno::LINK_LOST),
                }
            }
            if self.calls.has_queued()
                && let Err(loss) = self.start()
            {
                self.recover(loss);
                continue;
            }
            let Some(call) = self.calls.under_way() else { return Poll::Ready(()) };
            let driver = self.serving(&call);
            if let Some(driver) = &driver {
                driver.watch(call.reqno, cx.waker());
            }
            if let Some(result) = call.session.poll_answer(call.reqno) {
                self.forget(call.reqno);
                if let Some(loss) = self.calls.take(call.at, result) {
                    self.recover(loss);
                }
                continue;
            }
            if driver.is_none() {
                self.change_driver(&call);
                continue;
            }
            match call.deadline {
                Some(deadline) => ready!(self.poll_timer(deadline, cx)),
                None => return Poll::Pending,
            }
            self.forget(call.reqno);
            self.calls.withdraw(call.at);
        }
    }

    /// Sends what is queued.
    fn start(&mut self) -> Result<(), Loss> {
        let (client, stage) = (&self.client, &mut self.stage);
        self.calls.start(|session| {
            let driver = client.driver(session)?;
            let crew = Arc::clone(driver.crew());
            *stage = Stage::Active(Some(driver));
            Ok(Some(crew))
        })
    }

    /// The driver of the calls under way, if it has not gone with its runtime.
    fn serving(&self, call: &UnderWay) -> Option<Arc<Driver>> {
        let Stage::Active(Some(driver)) = &self.stage else { return None };
        driver.serves(&call.session).then(|| Arc::clone(driver))
    }

    /// Goes on with another driver. Where there is none, the call has failed: nobody would tell of
    /// its answer.
    fn change_driver(&mut self, call: &UnderWay) {
        match self.client.driver(&call.session) {
            Ok(driver) => {
                self.calls.each_under_way(|reqno| call.session.adopt(reqno, driver.crew()));
                self.stage = Stage::Active(Some(driver));
            }
            Err(_) => self.calls.withdraw(call.at),
        }
    }

    fn forget(&self, reqno: u64) {
        if let Stage::Active(Some(driver)) = &self.stage {
            driver.forget(reqno);
        }
    }

    fn recover(&mut self, loss: Loss) {
        let client = self.client.client.clone();
        self.stage = Stage::Recovering(spawn_blocking(move || loss.recover(&client)));
    }

    fn poll_timer(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        timer.as_mut().poll(cx)
    }
}

impl<B, T> Drop for Call<B, T> {
    fn drop(&mut self) {
        self.calls.each_under_way(|reqno| self.forget(reqno));
    }
}

impl<B, T> fmt::Debug for Call<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("client", &self.client).finish_non_exhaustive()
    }
}
