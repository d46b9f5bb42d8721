"""`assay init`: a first suite and policy for the project in a folder. Never overwrites, and what it writes is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay_core.commandline.formats import Report, report_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from assay_core.analysis.learning import Learnt
    from assay_core.config.starter import Project, Provider

__all__ = ["command", "files_from_trace"]


@click.command("init")
@click.option("--dir", "folder", metavar="DIR", default=".", help="The project. Default: here.")
@click.option("--preset", "--pack", metavar="NAME", help="The policy to start from: default, hardened or dev.")
@click.option("--list-presets", "--list-packs", is_flag=True, help="List the presets and do nothing.")
@click.option("--hello-trace", is_flag=True, help="Write a small trace too, and a suite that fits it.")
@click.option("--from-trace", metavar="FILE", help="Learn policy and suite from a recorded trace.")
@click.option("--trace-format", metavar="NAME", help="The importer, where the trace's content does not tell.")
@click.option(
    "--ci",
    "provider",
    is_flag=False,
    flag_value="github",
    type=click.Choice(["github", "gitlab"]),
    help="Write a CI job; --ci alone means github.",
)
@click.option("--gitignore", is_flag=True, help="Write a .gitignore for what assay leaves behind.")
@report_options("text", "json")
def command(
    report: Report,
    folder: str,
    preset: str | None,
    list_presets: bool,
    hello_trace: bool,
    from_trace: str | None,
    trace_format: str | None,
    provider: Provider | None,
    gitignore: bool,
) -> None:
    """Write a first suite (eval.yaml) and policy (policy.yaml) for the project in a folder.

    Looks for Python, Node and MCP client configurations. Files that exist are left alone and named.
    """
    if list_presets:
        _list_presets(report)
        return
    from pathlib import Path

    from assay_core.config.starter import detect
    from assay_core.documents import create_file

    _refuse_contradictions(preset, hello_trace, from_trace)
    target = Path(folder)
    project = detect(target)
    learnt = _learn(from_trace, trace_format) if from_trace else None
    trace = _relative(from_trace, target) if from_trace else "traces/hello.jsonl" if hello_trace else None
    # Everything is decided before anything is written.
    planned = [
        *_suite_and_policy(preset or "default", project, learnt, trace, hello_trace),
        *_schemas(),
        *_extras(provider, gitignore, trace),
    ]
    outcome = [(name, create_file(target / name, text.encode("utf-8"))) for name, text in planned]
    _tell(report, target, project, learnt, trace, outcome)


def files_from_trace(trace: str, folder: Path) -> list[tuple[str, str]]:
    """Return the files that `init --from-trace` writes into the folder, with their texts.

    Raises:
        AssayError: what reading the trace raises.
    """
    from assay_core.config.starter import detect

    learnt = _learn(trace, None)
    return [*_suite_and_policy("default", detect(folder), learnt, _relative(trace, folder), False), *_schemas()]


def _refuse_contradictions(preset: str | None, hello_trace: bool, from_trace: str | None) -> None:
    from assay_core.errors import UsageError

    if from_trace and (hello_trace or preset):
        other = "--hello-trace" if hello_trace else "--preset"
        raise UsageError(
            code="E_INVALID_ARGS",
            message=f"--from-trace learns suite and policy, so {other} has nothing to say",
            remedy=f"leave out --from-trace or {other}",
        )


def _learn(from_trace: str, trace_format: str | None) -> Learnt:
    """Read the trace through the importer that knows it."""
    from pathlib import Path

    from assay_core.analysis.learning import learn
    from assay_core.config import Defaults
    from assay_core.contracts import ImportReport
    from assay_core.errors import UsageError
    from assay_core.model import Limits
    from assay_core.plugins.catalogue import Catalogue
    from assay_core.plugins.drivers import Drivers
    from assay_core.run.ingest import batches, choose_importer
    from assay_core.trace import FileSource

    path = Path(from_trace)
    if not path.is_file():
        raise UsageError(code="E_TRACE_NOT_FOUND", message=f"there is no trace {from_trace!r}")
    drivers = Drivers(Catalogue.scan(), Defaults.read(Path.cwd()).plugins)
    source = FileSource(path, Limits())
    chosen = choose_importer(drivers, source, trace_format)
    read = batches(chosen, source, ImportReport())
    return learn((episode for batch in read for episode in batch), path.name)


def _relative(trace: str, folder: Path) -> str:
    """Return the trace's path as one names it from within the folder."""
    import os

    return os.path.relpath(trace, folder).replace(os.sep, "/")


