/*
 * A TCP exchange that never leaves the kernel's own network stack: an echo server in a forked
 * process, and its client.
 *
 *	cc tcp_echo.c $(pkg-config --cflags --libs rumpclient)
 *	RUMP_SERVER=unix:///tmp/kernel.sock ./a.out
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rump/rump_syscalls.h>
#include <rump/rumpclient.h>

enum { NB_AF_INET = 2, NB_SOCK_STREAM = 1 };

/* NetBSD's struct sockaddr_in: it begins with its length. */
struct nb_sockaddr_in {
	uint8_t sin_len;
	uint8_t sin_family;
	uint16_t sin_port;
	uint32_t sin_addr;
	uint8_t sin_zero[8];
};

static void
fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, rumpclient_strerror(errno));
	exit(1);
}

static void
echo_once(int listener)
{
	char buf[64];
	ssize_t n;
	int fd;

	fd = rump_sys_accept(listener, NULL, NULL);
	if (fd == -1)
		fail("accept");
	while ((n = rump_sys_read(fd, buf, sizeof(buf))) > 0) {
		if (rump_sys_write(fd, buf, (size_t)n) != n)
			fail("echo");
	}
	if (n == -1)
		fail("read");
	rump_sys_close(fd);
}

int
main(void)
{
	static const char text[] = "there and back again";
	struct nb_sockaddr_in sin;
	socklen_t len = sizeof(sin);
	char back[sizeof(text)];
	size_t got;
	ssize_t n;
	pid_t child;
	int listener, fd, status;

	if (rumpclient_init() == -1) {
		perror("rumpclient_init");
		return 1;
	}
	memset(&sin, 0, sizeof(sin));
	sin.sin_len = sizeof(sin);
	sin.sin_family = NB_AF_INET;
	sin.sin_addr = htonl(0x7f000001);
	listener = rump_sys_socket(NB_AF_INET, NB_SOCK_STREAM, 0);
	if (listener == -1)
		fail("socket");
	if (rump_sys_bind(listener, (struct sockaddr *)(void *)&sin, sizeof(sin)) == -1)
		fail("bind");
	if (rump_sys_getsockname(listener, (struct sockaddr *)(void *)&sin, &len) == -1)
		fail("getsockname");
	if (rump_sys_listen(listener, 1) == -1)
		fail("listen");

	child = rumpclient_fork();
	if (child == -1) {
		perror("rumpclient_fork");
		return 1;
	}
	if (child == 0) {
		echo_once(listener);
		_exit(0);
	}

	fd = rump_sys_socket(NB_AF_INET, NB_SOCK_STREAM, 0);
	if (fd == -1)
		fail("socket");
	if (rump_sys_connect(fd, (struct sockaddr *)(void *)&sin, sizeof(sin)) == -1)
		fail("connect");
	if (rump_sys_write(fd, text, sizeof(text)) != (ssize_t)sizeof(text))
		fail("write");
	for (got = 0; got < sizeof(back); got += (size_t)n) {
		n = rump_sys_read(fd, back + got, sizeof(back) - got);
		if (n <= 0)
			fail("read");
	}
	printf("echoed: %s\n", back);
	rump_sys_close(fd);
	if (waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "the echo server failed\n");
		return 1;
	}
	return 0;
}
