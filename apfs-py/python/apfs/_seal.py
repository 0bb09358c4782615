"""Seals: what a sealed volume records, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._errors import ApfsError, CorruptError

if TYPE_CHECKING:
    from ._apfs import ViewHandle


@dataclass(frozen=True)
class Seal:
    """What a sealed volume records of its seal. Nothing is compared."""

    version: int
    """Version of the structure: 1 or 2 where it is sound."""
    flags: int
    """Flags as stored: 1 the seal is broken."""
    hash_type: int
    """Number of the hash function."""
    hash_name: str
    """Its name, for example ``SHA-256``."""
    root_hash: bytes | None
    """The hash of the root node; ``None`` if the function is not known or the hash is not where it can be."""
    broken_xid: int
    """Transaction that broke the seal, 0 if none did."""
    block: int
    """Block of the structure."""


@dataclass(frozen=True)
class SealedNode:
    """A node of the tree that is not what the seal says, or can't be read."""

    oid: int
    """Its object id."""
    block: int | None
    """Its block, if the object map leads to one."""
    level: int
    """Its level by the node above: 0 for a leaf."""
    first_id: int
    """Number of the first file or stream whose records can be below it: nothing of theirs can be relied on."""
    end_id: int
    """The number behind the last one."""
    error: ApfsError
    """The hash differs, or why it can't be compared."""


@dataclass(frozen=True)
class SealedFile:
    """A piece of a file that is not what the seal says, or can't be read."""

    ino: int
    """The file."""
    path: str | None
    """Its path by its first link, if that can be found."""
    stream: int
    """Number of the stream under which the hashes are kept."""
    offset: int
    """Where the piece begins in what a program reads."""
    error: ApfsError
    """The hash differs, or why it can't be compared."""


@dataclass(frozen=True)
class SealVerdict:
    """What a check of a seal comes to. True if the seal is intact.

    It compares the volume with itself: whether its root hash is Apple's only the boot policy of a Mac says.
    """

    word: str
    """``intact``; ``broken``: by the volume's own flag, and nothing else is wrong; ``mismatch``: something is not what the
    seal says, or could not be compared with it; ``unknown``: the hash function is not known."""
    broken_xid: int | None
    """Transaction that broke the seal by the volume's own word, 0 if that is not said."""
    compared_nodes: int
    """Nodes of the tree that were compared, the root included."""
    compared_files: int
    """Regular files, those without data included."""
    compared_pieces: int
    """Pieces of data with a hash each."""
    hashed_bytes: int
    """Bytes that were hashed, of nodes and data."""
    recorded: list[CorruptError]
    """Contradictions in the record of the seal."""
    nodes: list[SealedNode]
    """Nodes that are not what the seal says. What is below cannot be relied on."""
    files: list[SealedFile]
    """Pieces of files that are not what the seal says."""
    more: int
    """Findings that are not listed: of each kind the first thousand are."""

    @property
    def is_intact(self) -> bool:
        """Everything was compared, is what the seal says, and the seal is not broken."""
        return self.word == "intact"

    def __bool__(self) -> bool:
        return self.is_intact


def seal_of(handle: ViewHandle) -> Seal | None:
    """What is recorded of the seal of a view."""
    seal = handle.seal()
    return None if seal is None else Seal(*seal)


def verify(handle: ViewHandle, threads: int | None) -> SealVerdict | None:
    """Compares everything with the seal of a view."""
    found = handle.verify_seal(0 if threads is None else threads)
    if found is None:
        return None
    word, broken_xid, compared, (recorded, nodes, files), more = found
    listed_nodes = [SealedNode(*node) for node in nodes]
    listed_files = [SealedFile(*file) for file in files]
    return SealVerdict(word, broken_xid, *compared, recorded, listed_nodes, listed_files, more)
