/*
 * A program that loads a kernel: LOAD SECONDS SEED. Threads make calls, fork and move the library's
 * descriptors, and signals arrive all the time. With the load `restarts` the kernel may be lost at
 * any moment. Prints how much has been done.
 */

#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

enum { CALLERS = 3, HIGHEST = 100, SIZE = 5000 };

static int restarts, stop;
static unsigned int seed;
static pid_t me;
static unsigned long calls, signals, preforks, forks, moves;

#define READ(variable) __atomic_load_n(&(variable), __ATOMIC_RELAXED)
#define COUNT(variable) __atomic_add_fetch(&(variable), 1, __ATOMIC_RELAXED)

/* Whether a call has worked. It may fail for want of a kernel, or of what the last one had. */
static int
worked(long long result)
{
	if (result != -1)
		return 1;
	if (restarts && (errno == ENOTCONN || errno == NB_EBADF || errno == NB_ENOENT))
		return 0;
	CHECK(!"a call failed");
	return 0;
}

static void
check_me(void)
{
	pid_t pid = rump_sys_getpid();

	if (worked(pid) && !restarts)
		CHECK_EQ(pid, me);
}

/*
 * Signals are taken where calls are made and nothing else: a handler's call may allocate memory,
 * and must not find the allocator at work.
 */
