"""Reads `*.dist-info/{METADATA,entry_points.txt}` as plain text. Nothing here raises on what it reads."""

# Light on purpose: see record.py.
from __future__ import annotations

import os

from assay_core.plugins.record import normalise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "DistributionText",
    "Entry",
    "Headers",
    "admits_api",
    "parse_entry_points",
    "parse_headers",
    "read_path_entry",
]

_ENTRY_POINTS_LIMIT = 1024 * 1024
_HEADERS_LIMIT = 256 * 1024
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class DistributionText:
    """The two files of one distribution that has entry points of ours, not yet parsed."""

    __slots__ = ("entry_points", "folder", "location", "metadata", "oversized")

    def __init__(self, location: str, folder: str, entry_points: bytes, metadata: bytes | None) -> None:
        self.location = location  # the path entry
        self.folder = folder  # e.g. "acme_latency-1.2.dist-info"
        self.oversized = len(entry_points) > _ENTRY_POINTS_LIMIT
        self.entry_points = entry_points
        self.metadata = metadata  # None: missing or unreadable


class Headers:
    """What the catalogue needs from METADATA."""

    __slots__ = ("name", "requires_core", "summary", "version")

    def __init__(self, name: str, version: str, summary: str, requires_core: str) -> None:
        self.name = name
        self.version = version
        self.summary = summary
        self.requires_core = requires_core


class Entry:
    """One line of entry_points.txt in one of our groups."""

    __slots__ = ("group", "name", "problem", "target")

    def __init__(self, group: str, name: str, target: str, problem: str) -> None:
        self.group = group
        self.name = name
        self.target = target
        self.problem = problem  # "" when the line is well formed


def read_path_entry(entry: str) -> Iterator[DistributionText]:
    """Yield what offers entry points of ours on one entry of `sys.path`, in the order of the folder names."""
    try:
        with os.scandir(entry or ".") as found:
            names = sorted([each.name for each in found if each.name.endswith(".dist-info")])
    except FileNotFoundError:
        return
    except NotADirectoryError:
        yield from _read_archive(entry)
        return
    except (OSError, ValueError):
        return
    for name in names:
        if name.startswith("~"):  # what pip leaves behind when it is interrupted
            continue
        folder = os.path.join(entry or ".", name)  # noqa: PTH118 - pathlib costs more than the scan
        entry_points = _read(folder + "/entry_points.txt", _ENTRY_POINTS_LIMIT)
        if entry_points is not None and b"assay." in entry_points:
            yield DistributionText(entry, name, entry_points, _read(folder + "/METADATA", _HEADERS_LIMIT))


def parse_headers(data: bytes) -> Headers:
    """Read the headers up to the first empty line; what is missing is ""."""
    name = version = summary = ""
    requires: list[str] = []
    for line in data.decode("utf-8", "replace").splitlines():
        if not line.strip():
            break
        key, colon, value = line.partition(":")
        if not colon or line[0] in " \t":
            continue
        key = key.strip().lower()
        value = value.strip()
        if key == "name" and not name:
            name = value
        elif key == "version" and not version:
            version = value
        elif key == "summary" and not summary:
            summary = value
        elif key == "requires-dist" and (specifier := _core_specifier(value)) is not None:
            requires.append(specifier)
    return Headers(name, version, summary, ",".join([each for each in requires if each]))


def parse_entry_points(data: bytes) -> list[Entry]:
    """Return the entries of the groups that begin with `assay.`, in file order."""
    entries: list[Entry] = []
    group = ""
    offered: dict[tuple[str, str], int] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        if text[0] == "[" and text[-1] == "]":
            group = text[1:-1].strip()
            continue
        if not group.startswith("assay."):
            continue
        name, equals, target = text.partition("=")
        name = name.strip()
        target = target.partition("[")[0].strip()
        problem = "" if equals else f"the line {text!r} in entry_points.txt has no `=`"
        problem = problem or _name_problem(name, group) or _target_problem(target, group)
        offered[group, name] = offered.get((group, name), 0) + 1
        entries.append(Entry(group, name, target, problem))
    for entry in entries:
        if offered[entry.group, entry.name] > 1 and not entry.problem:
            entry.problem = f"entry_points.txt offers {entry.name!r} twice in {entry.group}"
    return entries


