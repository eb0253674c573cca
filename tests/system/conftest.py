# SPDX-License-Identifier: Apache-2.0
"""Where the tests find what was built: WHERRY_OUT, or the default build directory."""

import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def out():
    path = pathlib.Path(os.environ.get("WHERRY_OUT", HERE.parents[1] / "build" / "arm64"))
    if not (path / "wherry.img").exists():
        pytest.fail(f"no image in {path}: run make first", pytrace=False)
    return path


@pytest.fixture(scope="session")
def out_x86():
    path = pathlib.Path(os.environ.get("WHERRY_OUT_X86", HERE.parents[1] / "build" / "x86_64"))
    if not (path / "wherry").exists():
        pytest.fail(f"no image in {path}: run make ARCH=x86_64 first", pytrace=False)
    return path
