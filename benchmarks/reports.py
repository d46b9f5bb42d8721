"""Reports of 25 000 results: time against n, and against the straightforward way of writing the same file."""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, TextIO
from xml.etree import ElementTree

import attr
import sarif_om
from assay_reporter_console import ConsoleReporter
from assay_reporter_junit import JunitReporter
from assay_reporter_markdown import PrCommentReporter
from assay_reporter_sarif import SarifOptions, SarifReporter

from assay_core.contracts import Reporter
from assay_core.model import Counts, Finding, Provenance, ResultRow, RunReport, SourcePlace

LINEAR = 2.5  # twice the results may take so many times as long; 2.0 is linear, the rest is noise


class Sink:
    """Outputs that keep nothing but the size."""

    color = False
    width = 80
    quiet = False
    verbose = 1  # the console shows every row, so that there is something to measure

    def __init__(self) -> None:
        self.bytes = 0

    @contextmanager
    def open(self, name: str = "") -> Iterator[BinaryIO]:  # noqa: ARG002 - the contract's signature
        stream = io.BytesIO()
        yield stream
        self.bytes += len(stream.getvalue())

    def terminal(self) -> TextIO:
        return io.StringIO()


def make_report(size: int) -> RunReport:
    """Return a run with so many failed rows, one finding each."""
    rows = tuple(
        ResultRow(
            test_id=f"policy:ep-{number:06d}",
            kind="policy",
            status="fail",
            score=0.0,
            message="1 of 5 tool call(s) break the policy",
            error_code="E_POLICY_VIOLATION",
            source=SourcePlace("traces/agent.jsonl", number * 5 + 1),
            findings=(
                Finding(
                    code=("E_TOOL_DENIED", "E_ARG_SCHEMA", "E_SEQUENCE_VIOLATION")[number % 3],
                    message=f"the policy denies the tool 'delete_{number % 20}'",
                    rule="tools.deny:delete_*",
                    source=SourcePlace("traces/agent.jsonl", number * 5 + 3),
                    test_id=f"policy:ep-{number:06d}",
                    episode_id=f"ep-{number:06d}",
                    tool=f"delete_{number % 20}",
                    call_index=2,
                ),
            ),
        )
        for number in range(size)
    )
    return RunReport(
        command="ci",
        suite="benchmark",
        exit_code=1,
        reason_code="E_POLICY_VIOLATION",
        message=f"{size} episode(s) break the policy",
        rows=rows,
        findings=tuple(finding for row in rows for finding in row.findings),
        counts=Counts(failed=size, total=size, episodes=size, findings=size),
        provenance=Provenance(assay_version="1.0.0a1"),
    )


def plain_sarif(run: RunReport) -> None:
    """Write the results as a tree of sarif-om objects, made plain by recursion and dumped by json at the end."""

    def plain(value: Any) -> Any:
        if attr.has(type(value)):
            fields = attr.fields(type(value))
            pairs = ((each.metadata["schema_property_name"], getattr(value, each.name)) for each in fields)
            return {name: plain(held) for name, held in pairs if held is not None}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value

    results = [
        sarif_om.Result(
            rule_id=finding.code,
            message=sarif_om.Message(text=f"{finding.message} (test {finding.test_id}, rule {finding.rule})"),
            level=finding.severity,
            locations=[
                sarif_om.Location(
                    physical_location=sarif_om.PhysicalLocation(
                        artifact_location=sarif_om.ArtifactLocation(uri=finding.source.file, uri_base_id="SRCROOT"),
                        region=sarif_om.Region(start_line=finding.source.line),
                    )
                )
            ],
            partial_fingerprints={"assayFingerprint/v1": finding.fingerprint},
        )
        for finding in run.findings
        if finding.source
    ]
    tool = sarif_om.Tool(driver=sarif_om.ToolComponent(name="assay"))
    json.dumps(plain(sarif_om.SarifLog(version="2.1.0", runs=[sarif_om.Run(tool=tool, results=results)]))).encode()


def plain_junit(run: RunReport) -> None:
    """Write the cases as one tree, serialised at the end."""
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", name=run.suite, tests=str(len(run.rows)))
    for row in run.rows:
        case = ElementTree.SubElement(suite, "testcase", name=row.test_id, classname=run.suite)
        failure = ElementTree.SubElement(case, "failure", message=row.message, type=row.error_code)
        failure.text = "\n".join(f"{each.code} {each.source} {each.rule}: {each.message}" for each in row.findings)
    ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(work: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median of each; rounds are interleaved, so that a busy machine slows all alike."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for number in range(repeats + 1):
        for name, each in work.items():
            spent = seconds(each)
            if number:  # the first round warms up
                taken[name].append(spent)
    return {name: statistics.median(spent) for name, spent in taken.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="prove that the script works")
    quick = parser.parse_args().quick
    size, repeats = (250, 1) if quick else (25_000, 5)
    small, large = make_report(size), make_report(2 * size)
    reporters: dict[str, Reporter] = {
        "SARIF": SarifReporter(SarifOptions(max_results=2 * size)),
        "JUnit": JunitReporter(),
        "console, every row": ConsoleReporter(),
        "PR comment": PrCommentReporter(),
    }
    work: dict[str, Callable[[], object]] = {}
    for name, reporter in reporters.items():
        work[f"{name} n"] = partial(reporter.report, small, Sink())
        work[f"{name} 2n"] = partial(reporter.report, large, Sink())
    work["SARIF plain"] = partial(plain_sarif, small)
    work["JUnit plain"] = partial(plain_junit, small)
    taken = measure(work, repeats)

    print(f"## Reports of {size:,} results\n")
    print("Every row failed and has one finding; medians of interleaved rounds. `2n / n` is 2 where time is linear.")
    print(
        "The straightforward writers build the whole tree, then serialise it; they neither escape nor cut anything.\n"
    )
    print("| report | n | 2n | 2n / n | target | straightforward / ours |")
    print("|:--|--:|--:|--:|--:|--:|")
    missed = False
    for name in reporters:
        first, second = taken[f"{name} n"], taken[f"{name} 2n"]
        other = taken.get(f"{name} plain")
        beside = f"{other / first:.1f}x" if other else ""
        times = f"{first * 1000:.0f} ms | {second * 1000:.0f} ms | {second / first:.2f}"
        print(f"| {name} | {times} | ≤ {LINEAR} | {beside} |")
        missed = missed or second / first > LINEAR
    return 1 if missed and not quick else 0


if __name__ == "__main__":
    sys.exit(main())
