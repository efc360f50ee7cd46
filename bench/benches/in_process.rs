//! `cargo bench -p rumpclient-bench`: how long the library's own steps take.

use divan::Bencher;
use rumpclient_bench::{WORKS, Work};

fn main() {
    divan::main();
}

#[divan::bench(args = WORKS)]
fn work(bencher: Bencher<'_, '_>, work: Work) {
    bencher.bench_local(work.prepare());
}
