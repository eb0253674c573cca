# SPDX-License-Identifier: Apache-2.0
"""Domains from the device tree: stock Linux guests on the hypervisor's own PL011, and trees with mistakes in them.

docs/boot.md says what each property does.
"""

import re

import pytest

import fdt
from boot import Boot, Domain, Machine, zcu102
from qemu import Console

LIMIT = 90


def linux(out, name="domU1", token="here", **changes):
    """A stock guest that prints its token, echoes one line and powers off."""
    guest = out / "guest"
    domain = Domain(
        name=name, kernel=str(guest / "Image"), ramdisk=str(guest / "initramfs.cpio"), memory=192,
        bootargs=f"console=ttyAMA0 rdinit=/init wherry.mode=boot wherry.token={token}")
    domain.props["vpl011"] = True
    for key, value in changes.items():
        setattr(domain, key, value)
    return domain


def board(name):
    return zcu102() if name == "zcu102" else Machine(gic=int(name[-1]), smp=4)


def talk(console, token):
    """See the guest up, and speak with it through the emulated PL011 both ways."""
    console.wait_for(rf"GUEST-STEP token ok {token}", LIMIT)
    console.send("spoken\n")
    console.wait_for(r"GUEST-STEP console ok read spoken", 20)
    console.wait_for(r"reboot: Power down", 20)


@pytest.mark.parametrize("where, cpus", [("virt-gic2", 8), ("virt-gic3", 8), ("zcu102", 4)])
def test_linux_alone(out, where, cpus, tmp_path):
    boot = Boot(board(where), out / "wherry.img", domains=[linux(out, cpus=cpus)])
    with Console(boot.prepare(tmp_path), log=tmp_path / "console.log") as console:
        console.wait_for(rf"GUEST-STEP cpus ok online={cpus}", LIMIT)
        talk(console, "here")


def test_without_ioreq(out, tmp_path):
    """The image without the subsystem boots a guest too."""
    image = out / "variants" / "noioreq" / "wherry.img"
    assert image.exists(), "the variant was not built: `make check` does"
    boot = Boot(board("virt-gic3"), image, domains=[linux(out, cpus=2)])
    with Console(boot.prepare(tmp_path), log=tmp_path / "console.log") as console:
        talk(console, "here")


def test_three_linux_domains(out, tmp_path):
    """They run side by side; each one's lines carry its prefix."""
    domains = [linux(out, f"domU{n}", f"token{n}", cpus=2) for n in (1, 2, 3)]
    boot = Boot(Machine(gic=3, smp=4, memory=2048), out / "wherry.img", domains=domains)
    with Console(boot.prepare(tmp_path), log=tmp_path / "console.log") as console:
        waiting = {f"(d{n})": f"token{n}" for n in (1, 2, 3)}
        while waiting:
            match = console.wait_for(r"(\(d\d\)) GUEST-STEP token ok (\w+)", LIMIT)
            assert waiting.pop(match[1]) == match[2]


def test_mistakes_are_said_and_others_start(out, tmp_path):
    """One line for each mistake, with node and property; the domains without one run."""
    def spoil(root):
        chosen = root.children["chosen"]
        chosen.children["nomem"].remove("memory")
        chosen.children["nocpu"].set("cpus", 0)
        chosen.children["spis"].set("nr_spis", 5000)
        for child in list(chosen.children["nokernel"].children):
            chosen.children["nokernel"].remove(child)
        module = next(iter(chosen.children["badreg"].children.values()))
        module.set("reg", fdt.cells(1))
        module = next(iter(chosen.children["nowhere"].children.values()))
        module.set("reg", fdt.cells64(0x9000000, 0x100000))  # a device is there, no memory
        chosen.children["good"].set("bogus,property", 3)

    domains = [linux(out, name)
               for name in ("nomem", "nocpu", "spis", "nokernel", "badreg", "nowhere")]
    domains.append(linux(out, "good", "good", cpus=2))
    boot = Boot(Machine(gic=2, smp=2, memory=2048), out / "wherry.img", domains=domains, tree_hook=spoil)
    with Console(boot.prepare(tmp_path), log=tmp_path / "console.log") as console:
        talk(console, "good")
    text = "\n".join(line for line in console.lines if line.startswith("(wherry)"))
    for node, prop in (("nomem", "memory"), ("nocpu", "cpus"), ("spis", "nr_spis"),
                       ("nokernel", "multiboot,kernel"), ("badreg", "reg"), ("nowhere", "reg"),
                       ("good", "bogus,property")):
        found = re.findall(rf"^.*\b{node}\b.*{prop}.*$", text, re.MULTILINE)
        assert len(found) == 1, f"{node} {prop}: {found}"