static void
take_none(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

static void
take_signal(int signal)
{
	int saved = errno;

	(void)signal;
	check_me();
	COUNT(signals);
	errno = saved;
}

static void
pause_for(unsigned int *random, unsigned int microseconds)
{
	struct timespec time = { 0, 0 };

	time.tv_nsec = 1000L * (rand_r(random) % microseconds);
	nanosleep(&time, NULL);
}

/*
 * Writes to a file, and reads it back. A new one each time, or a real kernel hangs: "Stress" in
 * docs/testing.md says why.
 */
static void
file(int number, unsigned char byte)
{
	unsigned char bytes[SIZE];
	char path[32];
	int fd, i;

	snprintf(path, sizeof(path), "/tmp/stress%d", number);
	if (rump_sys_unlink(path) == -1 && errno != NB_ENOENT)
		worked(-1);
	fd = rump_sys_open(path, NB_O_RDWR | NB_O_CREAT, 0644);
	if (!worked(fd))
		return;
	memset(bytes, byte, sizeof(bytes));
	if (worked(rump_sys_pwrite(fd, bytes, sizeof(bytes), 0))) {
		memset(bytes, ~byte, sizeof(bytes));
		if (worked(rump_sys_pread(fd, bytes, sizeof(bytes), 0)) && !restarts) {
			for (i = 0; i < SIZE; i++)
				CHECK_EQ(bytes[i], byte);
		}
	}
	worked(rump_sys_close(fd));
}

static void *
make_calls(void *arg)
{
	int number = *(int *)arg, i, burst;
	unsigned int random = seed * 31 + (unsigned int)number;

	while (!READ(stop)) {
		burst = rand_r(&random) % 100;
		for (i = 0; i < burst; i++) {
			if (rand_r(&random) % 4 == 0)
				file(number, (unsigned char)rand_r(&random));
			else
				check_me();
			COUNT(calls);
		}
		pause_for(&random, 3000);
	}
	return NULL;
}

/* Processes that the kernel forks for nobody. */
static void *
prefork(void *arg)
{
	unsigned int random = seed;
	struct rumpclient_fork *cookie;

	take_none();
	while (!READ(stop)) {
		cookie = rumpclient_prefork();
		if (cookie != NULL)
			rumpclient_fork_cancel(cookie);
		else
			CHECK(restarts);
		COUNT(preforks);
		pause_for(&random, 2000);
	}
	return arg;
}

/* What a child does that has a process in the kernel. */
static __attribute__((__noreturn__, __noinline__)) void
live(void)
{
	if (restarts) {
		/* The parent waits for the child, which may not wait for a kernel. */
		rumpclient_setconnretry(0);
		worked(rump_sys_getpid());
	} else {
		CHECK(rump_sys_getpid() != me);
	}
	_exit(0);
}

static void
wait_for(pid_t child)
{
	int status;

	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

/* On its own, so that the frame that vfork shares has nothing else in it. */
static __attribute__((__noinline__)) void
fork_once(int shared)
{
	volatile pid_t parent = getpid();
	pid_t child;

	child = shared ? rumpclient_vfork() : rumpclient_fork();
	if (child == 0)
		live();
	if (getpid() != parent) {
		/* The child has found no kernel. */
		_exit(!restarts);
	}
	if (child > 0)
		wait_for(child);
	else
		CHECK(restarts);
	COUNT(forks);
}

static void *
make_processes(void *arg)
{
	unsigned int random = seed + 1;

	take_none();
	while (!READ(stop)) {
		/* A vforked child would change its parent's policy. */
		fork_once(!restarts && rand_r(&random) % 2);
		pause_for(&random, 5000);
	}
	return arg;
}

/* What the host calls a descriptor; the empty string if it is not open. */
static void
name_of(int fd, char *name, size_t size)
{
	char path[32];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, name, size - 1);
	name[length > 0 ? length : 0] = '\0';
}

static char stream[64];

/* Closes the library's stream, wherever it is by now. */
static void *
move_stream(void *arg)
{
	unsigned int random = seed + 2;
	char name[64] = "";
	int fd, number;

	while (!READ(stop)) {
		for (fd = 3; fd < HIGHEST; fd++) {
			name_of(fd, name, sizeof(name));
			if (strcmp(name, stream) == 0)
				break;
		}
		CHECK(fd < HIGHEST);
		number = fd;
		CHECK_EQ(rumpclient__closenotify(&number, RUMPCLIENT_CLOSE_CLOSE), 0);
		CHECK_EQ(close(fd), 0);
		COUNT(moves);
		pause_for(&random, 5000);
	}
	return arg;
}

static int
open_descriptors(void)
{
	int count = 0, fd;

	for (fd = 0; fd < HIGHEST; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

static void
start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	CHECK_EQ(pthread_create(thread, NULL, run, arg), 0);
}

int
main(int argc, char **argv)
{
	struct itimerval each = { { 0, 500 }, { 0, 500 } }, none = { { 0, 0 }, { 0, 0 } };
	int numbers[CALLERS], descriptors, i, count = 0;
	pthread_t threads[CALLERS + 3];
	struct sigaction action;
	time_t end;

	CHECK_EQ(argc, 4);
	restarts = strcmp(argv[1], "restarts") == 0;
	seed = (unsigned int)strtoul(argv[3], NULL, 10);
	end = time(NULL) + atoi(argv[2]);
	if (restarts)
		rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_INFTIME);
	while (rumpclient_init() != 0)
		CHECK(restarts);
	me = rump_sys_getpid();
	descriptors = open_descriptors();
	for (i = 3; i < HIGHEST && strncmp(stream, "socket:", 7) != 0; i++)
		name_of(i, stream, sizeof(stream));

	memset(&action, 0, sizeof(action));
	action.sa_handler = take_signal;
	action.sa_flags = SA_RESTART;
	CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
	for (i = 0; i < CALLERS; i++) {
		numbers[i] = i;
		start(&threads[count++], make_calls, &numbers[i]);
	}
	start(&threads[count++], prefork, NULL);
	start(&threads[count++], make_processes, NULL);
	if (!restarts)
		start(&threads[count++], move_stream, NULL);
	CHECK_EQ(setitimer(ITIMER_REAL, &each, NULL), 0);
	while (time(NULL) < end)
		check_me();
	CHECK_EQ(setitimer(ITIMER_REAL, &none, NULL), 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < count; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);

	/* The library has one more once it has copied enough. */
	CHECK(open_descriptors() <= descriptors + 1);
	CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
	CHECK_EQ(errno, ECHILD);
	CHECK(rump_sys_getpid() != -1);
	printf("calls %lu\nsignals %lu\npreforks %lu\nforks %lu\nmoves %lu\n", calls, signals,
	    preforks, forks, moves);
	return 0;
}
