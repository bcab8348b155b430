/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The words of the memory core: the units that must not be mixed, the error
 * numbers, and a few attributes.
 *
 *   phys_t      a physical address, in bytes
 *   pfn_t       the number of a physical frame: a physical address divided by PAGE_SIZE
 *   uintptr_t   a virtual address, in bytes; a variable of this kind is called va
 *   size_t      a count: the name says of what (`bytes`, `frames`, `pages`, `count`)
 *   errno_t     EOK or one of the error numbers below
 */

#ifndef MM_TYPES_H
#define MM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <config.h>

/* As wide as an address, unless config.h says that physical memory is wider. */
#ifdef CONFIG_PHYS_BITS
#if CONFIG_PHYS_BITS == 64
typedef uint64_t phys_t;
#define PHYS_X "llx"
#else
#error "CONFIG_PHYS_BITS is 64, or not defined"
#endif
#else
typedef uintptr_t phys_t;
#define PHYS_X "zx" /* how port_log prints one in hexadecimal digits */
#endif
typedef size_t pfn_t;
typedef int errno_t;

/*
 * Error numbers. The values are those of most C libraries, token for token, so
 * that a file may include <errno.h> as well.
 */
#define EOK 0
#ifndef ENOMEM
#define ENOENT 2      /* what was asked for is not there */
#define EAGAIN 11     /* not now; the same call may do later */
#define ENOMEM 12     /* not enough memory, and the call must not sleep */
#define EFAULT 14     /* an address that is not there for its use */
#define EBUSY 16      /* still in use */
#define EEXIST 17     /* something is there already */
#define EINVAL 22     /* an argument that makes no sense, whatever the state */
#define ERANGE 34     /* an argument beyond what there is */
#define ETIMEDOUT 110 /* the time given is over */
#endif
#ifndef EOVERFLOW
#define EOVERFLOW 75 /* a count that would not fit */
#endif

/* The compiler warns a caller who does not look at the result. */
#define MUST_USE __attribute__((warn_unused_result))

/* What is seldom taken and should not stand in the way of what is not. */
#define COLD __attribute__((cold, noinline))

/* What stays a function of its own, so that the short path that leads past it needs no registers for it. */
#define NOINLINE __attribute__((noinline))

/* What is one function to the reader, and none to the path that it is on. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#define KiB(count) ((size_t) (count) << 10)
#define MiB(count) ((size_t) (count) << 20)

/* The alignment must be a power of two. */
#define ALIGN_UP(value, alignment) (((value) + ((alignment) -1)) & ~((alignment) -1))
#define ALIGN_DOWN(value, alignment) ((value) & ~((alignment) -1))
#define IS_POWER_OF_TWO(value) ((value) != 0 && ((value) & ((value) -1)) == 0)

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The structure that a member belongs to. */
#define CONTAINER_OF(pointer, type, member) ((type *) ((char *) (pointer) -offsetof(type, member)))

#endif
