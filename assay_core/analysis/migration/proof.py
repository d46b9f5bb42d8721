"""The proof of a migration: old and new files say the same, and decide the recorded episodes alike."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from assay_core.analysis.migration.rewriting import FileChange
from assay_core.config import Defaults
from assay_core.config.suite import read_suite
from assay_core.documents import Document
from assay_core.errors import AssayError, InputError, Place
from assay_core.model import JsonValue, Suite
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.policy import Policy, load_policy
from assay_core.policy.load import parse_policy
from assay_core.run.plan import Plan, PlannedTest
from assay_core.run.prepare import make_plan
from assay_core.run.seeds import order_seed

__all__ = ["Pair", "Side", "Structure", "prepare_pairs"]

_NOWHERE = Place("")


@attrs.frozen(kw_only=True)
class Side:
    """One form of a suite, ready to look at episodes."""

    suite: Suite
    plan: Plan
    policy: Policy | None


@attrs.frozen(kw_only=True)
class Structure:
    """What is equal whatever was recorded: every value of the suite, and the meaning of the policy."""

    tests: int
    policy_digest: str | None
    left_out: tuple[str, ...]  # checks that no comparison covers: they need a model, or may answer differently


@attrs.frozen(kw_only=True)
class Pair:
    """A suite, or a policy that stands alone, in both forms."""

    path: Path
    old: Side
    new: Side
    structure: Structure


@attrs.frozen(kw_only=True)
class _Workbench:
    """What is needed to prepare the new form before it is written."""

    changes: Mapping[str, FileChange]  # by real path, of policies that change
    folder: Path  # for the new policies that checks of a suite name
    catalogue: Catalogue


def prepare_pairs(changes: Sequence[FileChange], folder: str) -> tuple[Pair, ...]:
    """Load and prepare every suite in its old and its new form, and every policy that no suite is decided by.

    Args:
        changes: All files of the project.
        folder: Where new policies may stand until they are written; has to stay while the pairs are used.

    Raises:
        AssayError: the old or the new form does not load, or holds a check that can never fail.
    """
    bench = _Workbench(
        changes={each.real_path: each for each in changes if each.kind == "policy" and each.changed},
        folder=Path(folder),
        catalogue=Catalogue.scan(),
    )
    pairs: list[Pair] = []
    errors: list[AssayError] = []
    decided: set[str] = set()
    for change in changes:
        try:
            if change.suite is not None:
                pair = _suite_pair(change, bench)
                if pair.old.suite.policy_path is not None:
                    decided.add(os.path.realpath(pair.old.suite.policy_path))
            elif change.real_path in decided:
                continue
            else:
                pair = _policy_pair(change, bench)
            pairs.append(pair)
        except AssayError as error:
            errors.append(error)
    if errors:
        first, *rest = errors
        first.others = (*first.others, *rest)
        raise first
    return tuple(pairs)


def _suite_pair(change: FileChange, bench: _Workbench) -> Pair:
    path, rewritten = change.path, change.suite
    assert rewritten is not None  # noqa: S101 - narrows the type
    drivers = Drivers(bench.catalogue, Defaults.read(path.parent).plugins)
    old = read_suite(rewritten.legacy, path, drivers=drivers)
    resolved = read_suite(attrs.evolve(rewritten.before, value=rewritten.resolved), path, drivers=drivers)
    new = read_suite(rewritten.after, path, drivers=drivers)
    if _meaning(resolved) != _meaning(new):
        message = "this file cannot be rewritten by machine without changing what it says"
        raise InputError(code="E_MIGRATION_LOSSY", message=message, place=Place(str(path)))
    staged = attrs.evolve(rewritten.after, value=_with_staged(rewritten.after, path, bench))
    named = drivers.narrowed(old.plugins)
    policies = _policies(old.policy_path, bench, named)
    left_out: dict[str, None] = {}
    sides = [
        Side(suite=suite, plan=_comparable(_plan(suite, policy, named), left_out), policy=policy)
        for suite, policy in zip((old, read_suite(staged, path, drivers=drivers)), policies, strict=True)
    ]
    policy = policies[1]
    structure = Structure(
        tests=len(new.tests), policy_digest=policy.digest if policy else None, left_out=tuple(left_out)
    )
    return Pair(path=path, old=sides[0], new=sides[1], structure=structure)


def _policy_pair(change: FileChange, bench: _Workbench) -> Pair:
    path = change.path
    drivers = Drivers(bench.catalogue, Defaults.read(path.parent).plugins)
    old, new = _policies(path, bench, drivers)
    assert old is not None  # noqa: S101 - narrows the type; there is a path
    assert new is not None  # noqa: S101 - as above
    suite = Suite(name=path.stem, path=None, policy_path=path)
    sides = [Side(suite=suite, plan=Plan(tests=()), policy=policy) for policy in (old, new)]
    structure = Structure(tests=0, policy_digest=new.digest, left_out=())
    return Pair(path=path, old=sides[0], new=sides[1], structure=structure)


def _policies(path: Path | None, bench: _Workbench, drivers: Drivers) -> tuple[Policy | None, Policy | None]:
    """Return the policy as it is and as it is going to be; they mean the same."""
    if path is None:
        return None, None
    old = load_policy(path, drivers=drivers)
    change = bench.changes.get(os.path.realpath(path))
    if change is None:
        return old, old
    new = parse_policy(change.after.decode(), str(path), drivers=drivers)
    if old.digest != new.digest:
        message = "this policy cannot be rewritten by machine without changing what it means"
        raise InputError(code="E_MIGRATION_LOSSY", message=message, place=Place(str(path)))
    return old, new


def _plan(suite: Suite, policy: Policy | None, drivers: Drivers) -> Plan:
    return make_plan(suite, policy, drivers, seed=order_seed(suite), offline=False, defer=True)


def _comparable(plan: Plan, left_out: dict[str, None]) -> Plan:
    """Return the plan without checks that may answer differently when they are asked twice."""
    tests = []
    for test in plan.tests:
        varying = tuple(check.expectation.type for check in test.checks if not check.pure)
        left_out.update(dict.fromkeys(f"{name} ({test.case.id})" for name in (*test.deferred, *varying)))
        checks = tuple(check for check in test.checks if check.pure)
        tests.append(PlannedTest(case=test.case, checks=checks, deferred=(*test.deferred, *varying)))
    return Plan(tests=tuple(tests))


def _meaning(suite: Suite) -> Suite:
    """Return a suite without what says only how it was written."""
    tests = []
    for test in suite.tests:
        expectations = tuple(attrs.evolve(each, raw={}, place=_NOWHERE) for each in test.expectations)
        tests.append(attrs.evolve(test, expectations=expectations, place=_NOWHERE))
    return attrs.evolve(suite, config_version=1, notices=(), tests=tuple(tests))


def _with_staged(document: Document, path: Path, bench: _Workbench) -> JsonValue:
    """Return a suite's value in which checks name the new policies, which are not written yet."""
    value = document.value
    tests = value.get("tests") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(tests, list):
        return value
    return {**value, "tests": [_staged_test(test, path, bench) for test in tests]}


def _staged_test(test: JsonValue, path: Path, bench: _Workbench) -> JsonValue:
    if not isinstance(test, Mapping):
        return test
    found = dict(test)
    for key in ("expected", "assertions"):
        checks = found.get(key)
        if isinstance(checks, list):
            found[key] = [_staged_check(each, path, bench) for each in checks]
        elif isinstance(checks, Mapping):
            found[key] = _staged_check(checks, path, bench)
    return found


def _staged_check(check: JsonValue, path: Path, bench: _Workbench) -> JsonValue:
    named = check.get("policy") if isinstance(check, Mapping) else None
    if not isinstance(check, Mapping) or not isinstance(named, str):
        return check
    change = bench.changes.get(os.path.realpath(path.parent / named))
    if change is None:
        return check
    if parse_policy(change.after.decode(), str(change.path)).form.plugin_sections:
        return check  # its paths start at its own folder; that it means the same is proved already
    target = bench.folder / f"{list(bench.changes).index(change.real_path)}.yaml"
    target.write_bytes(change.after)
    return {**check, "policy": str(target)}
