//! `poll(2)`, `pollts(2)`. Signal masks are the client's own business and are not looked at.

use rumpclient::Errno;
use rumpclient::netbsd::{INFTIM, pollfd, timespec};

use super::layout::{encode, field};
use super::readiness::{Interest, Patience, wait};
use super::time::TimeLayout;
use super::{Answer, Call, Handlers};
use crate::server::kernel::{DESCRIPTORS_MAX, Result};

pub(super) const HANDLERS: Handlers = &[
    ("poll", poll),
    ("pollts50", |call| pollts(call, TimeLayout::Timespec)),
    ("pollts", |call| pollts(call, TimeLayout::Timespec50)),
];

/// Most descriptors of a call: more than a process can have, since some may be named twice.
const POLLFDS_MAX: usize = DESCRIPTORS_MAX + 1000;

fn poll(call: &Call<'_>) -> Result<Answer> {
    let patience = match call.int("timeout")? {
        INFTIM => Patience::Endless,
        millis @ 0.. => Patience::for_time(Some(timespec {
            tv_sec: (millis / 1000).into(),
            tv_nsec: (millis % 1000 * 1_000_000) as _,
        }))?,
        _ => return Err(Errno::EINVAL.into()),
    };
    poll_for(call, patience)
}

fn pollts(call: &Call<'_>, layout: TimeLayout) -> Result<Answer> {
    poll_for(call, Patience::for_time(call.time("ts", layout)?)?)
}

fn poll_for(call: &Call<'_>, patience: Patience) -> Result<Answer> {
    let count = call.unsigned("nfds")? as usize;
    if count > POLLFDS_MAX {
        return Err(Errno::EINVAL.into());
    }
    let address = call.word("fds")?;
    let array = call.copyin(address, count * size_of::<pollfd>())?;
    let entries: Vec<&[u8]> = array.chunks_exact(size_of::<pollfd>()).collect();
    let interest = |entry: &&[u8]| {
        Interest::new(call, field!(entry, pollfd, fd), field!(entry, pollfd, events))
    };
    let interests: Vec<Interest> = entries.iter().map(interest).collect();
    let ready = wait(call, &interests, patience)?;
    let answer: Vec<u8> = entries
        .iter()
        .zip(&ready)
        .flat_map(|(entry, &revents)| {
            encode!(pollfd {
                fd: field!(entry, pollfd, fd),
                events: field!(entry, pollfd, events),
                revents: revents,
            })
        })
        .collect();
    call.copyout(address, &answer)?;
    Ok(ready.iter().filter(|&&revents| revents != 0).count().into())
}
