/*
 * A session that touches everything, and prints what it sees: the same on every kernel and with
 * every library.
 */

#include "check.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/uio.h>
#include <sys/wait.h>

extern char **environ;

struct nb_sockaddr_in {
	uint8_t len;
	uint8_t family;
	uint16_t port;
	uint32_t addr;
	uint8_t zero[8];
};

/* The arguments are evaluated before this, unlike those of a printf beside them. */
static void
result(const char *call, long long value)
{
	if (value == -1)
		printf("%s: errno %d\n", call, errno);
	else
		printf("%s: %lld\n", call, value);
}

static void
files(void)
{
	char back[64], head[4], tail[16];
	struct iovec parts[2] = { { head, sizeof(head) }, { tail, sizeof(tail) } };
	int fd;

	fd = create("/tmp/session");
	result("write", rump_sys_write(fd, "some text in a file", 19));
	result("lseek", rump_sys_lseek(fd, 5, 0));
	memset(back, 0, sizeof(back));
	result("read", rump_sys_read(fd, back, 4));
	printf("%s\n", back);
	result("lseek", rump_sys_lseek(fd, 0, 0));
	result("readv", rump_sys_readv(fd, parts, 2));
	printf("%.4s\n", head);
	result("access", rump_sys_access("/tmp/session", 0));
	result("unlink", rump_sys_unlink("/tmp/session"));
	result("open", rump_sys_open("/tmp/session", NB_O_RDONLY));
	result("close", rump_sys_close(fd));
	result("close again", rump_sys_close(fd));
	result("chdir", rump_sys_chdir("/tmp"));
	result("umask", rump_sys_umask(027));
	result("umask", rump_sys_umask(022));
}

static void
network(void)
{
	struct sockaddr *address;
	struct nb_sockaddr_in sin;
	socklen_t len = sizeof(sin);
	char back[8] = "";
	int listener, out, in;

	memset(&sin, 0, sizeof(sin));
	sin.len = sizeof(sin);
	sin.family = NB_AF_INET;
	sin.addr = htonl(0x7f000001);
	address = (struct sockaddr *)(void *)&sin;
	listener = rump_sys_socket(NB_AF_INET, NB_SOCK_STREAM, 0);
	result("bind", rump_sys_bind(listener, address, sizeof(sin)));
	result("listen", rump_sys_listen(listener, 1));
	result("getsockname", rump_sys_getsockname(listener, address, &len));
	printf("%d bytes\n", (int)len);
	out = rump_sys_socket(NB_AF_INET, NB_SOCK_STREAM, 0);
	result("connect", rump_sys_connect(out, address, sizeof(sin)));
	in = rump_sys_accept(listener, NULL, NULL);
	result("write", rump_sys_write(out, "ping", 4));
	result("read", rump_sys_read(in, back, sizeof(back)));
	printf("%s\n", back);
	result("shutdown", rump_sys_shutdown(out, 1));
	result("read", rump_sys_read(in, back, sizeof(back)));
	rump_sys_close(in);
	rump_sys_close(out);
	rump_sys_close(listener);
}

static void *
write_later(void *end)
{
	CHECK_EQ(rump_sys_write(*(int *)end, "from a thread", 14), 14);
	return NULL;
}

static void
threads(void)
{
	pthread_t thread;
	char back[16];
	int ends[2];

	CHECK_EQ(rump_sys_pipe(ends), 0);
	CHECK_EQ(pthread_create(&thread, NULL, write_later, &ends[1]), 0);
	result("read", rump_sys_read(ends[0], back, sizeof(back)));
	printf("%s\n", back);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	rump_sys_close(ends[0]);
	rump_sys_close(ends[1]);
}

static void
processes(char *self)
{
	char number[16], back[32];
	char *argv[] = { self, number, NULL };
	pid_t child;
	int ends[2], status;

	CHECK_EQ(rump_sys_pipe(ends), 0);
	fflush(stdout);
	child = rumpclient_fork();
	if (child == 0) {
		CHECK_EQ(rump_sys_write(ends[1], "from a child", 13), 13);
		_exit(0);
	}
	result("read", rump_sys_read(ends[0], back, sizeof(back)));
	printf("%s\n", back);
	CHECK_EQ(waitpid(child, &status, 0), child);
	printf("status %d\n", status);

	snprintf(number, sizeof(number), "%d", ends[1]);
	fflush(stdout);
	child = rumpclient_fork();
	if (child == 0) {
		rumpclient_exec(self, argv, environ);
		_exit(1);
	}
	result("read", rump_sys_read(ends[0], back, sizeof(back)));
	printf("%s\n", back);
	CHECK_EQ(waitpid(child, &status, 0), child);
	printf("status %d\n", status);
	result("exec", rumpclient_exec("/no/such/program", argv, environ));
	rump_sys_close(ends[0]);
	rump_sys_close(ends[1]);
}

/* The rest of the session runs in the background. */
static void
background(void)
{
	pid_t me = rump_sys_getpid();
	int fd = create("/tmp/session");

	fflush(stdout);
	result("daemon", rumpclient_daemon(1, 1));
	CHECK(rump_sys_getpid() != me);
	result("write", rump_sys_write(fd, "kept", 4));
	result("unlink", rump_sys_unlink("/tmp/session"));
}

int
main(int argc, char **args)
{
	CHECK_EQ(rumpclient_init(), 0);
	if (argc > 1) {
		CHECK_EQ(rump_sys_write(atoi(args[1]), "from after exec", 16), 16);
		return 0;
	}
	result("init again", rumpclient_init());
	printf("uid %d gid %d ppid %d\n", (int)rump_sys_getuid(), (int)rump_sys_getgid(),
	    (int)rump_sys_getppid());
	files();
	network();
	threads();
	processes(args[0]);
	background();
	return 0;
}
