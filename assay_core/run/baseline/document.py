"""The file of a baseline: docs/reference/outputs.md#baseline. Files of the Rust project of the same name load here.

What we keep beyond its format stands in the one member `x-assay`, which its reader skips.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from assay_core.canonical import digest_hex
from assay_core.documents import Document, parse_document
from assay_core.documents.document import SIZE_LIMIT
from assay_core.errors import InputError, UsageError
from assay_core.model import JsonObject, JsonValue
from assay_core.run.baseline.behaviour import Behaviour
from assay_core.run.baseline.measured import Sample, behaviour_of

__all__ = ["Baseline", "KnownTest", "baseline_bytes", "check_target", "read_baseline"]

VERSION = 1
OWN_VERSION = 1
_CODE = "E_BASELINE_INVALID"
_POLICY = "policy:"
Keys = tuple[str | int, ...]


@attrs.frozen(kw_only=True)
class KnownTest:
    """What a baseline holds of one test."""

    samples: Mapping[str, Sample] = attrs.field(factory=dict)  # by metric
    digest: str = ""
    behaviour: Behaviour | None = None
    is_own: bool = False  # True: recorded by this project, so that each entry is of a metric that applied


@attrs.frozen(kw_only=True)
class Baseline:
    """A baseline, read or to be written."""

    suite: str
    assay_version: str = ""
    created_at: str = ""
    config_fingerprint: str = "md5:unknown"
    git_info: JsonObject | None = None
    tests: Mapping[str, KnownTest] = attrs.field(factory=dict)
    ignored: int = 0  # entries of policy rows, which no baseline holds
    file: str = ""
    digest: str = ""  # "sha256:…" over the bytes that were read


def read_baseline(path: Path) -> Baseline:
    """Return the baseline in a file.

    Raises:
        InputError: E_PATH_NOT_FOUND; E_BASELINE_INVALID with the place: not JSON, another version, a missing member,
            a wrong type, a number that is none, an entry that stands twice; E_DOCUMENT_LIMIT beyond 10 MiB.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would keep the run waiting
            raise OSError(0, "not a file")
        with path.open("rb") as stream:
            data = stream.read(SIZE_LIMIT + 1)
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        message = f"cannot read the baseline {str(path)!r}: {why}"
        remedy = "record one: `assay run --export-baseline FILE`"
        raise InputError(code="E_PATH_NOT_FOUND", message=message, remedy=remedy) from reason
    reading = _Reading(parse_document(data, str(path), code=_CODE))
    root = reading.object((), "a baseline is a JSON object with suite and entries")
    reading.version(("schema_version",), VERSION)
    suite = reading.text(("suite",))
    tests, ignored = _read_entries(reading)
    info = root.get("git_info")
    return Baseline(
        suite=suite,
        assay_version=reading.text(("assay_version",), ""),
        created_at=reading.text(("created_at",), ""),
        config_fingerprint=reading.text(("config_fingerprint",), "md5:unknown"),
        git_info=info if isinstance(info, dict) else None,
        tests=_with_own(tests, reading) if "x-assay" in root else tests,
        ignored=ignored,
        file=str(path),
        digest="sha256:" + digest_hex(data),
    )


def baseline_bytes(baseline: Baseline) -> bytes:
    """Return the file: the same bytes for the same values.

    Raises:
        InputError: E_DOCUMENT_LIMIT, it would be larger than what can be read again.
    """
    entries: list[JsonValue] = [
        {"test_id": test_id, "metric": metric, "score": sample.mean}
        for test_id, test in sorted(baseline.tests.items())
        for metric, sample in sorted(test.samples.items())
    ]
    body: dict[str, JsonValue] = {
        "schema_version": VERSION,
        "suite": baseline.suite,
        "assay_version": baseline.assay_version,
        "created_at": baseline.created_at,
        "config_fingerprint": baseline.config_fingerprint,
    }
    if baseline.git_info:
        body["git_info"] = baseline.git_info
    body["entries"] = entries
    own = {test_id: _own_json(test) for test_id, test in sorted(baseline.tests.items())}
    body["x-assay"] = {"version": OWN_VERSION, "tests": own}
    text = json.dumps(body, indent=2, ensure_ascii=True, allow_nan=False) + "\n"
    data = text.encode("ascii")
    if len(data) > SIZE_LIMIT:
        message = f"the baseline of {len(own):,} tests is larger than {SIZE_LIMIT // 1024 // 1024} MiB"
        raise InputError(code="E_DOCUMENT_LIMIT", message=message, remedy="split the suite")
    return data


def check_target(path: Path) -> None:
    """Return if a baseline may be written there: nothing is there yet, or an older baseline.

    Raises:
        UsageError: E_FILE_EXISTS; E_INVALID_ARGS for `-`.
    """
    if str(path) == "-":
        raise UsageError(code="E_INVALID_ARGS", message="a baseline is written to a file, not to standard output")
    if not path.exists():
        return
    try:
        read_baseline(path)
    except InputError as reason:
        raise UsageError(
            code="E_FILE_EXISTS",
            message=f"{str(path)!r} is there already and is no baseline, so it is not replaced",
            remedy="name another file",
        ) from reason


