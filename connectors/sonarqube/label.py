"""Writes into a component what it is, for `harness inspect` and registries:

    python3 label.py FILE.wasm NAME VERSION LICENSE SOURCE [PACKAGE==VERSION …]

The packages are those that were linked into it; the revision is that of the repository,
where nothing is uncommitted.
"""

import json
import pathlib
import subprocess
import sys
import zlib


def number(value):
    """A length, as WebAssembly writes it (LEB128)."""
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def counted(content):
    return number(len(content)) + content


def section(name, content):
    return b"\0" + counted(counted(name.encode()) + content) if content else b""


def revision(folder):
    def git(*arguments):
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        # In a folder that another repository ignores nothing is uncommitted, either.
        git("ls-files", "--error-unmatch", "app.py")
        return "" if git("status", "--porcelain", "--", ".") else git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return ""


def packages(name, version, linked):
    """The list of `cargo auditable`, which scanners read: the component, and what is in it."""
    own = {"name": name, "version": version, "source": "local", "root": True}
    others = [dict(zip(("name", "version"), it.split("==")), source="pypi") for it in linked]
    return [{**own, "dependencies": list(range(1, len(others) + 1))}, *others]


def main(path, name, version, license, source, *linked):
    file = pathlib.Path(path)
    listed = json.dumps({"packages": packages(name, version, linked)}).encode()
    with file.open("ab") as component:
        component.write(section("component-name", b"\0" + counted(counted(name.encode()))))
        component.write(section("version", version.encode()))
        component.write(section("licenses", license.encode()))
        component.write(section("source", source.encode()))
        component.write(section("revision", revision(pathlib.Path(__file__).resolve().parent).encode()))
        component.write(section(".dep-v0", zlib.compress(listed, 9)))


main(*sys.argv[1:])
