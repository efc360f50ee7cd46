//! `ssh://[user@]host[:port]/path`: a local socket on another machine, reached by `ssh(1)`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::Ipv6Addr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::{Problem, is_host, parse_port, split_place, unix_path};

/// A local socket on another machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SshTarget {
    /// Whom to log in as; `ssh(1)` chooses where there is none.
    pub user: Option<String>,
    /// The machine: a name, also one that only `ssh_config(5)` knows, or a numeric address.
    pub host: String,
    /// The port of its ssh server; `ssh(1)` chooses where there is none.
    pub port: Option<u16>,
    /// The socket's absolute path there.
    pub path: PathBuf,
}

impl SshTarget {
    /// Parses what stands behind `ssh://`.
    pub(super) fn parse(rest: &[u8]) -> Result<Self, Problem> {
        let slash = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        let authority = std::str::from_utf8(authority)
            .map_err(|_| Problem::Host(authority.escape_ascii().to_string()))?;
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(parse_user(user)?), place),
            None => (None, authority),
        };
        let (host, port) = split_place(place)?;
        if host.is_empty() {
            return Err(Problem::HostMissing);
        }
        if host.parse::<Ipv6Addr>().is_err() && !is_host(host) {
            return Err(Problem::Host(host.into()));
        }
        let port = port.map(parse_port).transpose()?;
        let path = unix_path(if path == b"/" { b"" } else { path })?;
        is_literal(&path).then_some(()).ok_or(Problem::PathExpanded)?;
        Ok(Self { user, host: host.into(), port, path })
    }

    /// The command that listens on the local socket `local` and takes whoever connects there to the
    /// socket on the other machine. It ends when its standard input has ended and so have all
    /// connections.
    ///
    /// Nothing of the address can be taken for an option or reach a shell: a user, a host and a
    /// port cannot hold anything special, and the path is only shown to ssh itself.
    pub fn command(&self, local: &Path) -> Vec<OsString> {
        let mut forward = escape(local);
        forward.push(b':');
        forward.extend(escape(&self.path));
        let mut command: Vec<OsString> =
            ["ssh", "-T", "-a", "-x", "-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none"]
                .map(OsString::from)
                .into();
        command.extend(["-L".into(), OsString::from_vec(forward)]);
        if let Some(port) = self.port {
            command.extend(["-p".into(), port.to_string().into()]);
        }
        if let Some(user) = &self.user {
            command.extend(["-l".into(), user.into()]);
        }
        command.extend(["--".into(), OsString::from(&self.host), "cat".into()]);
        command
    }
}

/// As `-L` takes paths: a colon would end it.
fn escape(path: &Path) -> Vec<u8> {
    let special = |byte: &u8| b":\\".contains(byte);
    let bytes = path.as_os_str().as_bytes().iter();
    bytes.flat_map(|byte| special(byte).then_some(b'\\').into_iter().chain([*byte])).collect()
}

/// Whether `ssh(1)` takes a path as it stands. How to quote what it would not differs by version.
fn is_literal(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    !bytes.contains(&b'%') && !bytes.windows(2).any(|pair| pair == b"${")
}

fn parse_user(user: &str) -> Result<String, Problem> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+".contains(&byte);
    if user.is_empty() || user.starts_with('-') || !user.bytes().all(legal) {
        return Err(Problem::User(user.into()));
    }
    Ok(user.into())
}

impl From<&SshTarget> for OsString {
    /// The target as it stands in an address, byte for byte.
    fn from(target: &SshTarget) -> Self {
        let mut text = Self::from("ssh://");
        if let Some(user) = &target.user {
            text.push(user);
            text.push("@");
        }
        match target.host.contains(':') {
            true => text.push(format!("[{}]", target.host)),
            false => text.push(&target.host),
        }
        if let Some(port) = target.port {
            text.push(format!(":{port}"));
        }
        text.push::<&OsStr>(target.path.as_os_str());
        text
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OsString::from(self).display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> SshTarget {
        SshTarget::parse(text.as_bytes()).unwrap()
    }

    fn problem(text: &str) -> Problem {
        SshTarget::parse(text.as_bytes()).expect_err(text)
    }

    #[test]
    fn the_command_names_every_part() {
        let words = target("me@host.example:2222/run/k").command(Path::new("/tmp/l"));
        let text = words.join(OsStr::new(" "));
        assert_eq!(
            text,
            "ssh -T -a -x -o ExitOnForwardFailure=yes -o ControlPath=none \
             -L /tmp/l:/run/k -p 2222 -l me -- host.example cat"
        );
        let words = target("[::1]/k").command(Path::new("/l"));
        assert_eq!(words[words.len() - 3..], ["--", "::1", "cat"]);
    }

    #[test]
    fn a_path_stays_one_path() {
        let words = target(r"h/a:b\c d;$(x)").command(Path::new("/tmp/x:y"));
        assert!(words.contains(&OsString::from(r"/tmp/x\:y:/a\:b\\c d;$(x)")), "{words:?}");
    }

    #[test]
    fn nothing_can_pose_as_an_option_or_a_command() {
        assert_eq!(
            problem("-oProxyCommand=reboot/k"),
            Problem::Host("-oProxyCommand=reboot".into())
        );
        assert_eq!(problem("-x@h/k"), Problem::User("-x".into()));
        assert_eq!(problem("a b@h/k"), Problem::User("a b".into()));
        assert_eq!(problem("a;b@h/k"), Problem::User("a;b".into()));
        assert_eq!(problem("h;reboot/k"), Problem::Host("h;reboot".into()));
        assert_eq!(problem("$(reboot)/k"), Problem::Host("$(reboot)".into()));
        assert_eq!(problem("@h/k"), Problem::User("".into()));
        assert_eq!(problem("h:22x/k"), Problem::Port("22x".into()));
        assert_eq!(problem("h:/k"), Problem::PortMissing);
        assert_eq!(problem("h"), Problem::PathMissing);
        assert_eq!(problem("h/"), Problem::PathMissing);
        assert_eq!(problem("/k"), Problem::HostMissing);
        assert_eq!(problem("[::1/k"), Problem::Host("[::1".into()));
        assert_eq!(problem("h/a\0b"), Problem::PathNul);
        assert_eq!(problem("h/run/%h"), Problem::PathExpanded);
        assert_eq!(problem("h/run/${HOME}"), Problem::PathExpanded);
    }
}
