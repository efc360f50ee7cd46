//! Server addresses: what stands in `RUMP_SERVER`.

mod command;
mod ssh;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

pub use ssh::SshTarget;

/// The longest path of a local socket, in bytes without its NUL (`unix(7)`, `unix(4)`).
pub const UNIX_PATH_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Where a rump kernel listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// `unix://path`: a local stream socket. A relative path is taken from the working directory
    /// at the time of connecting.
    Unix(PathBuf),
    /// `tcp://` or `tcp6://` with a numeric address.
    Inet(SocketAddr),
    /// `tcp://` or `tcp6://` with a host name, resolved when connecting.
    Named {
        /// The host name.
        host: String,
        /// 1 to 65535.
        port: u16,
        /// Whether only IPv6 addresses will do (`tcp6://`).
        v6_only: bool,
    },
    /// `ssh://[user@]host[:port]/path`: a local socket on another machine.
    Ssh(SshTarget),
    /// `exec:COMMAND…`: a program whose standard input and output are the stream: its name, which
    /// is looked for in `PATH`, and its arguments.
    Command(Vec<OsString>),
}

/// An address that cannot be understood, and which part of it is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    address: String,
    problem: Problem,
}

/// The part of an address that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing before `://`, or a scheme that is not known.
    Scheme,
    /// `unix://` or `ssh://` without a path.
    PathMissing,
    /// A path with a NUL byte, which no socket can have.
    PathNul,
    /// A path that does not fit a socket address, with its length in bytes.
    PathTooLong(usize),
    /// A path for `ssh://` with a `%` or `${`, which `ssh(1)` would expand.
    PathExpanded,
    /// No host before the port.
    HostMissing,
    /// A host that is neither a numeric address nor a host name; the text in question.
    Host(String),
    /// An address that a server listens on but nobody can connect to (`0`, `*`, `0.0.0.0`, `::`).
    HostWildcard(String),
    /// An address of the other IP version than the scheme says.
    HostFamily(String),
    /// No `:port`.
    PortMissing,
    /// A port that is not a number from 1 to 65535; the text in question.
    Port(String),
    /// Something behind the port other than one `/`; the text in question.
    Trailing(String),
    /// A user name that `ssh(1)` could misunderstand; the text in question.
    User(String),
    /// `exec:` without a command.
    CommandMissing,
    /// A command with a NUL byte, which no program can be given.
    CommandNul,
    /// A command that ends behind this character, `\` or `'`, before what it quotes does.
    CommandUnfinished(char),
}

impl AddressError {
    /// Which part is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server address \"{}\": ", shorten(&self.address))?;
        match &self.problem {
            Problem::Scheme => f.write_str(
                "the scheme is not known; use unix://PATH, tcp://HOST:PORT, \
                     tcp6://[ADDRESS]:PORT, ssh://[USER@]HOST[:PORT]/PATH or exec:COMMAND",
            ),
            Problem::PathMissing => f.write_str("there is no path to a socket"),
            Problem::PathNul => f.write_str("the path has a NUL byte"),
            Problem::PathTooLong(len) => write!(
                f,
                "the path has {len} bytes, a socket's path at most {UNIX_PATH_MAX}; \
                 use a shorter or relative one"
            ),
            Problem::PathExpanded => {
                f.write_str("ssh would expand the % or ${ in the path; use another path")
            }
            Problem::HostMissing => f.write_str("there is no host before the port"),
            Problem::Host(host) => {
                write!(f, "\"{}\" is neither an address nor a host name", shorten(host))
            }
            Problem::HostWildcard(host) => {
                write!(f, "\"{host}\" is for servers to listen on; name the host to connect to")
            }
            Problem::HostFamily(host) => {
                write!(f, "\"{host}\" is an address of the other IP version than the scheme")
            }
            Problem::PortMissing => f.write_str("the port is missing; write HOST:PORT"),
            Problem::Port(port) => {
                write!(f, "port \"{}\" is not a number from 1 to 65535", shorten(port))
            }
            Problem::Trailing(rest) => {
                write!(f, "\"{}\" does not belong behind the port", shorten(rest))
            }
            Problem::User(user) => write!(f, "\"{}\" is no user name", shorten(user)),
            Problem::CommandMissing => f.write_str("there is no command behind exec:"),
            Problem::CommandNul => f.write_str("the command has a NUL byte"),
            Problem::CommandUnfinished(quote) => {
                write!(f, "the command ends in the middle of what {quote} quotes")
            }
        }
    }
}

