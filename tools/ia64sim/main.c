// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * ia64sim [OPTIONS] PROGRAM [ARGUMENTS]
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "usage: ia64sim [OPTIONS] PROGRAM [ARGUMENTS]\n"
							"Runs a static ia64 ELF program that boots as under Ski; the arguments are the\n"
							"boot arguments. The status is that of the program; 125 if it does what is not\n"
							"modelled, 124 after the limit of -n, 2 if it cannot be loaded.\n"
							"  -c COMMANDS  runs these in place of `run`, separated by `;`; `help` lists them\n"
							"  -i           commands from the terminal\n"
							"  -n COUNT     stops after so many instructions\n"
							"  -p COUNT     instructions for a count of ar.itc, which counts at 2 MHz (50)\n"
							"  -r, -R       halt light waits in real time, or skips (default: waits if the\n"
							"               input is a terminal)\n"
							"  -t FILE      trace of register writes and branches\n"
							"  -f FILE      initial file system of call 77\n"
							"  -s           statistics at the end\n"
							"  -q           no message at the exit\n";

/** What a processor has after reset, and what Ski's has besides (2:3.3, and its entry state). */
static void reset(uint64_t entry)
{
	cpu.ip = entry & ~15ULL;
	cpu.pr = 1;
	cpu.sof = STACKED;
	cpu.fr[1] = (struct fr){ BIT(63), 0xffff, 0 };
	cpu.cr[CR_PTA] = 15 << 2;
	cpu.cr[CR_ITV] = cpu.cr[CR_PMV] = cpu.cr[CR_CMCV] = BIT(16);
	cpu.cpuid[0] = 0x6574696c706f48; // vendor: "Hoplite"
	cpu.cpuid[3] = 0x1f030004;
	cpu.timer_at = UINT64_MAX;
}

/** The boot arguments, each with a space after it. */
static const char *join(char **words)
{
	size_t size = 1;

	for (char **word = words; *word != NULL; word++)
		size += strlen(*word) + 1;
	char *line = calloc(1, size);

	if (line == NULL)
		exit(2);
	for (char **word = words; *word != NULL; word++) {
		strcat(line, *word);
		strcat(line, " ");
	}
	return line;
}

static void print_statistics(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	double seconds = (double) (now.tv_sec - start->tv_sec) + (double) (now.tv_nsec - start->tv_nsec) / 1e9;

	fprintf(stderr, "%ju instructions (%ju interruptions), %.2f s, %.0f million a second\n", (uintmax_t) cpu.count,
		(uintmax_t) cpu.interruptions, seconds, (double) cpu.count / seconds / 1e6);
}

int main(int argc, char **argv)
{
	const char *script = "run";
	char limited[40];
	struct timespec start;
	int option;

	options.real_idle = isatty(0);
	while ((option = getopt(argc, argv, "+c:in:p:rRt:f:sqh")) != -1) {
		switch (option) {
		case 'c':
			script = optarg;
			break;
		case 'i':
			script = NULL;
			break;
		case 'n':
			snprintf(limited, sizeof limited, "until %s", optarg);
			script = limited;
			break;
		case 'p':
			options.itc_period = (unsigned) strtoul(optarg, NULL, 0);
			break;
		case 'r':
		case 'R':
			options.real_idle = option == 'r';
			break;
		case 't':
			trace_file = fopen(optarg, "w");
			if (trace_file == NULL) {
				perror(optarg);
				return 2;
			}
			break;
		case 'f':
			options.initramfs = optarg;
			break;
		case 's':
			options.statistics = true;
			break;
		case 'q':
			options.quiet = true;
			break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (optind == argc || options.itc_period == 0) {
		fputs(usage, stderr);
		return 2;
	}
	options.arguments = join(argv + optind + 1);
	reset(elf_load(argv[optind]));
	clock_gettime(CLOCK_MONOTONIC, &start);
	enum stop why = command_loop(script);

	if (options.statistics)
		print_statistics(&start);
	ssc_end();
	if (trace_file != NULL)
		fclose(trace_file);
	if (why == STOP_ERROR)
		return 125;
	if (why == STOP_LIMIT && script == limited)
		return 124;
	return exit_status;
}
