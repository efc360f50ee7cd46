//! Which CPUs server and client may use.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// Both on the same CPU.
    One,
    /// The server on one, the client on another.
    Two,
    /// Wherever the host puts them.
    Free,
}

impl Placement {
    pub(super) const ALL: [Self; 3] = [Self::Free, Self::Two, Self::One];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|placement| placement.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Two => "two",
            Self::Free => "free",
        }
    }

    /// The same, for a heading.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::One => "server and client on one CPU",
            Self::Two => "server and client on a CPU each",
            Self::Free => "server and client on any CPU",
        }
    }

    /// Which of the CPUs at hand the server and the client get; `None` where there are too few.
    fn choose(self, cpus: &[usize]) -> Option<[Vec<usize>; 2]> {
        Some(match (self, cpus) {
            (Self::Free, all) => [all.to_vec(), all.to_vec()],
            (Self::One, [first, ..]) => [vec![*first], vec![*first]],
            (Self::Two, [first, second, ..]) => [vec![*first], vec![*second]],
            _ => return None,
        })
    }
}

/// The CPUs of one placement.
pub(super) struct Places {
    before: CpuSet,
    server: CpuSet,
    client: CpuSet,
}

impl Places {
    /// `None` where the host has too few CPUs.
    pub(super) fn new(placement: Placement) -> Result<Option<Self>, Failure> {
        let before = sched_getaffinity(None)?;
        let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| before.is_set(cpu)).collect();
        Ok(placement.choose(&cpus).map(|[server, client]| Self {
            before,
            server: set(&server),
            client: set(&client),
        }))
    }

    /// Whether a client that polls keeps the server from running.
    pub(super) fn share_one_cpu(&self) -> bool {
        self.client.count() == 1 && self.client == self.server
    }

    /// Does something, starting the server for one, on the server's CPUs: what it starts stays
    /// there.
    pub(super) fn as_server<T>(&self, work: impl FnOnce() -> T) -> Result<T, Failure> {
        self.on(&self.server, work)
    }

    /// The same on the client's CPUs.
    pub(super) fn as_client<T>(&self, work: impl FnOnce() -> T) -> Result<T, Failure> {
        self.on(&self.client, work)
    }

    fn on<T>(&self, cpus: &CpuSet, work: impl FnOnce() -> T) -> Result<T, Failure> {
        sched_setaffinity(None, cpus)?;
        let done = work();
        sched_setaffinity(None, &self.before)?;
        Ok(done)
    }
}

fn set(cpus: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu);
    }
    set
}
