# SPDX-License-Identifier: Apache-2.0
"""A PC of Bochs, for VMX and for another maker's SVM: the machine (as boot_x86.Pc is QEMU's) and its serial console
(as qemu.Console). Bochs has no Multiboot: GRUB loads all from a CD.
"""

import dataclasses
import pathlib
import subprocess
import threading
import time

from boot_x86 import BootX86, grub_disk
from qemu import Console

CONFIG = """\
display_library: rfb, options="timeout=0"
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model={machine.model}, count={machine.smp}, ips={machine.ips}, reset_on_triple_fault=0
memory: guest={machine.memory}, host={machine.memory}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={disk}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={serial}
vga: extension=none
clock: sync=none
panic: action=fatal
sound: driver=dummy
speaker: enabled=0
log: {directory}/bochs.log
"""

POLL = 0.05  # seconds between looks at the serial line's file


@dataclasses.dataclass
class Bochs:
    """The host. `ips`: instructions in a second of the machine's own time."""

    model: str = "corei7_haswell_4770"
    smp: int = 1
    memory: int = 512  # MiB
    ips: int = 50000000
    ram: int = 0

    def arguments(self):
        raise NotImplementedError("a file configures it: BootBochs.command()")


class BootBochs(BootX86):
    """As BootX86, always by GRUB. prepare() returns a command for BochsConsole."""

    def __init__(self, machine, image, **keywords):
        super().__init__(machine, image, loader="multiboot2", **keywords)

    def command(self, directory, modules):
        disk = grub_disk(directory, self.image, modules)
        serial = directory / "serial.log"
        serial.touch()
        (directory / "bochsrc").write_text(
            CONFIG.format(machine=self.machine, disk=disk, serial=serial, directory=directory))
        (directory / "debugger").write_text("c\n")  # Debian's waits in its debugger
        return ["bochs", "-q", "-f", str(directory / "bochsrc"), "-rc", str(directory / "debugger")]


class BochsConsole(Console):
    """The serial line, which Bochs writes into a file. Its exit status tells nothing."""

    def start(self, command):
        directory = pathlib.Path(command[3]).parent
        self.serial = directory / "serial.log"
        with open(directory / "bochs.out", "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT)
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        """Whole lines as they come; all that is left when Bochs has ended, then the end."""
        rest = b""
        with open(self.serial, "rb") as serial:
            while True:
                ended = self.process.poll() is not None
                new = serial.read()
                *lines, rest = (rest + new).split(b"\n")
                for line in lines:
                    self.take(line)
                if ended:
                    break
                if not new:
                    time.sleep(POLL)
        if rest:
            self.take(rest)
        self.queue.put(None)
