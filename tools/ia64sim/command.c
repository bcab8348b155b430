// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Commands: from a script (-c, separated by `;`), or from a terminal (-i).
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

uint64_t breakpoints[16];
unsigned breakpoint_count;

static const char help[] =
	"run             until something stops the machine\n"
	"step [N]        N instructions, or 1\n"
	"until N         until N instructions are counted\n"
	"break ADDRESS   stop before the instruction; the slot is the last digit; without an address: list\n"
	"delete          all breakpoints\n"
	"print NAME...   registers by their names: r8 nat8 b0 p6 f8.sig f8.exp rr1 pr psr\n"
	"                ip bsp rsc lc ipsr isr ifa itc ... and count\n"
	"registers       the registers\n"
	"fp              the floating-point registers\n"
	"tlb             region registers and translations\n"
	"memory A [N]    N words of 8 bytes at virtual address A, as the program would address them\n"
	"trace [FILE]    register writes and branches into the file; without one, end the trace\n"
	"quit\n";

static const char *const reasons[] = { "limit reached", "breakpoint", "the program has ended", "error", "interrupted" };

static void print_memory(uint64_t va, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++, va += 8) {
		struct outcome outcome = translate_quietly(va & ~7ULL, ACCESS_READ, 0, psr_is(PSR_DT));
		uint64_t word = 0;

		if (outcome.kind != TRANSLATED || !memory_read(outcome.pa, &word, 8)) {
			printf("%016jx not mapped\n", (uintmax_t) va);
			return;
		}
		printf("%016jx %016jx\n", (uintmax_t) va, (uintmax_t) word);
	}
}

static void print_names(char *names)
{
	uint64_t value;

	for (char *name = strtok(names, " \t\n"); name != NULL; name = strtok(NULL, " \t\n")) {
		if (register_named(name, &value))
			printf("%s %016jx\n", name, (uintmax_t) value);
		else
			printf("%s: no such register\n", name);
	}
}

static void trace(const char *path)
{
	if (trace_file != NULL)
		fclose(trace_file);
	trace_file = *path == '\0' ? NULL : fopen(path, "w");
	if (*path != '\0' && trace_file == NULL)
		perror(path);
}

static void add_breakpoint(const char *argument)
{
	if (*argument == '\0') {
		for (unsigned i = 0; i < breakpoint_count; i++)
			printf("%jx\n", (uintmax_t) breakpoints[i]);
	} else if (breakpoint_count == sizeof breakpoints / sizeof *breakpoints) {
		printf("no more than %u breakpoints\n", breakpoint_count);
	} else {
		breakpoints[breakpoint_count++] = strtoull(argument, NULL, 16);
	}
}

/** One command. @return false to quit */
static bool command(char *line, bool talk, enum stop *last)
{
	char *word = strtok(line, " \t\n"), *rest = word == NULL ? NULL : strtok(NULL, "\n");
	uint64_t limit = 0;

	if (word == NULL)
		return true;
	if (rest == NULL)
		rest = word + strlen(word);
	if (strcmp(word, "run") == 0)
		limit = UINT64_MAX;
	else if (strcmp(word, "step") == 0)
		limit = cpu.count + (*rest != '\0' ? strtoull(rest, NULL, 0) : 1);
	else if (strcmp(word, "until") == 0)
		limit = strtoull(rest, NULL, 0);
	else if (strcmp(word, "break") == 0)
		add_breakpoint(rest);
	else if (strcmp(word, "delete") == 0)
		breakpoint_count = 0;
	else if (strcmp(word, "print") == 0)
		print_names(rest);
	else if (strcmp(word, "registers") == 0)
		print_registers(stdout);
	else if (strcmp(word, "fp") == 0)
		print_fp(stdout);
	else if (strcmp(word, "tlb") == 0)
		print_tlbs(stdout);
	else if (strcmp(word, "trace") == 0)
		trace(rest);
	else if (strcmp(word, "quit") == 0)
		return false;
	else if (strcmp(word, "memory") == 0) {
		char *end;
		uint64_t va = strtoull(rest, &end, 16), count = strtoull(end, NULL, 0);

		print_memory(va, count == 0 ? 1 : count);
	} else {
		fputs(help, stdout);
	}
	if (limit != 0) {
		*last = run(limit);
		fflush(stdout);
		if (talk)
			printf("%s at %jx.%u, %ju instructions\n", reasons[*last], (uintmax_t) cpu.ip, cpu.slot,
				(uintmax_t) cpu.count);
	}
	return true;
}

enum stop command_loop(const char *script)
{
	enum stop last = STOP_LIMIT;
	char line[512];

	if (script != NULL) {
		while (*script != '\0') {
			size_t length = strcspn(script, ";");

			snprintf(line, sizeof line, "%.*s", (int) length, script);
			script += length + (script[length] == ';');
			if (!command(line, false, &last))
				break;
		}
		return last;
	}
	catch_interrupts();
	for (;;) {
		printf("ia64sim> ");
		fflush(stdout);
		if (fgets(line, sizeof line, stdin) == NULL || !command(line, true, &last))
			return last;
	}
}
