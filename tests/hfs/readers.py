"""Prints every entry of an HFS+ volume as libfshfs sees it, one JSON object a line. Exit 77: it is not installed.

readers.py IMAGE
"""

import hashlib
import json
import stat
import sys

try:
    import pyfshfs
except ImportError:
    sys.exit(77)


def digest(stream):
    return hashlib.sha256(stream.read_buffer(stream.get_size()) if stream.get_size() else b"").hexdigest()


def show(path, entry):
    mode = entry.file_mode or 0
    row = {"path": path, "id": entry.identifier, "mode": mode, "uid": entry.owner_identifier}
    row["gid"] = entry.group_identifier
    row["link"] = entry.get_link_identifier()
    row["dates"] = [
        entry.get_creation_time_as_integer(),
        entry.get_modification_time_as_integer(),
        entry.get_entry_modification_time_as_integer(),
        entry.get_access_time_as_integer(),
    ]
    if stat.S_ISREG(mode) or mode == 0:
        row["sha256"] = hashlib.sha256(entry.read_buffer(entry.size) if entry.size else b"").hexdigest()
    if stat.S_ISLNK(mode):
        row["target"] = entry.symbolic_link_target
    if entry.has_resource_fork():
        row["resource"] = digest(entry.get_resource_fork())
    attributes = [entry.get_extended_attribute(n) for n in range(entry.number_of_extended_attributes)]
    row["xattrs"] = {attribute.name: digest(attribute) for attribute in attributes}
    print(json.dumps(row))


volume = pyfshfs.volume()
volume.open(sys.argv[1])
pending = [("", volume.get_root_directory())]
while pending:
    path, folder = pending.pop()
    show(path or "/", folder)
    for n in range(folder.number_of_sub_file_entries):
        entry = folder.get_sub_file_entry(n)
        name = f"{path}/{entry.name}"
        if stat.S_ISDIR(entry.file_mode or 0):
            pending.append((name, entry))
        else:
            show(name, entry)
