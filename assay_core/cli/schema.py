"""`assay schema`: the JSON Schema of a file format, for editors."""

from __future__ import annotations

import click

from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]

_NAMES = ("eval", "policy", "run", "summary", "baseline", "doctor")


@click.command("schema")
@click.argument("name", type=click.Choice(_NAMES))
@report_options("json", default="json")
def command(report: Report, name: str) -> None:
    r"""Print the JSON Schema (2020-12) of eval.yaml, policy.yaml, run.json, summary.json, baselines, doctor's report.

    The schema of a suite knows the expected types of the installed plugins, that of a policy the keys of the
    installed checks. Editors take it from a comment on the first line of a file:

    \b
    # yaml-language-server: $schema=eval.schema.json
    """
    from assay_core.config.json_schemas import SCHEMA_NAMES, json_schema

    report.write_json(json_schema(SCHEMA_NAMES[_NAMES.index(name)]))
