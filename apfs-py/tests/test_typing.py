"""The package and its example check under the strictest rules of mypy, and the stubs match the module."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parents[1]

if importlib.util.find_spec("mypy") is None:
    pytest.skip("mypy is not installed", allow_module_level=True)


def run(work: pathlib.Path, *command: str) -> None:
    command = (sys.executable, "-m", *command)
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_package_and_example_are_typed(tmp_path: pathlib.Path) -> None:
    """mypy --strict has nothing to say."""
    checked = [HERE / "python" / "apfs", HERE / "examples" / "list_volume.py", HERE / "tests"]
    run(tmp_path, "mypy", "--strict", *map(str, checked))


def test_stubs_match_the_module(tmp_path: pathlib.Path) -> None:
    """Every name and signature of the compiled module is in its stub, and the other way round."""
    run(tmp_path, "mypy.stubtest", "apfs._apfs")
