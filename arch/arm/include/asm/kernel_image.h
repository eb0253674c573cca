/* SPDX-License-Identifier: Apache-2.0 */
/* Where a guest's kernel, initrd and device tree go. Pure functions, tested on the build host. */
#ifndef WHERRY_ASM_KERNEL_IMAGE_H
#define WHERRY_ASM_KERNEL_IMAGE_H

#include <wherry/types.h>

#define GUEST_MAX_BANKS 2

struct guest_bank {
    uint64_t base, size;
};

struct guest_layout {
    unsigned int nr_banks;
    struct guest_bank bank[GUEST_MAX_BANKS];
    uint64_t kernel_addr, kernel_end; /* end: of the memory that the kernel uses at first */
    uint64_t fdt_addr;
    uint64_t initrd_addr, initrd_size;
};

/*
 * Place the images in the first bank: an arm64 Image (Linux, "Booting AArch64 Linux" 4) at its
 * text_offset from a 2 MiB boundary, anything else at the start of the bank. `image` is the whole
 * file. -ENOMEM when the bank is too small, -EINVAL for an Image that cannot be.
 */
int guest_layout_place(struct guest_layout *l, const void *image, uint64_t image_size,
                       uint64_t initrd_size, uint64_t fdt_size);

#endif
