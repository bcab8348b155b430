/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Commands about the kernel around the core: threads, cpus, symaddr, btrace,
 * uptime, version, halt.
 */

#include "groups.h"

#include <kernel/console.h>
#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/symbols.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <mm/page.h>

/* ---- threads ---- */

#define DURATION_TEXT 24

/* Ticks as seconds, "12.34". */
static const char *ticks_text(char text[static DURATION_TEXT], uint64_t ticks)
{
	uint64_t hundredths = ticks * 100 / arch_timer_hz;

	ksnprintf(text, DURATION_TEXT, "%llu.%02u", (unsigned long long) (hundredths / 100), (unsigned) (hundredths % 100));
	return text;
}

#define SECONDS(ticks) ticks_text((char[DURATION_TEXT]){ 0 }, (ticks))

static bool print_thread(const struct thread_info *info, void *argument)
{
	(void) argument;
	kprintf("%4u  %-23s  %-8s  %3u  %9s  %10llu  ", info->id, info->name, thread_state_name(info->state), info->cpu,
		SECONDS(info->ticks), (unsigned long long) info->switches);
	if (info->stack == 0)
		kprintf("boot stack\n");
	else if (info->stack_used == 0)
		kprintf("     - of %5zu\n", (size_t) THREAD_STACK_SIZE);
	else
		kprintf("%6zu of %5zu\n", info->stack_used, (size_t) THREAD_STACK_SIZE);
	return true;
}

static bool run_threads(const struct command_call *call)
{
	(void) call;
	kprintf(
		"%4s  %-23s  %-8s  %3s  %9s  %10s  %s\n", "ID", "NAME", "STATE", "CPU", "SECONDS", "SWITCHES", "STACK (BYTES)");
	thread_each(print_thread, NULL);
	return true;
}

/* ---- cpus ---- */

static void print_interrupts(void)
{
	const char *name;
	uint64_t count;

	for (unsigned irq = 0; irq < IRQ_COUNT; irq++)
		if (irq_get_info(irq, &name, &count))
			kprintf("Interrupt line %u (%s): %llu\n", irq, name, (unsigned long long) count);
	kprintf("Interrupts that no line has claimed: %llu. Characters typed that were dropped: %zu.\n",
		(unsigned long long) irq_unclaimed(), console_input_dropped());
}

static bool run_cpus(const struct command_call *call)
{
	struct cpu_info info;

	(void) call;
	kprintf("CPU  %9s  %9s  %10s  %10s  %5s  %s\n", "UP (S)", "IDLE (S)", "SWITCHES", "INTERRUPTS", "READY", "RUNNING");
	for (unsigned i = 0; cpu_get_info(i, &info); i++)
		kprintf("%3u  %9s  %9s  %10llu  %10llu  %5zu  %s\n", i, SECONDS(info.ticks), SECONDS(info.idle_ticks),
			(unsigned long long) info.switches, (unsigned long long) info.interrupts, info.ready, info.running_name);
	print_interrupts();
	return true;
}

/* ---- symaddr ---- */

static bool tell_symbol(const char *name, uintptr_t va, void *argument)
{
	struct name_sink *sink = argument;

	(void) va;
	sink->take(sink, name);
	return true;
}

void symbol_names_tell(struct name_sink *sink)
{
	symbol_each("", tell_symbol, sink);
}

/* Static functions of several files may have one name: each is a line. */
struct named {
	const char *name;
	size_t count;
};

static bool print_named(const char *name, uintptr_t va, void *argument)
{
	struct named *named = argument;

	if (strcmp(name, named->name) != 0)
		return true;
	kprintf(ADDRESS "  %s\n", ADDRESS_OF(va), name);
	named->count++;
	return true;
}

static bool run_symaddr(const struct command_call *call)
{
	struct named named = { .name = call->words[0] };
	uintptr_t va = (uintptr_t) call->values[0];
	size_t offset;
	const char *name;

	symbol_each(named.name, print_named, &named);
	if (named.count != 0)
		return true;
	name = symbol_name(va, &offset);
	if (name != NULL)
		kprintf(ADDRESS "  %s+0x%zx\n", ADDRESS_OF(va), name, offset);
	else
		kprintf(ADDRESS "  no symbol: it does not lie in the kernel's image\n", ADDRESS_OF(va));
	return true;
}

/* ---- btrace ---- */

static bool run_btrace(const struct command_call *call)
{
	if (call->count == 0) {
		struct unwind unwind;

		backtrace_begin(&unwind);
		backtrace_print(&unwind);
		return true;
	}
	if (thread_backtrace((unsigned) call->values[0]))
		return true;
	return command_refuse(call->command, "there is no thread %s; threads lists them", call->words[0]);
}

/* ---- uptime, version, halt ---- */

static bool run_uptime(const struct command_call *call)
{
	uint64_t milliseconds = time_ms();
	unsigned seconds = (unsigned) (milliseconds / 1000);

	(void) call;
	kprintf("%u days %u:%02u:%02u.%03u, %llu ticks at %u a second\n", seconds / 86400, seconds / 3600 % 24,
		seconds / 60 % 60, seconds % 60, (unsigned) (milliseconds % 1000), (unsigned long long) time_ticks(),
		arch_timer_hz);
	return true;
}

static bool run_version(const struct command_call *call)
{
	(void) call;
	kprintf("Hoplite " CONFIG_VERSION " for " CONFIG_PROFILE ", " CONFIG_MODE
			" build, page mapping: %s, gcc " __VERSION__ "\n",
		page_design_name());
	return true;
}

static bool run_halt(const struct command_call *call)
{
	unsigned status = call->count > 0 ? (unsigned) call->values[0] : HALT_OK;

	kprintf("halted, status %u\n", status); /* tools/console.py looks for it: a reset may have the same status */
	halt(status);
}

static const struct command commands[] = {
	{
		.name = "threads",
		.summary = "the threads: what they do, what they have used",
		.detail = "SECONDS: of the CPU's time. STACK: the most that was ever in use, where the build\n"
				  "keeps track of it (debug).\n",
		.run = run_threads,
	},
	{
		.name = "cpus",
		.summary = "the CPUs, and what they have done",
		.run = run_cpus,
	},
	{
		.name = "symaddr",
		.summary = "addresses of a symbol, or symbol at an address",
		.detail = "Of a name that static functions of several files have, each is told.\n",
		.run = run_symaddr,
		.arguments = { { .kind = ARGUMENT_ADDRESS, .name = "NAME", .names = symbol_names_tell } },
	},
	{
		.name = "btrace",
		.summary = "who called whom: in this thread, or in another",
		.run = run_btrace,
		.arguments = { { .kind = ARGUMENT_NUMBER, .name = "ID", .optional = true, .least = 1, .most = UINT32_MAX } },
	},
	{
		.name = "uptime",
		.summary = "time since the timer was started",
		.run = run_uptime,
	},
	{
		.name = "version",
		.summary = "what this is, and how it was built",
		.run = run_version,
	},
	{
		.name = "halt",
		.summary = "stop the machine",
		.detail = "STATUS, 0 if not given, is told to the emulator, which makes its own of it.\n",
		.run = run_halt,
		.arguments = { { .kind = ARGUMENT_NUMBER, .name = "STATUS", .optional = true, .most = 99 } },
	},
};

const struct command_group kernel_commands = { "The kernel", commands, ARRAY_COUNT(commands) };
