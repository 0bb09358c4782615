"""Lists a volume: size, time of change and path of everything. Usage: list_volume.py IMAGE [SNAPSHOT]"""

from __future__ import annotations

import sys

import apfs


def main(image: str, snapshot: str | None = None) -> int:
    problems: list[apfs.ApfsError] = []
    with apfs.open(image) as disk:
        for volume in disk.volumes:
            if volume.is_locked:
                print(f"{volume.name}: locked", file=sys.stderr)
                continue
            for path in volume.at(snapshot).root.walk(on_error=problems.append):
                stat = path.lstat()
                print(f"{stat.size:>12} {stat.modified:%Y-%m-%d %H:%M} {path}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