def admits_api(specifiers: str, api: int) -> bool:
    """Tell whether version specifiers admit some version `api.*`. Only the major number counts.

    A specifier that cannot be read admits nothing.
    """
    return all(_clause_admits(clause.strip(), api) for clause in specifiers.split(",") if clause.strip())


def _clause_admits(clause: str, api: int) -> bool:
    for operator in ("===", "~=", "==", "!=", ">=", "<=", ">", "<"):
        if clause.startswith(operator):
            break
    else:
        return clause.startswith("@")  # a direct reference: the installer took exactly that one
    version = clause[len(operator) :].strip().lstrip("v")
    digits = len(version) - len(version.lstrip("0123456789"))
    if not digits or "!" in version:
        return False
    major = int(version[: min(digits, 9)])
    release = version[digits:].split("+")[0].rstrip("abcdefghijklmnopqrstuvwxyz-_")
    rest = version[digits : digits + 1] == "." and release.strip(".0*") != ""  # "<1.5" admits 1.0, "<1.0" no 1.x
    if operator == "<":
        return major > api or (major == api and rest)
    if operator in (">=", ">"):
        return major <= api
    if operator == "<=":
        return major >= api
    if operator == "!=":
        return not (major == api and release == ".*")
    return major == api


def _core_specifier(requirement: str) -> str | None:
    """Return what a Requires-Dist line demands of assay-core, None if it is about something else or an extra."""
    need, _, marker = requirement.partition(";")
    if "extra" in marker:
        return None
    end = 0
    while end < len(need) and (need[end].isalnum() or need[end] in "-_."):
        end += 1
    if normalise(need[:end]) != "assay-core":
        return None
    rest = need[end:].strip()
    if rest.startswith("["):
        rest = rest.partition("]")[2].strip()
    return rest.strip("()").replace(" ", "")


def _name_problem(name: str, group: str) -> str:
    if not name:
        return "an entry point has no name"
    words = name.split(" ") if group == "assay.commands" else [name]
    for word in words:
        plain = word.replace("-", "a").replace("_", "a").replace(".", "a")
        if not (plain.isascii() and plain.isalnum()) or word[0] in "-." or word[-1] in "-." or ".." in word:
            return f"the name {name!r} is not made of letters, digits, `-`, `_` and inner dots"
    return ""


def _target_problem(target: str, group: str) -> str:
    module, colon, attribute = target.partition(":")
    parts = [*module.strip().split("."), *(attribute.strip().split(".") if colon else ())]
    if not all(part.isidentifier() for part in parts):
        return f"the target {target!r} is not of the form module:attribute"
    if not colon and group != "assay.hooks":
        return f"the target {target!r} names no attribute; {group} needs module:attribute"
    return ""


def _read(path: str, limit: int) -> bytes | None:
    """Return at most `limit` + 1 bytes of a file, None where it cannot be read. Never waits, whatever the file is."""
    try:
        handle = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return None
    try:
        data = os.read(handle, limit + 1)
        while len(data) <= limit and (more := os.read(handle, limit + 1 - len(data))):
            data += more
        return data
    except OSError:
        return None
    finally:
        os.close(handle)


def _read_archive(entry: str) -> Iterator[DistributionText]:
    """Read distributions out of a path entry that is no folder, such as a zip file."""
    from importlib import metadata

    try:
        found = list(metadata.distributions(path=[entry]))
    except Exception:  # noqa: BLE001 - hostile archives raise anything; what cannot be read offers nothing
        return
    for each in found:
        try:
            entry_points = (each.read_text("entry_points.txt") or "").encode("utf-8", "replace")
            headers = (each.read_text("METADATA") or "").encode("utf-8", "replace")
            folder = str(getattr(each, "_path", "")).rstrip("/").rpartition("/")[2]
        except Exception:  # noqa: BLE001, S112 - as above
            continue
        if b"assay." in entry_points:
            yield DistributionText(entry, folder, entry_points[: _ENTRY_POINTS_LIMIT + 1], headers or None)
