/*
 * The least that a client can be: a librumpclient.so.0 for client.c, with only the calls that it
 * makes and nothing but the protocol.  What a library can win is what this wins.
 *
 * It has one connection and one thread, believes the server everything, gives it all memory, and
 * knows nothing of signals, errors and lost connections.  It waits by trying to receive again and
 * again, however long that takes; with RUMPCLIENT_SPIN_US=0 it sleeps.
 */

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rump/rump_syscalls.h>
#include <rump/rumpclient.h>

enum { REQUEST, RESPONSE };
enum { HANDSHAKE, SYSCALL, COPYIN, COPYINSTR, COPYOUT, COPYOUTSTR };

struct header {
	uint64_t len, reqno;
	uint16_t class, type;
	uint32_t number;
};

struct copy {
	size_t len;
	char *address;
};

struct answer {
	int32_t error;
	long retval[2];
};

/* Whatever a frame has behind its header, but for a copyout's data. */
union body {
	struct copy copy;
	struct answer answer;
};

static struct {
	int stream, awake;
	uint64_t reqno;
	size_t start, end;
	char buffer[64 << 10];
} client;

static void
end(const char *what)
{
	perror(what);
	_exit(1);
}

static void
transmit(struct iovec *pieces, int count)
{
	size_t sum = 0;
	int i;

	for (i = 0; i < count; i++)
		sum += pieces[i].iov_len;
	if (writev(client.stream, pieces, count) != (ssize_t)sum)
		end("floor: writev");
}

static ssize_t
receive(char *into, size_t room)
{
	ssize_t got;

	while ((got = recv(client.stream, into, room, client.awake ? MSG_DONTWAIT : 0)) == -1) {
		if (errno != EAGAIN)
			end("floor: recv");
		sched_yield();
	}
	if (got == 0)
		end("floor: the server is gone");
	return got;
}

/* Takes bytes off the stream. */
static void
take(void *into, size_t len)
{
	size_t piece;

	while (len > 0) {
		if (client.start == client.end) {
			client.start = 0;
			client.end = (size_t)receive(client.buffer, sizeof(client.buffer));
		}
		piece = client.end - client.start < len ? client.end - client.start : len;
		memcpy(into, client.buffer + client.start, piece);
		client.start += piece;
		into = (char *)into + piece;
		len -= piece;
	}
}

/* Sends a request and serves the kernel until the answer has come. */
static struct answer
request(uint16_t type, uint32_t number, void *data, size_t len)
{
	struct header header = { sizeof(header) + len, client.reqno++, REQUEST, type, number };
	struct iovec pieces[2] = { { &header, sizeof(header) }, { data, len } };
	union body body;
	size_t wanted;

	transmit(pieces, 2);
	for (;;) {
		take(&header, sizeof(header));
		if (header.class != REQUEST) {
			memset(&body, 0, sizeof(body));
			take(&body, header.len - sizeof(header));
			return body.answer;
		}
		take(&body.copy, sizeof(body.copy));
		wanted = body.copy.len;
		switch (header.type) {
		case COPYOUT:
		case COPYOUTSTR:
			take(body.copy.address, wanted);
			continue;
		case COPYINSTR:
			wanted = strlen(body.copy.address) + 1;
		}
		header.class = RESPONSE;
		header.len = sizeof(header) + wanted;
		pieces[1] = (struct iovec){ body.copy.address, wanted };
		transmit(pieces, 2);
	}
}

static long
call(uint32_t number, size_t count, const uint64_t *args)
{
	struct answer answer = request(SYSCALL, number, (void *)args, count * sizeof(*args));

	errno = answer.error;
	return answer.error == 0 ? answer.retval[0] : -1;
}

#define CALL(number, ...) \
	call(number, sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), \
	    (uint64_t[]){ __VA_ARGS__ })

static void
dial(const char *url)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in inet = { .sin_family = AF_INET };
	struct sockaddr *address = (struct sockaddr *)&local;
	socklen_t len = sizeof(local);
	char host[64];
	unsigned port;
	int yes = 1;

	if (sscanf(url, "tcp://%63[0-9.]:%u", host, &port) == 2) {
		inet.sin_port = htons((uint16_t)port);
		inet.sin_addr.s_addr = inet_addr(host);
		address = (struct sockaddr *)&inet;
		len = sizeof(inet);
	} else {
		snprintf(local.sun_path, sizeof(local.sun_path), "%s", url + strlen("unix://"));
	}
	client.stream = socket(address->sa_family, SOCK_STREAM, 0);
	if (client.stream == -1 || connect(client.stream, address, len) == -1)
		end("floor: connect");
	if (len == sizeof(inet))
		setsockopt(client.stream, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

int
rumpclient_init(void)
{
	const char *spin = getenv("RUMPCLIENT_SPIN_US");
	char name[] = "floor", byte;

	client.awake = spin == NULL || atoi(spin) > 0;
	dial(getenv("RUMP_SERVER"));
	do {
		take(&byte, 1);
	} while (byte != '\n');
	request(HANDSHAKE, 0, name, sizeof(name));
	return 0;
}

pid_t
rumpclient_fork(void)
{
	errno = ENOSYS;
	return -1;
}

pid_t
rump_sys_getppid(void)
{
	return (pid_t)call(39, 0, NULL);
}

int
rump_sys_open(const char *path, int flags, ...)
{
	va_list rest;
	unsigned mode;

	va_start(rest, flags);
	mode = va_arg(rest, unsigned);
	va_end(rest);
	return (int)CALL(5, (uintptr_t)path, (uint64_t)flags, mode);
}

int
rump_sys_close(int fd)
{
	return (int)CALL(6, (uint64_t)fd);
}

int
rump_sys_stat(const char *path, struct stat *into)
{
	return (int)CALL(439, (uintptr_t)path, (uintptr_t)into);
}

ssize_t
rump_sys_pread(int fd, void *into, size_t len, off_t at)
{
	return CALL(173, (uint64_t)fd, (uintptr_t)into, len, 0, (uint64_t)at);
}

ssize_t
rump_sys_pwrite(int fd, const void *from, size_t len, off_t at)
{
	return CALL(174, (uint64_t)fd, (uintptr_t)from, len, 0, (uint64_t)at);
}
