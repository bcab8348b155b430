# SPDX-License-Identifier: BSD-2-Clause
#
# gdb on a machine that `make debug` has started and that waits:
#
#     gdb -x contrib/gdb/hoplite.gdb build/ia32/debug/hoplite.elf
#
# It stops where the kernel begins, and again at every panic, before that
# prints. break, step and bt work as everywhere; added is
#
#     hoplite-threads     all threads: where each runs, or will be resumed

set confirm off
set pagination off

define hoplite-threads
	set $link = thread_list.next
	while $link != &thread_list
		set $thread = (struct thread *) ((char *) $link - (long) &((struct thread *) 0)->all_link)
		printf "%4u %-24s ", $thread->id, $thread->name
		output $thread->state
		printf "  stack pointer %p\n", (void *) $thread->context.stack_pointer
		set $link = $link->next
	end
end
document hoplite-threads
Lists all threads: number, name, state, and the stack pointer that each will be resumed with.
end

target remote 127.0.0.1:1234

# Until the boot code has turned paging on, only a hardware breakpoint can be set at a kernel address.
thbreak kernel_main
hbreak panic
hbreak panic_trap
continue
