// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Addresses: region registers, both TLBs, protection, the VHPT walker, and the
 * fast look-ups that most references go by (2:4.1).
 *
 * A TLB has 16 registers and a cache of 128 entries, which loses the entry that
 * was looked up least recently. A look-up here is a search of the whole TLB:
 * slow. So each kind of access has a table, direct-mapped by virtual 4 KiB
 * page, of what the search and all checks came to. Its entries hold for one
 * privilege level, one value of psr.dt (it, rt), and one epoch; a change of a
 * region register, a key, or a TLB begins a new epoch. A fast look-up does not
 * count as a use for the cache's order.
 *
 * 50 bits of physical and all 61 bits of virtual address are implemented.
 *
 * The VHPT walker runs if PTA.ve and the region's ve say so. The short format's
 * hash is the architecture's; the long format's, and its tag, are our own,
 * and thash and ttag give the same.
 */
#include "sim.h"

#include <string.h>

enum { FAST = 1024, PA_BITS = 50 };

/** One result. */
struct fast {
	uint64_t tag; //!< page, epoch (bits 10:3), translation on (2), privilege level (1:0)
	union {
		uint8_t *bytes; //!< of the page
		struct bundle *decoded;
	};
	bool ed;
};

static struct fast fast_read[FAST], fast_write[FAST], fast_execute[FAST];
static uint64_t epoch = 1 << 3;
static uint64_t stamp;

void fast_forget(void)
{
	epoch += 1 << 3;
	if (epoch == 1 << 11) {
		memset(fast_read, 0, sizeof fast_read);
		memset(fast_write, 0, sizeof fast_write);
		memset(fast_execute, 0, sizeof fast_execute);
		epoch = 1 << 3;
	}
}

static uint64_t fast_tag(uint64_t va, unsigned pl, bool on)
{
	return (va & ~0xfffULL) | epoch | (uint64_t) on << 2 | pl;
}

static unsigned region(uint64_t va)
{
	return va >> 61;
}

static uint32_t region_id(uint64_t va)
{
	return cpu.rr[region(va)] >> 8 & 0xffffff;
}

static unsigned region_ps(uint64_t va)
{
	return cpu.rr[region(va)] >> 2 & 0x3f;
}

static bool holds(const struct translation *entry, uint64_t va, uint32_t rid)
{
	return entry->valid && entry->rid == rid && ((va ^ entry->va) & entry->mask) == 0;
}

const struct translation *tlb_find(struct tlb *tlb, uint64_t va)
{
	uint32_t rid = region_id(va);

	for (unsigned i = 0; i < TRANSLATION_REGISTERS; i++) {
		if (holds(&tlb->fixed[i], va, rid))
			return &tlb->fixed[i];
	}
	for (unsigned i = 0; i < TRANSLATION_CACHE; i++) {
		if (holds(&tlb->cache[i], va, rid)) {
			tlb->cache[i].used = ++stamp;
			return &tlb->cache[i];
		}
	}
	return NULL;
}

/** The mask of a page's number: the region bits do not take part, the region identifier does. */
static uint64_t page_mask(unsigned ps)
{
	return (BIT(61) - 1) & ~(BIT(ps) - 1);
}

/** True if the two pages have an address in common. */
static bool overlap(const struct translation *entry, uint64_t va, uint64_t mask, uint32_t rid)
{
	return entry->valid && entry->rid == rid && ((va ^ entry->va) & entry->mask & mask) == 0;
}

static bool page_size_known(unsigned ps)
{
	// 2:4.1.1.2, table 4-3
	return ps == 12 || ps == 13 || ps == 14 || ps == 16 || ps == 18 || ps == 20 || ps == 22 || ps == 24 || ps == 26 ||
		ps == 28 || ps == 32;
}

static void purge_cache(struct tlb *tlb, uint64_t va, uint64_t mask, uint32_t rid)
{
	for (unsigned i = 0; i < TRANSLATION_CACHE; i++) {
		if (overlap(&tlb->cache[i], va, mask, rid))
			tlb->cache[i].valid = false;
	}
}

