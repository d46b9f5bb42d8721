"""The files that `assay init` writes as they are, or with a few words filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Literal, TypeAlias

from assay_core.config.starter.detect import FoundServer
from assay_core.config.starter.yaml_text import comment
from assay_core.errors import UsageError

__all__ = ["POLICY_HEAD", "Provider", "fill", "server_notes", "template", "workflow"]

Provider: TypeAlias = Literal["github", "gitlab"]

POLICY_HEAD = "# yaml-language-server: $schema=.assay/schemas/policy.schema.json\n"

# What the workflow installs, up to the next change of the API.
_PACKAGES = (
    "assay-core", "assay-importer-jsonl", "assay-metric-standard", "assay-reporter-console",
    "assay-reporter-junit", "assay-reporter-markdown", "assay-reporter-sarif",
)  # fmt: skip


def template(name: str) -> str:
    """Return a template as it lies beside this module."""
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def fill(text: str, **words: str) -> str:
    """Replace every `{{name}}` in one pass, so that what is filled in is never read as a template."""
    return re.sub(r"\{\{([a-z]+)\}\}", lambda found: words[found[1]], text)


def server_notes(servers: Iterable[FoundServer]) -> Iterator[str]:
    """Yield the lines of a comment on every MCP server of the project; nothing where there is none."""
    noted = list(servers)
    if noted:
        yield "\n# MCP servers that this project configures:\n"
    for server in noted:
        hint = server.hint or "nothing is known of its tools; `assay init --from-trace TRACE` learns them"
        yield f"#   {comment(server.name)} ({comment(server.file)}): {hint}\n"


def workflow(provider: Provider, trace: str | None) -> str:
    """Return the CI job. `trace` is relative to the project, None where there is none yet.

    Raises:
        UsageError: E_INVALID_ARGS, where a shell or the CI service would read the trace's name as more than a name.
    """
    if trace is not None and not re.fullmatch(r"[A-Za-z0-9_./@+=,][A-Za-z0-9_./@+=,-]*", trace):
        raise UsageError(
            code="E_INVALID_ARGS",
            message=f"the trace {trace!r} cannot stand in a CI job under this name",
            remedy="use letters, digits and ._/@+=,- in its name, or leave out --ci",
        )
    words = ["assay", "ci", *([trace] if trace else []), "--sarif=assay.sarif", "--junit=junit.xml"]
    record = (
        "Run your agent here and record its trace; until then the committed one is gated."
        if trace
        else "Run your agent here, record its trace, and name it in the command below: assay ci TRACE ..."
    )
    packages = " ".join(f"'{name}>=1.0.0a1,<2'" for name in _PACKAGES)
    return fill(template(f"{provider}.yml"), packages=packages, record=f"# {record}", command=" ".join(words))
