"""Checks: everything is read, and what is said twice is compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from . import _apfs
from ._errors import CorruptError

if TYPE_CHECKING:
    _Finding: TypeAlias = tuple[str, str, str, str, int | None, int | None, CorruptError]
    _Counts: TypeAlias = list[tuple[str, int]]
    _Report: TypeAlias = tuple[list[_Finding], tuple[int, int, int], _Counts, _Counts, list[tuple[str, str]]]


@dataclass(frozen=True)
class Rule:
    """What must hold. Its code never changes its meaning."""

    code: str
    """Its code, for example ``A0607``."""
    name: str
    """Its name of words and hyphens."""
    group: str
    """Name of its group, for example ``object maps``."""
    severity: str
    """How bad it is when it is broken: ``error``, ``warning`` or ``note``."""
    text: str
    """What must hold, in one sentence."""


@dataclass(frozen=True)
class Finding:
    """A rule that is broken somewhere."""

    severity: str
    """How bad it is: ``error``: something is lost, or will be when the volume is written to; ``warning``: unusual, or wrong
    where no file can suffer from it; ``note``: worth knowing."""
    code: str
    """Code of the rule."""
    name: str
    """Name of the rule."""
    message: str
    """What is wrong, and where, in words."""
    volume: int | None
    """Slot of the volume; ``None`` for a container itself, and on HFS+."""
    partition: int | None
    """Partition that it is in, if it is in one."""
    place: CorruptError
    """The place: structure, field, block, object, transaction, node, what was expected and what was found."""

    @property
    def structure(self) -> str:
        """Structure, by Apple's name."""
        return self.place.structure

    @property
    def field(self) -> str:
        """Field of the structure, empty if all of it is meant."""
        return self.place.field

    @property
    def block(self) -> int | None:
        """Block number in the container or HFS+ volume."""
        return self.place.block

    @property
    def oid(self) -> int | None:
        """Object id."""
        return self.place.oid

    @property
    def xid(self) -> int | None:
        """Transaction id."""
        return self.place.xid


@dataclass(frozen=True)
class Report:
    """The end of a check: its findings, which it gives one by one, and their sum."""

    findings: list[Finding]
    """What was found. Of one rule in one container or volume no more than was asked for."""
    errors: int
    """Findings of severity ``error``, those that are not listed included."""
    warnings: int
    """Findings of severity ``warning``."""
    notes: int
    """Findings of severity ``note``."""
    by_code: dict[str, int]
    """Findings by the code of their rule."""
    checked: dict[str, int]
    """How many of what were checked."""
    unchecked: list[tuple[str, str]]
    """What was not checked, and why."""

    @property
    def is_clean(self) -> bool:
        """Nothing is wrong or unusual, and nothing was left out."""
        return self.errors == self.warnings == 0 and not self.unchecked

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __bool__(self) -> bool:
        # A report without findings is one all the same.
        return True


def report_of(found: _Report) -> Report:
    """A report of the compiled part."""
    findings, tally, by_code, checked, unchecked = found
    return Report([Finding(*one) for one in findings], *tally, dict(by_code), dict(checked), unchecked)


def rules() -> list[Rule]:
    """All rules of checks, in the order of their codes."""
    return [Rule(*rule) for rule in _apfs.rules()]
