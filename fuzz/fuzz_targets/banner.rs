#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rumpclient_tests::fuzz::target("banner")(data));
