//! Memory mappings: `<sys/mman.h>`; `mmap(2)`, `madvise(2)`, `mlockall(2)`, `minherit(2)`,
//! `memfd_create(2)`.

use core::ffi::{c_int, c_uint};

use super::macros::constants;

constants! {
    /// Protection of a mapping, `mmap(2)`.
    c_int {
        /// No access.
        PROT_NONE = 0x0;
        /// Can be read.
        PROT_READ = 0x1;
        /// Can be written.
        PROT_WRITE = 0x2;
        /// Can be executed.
        PROT_EXEC = 0x4;
    }
    /// Flag of `mmap(2)`.
    c_int {
        /// Changes are shared.
        MAP_SHARED = 0x1;
        /// Changes are private.
        MAP_PRIVATE = 0x2;
        /// `mremap(2)`: keep the old mapping as well; not in NetBSD 7.
        MAP_REMAPDUP = 0x4;
        /// At this very address.
        MAP_FIXED = 0x10;
        /// Accepted for SunOS: give private pages to the file.
        MAP_RENAME = 0x20;
        /// Accepted for SunOS: reserve no swap space.
        MAP_NORESERVE = 0x40;
        /// Kept over exec.
        MAP_INHERIT = 0x80;
        /// May hold semaphores.
        MAP_HASSEMAPHORE = 0x200;
        /// At this address if it is free.
        MAP_TRYFIXED = 0x400;
        /// Lock it in memory.
        MAP_WIRED = 0x800;
        /// Of a file.
        MAP_FILE = 0x0;
        /// Of no file.
        MAP_ANONYMOUS = 0x1000;
        /// Another name of `MAP_ANONYMOUS`.
        MAP_ANON = MAP_ANONYMOUS;
        /// Of no file, for a stack.
        MAP_STACK = 0x2000;
    }
    /// Alignment of a mapping, among the flags of `mmap(2)`: its binary logarithm.
    c_int {
        /// Where it sits.
        MAP_ALIGNMENT_SHIFT = 24;
        /// Mask of it.
        MAP_ALIGNMENT_MASK = 0xff00_0000_u32 as c_int;
        /// 64 KiB.
        MAP_ALIGNMENT_64KB = 16 << MAP_ALIGNMENT_SHIFT;
        /// 16 MiB.
        MAP_ALIGNMENT_16MB = 24 << MAP_ALIGNMENT_SHIFT;
        /// 4 GiB.
        MAP_ALIGNMENT_4GB = 32 << MAP_ALIGNMENT_SHIFT;
        /// 1 TiB.
        MAP_ALIGNMENT_1TB = 40 << MAP_ALIGNMENT_SHIFT;
        /// 256 TiB.
        MAP_ALIGNMENT_256TB = 48 << MAP_ALIGNMENT_SHIFT;
        /// 64 PiB.
        MAP_ALIGNMENT_64PB = 56 << MAP_ALIGNMENT_SHIFT;
    }
    /// The address that `mmap(2)` returns on failure, as an integer.
    isize {
        MAP_FAILED = -1;
    }
    /// Flag of `msync(2)`.
    c_int {
        /// Do not wait.
        MS_ASYNC = 0x1;
        /// Drop what is cached.
        MS_INVALIDATE = 0x2;
        /// Wait.
        MS_SYNC = 0x4;
    }
    /// Flag of `mlockall(2)`.
    c_int {
        /// What is mapped now.
        MCL_CURRENT = 0x1;
        /// What will be mapped.
        MCL_FUTURE = 0x2;
    }
    /// Advice of `posix_madvise(2)`.
    c_int {
        /// None.
        POSIX_MADV_NORMAL = 0;
        /// Access in random order.
        POSIX_MADV_RANDOM = 1;
        /// Access from low to high addresses.
        POSIX_MADV_SEQUENTIAL = 2;
        /// Access soon.
        POSIX_MADV_WILLNEED = 3;
        /// No access soon.
        POSIX_MADV_DONTNEED = 4;
    }
    /// Advice of `madvise(2)`.
    c_int {
        /// None.
        MADV_NORMAL = POSIX_MADV_NORMAL;
        /// Access in random order.
        MADV_RANDOM = POSIX_MADV_RANDOM;
        /// Access from low to high addresses.
        MADV_SEQUENTIAL = POSIX_MADV_SEQUENTIAL;
        /// Access soon.
        MADV_WILLNEED = POSIX_MADV_WILLNEED;
        /// No access soon.
        MADV_DONTNEED = POSIX_MADV_DONTNEED;
        /// Reserve what it needs.
        MADV_SPACEAVAIL = 5;
        /// The contents are not needed any more.
        MADV_FREE = 6;
    }
    /// What a child gets of a mapping, `minherit(2)`.
    c_int {
        /// It shares it.
        MAP_INHERIT_SHARE = 0;
        /// A copy.
        MAP_INHERIT_COPY = 1;
        /// Nothing.
        MAP_INHERIT_NONE = 2;
        /// A copy, and the parent loses it; not implemented.
        MAP_INHERIT_DONATE_COPY = 3;
        /// Zeros.
        MAP_INHERIT_ZERO = 4;
        /// The default: a copy.
        MAP_INHERIT_DEFAULT = MAP_INHERIT_COPY;
    }
    /// Flag of `memfd_create(2)`; not in NetBSD 7.
    c_uint {
        /// Close on exec.
        MFD_CLOEXEC = 0x1;
        /// The file can be sealed.
        MFD_ALLOW_SEALING = 0x2;
        /// Close on fork.
        MFD_CLOFORK = 0x4;
    }
}
