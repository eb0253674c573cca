# SPDX-License-Identifier: Apache-2.0
"""What a test of x86-64 boots: boot.py's domains on a PC. QEMU is the Multiboot loader, or it enters by PVH, or the
BIOS and GRUB load everything from a CD (Multiboot 2). Modules are named by their place (docs/x86.md).
"""

import dataclasses
import pathlib
import subprocess

import fdt
from boot import Boot

# The start of the Multiboot 1 header (its specification, 3.1.1): without it QEMU looks for a PVH note.
MULTIBOOT1 = (0x1BADB002).to_bytes(4, "little")

# Two defects of QEMU's SVM: it tells of no SMAP violation properly, and RDTSCP always leaves the guest.
CPU = "max,-smap,-rdtscp"


@dataclasses.dataclass
class Pc:
    """The host."""

    smp: int = 1
    memory: int = 1024  # MiB
    cpu: str = CPU
    ram: int = 0
    extra: tuple = ()  # further QEMU arguments

    def arguments(self):
        return ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=single", "-cpu", self.cpu,
                "-smp", str(self.smp), "-m", str(self.memory), *self.extra]


def without_multiboot1(image, directory):
    """A copy that only its PVH note makes bootable."""
    data = pathlib.Path(image).read_bytes()
    at = data.index(MULTIBOOT1)
    path = directory / "wherry-pvh"
    path.write_bytes(data[:at] + bytes(4) + data[at + 4:])
    return path


def grub_disk(directory, image, modules, bootargs=""):
    """An ISO image whose GRUB loads all by Multiboot 2."""
    root = directory / "iso"
    (root / "boot" / "grub").mkdir(parents=True)
    lines = ["set timeout=0", "menuentry w {", f"multiboot2 /boot/wherry {bootargs}"]
    (root / "boot" / "wherry").write_bytes(pathlib.Path(image).read_bytes())
    for number, path in enumerate(modules):
        (root / "boot" / f"m{number}").write_bytes(pathlib.Path(path).read_bytes())
        lines.append(f"module2 /boot/m{number} m{number}")
    (root / "boot" / "grub" / "grub.cfg").write_text("\n".join([*lines, "boot", "}", ""]))
    iso = directory / "boot.iso"
    done = subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", iso, root],
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"no GRUB image: {done.stdout}")
    return iso


class BootX86(Boot):
    """As Boot; `loader` is multiboot1, multiboot2 or pvh."""

    def __init__(self, machine, image, loader="multiboot1", **keywords):
        super().__init__(machine, image, **keywords)
        self.loader = loader
        self.files = []

    def module(self, parent, owner, kind, path, bootargs=""):
        if self.loader == "pvh":  # QEMU hands on one module only, the tree; the others are put into memory
            return super().module(parent, owner, kind, path, bootargs)
        self.files.append(path)
        node = parent.child(f"module@{len(self.files)}")
        node.set("compatible", fdt.strings(f"multiboot,{kind}", "multiboot,module"))
        node.set("module-index", len(self.files))  # the tree is 0
        if bootargs:
            node.set("bootargs", bootargs)

    def prepare(self, directory):
        directory = pathlib.Path(directory)
        root = fdt.Node()
        root.set("#address-cells", 2).set("#size-cells", 2)
        self.fill(root)
        tree = directory / "boot.dtb"
        tree.write_bytes(fdt.serialize(root))
        return self.command(directory, [tree, *self.files])

    def command(self, directory, modules):
        if self.loader == "multiboot2":
            disk = grub_disk(directory, self.image, modules)
            return [*self.machine.arguments(), "-boot", "d", "-cdrom", str(disk)]
        image = self.image
        if self.loader == "pvh":
            image = without_multiboot1(image, directory)
        return [*self.machine.arguments(), "-kernel", str(image), "-initrd", ",".join(map(str, modules)),
                *self.loaders]
