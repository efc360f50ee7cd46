/*
 * Does one kind of work in a rump kernel for a while, and prints what it took.  The same program
 * runs with every librumpclient; `cargo xtask bench` compiles it, runs it, and compares.
 *
 *	client WORK THREADS BYTES MILLISECONDS SERVER-PID
 *	client WORK THREADS BYTES calls=N SERVER-PID
 *
 * The second form makes an exact number of calls in each thread, without warming up, for counting
 * what they cost.  Without a server's pid (0) its CPU time is not known.
 */

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump_syscalls.h>
#include <rump/rumpclient.h>

#define FILE_NAME "/tmp/rumpclient-bench"
#define SAMPLES ((uint64_t)1 << 18) /* a thread keeps its latest */
#define NB_O_RDWR 0x2
#define NB_O_CREAT 0x200

struct worker {
	pthread_t thread;
	unsigned index;
	char *buffer;
	uint32_t *samples; /* nanoseconds */
	uint64_t calls, allocations;
};

struct result {
	uint64_t calls, wall, client_cpu, server_cpu, allocations;
	uint32_t *samples;
	size_t sampled;
};

static struct {
	void (*call)(struct worker *);
	unsigned threads;
	size_t bytes;
	uint64_t nanoseconds, calls;
	clockid_t server;
	int has_server;
} plan;

static int file;
static pthread_barrier_t barrier;

/* The number is NetBSD's where a call of the kernel failed. */
static void
fail(const char *what)
{
	fprintf(stderr, "bench: %s: errno %d\n", what, errno);
	_exit(1);
}

static uint64_t
clock_now(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) == -1)
		fail("clock_gettime");
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t
now(void)
{
	return clock_now(CLOCK_MONOTONIC);
}

static uint64_t
server_cpu(void)
{
	return plan.has_server ? clock_now(plan.server) : 0;
}

/*
 * Counts what a thread allocates.  The library's calls end here too, since a program's own symbols
 * come first.
 */
#ifdef __GLIBC__
static __thread uint64_t allocations;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *
malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}

int
posix_memalign(void **where, size_t alignment, size_t size)
{
	allocations++;
	*where = __libc_memalign(alignment, size);
	return *where == NULL ? ENOMEM : 0;
}
#else
#error "allocations are counted by way of glibc"
#endif

static void
null_call(struct worker *worker)
{
	(void)worker;
	if (rump_sys_getppid() == -1)
		fail("getppid");
}

static void
open_close(struct worker *worker)
{
	int fd = rump_sys_open(FILE_NAME, NB_O_RDWR);

	(void)worker;
	if (fd == -1 || rump_sys_close(fd) == -1)
		fail("open and close");
}

static void
stat_file(struct worker *worker)
{
	if (rump_sys_stat(FILE_NAME, (void *)worker->buffer) == -1)
		fail("stat");
}

static void
read_file(struct worker *worker)
{
	off_t at = (off_t)(worker->index * plan.bytes);

	if (rump_sys_pread(file, worker->buffer, plan.bytes, at) != (ssize_t)plan.bytes)
		fail("pread");
}

static void
write_file(struct worker *worker)
{
	off_t at = (off_t)(worker->index * plan.bytes);

	if (rump_sys_pwrite(file, worker->buffer, plan.bytes, at) != (ssize_t)plan.bytes)
		fail("pwrite");
}

static void
wait_for(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) == -1)
		fail("waitpid");
	if (status != 0) {
		errno = ECHILD;
		fail("a child");
	}
}

/* Until the child has made a call and is gone. */
static void
fork_child(struct worker *worker)
{
	pid_t child = rumpclient_fork();

	if (child == -1)
		fail("rumpclient_fork");
	if (child == 0) {
		null_call(worker);
		_exit(0);
	}
	wait_for(child);
}

static void
warm_up(struct worker *worker)
{
	uint64_t end = now() + plan.nanoseconds / 4;

	if (plan.calls != 0)
		return;
	do {
		plan.call(worker);
	} while (now() < end);
}

static void *
work(void *argument)
{
	struct worker *worker = argument;
	uint64_t before, after, end, first;

	warm_up(worker);
	/* The clocks are read between the two. */
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	first = allocations;
	after = now();
	end = after + plan.nanoseconds;
	do {
		before = after;
		plan.call(worker);
		after = now();
		worker->samples[worker->calls++ % SAMPLES] = (uint32_t)(after - before);
	} while (plan.calls != 0 ? worker->calls < plan.calls : after < end);
	worker->allocations = allocations - first;
	return NULL;
}

static struct worker *
workers(void)
{
	struct worker *all = calloc(plan.threads, sizeof(*all));
	size_t room = plan.bytes < 4096 ? 4096 : plan.bytes;
	unsigned i;

	if (all == NULL)
		fail("calloc");
	for (i = 0; i < plan.threads; i++) {
		all[i].index = i;
		all[i].buffer = malloc(room);
		all[i].samples = calloc(SAMPLES, sizeof(uint32_t));
		if (all[i].buffer == NULL || all[i].samples == NULL)
			fail("malloc");
		memset(all[i].buffer, 'x', room);
	}
	return all;
}

static void
write_what_is_read(struct worker *all)
{
	unsigned i;

	file = rump_sys_open(FILE_NAME, NB_O_RDWR | NB_O_CREAT, 0644);
	if (file == -1)
		fail("open");
	for (i = 0; i < plan.threads; i++)
		write_file(&all[i]);
}

