/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The physical memory of the host: a file without a name, whose offsets are the
 * physical addresses. The identity window maps its first part; what there is
 * beyond the window is mapped too, at an address that only a CPU would know
 * (host_memory_at); the kernel's window shows pages of it as page tables say
 * (arch/host/window.c). All are shared mappings, so what is written through one
 * is read through the others. What is not touched costs nothing.
 *
 * FORK. The child of a fork is a machine of its own, as it is with private
 * memory: before the fork the file is copied, what there is of it, and the child
 * maps the copy in the place of the original.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <arch/host.h>

phys_t host_dma_limit = MiB(16);

static struct host_memory memory;
static int file;      /* the memory */
static int copy;      /* the child's, while a fork is under way */
static char *high_at; /* where the part beyond the identity window is */

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "host: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int file_make(void)
{
	int made = memfd_create("hoplite", MFD_CLOEXEC);

	must(made >= 0 && ftruncate(made, (off_t) (IDENTITY_SIZE + memory.high)) == 0, "no file for the memory");
	return made;
}

/* Maps the file in both places. */
static void file_map(int how)
{
	int flags = MAP_SHARED | MAP_NORESERVE | how;
	void *wanted = (void *) IDENTITY_VIRT;

	must(mmap(wanted, memory.low, PROT_READ | PROT_WRITE, flags | (how == 0 ? MAP_FIXED_NOREPLACE : 0), file, 0) ==
			wanted,
		"no memory in the identity window");
	if (memory.high == 0)
		return;
	wanted = mmap(high_at, memory.high, PROT_READ | PROT_WRITE, flags, file, (off_t) IDENTITY_SIZE);
	must(wanted != MAP_FAILED, "no memory beyond the identity window");
	high_at = wanted;
}

/* ---- fork ---- */

/* Copies what there is of the file between two offsets. */
static void part_copy(off_t from, off_t end)
{
	must(lseek(copy, from, SEEK_SET) == from, "no place in the copy of the memory");
	while (from < end)
		must(sendfile(copy, file, &from, (size_t) (end - from)) > 0, "no copy of the memory");
}

static void before_fork(void)
{
	off_t from;

	host_window_lock();
	copy = file_make();
	from = lseek(file, 0, SEEK_DATA);
	while (from >= 0) {
		off_t end = lseek(file, from, SEEK_HOLE);

		part_copy(from, end);
		from = lseek(file, end, SEEK_DATA);
	}
}

static void after_fork_in_parent(void)
{
	close(copy);
	host_window_unlock(false);
}

static void after_fork_in_child(void)
{
	close(file);
	file = copy;
	file_map(MAP_FIXED);
	host_window_unlock(true);
}

/* ---- the whole ---- */

void host_memory_map(const struct host_memory *wanted)
{
	memory = *wanted;
	errno = ENOMEM;
	must(memory.low <= IDENTITY_SIZE, "more memory than the identity window has room for");
	file = file_make();
	file_map(0);
	must(pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0, "no copies of the memory");
}

bool host_memory_has(phys_t pa)
{
	return pa < memory.low || pa - IDENTITY_SIZE < memory.high;
}

void *host_memory_at(phys_t pa)
{
	return pa < memory.low ? (void *) PA2KA(pa) : high_at + (pa - IDENTITY_SIZE);
}

int host_memory_file(void)
{
	return file;
}
