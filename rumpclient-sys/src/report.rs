//! What the library has to say to whoever runs the program, on standard error.

use core::fmt;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};

static QUIET: AtomicBool = AtomicBool::new(false);

/// Prints a line, unless `RUMPCLIENT_QUIET` is set.
pub(crate) fn say(message: fmt::Arguments<'_>) {
    if QUIET.load(Ordering::Relaxed) {
        return;
    }
    let line = format!("rumpclient: {message}\n");
    // Not by way of std: its write(2) is libc's, which a preloaded library may have taken. Nobody
    // can be told when standard error is closed.
    let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
}

/// Reads the variable that silences messages.
pub(crate) fn read_environment() {
    if std::env::var_os("RUMPCLIENT_QUIET").is_some_and(|value| !value.is_empty()) {
        QUIET.store(true, Ordering::Relaxed);
    }
}

/// Runs the body of an exported function. A panic, which is a bug in this library, ends there:
/// C gets `failed` with errno EIO.
pub(crate) fn contained<R>(failed: R, body: impl FnOnce() -> R) -> R {
    // What a panic leaves behind is either locked no more or replaced whole: see the locks' users.
    panic::catch_unwind(panic::AssertUnwindSafe(body)).unwrap_or_else(|_| {
        crate::errno::set(nix::errno::Errno::EIO as i32);
        failed
    })
}

/// Has panics reported in this module's way. The hook is this library's own: other Rust code in the
/// program has its own copy of std.
pub(crate) fn panics() {
    panic::set_hook(Box::new(|panic| say(format_args!("internal error: {panic}"))));
}
