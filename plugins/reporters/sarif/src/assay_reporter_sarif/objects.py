"""The SARIF object model. The only module that imports sarif-om, which costs 50 ms and is imported by need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import attr
import orjson
import sarif_om

from assay_core.commandline import excerpt
from assay_core.errors import ReasonCode, find_code
from assay_core.model import Notice, RunReport, SourcePlace
from assay_reporter_sarif.locations import ROOT, Locator
from assay_reporter_sarif.selection import Entry, Selection

__all__ = ["document"]

# The address that the OASIS standard gives its schema.
SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
VERSION = "2.1.0"
NOTICES = 1_000
MESSAGE_LENGTH = 1_000
NAME_LENGTH = 500

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

_Plan: TypeAlias = tuple[tuple[str, str, object], ...]


def document(
    run: RunReport, selection: Selection, locator: Locator, *, root_uri: str, information_uri: str
) -> Iterator[bytes]:
    """Yield the file in pieces: the frame around, and one result on each line.

    Streams, since 25 000 results as objects would take 150 MB; each lives for one line.
    """
    codes = sorted({entry.code for entry in selection.entries})
    index = {code: number for number, code in enumerate(codes)}
    frame = _plain(_run(run, selection, codes, locator, root_uri, information_uri))
    head = orjson.dumps({"$schema": SCHEMA_URI, "version": VERSION})
    yield head[:-1] + b',"runs":[\n' + orjson.dumps(frame)[:-1] + b',"results":['
    separator = b"\n"
    for entry in selection.entries:
        yield separator + orjson.dumps(_plain(_result(entry, index[entry.code], locator)))
        separator = b",\n"
    yield b"\n]}\n]}\n"


def _run(
    run: RunReport, selection: Selection, codes: Sequence[str], locator: Locator, root_uri: str, information_uri: str
) -> sarif_om.Run:
    """Return the run without its results."""
    driver = sarif_om.ToolComponent(
        name="assay",
        version=excerpt(run.provenance.assay_version, NAME_LENGTH),
        information_uri=information_uri or None,
        rules=[_rule(code) for code in codes],
    )
    root = sarif_om.ArtifactLocation(uri=root_uri or None)
    if not root_uri:  # without an address the file is the same on every machine
        root.description = sarif_om.Message(text="The folder that assay was started in.")
    omitted = {"assay": {"truncated": True, "omitted_count": selection.omitted}} if selection.omitted else None
    return sarif_om.Run(
        tool=sarif_om.Tool(driver=driver, extensions=[_extension(plugin) for plugin in run.provenance.plugins] or None),
        automation_details=sarif_om.RunAutomationDetails(id=f"assay/{excerpt(run.suite, NAME_LENGTH)}/"),
        column_kind="unicodeCodePoints",
        invocations=[_invocation(run, selection.entries, locator)],
        original_uri_base_ids={ROOT: _plain(root)},
        properties=omitted,
    )


def _extension(plugin: str) -> sarif_om.ToolComponent:
    """Return a plugin, given as "distribution version", as an extension of the tool."""
    name, _, version = excerpt(plugin, NAME_LENGTH).rpartition(" ")
    return sarif_om.ToolComponent(name=name or version, version=version if name else None)


def _invocation(run: RunReport, entries: Sequence[Entry], locator: Locator) -> sarif_om.Invocation:
    """Return how the run ended. Findings are no failure of the tool: exit code 1 is a successful execution.

    A run that failed although no result is an error (--strict, a missing trace) says why in a notification.
    """
    broken = run.exit_code not in (0, 1)
    unexplained = run.exit_code == 1 and not any(entry.level == "error" for entry in entries)
    failure = _notification(run.reason_code or "E_TEST_FAILED", "error", run.message, None, locator)
    return sarif_om.Invocation(
        execution_successful=not broken,
        exit_code=run.exit_code,
        exit_code_description=excerpt(run.message, MESSAGE_LENGTH) or None,
        tool_execution_notifications=[failure] if broken or unexplained else None,
        tool_configuration_notifications=list(_notices(run.notices, locator)) or None,
    )


def _notices(notices: Sequence[Notice], locator: Locator) -> Iterator[sarif_om.Notification]:
    """Yield the first notices, and one line about the rest."""
    for notice in notices[:NOTICES]:
        place = notice.place
        source = SourcePlace(place.file, place.line or None) if place else None
        yield _notification(notice.code, "warning", notice.message, source, locator)
    if len(notices) > NOTICES:
        more = f"{len(notices) - NOTICES} more notices are not shown here"
        yield _notification("W_REPORT_TRUNCATED", "warning", more, None, locator)


def _notification(
    code: str, level: str, message: str, source: SourcePlace | None, locator: Locator
) -> sarif_om.Notification:
    return sarif_om.Notification(
        descriptor=sarif_om.ReportingDescriptorReference(id=excerpt(code, NAME_LENGTH)),
        level=level,
        message=sarif_om.Message(text=_message(message)),
        locations=[_location(source, None, locator)] if source else None,
    )


def _rule(code: str) -> sarif_om.ReportingDescriptor:
    """Return a reason code as a rule. A code of a plugin that the core does not know describes itself by its name."""
    name = excerpt(code, NAME_LENGTH)
    known = (
        find_code(code, "decision") or find_code(code) or ReasonCode(code, "decision", 1, f"a plugin found {name}", "")
    )
    remedy = known.remedy or "see the documentation of the plugin that offers the check"
    level = "note" if known.scope == "notice" else "error"
    return sarif_om.ReportingDescriptor(
        id=name,
        short_description=sarif_om.MultiformatMessageString(text=_sentence(known.cause)),
        full_description=sarif_om.MultiformatMessageString(text=f"{_sentence(known.cause)} {_sentence(remedy)}"),
        help=sarif_om.MultiformatMessageString(text=_sentence(remedy)),
        default_configuration=sarif_om.ReportingConfiguration(level=level),
    )


def _result(entry: Entry, rule_index: int, locator: Locator) -> sarif_om.Result:
    finding = entry.finding
    test, rule = excerpt(finding.test_id, NAME_LENGTH), excerpt(finding.rule, NAME_LENGTH)
    about = ", ".join(f"{kind} {name}" for kind, name in (("test", test), ("rule", rule)) if name)
    text = _message(finding.message) or finding.code
    return sarif_om.Result(
        rule_id=excerpt(entry.code, NAME_LENGTH),
        rule_index=rule_index,
        level=entry.level,
        message=sarif_om.Message(text=f"{text} ({_unlinked(about)})" if about else text),
        locations=[_location(finding.source, finding.column, locator)],
        partial_fingerprints={"assayFingerprint/v1": finding.fingerprint},
        properties=_properties(
            testId=test,
            rule=rule,
            episodeId=excerpt(finding.episode_id, NAME_LENGTH),
            tool=excerpt(finding.tool, NAME_LENGTH),
            callIndex=finding.call_index,
            pointer=excerpt(finding.pointer, NAME_LENGTH),
        ),
    )


def _properties(**members: str | int | None) -> dict[str, Plain]:
    return {name: value for name, value in members.items() if value not in ("", None)}


def _location(source: SourcePlace | None, column: int | None, locator: Locator) -> sarif_om.Location:
    uri, base, line = locator.place(source)
    region = sarif_om.Region(start_line=line, start_column=column if column and column > 0 else None)
    artifact = sarif_om.ArtifactLocation(uri=uri, uri_base_id=base)
    return sarif_om.Location(physical_location=sarif_om.PhysicalLocation(artifact_location=artifact, region=region))


def _sentence(text: str) -> str:
    return _message(text[:1].upper() + text[1:]).rstrip(".") + "."


def _message(text: str) -> str:
    return _unlinked(excerpt(text, MESSAGE_LENGTH))


def _unlinked(text: str) -> str:
    """Break up `[text](target)`, which viewers turn into a link (SARIF 2.1.0 §3.11.6)."""
    return text.replace("](", "] (") if "](" in text else text


# -- serialising -------------------------------------------------------------------------------------------------

_SCALARS = frozenset((str, int, float, bool))
_PLANS: dict[type[object], _Plan] = {}


def _plan(kind: type[object]) -> _Plan:
    """Return (attribute, member, default) for a class of sarif-om, which has no serialiser of its own."""
    plan = _PLANS.get(kind)
    if plan is None:
        fields: Iterable[attr.Attribute[object]] = attr.fields(kind)  # type: ignore[arg-type]  # sarif-om is untyped
        plan = _PLANS[kind] = tuple(
            (field.name, field.metadata["schema_property_name"], _default(field)) for field in fields
        )
    return plan


def _default(field: attr.Attribute[object]) -> object:
    """Return what may be left out. Never a level: where a result has none, viewers take the level of its rule."""
    if field.name == "level":
        return None
    default: object = field.default
    return default.factory() if isinstance(default, attr.Factory) else default  # type: ignore[arg-type,attr-defined]  # a class


def _plain(value: object) -> Plain:
    """Return JSON values of a sarif-om object, leaving out what is None or the standard's default."""
    kind = type(value)
    if value is None or kind in _SCALARS:
        return value  # type: ignore[return-value]  # a scalar
    if kind is list:
        return [_plain(item) for item in value]  # type: ignore[attr-defined]  # kind is list
    if kind is dict:
        return {key: _plain(item) for key, item in value.items()}  # type: ignore[attr-defined]  # kind is dict
    held = vars(value)
    members: dict[str, Plain] = {}
    for name, member, default in _plan(kind):
        item = held[name]
        if item is not None and (default is None or item != default):
            members[member] = item if type(item) in _SCALARS else _plain(item)
    return members
