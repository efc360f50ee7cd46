/*
 * What the C programs of the tests share: checks that say where they fail, scenarios by name, and
 * NetBSD's numbers.
 */

#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rump/rump_syscalls.h>
#include <rump/rumpclient.h>

#define CHECK(condition)                                                                     \
	do {                                                                                 \
		if (!(condition))                                                            \
			failed(__FILE__, __LINE__, #condition);                              \
	} while (0)

/* A call that must fail with -1 and this errno. */
#define CHECK_FAILS(call, number)                                                            \
	do {                                                                                 \
		errno = 0;                                                                   \
		CHECK((call) == -1);                                                         \
		CHECK_EQ(errno, (number));                                                   \
	} while (0)

#define CHECK_EQ(left, right) check_eq(__FILE__, __LINE__, #left, (long long)(left), (right))

/* Shown also by a forked child, which must not run the parent's exit handlers. */
static inline void
failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s does not hold (errno %d)\n", file, line, what, errno);
	_exit(1);
}

static inline void
check_eq(const char *file, int line, const char *what, long long found, long long expected)
{
	if (found != expected) {
		fprintf(stderr, "%s:%d: %s is %lld, not %lld (errno %d)\n", file, line, what, found,
		    expected, errno);
		_exit(1);
	}
}

/* A part of a program that a test asks for by name. */
struct scenario {
	const char *name;
	void (*run)(char **args);
};

static inline int
run_scenario(const struct scenario *scenarios, size_t count, char **argv)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (argv[1] != NULL && strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run(argv + 2);
			return 0;
		}
	}
	fprintf(stderr, "no scenario %s\n", argv[1] != NULL ? argv[1] : "given");
	return 2;
}

enum {
	NB_O_RDONLY = 0,
	NB_O_RDWR = 0x2,
	NB_O_CREAT = 0x200,
	NB_O_TRUNC = 0x400,
	NB_F_SETFD = 2,
	NB_FD_CLOEXEC = 1,
	NB_AF_LOCAL = 1,
	NB_AF_INET = 2,
	NB_SOCK_STREAM = 1,
	NB_SIGPIPE = 13,
	NB_SIGUSR1 = 30
};

enum {
	NB_ENOENT = 2,
	NB_ESRCH = 3,
	NB_EBADF = 9,
	NB_EFAULT = 14,
	NB_EINVAL = 22,
	NB_EAGAIN = 35,
	NB_ENOTCONN = 57
};

/* A new file in the kernel, open for reading and writing. */
static inline int
create(const char *path)
{
	int fd = rump_sys_open(path, NB_O_RDWR | NB_O_CREAT | NB_O_TRUNC, 0644);

	CHECK(fd != -1);
	return fd;
}

#endif