/** @p slot is that of a translation register, or -1. The caller has checked the fields. */
void tlb_insert(struct tlb *tlb, int slot, uint64_t va, uint64_t pte, uint64_t itir)
{
	unsigned ps = itir >> 2 & 0x3f;
	struct translation *entry;

	if (!page_size_known(ps))
		unmodelled("insertion of a page of 2^%u bytes", ps);
	uint64_t mask = page_mask(ps);
	uint32_t rid = region_id(va);

	for (int i = 0; i < TRANSLATION_REGISTERS; i++) {
		if (i != slot && overlap(&tlb->fixed[i], va, mask, rid))
			unmodelled("machine check: insertion at %#jx overlaps translation register %d", (uintmax_t) va, i);
	}
	purge_cache(tlb, va, mask, rid);
	if (slot >= 0) {
		entry = &tlb->fixed[slot];
	} else {
		entry = &tlb->cache[0];
		for (unsigned i = 0; i < TRANSLATION_CACHE && entry->valid; i++) {
			if (!tlb->cache[i].valid || tlb->cache[i].used < entry->used)
				entry = &tlb->cache[i];
		}
	}
	*entry = (struct translation){
		.valid = true,
		.va = va & mask,
		.mask = mask,
		.rid = rid,
		.key = itir >> 8 & 0xffffff,
		.ps = ps,
		.present = pte & 1,
		.ma = pte >> 2 & 7,
		.accessed = pte >> 5 & 1,
		.dirty = pte >> 6 & 1,
		.pl = pte >> 7 & 3,
		.rights = pte >> 9 & 7,
		.ed = pte >> 52 & 1,
		.pa = pte & (BIT(PA_BITS) - 1) & ~(BIT(ps) - 1),
		.used = ++stamp,
	};
	fast_forget();
}

void tlb_purge(uint64_t va, unsigned ps)
{
	uint64_t mask = page_mask(ps);
	uint32_t rid = region_id(va);

	for (unsigned i = 0; i < TRANSLATION_REGISTERS; i++) {
		if (overlap(&cpu.itlb.fixed[i], va, mask, rid) || overlap(&cpu.dtlb.fixed[i], va, mask, rid))
			unmodelled("machine check: purge of %#jx overlaps translation register %u", (uintmax_t) va, i);
	}
	purge_cache(&cpu.itlb, va, mask, rid);
	purge_cache(&cpu.dtlb, va, mask, rid);
	fast_forget();
}

void tlb_purge_all(void)
{
	for (unsigned i = 0; i < TRANSLATION_CACHE; i++) {
		cpu.itlb.cache[i].valid = false;
		cpu.dtlb.cache[i].valid = false;
	}
	fast_forget();
}

void tlb_purge_fixed(struct tlb *tlb, uint64_t va, unsigned ps)
{
	uint64_t mask = page_mask(ps);
	uint32_t rid = region_id(va);

	for (unsigned i = 0; i < TRANSLATION_REGISTERS; i++) {
		if (overlap(&tlb->fixed[i], va, mask, rid))
			tlb->fixed[i].valid = false;
	}
	purge_cache(tlb, va, mask, rid);
	fast_forget();
}

/** 2:4.1.5.3 for the short format; the long format's is ours: number of the page, xor the identifier. */
uint64_t vhpt_hash(uint64_t va)
{
	uint64_t pta = cpu.cr[CR_PTA];
	uint64_t mask = BIT(pta >> 2 & 0x3f) - 1;
	uint64_t number = (va & (BIT(61) - 1)) >> region_ps(va);
	bool is_long = pta >> 8 & 1;
	uint64_t offset = is_long ? (number ^ region_id(va)) << 5 : number << 3;
	uint64_t base = pta & ~0x7fffULL;

	return (is_long ? base & (7ULL << 61) : va & (7ULL << 61)) | (((base & ~mask) | (offset & mask)) & (BIT(61) - 1));
}

