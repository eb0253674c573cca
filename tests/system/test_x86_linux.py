# SPDX-License-Identifier: Apache-2.0
"""Debian's own amd64 kernel as a PVH guest: it boots, has its vCPUs, its clock goes, it ends (tests/guest/init-pvh)."""

import pytest

from boot import Domain
from boot_x86 import BootX86, Pc
from qemu import Console

LIMIT = 180
KERNEL = "earlyprintk=xen,keep console=hvc0 panic=-1 quiet loglevel=6"


@pytest.mark.parametrize("smp", [1, 2])
@pytest.mark.parametrize("role", ["control", "guest"])
def test_linux(out_x86, tmp_path, role, smp):
    linux = Domain(kernel=str(out_x86 / "guest" / "vmlinux"), ramdisk=str(out_x86 / "guest" / "pvh.cpio"), cpus=2,
                   memory=384, bootargs=KERNEL)
    boot = BootX86(Pc(smp=smp, memory=1024), out_x86 / "wherry",
                   control=linux if role == "control" else None, domains=[linux] if role == "guest" else [])
    console = Console(boot.prepare(tmp_path), log=tmp_path / "console.log")
    try:
        console.wait_for(r"PVH: kernel 6\.", LIMIT)
        console.wait_for(r"PVH: cpus 2\b", LIMIT)
        console.wait_for(r"PVH: year 20[2-9][0-9]", LIMIT)
        console.wait_for(r"PVH: worked and slept: ok", LIMIT)
        console.wait_for(r"PVH: busy 2\b", LIMIT)
        console.wait_for(r"PVH: memory 3[0-9][0-9] MiB", LIMIT)
        console.wait_for(r"PVH: end", LIMIT)
        assert not any("Call Trace" in line for line in console.lines)
    finally:
        console.close()
