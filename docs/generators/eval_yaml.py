"""docs/reference/eval-yaml.md and docs/reference/settings.md."""

from __future__ import annotations

import inspect
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import attrs

from assay_core.config import load_suite
from assay_core.config.attrs_schema import class_schema
from assay_core.config.defaults import SETTINGS
from assay_core.config.expectations import LEGACY_FORMS
from assay_core.config.written import (
    WrittenDrop,
    WrittenInput,
    WrittenJudge,
    WrittenLimits,
    WrittenPlugins,
    WrittenReliability,
    WrittenSettings,
    WrittenSuite,
    WrittenTest,
    WrittenThresholding,
    WrittenThresholds,
)
from assay_core.contracts import Metric
from assay_core.model import JsonValue
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from docs.generators.markdown import HEAD, first_party, table, words_of

EXAMPLE = """\
configVersion: 1
suite: refunds
policy: policy.yaml              # every episode is decided against it
settings:
  seed: 7
tests:
  - id: refund-is-small
    input: refund order 12       # the episodes with this prompt
    expected:
      type: args_valid
      schema:
        refund: {type: object, required: [amount], properties: {amount: {type: number, maximum: 50}}}
  - id: looks-before-it-refunds
    input: {match: all}          # every episode
    expected:
      - {type: sequence_valid, rules: [{type: before, first: lookup, then: refund}]}
      - {type: must_not_contain, must_not_contain: ["internal error"]}
    assertions:
      - {type: trace_max_steps, max: 20}
    tags: [gate]
"""
INTRODUCTION = """\
# eval.yaml

A suite: which traces pass. YAML 1.2 (so `yes` and `12:30` are texts), UTF-8, one document, at most 10 MiB, 128 levels
and 1,000,000 nodes after aliases are followed; duplicate keys are errors. `<<: *name` merges. An unknown key is an
error with the nearest known one; keys beginning with `x-` are free everywhere, at the top level `definitions` and keys
beginning with `_`, too. `null` is the same as absent, except at `policy`.

`assay schema eval` prints the JSON Schema of this format, with the types of the plugins that are installed. Editors
find it by a first line such as `# yaml-language-server: $schema=eval.schema.json`.

"""
_COMMENT = re.compile(r"^\s*(\w+)\s*:.*?#\s(.*)$")


def eval_page() -> str:
    """Return the page about eval.yaml."""
    _check_example()
    parts = [HEAD, INTRODUCTION, f"```yaml\n{EXAMPLE}```\n"]
    parts.append(_section("Top level", WrittenSuite))
    for title, kind in (
        ("settings", WrittenSettings),
        ("settings.limits", WrittenLimits),
        ("settings.judge", WrittenJudge),
        ("settings.judge.reliability", WrittenReliability),
        ("settings.thresholding", WrittenThresholding),
        ("thresholds", WrittenThresholds),
        ("plugins", WrittenPlugins),
        ("tests", WrittenTest),
        ("input", WrittenInput),
        ("thresholding", WrittenDrop),
    ):
        parts.append(_section(f"`{title}`", kind))
    expected, assertions = _types()
    parts.append("\n## Types of `expected`\n\n")
    parts.append("`expected` is one expectation or a list of them; each element of a list is a check of its own. ")
    parts.append(
        "An expectation that could never fail is refused. Each type takes [`thresholding`](#thresholding), too.\n"
    )
    parts.extend(expected)
    parts.append(
        "\n### Old forms\n\nAn expectation without `type` is read by its one key; the notice W_CFG_LEGACY says so.\n\n"
    )
    parts.append(
        table(("Key", "Means"), [(f"`{key}`", f"`type: {kind}`") for key, kind in sorted(LEGACY_FORMS.items())])
    )
    parts.append("\n## Types of `assertions`\n")
    parts.extend(assertions)
    return "".join(parts)


