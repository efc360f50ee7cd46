//! Locks and atomics of what threads share: std's, or those of a model checker, which tries the orders
//! in which threads may come to them.

#[cfg(rumpclient_model)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, PoisonError, atomic};
#[cfg(not(rumpclient_model))]
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError, atomic};
