//! The console: what descriptors 0, 1 and 2 of every new process lead to.

use std::io::Write;

/// A device that swallows what is written to it, or passes it on to the server's own output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    to_stdout: bool,
}

impl Console {
    pub(crate) fn new(to_stdout: bool) -> Self {
        Self { to_stdout }
    }

    /// Never fails: a console that nobody looks at is no reason to.
    pub(crate) fn write(&self, text: &[u8]) {
        if self.to_stdout {
            let mut stdout = std::io::stdout().lock();
            let _ = stdout.write_all(text).and_then(|()| stdout.flush());
        }
    }
}
