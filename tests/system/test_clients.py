# SPDX-License-Identifier: Apache-2.0
"""A stock Linux control domain whose programs, over Debian's libxen*, serve another domain."""

import pytest

from boot import Boot, Domain, Machine
from qemu import Console


@pytest.mark.parametrize("gic,smp", [(2, 1), (3, 2)])
def test_register_dm(out, tmp_path, gic, smp):
    guest = out / "guest"
    control = Domain(kernel=guest / "Image", ramdisk=out / "clients" / "clients.cpio", memory=256, cpus=smp,
                     bootargs="console=hvc0 quiet wherry.client=register-dm")
    served = Domain(name="guest", kernel=out / "payloads" / "bench-guest.img", bootargs="ranges=16")
    boot = Boot(Machine(gic=gic, smp=smp), out / "wherry.img", control=control, domains=[served])
    with Console(boot.prepare(tmp_path), log=tmp_path / "console.log") as console:
        console.wait_for(r"client: serving", 90)
        console.wait_for(r"bench: write servers=1 ranges=16 ", 60)
        console.wait_for(r"bench: write servers=8 ranges=2040 ", 60)
        console.wait_for(r"CLIENT register-dm status 0", 60)
