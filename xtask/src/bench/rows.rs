//! What is measured.

/// A kind of work, as `bench/client.c` knows it, or `bench/src/bin/rust-client.rs`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) work: &'static str,
    /// By Rust's interface, and compared with the C library's null call.
    pub(super) rust: bool,
    pub(super) threads: u32,
    pub(super) bytes: usize,
    /// By `RUMPCLIENT_SPIN_US`: 0 never polls without waiting.
    pub(super) spin: Option<&'static str>,
    /// How many times the C library's rate it is to reach, where server and client are free to use
    /// several CPUs.
    pub(super) wanted: Option<f64>,
    /// How many times the C library's CPU time the client may take there.
    pub(super) cpu_at_most: Option<f64>,
    pub(super) host_calls_at_most: Option<f64>,
}

const fn row(name: &'static str, work: &'static str) -> Row {
    Row {
        name,
        work,
        rust: false,
        threads: 1,
        bytes: 0,
        spin: None,
        wanted: None,
        cpu_at_most: None,
        host_calls_at_most: None,
    }
}

impl Row {
    const fn threads(self, threads: u32) -> Self {
        Self { threads, ..self }
    }

    const fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    const fn wanted(self, ratio: f64) -> Self {
        Self { wanted: Some(ratio), ..self }
    }

    const fn cpu_at_most(self, ratio: f64) -> Self {
        Self { cpu_at_most: Some(ratio), ..self }
    }

    const fn host_calls_at_most(self, calls: f64) -> Self {
        Self { host_calls_at_most: Some(calls), ..self }
    }

    const fn rust(self) -> Self {
        Self { rust: true, ..self }
    }

    const fn never_spinning(self) -> Self {
        Self { spin: Some("0"), ..self }
    }

    /// Whether the least of clients can do this.
    pub(super) fn has_floor(&self) -> bool {
        self.threads == 1 && !self.rust && self.work != "fork"
    }

    /// How many calls are enough to count what one costs; a quarter of them is a whole number of
    /// batches.
    pub(super) fn counted_calls(&self) -> u64 {
        match self.work {
            "connect" | "fork" => 20,
            _ if self.bytes > 64 << 10 => 160,
            _ => 2048,
        }
    }
}

pub(super) const ROWS: [Row; 20] = [
    row("null", "null").wanted(2.5),
    row("null-no-spin", "null")
        .never_spinning()
        .wanted(1.2)
        .cpu_at_most(1.0)
        .host_calls_at_most(3.0),
    row("null-4-threads", "null").threads(4),
    row("null-8-threads", "null").threads(8).wanted(1.2).cpu_at_most(0.65),
    row("null-16-threads", "null").threads(16).wanted(1.0),
    row("open-close", "open").wanted(1.8),
    row("stat", "stat").wanted(1.8),
    row("read-1", "read").bytes(1),
    row("read-4k", "read").bytes(4 << 10).wanted(2.0),
    row("read-64k", "read").bytes(64 << 10).wanted(1.5),
    row("read-1m", "read").bytes(1 << 20).wanted(1.5).host_calls_at_most(60.0),
    row("write-1", "write").bytes(1),
    row("write-4k", "write").bytes(4 << 10).wanted(1.6),
    row("write-64k", "write").bytes(64 << 10),
    row("write-1m", "write").bytes(1 << 20).wanted(1.4),
    row("pread-8-threads", "read").threads(8).bytes(4 << 10),
    row("connect", "connect").wanted(1.3),
    row("fork", "fork").wanted(1.0),
    row("rust-null", "null").rust(),
    row("rust-batch-32", "batch").rust().wanted(4.0),
];
