//! Addresses: whatever is accepted means the same when it is printed, and carries nothing on.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rumpclient::proto::address::{Address, SshTarget};

pub(super) fn run(data: &[u8]) {
    let address = match Address::parse(OsStr::from_bytes(data)) {
        Ok(address) => address,
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() < 1000 && !text.contains(char::is_control), "{text:?}");
            return;
        }
    };
    let text = OsString::from(&address);
    assert!(!text.as_bytes().contains(&0));
    assert_eq!(Address::parse(&text).as_ref(), Ok(&address), "{text:?}");
    if let Ok(absolute) = address.clone().absolute(Path::new("/cwd")) {
        assert!(!absolute.is_relative(), "{absolute}");
    }
    if let Address::Ssh(target) = &address {
        check_command(target);
    }
}

/// The words are the ones that are always there, and the parts of the address in their places.
fn check_command(target: &SshTarget) {
    let words = target.command(Path::new("/local/s"));
    let fixed =
        ["ssh", "-T", "-a", "-x", "-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none"];
    assert_eq!(words[..fixed.len()], fixed);
    let mut rest = words[fixed.len()..].iter();
    let mut next = || rest.next().map(|word| word.as_bytes());
    assert_eq!(next(), Some(&b"-L"[..]));
    let forward = next().expect("what to forward follows");
    assert_eq!(split_forward(forward), [b"/local/s", target.path.as_os_str().as_bytes()]);
    assert!(!forward.contains(&b'%') && !forward.windows(2).any(|pair| pair == b"${"));
    if let Some(port) = target.port {
        assert_eq!((next(), next()), (Some(&b"-p"[..]), Some(port.to_string().as_bytes())));
    }
    if let Some(user) = &target.user {
        assert_eq!((next(), next()), (Some(&b"-l"[..]), Some(user.as_bytes())));
        assert!(!user.starts_with('-'));
    }
    assert_eq!((next(), next()), (Some(&b"--"[..]), Some(target.host.as_bytes())));
    assert!(!target.host.starts_with('-'));
    assert_eq!((next(), next()), (Some(&b"cat"[..]), None));
}

/// Splits at colons as ssh(1) does.
fn split_forward(forward: &[u8]) -> Vec<Vec<u8>> {
    let mut fields = vec![Vec::new()];
    let mut bytes = forward.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b':' => fields.push(Vec::new()),
            b'\\' => fields.last_mut().expect("there is one").extend(bytes.next()),
            byte => fields.last_mut().expect("there is one").push(byte),
        }
    }
    fields
}
