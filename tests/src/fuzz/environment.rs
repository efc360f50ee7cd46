//! The environment: a variable counts, or is an error that names it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use rumpclient::{Client, Error};

/// Nobody is there, so that it goes no further than that.
const NOBODY: &str = "unix:///nonexistent/kernel";

pub(super) fn run(data: &[u8]) {
    // One line for each variable, in the order in which they are first asked for.
    let values: Vec<&[u8]> = data.split(|&byte| byte == b'\n').collect();
    let asked = std::cell::RefCell::new(Vec::<String>::new());
    let lookup = |name: &str| -> Option<OsString> {
        let mut asked = asked.borrow_mut();
        let at = asked.iter().position(|known| known == name).unwrap_or_else(|| {
            asked.push(name.to_owned());
            asked.len() - 1
        });
        let value = values.get(at).filter(|value| **value != b"-")?;
        Some(OsStr::from_bytes(value).to_owned())
    };
    let outcome = Client::builder().variables(lookup).and_then(|builder| builder.connect(NOBODY));
    let error = outcome.expect_err("nobody is there");
    let text = error.to_string();
    assert!(text.len() < 8 * data.len() + 200 && !text.contains(char::is_control), "{text:?}");
    match error {
        Error::Environment { variable, value, .. } => {
            assert!(asked.borrow().iter().any(|name| name == variable));
            assert!(values.contains(&value.as_bytes()));
        }
        Error::Connect { .. } | Error::Peer { .. } | Error::TimedOut { .. } => {}
        other => panic!("{other:?}"),
    }
}
