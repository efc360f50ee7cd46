/*
 * vfork and exec: another program goes on with a copy of this one's descriptors in the kernel, which
 * neither the fork nor the exec closes. Here the other program is this one again.
 *
 *	cc vfork_exec.c $(pkg-config --cflags --libs rumpclient)
 *	RUMP_SERVER=unix:///tmp/kernel.sock ./a.out
 */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rump/rump_syscalls.h>
#include <rump/rumpclient.h>

extern char **environ;

static void
fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, rumpclient_strerror(errno));
	exit(1);
}

/* The program that is executed: it writes to the descriptor it was told of. */
static int
after_exec(const char *number)
{
	static const char text[] = "written after exec";

	if (rump_sys_write(atoi(number), text, sizeof(text)) != (ssize_t)sizeof(text))
		fail("write");
	return 0;
}

int
main(int argc, char *argv[])
{
	char number[16], text[64] = "";
	char *args[3];
	pid_t child;
	int ends[2], status;

	if (rumpclient_init() == -1) {
		perror("rumpclient_init");
		return 1;
	}
	if (argc > 1)
		return after_exec(argv[1]);

	if (rump_sys_pipe(ends) == -1)
		fail("pipe");
	snprintf(number, sizeof(number), "%d", ends[1]);
	args[0] = argv[0];
	args[1] = number;
	args[2] = NULL;
	child = rumpclient_vfork();
	if (child == -1) {
		perror("rumpclient_vfork");
		return 1;
	}
	if (child == 0) {
		rumpclient_exec(argv[0], args, environ);
		_exit(1);
	}
	/* The parent's connection is its own again, and so is its end of the pipe. */
	rump_sys_close(ends[1]);
	if (rump_sys_read(ends[0], text, sizeof(text)) == -1)
		fail("read");
	if (waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "the child failed\n");
		return 1;
	}
	printf("read: %s\n", text);
	return 0;
}
