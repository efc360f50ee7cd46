//! The program that meets hostile servers in tests; see `hostile::victim` in the tests' library.

fn main() {
    rumpclient_tests::hostile::victim::main();
}
