/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Tells tests that hang from tests that are slow, and ends the former.
 *
 * A test has a limit of OWN TIME, as tools/console.py defines it for emulators:
 * the time in which none of its threads was ready to run and had to wait for a
 * CPU. A test that spins, and one whose threads all sleep, both use up their
 * time at the pace of the wall; one that shares the CPUs with busy neighbours
 * does so as much slower as they make it.
 *
 * Who watches is a process of its own, forked before there are threads. The
 * test's number is in a page that all processes share; twice a second the
 * watcher adds the interval to the test's time, less the longest wait of one of
 * its threads, which the kernel counts (/proc/PID/task/TID/schedstat, the second
 * number). Where the kernel does not count it, own time is the wall's.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "watch.h"

#define LOOK_MS 500
#define THREADS_MOST 256

/* In the page that all share. */
struct watched {
	pid_t pid;   /* 0 = none */
	pid_t ended; /* whose time was over */
};

static struct watched *watched;

/* The waits of a process's threads when they were looked at last. */
struct waits {
	size_t count;
	struct {
		unsigned thread;
		uint64_t ns;
	} of[THREADS_MOST];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

/* Nanoseconds that a thread has waited for a CPU; 0 if that is not counted. */
static uint64_t thread_wait(pid_t pid, unsigned thread)
{
	unsigned long long ran, waited = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/task/%u/schedstat", (int) pid, thread);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu %llu", &ran, &waited) != 2)
		waited = 0;
	fclose(file);
	return waited;
}

static uint64_t wait_before(const struct waits *before, unsigned thread)
{
	for (size_t i = 0; i < before->count; i++)
		if (before->of[i].thread == thread)
			return before->of[i].ns;
	return 0;
}

/* The longest that a thread of the process has waited for a CPU since the last look. */
static uint64_t longest_wait(pid_t pid, struct waits *waits)
{
	static struct waits now;
	struct dirent *entry;
	uint64_t longest = 0;
	char path[64];
	DIR *folder;

	now.count = 0;
	snprintf(path, sizeof path, "/proc/%d/task", (int) pid);
	folder = opendir(path);
	while (folder != NULL && now.count < THREADS_MOST && (entry = readdir(folder)) != NULL) {
		unsigned thread = (unsigned) strtoul(entry->d_name, NULL, 10);
		uint64_t ns = thread_wait(pid, thread), before = wait_before(waits, thread);

		now.of[now.count].thread = thread;
		now.of[now.count++].ns = ns;
		if (ns - before > longest && ns > before)
			longest = ns - before;
	}
	if (folder != NULL)
		closedir(folder);
	*waits = now;
	return longest;
}

static _Noreturn void watch(uint64_t limit_ns)
{
	static struct waits waits;
	uint64_t own = 0, at = now_ns();
	pid_t pid = 0;

	for (;;) {
		struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
		pid_t current;
		uint64_t passed, waited;

		nanosleep(&pause, NULL);
		current = __atomic_load_n(&watched->pid, __ATOMIC_ACQUIRE);
		if (current != pid) {
			pid = current;
			own = 0;
			waits.count = 0;
			if (pid != 0)
				(void) longest_wait(pid, &waits);
			at = now_ns();
			continue;
		}
		passed = now_ns() - at;
		at += passed;
		waited = pid != 0 ? longest_wait(pid, &waits) : 0;
		own += waited < passed ? passed - waited : 0;
		if (pid == 0 || own <= limit_ns)
			continue;
		__atomic_store_n(&watched->ended, pid, __ATOMIC_RELEASE);
		(void) kill(pid, SIGKILL);
		own = 0;
	}
}

void watch_start(unsigned seconds)
{
	pid_t parent = getpid(), child;

	watched = mmap(NULL, sizeof *watched, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (watched == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	fflush(stdout);
	child = fork();
	if (child < 0) {
		perror("fork");
		exit(2);
	}
	if (child != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	/* Whoever reads what the tests print is not to wait for this process too. */
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	watch((uint64_t) seconds * 1000000000);
}

void watch_me(void)
{
	if (watched == NULL)
		return;
	__atomic_store_n(&watched->pid, getpid(), __ATOMIC_RELEASE);
}

bool watch_end(void)
{
	if (watched == NULL)
		return false;
	__atomic_store_n(&watched->pid, 0, __ATOMIC_RELEASE);
	return __atomic_exchange_n(&watched->ended, 0, __ATOMIC_ACQ_REL) != 0;
}
