//! Ending the system: `<sys/reboot.h>`; `reboot(2)`. A rump kernel's server ends on any of these.

use core::ffi::c_int;

use super::macros::constants;

constants! {
    /// Flag of `reboot(2)`.
    c_int {
        /// Reboot.
        RB_AUTOBOOT = 0x0;
        /// Ask which file to boot from.
        RB_ASKNAME = 0x1;
        /// To single-user mode.
        RB_SINGLE = 0x2;
        /// Do not sync the disks first.
        RB_NOSYNC = 0x4;
        /// Halt.
        RB_HALT = 0x8;
        /// Into the kernel debugger.
        RB_KDB = 0x40;
        /// Mount the root read-only.
        RB_RDONLY = 0x80;
        /// Dump the kernel's memory first.
        RB_DUMP = 0x100;
        /// The root is in memory.
        RB_MINIROOT = 0x200;
        /// Use the given boot string.
        RB_STRING = 0x400;
        /// Halt and turn the power off.
        RB_POWERDOWN = RB_HALT | 0x800;
        /// Change the configured devices.
        RB_USERCONF = 0x1000;
    }
}
