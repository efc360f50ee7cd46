//! What of the caller's memory a server can reach.

use std::ffi::c_int;

use rumpclient::proto::header::{Class, Kind};
use rumpclient::table::{self, Dir};
use rumpclient::{Client, Errno, MemoryPolicy, Region};
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::peer::{Conversation, converse, words};
use rumpclient_tests::raw::{RawCall, Unmapped};

/// Runs one call of the client's against a script that sees its frame.
fn during_call<S: Send + 'static, R>(
    script: impl FnOnce(&mut Conversation, &rumpclient_tests::peer::Frame) -> S + Send + 'static,
    call: impl FnOnce(&Client) -> R,
) -> (S, R) {
    converse(
        move |peer| {
            peer.greet();
            let frame = peer.expect_frame();
            let result = script(peer, &frame);
            peer.answer(frame.header.reqno, 0, 0);
            peer.wait_for_hangup();
            result
        },
        |url| call(&Client::connect(url).unwrap()),
    )
}

#[test]
fn a_read_lends_its_buffer_for_writing_and_nothing_else() {
    let mut memory = [b'.'; 64];
    let (leaked, result) = during_call(
        |peer, call| {
            let buffer = call.word(1);
            peer.copyout(buffer, b"in");
            peer.copyout(buffer + 30, b"!!");
            // One byte past the end, one before the start, and the whole neighbourhood.
            peer.copyout(buffer + 31, b"xx");
            peer.copyout(buffer - 1, b"x");
            peer.copyout(buffer - 16, &[b'x'; 64]);
            // A buffer to be written is none to be read.
            peer.copyin(1, buffer, 32)
        },
        |client| client.rump_sys_read(3, &mut memory[16..48]),
    );
    assert_eq!(leaked, [0; 32], "the answer has the length asked for, and nothing in it");
    assert_eq!(result, Err(Errno::EFAULT), "a call whose memory was not enough has failed");
    let mut expected = [b'.'; 64];
    expected[16..18].copy_from_slice(b"in");
    expected[46..48].copy_from_slice(b"!!");
    assert_eq!(memory, expected);
}

#[test]
fn a_write_lends_its_buffer_for_reading_and_nothing_else() {
    let memory = *b"before|the data|after";
    let (answers, result) = during_call(
        |peer, call| {
            let (buffer, len) = (call.word(1), call.word(2));
            peer.copyout(buffer, b"overwritten");
            [
                peer.copyin(1, buffer, len),
                peer.copyin(2, buffer + 4, 4),
                peer.copyin(3, buffer, len + 1),
                peer.copyin(4, buffer - 1, 2),
                peer.copyin(5, 0, 4),
                peer.copyin(6, usize::MAX - 3, 8),
            ]
        },
        |client| client.rump_sys_write(3, &memory[7..15]),
    );
    assert_eq!(answers[0], b"the data");
    assert_eq!(answers[1], b"data");
    assert!(answers[2..].iter().flatten().all(|&byte| byte == 0), "{answers:?}");
    assert_eq!(result, Err(Errno::EFAULT));
    assert_eq!(&memory, b"before|the data|after");
}

#[test]
fn a_path_is_lent_up_to_its_nul() {
    let (answers, result) = during_call(
        |peer, call| {
            let path = call.word(0);
            [peer.copyinstr(1, path, 1024), peer.copyinstr(2, path, 3), peer.copyin(3, path, 6)]
        },
        |client| client.rump_sys_unlink(c"/file"),
    );
    assert_eq!(answers, [&b"/file\0"[..], b"/fi", b"/file\0"]);
    assert_eq!(result, Ok(()));
    let (answers, result) = during_call(
        |peer, call| [peer.copyin(1, call.word(0), 7), peer.copyinstr(2, call.word(0) + 6, 10)],
        |client| client.rump_sys_unlink(c"/file"),
    );
    assert_eq!(answers, [&[0; 7][..], b"\0"]);
    assert_eq!(result, Err(Errno::EFAULT));
}

