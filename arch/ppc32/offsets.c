/* SPDX-License-Identifier: BSD-2-Clause */

/* Layouts of structures for the files in assembly: see kernel/offsets.h. */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/offsets.h>
#include <mm/pt_layout.h>

#include "../../boot/openfirmware/openfirmware.h"

void offsets(void)
{
	DEFINE(FRAME_SIZE, sizeof(struct trap_frame));
	OFFSET(FRAME_REGISTERS, struct trap_frame, registers);
	OFFSET(FRAME_PC, struct trap_frame, pc);
	OFFSET(FRAME_MSR, struct trap_frame, msr);
	OFFSET(FRAME_CR, struct trap_frame, cr);
	OFFSET(FRAME_LR, struct trap_frame, lr);
	OFFSET(FRAME_CTR, struct trap_frame, ctr);
	OFFSET(FRAME_XER, struct trap_frame, xer);
	OFFSET(FRAME_FAULT_ADDRESS, struct trap_frame, fault_address);
	OFFSET(FRAME_FAULT_STATUS, struct trap_frame, fault_status);
	OFFSET(FRAME_VECTOR, struct trap_frame, vector);
	OFFSET(FRAME_VRSAVE, struct trap_frame, vrsave);
	OFFSET(CONTEXT_SP, struct context, stack_pointer);
	OFFSET(CPU_ROOT, struct cpu, root);
	OFFSET(CPU_STACK_LIMIT, struct cpu, stack_limit);
	OFFSET(CPU_STACK_FRAME, struct cpu, stack_frame);
	OFFSET(CPU_HASH, struct cpu, hash);
	OFFSET(CPU_HASH_MASK, struct cpu, hash_mask);
	OFFSET(CPU_BACKS, struct cpu, backs);
	OFFSET(CPU_VICTIM, struct cpu, victim);
	OFFSET(CPU_FILLS, struct cpu, fills);
	OFFSET(CPU_HAS_KERNELS, struct cpu, has_kernels);
	OFFSET(CPU_SAVED, struct cpu, saved);
	DEFINE(VSID_KERNEL_IMAGE, vsid_of(0, KERNEL_IMAGE_VIRT >> 28));
	OFFSET(OF_MEMORY_BYTES, struct openfirmware, memory_bytes);
	OFFSET(OF_MEMORY, struct openfirmware, memory);
	DEFINE(OF_MEMORY_MOST, OPENFIRMWARE_MEMORY_MOST);
	OFFSET(OF_ADDRESS_CELLS, struct openfirmware, address_cells);
	OFFSET(OF_SIZE_CELLS, struct openfirmware, size_cells);
	OFFSET(OF_ARGUMENTS_BYTES, struct openfirmware, arguments_bytes);
	OFFSET(OF_ARGUMENTS, struct openfirmware, arguments);
	DEFINE(OF_ARGUMENTS_MOST, OPENFIRMWARE_ARGUMENTS_MOST);
	OFFSET(OF_TIMEBASE, struct openfirmware, timebase);
	PT_LAYOUT(DEFINE);
}
