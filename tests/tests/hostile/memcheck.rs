//! Some of the C library's cases once more, below valgrind: at least one of each kind. All of them
//! take minutes: `cargo xtask hostile --valgrind`.

use std::env;
use std::process::Command;

use rumpclient_tests::c::Compiler;

const CASES: [&str; 16] = [
    "answers::call_errno_least::c",
    "banners::without_end::c",
    "floods::anonmmaps_without_reading_the_answers::c",
    "floods::copyinstrs_without_reading_the_answers::c",
    "forks::cancel_closed_in_order::c",
    "forks::prefork_answered_well::c",
    "hangups::close_during_many_calls::c",
    "lengths::copyinstr_of_what_is_no_string::c",
    "lengths::copyout_saying_almost_nothing_below_0::c",
    "lent::after_the_call_during_an_open::c",
    "lent::copyinstr_from_behind_the_nul::c",
    "lent::copyout_to_a_page_before_the_buffer::c",
    "order::copyins_for_several_calls_interleaved::c",
    "reconnects::dies_in_a_copyout::c",
    "silence::in_a_copyout::c",
    "types::descriptors_along_with_a_copyout::c",
];

#[test]
fn valgrind_finds_nothing_in_the_c_library() {
    if Compiler("valgrind").present().is_none() {
        return;
    }
    let checker = "valgrind -q --error-exitcode=99 --leak-check=full \
                   --errors-for-leak-kinds=definite";
    let mut command = Command::new(env::current_exe().expect("a test knows its own path"));
    command.env("HOSTILE_CHECKER", checker).args(["--exact", "--test-threads=2"]).args(CASES);
    let output = command.output().expect("a test can be run again");
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = format!("test result: ok. {} passed", CASES.len());
    assert!(said.contains(&passed), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