uint64_t vhpt_tag(uint64_t va)
{
	return (va & (BIT(61) - 1)) >> region_ps(va) ^ (uint64_t) region_id(va) << 39;
}

/**
 * The walker (2:4.1.5). @return true if it has inserted a translation; else
 * @p vector is that of the fault: of the VHPT itself, or the miss
 */
static bool walk(struct tlb *tlb, uint64_t va, enum vector miss, enum vector *vector)
{
	uint64_t at = vhpt_hash(va), words[3];
	bool is_long = cpu.cr[CR_PTA] >> 8 & 1;
	const struct translation *entry = tlb_find(&cpu.dtlb, at);

	*vector = VECTOR_VHPT;
	if (entry == NULL)
		return false;
	*vector = miss;
	if (!entry->present || entry->ma != 0)
		return false;
	memory_read(entry->pa | (at & ~entry->mask & (BIT(61) - 1)), words, is_long ? 24 : 8);
	uint64_t itir = region_ps(va) << 2 | (uint64_t) region_id(va) << 8;

	if (is_long) {
		if (words[2] != vhpt_tag(va))
			return false;
		itir = words[1];
	}
	unsigned ma = words[0] >> 2 & 7;

	if ((words[0] & (BIT(1) | BIT(50) | BIT(51))) != 0 || ma == 1 || ma == 2 || ma == 3 ||
		!page_size_known(itir >> 2 & 0x3f))
		return false;
	tlb_insert(tlb, -1, va, words[0], itir);
	return true;
}

/** True if the access rights (2:4.1.1.6, table 4-5) let level @p pl do all of @p access. */
static bool rights_allow(const struct translation *entry, unsigned access, unsigned pl)
{
	bool user_or_better = pl <= entry->pl; // the level is privileged enough for what the column of entry->pl allows
	unsigned allowed = 0;

	enum { R = ACCESS_READ, W = ACCESS_WRITE, X = ACCESS_EXECUTE };
	switch (entry->rights) {
	case 0:
		allowed = user_or_better ? R : 0;
		break;
	case 1:
		allowed = user_or_better ? R | X : 0;
		break;
	case 2:
		allowed = user_or_better ? R | W : 0;
		break;
	case 3:
		allowed = user_or_better ? R | W | X : 0;
		break;
	case 4: // R, and RW at level 0
		allowed = user_or_better ? (pl == 0 ? R | W : R) : 0;
		break;
	case 5: // RX, and RWX at level 0
		allowed = user_or_better ? (pl == 0 ? R | W | X : R | X) : 0;
		break;
	case 6: // RWX, and RW at level 0
		allowed = user_or_better ? (pl == 0 ? R | W : R | W | X) : 0;
		break;
	case 7: // X, and RX at level 0
		allowed = pl == 0 ? R | X : user_or_better ? X : 0;
		break;
	}
	unsigned wanted = access & (R | W | X);

	return (wanted & ~allowed) == 0;
}

/** Bits of the protection key register @p key, or -1 if none has it (2:4.1.3). */
static int key_find(uint32_t key)
{
	for (unsigned i = 0; i < 16; i++) {
		if ((cpu.pkr[i] & 1) && (cpu.pkr[i] >> 8 & 0xffffff) == key)
			return cpu.pkr[i] & 0xf;
	}
	return -1;
}

static struct outcome fault(enum vector vector, unsigned deferral)
{
	return (struct outcome){ .kind = FAULT, .vector = vector, .deferral = deferral };
}

/** Checks in the order of 2:5.5.2, table 5-6. */
struct outcome translate_quietly(uint64_t va, unsigned access, unsigned pl, bool on)
{
	bool execute = access & ACCESS_EXECUTE;
	struct tlb *tlb = execute ? &cpu.itlb : &cpu.dtlb;

