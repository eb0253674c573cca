# SPDX-License-Identifier: Apache-2.0
"""The main job on the machines that Wherry supports, and that its judge can say no."""

import pytest

from boot import Machine, zcu102
from mainjob import Job
from qemu import Failure

MACHINES = [
    Machine(gic=2, cpu="cortex-a57", smp=1),
    Machine(gic=2, cpu="cortex-a72", smp=4),
    Machine(gic=3, cpu="cortex-a57", smp=1),
    Machine(gic=3, cpu="cortex-a72", smp=2),
    Machine(gic=3, cpu="max", smp=8),
]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: f"gic{m.gic}-{m.cpu}-smp{m.smp}")
def test_main_job(out, machine, tmp_path):
    Job(out, machine, log=tmp_path / "console.log").run()


def test_main_job_on_the_second_board(out, tmp_path):
    Job(out, zcu102(), log=tmp_path / "console.log").run()


@pytest.mark.parametrize("variant", ["clang", "release"])
def test_main_job_as_built_otherwise(out, variant, tmp_path):
    Job(out, Machine(gic=3, smp=2), built=out / "variants" / variant, log=tmp_path / "console.log").run()


def test_judge_refuses_an_unchanged_disk(out):
    """The disk as it was before the run is not accepted as one that the guest wrote to."""
    job = Job(out, Machine())
    disk = out / "guest" / "disk.img"
    with pytest.raises(Failure, match="written/numbers"):
        job.judge_disk(disk, disk)
