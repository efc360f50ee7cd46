//! The calls that a client makes.

use std::io::{IoSlice, IoSliceMut};

use rumpclient::netbsd::{SockAddr, pollfd, stat};
use rumpclient::table::SYSCALLS;
use rumpclient::{Batch, Client, MemoryPolicy};

use super::grounds::{ARENA, BUFFER, Grounds};
use crate::fuzz::input::Input;
use crate::raw::RawCall;

/// A call.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Safe(Safe),
    /// By number, with arguments of any kind.
    Numbered {
        number: u32,
        slots: [Slot; 8],
    },
}

/// A call with references.
#[derive(Clone, Copy, Debug)]
pub(super) enum Safe {
    Getpid,
    Read,
    Write,
    Readv,
    Writev,
    Open,
    Fstat,
    Accept,
    Poll,
    Getsockopt,
    Sysctl,
    Pipe,
}

const SAFE: [Safe; 12] = [
    Safe::Getpid,
    Safe::Read,
    Safe::Write,
    Safe::Readv,
    Safe::Writev,
    Safe::Open,
    Safe::Fstat,
    Safe::Accept,
    Safe::Poll,
    Safe::Getsockopt,
    Safe::Sysctl,
    Safe::Pipe,
];

/// An argument of a call by number. Counts are so small that no address and count together lead
/// out of the arena.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    Number(i8),
    Address(u16),
    BadAddress,
}

impl Call {
    pub(super) fn take(input: &mut Input<'_>) -> Self {
        match input.below(SAFE.len() + 4) {
            choice if choice < SAFE.len() => Self::Safe(SAFE[choice]),
            choice => {
                let number = match choice % 4 {
                    0 => u32::from(input.u16()),
                    _ => SYSCALLS[usize::from(input.u16()) % SYSCALLS.len()].number,
                };
                Self::Numbered { number, slots: std::array::from_fn(|_| Slot::take(input)) }
            }
        }
    }

    /// The call, if it is a safe one.
    pub(super) fn safe(&self) -> Option<Safe> {
        match self {
            Self::Safe(call) => Some(*call),
            Self::Numbered { .. } => None,
        }
    }

    /// Makes the call.
    pub(super) fn make(&self, client: &Client, grounds: &mut Grounds, policy: MemoryPolicy) {
        match self {
            Self::Safe(call) => call.make(client, grounds.buffer()),
            Self::Numbered { .. } if policy != MemoryPolicy::Strict => {}
            Self::Numbered { number, slots } => {
                let arena = grounds.arena().as_mut_ptr().expose_provenance();
                let args: Vec<u8> =
                    slots.iter().flat_map(|slot| slot.value(arena).to_ne_bytes()).collect();
                // Whatever comes of it.
                let _ = RawCall::run_bytes(client, *number, &args, &[]);
            }
        }
    }
}

/// Makes those calls that are safe at the same time, each with a part of the buffer, and waits for
/// the last one first.
pub(super) fn make_together(calls: &[Call], client: &Client, buffer: &mut [u8]) {
    let safe: Vec<Safe> = calls.iter().filter_map(Call::safe).collect();
    let part = BUFFER / safe.len().max(1);
    let mut rooms: Vec<Room<'_>> = buffer.chunks_mut(part).map(Room::new).collect();
    client.batch(|batch| {
        let queued = safe.iter().zip(&mut rooms).map(|(call, room)| call.queue(batch, room));
        let mut waits: Vec<_> = queued.collect();
        while let Some(wait) = waits.pop() {
            wait();
        }
    });
}

/// What a call of a batch lends.
struct Room<'g> {
    buffer: &'g mut [u8],
    stat: stat,
    peer: SockAddr,
    polled: [pollfd; 3],
    len: u32,
    size: usize,
}

