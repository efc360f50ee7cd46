//! Getting to a kernel, by way of whatever the environment says.

use rumpclient::Client;

use crate::Scenario;
use crate::descriptors;

pub(crate) const SCENARIOS: [Scenario; 1] = [("connect", connect)];

/// Connects, makes a call and hangs up; prints how that went. No descriptor may be left.
fn connect(_: &[String]) {
    let before = descriptors::open();
    match Client::from_env() {
        Ok(client) => {
            client.rump_sys_getpid().expect("a connected client can make calls");
            println!("connected");
        }
        Err(error) => println!("refused: {error}"),
    }
    assert_eq!(descriptors::open(), before);
}
