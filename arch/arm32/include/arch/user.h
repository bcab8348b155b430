/* SPDX-License-Identifier: BSD-2-Clause */

/* Bytes from one instruction that user mode may not execute to the next; read by C and by the assembler. */

#ifndef ARCH_USER_H
#define ARCH_USER_H

#define PRIVILEGED_SIZE 4

#endif