static void
collect(struct result *result, struct worker *all)
{
	size_t count;
	unsigned i;

	result->samples = calloc(plan.threads * SAMPLES, sizeof(uint32_t));
	if (result->samples == NULL)
		fail("calloc");
	for (i = 0; i < plan.threads; i++) {
		count = (size_t)(all[i].calls < SAMPLES ? all[i].calls : SAMPLES);
		memcpy(result->samples + result->sampled, all[i].samples, count * sizeof(uint32_t));
		result->sampled += count;
		result->calls += all[i].calls;
		result->allocations += all[i].allocations;
	}
}

/* Calls over one connection. */
static void
measure_calls(struct result *result)
{
	struct worker *all = workers();
	unsigned i;

	if (rumpclient_init() == -1)
		fail("rumpclient_init");
	write_what_is_read(all);
	pthread_barrier_init(&barrier, NULL, plan.threads + 1);
	for (i = 0; i < plan.threads; i++) {
		if ((errno = pthread_create(&all[i].thread, NULL, work, &all[i])) != 0)
			fail("pthread_create");
	}
	pthread_barrier_wait(&barrier);
	result->server_cpu = server_cpu();
	result->client_cpu = clock_now(CLOCK_PROCESS_CPUTIME_ID);
	result->wall = now();
	pthread_barrier_wait(&barrier);
	for (i = 0; i < plan.threads; i++)
		pthread_join(all[i].thread, NULL);
	result->wall = now() - result->wall;
	result->client_cpu = clock_now(CLOCK_PROCESS_CPUTIME_ID) - result->client_cpu;
	result->server_cpu = server_cpu() - result->server_cpu;
	collect(result, all);
}

/* Connections, each by a child of its own: a process has one. Only rumpclient_init() counts. */
static void
measure_connects(struct result *result)
{
	struct { uint64_t wall, cpu, allocations; } *one;
	uint64_t begun = now();
	pid_t child;

	one = mmap(NULL, sizeof(*one), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	result->samples = calloc(SAMPLES, sizeof(uint32_t));
	if (one == MAP_FAILED || result->samples == NULL)
		fail("mmap");
	result->server_cpu = server_cpu();
	do {
		child = fork();
		if (child == -1)
			fail("fork");
		if (child == 0) {
			one->allocations = allocations;
			one->cpu = clock_now(CLOCK_PROCESS_CPUTIME_ID);
			one->wall = now();
			if (rumpclient_init() == -1)
				fail("rumpclient_init");
			one->wall = now() - one->wall;
			one->cpu = clock_now(CLOCK_PROCESS_CPUTIME_ID) - one->cpu;
			one->allocations = allocations - one->allocations;
			_exit(0);
		}
		wait_for(child);
		result->wall += one->wall;
		result->client_cpu += one->cpu;
		result->allocations += one->allocations;
		result->samples[result->sampled++] = (uint32_t)one->wall;
		result->calls++;
	} while (plan.calls != 0 ? result->calls < plan.calls
	    : now() - begun < plan.nanoseconds && result->sampled < SAMPLES);
	result->server_cpu = server_cpu() - result->server_cpu;
}

static int
by_size(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static void
print(struct result *result)
{
	qsort(result->samples, result->sampled, sizeof(uint32_t), by_size);
	printf("{\"calls\": %" PRIu64 ", \"wall\": %" PRIu64 ", \"client_cpu\": %" PRIu64 ", "
	    "\"allocations\": %" PRIu64 ", \"p50\": %" PRIu32 ", \"p99\": %" PRIu32,
	    result->calls, result->wall, result->client_cpu, result->allocations,
	    result->samples[result->sampled / 2],
	    result->samples[result->sampled * 99 / 100]);
	if (plan.has_server)
		printf(", \"server_cpu\": %" PRIu64, result->server_cpu);
	printf("}\n");
}

static const struct {
	const char *name;
	void (*call)(struct worker *);
} kinds[] = {
	{ "null", null_call },
	{ "open", open_close },
	{ "stat", stat_file },
	{ "read", read_file },
	{ "write", write_file },
	{ "fork", fork_child },
	{ "connect", NULL },
};

static void
read_plan(char **argv)
{
	size_t i = 0;
	pid_t pid;

	while (strcmp(argv[1], kinds[i].name) != 0) {
		if (++i == sizeof(kinds) / sizeof(kinds[0])) {
			errno = EINVAL;
			fail(argv[1]);
		}
	}
	plan.call = kinds[i].call;
	plan.threads = (unsigned)strtoul(argv[2], NULL, 10);
	plan.bytes = strtoul(argv[3], NULL, 10);
	if (strncmp(argv[4], "calls=", 6) == 0)
		plan.calls = strtoul(argv[4] + 6, NULL, 10);
	else
		plan.nanoseconds = strtoul(argv[4], NULL, 10) * 1000000;
	pid = (pid_t)strtol(argv[5], NULL, 10);
	plan.has_server = pid != 0;
	if (plan.has_server && (errno = clock_getcpuclockid(pid, &plan.server)) != 0)
		fail("the server's CPU time");
}

int
main(int argc, char **argv)
{
	struct result result;

	if (argc != 6) {
		fprintf(stderr, "usage: client WORK THREADS BYTES MILLISECONDS|calls=N SERVER-PID\n");
		return 2;
	}
	memset(&result, 0, sizeof(result));
	read_plan(argv);
	if (plan.call == NULL)
		measure_connects(&result);
	else
		measure_calls(&result);
	print(&result);
	return 0;
}
