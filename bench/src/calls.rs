//! Whole calls, against a peer in another thread that answers as a kernel would.

use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use rumpclient::Client;
use rumpclient::netbsd::O_RDONLY;
use rumpclient::table::entry;
use rumpclient_tests::peer::{Conversation, Frame};

const BLOCK: usize = 4096;

/// A client of a peer that lives as long as it does.
fn connect() -> Client {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("kernel");
    let listener = UnixListener::bind(&path).expect("a socket can be bound");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the client connects");
        serve(&mut Conversation::over(stream));
    });
    // How often a thread looks for an answer depends on who is faster.
    let builder = Client::builder().spin(Duration::ZERO);
    builder.connect(format!("unix://{}", path.display())).expect("the peer takes a client")
}

fn serve(client: &mut Conversation) {
    client.greet();
    while let Some(call) = client.read_frame() {
        let reqno = call.header.reqno;
        let result = carry_out(client, &call);
        client.answer(reqno, 0, result);
        client.release();
    }
}

/// What a call does to the client's memory; its result.
fn carry_out(client: &mut Conversation, call: &Frame) -> isize {
    let number = call.header.aux;
    if number == entry::PREAD.number {
        // As with a kernel, most of it is there when the client looks.
        client.hold();
        client.copyout(call.word(1), &[b'x'; BLOCK]);
    } else if number == entry::PWRITE.number {
        client.copyin(1, call.word(1), BLOCK);
    } else if number == entry::OPEN.number {
        client.copyinstr(1, call.word(0), 1024);
    } else {
        return 0;
    }
    BLOCK as isize
}

pub(crate) fn null() -> Box<dyn FnMut()> {
    let kernel = connect();
    Box::new(move || {
        kernel.rump_sys_getpid().expect("the peer answers");
    })
}

pub(crate) fn read() -> Box<dyn FnMut()> {
    let kernel = connect();
    let mut block = [0; BLOCK];
    Box::new(move || {
        kernel.rump_sys_pread(3, &mut block, 0).expect("the peer answers");
    })
}

pub(crate) fn write() -> Box<dyn FnMut()> {
    let kernel = connect();
    let block = [b'x'; BLOCK];
    Box::new(move || {
        kernel.rump_sys_pwrite(3, &block, 0).expect("the peer answers");
    })
}

pub(crate) fn open() -> Box<dyn FnMut()> {
    let kernel = connect();
    Box::new(move || {
        kernel.rump_sys_open(c"/tmp/hello", O_RDONLY, 0).expect("the peer answers");
    })
}
