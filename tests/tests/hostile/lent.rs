//! Memory that no call lends, or not that way, or not any more.

use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{BUFFER, CUT, Case, LENT, Landmarks, Outcome, Peer};
use rumpclient_tests::peer::good_banner;

use super::{EFAULT, RAW, RUST};

const OK: Outcome = Outcome::Ok(0);

/// Where a server reaches for, in a program with one call under way.
type Place = fn(&Landmarks) -> usize;

const HEAP: Place = |map| map.get("heap").address;
const STACK: Place = |map| map.get("stack").address;
const DATA: Place = |map| map.get("data").address;
const CODE: Place = |map| map.get("code").address;
const UNMAPPED: Place = |map| map.get("unmapped").address;
const NULL: Place = |_| 0;
const KERNEL: Place = |_| 1 << (usize::BITS - 1);
const TOP: Place = |_| usize::MAX - 7;
const BEFORE: Place = |map| buffer(map) - 1;
const BEHIND: Place = |map| buffer(map) + LENT;
const LAST_AND_ONE: Place = |map| buffer(map) + LENT - 15;
const AROUND: Place = |map| buffer(map) - 4096;

fn buffer(map: &Landmarks) -> usize {
    map.get("buffer").address
}

/// A COPYIN of 16 bytes from there, while a write runs.
fn copyin(place: Place) -> Case {
    let script = move |peer: &mut Peer| {
        let map = peer.landmarks.clone();
        let call = peer.greet_and_wait();
        assert_eq!(peer.copyin(1, place(&map), 16), [0; 16]);
        peer.answer(call.header.reqno, 0, 16);
    };
    Case::new("write", script).outcomes(&[EFAULT])
}

/// A COPYINSTR from there, while a call with a path runs.
fn copyinstr(place: Place) -> Case {
    let script = move |peer: &mut Peer| {
        let map = peer.landmarks.clone();
        let call = peer.greet_and_wait();
        assert_eq!(peer.copyinstr(1, place(&map), 1024), b"\0");
        peer.answer(call.header.reqno, 0, 3);
    };
    Case::new("open", script).outcomes(&[EFAULT])
}

/// A COPYOUT of 16 bytes to there, while a read runs.
fn copyout(place: Place) -> Case {
    let script = move |peer: &mut Peer| {
        let map = peer.landmarks.clone();
        let call = peer.greet_and_wait();
        peer.copyout(place(&map), &[b'x'; 16]);
        peer.answer(call.header.reqno, 0, 16);
    };
    Case::new("read", script)
        .outcomes(&[EFAULT])
        .check(|report| assert_eq!(report.buffer, [BUFFER; LENT]))
}

