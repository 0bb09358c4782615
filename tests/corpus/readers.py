"""Prints the files of the first volume as another reader sees them: SHA-256 and path. Exit 77: that reader is not here.

readers.py READER IMAGE PASSWORD
"""

import hashlib
import sys

reader, image, password = sys.argv[1:]


def line(path, content):
    print(hashlib.sha256(content).hexdigest(), path)


def dissect():
    from dissect.apfs.apfs import APFS

    volume = APFS(open(image, "rb")).volumes[0]
    volume.unlock(password)
    pending = [("", volume.root)]
    while pending:
        path, folder = pending.pop()
        for entry in folder.iterdir():
            inode, name = entry.inode, f"{path}/{entry.name}"
            if inode.is_dir():
                pending.append((name, inode))
            elif inode.is_file():
                line(name, inode.open().read())


def libfsapfs():
    import pyfsapfs

    container = pyfsapfs.container()
    container.open_file_object(open(image, "rb"))
    volume = container.get_volume(0)
    volume.set_password(password)
    assert volume.unlock(), "wrong password"
    pending = [("", volume.get_root_directory())]
    while pending:
        path, folder = pending.pop()
        for entry in folder.sub_file_entries:
            name = f"{path}/{entry.name}"
            if entry.file_mode & 0o170000 == 0o040000:
                pending.append((name, entry))
            else:
                line(name, entry.read_buffer(entry.size) if entry.size else b"")


try:
    {"dissect": dissect, "libfsapfs": libfsapfs}[reader]()
except ImportError:
    sys.exit(77)
