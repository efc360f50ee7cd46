//! Which memory a call lends to the server: the table's word applied to the actual arguments.

#![allow(unsafe_code)]

use std::ffi::c_ulong;

use smallvec::SmallVec;

use crate::memory::{Lent, Span, Trust};
use crate::netbsd::{self, ioctl::IocDir};
use crate::table::{Dir, Extent, Lend, Syscall};

/// How far a server's access to the caller's memory goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemoryPolicy {
    /// The regions that outstanding calls lend by the table; an unsafe call whose arguments do not
    /// say what they need (`ioctl` with embedded pointers, `mount` data …) lends everything while
    /// it runs.
    #[default]
    Lent,
    /// Only regions that are known: such an opaque call lends what its caller names with
    /// [`Client::syscall_lending`](crate::Client::syscall_lending), and nothing otherwise.
    Strict,
    /// All memory while any unsafe call runs, as NetBSD's library has it. Safe calls lend what the
    /// table says, also then.
    Unrestricted,
}

/// Memory named explicitly for a call whose arguments do not say what they need.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// Where it starts.
    pub address: *mut u8,
    /// Bytes.
    pub len: usize,
    /// Which way bytes may travel.
    pub dir: Dir,
}

/// What one call lends while it runs.
#[derive(Debug, Default)]
pub(crate) struct Lends {
    regions: SmallVec<[Lent; 6]>,
    everything: bool,
    opaque: bool,
}

impl Lends {
    /// What `call` with these marshalled arguments lends.
    ///
    /// # Safety
    /// The addresses in `args`, and those in the structures they point at, must satisfy
    /// [`Lent::bytes`] for `trust`. With [`Trust::Raw`], the caller also answers for a call that
    /// lends everything.
    pub(crate) unsafe fn of_call(
        call: &Syscall,
        args: &[u8],
        trust: Trust,
        policy: MemoryPolicy,
    ) -> Self {
        let mut lends = Self::default();
        let resolver = Resolver { call, args, trust };
        for (index, arg) in call.args.iter().enumerate() {
            // SAFETY: passed on from the caller.
            unsafe { resolver.lend(index, arg.lend, &mut lends) };
        }
        lends.apply(policy, trust)
    }

    /// What a call that the table does not know lends.
    pub(crate) fn unknown(policy: MemoryPolicy) -> Self {
        Self { opaque: true, ..Self::default() }.apply(policy, Trust::Raw)
    }

    /// A safe call never lends more than its parameters cover, whatever the policy: nobody would
    /// answer for it.
    fn apply(mut self, policy: MemoryPolicy, trust: Trust) -> Self {
        self.everything = trust == Trust::Raw
            && match policy {
                MemoryPolicy::Unrestricted => true,
                MemoryPolicy::Lent => self.opaque,
                MemoryPolicy::Strict => false,
            };
        self
    }

    /// Adds a region by hand.
    ///
    /// # Safety
    /// As for [`Lent::bytes`].
    pub(crate) unsafe fn add(&mut self, region: &Region) {
        let address = region.address.expose_provenance();
        // SAFETY: passed on from the caller.
        self.regions.push(unsafe { Lent::bytes(address, region.len, region.dir, Trust::Raw) });
    }

    /// The memory that a COPYIN (`Dir::In`) or COPYOUT (`Dir::Out`) may use, if lent.
    pub(crate) fn span(&self, address: usize, len: usize, dir: Dir) -> Option<Span> {
        self.regions.iter().find_map(|lent| lent.span(address, len, dir))
    }

    /// The memory in which a COPYINSTR may look for a string of at most `max` bytes, if lent.
    pub(crate) fn string_span(&self, address: usize, max: usize) -> Option<Span> {
        self.regions.iter().find_map(|lent| lent.string_span(address, max))
    }

    /// How much of the region that ends the kernel's data at `address` is still to be filled, if
    /// it goes on.
    pub(crate) fn room_after(&self, address: usize) -> usize {
        self.regions.iter().find_map(|lent| lent.room_after(address)).unwrap_or(0)
    }

