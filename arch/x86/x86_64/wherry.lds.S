/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of the x86-64 image: linked high, loaded at IMAGE_PHYS, in one piece. Every change of
 * access rights starts a page: mmu.c maps [_start, _init_text_end) RX, up to _rodata_end RO, the
 * rest RW. What only the boot needs is unmapped and given to the allocator in the end.
 */
#include <asm/layout.h>

#define PAGE 0x1000
#define TABLE(name, section)         \
    . = ALIGN(8);                    \
    __##name##_start = .;            \
    KEEP(*(section))                 \
    __##name##_end = .;

OUTPUT_FORMAT("elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(_start)

PHDRS
{
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
    note PT_NOTE FLAGS(4);
}

SECTIONS
{
    . = IMAGE_OFFSET + IMAGE_PHYS;
    _start = .;
    .text : AT(ADDR(.text) - IMAGE_OFFSET) {
        KEEP(*(.head.text))
        . = ALIGN(16);
        *(.text .text.*)
        . = ALIGN(PAGE);
    } :text
    _text_end = .;
    .init.text : AT(ADDR(.init.text) - IMAGE_OFFSET) {
        _init_text_start = .;
        *(.init.text)
        . = ALIGN(PAGE);
    } :text
    _init_text_end = .;

    .note.xen : AT(ADDR(.note.xen) - IMAGE_OFFSET) {
        KEEP(*(.note.xen))
    } :rodata :note
    .rodata : AT(ADDR(.rodata) - IMAGE_OFFSET) {
        *(.rodata .rodata.*)
        TABLE(init_calls, .init_calls)
        TABLE(cpu_init_calls, .cpu_init_calls)
        TABLE(hypercalls, .hypercalls)
        TABLE(device_drivers, .device_drivers)
        TABLE(debug_keys, .debug_keys)
        TABLE(cmdline_params, .cmdline_params)
    } :rodata
    /* The symbol table is the last of the read-only part: the text is the same without it. */
    .wherry_syms : AT(ADDR(.wherry_syms) - IMAGE_OFFSET) {
        KEEP(*(.wherry_syms))
    } :rodata
    . = ALIGN(PAGE);
    _rodata_end = .;

    .init.data : AT(ADDR(.init.data) - IMAGE_OFFSET) {
        _init_data_start = .;
        *(.init.data)
        . = ALIGN(PAGE);
    } :data
    _init_data_end = .;

    .data : AT(ADDR(.data) - IMAGE_OFFSET) {
        *(.data .data.rel .data.rel.*)
        . = ALIGN(64);
        __percpu_start = .;
        *(.data.percpu)
        . = ALIGN(64);
        __percpu_end = .;
        . = ALIGN(PAGE);
    } :data
    _data_end = .;

    .bss (NOLOAD) : AT(ADDR(.bss) - IMAGE_OFFSET) {
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
        _boot_guard = .;
        . += PAGE;
        _boot_stack = .;
        . += STACK_SIZE;
        . = ALIGN(PAGE);
    } :data
    _end = .;

    /DISCARD/ : {
        *(.eh_frame .eh_frame_hdr .comment .interp .dynamic .dynsym .dynstr .hash .gnu.hash)
        *(.note.GNU-stack .note.gnu.property .note.gnu.build-id)
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

_image_load_end = _data_end - IMAGE_OFFSET;
_image_bss_end = _end - IMAGE_OFFSET;
ASSERT(_end - _start <= IMAGE_MAX_SIZE, "image larger than what head.S maps")
