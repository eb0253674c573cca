/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying between the hypervisor and the current guest's memory by guest VIRTUAL address, with
 * the guest's own permissions (both stages, EL1), and by guest physical address.
 * Every copy is a single pass: callers check only their own copy of the data.
 */
#ifndef WHERRY_GUEST_ACCESS_H
#define WHERRY_GUEST_ACCESS_H

#include <wherry/types.h>

struct domain;
struct page;

/* Current vCPU; 0 or -EFAULT. May have copied a part when it fails. */
int __must_check guest_copy_from(void *dst, uint64_t gva, size_t size);
int __must_check guest_copy_to(uint64_t gva, const void *src, size_t size);

/*
 * A structure with members of the size of a word: unsigned long, pointers, frame numbers. They are
 * 8 bytes in ours, which has `size` bytes, and 4 in that of a caller of 32 bits; `fields` has a
 * letter for each member in turn: w for a word, h, i, q for 2, 4 and 8 bytes. 0 or -EFAULT.
 */
int __must_check guest_struct_from(void *dst, uint64_t gva, size_t size, const char *fields);
/* Word i of an array of the caller's. 0 or -EFAULT. */
int __must_check guest_word_from(uint64_t *dst, uint64_t array, uint64_t i);
/* Of the caller's words: 4 or 8. */
unsigned int guest_word_bytes(void);

/*
 * The page behind a virtual address of the current vCPU, if the guest's kernel may write it and it
 * is the domain's own RAM: with a reference taken. NULL otherwise.
 */
struct page *guest_get_page(uint64_t gva);

/* Any domain, by physical address of its RAM (not foreign pages); 0 or -EFAULT. */
int __must_check gpa_copy_from(struct domain *d, void *dst, gpaddr_t addr, size_t size);
int __must_check gpa_copy_to(struct domain *d, gpaddr_t addr, const void *src, size_t size);

/* --- arch hook --- */
/* Does the hypercall that current makes come from code whose words have 4 bytes? */
bool arch_guest_has_words32(void);

#endif
