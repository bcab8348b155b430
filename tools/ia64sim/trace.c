// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * The trace, and what the prompt prints.
 *
 * A trace has a line for each write of a register, and for each branch that is
 * taken and each interruption:
 *
 *     <count> <address>.<slot> r8=0000000000000005
 *     <count> <address>.<slot> -> <address>.<slot>
 *
 * It is made by comparing the machine before and after each instruction, so it
 * shows what changed, not what was written with the value that it had; and it
 * costs nothing while there is none. Registers that the register stack engine
 * moves are not writes.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

FILE *trace_file;
static struct cpu before;

void trace_before(void)
{
	before = cpu;
}

static void trace_place(void)
{
	fprintf(trace_file, "%ju %jx.%u ", (uintmax_t) before.count, (uintmax_t) before.ip, before.slot);
}

static void trace_value(const char *name, unsigned number, uint64_t value)
{
	trace_place();
	fprintf(trace_file, "%s%u=%016jx\n", name, number, (uintmax_t) value);
}

void trace_after(void)
{
	bool moved = cpu.ip != before.ip || cpu.slot != before.slot;
	bool frame = cpu.sof != before.sof || cpu.bof != before.bof || cpu.rrb_gr != before.rrb_gr;

	for (unsigned r = 1; r < (moved || frame ? 32 : 32 + cpu.sof); r++) {
		unsigned index = gr_index(r);

		if ((cpu.psr ^ before.psr) & BIT(PSR_BN) && r >= 16 && r < 32)
			continue;
		if (cpu.gr[index] != before.gr[index] || cpu.nat[index] != before.nat[index])
			trace_value(cpu.nat[index] ? "nat r" : "r", r, cpu.gr[index]);
	}
	if (frame && !moved && cpu.bof == before.bof) { // alloc: its target alone
		for (unsigned r = 32; r < 32 + cpu.sof; r++) {
			if (cpu.gr[gr_index(r)] != before.gr[gr_index(r)])
				trace_value("r", r, cpu.gr[gr_index(r)]);
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		if (cpu.br[i] != before.br[i])
			trace_value("b", i, cpu.br[i]);
	}
	if (cpu.pr != before.pr) {
		trace_place();
		fprintf(trace_file, "pr=%016jx\n", (uintmax_t) cpu.pr);
	}
	for (unsigned i = 2; i < 128; i++) {
		if (memcmp(&cpu.fr[i], &before.fr[i], sizeof cpu.fr[i]) != 0) {
			trace_place();
			fprintf(trace_file, "f%u=%u:%05x:%016jx\n", i, cpu.fr[i].sign, cpu.fr[i].exponent,
				(uintmax_t) cpu.fr[i].significand);
		}
	}
	if (moved) {
		trace_place();
		fprintf(trace_file, "-> %jx.%u\n", (uintmax_t) cpu.ip, cpu.slot);
	}
}

static const struct {
	const char *name;
	unsigned number;
} application[] = {
	{"rsc", AR_RSC}, {"ccv", AR_CCV}, {"unat", AR_UNAT}, {"fpsr", AR_FPSR},
	{"pfs", AR_PFS}, {"lc", AR_LC}, {"ec", AR_EC},
}, control[] = {
	{"dcr", CR_DCR}, {"itm", CR_ITM}, {"iva", CR_IVA}, {"pta", CR_PTA}, {"ipsr", CR_IPSR}, {"isr", CR_ISR},
	{"iip", CR_IIP}, {"ifa", CR_IFA}, {"itir", CR_ITIR}, {"iipa", CR_IIPA}, {"ifs", CR_IFS}, {"iim", CR_IIM},
	{"iha", CR_IHA}, {"tpr", CR_TPR},
	{"itv", CR_ITV},
};

enum { APPLICATION = sizeof application / sizeof *application, CONTROL = sizeof control / sizeof *control };

void print_registers(FILE *out)
{
	fprintf(out, "ip %016jx.%u  psr %016jx  cpl %u  pr %016jx  count %ju  interruptions %ju\n", (uintmax_t) cpu.ip,
		cpu.slot, (uintmax_t) cpu.psr, cpl(), (uintmax_t) cpu.pr, (uintmax_t) cpu.count, (uintmax_t) cpu.interruptions);
	fprintf(out, "sof %u sol %u sor %u rrb %u %u %u  bsp %016jx bspstore %016jx rnat %016jx dirty %d\n", cpu.sof,
		cpu.sol, cpu.sor, cpu.rrb_gr, cpu.rrb_fr, cpu.rrb_pr, (uintmax_t) cpu.bsp, (uintmax_t) cpu.bspstore,
		(uintmax_t) cpu.rnat, cpu.dirty);
	for (unsigned r = 0; r < 32 + cpu.sof; r++) {
		unsigned index = gr_index(r);

		fprintf(
			out, "r%-3u%c%016jx%s", r, cpu.nat[index] ? '*' : ' ', (uintmax_t) cpu.gr[index], r % 4 == 3 ? "\n" : "  ");
	}
	fprintf(out, "%s", cpu.sof % 4 != 0 ? "\n" : "");
	for (unsigned i = 0; i < 8; i++)
		fprintf(out, "b%u   %016jx%s", i, (uintmax_t) cpu.br[i], i % 4 == 3 ? "\n" : "  ");
	for (unsigned i = 0; i < APPLICATION; i++)
		fprintf(out, "%-4s %016jx%s", application[i].name, (uintmax_t) cpu.ar[application[i].number],
			i % 4 == 3 ? "\n" : "  ");
	fprintf(out, "itc  %016jx\n", (uintmax_t) itc_read());
	for (unsigned i = 0; i < CONTROL; i++)
		fprintf(out, "%-4s %016jx%s", control[i].name, (uintmax_t) cpu.cr[control[i].number], i % 4 == 3 ? "\n" : "  ");
	fprintf(out, "\n");
}

void print_fp(FILE *out)
{
	for (unsigned f = 0; f < 128; f++) {
		const struct fr *value = &cpu.fr[fr_index(f)];

		fprintf(out, "f%-3u %u:%05x:%016jx%s", f, value->sign, value->exponent, (uintmax_t) value->significand,
			f % 3 == 2 ? "\n" : "  ");
	}
	fprintf(out, "\n");
}

static void print_translations(FILE *out, const char *name, const struct translation *entries, unsigned count)
{
	static const char *const rights[] = { "r", "rx", "rw", "rwx", "r/rw", "rx/rwx", "rwx/rw", "x/rx" };

	for (unsigned i = 0; i < count; i++) {
		const struct translation *entry = &entries[i];

		if (!entry->valid)
			continue;
		fprintf(out, "%s[%3u] rid %06x va %016jx ps %2u -> pa %013jx %s%s%s pl %u %s ma %u key %06x\n", name, i,
			entry->rid, (uintmax_t) entry->va, entry->ps, (uintmax_t) entry->pa, entry->present ? "p" : "-",
			entry->accessed ? "a" : "-", entry->dirty ? "d" : "-", entry->pl, rights[entry->rights], entry->ma,
			entry->key);
	}
}

void print_tlbs(FILE *out)
{
	for (unsigned i = 0; i < 8; i++)
		fprintf(out, "rr%u rid %06jx ps %2ju ve %ju%s", i, (uintmax_t) (cpu.rr[i] >> 8),
			(uintmax_t) (cpu.rr[i] >> 2 & 0x3f), (uintmax_t) (cpu.rr[i] & 1), i % 4 == 3 ? "\n" : "   ");
	print_translations(out, "itr", cpu.itlb.fixed, TRANSLATION_REGISTERS);
	print_translations(out, "dtr", cpu.dtlb.fixed, TRANSLATION_REGISTERS);
	print_translations(out, "itc", cpu.itlb.cache, TRANSLATION_CACHE);
	print_translations(out, "dtc", cpu.dtlb.cache, TRANSLATION_CACHE);
}

/** The number at the end of @p name, if it is @p prefix and a number below @p limit; else -1. */
static int numbered(const char *name, const char *prefix, int limit)
{
	char *end;
	size_t length = strlen(prefix);

	if (strncmp(name, prefix, length) != 0 || name[length] < '0' || name[length] > '9')
		return -1;
	long number = strtol(name + length, &end, 10);

	return *end == '\0' && number < limit ? (int) number : -1;
}

/** Also nat<r>, p<n>, f<n>.sig, f<n>.exp (with the sign in bit 17), rr<n>. */
bool register_named(const char *name, uint64_t *value)
{
	int n;

	if ((n = numbered(name, "nat", (int) (32 + cpu.sof))) >= 0)
		*value = cpu.nat[gr_index((unsigned) n)];
	else if ((n = numbered(name, "rr", 8)) >= 0)
		*value = cpu.rr[n];
	else if ((n = numbered(name, "r", (int) (32 + cpu.sof))) >= 0)
		*value = cpu.gr[gr_index((unsigned) n)];
	else if ((n = numbered(name, "b", 8)) >= 0)
		*value = cpu.br[n];
	else if ((n = numbered(name, "p", 64)) >= 0)
		*value = pr_is((unsigned) n);
	else if (name[0] == 'f' && strlen(name) > 5 && strlen(name) < 9) {
		char number[8] = "";

		memcpy(number, name, strlen(name) - 4);
		n = numbered(number, "f", 128);
		if (n < 0)
			return false;
		const struct fr *fr = &cpu.fr[fr_index((unsigned) n)];

		if (strcmp(name + strlen(name) - 4, ".sig") == 0)
			*value = fr->significand;
		else if (strcmp(name + strlen(name) - 4, ".exp") == 0)
			*value = fr->exponent | (uint64_t) fr->sign << 17;
		else
			return false;
	} else if (strcmp(name, "ip") == 0)
		*value = cpu.ip | cpu.slot;
	else if (strcmp(name, "psr") == 0)
		*value = cpu.psr;
	else if (strcmp(name, "pr") == 0)
		*value = cpu.pr;
	else if (strcmp(name, "bsp") == 0)
		*value = cpu.bsp;
	else if (strcmp(name, "bspstore") == 0)
		*value = cpu.bspstore;
	else if (strcmp(name, "rnat") == 0)
		*value = cpu.rnat;
	else if (strcmp(name, "itc") == 0)
		*value = itc_read();
	else if (strcmp(name, "cfm") == 0)
		*value = cfm_read();
	else if (strcmp(name, "sof") == 0)
		*value = cpu.sof;
	else if (strcmp(name, "count") == 0)
		*value = cpu.count;
	else {
		for (unsigned i = 0; i < APPLICATION; i++) {
			if (strcmp(name, application[i].name) == 0) {
				*value = cpu.ar[application[i].number];
				return true;
			}
		}
		for (unsigned i = 0; i < CONTROL; i++) {
			if (strcmp(name, control[i].name) == 0) {
				*value = cpu.cr[control[i].number];
				return true;
			}
		}
		return false;
	}
	return true;
}