def _own_json(test: KnownTest) -> JsonObject:
    body: dict[str, JsonValue] = {}
    if test.digest:
        body["digest"] = test.digest
    attempts = {name: sample.to_json() for name, sample in sorted(test.samples.items()) if sample.measured > 1}
    if attempts:
        body["attempts"] = attempts
    if test.behaviour is not None:
        body["behaviour"] = test.behaviour.to_json()
    return body


def _read_entries(reading: _Reading) -> tuple[dict[str, KnownTest], int]:
    found: dict[str, dict[str, Sample]] = {}
    places: dict[tuple[str, str], int] = {}
    ignored = 0
    for at, _ in enumerate(reading.list(("entries",))):
        path: Keys = ("entries", at)
        reading.object(path, "an entry is an object with test_id, metric and score")
        test_id, metric = reading.text((*path, "test_id")), reading.text((*path, "metric"))
        score = reading.number((*path, "score"))
        if (test_id, metric) in places:
            first = reading.document.place(("entries", places[test_id, metric]))
            reading.fail(f"the entry of {test_id!r} and {metric!r} stands twice; first at {first}", path)
        places[test_id, metric] = at
        if test_id.startswith(_POLICY):
            ignored += 1
        else:
            found.setdefault(test_id, {})[metric] = Sample.single(score)
    return {test_id: KnownTest(samples=samples) for test_id, samples in found.items()}, ignored


def _with_own(tests: Mapping[str, KnownTest], reading: _Reading) -> dict[str, KnownTest]:
    """Add what the member of our own says; it says nothing of scores that the entries do not say as well."""
    path: Keys = ("x-assay",)
    reading.object(path, "x-assay is an object")
    reading.version((*path, "version"), OWN_VERSION)
    path = (*path, "tests")
    found = dict(tests)
    for test_id in reading.object(path, "tests is an object"):
        here = (*path, test_id)
        value = reading.object(here, "a test is an object")
        behaviour = value.get("behaviour")
        read = behaviour_of(behaviour)
        if behaviour is not None and read is None:
            reading.fail("this is no behaviour: episodes, tools, order, arguments with counts", (*here, "behaviour"))
        known = found.get(test_id, KnownTest())
        samples = dict(known.samples)
        if "attempts" in value:
            for metric in reading.object((*here, "attempts"), "attempts is an object"):
                sample = _read_sample(reading, (*here, "attempts", metric))
                if metric not in samples:
                    reading.fail(f"there is no entry of {test_id!r} and {metric!r}", (*here, "attempts", metric))
                if not math.isclose(sample.mean, samples[metric].mean, abs_tol=1e-6):
                    reading.fail("these attempts have another mean than the score of the entry", (*here, "attempts"))
                samples[metric] = sample
        digest = reading.text((*here, "digest"), "")
        found[test_id] = KnownTest(samples=samples, digest=digest, behaviour=read, is_own=True)
    return found


def _read_sample(reading: _Reading, path: Keys) -> Sample:
    value = reading.object(path, "attempts of a metric are an object with measured and passed")
    measured, passed = reading.count((*path, "measured")), reading.count((*path, "passed"))
    scores: tuple[float, ...] = ()
    if "scores" in value:
        items: Sequence[JsonValue] = reading.list((*path, "scores"))
        scores = tuple(reading.number((*path, "scores", at)) for at in range(len(items)))
    if not measured or passed > measured or len(scores) > measured:
        reading.fail(f"{passed} passed and {len(scores)} scores of {measured} attempts do not fit together", path)
    return Sample(passed=passed, measured=measured, scores=scores)


class _Reading:
    """Takes values out of a document, and says where it finds something else."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def fail(self, message: str, path: Keys) -> None:
        raise InputError(code=_CODE, message=message, place=self.document.place(path))

    def object(self, path: Keys, message: str) -> Mapping[str, JsonValue]:
        value = self._at(path)
        if not isinstance(value, dict):
            self.fail(f"{message}, found {_kind(value)}", path)
            return {}
        return value

    def list(self, path: Keys) -> Sequence[JsonValue]:
        value = self._at(path)
        if not isinstance(value, list):
            self.fail(f"{path[-1]} is a list, found {_kind(value)}", path)
            return ()
        return value

    def text(self, path: Keys, default: str | None = None) -> str:
        value = self._at(path, default is None)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            self.fail(f"{path[-1]} is a text, found {_kind(value)}", path)
        return str(value)

    def number(self, path: Keys) -> float:
        value = self._at(path)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            self.fail(f"{path[-1]} is a number, found {_kind(value)}", path)
            return 0.0
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if not math.isfinite(found):
            self.fail(f"{path[-1]} has to be finite", path)
        return found

    def count(self, path: Keys) -> int:
        value = self._at(path)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**53:
            self.fail(f"{path[-1]} is a count, found {_kind(value)}", path)
            return 0
        return value

    def version(self, path: Keys, known: int) -> None:
        value = self._at(path)
        if value != known or isinstance(value, bool) or not isinstance(value, int):
            shown = value if isinstance(value, (int, float)) and not isinstance(value, bool) else _kind(value)
            self.fail(f"{path[-1]} is {known}, found {shown}; this release reads no other", path)

    def _at(self, path: Keys, required: bool = True) -> JsonValue:
        try:
            return self.document.at(path)
        except LookupError:
            if required:
                self.fail(f"missing key {path[-1]!r}", path[:-1])
            return None


def _kind(value: JsonValue) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return "an object" if isinstance(value, dict) else "a list"
