"""Checks of sound and damaged images, against what their builders did and what the program says."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import apfs
import pytest
from conftest import PASSWORD


def test_leaked_block(made: pathlib.Path) -> None:
    """A block in use that nobody has is found, and the count that does not follow the bitmap."""
    with apfs.open(made / "leaked.img") as disk:
        reports = [disk.check(), disk.containers[0].check(snapshots=True), disk.volumes[0].check()]
    for report in reports:
        found = {finding.code: finding for finding in report}
        assert set(found) == {"A0604", "A0607"} and len(report) == 2 and not report.is_clean
        leak, count = found["A0607"], found["A0604"]
        assert (leak.severity, leak.name, leak.structure, leak.block) == ("warning", "leaked", "spaceman_bitmap", 250)
        assert (count.severity, count.field, count.place.expected, count.place.found) == (
            "error", "ci_free_count", "151", "152",
        )  # fmt: skip
        assert (leak.partition, leak.volume) == (0, None) and str(leak.block) in leak.message
        assert (report.errors, report.warnings, report.notes) == (1, 1, 0)
        assert report.by_code == {"A0604": 1, "A0607": 1}
        assert report.checked["volumes"] == 1 and report.unchecked == []


def test_sound(disk: apfs.Disk, made: pathlib.Path) -> None:
    """Sound images are clean; a report without findings is a report."""
    report = disk.check(snapshots=True)
    assert report.is_clean and report and list(report) == [] and report.checked
    for name in ("sealed", "space"):
        with apfs.open(made / f"{name}.img") as other:
            report = other.check(snapshots=True)
            assert report.errors == 0 and report.unchecked == [], report


def test_seal_is_part_of_it(made: pathlib.Path) -> None:
    """A file that is not as its seal says is an error of its volume."""
    with apfs.open(made / "sealed-data.img") as disk:
        report = disk.check()
    assert report.errors == 2 and {finding.volume for finding in report} == {0}
    assert all("hash" in finding.message for finding in report)


def test_locked_volume(encrypted: pathlib.Path) -> None:
    """What is locked is said not to be checked; once it is unlocked it is checked."""
    with apfs.open(encrypted / "volume.img") as disk:
        report = disk.check()
        ((what, why),) = report.unchecked
        assert "Secret" in what and why.startswith("locked") and report.errors == 0 and not report.is_clean
        disk.volumes["Secret"].unlock(password=PASSWORD)
        assert disk.check().is_clean
    with apfs.open(encrypted / "volume.img", password=PASSWORD) as disk:
        assert disk.check().is_clean


def test_hfs(hfs: pathlib.Path) -> None:
    """HFS+ volumes are checked by themselves and with their disk; damage has its node."""
    with apfs.open(hfs / "mixed.img") as disk:
        assert disk.check().errors == 0
        assert disk.volumes["Macintosh HD"].check().checked["files"] == 30
    with apfs.open(hfs / "damaged.img") as disk:
        report = disk.check()
        (finding,) = report
        assert (finding.code, finding.place.node, finding.place.cnid, finding.partition) == ("H0602", 2, 4, 0)
        assert report.unchecked and report.errors == 1


def test_limits(hfs: pathlib.Path) -> None:
    """Findings beyond what was asked for are counted only."""
    with apfs.open(hfs / "damaged.img") as disk:
        report = disk.volumes[0].check(findings_per_rule=0)
        assert len(report) == 0 and report.errors == 1


def test_rules() -> None:
    """All rules can be listed; their codes are in order within disk, APFS and HFS+."""
    rules = apfs.rules()
    assert len(rules) == len({rule.code for rule in rules}) > 100
    (leaked,) = (rule for rule in rules if rule.code == "A0607")
    assert (leaked.name, leaked.severity) == ("leaked", "warning") and leaked.text and leaked.group


@pytest.mark.parametrize("name", ["leaked", "sealed-data", "sealed-node", "space"])
def test_as_the_program(made: pathlib.Path, name: str) -> None:
    """The program says the same, line by line."""
    program = os.environ.get("APFS_TEST_PROGRAM")
    if program is None:
        pytest.skip("cargo xtask python sets APFS_TEST_PROGRAM")
    image = str(made / f"{name}.img")
    done = subprocess.run([program, "check", "--json", image], capture_output=True, text=True, check=False)
    *lines, last = map(json.loads, done.stdout.splitlines())
    with apfs.open(image) as disk:
        report = disk.check()
    keys = ("severity", "code", "name", "structure", "field", "block", "oid", "xid", "volume", "partition", "message")
    assert [[line[key] for key in keys] for line in lines] == [[getattr(f, key) for key in keys] for f in report]
    assert (last["summary"]["by_code"], last["summary"]["checked"]) == (report.by_code, report.checked)
