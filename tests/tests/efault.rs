//! Every call of the table with every one of its pointers bad in every way: EFAULT, or whatever
//! else the kernel thinks of the call; never a signal, never a lost connection, never a hang.

use std::ffi::CStr;
use std::time::Duration;

use rumpclient::table::{self, Arg, Dir, Extent, Lend, Syscall};
use rumpclient::{Client, Errno, RaisePolicy, SignalSet, netbsd};
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::raw::{RawCall, Unmapped};

/// Longer than any call here takes that does not wait for something that never comes.
const LIMIT: Duration = Duration::from_secs(10);

/// Calls that are left out, and why.
const LEFT_OUT: [(&str, &str); 2] = [
    ("reboot", "halts the kernel whatever it thinks of the string"),
    ("extattrctl", "panics NetBSD's kernel, by a lock it forgets, when its arguments are good"),
];

/// Pointers at which a kernel does not look, or not every kernel, when the other arguments are as
/// they are here: any other that is bad, and not null, must make its call fail.
const UNUSED: [(&str, &str); 12] = [
    ("__sysctl", "newv"),
    ("compat_50_pollts", "mask"),
    ("compat_50_pselect", "mask"),
    ("compat_90_getvfsstat", "buf"),
    ("getgroups", "gidset"),
    ("getvfsstat", "buf"),
    ("pollts", "mask"),
    ("pselect", "mask"),
    ("recvfrom", "from"),
    ("settimeofday", "tzp"),
    ("utrace", "addr"),
    ("utrace", "label"),
];

/// A string for every argument that takes one.
const PATH: &CStr = c"/tmp/efault";

/// What a length argument says.
const LENGTH: usize = 64;

/// Ways for a pointer to be bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bad {
    Null,
    Unmapped,
    Protected,
    /// Can be read, and must be written.
    ReadOnly,
    /// Runs into a protected page before its end.
    Short,
    /// Beyond what a process can have.
    Kernel,
    /// A good structure that points at unmapped memory.
    Inner,
}

impl Bad {
    /// The ways that make sense for an argument.
    fn ways(call: &Syscall, arg: &Arg) -> Vec<Self> {
        let lend = arg.lend;
        let mut ways = vec![Self::Unmapped, Self::Protected, Self::Short, Self::Kernel];
        if !is_time_limit(call, arg) {
            ways.push(Self::Null);
        }
        if is_written(lend) {
            ways.push(Self::ReadOnly);
        }
        if matches!(lend, Lend::Iovec { .. } | Lend::Msghdr { .. } | Lend::Mmsghdr { .. }) {
            ways.push(Self::Inner);
        }
        ways
    }
}

/// Whether a null pointer is not bad but means to wait for ever.
fn is_time_limit(call: &Syscall, arg: &Arg) -> bool {
    let waits = ["select", "pollts", "kevent", "suspend"];
    ["tv", "ts", "timeout"].contains(&arg.name) && waits.iter().any(|name| call.name.contains(name))
}

fn is_pointer(lend: Lend) -> bool {
    !matches!(lend, Lend::Value | Lend::Pad)
}

fn is_written(lend: Lend) -> bool {
    match lend {
        Lend::Mem { dir, .. } => dir != Dir::In,
        Lend::Ioctl { .. } | Lend::Fcntl { .. } | Lend::Opaque => true,
        _ => false,
    }
}

/// The memory behind good pointers; all zero where nothing else is needed.
struct Memory {
    bad: Unmapped,
    zeros: Box<[u64; 1024]>,
    length: Box<[u64; 1]>,
    mib: Box<[i32; 2]>,
    vector: Box<netbsd::iovec>,
    inner_vector: Box<netbsd::iovec>,
    message: Box<netbsd::mmsghdr>,
    inner_message: Box<netbsd::mmsghdr>,
}

fn address<T: ?Sized>(place: &T) -> usize {
    std::ptr::from_ref(place).expose_provenance()
}