impl std::error::Error for AddressError {}

/// Keeps messages readable when somebody puts a kilobyte, or an escape sequence, into an environment
/// variable.
fn shorten(text: &str) -> String {
    const KEEP: usize = 120;
    let mut shown: String = text.chars().take(KEEP).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace(char::is_control, "\u{fffd}")
}

impl Address {
    /// Parses an address such as `unix:///tmp/kernel.sock`, `tcp://127.0.0.1:4711/` or
    /// `tcp6://[::1]:4711`.
    ///
    /// # Errors
    /// [`AddressError`] names the part that is wrong.
    pub fn parse(address: impl AsRef<OsStr>) -> Result<Self, AddressError> {
        let bytes = address.as_ref().as_bytes();
        Self::parse_bytes(bytes)
            .map_err(|problem| AddressError { address: bytes.escape_ascii().to_string(), problem })
    }

    fn parse_bytes(bytes: &[u8]) -> Result<Self, Problem> {
        if let Some(path) = bytes.strip_prefix(b"unix://") {
            return unix_path(path).map(Self::Unix);
        }
        if let Some(target) = bytes.strip_prefix(b"ssh://") {
            return SshTarget::parse(target).map(Self::Ssh);
        }
        if let Some(command) = bytes.strip_prefix(b"exec:") {
            return command::split(command).map(Self::Command);
        }
        let (rest, v6) = match (bytes.strip_prefix(b"tcp://"), bytes.strip_prefix(b"tcp6://")) {
            (Some(rest), _) => (rest, false),
            (_, Some(rest)) => (rest, true),
            _ => return Err(Problem::Scheme),
        };
        match std::str::from_utf8(rest) {
            Ok(rest) => inet(rest, v6),
            Err(_) => Err(Problem::Host(rest.escape_ascii().to_string())),
        }
    }

    /// Whether the address means something else in another working directory.
    pub fn is_relative(&self) -> bool {
        match self {
            Self::Unix(path) => path.is_relative(),
            Self::Command(words) => words.first().is_some_and(is_relative_program),
            _ => false,
        }
    }

    /// The same address with a relative path, of a unix socket or a command's program, made
    /// absolute against `cwd`, so that it still means the same after a chdir.
    ///
    /// # Errors
    /// [`Problem::PathTooLong`] when the absolute path fits no socket address.
    pub fn absolute(self, cwd: &Path) -> Result<Self, AddressError> {
        match self {
            Self::Command(mut words) => {
                if let Some(program) = words.first_mut().filter(|word| is_relative_program(word)) {
                    *program = cwd.join(&program).into();
                }
                Ok(Self::Command(words))
            }
            Self::Unix(path) if path.is_relative() => {
                let path = cwd.join(path);
                match path.as_os_str().len() {
                    0..=UNIX_PATH_MAX => Ok(Self::Unix(path)),
                    len => Err(AddressError {
                        address: Self::Unix(path).to_string(),
                        problem: Problem::PathTooLong(len),
                    }),
                }
            }
            other => Ok(other),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Inet(SocketAddr::V4(v4)) => write!(f, "tcp://{v4}/"),
            Self::Inet(SocketAddr::V6(v6)) => write!(f, "tcp6://{v6}/"),
            Self::Named { host, port, v6_only: false } => write!(f, "tcp://{host}:{port}/"),
            Self::Named { host, port, v6_only: true } => write!(f, "tcp6://{host}:{port}/"),
            Self::Ssh(target) => target.fmt(f),
            Self::Command(_) => OsString::from(self).display().fmt(f),
        }
    }
}

