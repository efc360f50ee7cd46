//! What a client's frames make the server do.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rumpclient::Errno;
use rumpclient::netbsd::SIGSYS;
use rumpclient::proto::body::Fields;
use rumpclient::proto::header::{Class, HandshakeKind, Header, Kind, ServerError};
use rustix::rand::{GetRandomFlags, getrandom};

use super::bell::Bell;
use super::calls::{Answer, Call, Service, Services};
use super::connection::Connection;
use super::frames::{self, Frame};
use super::kernel::{Failure, Kernel, Lwp, Process, Waker};
use super::options::Faults;
use super::workers::Workers;

/// Proves that a new connection belongs to the client that has asked for a prefork.
type PreforkKey = [u32; 4];

/// What all connections share.
pub(crate) struct Server {
    pub(crate) kernel: Kernel,
    pub(crate) workers: Arc<Workers>,
    /// Rings for the main loop.
    pub(crate) main: Arc<Bell>,
    services: Services,
    banner: Vec<u8>,
    /// Processes that no connection has claimed yet. They outlive the one that asked for them.
    preforks: Mutex<HashMap<PreforkKey, Arc<Process>>>,
    stopping: AtomicBool,
}

impl Server {
    /// A server with this first line for every client.
    pub(crate) fn new(kernel: Kernel, banner: Vec<u8>, main: Arc<Bell>) -> Self {
        Self {
            kernel,
            workers: Arc::default(),
            main,
            services: Services::new(),
            banner,
            preforks: Mutex::default(),
            stopping: AtomicBool::new(false),
        }
    }

    pub(crate) fn banner(&self) -> &[u8] {
        &self.banner
    }

    /// Has the main loop end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.main.ring();
    }

    /// Ends the processes that have no connection.
    pub(crate) fn drop_preforks(&self) {
        for (_, process) in self.preforks.lock().drain() {
            self.kernel.exit(&process);
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Serves a system call and answers it.
    fn serve(&self, request: &SyscallRequest, waker: &Arc<Waker>) {
        let process = &request.process;
        let result = match process.attach(waker) {
            true => self.run(request, waker),
            false => Err(Errno::EINTR.into()),
        };
        let (error, Answer(retval)) = match result {
            Ok(answer) => (0, answer),
            Err(failure) => (failure.0.raw(), Answer::default()),
        };
        let response = frames::syscall_response(request.reqno, error, retval);
        // A client that is gone misses nothing.
        let _ = request.connection.send(&response, &[]);
        self.kernel.end_call(process, Some(waker));
        if self.kernel.is_halting() {
            self.stop();
        }
    }

    fn run(&self, request: &SyscallRequest, waker: &Arc<Waker>) -> Result<Answer, Failure> {
        let SyscallRequest { service, process, connection, args, .. } = request;
        let lwp = Lwp::new(waker, &self.kernel.hooks, process.pid, service.name);
        self.kernel.hooks.count(service.name);
        self.kernel.hooks.pass_gate(&lwp)?;
        let call = || Call::run(service, &self.kernel, process, lwp, connection, args);
        // The panic has been reported; the client gets an answer nevertheless.
        catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(Errno::EIO.into()))
    }
}

/// A system call that has come in.
struct SyscallRequest {
    reqno: u64,
    service: Service,
    process: Arc<Process>,
    connection: Arc<Connection>,
    args: Vec<u8>,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    End,
}

/// A client as the main loop knows it.
pub(crate) struct Client {
    server: Arc<Server>,
    pub(crate) connection: Arc<Connection>,
    /// None before the handshake.
    process: Option<Arc<Process>>,
    faults: Arc<Faults>,
    frames: u64,
}

impl Client {
    pub(crate) fn new(
        server: Arc<Server>,
        connection: Arc<Connection>,
        faults: Arc<Faults>,
    ) -> Self {
        Self { server, connection, process: None, faults, frames: 0 }
    }

    /// Acts on a frame.
    pub(crate) fn handle_frame(&mut self, frame: Frame) -> Flow {
        self.frames += 1;
        match self.faults.close_after_frames {
            Some(last) if self.frames >= last => Flow::End,
            _ => self.dispatch(frame),
        }
    }

    fn dispatch(&mut self, frame: Frame) -> Flow {
        let Frame { header, body } = frame;
        match Class::from_wire(header.class) {
            Some(Class::Request) => match self.process.clone() {
                None => self.handle_first_request(&header, &body),
                Some(process) => self.handle_request(&process, &header, body),
            },
            Some(Class::Response) if self.connection.deliver(header.reqno, body) => Flow::Continue,
            // An answer to nobody, a refusal of what cannot be refused, or nonsense.
            _ => self.refuse(&header, ServerError::MalformedRequest),
        }
    }

    /// Refuses a request and ends the connection.
    fn refuse(&self, header: &Header, error: ServerError) -> Flow {
        self.connection.post(&frames::error_response(header.reqno, error));
        Flow::End
    }

    /// The first request must be a handshake.
    fn handle_first_request(&mut self, header: &Header, body: &[u8]) -> Flow {
        if Kind::from_wire(header.kind) != Some(Kind::Handshake) {
            return self.refuse(header, ServerError::Auth);
        }
        match HandshakeKind::from_wire(header.aux) {
            Some(HandshakeKind::Guest) => {
                let process = self.server.kernel.spawn(body);
                self.take_process(process, header)
            }
            Some(HandshakeKind::Fork) => self.claim_prefork(header, body),
            _ => self.refuse(header, ServerError::Auth),
        }
    }

