"""HFS+ volumes: beside APFS on one disk, and what only they have."""

from __future__ import annotations

import datetime
import multiprocessing
import pathlib
import pickle
from collections.abc import Iterator

import apfs
import pytest
from conftest import PASSWORD


@pytest.fixture
def disk(hfs: pathlib.Path) -> Iterator[apfs.Disk]:
    """A disk with an APFS container, an HFS+ and an HFSX volume."""
    with apfs.open(hfs / "mixed.img") as disk:
        yield disk


@pytest.fixture
def plus(disk: apfs.Disk) -> apfs.Volume:
    return disk.volumes["Macintosh HD"]


@pytest.fixture
def linked(disk: apfs.Disk) -> apfs.Volume:
    """A volume with hard links to folders."""
    return disk.volumes["Dir Links"]


def facts(volume: apfs.Volume) -> apfs.HfsInfo:
    assert volume.hfs is not None
    return volume.hfs


def test_volumes_of_every_kind(disk: apfs.Disk) -> None:
    """The volumes of all partitions are in one list, and each is read in the same way."""
    assert disk.volumes.names == ["Data", "Other", "Macintosh HD", "Dir Links"]
    assert [volume.kind for volume in disk.volumes] == ["apfs", "apfs", "hfs+", "hfsx"]
    assert [volume.partition for volume in disk.volumes] == [0, 0, 1, 2]
    assert [volume.is_case_sensitive for volume in disk.volumes] == [False, False, False, True]
    assert len(disk.containers) == 1 and disk.failures == [] and disk.findings == []
    for volume in disk.volumes:
        assert volume.disk is disk and disk.volumes[volume.name] == volume
        assert all(path.exists(follow_symlinks=False) for path in volume.root.walk())


def test_what_hfs_lacks(disk: apfs.Disk, plus: apfs.Volume) -> None:
    """What only APFS has is empty on HFS+; the container says that there is none."""
    assert (plus.snapshots, plus.role, plus.group, plus.index, plus.view.xid) == ([], "none", None, 0, None)
    assert not (plus.is_encrypted or plus.is_locked or plus.is_sealed)
    assert plus.protection.encryption == "none" and plus.protection.records == ()
    with pytest.raises(apfs.MisuseError, match="not encrypted"):
        plus.unlock(password="guess")
    with pytest.raises(FileNotFoundError):
        plus.open_snapshot("before")
    with pytest.raises(NotImplementedError, match="no container") as caught:
        plus.container
    assert isinstance(caught.value, apfs.UnsupportedError) and caught.value.what
    assert disk.volumes[0].hfs is None and disk.volumes[0].container is disk.containers[0]
    assert plus != disk.volumes[0] and "hfs+" in repr(plus) and "transaction" not in repr(plus.view)


def test_facts(plus: apfs.Volume) -> None:
    """The header's counts and dates, and the journal."""
    found = facts(plus)
    assert (found.block_size, found.total_blocks, found.free_blocks) == (4096, 311, 37)
    assert (found.files, found.folders, found.last_mounted_version) == (30, 6, "HFSJ")
    assert (found.attributes, found.is_clean, found.from_copy, found.wrapper_offset) == (0x80002100, True, False, None)
    assert found.created_local == datetime.datetime(2023, 11, 14, 23, 16, 40)
    assert found.modified == datetime.datetime(2023, 11, 14, 22, 13, 30, tzinfo=datetime.timezone.utc)
    assert found.backed_up is None and found.finder_info[6:] == [0x12345678, 0x9ABCDEF0]
    assert plus.used_bytes == (311 - 37) * 4096
    assert plus.uuid is not None and plus.uuid.version == 3
    journal = found.journal
    assert journal is not None and (journal.state, journal.replayed, journal.blocks) == ("clean", False, 0)
    assert (journal.byte_order, journal.length, journal.start, journal.end) == ("little", 512 << 10, 512, 512)
    assert "clean" in repr(journal) and "4096" in repr(found)


def test_private_entries(plus: apfs.Volume) -> None:
    """The private folders and the journal are shown to whoever asks for them, and to nobody else."""
    shown = {path.name for path in plus.root.iterdir()}
    hidden = {path.name for path in plus.root.iterdir(private=True)} - shown
    assert shown == {"folder", "empty folder", "empty", "link", "again"}
    assert hidden == {
        "\0\0\0\0HFS+ Private Data",
        ".HFS+ Private Directory Data\r",
        ".journal",
        ".journal_info_block",
    }
    for private in (False, True):
        walked = {str(path): path.lstat() for path in plus.root.walk(private=private)}
        scanned = dict(entry for batch in plus.scan(private=private, batch=7) for entry in batch)
        assert walked == scanned and len(walked) == (32 + 5 if private else 32)