def settings_page() -> str:
    """Return the page about `[tool.assay]` and the environment."""
    kinds = {"flag": "`true` or `false`", "words": "list"}
    rows = [
        (
            f"`{each.name}`",
            f"`{each.variable}`",
            " or ".join(f"`{word}`" for word in each.choices) or kinds.get(each.kind, each.kind),
            _default(each.built_in),
            each.doc,
        )
        for each in SETTINGS
    ]
    return (
        f"{HEAD}# Settings\n\nDefaults of the command line. An option wins over the environment, the environment over "
        "`[tool.assay]` in the nearest pyproject.toml that has it. Paths in pyproject.toml are relative to it. "
        "`assay config` shows each value with its origin.\n\n"
        + table(("Key in `[tool.assay]`", "Variable", "Value", "Built in", "Meaning"), rows)
        + "\nIn the environment a list is separated by commas, and a flag is `1`, `0`, `true` or `false`. "
        "`[tool.assay.plugins]` takes the keys of `plugins` in [eval.yaml](eval-yaml.md#plugins); a suite may narrow "
        "them, never widen them.\n\n"
        + table(
            ("Further variable", "Meaning"),
            (
                (
                    "`ASSAY_JUDGE`, `ASSAY_JUDGE_MODEL`, `_BASE_URL`, `_SAMPLES`, `_TEMPERATURE`, `_MAX_TOKENS`",
                    "The judge and its options, as `--judge` and so on. `VERDICT_JUDGE` and so on are read as well.",
                ),
                ("`OPENAI_API_KEY`, `OPENAI_BASE_URL`", "Key and endpoint of the judge and the embedder `openai`."),
                ("`ASSAY_PLUGINS=none`", "No plugin is used."),
                ("`ASSAY_DEBUG=1`", "Errors show their traceback."),
                ("`NO_COLOR`, `FORCE_COLOR`", "Colours, where `--color` does not say."),
                ("`SOURCE_DATE_EPOCH`", "Reports hold no wall times."),
            ),
        )
    )


def _check_example() -> None:
    """Load the example, so that the page never shows a suite that does not load."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "eval.yaml"
        path.write_text(EXAMPLE, encoding="utf-8")
        (Path(folder) / "policy.yaml").write_text('version: "2.0"\n', encoding="utf-8")
        load_suite(path, drivers=Drivers(Catalogue.scan()))


def _section(title: str, kind: type[object]) -> str:
    doc = (kind.__doc__ or "").strip().splitlines()[0]
    return f"\n## {title}\n\n{doc}\n\n{_keys(kind)}"


def _types() -> tuple[list[str], list[str]]:
    expected: list[str] = []
    assertions: list[str] = []
    for name, (driver, dist) in first_party("assay.metrics").items():
        metric = cast("Metric", driver)
        kind = metric.types[name]
        shown = name.removeprefix("assert.")
        needs = "" if metric.needs_episode else " Carries its own calls and needs no episode."
        doc = (kind.__doc__ or "").strip().splitlines()[0]
        text = f"\n### `{shown}`\n\n{doc}{needs} From `{dist}`.\n\n{_keys(kind)}"
        (assertions if name.startswith("assert.") else expected).append(text)
    return expected, assertions


def _keys(kind: type[object]) -> str:
    """Return a table of the keys of a class."""
    schema = class_schema(kind)
    comments = _comments(kind)
    rows = []
    for field in attrs.fields(cast("type[attrs.AttrsInstance]", kind)):
        names = tuple(field.metadata.get("names", ()))
        spellings = names if field.metadata.get("only_names") else (field.name, *names)
        property_schema = cast("Mapping[str, Mapping[str, JsonValue]]", schema["properties"])[spellings[0]]
        default = "required" if field.default is attrs.NOTHING else _default(property_schema.get("default"))
        doc = str(property_schema.get("description") or comments.get(field.name, ""))
        rows.append(
            (" or ".join(f"`{name}`" for name in spellings), words_of(property_schema), default, _sentence(doc))
        )
    return table(("Key", "Value", "Default", "Meaning"), rows) if rows else "It takes no further keys.\n"


def _comments(kind: type[object]) -> dict[str, str]:
    """Return what stands behind the fields of a class in its source."""
    lines = inspect.getsource(kind).splitlines()
    return {found[1]: found[2] for line in lines if (found := _COMMENT.match(line))}


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".:;" else ".")


def _default(value: object) -> str:
    return "" if value is None or value == () else f"`{value if isinstance(value, str) else json.dumps(value)}`"


PAGES = {"reference/eval-yaml.md": eval_page, "reference/settings.md": settings_page}
