//! What the fuzzers found and started from, and a bounded number of mutants: see `docs/testing.md`
//! for more of them.

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rumpclient_tests::fuzz::mutate::mutant;
use rumpclient_tests::fuzz::{TARGETS, target};

/// The most mutants of a target's seeds, and the most time for them.
const MUTANTS: u64 = 20_000;
const MOMENT: Duration = Duration::from_secs(3);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is in the workspace").to_owned()
}

/// The inputs that are kept for a target, in the order of their names.
fn seeds(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join("fuzz/seeds").join(name);
    let listing = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<_> = listing.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a seed"))).collect()
}

fn try_all(name: &str) {
    let run = target(name);
    let seeds = seeds(name);
    for (path, bytes) in &seeds {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| run(bytes)));
        assert!(outcome.is_ok(), "{}", path.display());
    }
    let seeds: Vec<_> = seeds.into_iter().map(|(_, bytes)| bytes).collect();
    let began = Instant::now();
    for number in (0..MUTANTS).take_while(|_| began.elapsed() < MOMENT) {
        let bytes = mutant(&seeds, number);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| run(&bytes)));
        assert!(outcome.is_ok(), "mutant {number} of {name}: {}", bytes.escape_ascii());
    }
}

macro_rules! targets {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            try_all(stringify!($name));
        }
    )*

        const TRIED: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! { address banner environment frames master sequences session }

/// Each target has a test here, seeds, and a program for the fuzzer.
#[test]
fn every_target_is_tried() {
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(targets, TRIED);
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("the manifest");
    for name in targets {
        assert!(!seeds(name).is_empty(), "{name}");
        let program = fs::read_to_string(root().join(format!("fuzz/fuzz_targets/{name}.rs")));
        assert!(program.expect("a program").contains(&format!("\"{name}\"")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
