/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of the arm64 image. Every change of access rights starts a page: head.S and mmu.c map
 * [_start, _init_text_end) RX, up to _rodata_end RO, the rest RW. What only the boot needs is
 * unmapped and given to the allocator by arch_boot_finished().
 */
#include <asm/layout.h>

#define PAGE 0x1000
#define TABLE(name, section)         \
    . = ALIGN(8);                    \
    __##name##_start = .;            \
    KEEP(*(section))                 \
    __##name##_end = .;

OUTPUT_FORMAT("elf64-littleaarch64")
OUTPUT_ARCH(aarch64)
ENTRY(_start)

SECTIONS
{
    . = IMAGE_VIRT;
    _start = .;
    .text : {
        KEEP(*(.head.text))
        . = ALIGN(PAGE);
        _idmap_start = .;
        *(.idmap.text)
        _idmap_end = .;
        . = ALIGN(0x800);
        *(.vectors.text)
        *(.text .text.*)
        . = ALIGN(PAGE);
    }
    _text_end = .;
    .init.text : {
        _init_text_start = .;
        *(.init.text)
        . = ALIGN(PAGE);
    }
    _init_text_end = .;

    .rodata : {
        *(.rodata .rodata.*)
        TABLE(init_calls, .init_calls)
        TABLE(cpu_init_calls, .cpu_init_calls)
        TABLE(hypercalls, .hypercalls)
        TABLE(device_drivers, .device_drivers)
        TABLE(early_uarts, .early_uarts)
        TABLE(debug_keys, .debug_keys)
        TABLE(cmdline_params, .cmdline_params)
    }
    .note.gnu.build-id : { *(.note.gnu.build-id) }
    /* The symbol table is the last of the read-only part: the text is the same without it. */
    .wherry_syms : {
        KEEP(*(.wherry_syms))
    }
    . = ALIGN(PAGE);
    _rodata_end = .;

    .init.data : {
        _init_data_start = .;
        *(.init.data)
        . = ALIGN(PAGE);
    }
    _init_data_end = .;

    .data : {
        *(.data .data.rel .data.rel.*)
        . = ALIGN(64);
        __percpu_start = .;
        *(.data.percpu)
        . = ALIGN(64);
        __percpu_end = .;
    }
    .data : {
        . = ALIGN(8);
    }
    _data_end = .;

    .bss (NOLOAD) : {
        . = ALIGN(64);
        __bss_start = .;
        *(.bss .bss.* COMMON)
        . = ALIGN(64);
        /* The boot CPU's copy of the per-CPU template. */
        __percpu_boot = .;
        . += __percpu_end - __percpu_start;
        . = ALIGN(PAGE);
        __bss_end = .;
        /* Not cleared with .bss: in use by then. */
        *(.boot_tables)
        . = ALIGN(PAGE);
        _boot_stack = .;
        . += STACK_SIZE;
        . = ALIGN(PAGE);
    }
    _end = .;

    /DISCARD/ : {
        *(.eh_frame .eh_frame_hdr .comment .interp .dynamic .dynsym .dynstr .hash .gnu.hash)
        *(.note.GNU-stack .note.gnu.property .ARM.attributes)
    }
    .debug_abbrev 0 : { *(.debug_abbrev) }
    .debug_aranges 0 : { *(.debug_aranges) }
    .debug_frame 0 : { *(.debug_frame) }
    .debug_info 0 : { *(.debug_info) }
    .debug_line 0 : { *(.debug_line) }
    .debug_line_str 0 : { *(.debug_line_str) }
    .debug_loclists 0 : { *(.debug_loclists) }
    .debug_ranges 0 : { *(.debug_ranges) }
    .debug_rnglists 0 : { *(.debug_rnglists) }
    .debug_addr 0 : { *(.debug_addr) }
    .debug_str 0 : { *(.debug_str) }
    .debug_str_offsets 0 : { *(.debug_str_offsets) }
    .symtab 0 : { *(.symtab) }
    .strtab 0 : { *(.strtab) }
    .shstrtab 0 : { *(.shstrtab) }
}

_image_size = _end - _start;
ASSERT(_end - _start <= IMAGE_MAX_SIZE, "image larger than the tables of head.S map")
ASSERT(_idmap_end - _idmap_start <= PAGE, "boot code does not fit in its page")
ASSERT((_start & 0x1fffff) == 0, "image is not 2 MiB aligned")
