"""The files of a project, found and loaded as far as they load."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from assay_core.analysis.diagnosis.diagnosis import Area, Diagnosis, of_error
from assay_core.config import Defaults, discover, load_suite
from assay_core.config.discovery import find_traces
from assay_core.documents import Document, read_document
from assay_core.errors import AssayError, UsageError
from assay_core.model import Suite
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.policy import Policy, load_policy

__all__ = ["Project", "Wanted", "near", "open_project"]

_BASELINE_NAMES = ("baseline.json", "assay-baseline.json", ".assay/baseline.json")
_MOST_TRACES = 200


@attrs.frozen(kw_only=True)
class Wanted:
    """What the user named; None: what is found."""

    config: Path | None = None
    policy: Path | None = None
    trace: Path | None = None
    trace_format: str | None = None
    baseline: Path | None = None
    db: Path | None = None


@attrs.define(kw_only=True)
class Project:
    """What there is. What is there and does not load is None, and `findings` say why."""

    root: Path
    drivers: Drivers
    defaults: Defaults | None = None
    suite_file: Path | None = None
    suite: Suite | None = None
    suite_document: Document | None = None
    policy_file: Path | None = None
    policy: Policy | None = None
    policy_document: Document | None = None
    traces: tuple[Path, ...] = ()
    trace_format: str | None = None
    baseline: Path | None = None
    store: Path | None = None
    findings: list[Diagnosis] = attrs.field(factory=list)

    @property
    def loads(self) -> int:
        """How far the project loads: 0 the suite does not, 1 the policy does not, 2 all does."""
        if self.suite_file is not None and self.suite is None:
            return 0
        return 2 if self.policy_file is None or self.policy is not None else 1

    def take(self, found: Iterable[Diagnosis]) -> None:
        """Add findings."""
        self.findings.extend(found)


def near(path: Path) -> Path:
    """Return a path as people would write it here, so that messages do not vary by machine."""
    return Path(os.path.relpath(path))


def open_project(wanted: Wanted) -> Project:
    """Find the files of a project, from the current folder upwards, and load them.

    Raises:
        UsageError: E_MISSING_CONFIG, E_PATH_NOT_FOUND, E_TRACE_NOT_FOUND for a file that was named and is not there.
    """
    _refuse_missing(wanted)
    here = Path.cwd()
    early: list[Diagnosis] = []
    defaults = _read_defaults(here, early)
    drivers = _drivers(defaults, early)
    project = Project(root=here, drivers=drivers, defaults=defaults, findings=early, trace_format=wanted.trace_format)
    _find_documents(project, wanted)
    base = project.suite_file or project.policy_file
    project.root = base.parent if base else Path()
    _load(project, wanted)
    project.traces = tuple(_traces(project, wanted))
    project.baseline = wanted.baseline or _first(project.root, _BASELINE_NAMES)
    project.store = _store(wanted, defaults)
    return project


def _refuse_missing(wanted: Wanted) -> None:
    for what, code, path in (
        ("suite", "E_MISSING_CONFIG", wanted.config),
        ("policy", "E_PATH_NOT_FOUND", wanted.policy),
        ("trace", "E_TRACE_NOT_FOUND", wanted.trace),
        ("baseline", "E_PATH_NOT_FOUND", wanted.baseline),
        ("store", "E_PATH_NOT_FOUND", wanted.db),
    ):
        if path is not None and not path.is_file():
            kind = "is not a file" if path.exists() else "does not exist"
            raise UsageError(code=code, message=f"the {what} {str(path)!r} {kind}")


def _read_defaults(here: Path, findings: list[Diagnosis]) -> Defaults | None:
    try:
        return Defaults.read(here)
    except AssayError as error:
        findings.extend(of_error(error, "settings"))
        return None


def _drivers(defaults: Defaults | None, findings: list[Diagnosis]) -> Drivers:
    catalogue = Catalogue.scan()
    try:
        return Drivers(catalogue, defaults.plugins if defaults else None)
    except AssayError as error:
        findings.extend(of_error(error, "plugin"))
        return Drivers(catalogue)


def _find_documents(project: Project, wanted: Wanted) -> None:
    suite = wanted.config or _default(project, "config", "suite")
    policy = wanted.policy or _default(project, "policy", "policy")
    if suite is None and policy is None:
        try:
            found = discover(Path.cwd())
        except AssayError as error:
            project.take(of_error(error, "suite"))
            return
        suite = near(found.suite) if found.suite else None
        policy = None if found.suite or found.policy is None else near(found.policy)
    project.suite_file, project.policy_file = suite, policy


def _default(project: Project, name: str, area: Area) -> Path | None:
    text = project.defaults.text(name) if project.defaults else None
    if text is None:
        return None
    if Path(text).is_file():
        return Path(text)
    origin = project.defaults.get(name).origin if project.defaults else ""
    message = f"{origin} names the {name} {text!r}, which is not a file"
    project.take([Diagnosis(code="E_PATH_NOT_FOUND", severity="error", area=area, message=message,
                            remedy="correct the path, or remove the setting")])  # fmt: skip
    return None


def _load(project: Project, wanted: Wanted) -> None:
    if project.suite_file is not None:
        try:
            project.suite_document = read_document(project.suite_file)
            project.suite = load_suite(project.suite_file, drivers=project.drivers, policy=wanted.policy)
            project.drivers = project.drivers.narrowed(project.suite.plugins)
        except AssayError as error:
            project.take(of_error(error, "suite"))
    project.policy_file = project.policy_file or _policy_file(project)
    if project.policy_file is not None:
        try:
            project.policy_document = read_document(project.policy_file)
            project.policy = load_policy(project.policy_file, drivers=project.drivers)
        except AssayError as error:
            project.take(of_error(error, "policy"))


def _policy_file(project: Project) -> Path | None:
    """Return the policy of the suite; of one that does not load, what it names as far as that can be seen."""
    if project.suite is not None:
        return project.suite.policy_path
    if project.suite_file is None:
        return None
    value = project.suite_document.value if project.suite_document else None
    named = value.get("policy", "policy.yaml") if isinstance(value, dict) else "policy.yaml"
    if not isinstance(named, str) or not named or "\0" in named:
        return None
    path = project.suite_file.parent / named
    return path if path.is_file() else None


def _traces(project: Project, wanted: Wanted) -> Iterator[Path]:
    if wanted.trace is not None:
        yield wanted.trace
        return
    if (named := _default(project, "trace", "trace")) is not None:
        yield named
        return
    yield from find_traces(project.root)[:_MOST_TRACES]


def _first(root: Path, names: Iterable[str]) -> Path | None:
    try:
        return next((root / name for name in names if (root / name).is_file()), None)
    except OSError:
        return None


def _store(wanted: Wanted, defaults: Defaults | None) -> Path | None:
    from assay_core.config.store_place import store_path

    if defaults is None and wanted.db is None:
        return None
    try:
        path, _ = store_path(str(wanted.db) if wanted.db else None, defaults)
    except AssayError:
        return None
    return path if path.is_file() else None