    /// Any memory, where the call lends everything.
    pub(crate) fn anywhere(&self, address: usize, len: usize) -> Option<Span> {
        // SAFETY: only unsafe entry points make calls that lend everything, and their contract
        // makes the caller answerable for what the server does.
        self.everything.then(|| unsafe { Span::anywhere(address, len) })
    }

    /// Whether the call may have needed memory that was not lent.
    pub(crate) fn incomplete(&self) -> bool {
        self.opaque && !self.everything
    }
}

/// How many regions a call with these marshalled arguments lends: for measuring what it takes to
/// find out.
#[doc(hidden)]
pub fn count_lent(call: &Syscall, args: &[u8]) -> usize {
    // SAFETY: raw addresses, and no server gets to write there.
    unsafe { Lends::of_call(call, args, Trust::Raw, MemoryPolicy::default()) }.regions.len()
}

/// More elements than NetBSD's IOV_MAX make the kernel refuse the call: lend none beyond.
const VECTORS_MAX: usize = 1024;

struct Resolver<'a> {
    call: &'a Syscall,
    args: &'a [u8],
    trust: Trust,
}

impl Resolver<'_> {
    fn value(&self, index: usize) -> u64 {
        self.call.args.get(index).and_then(|arg| arg.read(self.args)).unwrap_or(0)
    }

    /// A count or length argument; negative ones lend nothing.
    fn count(&self, index: usize) -> usize {
        let value = self.value(index);
        let signed = self.call.args.get(index).is_some_and(|arg| arg.signed);
        if signed && (value as i64) < 0 { 0 } else { value as usize }
    }

    /// Reads a structure or integer of the caller's; `None` when it is not readable.
    ///
    /// # Safety
    /// For borrowed memory, `N` bytes at `address` must be part of the borrow.
    unsafe fn peek<const N: usize>(&self, address: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        // SAFETY: passed on from the caller; the call has not started, so its borrows hold.
        let span = unsafe { Lent::bytes(address, N, Dir::In, self.trust) };
        span.span(address, N, Dir::In)?.read(&mut bytes).ok()?;
        Some(bytes)
    }

    /// # Safety
    /// As for [`Lends::of_call`].
    unsafe fn lend(&self, index: usize, lend: Lend, lends: &mut Lends) {
        let address = self.value(index) as usize;
        if address == 0 && self.trust == Trust::Borrowed && lend != Lend::Opaque {
            // An absent `Option`. A raw null pointer is a bad pointer like any other.
            return;
        }
        match lend {
            Lend::Value | Lend::Pad => {}
            // SAFETY: passed on from the caller, here and in every arm below.
            Lend::Str => lends.regions.push(unsafe { Lent::string(address, self.trust) }),
            Lend::Mem { dir, len } => {
                // SAFETY: see above.
                let len = unsafe { self.extent(len) };
                // SAFETY: see above.
                unsafe { self.push(lends, address, len, dir) }
            }
            Lend::Iovec { dir, count } => {
                // SAFETY: see above.
                unsafe { self.vectors(lends, address, self.count(count), dir) }
            }
            // SAFETY: see above.
            Lend::Msghdr { dir } => unsafe { self.message(lends, address, dir) },
            Lend::Mmsghdr { dir, count } => {
                let size = size_of::<netbsd::mmsghdr>();
                for at in 0..self.count(count).min(VECTORS_MAX) {
                    let Some(element) = address.checked_add(at * size) else { break };
                    // SAFETY: see above.
                    unsafe { self.message(lends, element, dir) };
                    // SAFETY: see above; the kernel stores msg_len behind the header.
                    unsafe { self.push(lends, element, size, Dir::InOut) };
                }
            }
            Lend::Ioctl { com } => {
                // SAFETY: see above.
                unsafe { self.ioctl(lends, address, self.value(com) as c_ulong) }
            }
            Lend::Fcntl { cmd } => {
                // SAFETY: see above.
                unsafe { self.fcntl(lends, address, self.value(cmd) as i32) }
            }
            Lend::SysctlNew { name, namelen, len } => {
                // SAFETY: see above.
                unsafe { self.sysctl_new(lends, address, [name, namelen, len]) }
            }
            Lend::Opaque => lends.opaque = true,
        }
    }

    /// # Safety
    /// As for [`Lends::of_call`].
    unsafe fn push(&self, lends: &mut Lends, address: usize, len: usize, dir: Dir) {
        if len != 0 && (address != 0 || self.trust == Trust::Raw) {
            // SAFETY: passed on from the caller.
            lends.regions.push(unsafe { Lent::bytes(address, len, dir, self.trust) });
        }
    }

    /// # Safety
    /// As for [`Lends::of_call`].
    unsafe fn extent(&self, extent: Extent) -> usize {
        match extent {
            Extent::Bytes(len) => len,
            Extent::Arg { index, unit } => self.count(index).saturating_mul(unit),
            Extent::FdSet { index } => self.count(index).div_ceil(32).saturating_mul(4),
            Extent::Pointee { index, width } => {
                let address = self.value(index) as usize;
                // SAFETY: passed on from the caller.
                let length = unsafe {
                    match width {
                        4 => self.peek(address).map(|bytes| u32::from_ne_bytes(bytes) as usize),
                        _ => self.peek(address).map(|bytes| u64::from_ne_bytes(bytes) as usize),
                    }
                };
                // Where it cannot be read, the kernel will find so too.
                length.unwrap_or(0)
            }
        }
    }

    /// # Safety
    /// As for [`Lends::of_call`].
    unsafe fn vectors(&self, lends: &mut Lends, address: usize, count: usize, dir: Dir) {
        const VECTOR: usize = size_of::<netbsd::iovec>();
        const WORD: usize = VECTOR / 2;
        let count = count.min(VECTORS_MAX);
        // SAFETY: passed on from the caller.
        unsafe { self.push(lends, address, count * VECTOR, Dir::In) };
        for at in 0..count {
            let Some(element) = address.checked_add(at * VECTOR) else { return };
            // SAFETY: passed on from the caller.
            let Some(bytes) = (unsafe { self.peek::<VECTOR>(element) }) else { return };
            let (base, len) = (word(&bytes[..WORD]), word(&bytes[WORD..]));
            // SAFETY: passed on from the caller.
            unsafe { self.push(lends, base, len, dir) };
        }
    }

    /// # Safety
    /// As for [`Lends::of_call`].
    unsafe fn message(&self, lends: &mut Lends, address: usize, dir: Dir) {
        use std::mem::offset_of;
        const HEADER: usize = size_of::<netbsd::msghdr>();
        // The kernel returns lengths and flags in the header of a receive.
        let header_dir = if dir == Dir::In { Dir::In } else { Dir::InOut };
        // SAFETY: passed on from the caller.
        unsafe { self.push(lends, address, HEADER, header_dir) };
        // SAFETY: passed on from the caller.
        let Some(header) = (unsafe { self.peek::<HEADER>(address) }) else { return };
        let pointer = |at: usize| word(&header[at..at + size_of::<usize>()]);
        let length = |at: usize| u32_at(&header, at) as usize;
        let name = pointer(offset_of!(netbsd::msghdr, msg_name));
        let control = pointer(offset_of!(netbsd::msghdr, msg_control));
        let vectors = pointer(offset_of!(netbsd::msghdr, msg_iov));
        let count = length(offset_of!(netbsd::msghdr, msg_iovlen)) as i32;
        // SAFETY: passed on from the caller, for all three.
        unsafe {
            self.push(lends, name, length(offset_of!(netbsd::msghdr, msg_namelen)), dir);
            self.push(lends, control, length(offset_of!(netbsd::msghdr, msg_controllen)), dir);
            if vectors != 0 {
                self.vectors(lends, vectors, count.max(0) as usize, dir);
            }
        }
    }

    /// # Safety
    /// As for [`Lends::of_call`].
    unsafe fn ioctl(&self, lends: &mut Lends, address: usize, com: c_ulong) {
        if holds_pointers(com) {
            lends.opaque = true;
            return;
        }
        let dir = match netbsd::ioctl::ioc_dir(com) {
            IocDir::In => Dir::In,
            IocDir::Out => Dir::Out,
            IocDir::InOut => Dir::InOut,
            // Without data the argument is an integer, if anything.
            IocDir::Void => return,
        };
        // SAFETY: passed on from the caller.
        unsafe { self.push(lends, address, netbsd::ioctl::ioc_len(com), dir) };
    }

    /// # Safety
    /// As for [`Lends::of_call`].
    unsafe fn fcntl(&self, lends: &mut Lends, address: usize, command: i32) {
        let (len, dir) = match command {
            netbsd::F_GETLK => (size_of::<netbsd::flock>(), Dir::InOut),
            netbsd::F_SETLK | netbsd::F_SETLKW => (size_of::<netbsd::flock>(), Dir::In),
            netbsd::F_GETPATH => (PATH_MAX, Dir::Out),
            _ => return,
        };
        // SAFETY: passed on from the caller.
        unsafe { self.push(lends, address, len, dir) };
    }

    /// # Safety
    /// As for [`Lends::of_call`].
    unsafe fn sysctl_new(&self, lends: &mut Lends, address: usize, args: [usize; 3]) {
        let [name, namelen, len] = args;
        let last = self.count(namelen).checked_sub(1).and_then(|last| {
            let component = (self.value(name) as usize).checked_add(last.checked_mul(4)?)?;
            // SAFETY: passed on from the caller.
            unsafe { self.peek(component) }.map(i32::from_ne_bytes)
        });
        if last.is_some_and(|last| [netbsd::CTL_CREATE, netbsd::CTL_DESCRIBE].contains(&last)) {
            // A struct sysctlnode, which points at the node's data and description.
            lends.opaque = true;
        }
        // SAFETY: passed on from the caller.
        unsafe { self.push(lends, address, self.count(len), Dir::In) };
    }
}

