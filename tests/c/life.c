/* Processes that come and go: fork, vfork, exec, daemon, and the cookies in between. */

#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

/* On its own, so that its variables are not in a frame that vfork shares. */
static __attribute__((__noinline__)) int
open_descriptors(void)
{
	int count = 0, fd;

	for (fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

/* A child that ends well. */
static void
wait_for(pid_t child)
{
	int status;

	CHECK(child > 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

/* A connection that works, to the process with this pid. */
static void
check_process(pid_t pid)
{
	int ends[2];
	char byte = 0;

	CHECK_EQ(rump_sys_getpid(), pid);
	CHECK_EQ(rump_sys_pipe(ends), 0);
	CHECK_EQ(rump_sys_write(ends[1], "x", 1), 1);
	CHECK_EQ(rump_sys_read(ends[0], &byte, 1), 1);
	CHECK_EQ(byte, 'x');
	CHECK_EQ(rump_sys_close(ends[0]), 0);
	CHECK_EQ(rump_sys_close(ends[1]), 0);
}

static void
fork_tree(int depth, int out)
{
	pid_t me = rump_sys_getpid(), child;
	int i;

	CHECK_EQ(rump_sys_write(out, &me, sizeof(me)), sizeof(me));
	for (i = 0; depth > 0 && i < 2; i++) {
		child = rumpclient_fork();
		CHECK(child != -1);
		if (child == 0) {
			fork_tree(depth - 1, out);
			_exit(0);
		}
		wait_for(child);
	}
}

/* Three deep, each telling of itself through a pipe of the kernel; all are different. */
static void
tree(char **args)
{
	pid_t pids[15];
	int ends[2], i, j;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	CHECK_EQ(rump_sys_pipe(ends), 0);
	fork_tree(3, ends[1]);
	CHECK_EQ(rump_sys_read(ends[0], pids, sizeof(pids)), sizeof(pids));
	for (i = 0; i < 15; i++) {
		for (j = 0; j < i; j++)
			CHECK(pids[i] != pids[j]);
	}
}

/* Forks in a loop leave no descriptor behind. */
static void
loop(char **args)
{
	int before, i;
	pid_t child, me;

	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	before = open_descriptors();
	for (i = 0; i < atoi(args[0]); i++) {
		child = strcmp(args[1], "vfork") == 0 ? rumpclient_vfork() : rumpclient_fork();
		if (child == 0) {
			CHECK(rump_sys_getpid() != me);
			CHECK(open_descriptors() == before || strcmp(args[1], "vfork") == 0);
			_exit(0);
		}
		wait_for(child);
	}
	CHECK_EQ(open_descriptors(), before);
	check_process(me);
}

/* Resident memory, bytes. */
static long
memory(void)
{
	long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");

	CHECK(statm != NULL && fscanf(statm, "%*d %ld", &pages) == 1);
	fclose(statm);
	return pages * sysconf(_SC_PAGESIZE);
}

/* What is kept for processes that wait for a child is given up with them. */
static void
cancel_loop(char **args)
{
	int count = atoi(args[0]), descriptors, i;
	struct rumpclient_fork *cookie;
	long settled = 0;
	pid_t me;

	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	descriptors = open_descriptors();
	for (i = 0; i < count; i++) {
		/* After one round of all the places that there are for cookies. */
		if (i == count / 5)
			settled = memory();
		cookie = rumpclient_prefork();
		CHECK(cookie != NULL);
		rumpclient_fork_cancel(cookie);
	}
	CHECK(memory() - settled < 1 << 20);
	CHECK_EQ(open_descriptors(), descriptors);
	check_process(me);
}

static void
after_plain_fork(char **args)
{
	pid_t child, me;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	child = fork();
	if (child == 0) {
		/* The parent's connection is not the child's. */
		CHECK_FAILS(rump_sys_getpid(), ENOTCONN);
		CHECK_EQ(rumpclient_init(), 0);
		CHECK(rump_sys_getpid() != me);
		CHECK_EQ(rump_sys_getppid(), 1);
		CHECK_EQ(rumpclient_init(), 0);
		check_process(rump_sys_getpid());
		_exit(0);
	}
	check_process(me);
	wait_for(child);
	check_process(me);
}

static void
cookies(char **args)
{
	struct rumpclient_fork *cookie, *other;
	pid_t child, me;
	char byte;
	int ends[2];

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();

	/* Made up, or with a key that the kernel does not know: a cookie begins with it. */
	CHECK_FAILS(rumpclient_fork_init((struct rumpclient_fork *)(void *)ends), ESRCH);
	cookie = rumpclient_prefork();
	CHECK(cookie != NULL);
	((uint32_t *)(void *)cookie)[3] ^= 1;
	CHECK_FAILS(rumpclient_fork_init(cookie), ESRCH);
	check_process(me);

	/* Cancelled: the kernel's copy is gone, so the pipe has nobody to write. */
	CHECK_EQ(rump_sys_pipe(ends), 0);
	cookie = rumpclient_prefork();
	CHECK(cookie != NULL);
	CHECK_EQ(rump_sys_close(ends[1]), 0);
	errno = EAGAIN;
	rumpclient_fork_cancel(cookie);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(rump_sys_read(ends[0], &byte, 1), 0);
	CHECK_FAILS(rumpclient_fork_init(cookie), ESRCH);
	rumpclient_fork_cancel(cookie);

	/* Claimed by a child: of no use to the parent, nor to a second child. */
	cookie = rumpclient_prefork();
	other = rumpclient_prefork();
	CHECK(cookie != NULL && other != NULL && cookie != other);
	child = fork();
	if (child == 0) {
		CHECK_EQ(rumpclient_fork_init(cookie), 0);
		check_process(rump_sys_getpid());
		CHECK_FAILS(rumpclient_fork_init(cookie), ESRCH);
		_exit(0);
	}
	wait_for(child);
	CHECK_FAILS(rumpclient_fork_init(cookie), ESRCH);
	check_process(me);

	/* Claimed without a host fork: this process becomes the copy. */
	CHECK_EQ(rumpclient_fork_init(other), 0);
	CHECK(rump_sys_getpid() != me);
	check_process(rump_sys_getpid());
}

/* Fills the stack below with something else. */
static __attribute__((__noinline__)) void
scribble(void)
{
	volatile char stack[4096];
	size_t i;

	for (i = 0; i < sizeof(stack); i++)
		stack[i] = (char)0xa5;
}

/* The parent has its connection back, whatever the child did to the frame they shared. */
static void
vfork_shares_memory(char **args)
{
	volatile pid_t theirs;
	volatile int i;
	pid_t me, child;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	for (i = 0; i < 20; i++) {
		theirs = 0;
		child = rumpclient_vfork();
		CHECK(child != -1);
		if (child == 0) {
			char local[512];

			memset(local, i, sizeof(local));
			scribble();
			theirs = rump_sys_getpid();
			CHECK(theirs != me && local[511] == i);
			check_process(theirs);
			_exit(0);
		}
		CHECK(theirs != 0 && theirs != me);
		check_process(me);
		wait_for(child);
	}
}

/* As a program does whose compiler took the call for unreachable. */
static void
vfork_without_vparent(char **args)
{
	struct rumpclient_fork *cookie;
	pid_t child, me;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	cookie = rumpclient_prefork();
	CHECK(cookie != NULL);
	child = vfork();
	if (child == 0) {
		CHECK_EQ(rumpclient_fork_init(cookie), 0);
		CHECK(rump_sys_getpid() != me);
		_exit(0);
	}
	check_process(me);
	wait_for(child);
}

/* A vforked child's own vforked child. */
static void
vfork_nested(char **args)
{
	volatile pid_t middle;
	pid_t me, child, grandchild;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	child = rumpclient_vfork();
	if (child == 0) {
		middle = rump_sys_getpid();
		grandchild = rumpclient_vfork();
		if (grandchild == 0) {
			CHECK(rump_sys_getpid() != me && rump_sys_getpid() != middle);
			_exit(0);
		}
		CHECK_EQ(rump_sys_getpid(), middle);
		wait_for(grandchild);
		_exit(0);
	}
	check_process(me);
	wait_for(child);
}

static volatile int stop;

static void *
call_all_the_time(void *pid)
{
	while (!stop)
		CHECK_EQ(rump_sys_getpid(), *(pid_t *)pid);
	return NULL;
}

/* Other threads of the parent go on as the parent while a vforked child runs. */
static void
vfork_among_threads(char **args)
{
	pthread_t thread;
	pid_t me, child;
	volatile int i, j;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	CHECK_EQ(pthread_create(&thread, NULL, call_all_the_time, &me), 0);
	for (i = 0; i < 20; i++) {
		child = rumpclient_vfork();
		if (child == 0) {
			for (j = 0; j < 20; j++)
				CHECK(rump_sys_getpid() != me);
			_exit(0);
		}
		CHECK_EQ(rump_sys_getpid(), me);
		wait_for(child);
	}
	stop = 1;
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/*
 * The program after exec: args are the pid it should have, a descriptor that was kept, one that was
 * not, and how many execs are to follow.
 */
static void
exec_again(pid_t pid, int kept, int lost, int left)
{
	char numbers[4][16], self[] = "/proc/self/exe", scenario[] = "after-exec";
	char *argv[] = { self, scenario, numbers[0], numbers[1], numbers[2], numbers[3], NULL };

	snprintf(numbers[0], sizeof(numbers[0]), "%d", (int)pid);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", kept);
	snprintf(numbers[2], sizeof(numbers[2]), "%d", lost);
	snprintf(numbers[3], sizeof(numbers[3]), "%d", left);
	rumpclient_exec(self, argv, environ);
	CHECK(!"exec returned");
}

static void
after_exec(char **args)
{
	char text[5] = "";
	int kept = atoi(args[1]), left = atoi(args[3]);
	pid_t me;

	CHECK_FAILS(rump_sys_getpid(), ENOTCONN);
	CHECK_EQ(rumpclient_init(), 0);
	CHECK(getenv("RUMPCLIENT__EXECFD") == NULL);
	me = rump_sys_getpid();
	CHECK_EQ(me, atoi(args[0]));
	CHECK_EQ(rump_sys_pread(kept, text, 4, 0), 4);
	CHECK(strcmp(text, "kept") == 0);
	CHECK_FAILS(rump_sys_fcntl(atoi(args[2]), NB_F_SETFD, 0), NB_EBADF);
	if (left > 0)
		exec_again(me, kept, atoi(args[2]), left - 1);
	check_process(me);
	printf("ran after exec\n");
}

static void
exec_keeps_process(char **args)
{
	int kept, lost;

	CHECK_EQ(rumpclient_init(), 0);
	kept = create("/tmp/kept");
	CHECK_EQ(rump_sys_write(kept, "kept", 4), 4);
	lost = create("/tmp/lost");
	CHECK_EQ(rump_sys_fcntl(lost, NB_F_SETFD, NB_FD_CLOEXEC), 0);
	/* A relative address still holds after this. */
	CHECK_EQ(chdir("/"), 0);
	exec_again(rump_sys_getpid(), kept, lost, atoi(args[0]));
}

static void
exec_fails(char **args)
{
	char path[] = "/no/such/program", *argv[] = { path, NULL };
	pid_t me;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	CHECK_FAILS(rumpclient_exec(path, argv, environ), ENOENT);
	CHECK_FAILS(rumpclient_exec("/", argv, NULL), EACCES);
	CHECK_FAILS(rumpclient_exec(NULL, argv, environ), EFAULT);
	check_process(me);
}

/* vfork, exec, and the parent goes on meanwhile. */
static void
vfork_exec(char **args)
{
	pid_t me, child;
	int kept;
	volatile int i;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	kept = create("/tmp/vforked");
	CHECK_EQ(rump_sys_write(kept, "kept", 4), 4);
	for (i = 0; i < 5; i++) {
		child = rumpclient_vfork();
		CHECK(child != -1);
		if (child == 0)
			exec_again(rump_sys_getpid(), kept, 99, 1);
		check_process(me);
		wait_for(child);
	}
	check_process(me);
}

/* The program after a plain vfork and exec: args are the pid it must not have. */
static void
after_plain_vfork(char **args)
{
	CHECK(getenv("RUMPCLIENT__EXECFD") == NULL);
	CHECK_EQ(rumpclient_init(), 0);
	CHECK(rump_sys_getpid() != atoi(args[0]));
	check_process(rump_sys_getpid());
}

/*
 * As a program under librumphijack that does not know of the kernel: a plain vfork, whose child
 * closes what it can find and execs, while other threads of the parent make calls.
 */
static void
plain_vfork(char **args)
{
	char pid[16], self[] = "/proc/self/exe", scenario[] = "after-plain-vfork";
	char *argv[] = { self, scenario, pid, NULL }, missing[] = "/no/such/program";
	pthread_t thread;
	pid_t me, child;
	volatile int i, fd;
	int number;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	snprintf(pid, sizeof(pid), "%d", (int)me);
	CHECK_EQ(pthread_create(&thread, NULL, call_all_the_time, &me), 0);
	for (i = 0; i < 10; i++) {
		child = vfork();
		if (child == 0) {
			CHECK_EQ(rump_sys_getpid(), me);
			CHECK_FAILS(rumpclient_exec(missing, argv, environ), ENOENT);
			for (fd = 3; fd < 64; fd++) {
				number = fd;
				if (rumpclient__closenotify(&number, RUMPCLIENT_CLOSE_CLOSE) == 0)
					close(fd);
				else
					CHECK_EQ(errno, EBADF);
			}
			CHECK_EQ(rump_sys_getpid(), me);
			for (fd = 3; fd < 64; fd++) {
				number = fd;
				CHECK_EQ(rumpclient__closenotify(&number, RUMPCLIENT_CLOSE_DUP2), 0);
				CHECK_EQ(number, fd);
				CHECK_EQ(dup2(STDERR_FILENO, fd), fd);
				CHECK_EQ(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
			}
			rumpclient_exec(self, argv, environ);
			CHECK(!"exec returned");
		}
		check_process(me);
		wait_for(child);
	}
	stop = 1;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	check_process(me);
}

/* Programs started by other means see nothing of the connection. */
static void
other_programs(char **args)
{
	pid_t me;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	fflush(stdout);
	CHECK_EQ(system("for fd in /proc/self/fd/*; do readlink $fd; done "
	    "| grep -E 'socket|signalfd' >&2 && exit 1; env | grep RUMPCLIENT__ >&2 && exit 1; exit 0"), 0);
	check_process(me);
}

static void
daemonize(char **args)
{
	int nochdir = atoi(args[0]), noclose = atoi(args[1]);
	struct stat null, out;
	char cwd[256];
	pid_t before, me;
	int report, kept;

	CHECK_EQ(rumpclient_init(), 0);
	before = getpid();
	me = rump_sys_getpid();
	kept = create("/tmp/daemon");
	CHECK_EQ(rump_sys_write(kept, "kept", 4), 4);
	/* Beyond the reach of noclose. */
	report = dup(STDOUT_FILENO);
	CHECK_EQ(rumpclient_daemon(nochdir, noclose), 0);

	CHECK(getpid() != before && getsid(0) == getpid());
	CHECK(rump_sys_getpid() != me);
	CHECK_EQ(rump_sys_lseek(kept, 0, 1), 4);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK_EQ(strcmp(cwd, "/") == 0, !nochdir);
	CHECK_EQ(stat("/dev/null", &null), 0);
	CHECK_EQ(fstat(STDOUT_FILENO, &out), 0);
	CHECK_EQ(null.st_rdev == out.st_rdev, !noclose);
	dprintf(report, "in the background\n");
}

static void
closenotify(char **args)
{
	int before, fd, moved, highest, own[2] = { -1, -1 }, count = 0;
	pid_t me;

	(void)args;
	/* The program's standard descriptors stay its own, even closed. */
	close(STDIN_FILENO);
	before = dup(STDERR_FILENO);
	CHECK_EQ(before, STDIN_FILENO);
	CHECK_EQ(rumpclient_init(), 0);
	me = rump_sys_getpid();
	for (fd = 3; fd < 256; fd++) {
		if (fcntl(fd, F_GETFD) == FD_CLOEXEC && count < 2)
			own[count++] = fd;
	}
	CHECK(count > 0 && own[0] > 2);

	/* Each of the library's descriptors gets out of the way. */
	for (fd = 0; fd < count; fd++) {
		int target = own[fd];

		CHECK_EQ(rumpclient__closenotify(&target, RUMPCLIENT_CLOSE_CLOSE), 0);
		CHECK_EQ(target, own[fd]);
		CHECK_EQ(close(own[fd]), 0);
		check_process(me);
	}
	for (fd = 3, highest = 0; fd < 256; fd++) {
		if (fcntl(fd, F_GETFD) == FD_CLOEXEC)
			highest = fd;
	}
	fd = highest;
	CHECK_EQ(rumpclient__closenotify(&fd, RUMPCLIENT_CLOSE_DUP2), 0);
	CHECK_EQ(dup2(STDERR_FILENO, highest), highest);
	check_process(me);

	/* Everything else goes, across gaps. */
	moved = fcntl(STDERR_FILENO, F_DUPFD, 100);
	CHECK(moved >= 100);
	fd = moved;
	CHECK_EQ(rumpclient__closenotify(&fd, RUMPCLIENT_CLOSE_FCLOSEM), 0);
	CHECK(fd >= moved);
	moved = fcntl(STDERR_FILENO, F_DUPFD, 3);
	fd = moved;
	CHECK_EQ(rumpclient__closenotify(&fd, RUMPCLIENT_CLOSE_FCLOSEM), 0);
	for (; moved < fd; moved++)
		CHECK(fcntl(moved, F_GETFD) != 0);
	for (; fd < 256; fd++)
		close(fd);
	check_process(me);

	fd = 5;
	CHECK_FAILS(rumpclient__closenotify(&fd, (enum rumpclient_closevariant)7), EINVAL);
	CHECK_FAILS(rumpclient__closenotify(NULL, RUMPCLIENT_CLOSE_CLOSE), EFAULT);
}

int
main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "tree", tree },
		{ "loop", loop },
		{ "cancel-loop", cancel_loop },
		{ "after-plain-fork", after_plain_fork },
		{ "cookies", cookies },
		{ "vfork-shares-memory", vfork_shares_memory },
		{ "vfork-without-vparent", vfork_without_vparent },
		{ "vfork-nested", vfork_nested },
		{ "vfork-among-threads", vfork_among_threads },
		{ "exec-keeps-process", exec_keeps_process },
		{ "after-exec", after_exec },
		{ "exec-fails", exec_fails },
		{ "vfork-exec", vfork_exec },
		{ "plain-vfork", plain_vfork },
		{ "after-plain-vfork", after_plain_vfork },
		{ "other-programs", other_programs },
		{ "daemon", daemonize },
		{ "closenotify", closenotify },
	};

	(void)argc;
	return run_scenario(scenarios, sizeof(scenarios) / sizeof(scenarios[0]), argv);
}
