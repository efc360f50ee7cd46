//! The steps of a call, each by itself.

use std::hint::black_box;

use rumpclient::args::{sys_open_args, sys_pread_args, sys_readv_args};
use rumpclient::marshal::{Args, MAX_ARGS_SIZE, Marshal};
use rumpclient::netbsd;
use rumpclient::proto::DEFAULT_FRAME_CAP;
use rumpclient::proto::body;
use rumpclient::proto::header::{Class, Header, Kind};
use rumpclient::proto::inbound::Inbound;
use rumpclient::table::{self, Syscall, entry};
use rumpclient_tests::peer::{copyout_frame, syscall_body};

fn pread_args(buffer: &mut [u8]) -> sys_pread_args {
    sys_pread_args {
        fd: 3.marshal(),
        buf: buffer.as_mut_ptr().marshal(),
        nbyte: buffer.len().marshal(),
        pad: 0,
        offset: 0i64.marshal(),
    }
}

fn bytes<A: Args>(args: A) -> [u8; MAX_ARGS_SIZE] {
    let mut bytes = [0; MAX_ARGS_SIZE];
    args.write(&mut bytes);
    bytes
}

pub(crate) fn marshal() -> Box<dyn FnMut()> {
    let args = pread_args(&mut [0; 64]);
    Box::new(move || {
        black_box(bytes(black_box(args)));
    })
}

/// A call by number, as C makes them.
pub(crate) fn look_up() -> Box<dyn FnMut()> {
    let number = entry::PREAD.number;
    Box::new(move || {
        black_box(table::by_number(black_box(number)));
    })
}

fn lend<A: Args>(call: &'static Syscall, args: A) -> impl FnMut() {
    let bytes = bytes(args);
    move || {
        black_box(rumpclient::count_lent(black_box(call), black_box(&bytes[..A::SIZE])));
    }
}

pub(crate) fn lend_buffer() -> Box<dyn FnMut()> {
    Box::new(lend(&entry::PREAD, pread_args(&mut [0; 64])))
}

pub(crate) fn lend_string() -> Box<dyn FnMut()> {
    let path = c"/tmp/hello";
    let args = sys_open_args { path: path.as_ptr().marshal(), ..Default::default() };
    Box::new(lend(&entry::OPEN, args))
}

/// The vectors themselves are read when the call starts.
pub(crate) fn lend_vectors() -> Box<dyn FnMut()> {
    let vector = netbsd::iovec { iov_base: 0x1000 as *mut _, iov_len: 64 };
    let vectors = Box::new([vector; 4]);
    let args =
        sys_readv_args { fd: 3.marshal(), iovp: vectors.as_ptr().marshal(), iovcnt: 4.marshal() };
    let mut lend = lend(&entry::READV, args);
    Box::new(move || {
        black_box(&vectors);
        lend();
    })
}

pub(crate) fn encode_call() -> Box<dyn FnMut()> {
    let args = bytes(pread_args(&mut [0; 64]));
    Box::new(move || {
        let args = &black_box(&args)[..sys_pread_args::SIZE];
        black_box(body::syscall(1, entry::PREAD.number, args));
    })
}

fn decode(frame: Vec<u8>) -> impl FnMut() {
    let mut inbound = Inbound::resumed(DEFAULT_FRAME_CAP);
    move || {
        let step = inbound.handle_input(black_box(&frame)).expect("the frame is sound");
        inbound.handle_payload(inbound.payload_remaining());
        black_box(step);
    }
}

pub(crate) fn decode_answer() -> Box<dyn FnMut()> {
    let body = syscall_body(0, 7);
    let header = Header::new(Class::Response, Kind::Syscall, 1, 0, body.len());
    Box::new(decode([&header.encode()[..], &body].concat()))
}

/// Up to its data.
pub(crate) fn decode_copyout() -> Box<dyn FnMut()> {
    Box::new(decode(copyout_frame(0x1000, &[0; 64])))
}
