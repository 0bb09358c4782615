"""How to find a volume again in another process: what pickle stores instead of the data.

Never passwords or keys: a disk that needs them has to be open in the process that unpickles.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID
from weakref import WeakValueDictionary

from ._errors import ApfsError, LockedError, build

if TYPE_CHECKING:
    from ._disk import Disk
    from ._volume import View, Volume


@dataclass(frozen=True)
class Recipe:
    """Source and options of an open partition, and the checkpoint of the container in it if it holds one."""

    source: str
    open_as: str | None
    tier2: str | None
    checksums: str
    no_journal: bool
    force: bool
    cache_bytes: int | None
    partition: int
    container: UUID | None
    checkpoint: int | None

    @staticmethod
    def of(volume: Volume) -> Recipe:
        """The recipe of a volume. `TypeError` if it was not opened from a path."""
        disk, container = volume.disk, volume._container
        if disk.source is None:
            raise TypeError("only what was opened from a path can be pickled")
        return Recipe(
            source=os.path.abspath(disk.source),
            open_as=disk._options.open_as,
            tier2=None if disk._options.tier2 is None else os.path.abspath(disk._options.tier2),
            checksums=disk._options.checksums,
            no_journal=disk._options.no_journal,
            force=disk._options.force,
            cache_bytes=disk._options.cache_bytes,
            partition=volume.partition,
            container=None if container is None else container.uuid,
            checkpoint=None if container is None else container.xid,
        )


# Many paths of one disk come back as paths of one disk.
_disks: WeakValueDictionary[Recipe, Disk] = WeakValueDictionary()
_lock = threading.Lock()


def remember(disk: Disk) -> None:
    """Lets what is unpickled from now on find a disk that was opened, or unlocked, with a password or key."""
    if disk.source is not None:
        with _lock:
            for volume in disk._volumes:
                _disks[Recipe.of(volume)] = disk


def _open_disk(recipe: Recipe) -> Disk:
    from ._disk import open as open_disk

    with _lock:
        disk = _disks.get(recipe)
        if disk is None or disk.closed:
            try:
                disk = open_disk(
                    recipe.source,
                    open_as=recipe.open_as,
                    tier2=recipe.tier2,
                    checksums=recipe.checksums,
                    checkpoint=recipe.checkpoint,
                    no_journal=recipe.no_journal,
                    force=recipe.force,
                    cache_bytes=recipe.cache_bytes,
                    partition=recipe.partition,
                )
            except LockedError as error:
                raise _explained(error) from None
            _disks[recipe] = disk
        return disk


def open_volume(recipe: Recipe, index: int, uuid: UUID | None) -> Volume:
    """The volume of a recipe. `NotFoundError` if another one is in its place now."""
    for volume in _open_disk(recipe).volumes:
        container = None if volume._container is None else volume._container.uuid
        found = (volume.partition, container, volume.index, volume.uuid)
        if found == (recipe.partition, recipe.container, index, uuid):
            return volume
    raise build("NotFoundError", f"not found: volume {index} with id {uuid}", recipe.source, {})


def open_view(volume: Volume, xid: int | None) -> View:
    """A state of a volume."""
    try:
        return volume.at(xid)
    except LockedError as error:
        raise _explained(error) from None


def _explained(error: LockedError) -> ApfsError:
    text = f"{error.strerror}; pickles hold no passwords and keys: open the disk with them in this process first"
    details: dict[str, object] = {"what": error.what, "reason": error.reason, "percent": error.percent}
    return build("LockedError", text, error.path, details)
