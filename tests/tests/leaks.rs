//! Clients that come and go leave nothing behind. Alone in this file, since it counts what the
//! whole process has open.

use rumpclient::netbsd;
use rumpclient::{Client, Error};
use rumpclient_tests::harness::{Kernel, PATIENCE};
use rumpclient_tests::host::{open_connections, resident_memory, wait_until};
use rumpclient_tests::server::{BannerFault, Faults};

/// Enough visits that a leak of a session's buffers shows against the noise of the allocator.
const VISITS: usize = 500;
const NOISE: usize = 16 << 20;

fn visit(kernel: &Kernel) {
    let client = kernel.client();
    client.rump_sys_getpid().unwrap();
    client.rump_sys_socket(netbsd::AF_INET, netbsd::SOCK_STREAM, 0).unwrap();
}

#[test]
fn clients_that_come_and_go_leave_nothing_behind() {
    let kernel = Kernel::test_server();
    let gone =
        || assert!(kernel.hooks().wait_for_processes(PATIENCE, |processes| processes.is_empty()));
    let connections = open_connections();
    (0..20).for_each(|_| visit(&kernel));
    gone();
    let memory = resident_memory();
    (0..VISITS).for_each(|_| visit(&kernel));
    gone();
    wait_until("connections are closed", || open_connections() == connections);
    assert!(resident_memory() < memory + NOISE, "{} from {memory}", resident_memory());

    // Nor do those that are turned away.
    kernel.hooks().set_faults(Faults { close_after_frames: Some(1), ..Faults::default() });
    for _ in 0..VISITS {
        let error = Client::connect(kernel.url()).unwrap_err();
        assert!(matches!(error, Error::Closed { .. }), "{error}");
    }
    kernel.hooks().set_faults(Faults { banner: BannerFault::Never, ..Faults::default() });
    let hasty = Client::builder().handshake_timeout(Some(std::time::Duration::from_millis(1)));
    for _ in 0..50 {
        hasty.clone().connect(kernel.url()).unwrap_err();
    }
    kernel.hooks().set_faults(Faults::default());
    visit(&kernel);
    gone();
    wait_until("connections are closed", || open_connections() == connections);

    if let Some(kernel) = Kernel::real() {
        visit(&kernel);
        let connections = open_connections();
        (0..VISITS).for_each(|_| visit(&kernel));
        wait_until("connections are closed", || open_connections() == connections);
    }
}