/// NetBSD's PATH_MAX, bytes with the NUL: what F_GETPATH writes.
const PATH_MAX: usize = 1024;

fn word(bytes: &[u8]) -> usize {
    usize::from_ne_bytes(bytes.try_into().unwrap_or_default())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap_or_default())
}

/// Whether the structure behind an ioctl code may hold further pointers, so that its size does not
/// tell all the memory it needs. The groups of files (`f`), sockets (`s`), terminals (`t`),
/// interfaces (`i`), disks (`d`) and bpf(4) (`B`) are known one by one; of a driver's own group
/// nothing is.
fn holds_pointers(com: c_ulong) -> bool {
    let (group, number) = ((com >> 8 & 0xff) as u8, com as u8);
    match group {
        b'f' | b's' | b't' => false,
        // ifconf, media lists, generic and driver requests, cloner names, descriptions, and what
        // wireless and packet filter drivers hang on ifr_data.
        b'i' => matches!(
            number,
            38 | 56..=58 | 120 | 123 | 130..=132 | 135 | 136 | 142 | 143 | 190..=192 | 230..=248
        ),
        // Format operations, bad sector and wedge lists, property lists.
        b'd' => matches!(number, 105 | 106 | 119 | 124 | 127),
        // Programs and link type lists.
        b'B' => matches!(number, 103 | 114 | 115 | 119 | 127),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    /// What a call lends with these arguments, by name; the others are 0.
    fn lends(call: &str, args: &[(&str, usize)], policy: MemoryPolicy) -> Lends {
        lends_trusting(Trust::Raw, call, args, policy)
    }

    fn lends_trusting(
        trust: Trust,
        call: &str,
        args: &[(&str, usize)],
        policy: MemoryPolicy,
    ) -> Lends {
        let call = table::by_name(call).unwrap_or_else(|| panic!("no call {call}"));
        let mut bytes = vec![0; call.size];
        for (name, value) in args {
            let arg = call.arg(name).unwrap_or_else(|| panic!("no argument {name}"));
            let slot = &mut bytes[arg.offset..arg.offset + size_of::<usize>()];
            slot.copy_from_slice(&value.to_ne_bytes());
        }
        // SAFETY: raw addresses that are only looked up, or read by way of the host kernel; those
        // that tests call borrowed are.
        unsafe { Lends::of_call(call, &bytes, trust, policy) }
    }

    fn address<T>(of: &T) -> usize {
        std::ptr::from_ref(of).expose_provenance()
    }

    /// Asserts that exactly `len` bytes at `address` are lent in exactly this direction.
    #[track_caller]
    fn assert_lent(lends: &Lends, address: usize, len: usize, dir: Dir) {
        for other in [Dir::In, Dir::Out] {
            let lent = dir == other || dir == Dir::InOut;
            assert_eq!(lends.span(address, len, other).is_some(), lent, "{other:?}");
            assert!(lends.span(address, len + 1, other).is_none(), "a byte more, {other:?}");
        }
        assert!(lends.anywhere(address, len).is_none(), "and nothing else");
    }

    #[test]
    fn buffers_are_as_long_as_their_length_arguments() {
        let read = lends("read", &[("buf", 4096), ("nbyte", 100)], MemoryPolicy::Lent);
        assert_lent(&read, 4096, 100, Dir::Out);
        let write = lends("pwrite", &[("buf", 4096), ("nbyte", 7)], MemoryPolicy::Lent);
        assert_lent(&write, 4096, 7, Dir::In);
        let poll = lends("poll", &[("fds", 4096), ("nfds", 3)], MemoryPolicy::Lent);
        assert_lent(&poll, 4096, 3 * size_of::<netbsd::pollfd>(), Dir::InOut);
        let select = lends("select", &[("nd", 33), ("in", 4096)], MemoryPolicy::Lent);
        assert_lent(&select, 4096, 8, Dir::InOut);
    }

    #[test]
    fn a_safe_call_never_lends_everything() {
        let name = [netbsd::CTL_CREATE];
        let args = [("name", address(&name)), ("namelen", 1)];
        for policy in [MemoryPolicy::Lent, MemoryPolicy::Strict, MemoryPolicy::Unrestricted] {
            for (call, args) in [("__sysctl", &args[..]), ("getpid", &[])] {
                let safe = lends_trusting(Trust::Borrowed, call, args, policy);
                assert!(safe.anywhere(4096, 1).is_none(), "{call} {policy:?}");
            }
        }
        let raw = lends("__sysctl", &args, MemoryPolicy::Lent);
        assert!(raw.anywhere(4096, 1).is_some());
    }

    #[test]
    fn absurd_lengths_lend_no_more_than_there_is_of_memory() {
        let read = lends("read", &[("buf", 4096), ("nbyte", usize::MAX)], MemoryPolicy::Lent);
        assert!(read.span(4096, usize::MAX, Dir::Out).is_some());
        assert!(read.span(4095, 1, Dir::Out).is_none());
        let readv = lends("readv", &[("iovp", 4096), ("iovcnt", usize::MAX)], MemoryPolicy::Lent);
        assert!(readv.span(0, 1, Dir::Out).is_none(), "a negative count lends nothing");
    }

    #[test]
    fn value_result_lengths_are_read_when_the_call_starts() {
        let length: netbsd::socklen_t = 16;
        let args = [("name", 4096), ("anamelen", address(&length))];
        let accept = lends("accept", &args, MemoryPolicy::Lent);
        assert_lent(&accept, 4096, 16, Dir::Out);
        assert_lent(&accept, address(&length), 4, Dir::InOut);
        let args = [("name", 4096), ("anamelen", 8)];
        let unreadable = lends("accept", &args, MemoryPolicy::Lent);
        assert!(unreadable.span(4096, 1, Dir::Out).is_none());
    }

    #[test]
    fn vectors_lend_themselves_and_their_buffers() {
        let vectors = [[4096usize, 10], [8192, 20]];
        let args = [("iovp", address(&vectors)), ("iovcnt", 2)];
        let readv = lends("readv", &args, MemoryPolicy::Lent);
        assert_lent(&readv, address(&vectors), size_of_val(&vectors), Dir::In);
        assert_lent(&readv, 4096, 10, Dir::Out);
        assert_lent(&readv, 8192, 20, Dir::Out);
    }

    #[test]
    fn messages_lend_all_they_point_at() {
        let vectors = [[4096usize, 10]];
        // SAFETY: plain integers and pointers, for which zero bytes are valid.
        let mut message: netbsd::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = address(&vectors) as *mut _;
        message.msg_iovlen = 1;
        message.msg_name = 8192 as *mut _;
        message.msg_namelen = 28;
        message.msg_control = 12288 as *mut _;
        message.msg_controllen = 64;
        let args = [("msg", address(&message))];
        for (call, dir, header) in
            [("recvmsg", Dir::Out, Dir::InOut), ("sendmsg", Dir::In, Dir::In)]
        {
            let lends = lends(call, &args, MemoryPolicy::Lent);
            assert_lent(&lends, address(&message), size_of_val(&message), header);
            assert_lent(&lends, address(&vectors), size_of_val(&vectors), Dir::In);
            assert_lent(&lends, 4096, 10, dir);
            assert_lent(&lends, 8192, 28, dir);
            assert_lent(&lends, 12288, 64, dir);
        }
    }

    #[test]
    fn ioctl_codes_tell_size_and_direction() {
        let ioctl = |com: c_ulong| {
            lends("ioctl", &[("com", com as usize), ("data", 4096)], MemoryPolicy::Lent)
        };
        assert_lent(&ioctl(netbsd::FIONREAD), 4096, 4, Dir::Out);
        assert_lent(&ioctl(netbsd::FIONBIO), 4096, 4, Dir::In);
        assert_lent(&ioctl(netbsd::SIOCGIFFLAGS), 4096, size_of::<netbsd::ifreq>(), Dir::InOut);
        assert!(ioctl(netbsd::FIOCLEX).span(4096, 1, Dir::In).is_none());
        // An ifconf holds a pointer to the list.
        assert!(ioctl(netbsd::SIOCGIFCONF).anywhere(1, 1).is_some());
    }

    #[test]
    fn fcntl_commands_tell_what_the_argument_is() {
        let fcntl = |cmd: i32| {
            let args = [("cmd", cmd as usize), ("arg", 4096)];
            lends("fcntl", &args, MemoryPolicy::Lent)
        };
        assert_lent(&fcntl(netbsd::F_GETLK), 4096, size_of::<netbsd::flock>(), Dir::InOut);
        assert_lent(&fcntl(netbsd::F_SETLKW), 4096, size_of::<netbsd::flock>(), Dir::In);
        assert!(fcntl(netbsd::F_DUPFD).span(4096, 1, Dir::In).is_none());
    }

    #[test]
    fn sysctl_lends_everything_only_for_nodes_with_pointers() {
        let sysctl = |name: [i32; 2]| {
            let args = [("name", address(&name)), ("namelen", 2), ("newv", 4096), ("newlen", 8)];
            lends("__sysctl", &args, MemoryPolicy::Lent)
        };
        let value = sysctl([netbsd::CTL_KERN, netbsd::KERN_HOSTNAME]);
        assert_lent(&value, 4096, 8, Dir::In);
        assert!(sysctl([netbsd::CTL_KERN, netbsd::CTL_CREATE]).anywhere(1, 1).is_some());
    }

    #[test]
    fn policies_widen_and_narrow() {
        let mount = |policy| lends("mount", &[], policy);
        assert!(mount(MemoryPolicy::Lent).anywhere(1, 1).is_some());
        assert!(mount(MemoryPolicy::Strict).anywhere(1, 1).is_none());
        assert!(mount(MemoryPolicy::Strict).incomplete());
        assert!(lends("getpid", &[], MemoryPolicy::Unrestricted).anywhere(1, 1).is_some());
        assert!(lends("getpid", &[], MemoryPolicy::Lent).anywhere(1, 1).is_none());
        assert!(Lends::unknown(MemoryPolicy::Lent).anywhere(1, 1).is_some());
        assert!(Lends::unknown(MemoryPolicy::Strict).anywhere(1, 1).is_none());
    }
}
