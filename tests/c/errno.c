/* Which numbers calls leave in errno, and what stands in for a failed call's value. */

#include "check.h"

#include <dirent.h>
#include <time.h>

enum { UNTOUCHED = 12345 };

/* Nothing works before init, and nothing crashes. */
static void
before_init(char **args)
{
	char path[] = "/", *argv[] = { path, NULL };
	register_t retval[2] = { UNTOUCHED, UNTOUCHED };
	int fd = 77, ends[2];

	(void)args;
	CHECK_FAILS(rump_sys_getpid(), ENOTCONN);
	CHECK_FAILS(rump_sys_open("/", NB_O_RDONLY), ENOTCONN);
	CHECK_FAILS(rump_sys_pipe(ends), ENOTCONN);
	CHECK_FAILS(rump_sys_posix_fadvise(0, 0, 0, 0), ENOTCONN);
	CHECK_FAILS(rumpclient_fork(), ENOTCONN);
	CHECK_FAILS(rumpclient_vfork(), ENOTCONN);
	CHECK_FAILS(rumpclient_daemon(1, 1), ENOTCONN);
	CHECK_FAILS(rumpclient_exec(path, argv, argv), ENOTCONN);
	errno = 0;
	CHECK(rumpclient_prefork() == NULL);
	CHECK_EQ(errno, ENOTCONN);
	errno = UNTOUCHED;
	CHECK_EQ(rumpclient_syscall(20, NULL, 0, retval), ENOTCONN);
	CHECK(retval[0] == UNTOUCHED && retval[1] == UNTOUCHED);
	rump_sys_sync();
	CHECK_EQ(rumpclient__closenotify(&fd, RUMPCLIENT_CLOSE_CLOSE), 0);
	rumpclient_setconnretry(3);
	rumpclient_fork_cancel(NULL);
	rumpclient_fork_vparent(NULL);
	CHECK_EQ(errno, UNTOUCHED);
	CHECK_FAILS(rumpclient_fork_init(NULL), ESRCH);
}

/* Init fails for a reason, which the argument tells as the host's number. */
static void
init_fails(char **args)
{
	CHECK_FAILS(rumpclient_init(), atoi(args[0]));
	CHECK_FAILS(rump_sys_getpid(), ENOTCONN);
}

static void
raw_numbers(char **args)
{
	struct timespec instant = { 0, 0 };
	char name[128];
	socklen_t len = sizeof(name);
	int ends[2], fd;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	fd = create("/tmp/errno");

	/* Ordinary calls set it, also to 0. */
	CHECK_FAILS(rump_sys_open("/no/such/file", NB_O_RDONLY), NB_ENOENT);
	CHECK_EQ(rump_sys_fchmod(fd, 0600), 0);
	CHECK_EQ(errno, 0);
	CHECK_FAILS(rump_sys_fcntl(-1, NB_F_SETFD, 0), NB_EBADF);

	/* Calls that cannot fail leave it alone. */
	errno = UNTOUCHED;
	CHECK(rump_sys_getpid() > 1);
	CHECK_EQ(rump_sys_getuid(), 0);
	CHECK_EQ(rump_sys_getegid(), 0);
	rump_sys_sync();
	CHECK_EQ(errno, UNTOUCHED);

	/* pipe sets it only when it fails. */
	CHECK_EQ(rump_sys_pipe(ends), 0);
	CHECK_EQ(errno, UNTOUCHED);
	CHECK_FAILS(rump_sys_pipe(NULL), NB_EFAULT);

	/* Some return the error number. */
	errno = UNTOUCHED;
	CHECK_EQ(rump_sys_posix_fadvise(fd, 0, 0, 0), 0);
	CHECK_EQ(rump_sys_posix_fadvise(-1, 0, 0, 0), NB_EBADF);
	CHECK_EQ(rump_sys_clock_nanosleep(0, 0, &instant, NULL), 0);
	CHECK_EQ(errno, UNTOUCHED);

	/* Numbers that NetBSD and the host have for different errors. */
	CHECK_EQ(rump_sys_fcntl(ends[0], 4, 0x4), 0);
	CHECK_FAILS(rump_sys_read(ends[0], &fd, sizeof(fd)), NB_EAGAIN);
	fd = rump_sys_socket(NB_AF_INET, NB_SOCK_STREAM, 0);
	CHECK(fd != -1);
	CHECK_FAILS(rump_sys_getpeername(fd, (struct sockaddr *)(void *)name, &len), NB_ENOTCONN);
}

/* By the environment (args: none) or by the function (args: "call"). */
static void
translated_numbers(char **args)
{
	char name[128];
	socklen_t len = sizeof(name);
	int ends[2], fd;

	if (args[0] != NULL)
		rumpclient_seterrnotrans(1);
	CHECK_EQ(rumpclient_init(), 0);
	CHECK_EQ(rump_sys_pipe(ends), 0);
	CHECK_EQ(rump_sys_fcntl(ends[0], 4, 0x4), 0);
	CHECK_EQ(errno, 0);
	CHECK_FAILS(rump_sys_read(ends[0], &fd, sizeof(fd)), EAGAIN);
	fd = rump_sys_socket(NB_AF_INET, NB_SOCK_STREAM, 0);
	CHECK_FAILS(rump_sys_getpeername(fd, (struct sockaddr *)(void *)name, &len), ENOTCONN);
	CHECK_EQ(rump_sys_posix_fadvise(-1, 0, 0, 0), EBADF);
	CHECK_EQ(rump_sys_posix_fadvise(ends[0], 0, 0, 0), ESPIPE);

	rumpclient_seterrnotrans(0);
	CHECK_FAILS(rump_sys_read(ends[0], &fd, sizeof(fd)), NB_EAGAIN);
}

