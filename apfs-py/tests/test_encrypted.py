"""What is encrypted: what it needs, what opens it, and that no secret comes to light."""

from __future__ import annotations

import multiprocessing
import pathlib
import pickle
import traceback

import apfs
import pytest
from apfs import _apfs
from conftest import PASSWORD

WRONG = "Tr0ub4dor"


@pytest.fixture
def secret(encrypted: pathlib.Path) -> pathlib.Path:
    """An image with a volume that `PASSWORD` opens, and one that is open."""
    return encrypted / "volume.img"


def test_every_reason_and_format_is_known() -> None:
    """The words of the compiled part are those of the package."""
    assert _apfs.lock_reasons() == [str(reason) for reason in apfs.LockReason]
    with pytest.raises(ValueError) as caught:
        apfs.open(b"", open_as="tape")
    assert all(word in str(caught.value) for word in _apfs.formats())


def test_what_it_needs(secret: pathlib.Path) -> None:
    """Without a password everything but the files can be asked for, and the error says what is missing."""
    with apfs.open(secret) as disk:
        volume = disk.volumes["Secret"]
        assert volume.is_encrypted and volume.is_locked and " locked" in repr(volume)
        protection = volume.protection
        assert (protection.encryption, protection.hint, protection.rolling) == ("volume-key", "a horse", None)
        assert [record.kind for record in protection.records] == ["user", "disk password"]
        assert all(record.rounds and not record.hardware_bound and not record.damaged for record in protection.records)
        assert not protection.hardware_bound and not protection.from_core_storage
        with pytest.raises(PermissionError) as caught:
            volume.view
        assert isinstance(caught.value, apfs.LockedError)
        assert caught.value.reason is apfs.LockReason.NEEDS_SECRET and str(caught.value.reason) == "needs-secret"
        assert "Secret" in caught.value.what and caught.value.percent is None
        assert (disk.volumes["Open"].root / "x").read_text() == "in the open"
        assert disk.volumes["Open"].protection.encryption == "none"


@pytest.mark.parametrize("kind", ["password", "passwords", "bytes", "key", "hex"])
def test_secrets_of_open(secret: pathlib.Path, kind: str) -> None:
    """Each kind of secret that is given when the disk is opened lets the files be read."""
    key = secret.with_suffix(".key").read_bytes()
    disks = {
        "password": lambda: apfs.open(secret, password=PASSWORD),
        "passwords": lambda: apfs.open(secret, passwords=[WRONG, PASSWORD]),
        "bytes": lambda: apfs.open(secret, password=PASSWORD.encode()),
        "key": lambda: apfs.open(secret, key=key),
        "hex": lambda: apfs.open(secret, key=key.hex(":")),
    }
    with disks[kind]() as disk:
        volume = disk.volumes["Secret"]
        assert (volume.root / "d/x").read_text() == "behind a lock"
        assert not volume.is_locked and volume.is_encrypted


def test_unlock(secret: pathlib.Path) -> None:
    """A volume can be unlocked later, for everybody who has it; the record that opened it is said."""
    with apfs.open(secret) as disk:
        volume, other = disk.volumes["Secret"], disk.volumes["Secret"]
        with pytest.raises(apfs.LockedError) as caught:
            volume.unlock(password=WRONG)
        assert caught.value.reason is apfs.LockReason.WRONG_SECRET and volume.is_locked
        (locked,) = volume.snapshots
        record = volume.unlock(password=PASSWORD)
        assert record is not None and record.kind == "disk password" and record == volume.protection.records[1]
        assert not other.is_locked and (other.root / "d/x").read_text() == "behind a lock"
        assert locked.uuid is None and volume.snapshots[0].uuid is not None
        assert (volume.open_snapshot(locked).root / "d/x").read_text() == "behind a lock"
    with apfs.open(secret) as disk:
        assert disk.volumes["Secret"].unlock(key=secret.with_suffix(".key").read_bytes()) is None
        assert not disk.volumes["Secret"].is_locked
        with pytest.raises(apfs.MisuseError, match="not encrypted"):
            disk.volumes["Open"].unlock(password=PASSWORD)
        with pytest.raises(TypeError):
            disk.volumes["Secret"].unlock()
        with pytest.raises(TypeError):
            disk.volumes["Secret"].unlock(password=PASSWORD, key=b"")