hostile! {
    copyin_from_the_heap: copyin(HEAP);
    copyin_from_the_stack: copyin(STACK);
    copyin_from_static_data: copyin(DATA);
    copyin_from_code: copyin(CODE);
    copyin_from_unmapped_memory: copyin(UNMAPPED);
    copyin_from_null: copyin(NULL);
    copyin_from_the_hosts_kernel: copyin(KERNEL);
    copyin_around_the_end_of_memory: copyin(TOP);
    copyin_from_1_before_the_buffer: copyin(BEFORE);
    copyin_from_behind_the_buffer: copyin(BEHIND);
    copyin_over_the_buffers_end: copyin(LAST_AND_ONE);
    copyin_from_a_page_before_the_buffer: copyin(AROUND);

    copyinstr_from_the_heap: copyinstr(HEAP);
    copyinstr_from_the_stack: copyinstr(STACK);
    copyinstr_from_static_data: copyinstr(DATA);
    copyinstr_from_code: copyinstr(CODE);
    copyinstr_from_null: copyinstr(NULL);
    copyinstr_from_the_hosts_kernel: copyinstr(KERNEL);
    copyinstr_around_the_end_of_memory: copyinstr(TOP);

    copyinstr_from_behind_the_nul: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            let path = call.word(0);
            assert_eq!(peer.copyinstr(1, path + 5, 16), b"\0", "the NUL itself is lent");
            assert_eq!(peer.copyinstr(2, path + 6, 16), b"\0");
            assert_eq!(peer.copyinstr(3, path - 1, 16), b"\0");
            assert_eq!(peer.copyin(4, path, 7), [0; 7]);
            peer.answer(call.header.reqno, 0, 3);
        };
        Case::new("open", script).outcomes(&[EFAULT])
    };

    copyout_to_the_heap: copyout(HEAP);
    copyout_to_the_stack: copyout(STACK);
    copyout_to_static_data: copyout(DATA);
    copyout_to_code: copyout(CODE);
    copyout_to_unmapped_memory: copyout(UNMAPPED);
    copyout_to_null: copyout(NULL);
    copyout_to_the_hosts_kernel: copyout(KERNEL);
    copyout_around_the_end_of_memory: copyout(TOP);
    copyout_to_1_before_the_buffer: copyout(BEFORE);
    copyout_to_behind_the_buffer: copyout(BEHIND);
    copyout_over_the_buffers_end: copyout(LAST_AND_ONE);
    copyout_to_a_page_before_the_buffer: copyout(AROUND);

    copyin_of_what_may_only_be_written: {
        let script = |peer: &mut Peer| {
            let map = peer.landmarks.clone();
            let call = peer.greet_and_wait();
            assert_eq!(peer.copyin(1, buffer(&map), LENT), [0; LENT]);
            assert_eq!(peer.copyinstr(2, buffer(&map), LENT), b"\0");
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("read", script).outcomes(&[EFAULT])
    };

    copyout_to_what_may_only_be_read: {
        let script = |peer: &mut Peer| {
            let map = peer.landmarks.clone();
            let call = peer.greet_and_wait();
            peer.copyout(buffer(&map), b"overwritten");
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("write", script)
            .outcomes(&[EFAULT])
            .check(|report| assert_eq!(report.buffer, b"lent".repeat(LENT / 4)))
    };

    copyout_to_a_path: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.copyout(call.word(0), b"/other");
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("open", script).outcomes(&[EFAULT])
    };

    /// Only what is beside the buffer is refused: the rest of a lying server's calls goes on.
    a_good_copyout_beside_a_bad_one: {
        let script = |peer: &mut Peer| {
            let map = peer.landmarks.clone();
            let call = peer.greet_and_wait();
            peer.copyout(buffer(&map), b"good");
            peer.copyout(HEAP(&map), b"bad");
            peer.copyout(buffer(&map) + LENT - 4, b"good");
            peer.answer(call.header.reqno, 0, 4);
        };
        Case::new("read", script).outcomes(&[EFAULT]).check(|report| {
            assert_eq!((&report.buffer[..5], &report.buffer[LENT - 5..]), (&b"good."[..], &b".good"[..]));
        })
    };
}

/// Requests for memory during a call that lends none.
fn nothing_lent(place: Place) -> Case {
    let script = move |peer: &mut Peer| {
        let map = peer.landmarks.clone();
        let call = peer.greet_and_wait();
        assert_eq!(peer.copyin(1, place(&map), 16), [0; 16]);
        assert_eq!(peer.copyinstr(2, place(&map), 16), b"\0");
        peer.copyout(place(&map), &[b'x'; 16]);
        peer.answer(call.header.reqno, 0, 0);
    };
    Case::new("getpid", script).outcomes(&[EFAULT])
}

hostile! {
    heap_during_a_call_that_lends_nothing: nothing_lent(HEAP);
    stack_during_a_call_that_lends_nothing: nothing_lent(STACK);
    code_during_a_call_that_lends_nothing: nothing_lent(CODE);
    buffer_before_the_call_that_lends_it: nothing_lent(buffer);
}

