//! The host, in a line.

use std::fs;
use std::thread;

use rustix::system::{sysinfo, uname};

/// What the host is busy with before anything is measured, as a load average.
pub(super) fn load() -> f64 {
    // In 65536ths.
    sysinfo().loads[0] as f64 / f64::from(1 << 16)
}

/// Processor, number of CPUs, kernel.
pub(super) fn description() -> String {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let uname = uname();
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let line = info.lines().find(|line| line.starts_with(key))?;
        line.split_once(':').map(|(_, value)| value.trim())
    };
    let model = value("model name").unwrap_or("unknown processor");
    let is_virtual =
        value("flags").is_some_and(|flags| flags.split(' ').any(|f| f == "hypervisor"));
    format!(
        "{model}, {cpus} {}CPUs, {} {} {}",
        if is_virtual { "virtual " } else { "" },
        uname.sysname().to_string_lossy(),
        uname.release().to_string_lossy(),
        uname.machine().to_string_lossy(),
    )
}
