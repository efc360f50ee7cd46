//! What the environment says: where the kernel is, and settings for programs that have none of
//! their own, such as those that use the C library.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `RUMP_SERVER` | the server's address |
//! | `RUMPCLIENT_HANDSHAKE_TIMEOUT` | seconds for connecting and the handshake; 0: no limit |
//! | `RUMPCLIENT_CALL_TIMEOUT` | seconds for each call; 0: no limit |
//! | `RUMPCLIENT_FRAME_CAP` | bytes of the largest frame accepted from the server |
//! | `RUMPCLIENT_SPIN_US` | microseconds to stay awake for the kernel, at most; 0: not at all |
//! | `RUMPCLIENT_PEER_UID` | the user who must run the server, unless the program requires one |
//!
//! A variable that cannot be understood is an error: a limit that silently does not hold is worse.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;
use crate::options::Settings;
use crate::process::exec;
use crate::proto::address::Address;
use crate::sys;

const SERVER: &str = "RUMP_SERVER";
const HANDSHAKE_TIMEOUT: &str = "RUMPCLIENT_HANDSHAKE_TIMEOUT";
const CALL_TIMEOUT: &str = "RUMPCLIENT_CALL_TIMEOUT";
const FRAME_CAP: &str = "RUMPCLIENT_FRAME_CAP";
const SPIN: &str = "RUMPCLIENT_SPIN_US";
const PEER_UID: &str = "RUMPCLIENT_PEER_UID";

/// The server's address.
pub(crate) fn address() -> Result<Address, Error> {
    let privileged = sys::is_privileged();
    let text = match std::env::var_os(exec::PARSED_SERVER) {
        Some(text) if !privileged => text,
        _ => std::env::var_os(SERVER).ok_or(Error::NoServer)?,
    };
    match Address::parse(text)? {
        // Whoever set the variable is not to run programs with the rights of this one.
        address @ (Address::Command(_) | Address::Ssh(_)) if privileged => {
            Err(Error::Privileged { address })
        }
        address => Ok(address),
    }
}

/// Changes settings as the environment says.
pub(crate) fn apply(
    settings: &mut Settings,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<(), Error> {
    const SECONDS: &str = "a number of seconds";
    if let Some(limit) = read(&lookup, HANDSHAKE_TIMEOUT, SECONDS, seconds)? {
        settings.handshake_timeout = limit;
    }
    if let Some(limit) = read(&lookup, CALL_TIMEOUT, SECONDS, seconds)? {
        settings.call_timeout = limit;
    }
    if let Some(cap) = read(&lookup, FRAME_CAP, "a number of bytes", number)? {
        settings.frame_cap = cap;
    }
    if let Some(limit) = read(&lookup, SPIN, "a number of microseconds", microseconds)? {
        settings.spin = limit;
    }
    let uid = read(&lookup, PEER_UID, "a user id", number)?;
    settings.peer_uid = settings.peer_uid.or(uid);
    Ok(())
}

/// Reads a variable; `None` where it is not set.
fn read<T>(
    lookup: impl Fn(&str) -> Option<OsString>,
    variable: &'static str,
    expected: &'static str,
    parse: fn(&OsStr) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(value) = lookup(variable) else { return Ok(None) };
    match parse(&value) {
        Some(parsed) => Ok(Some(parsed)),
        None => Err(Error::Environment { variable, value, expected }),
    }
}

/// Seconds, with or without a fraction; 0 is no limit.
fn seconds(text: &OsStr) -> Option<Option<Duration>> {
    let text = text.to_str()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = text.parse().ok().filter(|_| plain)?;
    let limit = Duration::try_from_secs_f64(seconds).ok()?;
    Some((!limit.is_zero()).then_some(limit))
}

fn microseconds(text: &OsStr) -> Option<Duration> {
    number(text).map(Duration::from_micros)
}

fn number<T: FromStr>(text: &OsStr) -> Option<T> {
    let digits = text.as_bytes().iter().all(u8::is_ascii_digit);
    text.to_str()?.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_seconds() {
        let parse = |text: &str| seconds(OsStr::new(text));
        assert_eq!(parse("30"), Some(Some(Duration::from_secs(30))));
        assert_eq!(parse("0.25"), Some(Some(Duration::from_millis(250))));
        assert_eq!(parse("0"), Some(None));
        assert_eq!(parse("0.0"), Some(None));
        for bad in [
            "",
            ".",
            "-1",
            "+1",
            "1s",
            "1e3",
            "inf",
            "nan",
            "1 ",
            " 1",
            "1.2.3",
            "99999999999999999999999",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(seconds(OsStr::from_bytes(b"\xff")), None);
    }

    #[test]
    fn users_are_numbers() {
        let parse = |text: &str| number::<u32>(OsStr::new(text));
        assert_eq!(parse("0"), Some(0));
        assert_eq!(parse("4294967295"), Some(u32::MAX));
        for bad in ["", "-1", "+1", "root", "0x0", "4294967296", "1 "] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
