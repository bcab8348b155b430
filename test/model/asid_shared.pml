/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Identifiers that all CPUs share (genarch/asid_shared), for Spin: two CPUs
 * switch between four address spaces, with three identifiers to give, so that
 * generations begin often, while each runs in one. tools/model runs it.
 *
 * WHAT IS SHOWN, over all interleavings: whatever a CPU accesses in an address
 * space it translates by what was looked up for that address space, be it from
 * its TLB or from the cache that the CPUs share; and no run ends but as it should.
 *
 * SCENE. What the code does under asid_lock is one step here. A CPU may look into
 * the cache ahead at any time, under the identifier that it has loaded, and keep
 * what it finds. Only an access fills the cache, for the root that is loaded then:
 * that is software's, under a lock, and no access to the user part comes in the
 * midst of a switch. A TLB and the cache are sets of address spaces, by identifier.
 * That translations are removed when a mapping changes is another model, switch.pml.
 *
 * BROKEN ON PURPOSE. Each of these takes one thing out, and then the model has to
 * find a translation of another address space:
 *
 *   NO_IN_USE       an identifier under which another CPU runs is given out
 *   NO_RESERVED     an identifier that was in use when the generation began is given out once its CPU has left it
 *   NO_BEHIND       a generation leaves the other CPUs' TLBs alone
 *   NO_CACHE_DROP   a generation leaves the cache alone
 *   NO_DROP         a CPU that is behind does not invalidate
 */

#define CPUS 2
#define SPACES 4
#define IDENTIFIERS 3
#define SWITCHES 3

#define BIT(space) (1 << (space))
#define TLB(cpu, asid) tlb[(cpu) * (IDENTIFIERS + 1) + (asid)]

/* Under the lock. Spaces are numbered from 1; 0 is the kernel. */
byte asid_of[SPACES + 1];
byte given_in[SPACES + 1];
byte generation;
byte next;
byte owner[CPUS];
byte used[CPUS];
bool is_behind[CPUS];
byte reserved[CPUS]; /* what it used when the generation began; 0 = none */

byte tlb[CPUS * (IDENTIFIERS + 1)];
byte cache[IDENTIFIERS + 1];

#define RUNS_IN(cpu, asid) (owner[cpu] != 0 && used[cpu] == (asid))

#ifdef NO_IN_USE
#define IS_IN_USE(asid) false
#else
#ifdef NO_RESERVED
#define IS_IN_USE(asid) (RUNS_IN(0, asid) || RUNS_IN(1, asid))
#else
#define IS_IN_USE(asid) (RUNS_IN(0, asid) || RUNS_IN(1, asid) || reserved[0] == (asid) || reserved[1] == (asid))
#endif
#endif

#define IS_KEPT(space) \
	(asid_of[space] != 0 && ((owner[0] == space && used[0] == asid_of[space]) || \
		(owner[1] == space && used[1] == asid_of[space])))

inline generation_begin()
{
	generation++;
	next = 1;
	reserved[0] = (owner[0] != 0 -> used[0] : 0);
	reserved[1] = (owner[1] != 0 -> used[1] : 0);
	is_behind[me] = true;
#ifndef NO_BEHIND
	is_behind[1 - me] = true;
#endif
#ifndef NO_CACHE_DROP
	cache[1] = 0;
	cache[2] = 0;
	cache[3] = 0;
#endif
}

inline take()
{
	do
	:: next == 0 || next > IDENTIFIERS -> generation_begin()
	:: else ->
		next++;
		if
		:: IS_IN_USE(next - 1)
		:: else -> break
		fi
	od
}

inline provide()
{
	if
	:: asid_of[to] == 0 || given_in[to] != generation ->
		kept = IS_KEPT(to);
		owner[me] = 0;
		if
		:: kept
		:: else -> take(); asid_of[to] = next - 1
		fi;
		given_in[to] = generation
	:: else
	fi
}

inline look_ahead()
{
	if
	:: asid != 0 -> TLB(me, asid) = TLB(me, asid) | cache[asid]
	:: true
	fi
}

inline invalidate()
{
#ifndef NO_DROP
	d_step { TLB(me, 1) = 0; TLB(me, 2) = 0; TLB(me, 3) = 0 }
#else
	skip
#endif
}

inline load()
{
	atomic {
		provide();
		was_void = is_behind[me];
		owner[me] = to;
		used[me] = asid_of[to];
		is_behind[me] = false;
		fresh = asid_of[to];
		kept = false
	}
	look_ahead();
	if
	:: was_void ->
		d_step { root = 0; asid = 0 };
		invalidate();
		look_ahead()
	:: else
	fi;
	d_step { root = to; asid = fresh }
}

inline access()
{
	atomic {
		if
		:: TLB(me, asid) == 0 && cache[asid] == 0 -> cache[asid] = BIT(root)
		:: else
		fi;
		if
		:: TLB(me, asid) == 0 -> TLB(me, asid) = cache[asid]
		:: else
		fi;
		assert(TLB(me, asid) == BIT(root))
	}
}

proctype cpu(byte me)
{
	byte root, asid, to, fresh, switches;
	bool kept, was_void;

	do
	:: switches < SWITCHES ->
		switches++;
		if
		:: to = 1
		:: to = 2
		:: to = 3
		:: to = 4
		fi;
		load();
		look_ahead();
		access()
	:: else -> break
	od
}

init
{
	atomic {
		run cpu(0);
		run cpu(1)
	}
}