#[test]
fn memory_is_lent_no_longer_than_the_call() {
    let mut memory = [b'.'; 16];
    let ((), result) = converse(
        |peer| {
            peer.greet();
            let read = peer.expect_frame();
            let buffer = read.word(1);
            peer.answer(read.header.reqno, 0, 0);
            let getpid = peer.expect_frame();
            peer.copyout(buffer, b"too late");
            peer.answer(getpid.header.reqno, 0, 9);
            peer.wait_for_hangup();
        },
        |url| {
            let client = Client::connect(url).unwrap();
            (client.rump_sys_read(3, &mut memory), client.rump_sys_getpid())
        },
    );
    assert_eq!(result, (Ok(0), Err(Errno::EFAULT)));
    assert_eq!(memory, [b'.'; 16]);
}

#[test]
fn calls_lend_to_the_server_side_by_side() {
    // Two threads' calls are outstanding; a bad access in one's memory is not the other's fault.
    let ((), results) = converse(
        |peer| {
            peer.greet();
            let calls = [peer.expect_frame(), peer.expect_frame()];
            for call in &calls {
                peer.copyout(call.word(1), &call.header.reqno.to_ne_bytes());
            }
            for call in calls.iter().rev() {
                peer.answer(call.header.reqno, 0, 8);
            }
            peer.wait_for_hangup();
        },
        |url| {
            let client = Client::connect(url).unwrap();
            let read = || {
                let mut buffer = [0; 8];
                client.rump_sys_read(3, &mut buffer).map(|_| u64::from_ne_bytes(buffer))
            };
            std::thread::scope(|scope| {
                let other = scope.spawn(read);
                [read(), other.join().unwrap()]
            })
        },
    );
    let [Ok(one), Ok(other)] = results else { panic!("{results:?}") };
    assert_ne!(one, other, "each caller has its own answer");
}

#[test]
fn memory_that_cannot_be_read_is_not_another_calls_fault() {
    // What the server wants of both calls is sent together.
    let ((), results) = converse(
        |peer| {
            peer.greet();
            let calls = [peer.expect_frame(), peer.expect_frame()];
            peer.hold();
            for (reqno, call) in (0..).zip(&calls) {
                peer.send(Class::Request, Kind::Copyin, reqno, 0, &words(&[8, call.word(1)]));
            }
            peer.release();
            let mut answers = [peer.expect_frame(), peer.expect_frame()].map(|answer| answer.body);
            answers.sort();
            assert_eq!(answers, [[0; 8], [7; 8]]);
            for call in &calls {
                peer.answer(call.header.reqno, 0, 8);
            }
            peer.wait_for_hangup();
        },
        |url| {
            let client = Client::connect(url).unwrap();
            let bad = Unmapped::new();
            let write = |address: usize| {
                let mut call = RawCall::new("write");
                call.set("fd", 3);
                call.set("buf", address as u64);
                call.set("nbyte", 8);
                call.run(&client, &[]).map(drop)
            };
            std::thread::scope(|scope| {
                let other = scope.spawn(|| write(bad.unmapped()));
                let bytes = [7_u8; 8];
                [write(bytes.as_ptr().expose_provenance()), other.join().unwrap()]
            })
        },
    );
    assert_eq!(results, [Ok(()), Err(Errno::EFAULT)]);
}

#[test]
fn an_opaque_call_lends_what_it_is_asked_for_while_it_runs() {
    let secret = *b"mount data";
    let address = secret.as_ptr().expose_provenance();
    let script = move |peer: &mut Conversation, _: &rumpclient_tests::peer::Frame| {
        peer.copyin(1, address, secret.len())
    };
    let mount = |client: &Client| {
        let call = RawCall::new("mount");
        call.run(client, &[])
    };
    let (got, result) = during_call(script, mount);
    assert_eq!((got.as_slice(), result), (&secret[..], Ok(0)));
    let strict = |regions: &'static [u8; 10], lend: bool| {
        let address = regions.as_ptr().expose_provenance();
        converse(
            move |peer| {
                peer.greet();
                let frame = peer.expect_frame();
                let got = peer.copyin(1, address, 10);
                peer.answer(frame.header.reqno, 0, 0);
                peer.wait_for_hangup();
                got
            },
            |url| {
                let builder = Client::builder().memory(MemoryPolicy::Strict);
                let client = builder.connect(url).unwrap();
                let region = Region {
                    address: regions.as_ptr().cast_mut(),
                    len: regions.len(),
                    dir: Dir::In,
                };
                RawCall::new("mount")
                    .run(&client, if lend { std::slice::from_ref(&region) } else { &[] })
            },
        )
    };
    assert_eq!(strict(b"mount data", false), (vec![0; 10], Err(Errno::EFAULT)));
    assert_eq!(strict(b"mount data", true), (b"mount data".to_vec(), Ok(0)));
}