impl Memory {
    fn new() -> Self {
        let bad = Unmapped::new();
        let zeros = Box::new([0; 1024]);
        let vector = |base| {
            let iov_base = std::ptr::with_exposed_provenance_mut(base);
            Box::new(netbsd::iovec { iov_base, iov_len: LENGTH })
        };
        let message = |vector: &netbsd::iovec| {
            let mut message = netbsd::mmsghdr::default();
            message.msg_hdr.msg_iov = std::ptr::from_ref(vector).cast_mut();
            message.msg_hdr.msg_iovlen = 1;
            Box::new(message)
        };
        let vectors = [vector(address(&*zeros)), vector(bad.unmapped())];
        let messages = vectors.each_ref().map(|vector| message(vector));
        let ([vector, inner_vector], [message, inner_message]) = (vectors, messages);
        Self {
            bad,
            zeros,
            length: Box::new([LENGTH as u64]),
            mib: Box::new([netbsd::CTL_KERN, netbsd::KERN_OSTYPE]),
            vector,
            inner_vector,
            message,
            inner_message,
        }
    }

    /// A good pointer for an argument.
    fn good(&self, call: &Syscall, index: usize) -> usize {
        let arg = &call.args[index];
        match arg.lend {
            Lend::Value | Lend::Pad => 0,
            Lend::Str => PATH.as_ptr().expose_provenance(),
            Lend::Iovec { .. } => address(&*self.vector),
            Lend::Msghdr { .. } | Lend::Mmsghdr { .. } => address(&*self.message),
            _ if arg.name == "name" && call.name == "__sysctl" => address(&*self.mib),
            _ if is_length(call, index) => address(&*self.length),
            _ => address(&*self.zeros),
        }
    }

    fn bad(&self, lend: Lend, way: Bad) -> usize {
        match way {
            Bad::Null => 0,
            Bad::Unmapped => self.bad.unmapped(),
            Bad::Protected => self.bad.protected(),
            Bad::ReadOnly => self.bad.readable(),
            // Shorter than any structure.
            Bad::Short => self.bad.end_of_readable(2),
            Bad::Kernel => usize::MAX - 4096,
            Bad::Inner if matches!(lend, Lend::Iovec { .. }) => address(&*self.inner_vector),
            Bad::Inner => address(&*self.inner_message),
        }
    }
}

/// Whether an argument points at the length of what another points at.
fn is_length(call: &Syscall, index: usize) -> bool {
    let is_its = |arg: &Arg| matches!(arg.lend, Lend::Mem { len: Extent::Pointee { index: at, .. }, .. } if at == index);
    call.args.iter().any(is_its)
}

/// What is open for calls to work on, each at its start.
struct Descriptors {
    file: u64,
    folder: u64,
    socket: u64,
    kqueue: u64,
}

impl Descriptors {
    fn open(client: &Client) -> Self {
        let flags = netbsd::O_CREAT | netbsd::O_RDWR;
        let file = client.rump_sys_open(PATH, flags, 0o600).unwrap();
        client.rump_sys_write(file, &[b'x'; 4096]).unwrap();
        client.rump_sys_lseek(file, 0, netbsd::SEEK_SET).unwrap();
        let folder = client.rump_sys_open(c"/tmp", netbsd::O_RDONLY, 0).unwrap();
        let mut pair = [0; 2];
        client.rump_sys_socketpair(netbsd::AF_LOCAL, netbsd::SOCK_STREAM, 0, &mut pair).unwrap();
        // Something to receive, for all calls together.
        client.rump_sys_write(pair[1], &[b'x'; 4096]).unwrap();
        let kqueue = client.rump_sys_kqueue().unwrap();
        Self {
            file: file as u64,
            folder: folder as u64,
            socket: pair[0] as u64,
            kqueue: kqueue as u64,
        }
    }

    fn rewind(&self, client: &Client) {
        for fd in [self.file, self.folder] {
            client.rump_sys_lseek(fd as i32, 0, netbsd::SEEK_SET).unwrap();
        }
    }

