"""System and Data of a Mac as one tree, against the tree written down by hand from tests/support/macs.rs."""

from __future__ import annotations

import pathlib
import pickle
from collections.abc import Iterator

import apfs
import pytest
from conftest import PASSWORD

S = 0x0FFFFFFF00000010
"""Number of the first object of System."""

TREE = {
    "/": ("Mac", 2),
    "/Applications": ("Mac - Data", 16),
    "/System": ("Mac", S),
    "/System/Library": ("Mac", S + 1),
    "/System/Library/Caches": ("Mac - Data", 19),
    "/System/Library/Caches/c": ("Mac - Data", 20),
    "/System/Volumes": ("Mac", S + 3),
    "/System/Volumes/Data": ("Mac - Data", 2),
    "/System/Volumes/Data/System": ("Mac - Data", 17),
    "/System/Volumes/Data/System/Library": ("Mac - Data", 18),
    "/System/Volumes/Data/left": ("Mac - Data", 26),
    "/System/Volumes/Data/left/home": ("Mac - Data", 28),
    "/System/Volumes/Data/left/notes too": ("Mac - Data", 23),
    "/System/Volumes/Data/left/over": ("Mac - Data", 27),
    "/System/Volumes/Data/usr": ("Mac - Data", 32),
    "/System/Volumes/Preboot": ("Preboot", 2),
    "/System/Volumes/Preboot/boot": ("Preboot", 16),
    "/System/Volumes/Preboot/boot/kernel": ("Preboot", 17),
    "/System/Volumes/VM": ("VM", 2),
    "/System/Volumes/VM/swapfile0": ("VM", 16),
    "/Users": ("Mac - Data", 21),
    "/Users/ada": ("Mac - Data", 22),
    "/Users/ada/notes": ("Mac - Data", 23),
    "/Users/ada/shell": ("Mac - Data", 24),
    "/Users/ada/up": ("Mac - Data", 25),
    "/bin": ("Mac", S + 9),
    "/bin/sh": ("Mac", S + 10),
    "/etc": ("Mac", S + 11),
    "/private": ("Mac - Data", 29),
    "/private/etc": ("Mac - Data", 30),
    "/private/etc/hosts": ("Mac - Data", 31),
    "/usr": ("Mac", S + 13),
    "/usr/local": ("Mac - Data", 33),
    "/usr/local/tool": ("Mac - Data", 34),
    "/usr/share": ("Mac", S + 15),
    "/usr/share/firmlinks": ("Mac", S + 16),
}


@pytest.fixture
def group(made: pathlib.Path) -> Iterator[apfs.VolumeGroup]:
    with apfs.open(made / "mac.img") as disk:
        (group,) = disk.groups
        yield group


def test_members(group: apfs.VolumeGroup) -> None:
    """The group has its volumes by their roles, and beside them those that are shown in the same tree."""
    assert (group.name, group.id.bytes, group.problems) == ("Mac", b"group of a mac..", [])
    volumes = group.container.volumes
    assert group.systems == [volumes["Mac"]] and group.data == [volumes["Mac - Data"]] and group.others == []
    assert group.companions == {"Preboot": volumes["Preboot"], "VM": volumes["VM"]}
    assert group.container.groups == [group] and group.container.group_problems == [] and "Mac" in repr(group)


def test_tree(group: apfs.VolumeGroup) -> None:
    """Walk and scan give the tree that is written down, each path once, with what is behind it."""
    view = group.open()
    walked = {str(path): path.lstat() for path in view.root.walk()}
    assert walked == dict(entry for batch in view.scan(batch=5) for entry in batch)
    found = {}
    for path in walked:
        backing = view.backing(path)
        assert backing is not None
        found[path] = (backing.volume.name, backing.ino)
    assert found == TREE
    assert (view.root / "etc/hosts").read_text() == "localhost"
    assert (view.root / "Users/ada/shell").read_text() == (view.root / "Users/ada/up").read_text() == "shell"
    assert {str(link) for link in (view.root / "Users/ada/notes").links()} == {
        "/Users/ada/notes",
        "/System/Volumes/Data/left/notes too",
    }
    assert (view.xid, view.snapshot, view.volume) == (None, None, group.systems[0])