    fn take_process(&mut self, process: Arc<Process>, header: &Header) -> Flow {
        process.connect(&self.connection);
        self.process = Some(process);
        self.server.kernel.hooks.note_change();
        answer_handshake(&self.connection, &self.faults, header.reqno);
        Flow::Continue
    }

    fn claim_prefork(&mut self, header: &Header, body: &[u8]) -> Flow {
        let Some((key, cancel)) = decode_claim(body) else {
            return self.refuse(header, ServerError::MalformedRequest);
        };
        let Some(process) = self.server.preforks.lock().remove(&key) else {
            return self.refuse(header, ServerError::InvalidPrefork);
        };
        if cancel {
            self.server.kernel.exit(&process);
            return Flow::End;
        }
        self.take_process(process, header)
    }

    fn handle_request(&mut self, process: &Arc<Process>, header: &Header, body: Vec<u8>) -> Flow {
        match Kind::from_wire(header.kind) {
            Some(Kind::Syscall) => self.handle_syscall(process, header, body),
            Some(Kind::Prefork) => self.handle_prefork(process, header),
            Some(Kind::Handshake) => self.handle_exec(process, header, body),
            _ => {
                let error = ServerError::MalformedRequest;
                self.connection.post(&frames::error_response(header.reqno, error));
                Flow::Continue
            }
        }
    }

    fn handle_prefork(&self, process: &Process, header: &Header) -> Flow {
        if process.is_in_exec() {
            return self.refuse(header, ServerError::Inexec);
        }
        let mut key = [0; size_of::<PreforkKey>()];
        if getrandom(&mut key, GetRandomFlags::empty()) != Ok(key.len()) {
            let error = frames::error_response(header.reqno, ServerError::RforkFailed);
            self.connection.post(&error);
            return Flow::Continue;
        }
        let child = self.server.kernel.fork(process);
        self.server.preforks.lock().insert(decode_key(&key), child);
        self.connection.post(&frames::response(Kind::Prefork, header.reqno, &key));
        Flow::Continue
    }

    /// Of the handshakes, only EXEC may come from a client that is known.
    fn handle_exec(&self, process: &Arc<Process>, header: &Header, command: Vec<u8>) -> Flow {
        if HandshakeKind::from_wire(header.aux) != Some(HandshakeKind::Exec) {
            return self.refuse(header, ServerError::MalformedRequest);
        }
        if process.is_in_exec() {
            return self.refuse(header, ServerError::Inexec);
        }
        let (connection, faults) = (Arc::clone(&self.connection), Arc::clone(&self.faults));
        let (program, server, reqno) =
            (Arc::clone(process), Arc::clone(&self.server), header.reqno);
        process.exec(Box::new(move || {
            program.become_program(&command);
            server.kernel.hooks.note_change();
            answer_handshake(&connection, &faults, reqno);
        }));
        Flow::Continue
    }

    fn handle_syscall(&self, process: &Arc<Process>, header: &Header, args: Vec<u8>) -> Flow {
        let fail = |errno: Errno| {
            let response = frames::syscall_response(header.reqno, errno.raw(), [-1, 0]);
            self.connection.post(&response);
            Flow::Continue
        };
        let number = header.aux;
        let release = &self.server.kernel.release;
        if release.dropped.contains(&number) {
            process.raise(SIGSYS);
            return fail(Errno::ENOSYS);
        }
        let service = self.server.services.get(number);
        let Some(service) = service.filter(|_| !release.unknown.contains(&number)) else {
            return fail(Errno::ENOSYS);
        };
        if let Err(failure) = process.begin_call() {
            return fail(failure.0);
        }
        let request = SyscallRequest {
            reqno: header.reqno,
            service,
            process: Arc::clone(process),
            connection: Arc::clone(&self.connection),
            args,
        };
        let server = Arc::clone(&self.server);
        let job = Box::new(move |waker: &Arc<Waker>| server.serve(&request, waker));
        if self.server.workers.submit(job).is_err() {
            self.server.kernel.end_call(process, None);
            let error = frames::error_response(header.reqno, ServerError::TryAgain);
            self.connection.post(&error);
        }
        Flow::Continue
    }

    /// Ends the connection and its process.
    pub(crate) fn disconnect(self) {
        self.connection.close();
        if let Some(process) = &self.process {
            self.server.kernel.exit(process);
        }
    }
}

fn answer_handshake(connection: &Connection, faults: &Faults, reqno: u64) {
    if !faults.mute_handshake {
        const NO_ERROR: i32 = 0;
        let response = frames::response(Kind::Handshake, reqno, &NO_ERROR.to_ne_bytes());
        connection.post(&response);
    }
}

/// The body of a FORK handshake: the key, and whether the process is not wanted any more.
fn decode_claim(body: &[u8]) -> Option<(PreforkKey, bool)> {
    let (key, cancel) = body.split_at_checked(size_of::<PreforkKey>())?;
    let cancel: [u8; 4] = cancel.try_into().ok()?;
    Some((decode_key(key), i32::from_ne_bytes(cancel) != 0))
}

fn decode_key(bytes: &[u8]) -> PreforkKey {
    let mut fields = Fields::new(bytes);
    std::array::from_fn(|_| fields.u32().unwrap_or_default())
}