impl From<&Address> for OsString {
    /// The address as it would stand in `RUMP_SERVER`, byte for byte.
    fn from(address: &Address) -> Self {
        match address {
            Address::Unix(path) => {
                let mut bytes = b"unix://".to_vec();
                bytes.extend_from_slice(path.as_os_str().as_bytes());
                Self::from_vec(bytes)
            }
            Address::Ssh(target) => target.into(),
            Address::Command(words) => {
                let mut bytes = b"exec:".to_vec();
                bytes.extend(command::join(words));
                Self::from_vec(bytes)
            }
            other => other.to_string().into(),
        }
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(address: &str) -> Result<Self, AddressError> {
        Self::parse(address)
    }
}

/// Whether a command's first word is a path, not a name to look up, and a relative one.
fn is_relative_program(word: &OsString) -> bool {
    let bytes = word.as_bytes();
    bytes.contains(&b'/') && !bytes.starts_with(b"/")
}

fn unix_path(path: &[u8]) -> Result<PathBuf, Problem> {
    match path {
        [] => Err(Problem::PathMissing),
        _ if path.contains(&0) => Err(Problem::PathNul),
        _ if path.len() > UNIX_PATH_MAX => Err(Problem::PathTooLong(path.len())),
        _ => Ok(PathBuf::from(OsStr::from_bytes(path))),
    }
}

/// Splits `host[:port]` or `[address][:port]`.
fn split_place(place: &str) -> Result<(&str, Option<&str>), Problem> {
    let Some(bracketed) = place.strip_prefix('[') else {
        return Ok(match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        });
    };
    let (host, behind) = bracketed.split_once(']').ok_or_else(|| Problem::Host(place.into()))?;
    host.parse::<Ipv6Addr>().map_err(|_| Problem::Host(host.into()))?;
    match behind.strip_prefix(':') {
        None if !behind.is_empty() => Err(Problem::PortMissing),
        port => Ok((host, port)),
    }
}

fn inet(rest: &str, v6: bool) -> Result<Address, Problem> {
    let (host, port) = split_place(rest)?;
    if ["", "/"].contains(&host) {
        return Err(Problem::HostMissing);
    }
    if ["0", "*"].contains(&host) {
        return Err(Problem::HostWildcard(host.into()));
    }
    let port = parse_port(port.ok_or(Problem::PortMissing)?)?;
    if let Ok(numeric) = host.parse() {
        return numeric_host(numeric, host, port, v6);
    }
    let numeric_like = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numeric_like || !is_host(host) {
        return Err(Problem::Host(host.into()));
    }
    Ok(Address::Named { host: host.into(), port, v6_only: v6 })
}

/// Whether this can be a host's name, and nothing else to any program.
fn is_host(host: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    host.len() <= 253 && !host.starts_with('-') && host.bytes().all(legal)
}

fn numeric_host(ip: std::net::IpAddr, text: &str, port: u16, v6: bool) -> Result<Address, Problem> {
    if ip.is_unspecified() {
        return Err(Problem::HostWildcard(text.into()));
    }
    if v6 && !ip.is_ipv6() {
        return Err(Problem::HostFamily(text.into()));
    }
    Ok(Address::Inet(SocketAddr::new(ip, port)))
}

