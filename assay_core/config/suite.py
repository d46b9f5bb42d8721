"""Loads eval.yaml: everything is checked at once, every mistake is told at its line."""

from __future__ import annotations

from pathlib import Path

import attrs

from assay_core.config.discovery import file_kind
from assay_core.config.expectations import read_assertions, read_expected
from assay_core.config.reading import Reading
from assay_core.config.settings import read_plugins, read_settings, read_thresholding, read_thresholds
from assay_core.config.written import WrittenInput, WrittenSuite, WrittenTest
from assay_core.documents import Document, read_document
from assay_core.errors import AssayError, InputError
from assay_core.model.json_value import JsonObject, JsonValue
from assay_core.model.suite import EpisodeSelector, Expectation, PluginRules, Suite, TestCase, Thresholding
from assay_core.plugins.drivers import Drivers

__all__ = ["load_suite", "read_suite"]

_VERSIONS = (0, 1)
_RESERVED = "policy:"  # the rows of the policy begin so


@attrs.frozen
class _Context:
    context: tuple[str, ...]


def load_suite(path: Path, *, drivers: Drivers, lenient: bool = False, policy: Path | None = None) -> Suite:
    """Return the suite in a file, with the options of every check structured by its metric.

    Args:
        path: The file.
        drivers: Where metrics come from; narrowed by the suite's own `plugins`.
        lenient: True: unknown keys are notices.
        policy: Takes the place of what the suite says about its policy (`--policy`).

    Raises:
        AssayError: the first mistake in the order of the file, the rest in `others`: E_CFG_PARSE,
            E_CFG_UNKNOWN_KEY, E_CFG_KIND, E_CFG_VERSION, E_CFG_VACUOUS, E_CFG_UNKNOWN_TYPE, E_CFG_DUPLICATE_ID,
            E_CFG_REF, E_DOCUMENT_LIMIT, E_PATH_NOT_FOUND, and what `Drivers.load` raises.
    """
    return read_suite(read_document(path), path, drivers=drivers, lenient=lenient, policy=policy)


def read_suite(
    document: Document, path: Path, *, drivers: Drivers, lenient: bool = False, policy: Path | None = None
) -> Suite:
    """Do the same for a document that was read already; `path` is where relative paths start."""
    value = _checked_kind(document)
    reading = Reading(document, lenient=lenient)
    free = {key: item for key, item in value.items() if not key.startswith("_")}
    version = _read_version(free, reading)
    written = reading.structure(free, WrittenSuite, ())
    if written is None:
        reading.finish()
        raise AssertionError("a suite that cannot be structured has errors")
    if written.otel is not None:
        reading.note("W_CFG_UNUSED", "otel is not used", ("otel",), key=True)
    settings = read_settings(written.settings, reading)
    thresholds = read_thresholds(written.thresholds, reading)
    plugins = read_plugins(written.plugins, reading)
    reporters = _read_reporters(written.reporters, reading)
    policy_path, found = _read_policy(value, path, policy, reading)
    reading.finish()
    tests = _read_tests(written.tests, reading, _narrowed(drivers, plugins, reading))
    if not written.tests and policy_path is None:
        reading.fail("E_CFG_VACUOUS", "the suite has neither tests nor a policy, so nothing could fail", ())
    if written.suite is None and written.tests:
        reading.fail("E_CFG_PARSE", "missing key 'suite'", ())
    reading.finish()
    return Suite(
        name=written.suite or path.stem,
        model=written.model or "trace",
        config_version=version,
        path=path,
        policy_path=policy_path,
        policy_found=found,
        settings=settings,
        thresholds=thresholds,
        plugins=plugins,
        reporters=reporters,
        tests=tests,
        notices=tuple(reading.notices),
    )


def _checked_kind(document: Document) -> dict[str, JsonValue]:
    value = document.value
    if value is None:
        raise InputError(code="E_CFG_PARSE", message="the suite is empty", place=document.place())
    if not isinstance(value, dict):
        raise InputError(code="E_CFG_KIND", message="a suite is a mapping of keys", place=document.place())
    if file_kind(document) == "policy":
        message = "this file is a policy, where a suite is needed"
        remedy = "name it with --policy, or as `policy:` in an eval.yaml"
        raise InputError(code="E_CFG_KIND", message=message, remedy=remedy, place=document.place())
    return value


def _read_version(value: JsonObject, reading: Reading) -> int:
    keys = [key for key in value if key in ("configVersion", "version")]
    if not keys:
        reading.note("W_CFG_LEGACY", "no version is stated, so that version 0 is read; `assay migrate` rewrites it", ())
        return 0
    version = value[keys[0]]
    if isinstance(version, int) and not isinstance(version, bool) and version in _VERSIONS:
        if version == 0:
            reading.note("W_CFG_LEGACY", "version 0 is an old form; `assay migrate` rewrites it", (keys[0],))
        return version
    if isinstance(version, int) and not isinstance(version, bool):
        message = f"version {version} of the suite format is not known; known: 0, 1"
        reading.fail("E_CFG_VERSION", message, (keys[0],))
    return 1  # another type is told by the structuring


def _read_reporters(value: JsonValue, reading: Reading) -> JsonObject:
    if value is None:
        return {}
    if not isinstance(value, dict):
        reading.fail("E_CFG_PARSE", "reporters is a mapping from names to options", ("reporters",))
        return {}
    for name, options in value.items():
        if options is not None and not isinstance(options, dict):
            reading.fail("E_CFG_PARSE", f"the options of {name!r} are a mapping", ("reporters", name))
    return {name: {} if options is None else options for name, options in value.items()}


