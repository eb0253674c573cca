/* SPDX-License-Identifier: Apache-2.0 */
/* Placing a guest's images (asm/kernel_image.h); called by domain_build.c. */
#include <asm/kernel_image.h>
#include <wherry/lib/bits.h>
#include <wherry/lib/errno.h>

#define SIZE_2M UINT64_C(0x200000)
/* Initrd and tree start here if there is room: what boot loaders do, away from a growing kernel. */
#define MODULES_OFFSET UINT64_C(0x8000000)

#define IMAGE_MAGIC           0x644d5241 /* "ARM\x64" */
#define IMAGE_HEADER_SIZE     64
#define IMAGE_OLD_TEXT_OFFSET 0x80000 /* when image_size is 0 */

static uint64_t get_le(const uint8_t *p, unsigned int bytes)
{
    uint64_t v = 0;

    while (bytes-- > 0)
        v = v << 8 | p[bytes];
    return v;
}

/* Offset from the 2 MiB boundary and memory used, of an Image or a raw binary. */
static int image_needs(const uint8_t *image, uint64_t size, uint64_t *offset, uint64_t *used)
{
    uint64_t image_size;

    *offset = 0;
    *used = size;
    if (size < IMAGE_HEADER_SIZE || get_le(image + 56, 4) != IMAGE_MAGIC)
        return 0;
    image_size = get_le(image + 16, 8);
    *offset = image_size == 0 ? IMAGE_OLD_TEXT_OFFSET : get_le(image + 8, 8);
    if (image_size > size)
        *used = image_size;
    return *offset < SIZE_2M ? 0 : -EINVAL;
}

int guest_layout_place(struct guest_layout *l, const void *image, uint64_t image_size,
                       uint64_t initrd_size, uint64_t fdt_size)
{
    uint64_t base = align_up(l->bank[0].base, SIZE_2M);
    uint64_t end = l->bank[0].base + l->bank[0].size;
    uint64_t modules = align_up(fdt_size, SIZE_2M) + align_up(initrd_size, SIZE_2M);
    uint64_t offset, used, at;
    int rc = image_needs(image, image_size, &offset, &used);

    if (rc != 0)
        return rc;
    if (l->nr_banks == 0 || used > l->bank[0].size || initrd_size > l->bank[0].size)
        return -ENOMEM;
    l->kernel_addr = base + offset;
    l->kernel_end = l->kernel_addr + used;
    at = MAX(align_up(l->kernel_end, SIZE_2M), base + MODULES_OFFSET);
    if (at > end || modules > end - at) {
        if (modules > end - base)
            return -ENOMEM;
        at = align_down(end - modules, SIZE_2M);
    }
    if (at < l->kernel_end)
        return -ENOMEM;
    l->fdt_addr = at;
    l->initrd_addr = at + align_up(fdt_size, SIZE_2M);
    l->initrd_size = initrd_size;
    return 0;
}
