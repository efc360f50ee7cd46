/*
 * A parent and its child, on the host and in the kernel, and a pipe in the kernel between them.
 *
 *	cc fork_pipe.c $(pkg-config --cflags --libs rumpclient)
 *	RUMP_SERVER=unix:///tmp/kernel.sock ./a.out
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rump/rump_syscalls.h>
#include <rump/rumpclient.h>

static void
fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, rumpclient_strerror(errno));
	exit(1);
}

int
main(void)
{
	pid_t mine, child, theirs;
	int ends[2], status;

	if (rumpclient_init() == -1) {
		perror("rumpclient_init");
		return 1;
	}
	mine = rump_sys_getpid();
	if (rump_sys_pipe(ends) == -1)
		fail("pipe");

	child = rumpclient_fork();
	if (child == -1) {
		perror("rumpclient_fork");
		return 1;
	}
	if (child == 0) {
		theirs = rump_sys_getpid();
		if (rump_sys_write(ends[1], &theirs, sizeof(theirs)) != sizeof(theirs))
			fail("write");
		_exit(0);
	}
	if (rump_sys_read(ends[0], &theirs, sizeof(theirs)) != sizeof(theirs))
		fail("read");
	if (waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "the child failed\n");
		return 1;
	}
	printf("the child is %s process\n", mine == theirs ? "the same" : "another");
	return mine == theirs;
}
