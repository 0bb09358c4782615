"""The sample read by another program: dissect.apfs. Skipped where that is not installed."""

from __future__ import annotations

import datetime
from typing import Any

import apfs
import pytest
from conftest import ROOT

dissect: Any = pytest.importorskip("dissect.apfs.apfs")


SAMPLE = ROOT / "samples" / "demo.img"
# It goes by way of a float from nanoseconds to datetimes.
ROUNDING = datetime.timedelta(microseconds=2)


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample of the repository is compared")
def test_same_tree() -> None:
    """Paths, modes, owners, all four times and content are the same."""
    volume = apfs.open(SAMPLE).volumes[0]
    ours = {str(path): path for path in volume.root.walk()}
    seen = set()
    with SAMPLE.open("rb") as file:
        todo: list[tuple[str, Any]] = [("", dissect.APFS(file).volumes[0].get("/"))]
        while todo:
            path, inode = todo.pop()
            seen.add(path or "/")
            mine = ours[path or "/"]
            stat = mine.lstat()
            assert (stat.st_mode, stat.st_uid, stat.st_gid) == (inode.mode, inode.uid, inode.gid), path
            times = zip(
                (stat.modified, stat.changed, stat.accessed, stat.created),
                (inode.mtime, inode.ctime, inode.atime, inode.btime),
                strict=True,
            )
            for mine_at, its_at in times:
                assert mine_at is not None, path
                # It takes times before 1970 for times after 2500.
                assert mine_at.year < 1970 or abs(mine_at - its_at) <= ROUNDING, path
            # It reads block 0 where a hole is recorded as an extent.
            if stat.is_file() and all(run.kind == "data" for run in mine.extents()):
                assert mine.read_bytes() == inode.open().read(), path
            if inode.is_dir():
                todo.extend((f"{path}/{child.name}", child.inode) for child in inode.iterdir())
    assert seen == set(ours)
