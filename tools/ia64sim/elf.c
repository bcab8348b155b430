// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * The loader: as Ski's, it takes p_vaddr of each segment for a physical
 * address, e_entry for the first instruction, and ignores p_paddr.
 */
#include "sim.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void refuse(const char *path, const char *why)
{
	fprintf(stderr, "ia64sim: %s: %s\n", path, why);
	exit(2);
}

static void load_segment(FILE *file, const char *path, const Elf64_Phdr *segment)
{
	uint64_t pa = segment->p_vaddr, left = segment->p_filesz;

	if (pa >> 50 != 0)
		refuse(path, "a segment is above the physical addresses: its p_vaddr is to be physical");
	if (fseek(file, (long) segment->p_offset, SEEK_SET) != 0)
		refuse(path, "a segment is not in the file");
	while (left > 0) {
		char buffer[0x1000];
		size_t part = 0x1000 - (pa & 0xfff);

		if (part > left)
			part = left;
		if (fread(buffer, 1, part, file) != part)
			refuse(path, "a segment is not in the file");
		memory_write(pa, buffer, (unsigned) part);
		pa += part;
		left -= part;
	}
}

uint64_t elf_load(const char *path)
{
	FILE *file = fopen(path, "rb");
	Elf64_Ehdr header;

	if (file == NULL) {
		perror(path);
		exit(2);
	}
	if (fread(&header, sizeof header, 1, file) != 1 || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		refuse(path, "is not an ELF file");
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
		header.e_machine != EM_IA_64 || header.e_type != ET_EXEC)
		refuse(path, "is not a static ia64 program");
	for (unsigned i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;

		if (fseek(file, (long) (header.e_phoff + i * header.e_phentsize), SEEK_SET) != 0 ||
			fread(&segment, sizeof segment, 1, file) != 1)
			refuse(path, "has no program headers");
		if (segment.p_type == PT_INTERP)
			refuse(path, "asks for an interpreter");
		if (segment.p_type == PT_LOAD)
			load_segment(file, path, &segment);
	}
	fclose(file);
	return header.e_entry;
}