def test_names(plus: apfs.Volume, linked: apfs.Volume) -> None:
    """Names are found by the rule of their volume, and have the form in which they are stored."""
    assert (plus.root / "FOLDER" / "Text").read_text() == "some text\n"
    assert (linked.root / "a").exists() and not (linked.root / "A").exists()


def test_forks_and_attributes(plus: apfs.Volume) -> None:
    """Both forks, attributes, symbolic links and the runs of blocks of a fragmented fork."""
    text = plus.root / "folder" / "text"
    stat = text.lstat()
    assert (stat.size, stat.resource_size, stat.st_nlink, stat.st_uid) == (10, 5000, 2, 99)
    assert text.open_raw("resource_fork").read() == bytes((n * 7 + n // 251) % 256 for n in range(5000))
    assert text.xattrs()["small"] == b"value"
    empty = plus.root / "empty"
    assert (empty.lstat().size, empty.lstat().resource_size) == (0, 40_000)
    assert len(empty.extents("resource_fork")) == 10 and empty.extents() == []
    assert plus.root.xattrs()["of the root"] == b"root"
    assert (plus.root / "link").readlink() == "folder/text" and (plus.root / "link").stat() == stat


def test_extents_hold_the_content(disk: apfs.Disk, hfs: pathlib.Path, plus: apfs.Volume) -> None:
    """The bytes at the physical offsets of the partition are the content of the file."""
    pieces = plus.root / "folder" / "pieces"
    start = disk.partitions[plus.partition].start
    image = (hfs / "mixed.img").read_bytes()
    stored = b""
    for run in pieces.extents():
        assert run.physical is not None
        stored += image[start + run.physical :][: run.length]
    assert len(pieces.extents()) == 11 and stored[: pieces.lstat().size] == pieces.read_bytes()


def test_hard_links(plus: apfs.Volume, linked: apfs.Volume) -> None:
    """Links to files and to folders know one another, and each has its number."""
    again, text = plus.root / "again", plus.root / "folder" / "text"
    assert again.lstat() == text.lstat() and set(again.links()) == {again, text}
    numbers = {again.link_id, text.link_id}
    assert len(numbers) == 2 and None not in numbers and again.lstat().st_ino not in numbers
    assert (plus.root / "empty").link_id is None and plus.root.link_id is None
    with pytest.raises(FileNotFoundError):
        (plus.root / "nothing").link_id

    names = ["/a/shared", "/b/shared too", "/b/c/shared three"]
    shared = [linked.view.path(name) for name in names]
    assert sorted(map(str, shared[0].links())) == sorted(names)
    assert len({path.link_id for path in shared}) == 3 and len({path.lstat().st_ino for path in shared}) == 1
    assert shared[0].lstat().st_nlink == 3
    content = [sorted(str(path).removeprefix(name) for path in linked.view.path(name).walk()) for name in names]
    assert content[0] == content[1] == content[2] == ["", "/inner", "/inner/file", "/plain", "/plain/file", "/top"]


def test_linked_folders_in_walks_and_scans(linked: apfs.Volume) -> None:
    """As a Mac shows it, a folder has its content at each of its links; every entry once, at none of them."""
    walked = [str(path) for path in linked.root.walk()]
    scanned = [path for batch in linked.scan() for path, _ in batch]
    assert sorted(walked) == sorted(scanned) and len(set(walked)) == len(walked) == 25
    assert "/b/c/shared three/inner/file" in walked
    every = [str(path) for path in linked.root.walk(private=True)]
    assert sorted(every) == sorted(path for batch in linked.scan(private=True) for path, _ in batch)
    assert len(every) == 19 and sum(path.endswith("/inner/file") for path in walked) == 4
    assert sum(path.endswith("/plain/file") for path in every) == 1


def test_journal(hfs: pathlib.Path) -> None:
    """A volume is shown as its journal leaves it, or as it is stored; nothing is written."""
    before = (hfs / "dirty.img").read_bytes()
    names = {}
    for no_journal in (False, True):
        with apfs.open(hfs / "dirty.img", no_journal=no_journal) as disk:
            volume = disk.volumes[0]
            journal = facts(volume).journal
            assert journal is not None and (journal.state, journal.replayed) == ("dirty", not no_journal)
            assert (journal.transactions, journal.bytes) == (1, journal.blocks * 4096)
            assert not facts(volume).is_clean
            names[no_journal] = {str(path) for path in volume.root.walk()}
    assert names[False] ^ names[True] == {"/new", "/folder/renamed", "/folder/pieces"}
    assert {"/new", "/folder/renamed"} < names[False] and "/folder/pieces" in names[True]
    assert (hfs / "dirty.img").read_bytes() == before


def test_copy_of_the_header(hfs: pathlib.Path) -> None:
    """Where the header is damaged its copy serves, in a classic volume too, and that is a finding."""
    with apfs.open(hfs / "header-copy.img") as disk:
        found = facts(disk.volumes[0])
        assert found.from_copy and found.wrapper_offset == 28672 and found.journal is None
        assert (disk.volumes[0].root / "file").read_text() == "text"
        assert any(finding.structure == "HFSPlusVolumeHeader" for finding in disk.findings)


def test_damage_costs_what_it_touches(hfs: pathlib.Path) -> None:
    """A damaged node is an error that names node and tree; everything else is listed."""
    with apfs.open(hfs / "damaged.img") as disk:
        volume = disk.volumes[0]
        for entries in (volume.root.walk, volume.scan):
            errors: list[apfs.ApfsError] = []
            found = list(entries(on_error=errors.append))
            assert found and errors and all(isinstance(error, apfs.CorruptError) for error in errors)
        listed = {path for batch in volume.scan(on_error=errors.append) for path, _ in batch}
        assert 190 < len(listed) < 202
        nodes = [error for error in errors if isinstance(error, apfs.CorruptError) and error.node is not None]
        assert nodes and all(error.cnid == 4 and f"node {error.node}" in str(error) for error in nodes[:1])


def digest(path: apfs.Path) -> tuple[str, str | None, bytes]:
    disk = path.view.volume.disk
    return str(path), disk.source, path.read_bytes()


def test_pickle(hfs: pathlib.Path, plus: apfs.Volume, disk: apfs.Disk) -> None:
    """Volumes and paths cross process borders; how the disk was opened goes with them."""
    assert pickle.loads(pickle.dumps(plus)) == plus and pickle.loads(pickle.dumps(plus.root)) == plus.root
    with apfs.open(hfs / "dirty.img", no_journal=True) as stored, apfs.open(hfs / "dirty.img") as replayed:
        again = [pickle.loads(pickle.dumps(disk.volumes[0])) for disk in (stored, replayed)]
        assert [(volume.root / "new").exists() for volume in again] == [False, True]
        paths = [replayed.volumes[0].root / "new", plus.root / "folder" / "text"]
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.map(digest, paths) == [digest(path) for path in paths]


def test_filevault(hfs: pathlib.Path) -> None:
    """An encrypted volume on CoreStorage says what it needs, and opens with a password that is given to open."""
    with pytest.raises(apfs.LockedError) as caught:
        apfs.open(hfs / "filevault.img")
    assert caught.value.reason is apfs.LockReason.NEEDS_SECRET
    with pytest.raises(apfs.LockedError) as caught:
        apfs.open(hfs / "filevault.img", password="guess")
    assert caught.value.reason is apfs.LockReason.WRONG_SECRET and "guess" not in str(caught.value)
    with apfs.open(hfs / "filevault.img", passwords=["guess", PASSWORD]) as disk:
        volume = disk.volumes["Secret"]
        assert volume.kind == "hfs+" and (volume.root / "file").read_text() == "text"
        assert pickle.loads(pickle.dumps(volume.root / "file")).read_text() == "text"


def test_one_partition(hfs: pathlib.Path) -> None:
    """One partition can be asked for, whatever file system it holds."""
    with apfs.open(hfs / "mixed.img", partition=1) as disk:
        assert disk.volumes.names == ["Macintosh HD"] and disk.containers == []
    with pytest.raises(apfs.NotFoundError):
        apfs.open(hfs / "mixed.img", partition=9)


@pytest.mark.parametrize(
    "name", ["rich-hfsx", "tall", "fragments", "special-fragments", "attribute-extents", "compressed", "names", "odd-files"]
)
def test_walk_equals_scan(hfs: pathlib.Path, name: str) -> None:
    """Walking and scanning give the same, every path is found again, and every stream can be read."""
    with apfs.open(hfs / f"{name}.img") as disk:
        volume = disk.volumes[0]
        walked = {str(path): path for path in volume.root.walk()}
        assert {path: walked[path].lstat() for path in walked} == dict(
            entry for batch in volume.scan() for entry in batch
        )
        for path, entry in walked.items():
            stat = entry.lstat()
            assert volume.view.path(path).lstat() == stat and volume.view.path_of(stat.st_ino).lstat() == stat
            if stat.is_file():
                assert len(entry.read_bytes()) == stat.size
                fork = entry.open_raw("resource_fork").read() if stat.resource_size else b""
                assert len(fork) == stat.resource_size
            assert all(len(value) == entry.xattrs().size(key) for key, value in entry.xattrs().items())
        assert disk.findings == []
