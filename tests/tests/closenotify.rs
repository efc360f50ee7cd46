//! Programs that close descriptors which they have not opened.

use rumpclient_tests::on_every_kernel;
use rumpclient_tests::program::run;

const CLIENT: &str = env!("CARGO_BIN_EXE_rump-testclient");

on_every_kernel! {
    fn a_program_may_close_the_librarys_descriptors(kernel) {
        run(CLIENT, kernel.url(), &["close-the-librarys"]);
    }

    fn a_program_may_put_others_in_place_of_the_librarys_descriptors(kernel) {
        run(CLIENT, kernel.url(), &["dup2-over-the-librarys"]);
    }

    fn a_program_may_close_all_descriptors_from_a_number_on(kernel) {
        run(CLIENT, kernel.url(), &["closefrom"]);
    }

    fn standard_descriptors_are_left_to_the_program_even_when_closed(kernel) {
        let lines = run(CLIENT, kernel.url(), &["connect-without-standard-descriptors"]);
        assert_eq!(lines, ["true", "true"]);
    }
}
