"""The key of a test's verdict: a digest of every input that can change it.

In it: the episodes that the test matches, whole; the test as written, with the bytes of every file that its
options name; the suite's settings and thresholds; the policy's digest; the versions of assay, of the importer, of
the metrics of the test and of every installed embedder and judge; the seed. A prepared check that depends on
anything else (a model's address, an environment variable) says so in an attribute `fingerprint: str`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import msgspec

import assay_core
from assay_core.model import CompiledPolicy, Episode, JsonObject, JsonValue, Suite
from assay_core.plugins.drivers import Drivers
from assay_core.run.matching import Matching
from assay_core.run.plan import Plan, PlannedTest

__all__ = ["Fingerprints", "run_inputs"]

_RECIPE = 1  # to be raised with every change of what goes in
_SERVICES = ("assay.embedders", "assay.judges")
_PATH_LENGTH = 4_096
_HOW = ("judge_refresh", "refresh_embeddings", "replay_strict")  # say how an answer is come by, not which one it is
_encode = msgspec.msgpack.Encoder().encode


def run_inputs(
    suite: Suite,
    policy: CompiledPolicy | None,
    drivers: Drivers,
    *,
    seed: int,
    importer: str,
    services: JsonObject,
) -> JsonObject:
    """Return what all tests of a run have in common."""
    installed = [
        f"{group} {record.qualified_name} {record.distribution}"
        for group in _SERVICES
        for record in drivers.catalogue.records(group)
    ]
    return {
        "recipe": _RECIPE,
        "assay": assay_core.__version__,
        "suite": suite.name,
        "model": suite.model,
        "config_version": suite.config_version,
        "settings": _plain(attrs.asdict(suite.settings)),
        "thresholds": _plain(attrs.asdict(suite.thresholds)),
        "policy": policy.digest if policy else None,
        "seed": str(seed),
        "importer": importer,
        "services": _plain({key: value for key, value in services.items() if key not in _HOW}),
        "installed": _plain(sorted(installed)),
    }


class Fingerprints:
    """Takes the episodes of a run and gives each test its fingerprint."""

    def __init__(self, plan: Plan, inputs: JsonObject, base_dir: Path) -> None:
        """Prepare; reads the files that tests name."""
        self._matching = Matching(plan.tests)
        self._ids = [test.case.id for test in plan.tests]
        self._digests = []
        common = _bytes(inputs)
        for test in plan.tests:
            digest = hashlib.sha256(common)
            digest.update(_bytes(_of_test(test, base_dir)))
            self._digests.append(digest)
        self._complete = True

    def feed(self, episodes: Sequence[Episode]) -> None:
        """Take a batch of episodes, in the order of the trace."""
        for episode in episodes:
            matched = list(self._matching.tests_of(episode))
            if matched:
                digest = hashlib.sha256(_encode(episode)).digest()
                for at in matched:
                    self._digests[at].update(digest)

    def abandon(self) -> None:
        """Give no fingerprints: the run ended before the trace did."""
        self._complete = False

    def by_test(self) -> dict[str, str]:
        """Return the fingerprints so far, by test id."""
        if not self._complete:
            return {}
        return {test_id: digest.hexdigest() for test_id, digest in zip(self._ids, self._digests, strict=True)}


def _of_test(test: PlannedTest, base_dir: Path) -> JsonObject:
    case = test.case
    return {
        "id": case.id,
        "select": _plain(attrs.asdict(case.select)),
        "context": list(case.context),
        "on_error": case.on_error,
        "metadata": case.metadata,
        "expectations": [each.raw for each in case.expectations],
        "deferred": list(test.deferred),
        "plugins": [f"{check.record.qualified_name} {check.record.distribution}" for check in test.checks],
        "own": [str(getattr(check.prepared, "fingerprint", "")) for check in test.checks],
        "files": _files([each.raw for each in case.expectations], base_dir),
    }


def _files(value: JsonValue, base_dir: Path) -> JsonValue:
    """Return name and digest of every file that some text of the options names."""
    found: dict[str, JsonValue] = {}
    for text in _texts(value):
        if 0 < len(text) < _PATH_LENGTH and "\x00" not in text and "\n" not in text:
            try:
                path = base_dir / text
                if path.is_file():
                    with path.open("rb") as stream:
                        found[text] = hashlib.file_digest(stream, "sha256").hexdigest()
            except (OSError, ValueError):  # cannot be read: then no check can, either
                continue
    return found


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)


def _bytes(value: JsonObject) -> bytes:
    """Return the same bytes for equal values, lone surrogates and all."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return len(text).to_bytes(8, "big") + text.encode("ascii")


def _plain(value: object) -> JsonValue:
    found: JsonValue = json.loads(json.dumps(value, default=str))
    return found
