//! The banner: the one line a server says before anything else.
//!
//! `RUMPSP-<major>.<minor>-<ostype>-<osrelease>/<machine>`, at most 96 bytes with its newline.

use std::fmt;

/// The longest banner, newline included.
pub const BANNER_MAX: usize = 96;

/// The protocol version this client speaks.
pub const PROTOCOL: (u32, u32) = (0, 4);

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// Protocol major and minor version; 0.4 since 2011.
    pub protocol: (u32, u32),
    /// `NetBSD`.
    pub ostype: String,
    /// The kernel's release, e.g. `11.0_RC6` or `7.99.34`.
    pub osrelease: String,
    /// NetBSD's name of the machine, e.g. `amd64`.
    pub machine: String,
}

/// Why a banner was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BannerError {
    /// No newline within [`BANNER_MAX`] bytes.
    TooLong,
    /// It does not have the form of a rump kernel's banner.
    Malformed {
        /// What the server said, made printable.
        line: String,
    },
    /// The server speaks another major version of the protocol.
    Protocol {
        /// The server's version.
        found: (u32, u32),
    },
    /// The server runs a kernel with another ABI.
    Machine {
        /// The server's machine.
        found: String,
        /// The machine that this client was built for.
        expected: &'static str,
    },
}

impl fmt::Display for BannerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(
                    f,
                    "the server's banner has no end within {BANNER_MAX} bytes: not a rump kernel"
                )
            }
            Self::Malformed { line } => write!(
                f,
                "the server's banner is \"{line}\", not \
                 RUMPSP-<version>-<ostype>-<osrelease>/<machine>: not a rump kernel"
            ),
            Self::Protocol { found: (major, minor) } => write!(
                f,
                "the server speaks protocol {major}.{minor}, this client {}.{}",
                PROTOCOL.0, PROTOCOL.1
            ),
            Self::Machine { found, expected } => write!(
                f,
                "the server's kernel is for {found}, this client for {expected}: \
                 their memory layouts differ (Builder::allow_foreign_banner overrides)"
            ),
        }
    }
}

impl std::error::Error for BannerError {}

impl Banner {
    /// Takes a banner off the front of `bytes`: the banner and how many bytes it took, newline
    /// included. `None` while its end has not arrived.
    ///
    /// # Errors
    /// [`BannerError::TooLong`] or [`BannerError::Malformed`].
    pub fn handle_bytes(bytes: &[u8]) -> Result<Option<(Self, usize)>, BannerError> {
        let window = &bytes[..bytes.len().min(BANNER_MAX)];
        if !b"RUMPSP-".starts_with(&window[..window.len().min(7)]) {
            // Whatever this is, its end may never come.
            let line = window.split(|&byte| byte == b'\n').next().unwrap_or(window);
            return Err(malformed(line));
        }
        match window.iter().position(|&byte| byte == b'\n') {
            Some(end) => Ok(Some((Self::parse(&window[..end])?, end + 1))),
            None if window.len() == BANNER_MAX => Err(BannerError::TooLong),
            None => Ok(None),
        }
    }

    fn parse(line: &[u8]) -> Result<Self, BannerError> {
        Self::split(line).ok_or_else(|| malformed(line))
    }

    fn split(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        if line.chars().any(char::is_control) {
            return None;
        }
        let (version, system) = line.strip_prefix("RUMPSP-")?.split_once('-')?;
        let (major, minor) = version.split_once('.')?;
        let (ostype, rest) = system.split_once('-')?;
        let (osrelease, machine) = rest.rsplit_once('/')?;
        if [ostype, osrelease, machine].contains(&"") {
            return None;
        }
        Some(Self {
            protocol: (number(major)?, number(minor)?),
            ostype: ostype.into(),
            osrelease: osrelease.into(),
            machine: machine.into(),
        })
    }

    /// Whether this client can talk to such a server: same protocol major, same machine.
    ///
    /// # Errors
    /// [`BannerError::Protocol`] or [`BannerError::Machine`].
    pub fn check(&self) -> Result<(), BannerError> {
        if self.protocol.0 != PROTOCOL.0 {
            return Err(BannerError::Protocol { found: self.protocol });
        }
        let expected = host_machines();
        if expected.is_empty() || expected.contains(&self.machine.as_str()) {
            return Ok(());
        }
        Err(BannerError::Machine { found: self.machine.clone(), expected: expected[0] })
    }

