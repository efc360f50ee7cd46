//! What a test server says it is, and how it misbehaves on request.

use std::path::PathBuf;
use std::time::Duration;

use super::release::Release;

/// Settings of a [`TestServer`](super::TestServer).
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The NetBSD release to appear as.
    pub release: Release,
    /// Another first line than the release's. Sent as it is, with nothing added.
    pub banner: Option<Vec<u8>>,
    /// Misbehaviour from the start; [`TestServer::set_faults`](super::TestServer::set_faults)
    /// changes it later.
    pub faults: Faults,
    /// Whether what clients write to the console goes to the server's standard output. It is
    /// thrown away otherwise.
    pub console: bool,
    /// The folder to make the kernel's private root in; the host's temporary folder otherwise.
    pub root_parent: Option<PathBuf>,
}

/// Ways to break the protocol, for every connection accepted while they are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// What happens to the banner.
    pub banner: BannerFault,
    /// Never answer a handshake.
    pub mute_handshake: bool,
    /// Close the connection when the client's so many-th frame has come, without looking at it.
    /// The first is its handshake.
    pub close_after_frames: Option<u64>,
}

/// What happens to the banner of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BannerFault {
    /// Nothing: it is sent at once.
    #[default]
    None,
    /// It never comes.
    Never,
    /// It comes later.
    Delay(Duration),
    /// It comes in pieces.
    Pieces {
        /// Bytes of a piece.
        size: usize,
        /// Time between two pieces.
        gap: Duration,
    },
}