def test_backing(group: apfs.VolumeGroup) -> None:
    """What is behind a file says how it got its place."""
    view = group.open()
    system, data = group.systems[0], group.data[0]
    shell, notes = view.backing("/bin/sh"), view.backing(view.path("/Users/ada/notes"))
    booted = "com.apple.os.update-0123456789ABCDEF"
    assert shell is not None and notes is not None and view.boot == "newest-update"
    xid = system.open_snapshot(booted).xid
    assert shell == apfs.Backing(system, S + 10, xid or 0, booted, "system", None, None, None)
    assert notes == apfs.Backing(data, 23, data.view.xid or 0, None, "firmlink", "/Users", "/Users", "attribute")
    swap = view.backing("/System/Volumes/VM/swapfile0")
    assert swap is not None and (swap.by, swap.at) == ("mount", "/System/Volumes/VM")
    with pytest.raises(apfs.NotFoundError):
        view.backing("/no such file")


def test_firmlinks(group: apfs.VolumeGroup) -> None:
    """Firmlinks come from attributes and the list, and what the list alone names is a usual finding."""
    view = group.open()
    sources = {link.path: link.source for link in view.firmlinks}
    assert sources == {
        "/Applications": "attribute",
        "/System/Library/Caches": "list",
        "/Users": "attribute",
        "/private": "list",
        "/usr/local": "attribute",
    }
    assert all(link.path == link.target for link in view.firmlinks)
    (finding,) = view.findings
    assert (finding.path, finding.word, finding.is_usual) == ("/AppleInternal", "not-on-system", True)
    assert str(finding).startswith("/AppleInternal: ")


def test_other_states(group: apfs.VolumeGroup) -> None:
    """System can be shown live or at a snapshot, and without Data."""
    assert not (group.open().root / "bin/too new").exists()
    live = group.open(system_live=True)
    assert (live.root / "bin/too new").read_text() == "not yet" and live.boot == "chosen"
    alone = group.open(without_data=True)
    assert (alone.root / "bin/sh").exists() and not (alone.root / "Users/ada").exists()
    chosen = group.open(system="com.apple.os.update-0123456789ABCDEF")
    assert not (chosen.root / "bin/too new").exists()
    with pytest.raises(apfs.NotFoundError):
        group.open(data="no such snapshot")
    for wrong in ({"data": 1, "without_data": True}, {"system": 1, "system_live": True}):
        with pytest.raises(ValueError):
            group.open(**wrong)  # type: ignore[arg-type]


def test_views_differ(group: apfs.VolumeGroup) -> None:
    """A merged tree is equal to itself opened again, not to its System; it can be pickled, and not compared."""
    view = group.open()
    assert view == group.open() and hash(view) == hash(group.open()) and view != group.open(without_data=True)
    assert view != view.volume.view and view.volume.view != view and "Mac" in repr(view)
    for other in (view, group.open(without_data=True), group.open(system_live=True)):
        assert pickle.loads(pickle.dumps(other)) == other
    assert pickle.loads(pickle.dumps(view.root / "etc/hosts")).read_text() == "localhost"
    with pytest.raises(apfs.UnsupportedError):
        view.changes(view)


def test_locked_data(made: pathlib.Path) -> None:
    """A locked Data volume is said to be one; it is joined once it is unlocked, or left out."""
    with apfs.open(made / "mac-locked.img") as disk:
        (group,) = disk.groups
        with pytest.raises(apfs.LockedError, match="Mac - Data"):
            group.open()
        assert (group.open(without_data=True).root / "bin/sh").exists()
        group.data[0].unlock(password=PASSWORD)
        assert (group.open().root / "Users/ada/notes").read_text() == "some notes"
    with apfs.open(made / "mac-locked.img", password=PASSWORD) as disk:
        assert (disk.groups[0].open().root / "Users/ada/notes").read_text() == "some notes"


def test_disks_without_groups(disk: apfs.Disk) -> None:
    """A disk without a macOS has no groups."""
    assert disk.groups == [] and disk.containers[0].group_problems == []