#[test]
fn anonymous_memory_is_mapped_only_for_calls_that_may_need_it() {
    let ask = |len: usize| {
        move |peer: &mut Conversation, _: &rumpclient_tests::peer::Frame| {
            peer.send(Class::Request, Kind::Anonmmap, 7, 0, &words(&[len]));
            let answer = peer.expect_frame();
            assert_eq!((answer.header.reqno, answer.header.kind), (7, Kind::Anonmmap as u16));
            answer.word(0)
        }
    };
    let (address, _) = during_call(ask(4096), |client| client.rump_sys_getpid());
    assert_eq!(address, 0, "getpid has no use for memory");
    let mount = |client: &Client| RawCall::new("mount").run(client, &[]);
    for absurd in [0, 1 << 60, usize::MAX] {
        assert_eq!(during_call(ask(absurd), mount).0, 0, "{absurd} bytes");
    }
    assert_ne!(during_call(ask(4096), mount).0, 0);
}

on_every_kernel! {
    fn bad_pointers_fail_with_efault_and_nothing_worse(kernel) {
        let client = kernel.client();
        let fd = client.rump_sys_open(c"/tmp/bad-pointers", rumpclient::netbsd::O_CREAT | rumpclient::netbsd::O_RDWR, 0o600).unwrap();
        client.rump_sys_write(fd, &[1; 10_000]).unwrap();
        client.rump_sys_lseek(fd, 0, rumpclient::netbsd::SEEK_SET).unwrap();
        let bad = Unmapped::new();
        for pointer in [0, bad.unmapped(), bad.protected(), bad.end_of_readable(16), usize::MAX - 64] {
            let run = |name: &str, args: &[(&str, u64)]| {
                let mut call = RawCall::new(name);
                for (name, value) in args {
                    call.set(name, *value);
                }
                call.run(&client, &[])
            };
            let fd = fd as u64;
            assert_eq!(run("write", &[("fd", fd), ("buf", pointer as u64), ("nbyte", 100)]), Err(Errno::EFAULT), "write {pointer:#x}");
            assert_eq!(run("read", &[("fd", fd), ("buf", pointer as u64), ("nbyte", 100)]), Err(Errno::EFAULT), "read {pointer:#x}");
            if pointer != bad.end_of_readable(16) {
                assert_eq!(run("open", &[("path", pointer as u64)]), Err(Errno::EFAULT), "open {pointer:#x}");
            }
            assert_eq!(run("fstat", &[("fd", fd), ("sb", pointer as u64)]), Err(Errno::EFAULT), "fstat {pointer:#x}");
        }
        // Memory that can be read but not written.
        let mut call = RawCall::new("read");
        call.set("fd", fd as u64);
        call.set("buf", bad.readable() as u64);
        call.set("nbyte", 100);
        assert_eq!(call.run(&client, &[]), Err(Errno::EFAULT));
        // The client is none the worse for it. (The file may be: a server that asks for memory which
        // cannot be read has to be given zeros, since the protocol knows no refusal.)
        let mut byte = [0];
        assert_eq!(client.rump_sys_pread(fd, &mut byte, 9_999), Ok(1));
        assert_eq!(byte, [1]);
    }

    fn arguments_of_the_wrong_size_are_refused(kernel) {
        let client = kernel.client();
        let read = table::by_name("read").unwrap();
        let refused = |number, args: &[u8]| RawCall::run_bytes(&client, number, args, &[]);
        assert_eq!(refused(read.number, &[0; 65]), Err(Errno::EINVAL));
        assert_eq!(refused(read.number, &[0; 8]), Err(Errno::EINVAL));
        assert_eq!(refused(read.number, &[]), Err(Errno::EINVAL));
    }

    fn a_number_beyond_the_table_is_the_kernels_to_refuse(kernel) {
        let client = kernel.client();
        for number in [511, 600, c_int::MAX as u32, u32::MAX] {
            assert_eq!(RawCall::run_bytes(&client, number, &[], &[]), Err(Errno::ENOSYS), "{number}");
        }
        assert!(client.rump_sys_getpid().is_ok());
    }
}
