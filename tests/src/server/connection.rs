//! One client's connection, as the threads of the server share it.

use std::collections::HashMap;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::{Condvar, Mutex};
use rumpclient::proto::header::Kind;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown};

use super::bell::Bell;
use super::frames;

/// Bytes that may queue up for a client that does not read. It is cut off beyond that.
const QUEUE_MAX: usize = 1 << 20;

/// The connection is closed, or the client is gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// The sending half of a connection, and the answers its client owes.
///
/// # Locking rules
/// Neither lock is held while another is taken, or across a host call that can block. Whoever sets
/// `Outbox::sending` owns the stream's sending side until it clears it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: OwnedFd,
    outbox: Mutex<Outbox>,
    sent: Condvar,
    requests: Mutex<Requests>,
    /// Rings for the thread that polls the streams: there is something to flush.
    main: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Outbox {
    /// Somebody is in the middle of a frame.
    sending: bool,
    closed: bool,
    /// Whole frames, less what has been sent of the first, from those who may not wait.
    queued: Vec<u8>,
}

#[derive(Debug, Default)]
struct Requests {
    next: u64,
    closed: bool,
    waiting: HashMap<u64, SyncSender<Vec<u8>>>,
}

impl Connection {
    /// Takes a stream that does not block.
    pub(crate) fn new(stream: OwnedFd, main: Arc<Bell>) -> Self {
        Self {
            stream,
            outbox: Mutex::default(),
            sent: Condvar::new(),
            requests: Mutex::default(),
            main,
        }
    }

