"""A Fusion pair of tests/support/fusion.rs: both devices, and the main one alone."""

from __future__ import annotations

import pathlib
import pickle

import apfs
import pytest


def pattern(seed: int, length: int) -> bytes:
    return bytes((n * 7 + n // 251 + seed * 31) % 256 for n in range(length))


CONTENT = {
    "/main": pattern(1, 30_000),
    "/slow": pattern(2, 50_000),
    "/both": pattern(3, 3 * 65_536) + pattern(4, 65_536),
    "/dirty": pattern(5, 40 * 4096),
    "/tenant": pattern(6, 40 * 4096),
    "/cached": pattern(7, 40 * 4096),
    "/layers": pattern(8, 40 * 4096),
    "/shared": pattern(2, 50_000),
    "/holes": pattern(9, 65_536) + bytes(131_072) + pattern(10, 65_536),
}


def test_both(made: pathlib.Path) -> None:
    """Files on either device, and those with copies on the main one, are what was written; paths and bytes will do."""
    main, tier2 = made / "fusion-main.img", made / "fusion-tier2.img"
    for other in (tier2, tier2.read_bytes()):
        with apfs.open(main, tier2=other) as disk:
            volume = disk.volumes["Fusion"]
            assert {str(path): path.read_bytes() for path in volume.root.iterdir()} == CONTENT
            fusion = disk.containers[0].fusion
            assert fusion is not None and fusion.findings == [] and fusion.finding_count == 0
            assert fusion.tier2_size is not None and fusion.main_uuid != fusion.tier2_uuid
            assert [device.device for device in disk.containers[0].space().devices] == ["main", "tier2"]
            assert disk.containers[0].allocated("tier2")
            path, raw = volume.root / "slow", (volume.root / "slow").open_raw()
            if other is tier2:
                assert pickle.loads(pickle.dumps(path)).read_bytes() == CONTENT["/slow"]
            else:
                with pytest.raises(TypeError, match="path"):
                    pickle.dumps(path)
        with pytest.raises(apfs.MisuseError, match="closed"):
            raw.read_at(0, 10)


def test_one_is_missing(made: pathlib.Path) -> None:
    """What is on the main device can be read without the other; what is not, says so."""
    with apfs.open(made / "fusion-main.img") as disk:
        root = disk.volumes["Fusion"].root
        fusion = disk.containers[0].fusion
        assert fusion is not None and fusion.tier2_size is None and fusion.finding_count > 0
        assert (root / "main").read_bytes() == CONTENT["/main"]
        with pytest.raises(apfs.ApfsError):
            (root / "slow").read_bytes()


def test_no_other_half(made: pathlib.Path, disk: apfs.Disk) -> None:
    """A disk that is no other half is refused; what is no pair is none."""
    with pytest.raises(apfs.ApfsError):
        apfs.open(made / "fusion-main.img", tier2=made / "space.img")
    assert disk.containers[0].fusion is None
