// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * The loop: fetch a bundle, execute its slots one after the other.
 *
 * Code without dependency violations means the same whether the instructions of
 * a group run at once or in order (1:3.4), so they run in order. Each page of
 * code is decoded bundle by bundle as it is reached (decode.c) and stays so
 * until fc; see memory.c.
 *
 * Whatever is not an instruction (timer, console, interrupts, breakpoints, a
 * trace) is done in attend(), which the loop calls when the count of
 * instructions reaches cpu.attend_at. Instructions that a predicate turns off
 * count; those that fault do not.
 */
#include "sim.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

/** The console is looked at after so many instructions. */
enum { POLL_PERIOD = 1 << 16 };

struct cpu cpu;
struct options options = { .itc_period = 50 };
int exit_status;
static jmp_buf again, out;
static uint64_t run_limit, polled_at;
static volatile sig_atomic_t signalled; //!< Ctrl-C, with a prompt to come back to
static bool skip_breakpoint;            //!< the first instruction of a run does not stop at its breakpoint

_Noreturn void leave(enum stop why)
{
	longjmp(out, (int) why + 1);
}

_Noreturn void resume(void)
{
	longjmp(again, 1);
}

void want_attention(void)
{
	cpu.attend_at = 0;
}

_Noreturn void unmodelled(const char *format, ...)
{
	va_list arguments;
	uint8_t bytes[16];
	struct outcome outcome = translate_quietly(cpu.ip, ACCESS_EXECUTE, cpl(), psr_is(PSR_IT));

	fflush(stdout);
	fprintf(stderr, "ia64sim: stopped: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(
		stderr, "\n  at %016jx slot %u, after %ju instructions\n", (uintmax_t) cpu.ip, cpu.slot, (uintmax_t) cpu.count);
	if (outcome.kind == TRANSLATED && memory_read(outcome.pa & ~15ULL, bytes, sizeof bytes)) {
		uint64_t low, high;

		memcpy(&low, bytes, 8);
		memcpy(&high, bytes + 8, 8);
		uint64_t slots[] = { low >> 5 & (BIT(41) - 1), (low >> 46 | high << 18) & (BIT(41) - 1), high >> 23 };

		fprintf(stderr, "  bundle %016jx %016jx, template %02x, slots %011jx %011jx %011jx, this one %011jx\n",
			(uintmax_t) low, (uintmax_t) high, (unsigned) (low & 31), (uintmax_t) slots[0], (uintmax_t) slots[1],
			(uintmax_t) slots[2], (uintmax_t) slots[cpu.slot]);
	}
	leave(STOP_ERROR);
}

/** Everything that is due before @p insn. */
static void attend(const struct insn *insn)
{
	if (insn->execute == execute_second_half)
		return; // nothing happens within a long instruction
	if (cpu.count >= run_limit)
		leave(STOP_LIMIT);
	if (cpu.count >= polled_at) {
		if (signalled) {
			signalled = 0;
			leave(STOP_INTERRUPTED);
		}
		ssc_poll();
		polled_at = cpu.count + POLL_PERIOD;
	}
	interruption_attend();
	if (!skip_breakpoint) {
		for (unsigned i = 0; i < breakpoint_count; i++) {
			if (breakpoints[i] == (cpu.ip | cpu.slot))
				leave(STOP_BREAKPOINT);
		}
	}
	skip_breakpoint = false;
	cpu.attend_at = polled_at;
	if (cpu.timer_at < cpu.attend_at)
		cpu.attend_at = cpu.timer_at;
	if (run_limit < cpu.attend_at)
		cpu.attend_at = run_limit;
	if (breakpoint_count > 0 || trace_file != NULL)
		cpu.attend_at = 0;
}

/** Executes one instruction. @return true if it has set the place of the next */
static inline bool step(const struct insn *insn)
{
	cpu.count++;
	return (cpu.pr >> insn->qp & 1) && insn->execute(insn);
}

static _Noreturn void loop(void)
{
	uint64_t page = 1; // none
	struct bundle *decoded = NULL;

	for (;;) {
		if ((cpu.ip & ~0xfffULL) != page || cpu.slot != 0) {
			decoded = fetch_page(cpu.ip);
			page = cpu.ip & ~0xfffULL;
		}
		struct bundle *bundle = &decoded[cpu.ip >> 4 & 0xff];
		uint64_t ip = cpu.ip;
		bool moved = false;

		cpu.entered = cpu.slot;
		do {
			if (__builtin_expect(cpu.count >= cpu.attend_at, 0))
				attend(&bundle->slot[cpu.slot]);
			if (__builtin_expect(!bundle->decoded, 0))
				decode(bundle, physical(translate(cpu.ip, ACCESS_EXECUTE, cpl(), psr_is(PSR_IT))));
			if (__builtin_expect(trace_file != NULL, 0)) {
				trace_before();
				moved = step(&bundle->slot[cpu.slot]);
				trace_after();
			} else {
				moved = step(&bundle->slot[cpu.slot]);
			}
			if (moved)
				break;
		} while (++cpu.slot < 3);
		cpu.last_ip = ip;
		if (moved) {
			page = 1;
		} else {
			cpu.slot = 0;
			cpu.ip += 16;
		}
	}
}

static void note_signal(int number)
{
	(void) number;
	signalled = 1;
}

void catch_interrupts(void)
{
	signal(SIGINT, note_signal);
}

enum stop run(uint64_t limit)
{
	int why = setjmp(out);

	if (why != 0)
		return (enum stop)(why - 1);
	run_limit = limit;
	skip_breakpoint = true;
	polled_at = cpu.count;
	cpu.attend_at = 0;
	(void) setjmp(again);
	loop();
}
