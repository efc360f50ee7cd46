/*
 * Who and where: this process's id in the kernel, what the kernel is, and a file in it.
 *
 *	cc hello.c $(pkg-config --cflags --libs rumpclient)
 *	RUMP_SERVER=unix:///tmp/kernel.sock ./a.out
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rump/rump_syscalls.h>
#include <rump/rumpclient.h>

/* Numbers are NetBSD's, which the host's headers do not have. */
enum { NB_O_RDWR = 0x2, NB_O_CREAT = 0x200, NB_O_TRUNC = 0x400 };
enum { NB_CTL_KERN = 1, NB_KERN_OSTYPE = 1, NB_KERN_OSRELEASE = 2 };

static void
fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, rumpclient_strerror(errno));
	exit(1);
}

static void
print_sysctl(const char *label, int name)
{
	const int mib[2] = { NB_CTL_KERN, name };
	char value[256];
	size_t len = sizeof(value);

	if (rump_sys___sysctl(mib, 2, value, &len, NULL, 0) == -1)
		fail("__sysctl");
	printf("%s: %s\n", label, value);
}

int
main(void)
{
	static const char text[] = "hello, kernel\n";
	char back[sizeof(text)];
	ssize_t n;
	int fd;

	/* The functions of rumpclient.h set the host's errno. */
	if (rumpclient_init() == -1) {
		perror("rumpclient_init");
		return 1;
	}
	printf("process: %d\n", (int)rump_sys_getpid());
	print_sysctl("system", NB_KERN_OSTYPE);
	print_sysctl("release", NB_KERN_OSRELEASE);

	fd = rump_sys_open("/tmp/hello", NB_O_RDWR | NB_O_CREAT | NB_O_TRUNC, 0644);
	if (fd == -1)
		fail("open /tmp/hello");
	if (rump_sys_write(fd, text, sizeof(text)) != (ssize_t)sizeof(text))
		fail("write");
	n = rump_sys_pread(fd, back, sizeof(back), 0);
	if (n == -1)
		fail("pread");
	if (n != (ssize_t)sizeof(text) || memcmp(text, back, sizeof(text)) != 0) {
		fprintf(stderr, "the file holds something else\n");
		return 1;
	}
	printf("file: %s", back);
	if (rump_sys_close(fd) == -1 || rump_sys_unlink("/tmp/hello") == -1)
		fail("clean up");
	return 0;
}
