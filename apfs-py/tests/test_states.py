"""Snapshots by all their marks, older checkpoints, and what differs between states of the sample.

What is expected is written by hand from the description of the sample in tests/support/sample.rs.
"""

from __future__ import annotations

import datetime
import pathlib
import pickle
import uuid
from collections.abc import Iterator

import apfs
import pytest
from conftest import ROOT


@pytest.fixture
def volume() -> Iterator[apfs.Volume]:
    """The volume of the sample, with snapshots of the transactions 2 and 3."""
    sample = ROOT / "samples" / "demo.img"
    if not sample.exists():
        pytest.skip("the sample of the repository is not there")
    with apfs.open(sample) as disk:
        yield disk.volumes["Demo"]


def lines(delta: apfs.Delta) -> list[str]:
    found = []
    for change in delta:
        details = [*change.fields, *(f"{start}+{length}" for start, length in change.ranges)]
        details += [f"{name}={op}" for name, op in change.xattrs.items()]
        old = "" if change.old_path is None else f" from {change.old_path}"
        found.append(f"{change.op} {change.path}{old} {','.join(details)}".strip())
    return found


BEFORE_TO_BETWEEN = [
    "modified / nchildren,mtime",
    "modified /README.txt nlink",
    "created /Links/Readme again.txt",
    "modified /Documents nchildren,mtime",
    "modified /Documents/Haiku.txt mtime,ctime,write_generation,0+76",
    "modified /Documents/Projects/2026/Plan.md size,mtime,ctime,write_generation,0+87",
    "renamed /Trash/Old notes.txt from /Documents/Old notes.txt",
    "modified /Trash nchildren,mtime",
    "created /Links",
    "created /Links/Plan",
    "created /Links/Pictures",
    "created /Links/Nowhere",
]
BETWEEN_TO_LIVE = [
    "modified / nchildren,mtime",
    "modified /README.txt ctime,org.example.language=created",
    "modified /Documents/Projects/2026/Budget.csv uid",
    "deleted /Trash/Old notes.txt",
    "modified /Pictures ctime,org.example.note=created",
    "modified /Pictures/Gradient.pgm ctime,org.example.thumbnail=created",
    "modified /Trash nchildren,mtime",
    "created /Special",
    "created /Special/empty",
    "created /Special/sparse.bin",
    "created /Special/fragmented.txt",
    "created /Special/pipe",
]


def test_facts(volume: apfs.Volume) -> None:
    """A snapshot says all that is kept of it."""
    before, between = volume.snapshots
    assert (before.name, before.xid, between.name, between.xid) == ("before", 2, "between", 3)
    assert between.uuid == uuid.UUID(bytes=b"snapshot\0\0\0\0\0\0\0\3")
    taken = datetime.datetime(2023, 11, 14, 22, 13, 23, tzinfo=datetime.timezone.utc)
    assert between.created == between.changed == taken
    assert between.change_time_ns == between.create_time_ns == 1_700_000_003_000_000_000
    assert (between.flags, between.map_flags, between.flag_names, between.unusable_because) == (0, 0, [], None)


def test_chosen_by_every_mark(volume: apfs.Volume) -> None:
    """Name, transaction, id and time lead to the same snapshot; a time means the newest until then."""
    utc, other = datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=2))
    marks: list[apfs.AnySnapshot] = ["between", 3, "3", "0x3", volume.snapshots[1], "2023-11-14", "2023-11-14 22:13:23"]
    marks += [uuid.UUID("736E6170-7368-6F74-0000-000000000003"), "736e6170-7368-6f74-0000-000000000003"]
    marks += [datetime.datetime(2024, 1, 1, tzinfo=utc), datetime.datetime(2023, 11, 15, 0, 13, 23, tzinfo=other)]
    assert {volume.open_snapshot(mark).xid for mark in marks} == {3}
    assert volume.open_snapshot(datetime.datetime(2023, 11, 14, 22, 13, 22, 999_999, tzinfo=utc)).xid == 2
    for missing in (datetime.datetime(2023, 1, 1, tzinfo=utc), "2023-01-01", uuid.UUID(int=7), 7, "no such snapshot"):
        with pytest.raises(apfs.NotFoundError):
            volume.open_snapshot(missing)
    with pytest.raises(ValueError, match="time zone"):
        volume.open_snapshot(datetime.datetime(2024, 1, 1))


def test_diff(volume: apfs.Volume) -> None:
    """Every change is given once, in both directions."""
    assert lines(volume.diff("before", "between")) == BEFORE_TO_BETWEEN
    assert lines(volume.diff("between")) == BETWEEN_TO_LIVE
    assert lines(volume.diff("between", "between")) == lines(volume.diff(None, None)) == []
    back = {(change.op, change.path) for change in volume.diff("between", "before")}
    assert ("deleted", "/Links/Plan") in back and ("renamed", "/Documents/Old notes.txt") in back
    assert len(back) == len(BEFORE_TO_BETWEEN)


