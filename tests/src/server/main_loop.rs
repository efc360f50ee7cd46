//! The thread that accepts clients and reads what they send.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::address::Listener;
use super::clients::{Client, Flow, Server};
use super::connection::Connection;
use super::frames::{Fill, FrameReader};
use super::options::{BannerFault, Faults};

/// Clients that are connected at the same time: NetBSD's server has 256 slots, one of which is the
/// listening socket's.
const CLIENTS_MAX: usize = 255;

/// The listening socket and the clients.
pub(crate) struct MainLoop {
    server: Arc<Server>,
    listener: Listener,
    clients: Vec<Connected>,
}

/// A client, and what is under way between it and the main loop.
struct Connected {
    client: Client,
    reader: FrameReader,
    greeting: Greeting,
}

/// What is still to be said of the banner. Nothing is read from a client before it is over, since
/// an answer would get into its middle.
enum Greeting {
    /// Pieces, and when.
    Due(VecDeque<(Instant, Vec<u8>)>),
    /// Silence.
    Never,
}

impl Greeting {
    fn is_over(&self) -> bool {
        matches!(self, Self::Due(pieces) if pieces.is_empty())
    }

    fn next_due(&self) -> Option<Instant> {
        match self {
            Self::Due(pieces) => pieces.front().map(|(at, _)| *at),
            Self::Never => None,
        }
    }

    /// Takes the next piece, if it is time for it.
    fn take_due(&mut self, now: Instant) -> Option<Vec<u8>> {
        match self {
            Self::Due(pieces) if pieces.front()?.0 <= now => Some(pieces.pop_front()?.1),
            _ => None,
        }
    }
}

impl MainLoop {
    pub(crate) fn new(server: Arc<Server>, listener: Listener) -> Self {
        Self { server, listener, clients: Vec::new() }
    }

    /// Serves until the server is to stop. Then nothing is left: no socket, no process, no other
    /// thread.
    pub(crate) fn run(mut self) {
        while !self.server.is_stopping() {
            let events = self.wait();
            self.server.main.silence();
            if events.listener {
                self.accept();
            }
            self.greet();
            self.attend(&events.clients);
        }
        let Self { server, listener, clients } = self;
        drop(listener);
        for connected in clients {
            connected.client.disconnect();
        }
        server.drop_preforks();
        server.workers.shutdown();
        server.kernel.hooks.set_stopped();
    }

    /// Waits until something happens.
    fn wait(&self) -> Events {
        let server = &self.server;
        let mut polled = vec![
            PollFd::from_borrowed_fd(server.main.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN),
        ];
        polled.extend(self.clients.iter().map(Connected::poll_fd));
        let due = self.clients.iter().filter_map(|client| client.greeting.next_due()).min();
        let timeout = due.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) => Events {
                listener: !polled[1].revents().is_empty(),
                clients: polled[2..].iter().map(PollFd::revents).collect(),
            },
            // Nothing but a signal makes it fail; look again.
            Err(_) => Events { listener: false, clients: Vec::new() },
        }
    }

    fn accept(&mut self) {
        while let Some(stream) = self.listener.accept() {
            if self.clients.len() == CLIENTS_MAX {
                // Closing it is all that a full server says.
                continue;
            }
            let connection = Arc::new(Connection::new(stream, Arc::clone(&self.server.main)));
            let faults = self.server.kernel.hooks.faults();
            let greeting = greeting(self.server.banner(), &faults);
            let client = Client::new(Arc::clone(&self.server), connection, faults);
            self.clients.push(Connected { client, reader: FrameReader::default(), greeting });
        }
    }

    /// Says what is due of the banners.
    fn greet(&mut self) {
        let now = Instant::now();
        for Connected { client, greeting, .. } in &mut self.clients {
            while let Some(piece) = greeting.take_due(now) {
                client.connection.post(&piece);
            }
        }
    }

    /// Reads from the clients that have sent something, and writes to those that wait for it.
    /// Clients that have just come have no event yet.
    fn attend(&mut self, events: &[PollFlags]) {
        let mut events = events.iter();
        let clients = std::mem::take(&mut self.clients);
        for mut connected in clients {
            let event = events.next().copied().unwrap_or(PollFlags::empty());
            if connected.attend(event) == Flow::Continue {
                self.clients.push(connected);
            } else {
                connected.client.disconnect();
            }
        }
    }
}

/// What a wait ended with.
struct Events {
    listener: bool,
    /// In the order of the clients.
    clients: Vec<PollFlags>,
}

impl Connected {
    fn poll_fd(&self) -> PollFd<'_> {
        let connection = &self.client.connection;
        let mut interest = match self.greeting.is_over() {
            true => PollFlags::IN,
            false => PollFlags::RDHUP,
        };
        if connection.wants_to_write() {
            interest |= PollFlags::OUT;
        }
        let stream: BorrowedFd<'_> = connection.stream();
        PollFd::from_borrowed_fd(stream, interest)
    }

    fn attend(&mut self, event: PollFlags) -> Flow {
        if event.contains(PollFlags::OUT) {
            self.client.connection.flush();
        }
        let gone = event.intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR);
        if !self.greeting.is_over() {
            return if gone { Flow::End } else { Flow::Continue };
        }
        if !gone && !event.contains(PollFlags::IN) {
            return Flow::Continue;
        }
        let fill = self.reader.fill(self.client.connection.stream());
        loop {
            match self.reader.next() {
                Ok(Some(frame)) => {
                    if self.client.handle_frame(frame) == Flow::End {
                        return Flow::End;
                    }
                }
                Ok(None) if fill == Fill::Open => return Flow::Continue,
                Ok(None) | Err(_) => return Flow::End,
            }
        }
    }
}

/// When to say what of the banner.
fn greeting(banner: &[u8], faults: &Faults) -> Greeting {
    let now = Instant::now();
    match faults.banner {
        BannerFault::None => Greeting::Due([(now, banner.to_vec())].into()),
        BannerFault::Never => Greeting::Never,
        BannerFault::Delay(delay) => Greeting::Due([(now + delay, banner.to_vec())].into()),
        BannerFault::Pieces { size, gap } => {
            let pieces = banner.chunks(size.max(1)).zip(0u32..);
            let piece = |(piece, index): (&[u8], u32)| (now + gap * index, piece.to_vec());
            Greeting::Due(pieces.map(piece).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_banner_in_pieces_is_whole_in_the_end() {
        let gap = Duration::from_millis(5);
        let faults = Faults { banner: BannerFault::Pieces { size: 3, gap }, ..Faults::default() };
        let mut greeting = greeting(b"RUMPSP-0.4\n", &faults);
        let (mut whole, mut times) = (Vec::new(), Vec::new());
        while let Some(due) = greeting.next_due() {
            whole.extend(greeting.take_due(due).unwrap());
            times.push(due);
        }
        assert_eq!(whole, b"RUMPSP-0.4\n");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == gap));
        assert!(greeting.is_over());
    }
}
