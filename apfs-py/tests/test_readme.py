"""The examples run as they stand."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest
from conftest import ROOT

HERE = pathlib.Path(__file__).resolve().parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", (HERE / "README.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.skipif(not (ROOT / "samples" / "demo.img").exists(), reason="they read the sample of the repository")
@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_readme(example: str) -> None:
    """An example of the README prints something and fails in nothing."""
    command = [sys.executable, "-W", "error", "-c", example]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0 and done.stdout, done.stderr


def test_example_program(image: pathlib.Path) -> None:
    """The example program lists the image without a complaint."""
    command = [sys.executable, str(HERE / "examples" / "list_volume.py"), str(image)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0 and done.stdout and not done.stderr, done.stderr