def test_sides_of_a_change(volume: apfs.Volume) -> None:
    """Both sides have the metadata of the file in their state."""
    for change in volume.diff("between"):
        for view, stat in [(volume.at("between"), change.before), (volume.view, change.after)]:
            assert (stat is None) == (change.op == ("created" if view.snapshot else "deleted"))
            if stat is not None:
                assert stat == view.path(view._handle.path_of(change.ino)).lstat()
                assert (change.ino, change.kind) == (stat.st_ino, stat.kind)
        assert change == change and str(change.ino) in repr(change)


def test_below_a_path(volume: apfs.Volume) -> None:
    """A path leaves what is at or below it, on either side."""
    found = lines(volume.diff("before", "between", "/Documents/"))
    assert found == [line for line in BEFORE_TO_BETWEEN if "/Documents" in line]
    assert lines(volume.diff("before", "between", "/Doc")) == []
    assert lines(volume.diff("before", "between", "/")) == BEFORE_TO_BETWEEN


def test_stats(volume: apfs.Volume) -> None:
    """A comparison counts what it reads."""
    delta = volume.diff("before", "between")
    assert delta.stats.changes == 0 and delta.stats.method is None
    list(delta)
    stats = delta.stats
    assert stats.changes == len(BEFORE_TO_BETWEEN) and stats.method in ("map", "trees") and min(stats.leaves) > 0
    assert next(delta, None) is None


def test_older_checkpoint(volume: apfs.Volume) -> None:
    """States of an older checkpoint can be compared with those of the newest one, and pickled."""
    container = volume.container
    assert container.checkpoints == [4, 3]
    then = container.at(3).volumes["Demo"]
    assert then != volume and then.view.xid == 3 and lines(then.view.changes(volume.view)) == BETWEEN_TO_LIVE
    assert pickle.loads(pickle.dumps(then.view)) == then.view
    with pytest.raises(apfs.NotFoundError):
        container.at(77)


def test_history(volume: apfs.Volume) -> None:
    """Versions of a file over snapshots, checkpoints and the live state, through renames and to its end."""
    first, second, last = volume.history("/Trash/Old notes.txt")
    assert (first.path, first.change) == ("/Documents/Old notes.txt", None) and first.stat is not None
    assert second.path == "/Trash/Old notes.txt" and second.change is not None and second.change.op == "renamed"
    assert (last.path, last.stat, last.views) == (None, None, (volume.view,))
    draft, haiku = volume.history("/Documents/Haiku.txt")
    assert [view.xid for view in haiku.views] == [3, 4] and len(draft.views) == 1
    assert haiku.change is not None and haiku.change.ranges == [(0, 76)]
    states = [volume.at("between"), volume.container.at(3).volumes[0].view, volume.view]
    (one, two) = volume.history("/README.txt", states)
    assert one.views == tuple(states[:2]) and two.change is not None
    assert two.change.xattrs == {"org.example.language": "created"}
    with pytest.raises(apfs.NotFoundError):
        volume.history("/no such file")


def test_what_can_be_compared(volume: apfs.Volume, hfs: pathlib.Path) -> None:
    """States of the same disk opened twice can be compared; those of other volumes can't."""
    with apfs.open(ROOT / "samples" / "demo.img") as same:
        assert lines(volume.at("between").changes(same.volumes[0].view)) == BETWEEN_TO_LIVE
    with apfs.open(hfs / "mixed.img") as disk:
        for other in disk.volumes:
            with pytest.raises(apfs.UnsupportedError, match="compar|states"):
                volume.view.changes(other.view)


def test_damage_is_told_in_its_place(volume: apfs.Volume) -> None:
    """What can't be read is raised in its place, or handed over and the rest follows."""
    content = bytearray((ROOT / "samples" / "demo.img").read_bytes())
    sound = list(volume.at("between").changes(volume.view))
    changed = {path for change in sound for path in (change.path, change.old_path)}
    told = 0
    for block in range(5, len(content) // 4096):
        damaged = content.copy()
        damaged[block * 4096 + 200] ^= 0xFF
        try:
            with apfs.open(bytes(damaged)) as disk:
                views = [disk.volumes[0].at("between"), disk.volumes[0].view]
                errors: list[apfs.ApfsError] = []
                changes = list(views[0].changes(views[1], on_error=errors.append))
                if errors:
                    told += len(changes)
                    # What can't be read is neither gone nor new.
                    whole = {change.path for change in changes if change.op in ("created", "deleted")}
                    assert whole <= changed, (block, whole - changed)
                    assert any(isinstance(error, apfs.CorruptError) for error in errors)
                    with pytest.raises(apfs.ApfsError):
                        list(views[0].changes(views[1]))
        except (apfs.ApfsError, KeyError):
            continue
    assert told