static void
by_number(char **args)
{
	static const int name[2] = { 1, 1 };
	struct { intptr_t name, namelen, old, oldlenp, new, newlen; } sysctl;
	intptr_t tooshort[1] = { 0 }, toolong[9] = { 0 };
	register_t retval[2] = { 0, 0 };
	char ostype[16] = "";
	size_t len = sizeof(ostype);

	CHECK_EQ(rumpclient_init(), 0);
	errno = UNTOUCHED;
	CHECK_EQ(rumpclient_syscall(20, NULL, 0, retval), 0);
	CHECK_EQ(retval[0], rump_sys_getpid());
	CHECK_EQ(retval[1], rump_sys_getppid());
	CHECK_EQ(rumpclient_syscall(20, NULL, 0, NULL), 0);

	sysctl.name = (intptr_t)name;
	sysctl.namelen = 2;
	sysctl.old = (intptr_t)ostype;
	sysctl.oldlenp = (intptr_t)&len;
	sysctl.new = 0;
	sysctl.newlen = 0;
	CHECK_EQ(rumpclient_syscall(202, &sysctl, sizeof(sysctl), retval), 0);
	CHECK(strcmp(ostype, args[0]) == 0);

	/* The result is NetBSD's number. */
	CHECK_EQ(rumpclient_syscall(202, tooshort, sizeof(tooshort), retval), NB_EINVAL);
	CHECK_EQ(rumpclient_syscall(202, toolong, sizeof(toolong), retval), NB_EINVAL);
	CHECK_EQ(rumpclient_syscall(202, NULL, sizeof(sysctl), retval), NB_EFAULT);
	sysctl.name = 1;
	CHECK_EQ(rumpclient_syscall(202, &sysctl, sizeof(sysctl), retval), NB_EFAULT);
	CHECK_EQ(errno, UNTOUCHED);
}

static void
bad_pointers(char **args)
{
	char *const wild = (char *)16, *argv[] = { wild, NULL };
	/* Volatile, or the compiler sees through it. */
	char **volatile wildarray = (char **)16;
	int fd;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	fd = create("/tmp/pointers");
	CHECK_EQ(rumpclient_syscall(3, wild, 24, NULL), NB_EFAULT);
	CHECK_EQ(rumpclient_syscall(3, NULL, 24, NULL), NB_EFAULT);
	CHECK_EQ(rumpclient_syscall(20, NULL, 0, (register_t *)(void *)wild), NB_EFAULT);
	CHECK_FAILS(rumpclient_exec(wild, argv + 1, NULL), EFAULT);
	CHECK_FAILS(rumpclient_exec("/bin/true", argv, NULL), EFAULT);
	CHECK_FAILS(rumpclient_exec("/bin/true", wildarray, NULL), EFAULT);
	CHECK_FAILS(rumpclient_exec("/bin/true", argv + 1, wildarray), EFAULT);
	CHECK_FAILS(rumpclient__closenotify((int *)(void *)wild, RUMPCLIENT_CLOSE_CLOSE), EFAULT);
	CHECK_FAILS(rump_sys_write(fd, wild, 100), NB_EFAULT);
	CHECK_FAILS(rump_sys_open(wild, NB_O_RDONLY), NB_EFAULT);
	CHECK_FAILS(rump_sys_pipe((int *)(void *)wild), NB_EFAULT);
	CHECK_EQ(rump_sys_dup(fd), fd + 1);
	errno = UNTOUCHED;
	CHECK_EQ(rump_sys_clock_nanosleep(0, 0, (struct timespec *)(void *)wild, NULL), NB_EFAULT);
	CHECK_EQ(errno, UNTOUCHED);
	CHECK_EQ(rump_sys_write(fd, "text", 4), 4);
	CHECK_FAILS(rump_sys_pread(fd, wild, 4, 0), NB_EFAULT);
	CHECK_EQ(rump_sys_getuid(), 0);
}

static void
no_threads(char **args)
{
	struct dirent *entry;
	int threads = 0;
	DIR *tasks;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	CHECK(rump_sys_getpid() > 0);
	tasks = opendir("/proc/self/task");
	CHECK(tasks != NULL);
	while ((entry = readdir(tasks)) != NULL)
		threads += entry->d_name[0] != '.';
	closedir(tasks);
	CHECK_EQ(threads, 1);
}

static void
texts(char **args)
{
	const char *unknown;

	(void)args;
	CHECK(strcmp(rumpclient_strerror(NB_ENOENT), "No such file or directory") == 0);
	CHECK(strcmp(rumpclient_strerror(NB_EAGAIN), "Resource temporarily unavailable") == 0);
	CHECK(strcmp(rumpclient_strerror(NB_ENOTCONN), "Socket is not connected") == 0);
	CHECK(strcmp(rumpclient_strerror(ENOTCONN), "connection to the rump kernel lost") == 0);
	CHECK(strcmp(rumpclient_strerror(0), "Undefined error: 0") == 0);
	CHECK(strcmp(rumpclient_strerror(100), "Unknown error: 100") == 0);
	unknown = rumpclient_strerror(-5);
	CHECK(strcmp(unknown, "Unknown error: -5") == 0);
	CHECK(strcmp(rumpclient_strerror(99999), "Unknown error: 99999") == 0);
}

int
main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "before-init", before_init },
		{ "init-fails", init_fails },
		{ "raw-numbers", raw_numbers },
		{ "translated-numbers", translated_numbers },
		{ "by-number", by_number },
		{ "bad-pointers", bad_pointers },
		{ "no-threads", no_threads },
		{ "texts", texts },
	};

	(void)argc;
	return run_scenario(scenarios, sizeof(scenarios) / sizeof(scenarios[0]), argv);
}
