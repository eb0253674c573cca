# SPDX-License-Identifier: Apache-2.0
"""Guests of a few instructions for x86-64 that lead the processor where no instruction can be emulated: each is made
here, of 32-bit code entered by PVH (flat segments, no paging, no interrupts). Most end by a triple fault; what is
tested is that the hypervisor and another domain go on.
"""

import pathlib
import struct
import subprocess

BASE = 0x200000
NOTHING = 0xE0000000  # neither memory nor anybody's device

# A table of interrupts at `idt` with gates to `handler`, and segments at `gdt`.
PRELUDE = f"""
    .code32
    .set NOTHING, {NOTHING:#x}
    .set idt, 0x290000
    .globl _start
_start:
    movl $0x300000, %esp
    lgdt gdtr
    ljmp $8, $1f
1:  movl $handler, %eax
    movl $idt, %edi
    movl $32, %ecx
2:  movw %ax, (%edi)
    movw $8, 2(%edi)
    movw $0xef00, 4(%edi)
    movl %eax, %edx
    shrl $16, %edx
    movw %dx, 6(%edi)
    addl $8, %edi
    loop 2b
    lidt idtr
    movb $'>', %al
    outb %al, $0xe9
    movb $10, %al
    outb %al, $0xe9
"""

EPILOGUE = """
stop:
    lidt none
    ud2
handler:
    movb $'!', %al
    outb %al, $0xe9
    movb $10, %al
    outb %al, $0xe9
    jmp stop
    .balign 8
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x0000892800000067, 0x0000892800000067 # a TSS at 0x280000
     .quad 0x00cffb000000ffff, 0x00cff3000000ffff
gdtr: .word 55
      .long gdt
idtr: .word 255
      .long idt
none: .word 0
      .long 0
"""

CASES = {
    # The handler's frame goes nowhere.
    "stack": "movl $NOTHING, %esp\n ud2",
    # The gate is read from nowhere.
    "gates": "movl $NOTHING, idtr + 2\n lidt idtr\n ud2",
    "code": "movl $NOTHING, %eax\n jmp *%eax",
    # The walk of the next fetch; the addresses of three more are the walk's own.
    "walk": "movl $NOTHING, %eax\n movl %eax, %cr3\n movl %cr0, %eax\n orl $0x80000000, %eax\n movl %eax, %cr0\n nop",
    # PAE paging: MOV to CR0 itself reads the upper table.
    "pae": "movl $NOTHING, %eax\n movl %eax, %cr3\n movl %cr4, %eax\n orl $0x20, %eax\n movl %eax, %cr4\n"
           "movl %cr0, %eax\n orl $0x80000000, %eax\n movl %eax, %cr0\n nop",
    # A switch of tasks by hardware.
    "task": "movw $0x18, %ax\n ltr %ax\n ljmp $0x20, $0",
    # Long mode without its tables.
    "long": "movl $0xc0000080, %ecx\n movl $0x100, %eax\n xorl %edx, %edx\n wrmsr\n movl %cr4, %eax\n orl $0x20, %eax\n"
            "movl %eax, %cr4\n movl $NOTHING, %eax\n movl %eax, %cr3\n movl %cr0, %eax\n orl $0x80000000, %eax\n"
            "movl %eax, %cr0\n nop",
}

# Alignment faults whose delivery is not aligned either: for ever, if the processor delivers them by itself. At CPL 3,
# with gates to CPL 3, and IOPL 3 for the port.
ENDLESS = """
    movl $32, %ecx
    movl $idt, %edi
1:  movw $0x2b, 2(%edi)
    addl $8, %edi
    loop 1b
    movl %cr0, %eax
    orl $0x40000, %eax
    movl %eax, %cr0
    movw $0x33, %ax
    movw %ax, %ds
    pushl $0x33
    pushl $0x300001
    pushl $0x43202
    pushl $0x2b
    pushl $2f
    iretl
2:  movl (%esp), %eax
"""


def elf(code):
    """An image of the code at BASE with a PVH note."""
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", BASE)
    heads = 64 + 2 * 56
    header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, heads + len(note), BASE, BASE, len(code), len(code), 1)
    notes = struct.pack("<IIQQQQQQ", 4, 4, heads, 0, 0, len(note), len(note), 4)
    return header + load + notes + note + code


def build(directory, name, text):
    """The path of a guest that does this."""
    directory = pathlib.Path(directory)
    source, thing, code = (directory / f"{name}.{end}" for end in ("s", "o", "bin"))
    source.write_text(PRELUDE + text + EPILOGUE)
    for command in (["as", "--32", "-o", thing, source],
                    ["ld", "-m", "elf_i386", f"-Ttext={BASE:#x}", "--oformat", "binary", "-o", code, thing]):
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stdout}")
    path = directory / f"{name}.elf"
    path.write_bytes(elf(code.read_bytes()))
    return str(path)