/// A COPYIN and a COPYOUT to the buffer of a read that is over, while another call runs.
fn after_the_call(program: &'static str) -> Case {
    let script = |peer: &mut Peer| {
        let map = peer.landmarks.clone();
        let read = peer.greet_and_wait();
        peer.copyout(buffer(&map), b"in time");
        peer.answer(read.header.reqno, 0, 7);
        let other = peer.expect_frame();
        assert_eq!(peer.copyin(1, buffer(&map), 7), [0; 7]);
        assert_eq!(peer.copyinstr(2, buffer(&map), 7), b"\0");
        peer.copyout(buffer(&map), b"too late");
        peer.answer(other.header.reqno, 0, 0);
    };
    Case::new(program, script)
        .outcomes(&[Outcome::Ok(7), EFAULT])
        .check(|report| assert_eq!(report.buffer[..8], *b"in time."))
}

hostile! {
    after_the_call_during_another: after_the_call("read getpid");
    after_the_call_during_an_open: after_the_call("read open");

    /// Along with the handshake's answer: nobody can be to blame.
    before_any_call: {
        let script = |peer: &mut Peer| {
            let map = peer.landmarks.clone();
            peer.greet_along_with(|peer, _| peer.ask_copyin(1, HEAP(&map), 16));
            assert_eq!(peer.expect_frame().body, [0; 16]);
            let call = peer.expect_frame();
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("getpid", script)
    };

    during_the_handshake: {
        let script = |peer: &mut Peer| {
            let map = peer.landmarks.clone();
            peer.send_bytes(&good_banner());
            let hello = peer.expect_frame();
            assert_eq!(peer.copyin(1, HEAP(&map), 16), [0; 16]);
            assert_eq!(peer.copyinstr(2, HEAP(&map), 16), b"\0");
            peer.copyout(buffer(&map), b"x");
            assert_eq!(peer.anonmmap(4096), 0);
            peer.send_raw(1, 0, hello.header.reqno, 0, &[0; 4]);
        };
        Case::new("getpid", script).refused("Kernel(Errno(EFAULT))", libc::EFAULT)
    };

    /// A call of which nothing tells what it needs lends all, and only as long as it runs.
    everything_during_an_opaque_call_only: {
        let script = |peer: &mut Peer| {
            let map = peer.landmarks.clone();
            let opaque = peer.greet_and_wait();
            let heap = HEAP(&map);
            let secret = peer.copyin(1, heap, 16);
            assert_ne!(secret, [0; 16]);
            peer.copyout(heap, &secret);
            assert_eq!(peer.copyin(2, UNMAPPED(&map), 16), [0; 16]);
            peer.copyout(UNMAPPED(&map), b"x");
            peer.copyout(CODE(&map), b"x");
            peer.answer(opaque.header.reqno, 0, 0);
            let getpid = peer.expect_frame();
            assert_eq!(peer.copyin(3, heap, 16), [0; 16]);
            peer.copyout(heap, b"x");
            peer.answer(getpid.header.reqno, 0, 0);
        };
        Case::new("opaque getpid", script).outcomes(&[EFAULT, EFAULT]).lends_everything()
    };

    nothing_during_an_opaque_call_under_a_strict_policy: {
        let script = |peer: &mut Peer| {
            let map = peer.landmarks.clone();
            let opaque = peer.greet_and_wait();
            assert_eq!(peer.copyin(1, HEAP(&map), 16), [0; 16]);
            peer.copyout(HEAP(&map), b"x");
            assert_eq!(peer.anonmmap(4096), 0);
            peer.answer(opaque.header.reqno, 0, 0);
        };
        Case::new("opaque strict", script).only(RUST).outcomes(&[EFAULT])
    };
}

/// Data for a buffer that is no good, in two pieces.
fn bad_read(program: &'static str) -> Case {
    let script = |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.copyout(call.word(1), &[b'x'; LENT / 2]);
        peer.copyout(call.word(1) + LENT / 2, &[b'x'; LENT / 2]);
        peer.answer(call.header.reqno, 0, LENT as isize);
        let getpid = peer.expect_frame();
        peer.answer(getpid.header.reqno, 0, 5);
    };
    Case::new(program, script).only(RAW).outcomes(&[EFAULT, Outcome::Ok(5)])
}

