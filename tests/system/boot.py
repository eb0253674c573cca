# SPDX-License-Identifier: Apache-2.0
"""What a test boots: a machine and its domains, made into a device tree and a QEMU command line.

    machine = Machine(gic=3, smp=4)
    control = Domain(kernel="dm.img", ramdisk="disk.img", memory=64, bootargs="...")
    guest = Domain(name="domU1", kernel="Image", cpus=2, memory=256, device_tree="partial.dtb")
    command = Boot(machine, image="wherry.img", control=control, domains=[guest]).prepare(directory)

The nodes are those of Xen's dom0less boot protocol; docs/boot.md describes them. Modules are put into RAM by
QEMU's loader device.
"""

import dataclasses
import os
import pathlib
import subprocess

import fdt

MIB = 1 << 20


@dataclasses.dataclass
class Machine:
    """The host. `board` is virt or zcu102."""

    board: str = "virt"
    gic: int = 2
    cpu: str = "cortex-a57"
    smp: int = 1
    memory: int = 1024  # MiB
    icount: bool = False
    el2: bool = True
    extra: tuple = ()  # further QEMU arguments
    board_dtb: str = ""  # zcu102: its device tree, which QEMU does not make

    @property
    def ram(self):
        return 0x40000000 if self.board == "virt" else 0

    def arguments(self, dump=None):
        if self.board == "zcu102":
            machine = "xlnx-zcu102" + (",virtualization=on" if self.el2 else "")
            arguments = ["-M", machine]
        else:
            machine = f"virt,gic-version={self.gic}" + (",virtualization=on" if self.el2 else "")
            machine += f",dumpdtb={dump}" if dump else ""
            arguments = ["-M", machine, "-cpu", self.cpu]
        arguments += ["-smp", str(self.smp), "-m", str(self.memory)]
        if self.icount:
            arguments += ["-icount", "shift=0,sleep=off"]
        return arguments + list(self.extra)

    def device_tree(self, directory):
        """The machine's own tree."""
        if self.board_dtb:
            return fdt.parse(pathlib.Path(self.board_dtb).read_bytes())
        path = directory / "host.dtb"
        # Without -nodefaults it would want the network card's ROM, which is another package.
        done = subprocess.run(
            ["qemu-system-aarch64", *self.arguments(dump=path), "-display", "none", "-nodefaults"],
            check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"QEMU gives no device tree: {done.stdout}")
        return fdt.parse(path.read_bytes())


def zcu102(**changes):
    """The second board, with its tree out of the guest kernel's package."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    trees = sorted(cache.glob("wherry/guest-arm64/root/usr/lib/*/xilinx/zynqmp-zcu102-rev1.0.dtb"))
    if not trees:
        raise FileNotFoundError("the board's device tree is not there: run `make guest` first")
    return Machine(**{"board": "zcu102", "smp": 4, "memory": 2048, "board_dtb": str(trees[0]),
                      "extra": ("-audiodev", "none,id=none"), **changes})


@dataclasses.dataclass
class Domain:
    """A domain of the boot tree. `props` are set as they are, and override."""

    kernel: str
    name: str = "domU1"
    ramdisk: str = ""
    device_tree: str = ""
    bootargs: str = ""
    cpus: int = 1
    memory: int = 64  # MiB
    props: dict = dataclasses.field(default_factory=dict)


class Boot:
    """A machine with Wherry, perhaps a control domain, and other domains.

    After prepare(), `modules` maps each (domain name, kind) to its (address, size) in RAM; the control domain's
    name is "control".
    """

    def __init__(self, machine, image, control=None, domains=(), bootargs="", tree_hook=None):
        self.machine = machine
        self.image = image
        self.control = control
        self.domains = list(domains)
        self.bootargs = bootargs
        self.tree_hook = tree_hook  # called with the root before it is written: for malformed trees
        self.modules = {}
        self.loaders = []
        self.next_address = machine.ram + 192 * MIB  # QEMU puts the tree at 128

    def place(self, owner, kind, path):
        """Give a module its place in RAM; returns (address, size)."""
        size = pathlib.Path(path).stat().st_size
        address = self.next_address
        self.next_address += -(-size // (2 * MIB)) * 2 * MIB
        if self.next_address > self.machine.ram + self.machine.memory * MIB:
            raise ValueError("the modules do not fit into the machine's memory")
        self.loaders += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
        self.modules[owner, kind] = (address, size)
        return address, size

    def module(self, parent, owner, kind, path, bootargs=""):
        address, size = self.place(owner, kind, path)
        node = parent.child(f"module@{address:x}")
        node.set("compatible", fdt.strings(f"multiboot,{kind}", "multiboot,module"))
        node.set("reg", fdt.cells64(address, size))
        if bootargs:
            node.set("bootargs", bootargs)

    def add_control(self, chosen):
        domain = self.control
        chosen.set("xen,dom0-bootargs", domain.bootargs)
        self.module(chosen, "control", "kernel", domain.kernel)
        if domain.ramdisk:
            self.module(chosen, "control", "ramdisk", domain.ramdisk)

    def add_domain(self, chosen, domain):
        node = chosen.child(domain.name)
        node.set("compatible", "xen,domain")
        node.set("#address-cells", 2).set("#size-cells", 2)
        node.set("cpus", domain.cpus)
        node.set("memory", fdt.cells64(domain.memory * 1024))
        for name, value in domain.props.items():
            node.set(name, value)
        self.module(node, domain.name, "kernel", domain.kernel, domain.bootargs)
        if domain.ramdisk:
            self.module(node, domain.name, "ramdisk", domain.ramdisk)
        if domain.device_tree:
            self.module(node, domain.name, "device-tree", domain.device_tree)

    def hypervisor_bootargs(self):
        words = [self.bootargs]
        if self.control:
            words += [f"dom0_mem={self.control.memory}M", f"dom0_max_vcpus={self.control.cpus}"]
        return " ".join(word for word in words if word)

    def fill(self, root):
        """Describe the domains in the machine's tree."""
        chosen = root.child("chosen")
        for name in ("rng-seed", "kaslr-seed", "bootargs"):
            chosen.remove(name)
        chosen.set("#address-cells", 2).set("#size-cells", 2)
        chosen.set("xen,xen-bootargs", self.hypervisor_bootargs())
        if self.control:
            self.add_control(chosen)
        for domain in self.domains:
            self.add_domain(chosen, domain)
        if self.tree_hook:
            self.tree_hook(root)

    def prepare(self, directory):
        """Write the tree into the directory; returns the QEMU command without console and monitor."""
        directory = pathlib.Path(directory)
        root = self.machine.device_tree(directory)
        self.fill(root)
        dtb = directory / "boot.dtb"
        dtb.write_bytes(fdt.serialize(root))
        return ["qemu-system-aarch64", *self.machine.arguments(), "-kernel", str(self.image),
                "-dtb", str(dtb), *self.loaders]
