/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Copying between the kernel and the address space that the running thread has
 * borrowed, by the CPU's own translation: at the speed of memcpy where pages are
 * there, and by way of ordinary page faults where they are not.
 *
 * A copy notes in thread->copy_landing where to go on if it cannot be done
 * (__builtin_setjmp: frame pointer, stack pointer and place). A page fault that
 * the address space refuses, or has no memory for, comes back as
 * AS_FAULT_DEFERRED then, and trap_dispatch makes the trap return to land(),
 * which jumps to the noted place. The note is the thread's, so the copy may
 * sleep and be preempted. Where the CPU keeps the kernel from the user's pages the
 * copy alone may touch them (user_access_begin); that is a flag of the thread's own,
 * too: a trap saves it, turns it off, and restores it.
 *
 * COST. A few dozen instructions beside the bytes, if nothing faults.
 */

#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/thread.h>
#include <kernel/trap.h>
#include <kernel/trap_internal.h>

static void __attribute__((noreturn)) land(void)
{
	__builtin_longjmp(thread_current()->copy_landing, 1);
}

void user_copy_fail(struct trap_frame *frame)
{
	trap_set_pc(frame, CODE_ADDRESS(land));
}

/* @return whether all of it was copied */
static bool __attribute__((noinline)) copy(void *to, const void *from, size_t bytes)
{
	void *registers[SETJMP_WORDS];
	volatile bool done = false;

	user_access_begin();
	if (__builtin_setjmp(registers) == 0) {
		thread_current()->copy_landing = registers;
		memcpy(to, from, bytes);
		done = true;
	}
	user_access_end();
	thread_current()->copy_landing = NULL;
	return done;
}

static bool is_users(uintptr_t va, size_t bytes)
{
	return va - USER_START <= USER_LAST - USER_START && bytes - 1 <= USER_LAST - va;
}

errno_t user_copy_in(void *to, uintptr_t from, size_t bytes)
{
	thread_check_may_sleep(__func__);
	if (bytes == 0)
		return EOK;
	return thread_current()->as != NULL && is_users(from, bytes) && copy(to, (const void *) from, bytes) ? EOK : EFAULT;
}

errno_t user_copy_out(uintptr_t to, const void *from, size_t bytes)
{
	thread_check_may_sleep(__func__);
	if (bytes == 0)
		return EOK;
	return thread_current()->as != NULL && is_users(to, bytes) && copy((void *) to, from, bytes) ? EOK : EFAULT;
}
