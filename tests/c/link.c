/* What becomes of the connection, and the signals that arrive meanwhile. */

#include "check.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

int rumpuser__sig_rump2host(int);

/* Has the test do its part: it hears "ready", acts, and answers with a line. */
static void
wait_for_test(void)
{
	char line[64];

	printf("ready\n");
	fflush(stdout);
	CHECK(fgets(line, sizeof(line), stdin) != NULL);
}

static double
now(void)
{
	struct timespec instant;

	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &instant), 0);
	return (double)instant.tv_sec + (double)instant.tv_nsec / 1e9;
}

/* The kernel goes away; nobody asked to reconnect. */
static void
lost(char **args)
{
	register_t retval[2];
	int ends[2];

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	wait_for_test();
	CHECK_FAILS(rump_sys_open("/", NB_O_RDONLY), ENOTCONN);
	CHECK_FAILS(rump_sys_getpid(), ENOTCONN);
	CHECK_FAILS(rump_sys_pipe(ends), ENOTCONN);
	CHECK_FAILS(rump_sys_posix_fadvise(0, 0, 0, 0), ENOTCONN);
	CHECK_EQ(rumpclient_syscall(20, NULL, 0, retval), ENOTCONN);
	CHECK_FAILS(rumpclient_fork(), ENOTCONN);
	rumpclient_setconnretry(-4);
	CHECK_FAILS(rump_sys_getpid(), ENOTCONN);
}

static void
say_goodbye(void)
{
	printf("exit handlers ran\n");
}

static void
die(char **args)
{
	(void)args;
	rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_DIE);
	CHECK_EQ(rumpclient_init(), 0);
	CHECK_EQ(atexit(say_goodbye), 0);
	wait_for_test();
	rump_sys_getpid();
	_exit(99);
}

/* The kernel stays away: args[0] seconds of attempts, or for "once" a single one. */
static void
give_up(char **args)
{
	int seconds = atoi(args[0]);
	double began;

	CHECK_EQ(rumpclient_init(), 0);
	rumpclient_setconnretry(seconds > 0 ? seconds : RUMPCLIENT_RETRYCONN_ONCE);
	wait_for_test();
	began = now();
	CHECK_FAILS(rump_sys_getpid(), ENOTCONN);
	CHECK(now() - began >= (double)seconds);
}

/* The kernel comes back. */
static void
regain(char **args)
{
	int fd;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_INFTIME);
	fd = create("/tmp/regain");
	wait_for_test();
	/* One call may have been on its way when the old kernel went. */
	if (rump_sys_getpid() == -1)
		CHECK_EQ(errno, ENOTCONN);
	CHECK(rump_sys_getpid() > 0);
	CHECK_FAILS(rump_sys_write(fd, "x", 1), NB_EBADF);
}

/* Closes all descriptors but the standard ones, as closefrom(3) does; how many there were. */
static int
close_all(void)
{
	int fd, open = 0;

	for (fd = 3; fd < 256; fd++)
		open += close(fd) == 0;
	return open;
}

/* The program closes the library's descriptors without a word. */
static void
closed_behind_its_back(char **args)
{
	int first = 0, i, open;

	(void)args;
	/* Whoever started the program may have left some of its own open. */
	close_all();
	CHECK_EQ(rumpclient_init(), 0);
	rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_INFTIME);
	for (i = 0; i < 10; i++) {
		CHECK(rump_sys_getpid() > 0);
		CHECK_EQ(rump_sys_getuid(), 0);
		open = close_all();
		if (i == 0)
			first = open;
		CHECK_EQ(open, first);
	}
	CHECK(rump_sys_getpid() > 0);
}

static volatile sig_atomic_t ticks, broken;
static int ends[2];

static void
tick(int signal)
{
	int saved = errno;

	(void)signal;
	if (rump_sys_getpid() == -1)
		broken = 1;
	if (++ticks == 100 && rump_sys_write(ends[1], "x", 1) != 1)
		broken = 1;
	errno = saved;
}

/* Signal handlers make calls of their own while a call waits, and end its wait. */
static void
handler(char **args)
{
	struct itimerval each = { { 0, 1000 }, { 0, 1000 } }, none = { { 0, 0 }, { 0, 0 } };
	struct sigaction action;
	char byte = 0;

	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	CHECK_EQ(rump_sys_pipe(ends), 0);
	memset(&action, 0, sizeof(action));
	action.sa_handler = tick;
	CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &each, NULL), 0);
	CHECK_EQ(rump_sys_read(ends[0], &byte, 1), 1);
	CHECK_EQ(setitimer(ITIMER_REAL, &none, NULL), 0);
	CHECK(byte == 'x' && ticks >= 100 && !broken);
	CHECK(rump_sys_getpid() > 0);
}

static volatile sig_atomic_t pipe_signals;

static void
note(int signal)
{
	pipe_signals += signal == SIGPIPE;
}

/* A signal that the kernel raises arrives as the host's. */
static void
raised(char **args)
{
	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	CHECK(signal(SIGPIPE, note) != SIG_ERR);
	CHECK_EQ(rump_sys_pipe(ends), 0);
	CHECK_EQ(rump_sys_close(ends[0]), 0);
	CHECK_FAILS(rump_sys_write(ends[1], "x", 1), 32);
	CHECK_EQ(pipe_signals, 1);

	CHECK_EQ(rumpuser__sig_rump2host(NB_SIGUSR1), SIGUSR1);
	CHECK_EQ(rumpuser__sig_rump2host(NB_SIGPIPE), SIGPIPE);
	CHECK_EQ(rumpuser__sig_rump2host(0), -1);
	CHECK_EQ(rumpuser__sig_rump2host(63), -1);
}

/* Nobody handles it. */
static void
killed(char **args)
{
	(void)args;
	CHECK_EQ(rumpclient_init(), 0);
	CHECK_EQ(rump_sys_pipe(ends), 0);
	CHECK_EQ(rump_sys_close(ends[0]), 0);
	rump_sys_write(ends[1], "x", 1);
	CHECK(!"survived SIGPIPE");
}

int
main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "lost", lost },
		{ "die", die },
		{ "give-up", give_up },
		{ "regain", regain },
		{ "closed-behind-its-back", closed_behind_its_back },
		{ "handler", handler },
		{ "raised", raised },
		{ "killed", killed },
	};

	(void)argc;
	return run_scenario(scenarios, sizeof(scenarios) / sizeof(scenarios[0]), argv);
}
