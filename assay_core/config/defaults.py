"""Defaults of the command line: built in, from `[tool.assay]` in pyproject.toml, from `ASSAY_*`, each with its origin.

The environment wins over pyproject.toml, an option on the command line over both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NoReturn, TypeAlias

import attrs

from assay_core.errors import InputError, Place, UsageError
from assay_core.model.suite import PluginRules

__all__ = ["SETTINGS", "Default", "Defaults", "Setting"]

Value: TypeAlias = str | bool | tuple[str, ...] | None
Kind: TypeAlias = Literal["path", "flag", "choice", "words"]

_BUILT_IN = "built in"
_PLUGINS = "tool.assay.plugins"
_HEADER = re.compile(r"\s*\[([^\[\]]+)\]")
_KEY = re.compile(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=")
_FLAGS = {"1": True, "true": True, "0": False, "false": False}


@attrs.frozen(kw_only=True)
class Setting:
    """One thing that has a default. Its option on the command line has the same name."""

    name: str
    kind: Kind
    doc: str
    built_in: Value = None
    choices: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"ASSAY_{self.name.upper()}"


@attrs.frozen(kw_only=True)
class Default:
    """A value and where it comes from: `built in`, `ASSAY_…`, or the file and line of a pyproject.toml."""

    name: str
    value: Value
    origin: str
    doc: str = ""


SETTINGS = (
    Setting(name="config", kind="path", doc="The suite."),
    Setting(name="policy", kind="path", doc="The policy, in place of the suite's."),
    Setting(name="trace", kind="path", doc="The recorded trace."),
    Setting(name="out_dir", kind="path", doc="Where run.json, summary.json and reports go.", built_in="."),
    Setting(name="report", kind="words", doc="Reports to write, as NAME or NAME=FILE.", built_in=()),
    Setting(name="strict", kind="flag", doc="Warnings and open rules fail.", built_in=False),
    Setting(name="lenient", kind="flag", doc="Unknown keys are warnings, not errors.", built_in=False),
    Setting(name="deny", kind="words", doc="Refuse checks that need it.", built_in=(), choices=("network",)),
    Setting(name="db", kind="path", doc="The store; by default .assay/assay.db beside the suite."),
    Setting(
        name="store",
        kind="choice",
        doc="What is kept of a run: nothing, its rows, its episodes as well.",
        built_in="results",
        choices=("none", "results", "episodes"),
    ),
    Setting(
        name="quarantine_mode",
        kind="choice",
        doc="What failures of quarantined tests are.",
        built_in="warn",
        choices=("off", "warn", "strict"),
    ),
    Setting(
        name="color", kind="choice", doc="When to write colours.", built_in="auto", choices=("auto", "always", "never")
    ),
    Setting(name="quiet", kind="flag", doc="Only what failed, and the verdict.", built_in=False),
)
_PLUGIN_KEYS = {
    "require": "Plugins that have to be installed.",
    "allow": "When given, no other plugin is loaded.",
    "deny": "Plugins that are never loaded.",
}


@attrs.frozen(kw_only=True)
class Defaults:
    """Every default, in the order of `SETTINGS`, then the rules for plugins."""

    entries: tuple[Default, ...]
    plugins: PluginRules = attrs.field(factory=PluginRules)
    file: Path | None = None  # the pyproject.toml that was read

    @classmethod
    def read(cls, start: Path, environment: Mapping[str, str] | None = None) -> Defaults:
        """Read the nearest pyproject.toml with `[tool.assay]`, from `start` upwards, and the environment.

        Raises:
            InputError: E_CFG_PARSE, E_CFG_UNKNOWN_KEY with the place in pyproject.toml.
            UsageError: E_INVALID_ARGS for a variable of the environment with a value it cannot have.
        """
        environment = os.environ if environment is None else environment
        table = _find_table(start.resolve())
        entries = []
        for setting in SETTINGS:
            entry = Default(name=setting.name, value=setting.built_in, origin=_BUILT_IN, doc=setting.doc)
            if table and setting.name in table.values:
                entry = attrs.evolve(entry, value=table.value(setting, start), origin=table.origin(setting.name))
            if text := environment.get(setting.variable):
                entry = attrs.evolve(entry, value=_from_environment(setting, text), origin=setting.variable)
            entries.append(entry)
        rules = table.plugins() if table else {}
        for key, doc in _PLUGIN_KEYS.items():
            origin = table.origin(key, _PLUGINS) if table and key in rules else _BUILT_IN
            entries.append(Default(name=f"plugins.{key}", value=rules.get(key), origin=origin, doc=doc))
        plugins = PluginRules(require=rules.get("require", ()), allow=rules.get("allow"), deny=rules.get("deny", ()))
        return cls(entries=tuple(entries), plugins=plugins, file=table.file if table else None)

    def get(self, name: str) -> Default:
        """Return the default of a setting.

        Raises:
            KeyError: There is no such setting.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)

    def text(self, name: str) -> str | None:
        """Return a setting that is a path or a choice, None where it has no value."""
        value = self.get(name).value
        return value if isinstance(value, str) else None

    def flag(self, name: str) -> bool:
        """Return a setting that is a flag."""
        return self.get(name).value is True

    def words(self, name: str) -> tuple[str, ...]:
        """Return a setting that is a list."""
        value = self.get(name).value
        return value if isinstance(value, tuple) else ()