@pytest.mark.parametrize(
    ("name", "layers"),
    [("image.dmg", ["encrcdsa"]), ("bundle.sparsebundle", ["sparsebundle", "cdsaencr"])],
)
def test_encrypted_images(encrypted: pathlib.Path, name: str, layers: list[str]) -> None:
    """Disk images say what they need as volumes do; one password opens the image and the volume in it."""
    image = encrypted / name
    for secrets, reason in [([], "needs-secret"), ([WRONG], "wrong-secret")]:
        with pytest.raises(apfs.LockedError) as caught:
            apfs.open(image, passwords=secrets)
        assert str(caught.value.reason) == reason and WRONG not in str(caught.value)
    with apfs.open(image, passwords=[WRONG, PASSWORD]) as disk:
        assert [layer.format for layer in disk.layers] == layers and all(layer.name for layer in disk.layers)
        assert disk.layers[-1].size == disk.size
        path = disk.volumes["Secret"].root / "d/x"
        assert path.read_text() == "behind a lock"
        assert pickle.loads(pickle.dumps(path)).read_text() == "behind a lock"
        raw = path.open_raw()
    with pytest.raises(apfs.MisuseError, match="closed"):
        raw.read_at(0, 1)


def test_image_key(encrypted: pathlib.Path) -> None:
    """A raw key opens the image, which can also be read from memory; it is no key of the volume in it."""
    image, key = encrypted / "image.dmg", (encrypted / "image.key").read_bytes()
    for source in (image, image.read_bytes()):
        with apfs.open(source, key=key) as disk:
            assert (disk.volumes["Open"].root / "x").read_text() == "in the open"
            with pytest.raises(apfs.LockedError):
                disk.volumes["Secret"].view


def test_open_as(encrypted: pathlib.Path) -> None:
    """An image can be said to be of a format, whatever it looks like."""
    with apfs.open(encrypted / "image.dmg", open_as="encrcdsa", password=PASSWORD) as disk:
        assert len(disk.layers) == 1
    with pytest.raises(apfs.UnsupportedError, match="opened as a raw disk"):
        apfs.open(encrypted / "image.dmg", open_as="raw", password=PASSWORD)
    with pytest.raises(apfs.ApfsError):
        apfs.open(encrypted / "volume.img", open_as="sparseimage")


def test_wrong_kinds(secret: pathlib.Path) -> None:
    """One password in place of several, numbers, and hexadecimal that is none are refused, without repeating them."""
    with pytest.raises(TypeError, match="several"):
        apfs.open(secret, passwords=PASSWORD)
    with pytest.raises(TypeError):
        apfs.open(secret, password=7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="hexadecimal") as caught:
        apfs.open(secret, key="0123456789abcdefg")
    assert "abcdef" not in str(caught.value)


def test_nothing_is_shown(secret: pathlib.Path) -> None:
    """Neither objects nor messages nor pickles hold a password."""
    with apfs.open(secret, password=PASSWORD) as disk:
        volume = disk.volumes["Secret"]
        shown = [repr(disk), repr(volume), repr(volume.view), repr(vars(disk)), repr(disk._options)]
        assert not any(PASSWORD in text for text in shown)
        assert PASSWORD.encode() not in pickle.dumps(volume.root / "d/x")
    with apfs.open(secret, passwords=[WRONG]) as disk, pytest.raises(apfs.LockedError) as caught:
        disk.volumes["Secret"].view
    assert caught.value.reason is apfs.LockReason.WRONG_SECRET
    assert WRONG not in str(caught.value) and WRONG not in "".join(traceback.format_exception_only(caught.value))
    assert vars(pickle.loads(pickle.dumps(caught.value))) == vars(caught.value)


def read_text(path: apfs.Path) -> str:
    return path.read_text()


def refusal(pickled: bytes) -> tuple[str | None, str]:
    try:
        pickle.loads(pickled)
    except apfs.LockedError as error:
        return error.reason, str(error)
    return None, ""


_opened: list[apfs.Disk] = []


def open_in_worker(secret: pathlib.Path) -> None:
    _opened.append(apfs.open(secret, password=PASSWORD))


def test_pickles_hold_no_password(secret: pathlib.Path) -> None:
    """A process that has not opened the disk with its password can't read what is unpickled, and says what to do."""
    with apfs.open(secret, password=PASSWORD) as disk:
        path = disk.volumes["Secret"].root / "d/x"
        assert pickle.loads(pickle.dumps(path)).read_text() == "behind a lock"
        spawn = multiprocessing.get_context("spawn")
        with spawn.Pool(1) as pool:
            reason, text = pool.apply(refusal, (pickle.dumps(path),))
        assert reason == "needs-secret" and "open the disk with them in this process" in text
        with spawn.Pool(1, open_in_worker, (secret,)) as pool:
            assert pool.apply(read_text, (path,)) == "behind a lock"


def test_unlocked_disks_are_found_by_pickles(secret: pathlib.Path) -> None:
    """A disk that was unlocked after it was opened is known to what is unpickled as well."""
    with apfs.open(secret) as disk:
        volume = disk.volumes["Secret"]
        volume.unlock(password=PASSWORD)
        again = pickle.loads(pickle.dumps(volume.root / "d/x"))
        assert again.read_text() == "behind a lock" and again.view.volume.container.disk is disk