def _read_policy(value: JsonObject, path: Path, given: Path | None, reading: Reading) -> tuple[Path | None, bool]:
    """Return the policy's path, and whether it was only found."""
    if given is not None:
        return given, False
    if "policy" in value:
        named = value["policy"]
        if not isinstance(named, str):
            return None, False
        resolved = path.parent / named
        if not named or not _is_file(resolved):
            reading.fail("E_CFG_REF", f"the policy {named!r} is not a file beside this suite", ("policy",))
        return resolved, False
    beside = path.parent / "policy.yaml"
    if not beside.is_file():
        return None, False
    reading.note("W_POLICY_FOUND", "policy.yaml beside the suite is used; write `policy: policy.yaml` to say so", ())
    return beside, True


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False


def _narrowed(drivers: Drivers, rules: PluginRules, reading: Reading) -> Drivers:
    if rules == PluginRules():
        return drivers
    try:
        return drivers.narrowed(rules)
    except AssayError as error:
        reading.add(error, ("plugins",))
        reading.finish()
        raise


def _read_tests(value: JsonValue, reading: Reading, drivers: Drivers) -> tuple[TestCase, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        reading.fail("E_CFG_PARSE", "tests is a list", ("tests",))
        return ()
    tests: list[TestCase] = []
    first_seen: dict[str, int] = {}
    for index, item in enumerate(value):
        written = reading.structure(item, WrittenTest, ("tests", index))
        if written is None:
            continue
        _check_id(written.id, index, first_seen, reading)
        if test := _read_test(written, ("tests", index), reading, drivers):
            tests.append(test)
    return tuple(tests)


def _check_id(test_id: str, index: int, first_seen: dict[str, int], reading: Reading) -> None:
    path = ("tests", index, "id")
    if not test_id.strip():
        reading.fail("E_CFG_PARSE", "a test needs an id that is not empty", path)
    if test_id.startswith(_RESERVED):
        message = f"ids beginning with {_RESERVED!r} are those of the policy's own rows"
        reading.fail("E_CFG_PARSE", message, path, remedy="choose another id")
    first = first_seen.setdefault(test_id, index)
    if first != index:
        place = reading.document.place(("tests", first, "id"))
        reading.fail("E_CFG_DUPLICATE_ID", f"the test id {test_id!r} stands twice; first at {place}", path)


def _read_test(
    written: WrittenTest, path: tuple[str | int, ...], reading: Reading, drivers: Drivers
) -> TestCase | None:
    selected = _read_input(written.input, (*path, "input"), reading)
    expectations: tuple[Expectation, ...] = ()
    if written.expected is not None:
        expectations = read_expected(written.expected, (*path, "expected"), reading, drivers)
    if written.assertions is not None:
        expectations += read_assertions(written.assertions, (*path, "assertions"), reading, drivers)
    if written.expected is None and written.assertions is None:
        message = f"the test {written.id!r} has neither expected nor assertions, so it could never fail"
        reading.fail("E_CFG_VACUOUS", message, path)
    if selected is None:
        return None
    select, context = selected
    drop = read_thresholding(written.thresholding, reading, (*path, "thresholding"))
    expectations = tuple(_of_test(each, written.id, context, drop) for each in expectations)
    return TestCase(
        id=written.id,
        select=select,
        context=context,
        expectations=expectations,
        on_error=written.on_error,
        tags=written.tags or (),
        metadata=_read_metadata(written.metadata),
        place=reading.document.place(path),
    )


def _of_test(each: Expectation, test_id: str, context: tuple[str, ...], drop: Thresholding) -> Expectation:
    """Return an expectation with what its test says of it."""
    own = each.thresholding
    nearest = Thresholding(
        max_drop=drop.max_drop if own.max_drop is None else own.max_drop,
        min_floor=drop.min_floor if own.min_floor is None else own.min_floor,
    )
    return attrs.evolve(each, test_id=test_id, context=context, thresholding=nearest)


def _read_metadata(value: JsonValue) -> JsonObject | None:
    return value if isinstance(value, dict) or value is None else {"value": value}


def _read_input(
    value: JsonValue, path: tuple[str | int, ...], reading: Reading
) -> tuple[EpisodeSelector, tuple[str, ...]] | None:
    if isinstance(value, str):
        return EpisodeSelector(prompt=value), ()
    if not isinstance(value, dict):
        reading.fail("E_CFG_PARSE", "input is a prompt, or a mapping with prompt, episode or match", path)
        return None
    written = reading.structure(value, WrittenInput, path)
    if written is None:
        return None
    given = [key for key in ("prompt", "episode", "match") if getattr(written, key) is not None]
    if len(given) != 1:
        message = f"input needs exactly one of prompt, episode and match, found {' and '.join(given) or 'none'}"
        reading.fail("E_CFG_PARSE", message, path)
        return None
    select = EpisodeSelector(prompt=written.prompt, episode=written.episode, match_all=written.match == "all")
    return select, _read_context(written.context, (*path, "context"), reading)


def _read_context(value: JsonValue, path: tuple[str | int, ...], reading: Reading) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    written = reading.structure({"context": value}, _Context, path[:-1])
    return written.context if written else ()