class _Table:
    """`[tool.assay]` of one file."""

    def __init__(self, file: Path, text: str, values: Mapping[str, object]) -> None:
        self.file = file
        self.values = values
        self._lines = text.splitlines()

    def place(self, key: str, table: str = "tool.assay") -> Place:
        """Return the line that sets a key. tomllib tells no lines, so the first that looks like it is taken."""
        header = ""
        for number, line in enumerate(self._lines, 1):
            if found := _HEADER.match(line):
                header = re.sub(r"[\s\"']", "", found[1])
            elif header == table and (found := _KEY.match(line)) and found[1] == key:
                return Place(str(self.file), number, found.start(1) + 1, line)
        return self.place("plugins") if table == _PLUGINS else Place(str(self.file))

    def origin(self, key: str, table: str = "tool.assay") -> str:
        """Return file and line of a key."""
        place = self.place(key, table)
        return f"{place.file}:{place.line}" if place.line else place.file

    def value(self, setting: Setting, start: Path) -> Value:
        found = self.values[setting.name]
        if setting.kind == "flag" and isinstance(found, bool):
            return found
        if setting.kind == "words" and (words := _strings(found)) is not None:
            for word in words:
                self._check_choice(setting, word)
            return words
        if setting.kind in ("path", "choice") and isinstance(found, str):
            if setting.kind == "path":
                return os.path.relpath(self.file.parent / found, start.resolve())
            self._check_choice(setting, found)
            return found
        words_for = {"flag": "true or false", "words": "a list of strings"}
        self._fail(f"{setting.name} has to be {words_for.get(setting.kind, 'a string')}", setting.name)

    def plugins(self) -> dict[str, tuple[str, ...]]:
        found = self.values.get("plugins", {})
        if not isinstance(found, dict):
            self._fail("plugins has to be a table", "plugins")
        rules = {}
        for key, value in found.items():
            if key not in _PLUGIN_KEYS:
                self.fail_unknown(key, _PLUGIN_KEYS, _PLUGINS)
            if (words := _strings(value)) is None:
                self._fail(f"plugins.{key} has to be a list of strings", key, _PLUGINS)
            rules[key] = words
        return rules

    def fail_unknown(self, key: str, known: Mapping[str, object], table: str = "tool.assay") -> NoReturn:
        """Refuse a key that nothing reads."""
        from assay_core.convert import nearest

        guess = nearest(key, known)
        hint = f"; did you mean {guess!r}?" if guess else ""
        message = f"unknown key {key!r} in [{table}]{hint}"
        remedy = f"known keys: {', '.join(known)}"
        raise InputError(code="E_CFG_UNKNOWN_KEY", message=message, remedy=remedy, place=self.place(key, table))

    def _check_choice(self, setting: Setting, word: str) -> None:
        if setting.choices and word not in setting.choices:
            self._fail(f"{setting.name} is one of {', '.join(setting.choices)}, not {word!r}", setting.name)

    def _fail(self, message: str, key: str, table: str = "tool.assay") -> NoReturn:
        remedy = "see `assay config` for what can be set"
        place = self.place(key, table)
        raise InputError(code="E_CFG_PARSE", message=f"[tool.assay] {message}", remedy=remedy, place=place)


def _find_table(folder: Path) -> _Table | None:
    for each in (folder, *folder.parents):
        file = each / "pyproject.toml"
        try:
            data = file.read_bytes()
        except OSError:
            continue
        if b"tool" in data and b"assay" in data and (table := _parse(file, data)):
            known = {**{setting.name: None for setting in SETTINGS}, "plugins": None}
            for key in table.values:
                if key not in known:
                    table.fail_unknown(key, known)
            return table
    return None


def _parse(file: Path, data: bytes) -> _Table | None:
    import tomllib

    try:
        text = data.decode("utf-8")
        tool = tomllib.loads(text).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as reason:
        found = re.search(r"at line (\d+), column (\d+)", str(reason))
        line, column = (int(found[1]), int(found[2])) if found else (0, 0)
        lines = data.decode("utf-8", "replace").splitlines()
        place = Place(str(file), line, column, lines[line - 1] if 0 < line <= len(lines) else "")
        message = f"not TOML: {re.sub(r' [(]at .*', '', str(reason)).lower()}"
        raise InputError(code="E_CFG_PARSE", message=message, remedy="correct the file", place=place) from reason
    values = tool.get("assay") if isinstance(tool, dict) else None
    return _Table(file, text, values) if isinstance(values, dict) else None


def _from_environment(setting: Setting, text: str) -> Value:
    if setting.kind == "flag":
        if text.lower() not in _FLAGS:
            _fail_environment(setting, text, "1, 0, true or false")
        return _FLAGS[text.lower()]
    words = tuple(word.strip() for word in text.split(",") if word.strip()) if setting.kind == "words" else (text,)
    if setting.choices and not set(words) <= set(setting.choices):
        _fail_environment(setting, text, ", ".join(setting.choices))
    return words if setting.kind == "words" else text


def _fail_environment(setting: Setting, text: str, words: str) -> NoReturn:
    message = f"the environment variable {setting.variable} is {text!r}"
    raise UsageError(code="E_INVALID_ARGS", message=message, remedy=f"set it to {words}, or unset it")


def _strings(value: object) -> tuple[str, ...] | None:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    return None