fn parse_port(text: &str) -> Result<u16, Problem> {
    let (digits, trailing) = match text.split_once('/') {
        Some((digits, trailing)) => (digits, trailing),
        None => (text, ""),
    };
    if !trailing.is_empty() {
        return Err(Problem::Trailing(trailing.into()));
    }
    if digits.is_empty() {
        return Err(Problem::PortMissing);
    }
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(port @ 1..) if all_digits => Ok(port),
        _ => Err(Problem::Port(digits.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(address: &str) -> Problem {
        Address::parse(address).expect_err(address).problem
    }

    #[test]
    fn good_addresses_survive_a_round_trip() {
        for (text, canonical) in [
            ("unix:///tmp/x.sock", "unix:///tmp/x.sock"),
            ("unix://rel/x", "unix://rel/x"),
            ("tcp://127.0.0.1:4711/", "tcp://127.0.0.1:4711/"),
            ("tcp://127.0.0.1:4711", "tcp://127.0.0.1:4711/"),
            ("tcp://[::1]:1", "tcp6://[::1]:1/"),
            ("tcp6://[::1]:65535/", "tcp6://[::1]:65535/"),
            ("tcp://localhost:80", "tcp://localhost:80/"),
            ("tcp6://host.example.org:80", "tcp6://host.example.org:80/"),
            ("ssh://host/run/k", "ssh://host/run/k"),
            ("ssh://me@[fe80::1]:2222/run/a b", "ssh://me@[fe80::1]:2222/run/a b"),
            ("exec:socat -  UNIX:/k", "exec:socat - UNIX:/k"),
            ("exec:a 'b c' ''", r"exec:a b\ c ''"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), canonical);
            assert_eq!(Address::parse(OsString::from(&address)).unwrap(), address);
        }
    }

    #[test]
    fn each_wrong_part_is_named() {
        assert_eq!(problem(""), Problem::Scheme);
        assert_eq!(problem("/tmp/x"), Problem::Scheme);
        assert_eq!(problem("http://x:1"), Problem::Scheme);
        assert_eq!(problem("exec:"), Problem::CommandMissing);
        assert_eq!(problem("ssh://"), Problem::HostMissing);
        assert_eq!(problem("unix://"), Problem::PathMissing);
        assert_eq!(problem(&format!("unix:///{}", "x".repeat(200))), Problem::PathTooLong(201));
        assert_eq!(problem("tcp://"), Problem::HostMissing);
        assert_eq!(problem("tcp://:80"), Problem::HostMissing);
        assert_eq!(problem("tcp://127.0.0.1"), Problem::PortMissing);
        assert_eq!(problem("tcp://127.0.0.1:/"), Problem::PortMissing);
        assert_eq!(problem("tcp://127.0.0.1:0"), Problem::Port("0".into()));
        assert_eq!(problem("tcp://127.0.0.1:+1"), Problem::Port("+1".into()));
        assert_eq!(problem("tcp://127.0.0.1:65536"), Problem::Port("65536".into()));
        assert_eq!(problem("tcp://127.0.0.1:80/x"), Problem::Trailing("x".into()));
        assert_eq!(problem("tcp://0:80"), Problem::HostWildcard("0".into()));
        assert_eq!(problem("tcp://*:80"), Problem::HostWildcard("*".into()));
        assert_eq!(problem("tcp6://[::]:80"), Problem::HostWildcard("::".into()));
        assert_eq!(problem("tcp://1.2.3:80"), Problem::Host("1.2.3".into()));
        assert_eq!(problem("tcp://[::1:80"), Problem::Host("[::1:80".into()));
        assert_eq!(problem("tcp6://127.0.0.1:80"), Problem::HostFamily("127.0.0.1".into()));
        assert_eq!(problem("tcp://-oProxy:80"), Problem::Host("-oProxy".into()));
        let digits = "1".repeat(300);
        assert_eq!(problem(&format!("tcp://127.0.0.1:{digits}")), Problem::Port(digits));
    }

    #[test]
    fn messages_stay_short_and_printable() {
        let long = format!("tcp://{}:1", "\x1b".repeat(5000));
        let message = Address::parse(&long).unwrap_err().to_string();
        assert!(message.len() < 600 && !message.contains('\x1b'), "{message}");
    }

    #[test]
    fn a_relative_path_is_fixed_to_its_directory() {
        let address = Address::parse("unix://x.sock").unwrap();
        let absolute = address.absolute(Path::new("/run")).unwrap();
        assert_eq!(absolute, Address::Unix("/run/x.sock".into()));
        for (text, fixed) in [("exec:./a b/c", "exec:/run/./a b/c"), ("exec:a b/c", "exec:a b/c")] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.is_relative(), text != fixed);
            assert_eq!(address.absolute(Path::new("/run")).unwrap().to_string(), fixed);
        }
        let deep = format!("/{}", "d".repeat(105));
        let error =
            Address::parse("unix://x.sock").unwrap().absolute(Path::new(&deep)).unwrap_err();
        assert!(matches!(error.problem(), Problem::PathTooLong(_)), "{error}");
    }
}
