// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Calls of the simulator: `break 0x80000` or `0x80001`, at any privilege level,
 * with a number in r15, arguments in r32 to r35 of the current frame, and the
 * result in r8. They are Ski's. Addresses are physical.
 *
 * The console is the standard input and output of this process. Get-character
 * waits until there is a byte, or the end of input, which reads as 0. After
 * connect-interrupt of the keyboard it does not wait: it gives 0 if there is
 * none, and bytes that arrive raise the vector. Arrivals are looked for between
 * instructions, every 65536 of them and when the machine halts. A regular file
 * has no arrivals.
 *
 * Halt light ends with the next interrupt that is pending, masked or not. If there
 * is none, the clock is moved to the timer's next match; with options.real_idle
 * (a terminal's default) that takes its time, and a key ends it.
 */
#include "sim.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
	SSC_HALT_LIGHT = 19,
	SSC_CONSOLE_INIT = 20,
	SSC_GETCHAR = 21,
	SSC_PUTCHAR = 31,
	SSC_CONNECT_INTERRUPT = 58,
	SSC_GENERATE_INTERRUPT = 59,
	SSC_EXIT = 66,
	SSC_GET_ARGS = 75,
	SSC_CTL_TRACE = 76,
	SSC_GET_INITRAMFS = 77,
};

enum { KEYBOARD = 3, CONNECTIONS = 8 };

/** What connect-interrupt has connected; vector 0 is none. */
static unsigned vectors[CONNECTIONS];
static int arrived; //!< bytes that were there at the last look, and have not been read since
static struct termios terminal;
static bool terminal_changed;

static void terminal_restore(void)
{
	if (terminal_changed)
		tcsetattr(0, TCSANOW, &terminal);
	terminal_changed = false;
}

/** Called before the process ends. */
void ssc_end(void)
{
	fflush(stdout);
	terminal_restore();
}

static void terminal_raw(void)
{
	struct termios raw;

	if (terminal_changed || tcgetattr(0, &terminal) != 0)
		return;
	raw = terminal;
	cfmakeraw(&raw);
	raw.c_lflag |= ISIG; // Ctrl-C ends the simulator
	if (tcsetattr(0, TCSANOW, &raw) == 0) {
		if (!terminal_changed)
			atexit(terminal_restore);
		terminal_changed = true;
	}
}

static bool input_ready(int timeout)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };

	return poll(&input, 1, timeout) > 0;
}

static uint64_t get_character(void)
{
	signed char byte = 0;

	fflush(stdout);
	if (vectors[KEYBOARD] != 0 && !input_ready(0))
		return 0;
	while (read(0, &byte, 1) < 0) {
		if (errno == EAGAIN)
			input_ready(-1);
		else if (errno != EINTR)
			return 0;
	}
	if (arrived > 0)
		arrived--;
	return (uint64_t) (int64_t) byte;
}

/** Raises the keyboard's interrupt if bytes have arrived since the last look. */
void ssc_poll(void)
{
	struct stat status;
	int count = 0;

	fflush(stdout);
	if (vectors[KEYBOARD] == 0 || fstat(0, &status) != 0 || S_ISREG(status.st_mode) || ioctl(0, FIONREAD, &count) != 0)
		return;
	if (count > arrived)
		external_pend(vectors[KEYBOARD]);
	arrived = count;
}

static bool pending(void)
{
	return (cpu.irr[0] | cpu.irr[1] | cpu.irr[2] | cpu.irr[3]) != 0;
}

/** Waits in real time for a key, or for @p ticks of 0.5 microseconds. @return ticks that have passed */
static uint64_t wait_really(uint64_t ticks)
{
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	input_ready(ticks > 2000000 ? 1000 : (int) (ticks / 2000) + 1);
	clock_gettime(CLOCK_MONOTONIC, &after);
	uint64_t passed = (uint64_t) (after.tv_sec - before.tv_sec) * 2000000 +
		(uint64_t) (after.tv_nsec - before.tv_nsec + 1000000000) / 500 - 2000000;

	return passed < ticks ? passed : ticks;
}

