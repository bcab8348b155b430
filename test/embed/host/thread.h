/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The threads of this kernel (port.c), and how its machine is started
 * (machine.c).
 */

#ifndef EMBED_THREAD_H
#define EMBED_THREAD_H

#include <pthread.h>

#include <mm/held.h>
#include <mm/types.h>

struct thread {
	pthread_t host;
	pthread_cond_t wake;
	void (*body)(void);
	struct thread *parent; /* is woken when it ends */
	bool may_go;           /* port_unpark came, and port_park has not seen it yet */
	bool is_over;
	struct held held; /* what the core counts of it */
};

/** The caller gets the CPU, as this thread. */
void thread_adopt(struct thread *thread);

/** Another thread, which runs as soon as the caller waits. */
void thread_start(struct thread *thread, void (*body)(void));

/** Waits for the end of a thread that the caller has started. */
void thread_join(struct thread *thread);

/** Puts so many bytes of RAM where the identity window shows them. @return false if that cannot be */
bool machine_start(size_t bytes);

#endif