    /// The release as numbers, as far as it has any: `7.99.34` → `[7, 99, 34]`, `11.0_RC6` →
    /// `[11, 0]`. For asking whether a kernel is recent enough for a call. A derived system may
    /// have its own name and version in front of NetBSD's: `NAME-0.1-11.0_RC6` → `[11, 0]`.
    pub fn release(&self) -> Vec<u32> {
        let named = self.osrelease.starts_with(|c: char| !c.is_ascii_digit());
        let release = self.osrelease.rsplit('-').next().filter(|_| named);
        let release = release.unwrap_or(&self.osrelease);
        let digits = release.split(|c: char| !c.is_ascii_digit() && c != '.').next();
        digits.unwrap_or("").split('.').map_while(|part| part.parse().ok()).collect()
    }
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.protocol;
        write!(f, "RUMPSP-{major}.{minor}-{}-{}/{}", self.ostype, self.osrelease, self.machine)
    }
}

fn malformed(line: &[u8]) -> BannerError {
    BannerError::Malformed { line: line.escape_ascii().to_string() }
}

fn number(digits: &str) -> Option<u32> {
    // `parse` alone would accept a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// NetBSD's names for machines that share this host's ABI, the usual one first. Empty where none
/// is known: then any machine passes.
fn host_machines() -> &'static [&'static str] {
    if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
        &["amd64"]
    } else if cfg!(target_arch = "x86") {
        &["i386"]
    } else if cfg!(all(target_arch = "aarch64", target_endian = "little")) {
        &["evbarm", "aarch64", "evbarm64"]
    } else if cfg!(target_arch = "riscv64") {
        &["riscv", "riscv64"]
    } else if cfg!(target_arch = "sparc64") {
        &["sparc64"]
    } else {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &[u8] = b"RUMPSP-0.4-NetBSD-7.99.34/amd64\n";

    #[test]
    fn a_real_banner_is_understood_in_any_pieces() {
        for cut in 0..REAL.len() {
            assert_eq!(Banner::handle_bytes(&REAL[..cut]), Ok(None), "cut at {cut}");
        }
        let mut stream = REAL.to_vec();
        stream.extend_from_slice(b"next");
        let (banner, used) = Banner::handle_bytes(&stream).unwrap().unwrap();
        assert_eq!(used, REAL.len());
        assert_eq!(banner.protocol, (0, 4));
        assert_eq!(banner.ostype, "NetBSD");
        assert_eq!(banner.release(), [7, 99, 34]);
        assert_eq!(banner.machine, "amd64");
        assert_eq!(format!("{banner}\n").as_bytes(), REAL);
    }

    #[test]
    fn releases_read_as_numbers() {
        let (banner, _) =
            Banner::handle_bytes(b"RUMPSP-0.4-NetBSD-11.0_RC6/amd64\n").unwrap().unwrap();
        assert_eq!(banner.release(), [11, 0]);
        for (osrelease, numbers) in [
            ("7.99.34", &[7, 99, 34][..]),
            ("10.1-local", &[10, 1]),
            ("NAME-0.1.0-82-gabc-11.0_RC6", &[11, 0]),
            ("NAME", &[]),
            ("NAME-", &[]),
        ] {
            let banner = Banner { osrelease: osrelease.into(), ..banner.clone() };
            assert_eq!(banner.release(), numbers, "{osrelease}");
        }
    }

    #[test]
    fn other_servers_are_told_apart_at_once() {
        for line in [
            &b"SSH-2.0-OpenSSH_9"[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\n",
            b"RUMPSP-0.4-NetBSD-7/\n",
            b"RUMPSP-0.4--7/amd64\n",
            b"RUMPSP-+0.4-NetBSD-7/amd64\n",
            b"RUMPSP-0-NetBSD-7/amd64\n",
            b"RUMPSP-0.99999999999-NetBSD-7/amd64\n",
            b"RUMPSP-0.4-Net\x1bBSD-7/amd64\n",
            b"RUMPSP-0.4-Net\xffBSD-7/amd64\n",
        ] {
            let error = Banner::handle_bytes(line).unwrap_err();
            assert!(matches!(error, BannerError::Malformed { .. }), "{error}");
            assert!(!error.to_string().contains('\x1b'));
        }
        let endless = [&b"RUMPSP-0.4-"[..], &[b'x'; 200]].concat();
        assert_eq!(Banner::handle_bytes(&endless), Err(BannerError::TooLong));
    }

    #[test]
    fn foreign_protocol_and_machine_are_refused() {
        let banner = |line: &[u8]| Banner::handle_bytes(line).unwrap().unwrap().0;
        assert!(matches!(
            banner(b"RUMPSP-1.0-NetBSD-12/amd64\n").check(),
            Err(BannerError::Protocol { found: (1, 0) })
        ));
        if !host_machines().is_empty() {
            let error = banner(b"RUMPSP-0.4-NetBSD-11/pdp11\n").check().unwrap_err();
            assert!(error.to_string().contains("pdp11"), "{error}");
        }
    }
}
