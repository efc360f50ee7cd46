//! Kinds of ids: `<sys/idtype.h>`; `clock_getcpuclockid2(2)`, `wait6(2)`.

use super::idtype_t;
use super::macros::constants;

constants! {
    /// What an [`id_t`](super::id_t) is the id of.
    idtype_t {
        /// The caller's own.
        P_MYID = -1;
        /// All processes; no id.
        P_ALL = 0;
        /// A process.
        P_PID = 1;
        /// A thread.
        P_LWPID = 2;
        /// Children of a process.
        P_PPID = 3;
        /// A process group.
        P_PGID = 4;
        /// A session.
        P_SID = 5;
        /// A scheduling class.
        P_CID = 6;
        /// A user.
        P_UID = 7;
        /// A group.
        P_GID = 8;
        /// A task.
        P_TASKID = 9;
        /// A project.
        P_PROJID = 10;
        /// A pool.
        P_POOLID = 11;
        /// A zone.
        P_ZONEID = 12;
        /// A process contract.
        P_CTID = 13;
        /// A processor.
        P_CPUID = 14;
        /// A processor set.
        P_PSETID = 15;
    }
}
