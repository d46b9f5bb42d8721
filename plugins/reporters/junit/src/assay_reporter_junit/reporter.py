"""The reporter: a frame, and one test case after the other."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

import attrs

from assay_core.commandline import excerpt
from assay_core.contracts import Outputs, Receipt
from assay_core.model import RunReport
from assay_reporter_junit.cases import MESSAGE_LENGTH, Totals, case_element, totals

__all__ = ["JunitReporter"]

_NAME_LENGTH = 200


class JunitReporter:
    """Writes one JUnit XML file: `testsuites`, one `testsuite`, one `testcase` per row."""

    default_output: str | None = "junit.xml"
    appends = False

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Write the file. Linear in the number of rows, one of which is in memory at a time."""
        with outputs.open() as sink:
            for piece in _pieces(run):
                sink.write(piece)
        return Receipt(files=("junit.xml",))


def _pieces(run: RunReport) -> Iterator[bytes]:
    """Yield the file: what comes before the cases, each case, what comes after."""
    suite = excerpt(run.suite, _NAME_LENGTH) or "assay"
    strict = run.reason_code == "E_STRICT"
    counts = totals(run.rows, strict=strict)
    # A run can fail although no row did: no trace, no check exercised. That must not look green.
    broken = bool(run.exit_code) and not counts.failures and not counts.errors
    if broken:
        counts = attrs.evolve(counts, tests=counts.tests + 1, errors=counts.errors + 1)
    frame = ElementTree.tostring(_frame(run, suite, counts), encoding="unicode")
    # Every other `<` of the frame is our own markup, since names are escaped: the mark stands there once.
    before, _, after = frame.partition("<cases />")
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n{before}\n'.encode()
    if broken:
        yield _line(_broken_case(run, suite))
    for row in run.rows:
        yield _line(case_element(row, suite, strict=strict))
    yield f"{after}\n".encode()


def _line(case: ElementTree.Element) -> bytes:
    return f"  {ElementTree.tostring(case, encoding='unicode')}\n".encode()


def _frame(run: RunReport, suite: str, counts: Totals) -> ElementTree.Element:
    """Return the document with a mark where the cases go."""
    numbers = {name: str(number) for name, number in attrs.asdict(counts).items()}
    if run.performance.total_ms is not None:
        numbers["time"] = f"{run.performance.total_ms / 1000:.3f}"
    root = ElementTree.Element("testsuites", {"name": "assay", **numbers})
    element = ElementTree.SubElement(root, "testsuite", {"name": suite, **numbers})
    properties = ElementTree.SubElement(element, "properties")
    for name, value in _facts(run):
        ElementTree.SubElement(properties, "property", name=name, value=excerpt(value, _NAME_LENGTH))
    ElementTree.SubElement(element, "cases")
    return root


def _facts(run: RunReport) -> Iterator[tuple[str, str]]:
    """Yield what makes the run repeatable, and how it ended."""
    yield "assay.version", run.provenance.assay_version
    yield "assay.exit_code", str(run.exit_code)
    for name, value in (
        ("assay.reason_code", run.reason_code),
        ("assay.order_seed", run.seeds.order_seed),
        ("assay.judge_seed", run.seeds.judge_seed),
        ("assay.policy_digest", run.policy_digest),
        ("assay.trace_digest", run.provenance.trace_digest),
    ):
        if value:
            yield name, value


def _broken_case(run: RunReport, suite: str) -> ElementTree.Element:
    """Return a case for a run that failed as a whole."""
    case = ElementTree.Element("testcase", name="assay", classname=f"{suite}.run")
    error = ElementTree.SubElement(
        case, "error", message=excerpt(run.message, MESSAGE_LENGTH), type=excerpt(run.reason_code, _NAME_LENGTH)
    )
    error.text = excerpt(run.next_step, MESSAGE_LENGTH)
    return case