    /// A value for an argument that is no pointer: one by which the call gets as far as its
    /// pointers.
    fn value(&self, call: &Syscall, index: usize) -> u64 {
        let arg = &call.args[index];
        let counts = call.args.iter().find_map(|other| match other.lend {
            Lend::Mem { len: Extent::Arg { index: at, unit }, .. } if at == index => {
                Some(LENGTH.div_ceil(unit))
            }
            Lend::Mem { len: Extent::FdSet { index: at }, .. } if at == index => Some(32),
            Lend::Iovec { count, .. } | Lend::Mmsghdr { count, .. } if count == index => Some(1),
            _ => None,
        });
        match (arg.name, call.name) {
            ("namelen", "__sysctl") => 2,
            ("com", _) => netbsd::FIONREAD,
            ("cmd", "fcntl") => netbsd::F_GETLK as u64,
            ("fd" | "fdes", name) if name.contains("kevent") => self.kqueue,
            ("fd", "getdents") => self.folder,
            ("s" | "fdes", _) => self.socket,
            ("fd" | "fd1" | "fd2" | "fromfd" | "tofd", name) if name.ends_with("at") => self.folder,
            ("domain", _) => netbsd::AF_LOCAL as u64,
            ("type", _) => netbsd::SOCK_STREAM as u64,
            ("fd" | "fd1" | "fd2" | "fildes" | "fromfd" | "tofd", _) => self.file,
            _ => counts.map_or(0, |count| count as u64),
        }
    }
}

fn make(
    client: &Client,
    call: &Syscall,
    open: &Descriptors,
    bad: (usize, Bad),
) -> Result<isize, Errno> {
    // Afresh: the call before may have written to it.
    let memory = Memory::new();
    open.rewind(client);
    let mut raw = RawCall::new(call.name);
    for (index, arg) in call.args.iter().enumerate() {
        let value = match arg.lend {
            Lend::Pad => continue,
            Lend::Value => open.value(call, index),
            lend if index == bad.0 => memory.bad(lend, bad.1) as u64,
            _ => memory.good(call, index) as u64,
        };
        raw.set(arg.name, value);
    }
    raw.run(client, &[])
}

on_every_kernel! {
    fn every_bad_pointer_of_every_call_is_survived(kernel) {
        let builder = Client::builder()
            .call_timeout(Some(LIMIT))
            // Calls that a release has dropped raise SIGSYS, bad pipes SIGPIPE.
            .raise(RaisePolicy::Deliver(SignalSet::none()));
        let client = kernel.client_with(builder);
        let open = Descriptors::open(&client);
        let (mut tried, mut faults, mut other) = (0, 0, Vec::new());
        let calls = table::SYSCALLS.iter().filter(|call| LEFT_OUT.iter().all(|(name, _)| *name != call.name));
        for call in calls {
            for (index, arg) in call.args.iter().enumerate().filter(|(_, arg)| is_pointer(arg.lend)) {
                for way in Bad::ways(call, arg) {
                    let result = make(&client, call, &open, (index, way));
                    let what = format!("{}({}: {way:?})", call.name, arg.name);
                    assert_ne!(result, Err(Errno::ETIMEDOUT), "{what} hangs");
                    assert_ne!(result, Err(Errno::LINK_LOST), "{what}: {:?}", client.link_error());
                    assert!(client.rump_sys_getpid().is_ok(), "{what} leaves the client unusable");
                    let may_work = way == Bad::Null || UNUSED.contains(&(call.name, arg.name));
                    assert!(may_work || result.is_err(), "{what} works: {result:?}");
                    tried += 1;
                    match result {
                        Err(Errno::EFAULT) => faults += 1,
                        result => other.push(format!("{what}: {result:?}")),
                    }
                }
            }
        }
        println!("{tried} bad pointers, {faults} times EFAULT; otherwise:\n{}", other.join("\n"));
        // A kernel has not every call, looks at other things first, and in some tables' calls more so.
        assert!(faults * 3 > tried, "{faults} of {tried}");
    }
}
