/*
 * The client of a rump kernel: connecting, forking, exec, and calls by number.  See rumpclient(3).
 * The calls themselves are in <rump/rump_syscalls.h>.
 *
 * The functions set the host's errno; the calls set NetBSD's numbers unless told otherwise.
 */

#ifndef _RUMP_RUMPCLIENT_H_
#define _RUMP_RUMPCLIENT_H_

#include <sys/types.h>
#include <stddef.h>
#include <time.h>

#ifndef __returns_twice
#ifdef __GNUC__
#define __returns_twice __attribute__((__returns_twice__))
#else
#define __returns_twice
#endif
#endif

/* The kernel's register_t, also where <sys/types.h> keeps that name to itself. */
#if defined(RUMP_REGISTER_T)
typedef RUMP_REGISTER_T rumpclient_register_t;
#elif defined(__GNUC__)
typedef int rumpclient_register_t __attribute__((__mode__(__word__)));
#else
typedef long rumpclient_register_t;
#endif

/* Programs that know this header from NetBSD have the name itself from it. */
#if defined(__NetBSD__)
#if !defined(_KERNEL) && !defined(_KMEMUSER) && !defined(_KERNTYPES) && !defined(_STANDALONE)
typedef rumpclient_register_t register_t;
#endif
#elif defined(__GLIBC__) && !defined(__USE_MISC)
typedef rumpclient_register_t register_t;
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A process that the kernel has forked and that waits for its child on the host. */
struct rumpclient_fork;

/* Connects to the kernel that RUMP_SERVER names, or that the program before exec left. */
int rumpclient_init(void);

/* Makes a call with marshalled arguments; returns 0 or the error number. */
int rumpclient_syscall(int, const void *, size_t, rumpclient_register_t *);

/* Forks in the kernel and on the host. */
pid_t rumpclient_fork(void);

/* The steps of a fork, for programs that fork on the host in their own way. */
struct rumpclient_fork *rumpclient_prefork(void);
int rumpclient_fork_init(struct rumpclient_fork *);
void rumpclient_fork_cancel(struct rumpclient_fork *);
void rumpclient_fork_vparent(struct rumpclient_fork *);

/* execve(2) that keeps the process in the kernel. */
int rumpclient_exec(const char *, char *const [], char *const []);

/* daemon(3) that takes the process in the kernel along: nochdir, noclose. */
int rumpclient_daemon(int, int);

/* What to do when the connection is lost: seconds of attempts, 0 for none, or one of these. */
#define RUMPCLIENT_RETRYCONN_INFTIME ((time_t)-1)
#define RUMPCLIENT_RETRYCONN_ONCE ((time_t)-2)
#define RUMPCLIENT_RETRYCONN_DIE ((time_t)-3)
void rumpclient_setconnretry(time_t);

/* Whether calls set the host's error numbers (not 0) or NetBSD's (0, the default). */
void rumpclient_seterrnotrans(int);

/* NetBSD's text for one of its error numbers. */
const char *rumpclient_strerror(int);

/* What the program is about to do with a host descriptor that may be the library's. */
enum rumpclient_closevariant {
	RUMPCLIENT_CLOSE_CLOSE,
	RUMPCLIENT_CLOSE_DUP2,
	RUMPCLIENT_CLOSE_FCLOSEM
};
int rumpclient__closenotify(int *, enum rumpclient_closevariant);

/*
 * Forks in the kernel, and on the host by forkfn.
 *
 * Inline, since the caller's frame must still be there when vfork(2) returns for the second time.
 * What the child leaves for the parent is volatile: to the compiler, which sees only one way
 * through here, a parent whose child has run in its memory is not possible.
 */
static __inline__ __attribute__((__always_inline__)) __returns_twice pid_t
rumpclient__dofork(pid_t (*forkfn)(void))
{
	struct rumpclient_fork *volatile cookie;
	volatile int childran = 0;
	pid_t pid;

	cookie = rumpclient_prefork();
	if (cookie == NULL)
		return -1;

	pid = forkfn();
	if (pid == -1) {
		rumpclient_fork_cancel(cookie);
	} else if (pid == 0) {
		childran = 1;
		if (rumpclient_fork_init(cookie) == -1)
			pid = -1;
	} else if (childran) {
		rumpclient_fork_vparent(cookie);
	}
	return pid;
}

/* As rumpclient_fork(), by vfork(2). */
#define rumpclient_vfork() rumpclient__dofork(vfork)

#ifdef __cplusplus
}
#endif

#endif /* _RUMP_RUMPCLIENT_H_ */
