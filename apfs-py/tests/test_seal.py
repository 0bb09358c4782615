"""Seals that hold, that say they are broken, and that do not hold: images of tests/support/apfs_images.rs."""

from __future__ import annotations

import pathlib
import threading

import apfs
import pytest


def verdict(made: pathlib.Path, name: str, threads: int | None = None) -> apfs.SealVerdict:
    with apfs.open(made / f"{name}.img") as disk:
        found = disk.volumes["System"].view.verify_seal(threads=threads)
        assert found is not None
        return found


def test_intact(made: pathlib.Path) -> None:
    """A sound seal holds, on any number of threads; each regular file is compared once."""
    found = verdict(made, "sealed", 1)
    assert found and found == verdict(made, "sealed", 5) == verdict(made, "sealed")
    assert (found.word, found.broken_xid, found.recorded, found.nodes, found.files, found.more) == (
        "intact", None, [], [], [], 0,
    )  # fmt: skip
    with apfs.open(made / "sealed.img") as disk:
        regular = [path.lstat() for path in disk.volumes[0].root.walk() if path.lstat().is_file()]
    assert found.compared_files == len({stat.st_ino for stat in regular}) == 39
    assert found.hashed_bytes > sum(stat.size for stat in {stat.st_ino: stat for stat in regular}.values()) / 2


def test_recorded(made: pathlib.Path, volume: apfs.Volume) -> None:
    """What is recorded can be asked for without comparing; a volume without a seal has none."""
    with apfs.open(made / "sealed.img") as disk:
        seal = disk.volumes[0].view.seal
        assert seal is not None and (seal.version, seal.flags, seal.broken_xid) == (2, 0, 0)
        assert (seal.hash_type, seal.hash_name, len(seal.root_hash or b"")) == (1, "SHA-256", 32)
    assert volume.view.seal is None and volume.view.verify_seal() is None


def test_broken_flag(made: pathlib.Path) -> None:
    """The volume's own word that it was changed is a verdict of its own."""
    found = verdict(made, "sealed-broken")
    assert not found and (found.word, found.broken_xid, found.nodes, found.files) == ("broken", 1, [], [])


def test_changed_data(made: pathlib.Path) -> None:
    """A changed byte of data is found in each file that has the block, and located."""
    found = verdict(made, "sealed-data", 3)
    assert not found and found.word == "mismatch" and found.nodes == []
    assert [(file.path, file.offset) for file in found.files] == [("/bin/plain", 4096), ("/usr/clone", 4096)]
    assert all(isinstance(file.error, apfs.CorruptError) and "hash" in str(file.error) for file in found.files)


def test_changed_node(made: pathlib.Path) -> None:
    """A changed byte of a node that nothing reads is found, with the files that can't be relied on."""
    found = verdict(made, "sealed-node", 3)
    (node,) = found.nodes
    with apfs.open(made / "sealed-node.img") as disk:
        empty = (disk.volumes[0].root / "empty").lstat().st_ino
    assert found.word == "mismatch" and node.level == 0 and node.first_id <= empty < node.end_id
    assert isinstance(node.error, apfs.CorruptError) and node.block is not None and not found.files


def test_other_threads_go_on(made: pathlib.Path) -> None:
    """Seals can be checked in several Python threads at once."""
    found: list[apfs.SealVerdict] = []
    with apfs.open(made / "sealed.img") as disk:
        view = disk.volumes[0].view

        def work() -> None:
            one = view.verify_seal(threads=2)
            assert one is not None
            found.append(one)

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(found) == 4 and all(one == found[0] and one for one in found)


def test_hfs_has_no_seal(hfs: pathlib.Path) -> None:
    """A seal of a volume of another kind can't be checked."""
    with apfs.open(hfs / "mixed.img") as disk:
        view = disk.volumes["Macintosh HD"].view
        assert view.seal is None
        with pytest.raises(apfs.UnsupportedError):
            view.verify_seal()
