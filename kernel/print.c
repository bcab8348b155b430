/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where printed characters go: to the console, which is written by polling so
 * that it works in any context, and into the log, a ring that keeps the last
 * LOG_SIZE of them for whoever comes later (a debugger, too: log_ring).
 *
 * LOCK. print_lock protects the ring and the console device, and keeps what one
 * call prints together. It is the last in the order of locks, so anything may be
 * held by who prints. It is held with interrupts off for as long as the console
 * takes: on a real serial line of 115,200 baud some 90 us a character.
 *
 * PANIC. print_break_lock lets the panicking CPU print without the lock, which
 * it, or a CPU that will never run again, may hold.
 */

#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/print.h>
#include <mm/spinlock.h>

static struct mm_spinlock print_lock = SPINLOCK_INIT;
static bool lock_broken;
static bool muted;

static char log_ring[LOG_SIZE];
static uint64_t log_end; /* characters ever printed */

static port_irq_t print_begin(void)
{
	port_irq_t state = port_irq_save();

	if (likely(!__atomic_load_n(&lock_broken, __ATOMIC_RELAXED)))
		spinlock_lock_raw(&print_lock);
	return state;
}

static void print_end(port_irq_t state)
{
	if (likely(!__atomic_load_n(&lock_broken, __ATOMIC_RELAXED)))
		spinlock_unlock_raw(&print_lock);
	port_irq_restore(state);
}

void print_break_lock(void)
{
	__atomic_store_n(&lock_broken, true, __ATOMIC_RELAXED); /* the other CPUs have stopped, or soon will: no order */
}

void print_mute(bool mute)
{
	port_irq_t state = print_begin();

	muted = mute;
	print_end(state);
}

static void put_locked(struct format_sink *sink, char character)
{
	(void) sink;
	log_ring[log_end++ % LOG_SIZE] = character;
	if (muted && !lock_broken)
		return;
	if (character == '\n')
		arch_console_write('\r');
	arch_console_write(character);
}

static struct format_sink console_sink = { put_locked };

int vkprintf(const char *format, va_list arguments)
{
	port_irq_t state = print_begin();
	int count = format_print(&console_sink, format, arguments);

	print_end(state);
	return count;
}

int kprintf(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);

	int count = vkprintf(format, arguments);

	va_end(arguments);
	return count;
}

static const char *expected; /* what lines begin with that are to be marked */
static bool expected_last;   /* the last line was one */

void print_expect(const char *beginning)
{
	port_irq_t state = print_begin();

	expected = beginning;
	expected_last = false;
	print_end(state);
}

static void __attribute__((format(printf, 1, 0))) mark_expected_locked(const char *format, va_list arguments)
{
	char head[64];

	(void) kvsnprintf(head, sizeof(head), format, arguments);
	expected_last = string_starts_with(head, expected) || (expected_last && head[0] == ' ');
	for (const char *mark = "# (expected) "; expected_last && *mark != 0; mark++)
		put_locked(&console_sink, *mark);
}

void vkprint_line(const char *format, va_list arguments)
{
	port_irq_t state = print_begin();
	va_list again;

	if (expected != NULL) {
		va_copy(again, arguments);
		mark_expected_locked(format, again);
		va_end(again);
	}
	(void) format_print(&console_sink, format, arguments);
	put_locked(&console_sink, '\n');
	print_end(state);
}

void kprint_bytes(const char *text, size_t bytes)
{
	port_irq_t state = print_begin();

	for (size_t i = 0; i < bytes; i++)
		put_locked(&console_sink, text[i]);
	print_end(state);
}

uint64_t log_position(void)
{
	port_irq_t state = print_begin();
	uint64_t position = log_end;

	print_end(state);
	return position;
}

size_t log_read(uint64_t *position, char *buffer, size_t size)
{
	port_irq_t state = print_begin();
	uint64_t first = (log_end > LOG_SIZE) ? log_end - LOG_SIZE : 0;
	size_t copied = 0;

	if (*position < first)
		*position = first;
	while (copied < size && *position + copied < log_end) {
		buffer[copied] = log_ring[(*position + copied) % LOG_SIZE];
		copied++;
	}
	print_end(state);
	return copied;
}
