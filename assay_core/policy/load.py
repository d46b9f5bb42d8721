"""Loading a policy: from a file or a mapping to the policy that decides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from assay_core.documents import Document, parse_document, read_document
from assay_core.errors import AssayError, PolicyError
from assay_core.model import JsonValue, PluginRules
from assay_core.policy.form import PolicyForm
from assay_core.policy.matching.resources import variables
from assay_core.policy.normalise import form_digest
from assay_core.policy.reading.document import Reading, read_form
from assay_core.policy.reading.findings import find
from assay_core.policy.reading.forms import FileKind, recognise
from assay_core.policy.reading.written import Problems, raise_all

if TYPE_CHECKING:
    from assay_core.plugins.drivers import Drivers
    from assay_core.policy.deciding.compiled import Policy

__all__ = ["file_kind", "load_policy", "parse_policy", "read_policy", "reread"]

_GROUP = "assay.checks"
_DEPTH_LIMIT = 128


def load_policy(
    source: Path | str | Mapping[str, JsonValue],
    *,
    base_dir: Path | None = None,
    plugins: PluginRules | None = None,
    environment: Mapping[str, str] | None = None,
    drivers: Drivers | None = None,
) -> Policy:
    """Return the compiled policy.

    Args:
        source: A path, or a policy built in Python.
        base_dir: The folder that relative paths in a policy built in Python start from; for a file it is the
            file's own.
        plugins: Which plugins may be used.
        drivers: The drivers of the run, in place of `plugins`.
        environment: Where `${HOME}`, `${TMP}`, `${USER}` and `${CWD}` come from; None: the process.

    Raises:
        PolicyError: E_POLICY_PARSE, E_POLICY_UNSUPPORTED, E_CFG_KIND, E_CFG_VERSION, E_CFG_VACUOUS, with every
            other problem in `others`; E_PATH_NOT_FOUND, E_DOCUMENT_LIMIT.
        InputError: E_REGEX_INVALID, E_SCHEMA_COMPILE.
        UsageError, PluginFault: a check plugin that the policy needs is missing or broken (E_PLUGIN_…).
    """
    return _compiled(_document(source, base_dir), _Owners(plugins, drivers), environment)


def parse_policy(text: str, file: str, *, drivers: Drivers | None = None) -> Policy:
    """Return the compiled policy that a text would be, if it stood in this file. Raises as `load_policy`."""
    return _compiled(_parsed(text, file), _Owners(None, drivers), None)


def read_policy(
    source: Path | str | Mapping[str, JsonValue],
    *,
    base_dir: Path | None = None,
    plugins: PluginRules | None = None,
    environment: Mapping[str, str] | None = None,
) -> Reading:
    """Return the normalised form of a policy, compiled in nothing but its schemas. Raises as `load_policy`."""
    return _read(_document(source, base_dir), _Owners(plugins), environment)


def file_kind(document: Document) -> FileKind:
    """Return which of the accepted forms a document has, without reading the rest of it.

    Raises:
        PolicyError: if it is no policy; see `assay_core.policy.forms.recognise`.
    """
    return recognise(Problems(document), _Owners(None).owns)


def reread(text: str, file: str) -> tuple[FileKind, PolicyForm]:
    """Return what a rewritten policy is and means. Raises as `load_policy`."""
    reading = _read(_parsed(text, file), _Owners(None), None)
    return reading.kind, reading.form


def _parsed(text: str, file: str) -> Document:
    return parse_document(text, file, code="E_POLICY_PARSE", error=PolicyError)


def _compiled(document: Document, owners: _Owners, environment: Mapping[str, str] | None) -> Policy:
    from assay_core.policy.deciding.compile import compile_form

    reading = _read(document, owners, environment)
    return compile_form(
        reading.form,
        digest=form_digest(reading.form),
        drivers=owners.loaded() if reading.form.plugin_sections else None,
        notices=(*reading.notices, *find(reading.form, reading.kind)),
    )


def _read(document: Document, owners: _Owners, environment: Mapping[str, str] | None) -> Reading:
    reading = read_form(document, is_plugin_key=owners.owns, variables=variables(environment))
    for section in reading.form.plugin_sections:
        try:
            owners.loaded().record(_GROUP, section.key)
        except AssayError as error:
            reading.problems.keep(error, section.place or reading.problems.place(()))
    raise_all(reading.problems.errors)
    return reading


class _Owners:
    """Who owns root keys that the core does not know. Nothing is scanned before such a key turns up."""

    def __init__(self, rules: PluginRules | None, drivers: Drivers | None = None) -> None:
        self._rules = rules
        self._drivers = drivers

    def loaded(self) -> Drivers:
        """Return the drivers of this load."""
        if self._drivers is None:
            from assay_core.plugins.catalogue import Catalogue
            from assay_core.plugins.drivers import Drivers

            self._drivers = Drivers(Catalogue.scan(), self._rules)
        return self._drivers

    def owns(self, key: str) -> bool:
        """Tell whether a key belongs to a check plugin, installed or not: a first-party or a dotted name."""
        from assay_core.plugins.first_party import offered_by

        name = key.rpartition("@")[0] or key
        if "." in name or offered_by(_GROUP, name):
            return True
        return any(record.name == name for record in self.loaded().catalogue.records(_GROUP))


def _document(source: Path | str | Mapping[str, JsonValue], base_dir: Path | None) -> Document:
    if not isinstance(source, Mapping):
        return read_document(Path(source), code="E_POLICY_PARSE", error=PolicyError)
    folder = "" if base_dir is None else f"{base_dir}/"
    return Document(_copied(source, 0), f"{folder}<mapping>")


def _copied(value: object, depth: int) -> JsonValue:
    """Copy a value built in Python, refusing what no file could say."""
    if depth > _DEPTH_LIMIT:
        raise PolicyError(code="E_DOCUMENT_LIMIT", message=f"the policy is deeper than {_DEPTH_LIMIT} levels")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise PolicyError(code="E_POLICY_PARSE", message="a key of the policy is not text")
        return {str(key): _copied(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(item, depth + 1) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return value
    raise PolicyError(code="E_POLICY_PARSE", message=f"a policy holds no {type(value).__name__}")