def _suite_and_policy(
    preset: str, project: Project, learnt: Learnt | None, trace: str | None, hello: bool
) -> Iterator[tuple[str, str]]:
    from assay_core.config.starter import (
        POLICY_HEAD,
        find_preset,
        learnt_policy,
        learnt_suite,
        server_notes,
        template,
    )

    notes = "".join(server_notes(project.servers))
    if learnt is not None:
        policy = learnt_policy(trace or "", learnt.schemas, episodes=learnt.episodes, most_calls=learnt.most_calls)
        yield "eval.yaml", learnt_suite(learnt.tasks)
        yield "policy.yaml", policy + notes
        return
    yield "eval.yaml", template("eval-hello.yaml" if hello else "eval-starter.yaml")
    yield "policy.yaml", POLICY_HEAD + find_preset(preset).text() + notes
    if hello:
        yield "traces/hello.jsonl", template("hello.jsonl")


def _schemas() -> Iterator[tuple[str, str]]:
    """Yield the JSON Schemas that the first line of both files names, so that an editor needs no network."""
    from assay_core.commandline.output import json_text
    from assay_core.config import json_schema

    yield ".assay/schemas/eval.schema.json", json_text(json_schema("eval"))
    yield ".assay/schemas/policy.schema.json", json_text(json_schema("policy"))


def _extras(provider: Provider | None, gitignore: bool, trace: str | None) -> Iterator[tuple[str, str]]:
    from assay_core.config.starter import template, workflow

    if provider is not None:
        name = ".github/workflows/assay.yml" if provider == "github" else ".gitlab-ci.yml"
        yield name, workflow(provider, trace)
    if gitignore:
        yield ".gitignore", template("gitignore")


def _tell(
    report: Report,
    folder: Path,
    project: Project,
    learnt: Learnt | None,
    trace: str | None,
    outcome: Sequence[tuple[str, bool]],
) -> None:
    import shlex

    next_step = " ".join(["assay", "validate", *([shlex.quote(trace)] if trace else [])])
    if report.format == "json":
        report.write_json(
            {
                "schema_version": 1,
                "dir": str(folder),
                "languages": list(project.languages),
                "mcp_servers": [
                    {"name": each.name, "file": each.file, "program": each.program, "hint": each.hint}
                    for each in project.servers
                ],
                "unreadable": list(project.unreadable),
                "not_listed": list(learnt.unnamed) if learnt else [],
                "files": [{"path": name, "status": "created" if made else "skipped"} for name, made in outcome],
                "next_step": next_step,
            }
        )
        return
    from assay_core.commandline.visible import sanitise

    lines = [*_found(project, learnt)]
    lines.extend(f"{'Created' if made else 'Skipped'} {name}{'' if made else ' (exists)'}" for name, made in outcome)
    place = "" if str(folder) == "." else f"cd {shlex.quote(str(folder))} && "
    lines.append(f"Next: {place}{next_step}")
    report.write("".join(f"{sanitise(line)}\n" for line in lines))


def _found(project: Project, learnt: Learnt | None) -> Iterator[str]:
    if project.languages:
        yield f"Found a project in {' and '.join(each.capitalize() for each in project.languages)}"
    for server in project.servers:
        yield f"Found MCP server {server.name} in {server.file}" + (f": {server.hint}" if server.hint else "")
    for name in project.unreadable:
        yield f"Could not read {name}: not JSON"
    if learnt is not None:
        tools = "tool" if len(learnt.schemas) == 1 else "tools"
        yield f"Learnt {len(learnt.schemas)} {tools} from {learnt.episodes} episode{'s' * (learnt.episodes != 1)}"
        for tool, obstacle in learnt.unnamed.items():
            yield f"Left out the tool {tool!a}: {obstacle}"


def _list_presets(report: Report) -> None:
    from assay_core.config.starter import PRESETS

    if report.format == "json":
        report.write_json(
            {"presets": [{"name": each.name, "description": each.description} for each in PRESETS.values()]}
        )
    else:
        report.write("".join(f"{each.name}\t{each.description}\n" for each in PRESETS.values()))
