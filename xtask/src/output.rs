//! Reports on standard output.

use std::io::{self, ErrorKind, Write as _};

use crate::Failure;

/// Writes a report. A reader that has seen enough and closes the pipe, such as `head`, is no
/// failure.
pub(crate) fn report(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write the report: {error}").into())
        }
        _ => Ok(()),
    }
}