	if (!on) {
		uint64_t pa = va & ~BIT(63);

		if (pa >> PA_BITS != 0)
			return (struct outcome){ .kind = UNIMPLEMENTED };
		return (struct outcome){ .kind = TRANSLATED, .pa = pa };
	}
	const struct translation *entry = tlb_find(tlb, va);

	if (entry == NULL) {
		bool walker = (cpu.cr[CR_PTA] & 1) && (cpu.rr[region(va)] & 1) && (!execute || psr_is(PSR_IC)) &&
			(execute || psr_is(PSR_DT));
		enum vector vector = execute ? VECTOR_ALT_ITLB : VECTOR_ALT_DTLB;

		if (!execute && !psr_is(PSR_IC))
			return fault(VECTOR_NESTED, 8);
		if (!walker)
			return fault(vector, 8);
		uint64_t iha = vhpt_hash(va);

		if (walk(tlb, va, execute ? VECTOR_ITLB : VECTOR_DTLB, &vector))
			entry = tlb_find(tlb, va);
		if (entry == NULL) {
			struct outcome outcome = fault(vector, 8);

			outcome.iha = iha;
			return outcome;
		}
	}
	struct outcome outcome = fault(VECTOR_NOT_PRESENT, 9);

	outcome.ed = entry->ed;
	if (!entry->present)
		return outcome;
	if (entry->ma == 7) {
		outcome.vector = VECTOR_NAT;
		outcome.code = PAGE_NAT;
		outcome.deferral = 12;
		return outcome;
	}
	if (psr_is(PSR_PK)) {
		int key = key_find(entry->key);

		outcome.vector = execute ? VECTOR_IKEY_MISS : VECTOR_DKEY_MISS;
		outcome.deferral = 10;
		if (key < 0)
			return outcome;
		outcome.vector = VECTOR_KEY_PERMISSION;
		outcome.deferral = 11;
		if ((execute && (key & 8)) || ((access & ACCESS_READ) && (key & 4)) || ((access & ACCESS_WRITE) && (key & 2)))
			return outcome;
	}
	outcome.vector = execute ? VECTOR_IRIGHTS : VECTOR_DRIGHTS;
	outcome.deferral = 12;
	if (!rights_allow(entry, access, pl))
		return outcome;
	outcome.vector = VECTOR_DIRTY;
	outcome.deferral = 64; // of stores: never deferred
	if ((access & ACCESS_WRITE) && !entry->dirty)
		return outcome;
	outcome.vector = execute ? VECTOR_IACCESS : VECTOR_DACCESS;
	outcome.deferral = 13;
	if (!entry->accessed && !(access & ACCESS_NON))
		return outcome;
	outcome.kind = TRANSLATED;
	outcome.ma = entry->ma;
	outcome.pa = entry->pa | (va & ~entry->mask & (BIT(61) - 1));
	return outcome;
}

_Noreturn void translation_fault(const struct outcome *outcome, uint64_t va, unsigned access)
{
	uint64_t isr = outcome->code;

	if (access & ACCESS_READ)
		isr |= BIT(ISR_R);
	if (access & ACCESS_WRITE)
		isr |= BIT(ISR_W);
	if (access & ACCESS_EXECUTE)
		isr |= BIT(ISR_X);
	if (access & ACCESS_RSE)
		isr |= BIT(ISR_RS);
	if (access & ACCESS_SPECULATIVE)
		isr |= BIT(ISR_SP);
	if (access & ACCESS_NON) {
		isr |= BIT(ISR_NA) | (access >> 8 & 0xf);
		if ((access >> 8 & 0xf) == CODE_FC)
			isr |= BIT(ISR_R); // without a check of rights
	}
	if (!(access & (ACCESS_EXECUTE | ACCESS_RSE)) && cpu.code_ed)
		isr |= BIT(ISR_ED);
	if (outcome->kind == UNIMPLEMENTED)
		interrupt(VECTOR_GENERAL, isr | RESERVED_FIELD);
	if (outcome->iha != 0 && psr_is(PSR_IC))
		cpu.cr[CR_IHA] = outcome->iha;
	interrupt_at(outcome->vector, isr, va);
}

