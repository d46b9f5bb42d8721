"""What a test expects: `expected` in its tagged and its old forms, and `assertions`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import attrs

from assay_core.config.reading import Reading
from assay_core.config.settings import read_thresholding
from assay_core.config.written import WrittenDrop
from assay_core.contracts import Metric
from assay_core.convert import nearest
from assay_core.errors import AssayError, PluginFault
from assay_core.model.json_value import JsonObject, JsonValue
from assay_core.model.suite import Expectation
from assay_core.plugins.drivers import Drivers
from assay_core.plugins.first_party import FIRST_PARTY, offered_by

__all__ = ["LEGACY_FORMS", "read_assertions", "read_expected"]

Path = tuple[str | int, ...]

# What the untagged forms mean.
LEGACY_FORMS = {
    "must_contain": "must_contain",
    "must_not_contain": "must_not_contain",
    "sequence": "sequence_valid",
    "schema": "args_valid",
}
_GROUP = "assay.metrics"


def read_expected(value: JsonValue, path: Path, reading: Reading, drivers: Drivers) -> tuple[Expectation, ...]:
    """Return the expectations of one `expected`: a mapping, or a list in which each element is one of its own."""
    if isinstance(value, list):
        if not value:
            reading.fail("E_CFG_VACUOUS", "expected is an empty list, so the test could never fail", path)
        found = [_read_one(item, (*path, index), reading, drivers) for index, item in enumerate(value)]
    else:
        found = [_read_one(value, path, reading, drivers)]
    return tuple(each for each in found if each is not None)


def read_assertions(
    values: Iterable[JsonObject], path: Path, reading: Reading, drivers: Drivers
) -> tuple[Expectation, ...]:
    """Return one expectation `assert.<type>` per assertion."""
    found = [_read_assertion(value, (*path, index), reading, drivers) for index, value in enumerate(values)]
    if not found:
        reading.fail("E_CFG_VACUOUS", "assertions is an empty list, so it could never fail", path)
    return tuple(each for each in found if each is not None)


def _read_one(value: JsonValue, path: Path, reading: Reading, drivers: Drivers) -> Expectation | None:
    if not isinstance(value, dict):
        reading.fail("E_CFG_PARSE", "an expectation is a mapping with the key 'type'", path)
        return None
    tagged = value if "type" in value else _tagged(value, path, reading)
    if tagged is None or not (name := _type_of(tagged, path, reading)):
        return None
    if name == "$ref":
        _refuse_ref(path, reading)
        return None
    return _structured(name, tagged, path, reading, drivers)


def _read_assertion(value: JsonObject, path: Path, reading: Reading, drivers: Drivers) -> Expectation | None:
    if not (name := _type_of(value, path, reading)):
        return None
    return _structured(name if "." in name else f"assert.{name}", value, path, reading, drivers)


def _type_of(value: JsonObject, path: Path, reading: Reading) -> str:
    """Return the type as written, "" where there is none."""
    name = value.get("type")
    if isinstance(name, str) and name:
        return name
    if "type" in value:
        reading.fail("E_CFG_PARSE", "type has to be a name", (*path, "type"))
    else:
        reading.fail("E_CFG_PARSE", "missing key 'type'", path)
    return ""


def _tagged(value: JsonObject, path: Path, reading: Reading) -> JsonObject | None:
    """Return an old, untagged form with its type."""
    if "$ref" in value:
        _refuse_ref(path, reading)
        return None
    forms = [key for key in value if key in LEGACY_FORMS]
    if not forms:
        near = [nearest(key, LEGACY_FORMS) for key in value]
        hint = next((f"; did you mean {guess!r}?" for guess in near if guess), "")
        reading.fail("E_CFG_PARSE", f"an expectation needs the key 'type'{hint}", path)
        return None
    if len(forms) > 1:
        message = f"{' and '.join(map(repr, forms))} stand in one expectation, so it is unclear what is meant"
        reading.fail("E_CFG_PARSE", message, (*path, forms[1]), key=True, remedy="make `expected` a list of both")
        return None
    form = forms[0]
    name = LEGACY_FORMS[form]
    reading.note("W_CFG_LEGACY", f"old form of an expectation; write `type: {name}`, or run `assay migrate`", path)
    content = value[form]
    promoted = [content] if form.startswith("must_") and isinstance(content, str) else content
    return {"type": name, **value, form: promoted}


def _refuse_ref(path: Path, reading: Reading) -> None:
    message = "`$ref` is not followed in an expectation, so the test could never fail"
    reading.fail("E_CFG_REF", message, path, remedy="`assay migrate` copies the file's content here")


def _structured(name: str, value: JsonObject, path: Path, reading: Reading, drivers: Drivers) -> Expectation | None:
    try:
        kind = _options_type(name, drivers)
    except AssayError as error:
        if error.code == "E_PLUGIN_MISSING":
            _refuse_missing(name, error, path, reading, drivers)
        else:
            reading.add(error, (*path, "type"))
        return None
    written = {key: item for key, item in value.items() if key not in ("type", "thresholding")}
    drop = None
    if value.get("thresholding") is not None:  # of every type alike: the metric itself knows nothing of baselines
        drop = reading.structure(value["thresholding"], WrittenDrop, (*path, "thresholding"))
    options = reading.structure(written, kind, path)
    if options is None:
        return None
    for field in attrs.fields(cast("type[attrs.AttrsInstance]", kind)):
        if field.metadata.get("unused") and getattr(options, field.name) is not None:
            reading.note("W_CFG_UNUSED", f"{field.name} of {name} is not used by this release", path)
    thresholding = read_thresholding(drop, reading, (*path, "thresholding"))
    place = reading.document.place(path)
    return Expectation(type=name, options=options, raw=value, place=place, thresholding=thresholding)


def _options_type(name: str, drivers: Drivers) -> type[object]:
    metric = cast("Metric", drivers.load(_GROUP, name))
    plain = name.partition("@")[0]
    if plain not in metric.types:
        record = drivers.record(_GROUP, name)
        message = f"{record.distribution} offers {plain!r} and then does not know it"
        raise PluginFault(message=message, distribution=record.distribution, stage=f"metric {plain}: types")
    return metric.types[plain]


def _refuse_missing(name: str, error: AssayError, path: Path, reading: Reading, drivers: Drivers) -> None:
    """Tell a plugin that is not installed from a type that does not exist."""
    place = (*path, "type")
    prefix = "assert." if name.startswith("assert.") else ""
    shown = name.removeprefix(prefix)
    what = "assertion" if prefix else "expected type"
    known = {
        each for each in (*drivers.names(_GROUP), *FIRST_PARTY[_GROUP]) if each.startswith("assert.") == bool(prefix)
    }
    if offered_by(_GROUP, name) or "@" in name or "." in shown:
        error.place = reading.document.place(place)
        reading.add(error)
        return
    guess = nearest(name, known)
    hint = f"; did you mean {guess.removeprefix(prefix)!r}?" if guess else ""
    listed = ", ".join(sorted(each.removeprefix(prefix) for each in known))
    reading.fail("E_CFG_UNKNOWN_TYPE", f"unknown {what} {shown!r}{hint}", place, remedy=f"known types: {listed}")
