//! `select(2)`, `pselect(2)`. Signal masks are the client's own business and are not looked at.

use rumpclient::Errno;
use rumpclient::netbsd::{POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDBAND, POLLRDNORM};

use super::readiness::{Interest, Patience, wait};
use super::time::TimeLayout;
use super::{Answer, Call, Handlers};
use crate::server::kernel::{DESCRIPTORS_MAX, Result};

pub(super) const HANDLERS: Handlers = &[
    ("select50", |call| select(call, "tv", TimeLayout::Timeval)),
    ("select", |call| select(call, "tv", TimeLayout::Timeval50)),
    ("pselect50", |call| select(call, "ts", TimeLayout::Timespec)),
    ("pselect", |call| select(call, "ts", TimeLayout::Timespec50)),
];

/// Bits of a word of an `fd_set`.
const WORD_BITS: usize = 32;

/// One of the three sets: its argument, what poll(2) would be asked, and which answers put a
/// descriptor into the set.
struct Kind {
    argument: &'static str,
    events: i16,
    answers: i16,
}

const KINDS: [Kind; 3] = [
    Kind { argument: "in", events: POLLIN | POLLRDNORM, answers: POLLIN | POLLRDNORM | POLLHUP },
    Kind { argument: "ou", events: POLLOUT, answers: POLLOUT },
    Kind { argument: "ex", events: POLLPRI | POLLRDBAND, answers: POLLPRI | POLLRDBAND },
];

fn select(call: &Call<'_>, timeout: &str, layout: TimeLayout) -> Result<Answer> {
    let count = usize::try_from(call.int("nd")?).map_err(|_| Errno::EINVAL)?;
    let count = count.min(DESCRIPTORS_MAX);
    let patience = Patience::for_time(call.time(timeout, layout)?)?;
    let mut sets = Vec::new();
    for kind in &KINDS {
        if let Some(address) = call.pointer(kind.argument)? {
            sets.push((kind, address, fd_set(call, address, count)?));
        }
    }
    let asked: Vec<(usize, &Kind)> = sets
        .iter()
        .flat_map(|(kind, _, set)| (0..count).filter(|&fd| is_set(set, fd)).map(|fd| (fd, *kind)))
        .collect();
    let interest = |&(fd, kind): &(usize, &Kind)| Interest::new(call, fd as i32, kind.events);
    let interests: Vec<Interest> = asked.iter().map(interest).collect();
    if interests.iter().any(Interest::is_bad) {
        return Err(Errno::EBADF.into());
    }
    let ready = wait(call, &interests, patience)?;
    if ready.contains(&POLLNVAL) {
        return Err(Errno::EBADF.into());
    }
    let mut total = 0usize;
    for (kind, address, set) in &mut sets {
        set.fill(0);
        for (&(fd, of), &flags) in asked.iter().zip(&ready) {
            if std::ptr::eq(of, *kind) && flags & kind.answers != 0 {
                set[fd / WORD_BITS] |= 1 << (fd % WORD_BITS);
                total += 1;
            }
        }
        let bytes: Vec<u8> = set.iter().flat_map(|word| word.to_ne_bytes()).collect();
        call.copyout(*address, &bytes)?;
    }
    Ok(total.into())
}

/// The words of a set that hold `count` bits.
fn fd_set(call: &Call<'_>, address: usize, count: usize) -> Result<Vec<u32>> {
    let bytes = call.copyin(address, count.div_ceil(WORD_BITS) * size_of::<u32>())?;
    Ok(bytes.as_chunks().0.iter().map(|&word| u32::from_ne_bytes(word)).collect())
}

fn is_set(set: &[u32], fd: usize) -> bool {
    set[fd / WORD_BITS] >> (fd % WORD_BITS) & 1 != 0
}