uint64_t translate(uint64_t va, unsigned access, unsigned pl, bool on)
{
	struct outcome outcome = translate_quietly(va, access, pl, on);

	if (outcome.kind != TRANSLATED)
		translation_fault(&outcome, va, access);
	return outcome.pa;
}

uint8_t *data_pointer(uint64_t va, unsigned access, unsigned pl, bool on)
{
	bool write = access & ACCESS_WRITE;
	uint64_t tag = fast_tag(va, pl, on);
	struct fast *fast = &(write ? fast_write : fast_read)[va >> 12 & (FAST - 1)];

	if (__builtin_expect(fast->tag == tag, 1) && access != (ACCESS_READ | ACCESS_WRITE))
		return fast->bytes + (va & 0xfff);
	uint64_t pa = translate(va, access, pl, on);
	uint8_t *bytes = physical(pa);

	if (access != (ACCESS_READ | ACCESS_WRITE)) {
		fast->tag = fast_tag(va, pl, on); // the walker may have begun an epoch
		fast->bytes = bytes - (va & 0xfff);
	}
	return bytes;
}

static _Noreturn void unaligned(uint64_t va, unsigned access)
{
	uint64_t isr = ((access & ACCESS_READ) ? BIT(ISR_R) : 0) | ((access & ACCESS_WRITE) ? BIT(ISR_W) : 0) |
		((access & ACCESS_SPECULATIVE) ? BIT(ISR_SP) : 0);

	interrupt_at(VECTOR_UNALIGNED, isr, va);
}

/** Every reference that is not aligned faults, whatever psr.ac says, as under Ski (2:4.5 permits it). */
uint64_t load(uint64_t va, unsigned size, unsigned access, unsigned pl, bool on)
{
	uint64_t value = 0;
	const uint8_t *bytes = data_pointer(va, access, pl, on);

	if (__builtin_expect((va & (size - 1)) != 0, 0))
		unaligned(va, access);
	switch (size) {
	case 1:
		return *bytes;
	case 2:
		memcpy(&value, bytes, 2);
		return value;
	case 4:
		memcpy(&value, bytes, 4);
		return value;
	default:
		memcpy(&value, bytes, 8);
		return value;
	}
}

void store(uint64_t va, uint64_t value, unsigned size, unsigned access, unsigned pl, bool on)
{
	uint8_t *bytes = data_pointer(va, access, pl, on);

	if (__builtin_expect((va & (size - 1)) != 0, 0))
		unaligned(va, access);
	switch (size) {
	case 1:
		*bytes = (uint8_t) value;
		break;
	case 2:
		memcpy(bytes, &value, 2);
		break;
	case 4:
		memcpy(bytes, &value, 4);
		break;
	default:
		memcpy(bytes, &value, 8);
		break;
	}
}

/** @return the decoded bundles of the page that @p ip is on */
struct bundle *fetch_page(uint64_t ip)
{
	unsigned pl = cpl();
	bool on = psr_is(PSR_IT);
	struct fast *fast = &fast_execute[ip >> 12 & (FAST - 1)];

	if (__builtin_expect(fast->tag != fast_tag(ip, pl, on), 0)) {
		struct outcome outcome = translate_quietly(ip, ACCESS_EXECUTE, pl, on);

		if (outcome.kind != TRANSLATED)
			translation_fault(&outcome, ip, ACCESS_EXECUTE);
		physical(outcome.pa); // not where a device would be
		fast->decoded = decoded_page(outcome.pa);
		fast->ed = outcome.ed;
		fast->tag = fast_tag(ip, pl, on);
	}
	cpu.code_ed = fast->ed;
	return fast->decoded;
}
