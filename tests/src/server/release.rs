//! The NetBSD releases that the server can appear as.

/// A release: what the banner and `kern.osrelease` say, and which calls the kernel has dropped.
///
/// [`Release::default`] drops nothing, so that a client built from any table finds its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// `kern.ostype`.
    pub ostype: String,
    /// `kern.osrelease`.
    pub osrelease: String,
    /// `hw.machine`; must fit the client's ABI, or it will refuse.
    pub machine: String,
    /// Numbers of calls that the release has dropped: the kernel raises SIGSYS, then answers
    /// ENOSYS.
    pub dropped: Vec<u32>,
    /// Numbers of calls that it does not know: plain ENOSYS.
    pub unknown: Vec<u32>,
}

impl Default for Release {
    /// NetBSD 11 with every call of older releases still there.
    fn default() -> Self {
        Self::named("11.0-rumpclient-testserver")
    }
}

impl Release {
    /// NetBSD 11.0, without the calls that it has dropped (the `statvfs` family and `kevent` of
    /// earlier releases, the first `dup3`), and without the new `dup3`, which its table has but
    /// its kernel does not serve.
    pub fn netbsd_11() -> Self {
        Self {
            dropped: vec![356, 357, 358, 397, 435, 454],
            unknown: vec![505],
            ..Self::named("11.0")
        }
    }

    /// NetBSD-current of 2016, from which most public rump kernels come, without what came later.
    pub fn netbsd_2016() -> Self {
        Self {
            unknown: vec![91, 193, 482, 483, 484, 485, 486, 499, 501, 505],
            ..Self::named("7.99.34")
        }
    }

    /// NetBSD with this `kern.osrelease` and every call, on this machine.
    pub fn named(osrelease: &str) -> Self {
        Self {
            ostype: "NetBSD".into(),
            osrelease: osrelease.into(),
            machine: host_machine().into(),
            dropped: vec![],
            unknown: vec![],
        }
    }

    /// `kern.osrevision`: the numbers of the release in one, `7.99.34` → 799003400.
    pub(crate) fn revision(&self) -> i32 {
        let mut numbers =
            self.osrelease.split(|c: char| !c.is_ascii_digit()).map(str::parse::<i32>);
        let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
        let (major, minor, patch) = (next(), next(), next());
        major * 100_000_000 + minor * 1_000_000 + patch * 100
    }

    /// `hw.machine_arch`.
    pub(crate) fn machine_arch(&self) -> &str {
        match (self.machine.as_str(), std::env::consts::ARCH) {
            ("amd64", _) => "x86_64",
            ("evbarm", "aarch64") => "aarch64",
            (machine, _) => machine,
        }
    }

    /// The banner of such a server, newline included.
    pub fn banner(&self) -> Vec<u8> {
        let Self { ostype, osrelease, machine, .. } = self;
        format!("RUMPSP-0.4-{ostype}-{osrelease}/{machine}\n").into_bytes()
    }
}

/// NetBSD's name (`MACHINE`) of the machine that this runs on.
fn host_machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "i386",
        "aarch64" | "arm" => "evbarm",
        "powerpc" | "powerpc64" => "evbppc",
        "riscv64" | "riscv32" => "riscv",
        "mips" | "mips64" => "evbmips",
        "sparc64" => "sparc64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_have_one_number() {
        assert_eq!(Release::netbsd_2016().revision(), 799_003_400);
        assert_eq!(Release::netbsd_11().revision(), 1_100_000_000);
        assert_eq!(Release::named("").revision(), 0);
    }
}