impl<'g> Room<'g> {
    fn new(buffer: &'g mut [u8]) -> Self {
        let size = buffer.len();
        Self {
            buffer,
            stat: stat::default(),
            peer: SockAddr::default(),
            polled: Default::default(),
            len: size as u32,
            size,
        }
    }
}

impl Slot {
    fn take(input: &mut Input<'_>) -> Self {
        match input.below(4) {
            0 | 1 => Self::Number(input.byte() as i8),
            2 => Self::Address(input.u16()),
            _ => Self::BadAddress,
        }
    }

    fn value(self, arena: usize) -> usize {
        match self {
            Self::Number(number) => number as isize as usize,
            Self::Address(offset) => arena + usize::from(offset) % (ARENA / 8),
            Self::BadAddress => 8,
        }
    }
}

impl Safe {
    /// Queues the call; what is returned waits for it.
    fn queue<'m, 'b>(self, batch: &'b Batch<'m>, room: &'m mut Room<'_>) -> Box<dyn FnOnce() + 'b> {
        /// Whatever comes of it.
        macro_rules! later {
            ($pending:expr) => {{
                let pending = $pending;
                Box::new(move || {
                    let _ = pending.wait();
                })
            }};
        }
        match self {
            Self::Getpid => later!(batch.rump_sys_getpid()),
            Self::Read | Self::Readv => later!(batch.rump_sys_read(3, room.buffer)),
            Self::Write | Self::Writev => later!(batch.rump_sys_write(3, room.buffer)),
            Self::Open => later!(batch.rump_sys_open(c"/some/path", 0, 0)),
            Self::Fstat => later!(batch.rump_sys_fstat(3, &mut room.stat)),
            Self::Accept => later!(batch.rump_sys_accept(3, Some(&mut room.peer))),
            Self::Poll => later!(batch.rump_sys_poll(&mut room.polled, 0)),
            Self::Getsockopt => {
                later!(batch.rump_sys_getsockopt(3, 1, 2, room.buffer, &mut room.len))
            }
            Self::Sysctl => {
                let name = &[1, 2];
                let (old, size) = (Some(&mut *room.buffer), Some(&mut room.size));
                later!(batch.rump_sys___sysctl(name, old, size, None))
            }
            Self::Pipe => later!(batch.rump_sys_pipe()),
        }
    }

    /// Makes the call with memory of its own.
    pub(super) fn make_apart(self, client: &Client) {
        self.make(client, &mut [7; BUFFER]);
    }

    fn make(self, client: &Client, buffer: &mut [u8]) {
        let _ = match self {
            Self::Getpid => client.rump_sys_getpid().map(drop),
            Self::Read => client.rump_sys_read(3, buffer).map(drop),
            Self::Write => client.rump_sys_write(3, buffer).map(drop),
            Self::Readv => {
                let (one, other) = buffer.split_at_mut(BUFFER / 3);
                let mut parts = [IoSliceMut::new(one), IoSliceMut::new(other)];
                client.rump_sys_readv(3, &mut parts).map(drop)
            }
            Self::Writev => {
                let (one, other) = buffer.split_at(BUFFER / 3);
                client.rump_sys_writev(3, &[IoSlice::new(one), IoSlice::new(other)]).map(drop)
            }
            Self::Open => client.rump_sys_open(c"/some/path", 0, 0).map(drop),
            Self::Fstat => client.rump_sys_fstat(3, &mut stat::default()),
            Self::Accept => client.rump_sys_accept(3, Some(&mut SockAddr::default())).map(drop),
            Self::Poll => client.rump_sys_poll(&mut [pollfd::default(); 3], 0).map(drop),
            Self::Getsockopt => {
                let mut len = BUFFER as u32;
                client.rump_sys_getsockopt(3, 1, 2, buffer, &mut len)
            }
            Self::Sysctl => {
                let mut len = BUFFER;
                client.rump_sys___sysctl(&[1, 2], Some(buffer), Some(&mut len), None)
            }
            Self::Pipe => client.rump_sys_pipe().map(drop),
        };
    }
}