    pub(crate) fn stream(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Sends a frame made of `front` and `data`, waiting while the client does not read.
    pub(crate) fn send(&self, front: &[u8], data: &[u8]) -> Result<(), Gone> {
        let mut outbox = self.outbox.lock();
        while outbox.sending && !outbox.closed {
            self.sent.wait(&mut outbox);
        }
        if outbox.closed {
            return Err(Gone);
        }
        outbox.sending = true;
        let queued = std::mem::take(&mut outbox.queued);
        drop(outbox);
        let result = self.write_all(&queued, &[]).and_then(|()| self.write_all(front, data));
        self.finish_sending(result)
    }

    /// Sends what was queued meanwhile, and hands the stream on.
    fn finish_sending(&self, mut result: Result<(), Gone>) -> Result<(), Gone> {
        loop {
            let mut outbox = self.outbox.lock();
            if result.is_err() || outbox.queued.is_empty() {
                outbox.sending = false;
                self.sent.notify_one();
                return result;
            }
            let queued = std::mem::take(&mut outbox.queued);
            drop(outbox);
            result = self.write_all(&queued, &[]);
        }
    }

    /// Sends a frame without ever waiting: what the stream does not take now follows later.
    pub(crate) fn post(&self, frame: &[u8]) {
        let mut outbox = self.outbox.lock();
        outbox.queued.extend_from_slice(frame);
        let overrun = outbox.queued.len() > QUEUE_MAX;
        drop(outbox);
        if overrun {
            self.close();
        }
        self.flush();
        self.main.ring();
    }

    /// Sends what is queued, as far as the stream takes it now.
    pub(crate) fn flush(&self) {
        let mut outbox = self.outbox.lock();
        if outbox.sending || outbox.closed || outbox.queued.is_empty() {
            return;
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match rustix::net::send(&self.stream, &outbox.queued, flags) {
            Ok(sent) => drop(outbox.queued.drain(..sent)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(_) => {
                drop(outbox);
                self.close();
            }
        }
    }

    /// Whether [`flush`](Self::flush) has work once the stream takes bytes again.
    pub(crate) fn wants_to_write(&self) -> bool {
        let outbox = self.outbox.lock();
        !outbox.sending && !outbox.closed && !outbox.queued.is_empty()
    }

    /// Ends the connection: the client sees it, and so does everybody who waits here. Frames that
    /// were sent before still reach the client.
    pub(crate) fn close(&self) {
        self.outbox.lock().closed = true;
        self.sent.notify_all();
        let _ = rustix::net::shutdown(&self.stream, Shutdown::Both);
        let mut requests = self.requests.lock();
        requests.closed = true;
        // Dropping the senders ends the waiting.
        requests.waiting.clear();
        drop(requests);
        self.main.ring();
    }

    /// Sends a request for `len` bytes, or a string of at most that many, from the client's
    /// memory, and waits for the answer, however long that is.
    pub(crate) fn copyin(&self, kind: Kind, address: usize, len: usize) -> Result<Vec<u8>, Gone> {
        let (reqno, answer) = self.new_request()?;
        self.send(&frames::copy_request(kind, reqno, len, address, 0), &[])?;
        answer.recv().map_err(|_| Gone)
    }

    /// Sends `data` to `address` in the client's memory. There is no answer.
    pub(crate) fn copyout(&self, address: usize, data: &[u8]) -> Result<(), Gone> {
        let reqno = self.next_reqno();
        let front = frames::copy_request(Kind::Copyout, reqno, data.len(), address, data.len());
        self.send(&front, data)
    }

    /// Sends signal `signo`, a NetBSD number, after everything that was sent before.
    pub(crate) fn raise(&self, signo: i32) {
        self.post(&frames::raise_request(self.next_reqno(), signo));
    }

    /// Hands the client's answer to whoever waits for it. False when nobody does.
    pub(crate) fn deliver(&self, reqno: u64, body: Vec<u8>) -> bool {
        match self.requests.lock().waiting.remove(&reqno) {
            Some(waiting) => waiting.send(body).is_ok(),
            None => false,
        }
    }

    fn next_reqno(&self) -> u64 {
        let mut requests = self.requests.lock();
        requests.next += 1;
        requests.next - 1
    }

    fn new_request(&self) -> Result<(u64, Receiver<Vec<u8>>), Gone> {
        let mut requests = self.requests.lock();
        if requests.closed {
            return Err(Gone);
        }
        let (sender, receiver) = sync_channel(1);
        let reqno = requests.next;
        requests.next += 1;
        requests.waiting.insert(reqno, sender);
        Ok((reqno, receiver))
    }

    fn write_all(&self, mut front: &[u8], mut data: &[u8]) -> Result<(), Gone> {
        while !(front.is_empty() && data.is_empty()) {
            let parts = [IoSlice::new(front), IoSlice::new(data)];
            let mut control = SendAncillaryBuffer::default();
            match rustix::net::sendmsg(&self.stream, &parts, &mut control, SendFlags::NOSIGNAL) {
                Ok(sent) => {
                    let of_front = sent.min(front.len());
                    front = &front[of_front..];
                    data = &data[sent - of_front..];
                }
                Err(rustix::io::Errno::AGAIN) => self.wait_writable()?,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }

    /// Waits until the stream takes bytes. [`close`](Self::close) ends the wait, by shutting the
    /// stream down.
    fn wait_writable(&self) -> Result<(), Gone> {
        match poll(&mut [PollFd::new(&self.stream, PollFlags::OUT)], None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(_) => Err(Gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (UnixStream, Arc<Connection>) {
        let (client, server) = UnixStream::pair().unwrap();
        server.set_nonblocking(true).unwrap();
        let main = Arc::new(Bell::new().unwrap());
        (client, Arc::new(Connection::new(server.into(), main)))
    }

    #[test]
    fn frames_posted_while_another_is_sent_follow_it_whole() {
        let (mut client, connection) = pair();
        let big = vec![7; 4 << 20];
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| connection.send(b"<", &big));
            // The first byte shows that the frame is under way; the rest does not fit the socket.
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            connection.post(b"posted");
            let mut rest = vec![0; big.len() + 6];
            client.read_exact(&mut rest).unwrap();
            assert!(rest[..big.len()] == big[..]);
            assert_eq!(&rest[big.len()..], b"posted");
            sender.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_client_that_never_reads_is_cut_off() {
        let (_client, connection) = pair();
        for _ in 0..64 {
            connection.post(&[0; 64 << 10]);
        }
        assert!(connection.send(b"x", b"").is_err());
    }

    #[test]
    fn closing_ends_a_send_and_a_copyin_that_wait() {
        let (_client, connection) = pair();
        std::thread::scope(|scope| {
            let copyin = scope.spawn(|| connection.copyin(Kind::Copyin, 1, 1));
            let send = scope.spawn(|| connection.send(&[0; 64], &vec![0; 8 << 20]));
            connection.close();
            assert!(copyin.join().unwrap().is_err());
            assert!(send.join().unwrap().is_err());
        });
    }

    #[test]
    fn an_answer_to_nobody_is_noticed() {
        let (_client, connection) = pair();
        assert!(!connection.deliver(0, vec![]));
    }
}