static void halt_light(void)
{
	ssc_poll();
	if (pending())
		return;
	uint64_t now = itc_read();

	if (cpu.timer_at != UINT64_MAX) {
		uint64_t ahead = cpu.cr[CR_ITM] - now;

		if (options.real_idle)
			ahead = wait_really(ahead);
		cpu.itc_base = now + ahead;
		cpu.itc_count = cpu.count;
		if (cpu.itc_base == cpu.cr[CR_ITM])
			cpu.timer_at = cpu.count;
		else
			timer_changed();
	} else if (vectors[KEYBOARD] != 0) {
		input_ready(-1);
		ssc_poll();
		if (!pending())
			unmodelled("halt light without a timer, at the end of input: nothing can end it");
	} else {
		unmodelled("halt light without a timer: nothing can end it");
	}
	want_attention();
}

/** Copies into physical memory, over pages. */
static void copy_out(uint64_t pa, const char *bytes, size_t size)
{
	while (size > 0) {
		size_t part = 0x1000 - (pa & 0xfff);

		if (part > size)
			part = size;
		memory_write(pa, bytes, (unsigned) part);
		pa += part;
		bytes += part;
		size -= part;
	}
}

/** The arguments, each with a space after it. */
static uint64_t get_arguments(uint64_t pa)
{
	copy_out(pa, options.arguments, strlen(options.arguments));
	return strlen(options.arguments);
}

static uint64_t get_initramfs(uint64_t pa)
{
	char buffer[4096];
	uint64_t total = 0;
	size_t count;
	FILE *file = options.initramfs == NULL ? NULL : fopen(options.initramfs, "rb");

	if (file == NULL)
		return 0;
	while ((count = fread(buffer, 1, sizeof buffer, file)) > 0) {
		copy_out(pa + total, buffer, count);
		total += count;
	}
	fclose(file);
	return total;
}

static uint64_t argument(unsigned n)
{
	return cpu.gr[gr_index(32 + n)];
}

static void result(uint64_t value)
{
	cpu.gr[8] = value;
	cpu.nat[8] = 0;
}

static _Noreturn void end(int status)
{
	ssc_end();
	exit_status = status & 0xff;
	if (!options.quiet)
		fprintf(stderr, "kernel exited with status %d\n", status);
	leave(STOP_EXIT);
}

bool ssc_call(uint64_t imm)
{
	if (imm != 0x80000 && imm != 0x80001)
		return false;
	switch (cpu.gr[15]) {
	case SSC_HALT_LIGHT:
		halt_light();
		break;
	case SSC_CONSOLE_INIT:
		terminal_raw();
		break;
	case SSC_GETCHAR:
		result(get_character());
		break;
	case SSC_PUTCHAR:
		putchar((int) (argument(0) & 0xff));
		if ((argument(0) & 0xff) == '\n')
			fflush(stdout);
		break;
	case SSC_CONNECT_INTERRUPT:
		if (argument(0) >= CONNECTIONS)
			unmodelled("connect interrupt of type %ju", (uintmax_t) argument(0));
		vectors[argument(0)] = argument(1) & 0xff;
		want_attention();
		break;
	case SSC_GENERATE_INTERRUPT:
		if (argument(0) >= CONNECTIONS || vectors[argument(0)] == 0)
			unmodelled("generate interrupt of type %ju, which is not connected", (uintmax_t) argument(0));
		external_pend(vectors[argument(0)]);
		break;
	case SSC_CTL_TRACE:
		break;
	case SSC_EXIT:
		result(argument(0));
		end((int) argument(0));
	case SSC_GET_ARGS:
		result(get_arguments(argument(0)));
		break;
	case SSC_GET_INITRAMFS:
		result(get_initramfs(argument(0)));
		break;
	default:
		unmodelled("call %ju of the simulator", (uintmax_t) cpu.gr[15]);
	}
	return true;
}
