/*
 * What <rump/rump_syscalls.h> needs of the host: the types in its prototypes, a way to bind a name
 * to a symbol, and which versions of the calls take the host's structures.
 */

#ifndef _RUMP_RUMP_SYSCALLS_COMPAT_H_
#define _RUMP_RUMP_SYSCALLS_COMPAT_H_

#ifdef _KERNEL
#error This interface is not for use inside a kernel.
#endif

/* A host without POSIX headers must declare the types before it includes this file. */
#ifndef RUMP_HOST_NOT_POSIX
#include <sys/types.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <stdint.h>

#ifdef __GLIBC__
/* What the GNU C library hides when a program asks for the C standard and nothing else. */
#ifndef __USE_MISC
typedef unsigned int u_int;
typedef unsigned long u_long;
#endif
#if !defined(__USE_XOPEN) && !defined(__USE_XOPEN2K8)
typedef unsigned int id_t;
typedef unsigned int idtype_t;
#endif
#endif /* __GLIBC__ */

/* NetBSD hides them from a program that asks for POSIX and nothing else. */
#if defined(__NetBSD__) && !defined(_NETBSD_SOURCE)
typedef unsigned int u_int;
typedef unsigned long u_long;
#endif
#endif /* !RUMP_HOST_NOT_POSIX */

#ifdef __NetBSD__
#include <sys/cdefs.h>
#include <sys/param.h>

/* Before 5.99.7 the host's time_t had 32 bits. */
#if !__NetBSD_Prereq__(5,99,7)
#define RUMP_SYS_RENAME_STAT rump___sysimpl_stat30
#define RUMP_SYS_RENAME_FSTAT rump___sysimpl_fstat30
#define RUMP_SYS_RENAME_LSTAT rump___sysimpl_lstat30
#define RUMP_SYS_RENAME_FHSTAT rump___sysimpl_fhstat40
#define RUMP_SYS_RENAME_MKNOD rump___sysimpl_mknod
#define RUMP_SYS_RENAME_UTIMES rump___sysimpl_utimes
#define RUMP_SYS_RENAME_FUTIMES rump___sysimpl_futimes
#define RUMP_SYS_RENAME_LUTIMES rump___sysimpl_lutimes
#define RUMP_SYS_RENAME_SELECT rump___sysimpl_select
#define RUMP_SYS_RENAME_PSELECT rump___sysimpl_pselect
#define RUMP_SYS_RENAME_POLLTS rump___sysimpl_pollts
#define RUMP_SYS_RENAME_KEVENT rump___sysimpl_kevent
#endif

#else /* !__NetBSD__ */

#ifndef __RENAME
#ifdef __ELF__
#define __RUMP_SYMBOL(name) #name
#else
#define __RUMP_SYMBOL(name) "_" #name
#endif
#define __RENAME(name) __asm(__RUMP_SYMBOL(name))
#endif

#endif /* __NetBSD__ */

#endif /* _RUMP_RUMP_SYSCALLS_COMPAT_H_ */
