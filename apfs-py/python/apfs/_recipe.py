"""How to find a volume again in another process: what pickle stores instead of the data."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID
from weakref import WeakValueDictionary

from ._errors import build

if TYPE_CHECKING:
    from ._disk import Disk
    from ._volume import View, Volume


@dataclass(frozen=True)
class Recipe:
    """Source, options and checkpoint of an open container."""

    source: str
    checksums: str
    force: bool
    cache_bytes: int | None
    partition: int
    container: UUID
    checkpoint: int

    @staticmethod
    def of(volume: Volume) -> Recipe:
        """The recipe of a volume's container. `TypeError` if it was not opened from a path."""
        container = volume.container
        disk = container.disk
        if disk.source is None:
            raise TypeError("only what was opened from a path can be pickled")
        return Recipe(
            source=os.path.abspath(disk.source),
            checksums=disk._options.checksums,
            force=disk._options.force,
            cache_bytes=disk._options.cache_bytes,
            partition=container.partition,
            container=container.uuid,
            checkpoint=container.xid,
        )


# Many paths of one disk come back as paths of one disk.
_disks: WeakValueDictionary[Recipe, Disk] = WeakValueDictionary()
_lock = threading.Lock()


def _open_disk(recipe: Recipe) -> Disk:
    from ._disk import open as open_disk

    with _lock:
        disk = _disks.get(recipe)
        if disk is None or disk.closed:
            disk = open_disk(
                recipe.source,
                checksums=recipe.checksums,
                checkpoint=recipe.checkpoint,
                force=recipe.force,
                cache_bytes=recipe.cache_bytes,
                partition=recipe.partition,
            )
            _disks[recipe] = disk
        return disk


def open_volume(recipe: Recipe, index: int, uuid: UUID) -> Volume:
    """The volume of a recipe. `NotFoundError` if another one is in its place now."""
    for container in _open_disk(recipe).containers:
        for volume in container.volumes:
            if (container.uuid, volume.index, volume.uuid) == (recipe.container, index, uuid):
                return volume
    raise build("NotFoundError", f"not found: volume {index} with id {uuid}", recipe.source, {})


def open_view(volume: Volume, xid: int | None) -> View:
    """A state of a volume."""
    return volume.at(xid)