/// A buffer that is no good is asked for.
fn bad_write(program: &'static str) -> Case {
    let script = |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        let got = peer.copyin(1, call.word(1), LENT);
        assert_eq!(got.len(), LENT, "a server waits for all it has asked for");
        assert!(got[CUT..].iter().all(|&byte| byte == 0));
        peer.answer(call.header.reqno, 0, LENT as isize);
        let getpid = peer.expect_frame();
        peer.answer(getpid.header.reqno, 0, 5);
    };
    Case::new(program, script).only(RAW).outcomes(&[EFAULT, Outcome::Ok(5)])
}

/// A path that is none is asked for.
fn bad_open(program: &'static str) -> Case {
    let script = |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        assert_eq!(peer.copyinstr(1, call.word(0), 1024), b"\0");
        peer.answer(call.header.reqno, 0, 3);
        let getpid = peer.expect_frame();
        peer.answer(getpid.header.reqno, 0, 5);
    };
    Case::new(program, script).only(RAW).outcomes(&[EFAULT, Outcome::Ok(5)])
}

hostile! {
    copyout_to_a_read_only_buffer: bad_read("read-readonly getpid");
    copyout_to_a_protected_buffer: bad_read("read-protected getpid");
    copyout_to_an_unmapped_buffer: bad_read("read-unmapped getpid");
    copyout_to_a_null_buffer: bad_read("read-null getpid");
    copyout_to_a_buffer_that_ends_too_soon: bad_read("read-cut getpid");
    copyin_from_a_protected_buffer: bad_write("write-protected getpid");
    copyin_from_an_unmapped_buffer: bad_write("write-unmapped getpid");
    copyin_from_a_null_buffer: bad_write("write-null getpid");
    copyin_from_a_buffer_that_ends_too_soon: bad_write("write-cut getpid");
    copyinstr_of_a_protected_path: bad_open("open-protected getpid");
    copyinstr_of_an_unmapped_path: bad_open("open-unmapped getpid");
    copyinstr_of_a_null_path: bad_open("open-null getpid");
    copyinstr_of_a_path_without_end: bad_open("open-cut getpid");
    copyinstr_of_a_page_that_is_no_path: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            // As much of it as the server wants, like a string that is too long.
            assert_eq!(peer.copyinstr(1, call.word(0), 1024), [b'x'; 1024]);
            // To its end, where there is no access.
            assert_eq!(peer.copyinstr(2, call.word(0), 1 << 20), b"\0");
            peer.answer(call.header.reqno, 0, 3);
        };
        Case::new("open-readonly", script).only(RAW).outcomes(&[EFAULT])
    };
}

/// ANONMMAP of so many bytes during a call that could need memory.
fn absurd_anonmmap(len: usize) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        assert_eq!(peer.anonmmap(len), 0, "{len} bytes are mapped for the asking");
        peer.answer(call.header.reqno, 0, 0);
    };
    Case::new("opaque", script).lends_everything()
}

hostile! {
    anonmmap_of_nothing: absurd_anonmmap(0);
    anonmmap_of_2_gib: absurd_anonmmap(2 << 30);
    anonmmap_of_2_to_the_60: absurd_anonmmap(1 << 60);
    anonmmap_of_2_to_the_63: absurd_anonmmap(1 << 63);
    anonmmap_of_all_ones: absurd_anonmmap(usize::MAX);

    anonmmap_during_a_call_that_has_no_use_for_it: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            assert_eq!(peer.anonmmap(4096), 0);
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("write", script).outcomes(&[OK])
    };

    anonmmap_over_and_over: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            let mapped = (0..100).filter(|_| peer.anonmmap(64 << 20) != 0).count();
            assert!((1..=16).contains(&mapped), "{mapped} times 64 MiB are mapped");
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("opaque", script).lends_everything()
    };
}
