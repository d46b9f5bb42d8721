"""An explanation as one HTML file: no script, no network, nothing recorded is markup."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from assay_core.analysis.explanation import ExplainedStep, Explanation
from assay_core.commandline.explanation_parts import (
    MARKS,
    PatchView,
    arguments,
    broken_line,
    fix_of,
    patches_of,
    place_of,
    totals,
)
from assay_core.commandline.visible import excerpt
from assay_core.model import ResultRow

if TYPE_CHECKING:
    from assay_core.analysis.explained import Explained
    from assay_core.analysis.repair.from_denials import Proposal

__all__ = ["explained_html"]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c0362c; --good: #2c7a3f; --warn: #a15c00; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; } code, pre { font: 13px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th, td { border-bottom: 1px solid var(--line); padding: .35rem .5rem;
text-align: left; vertical-align: top; overflow-wrap: anywhere; } td ul { margin: 0; padding-left: 1rem; }
.blocked, .del { color: var(--bad); } .allowed, .add { color: var(--good); } .warning { color: var(--warn); }
.state, .note { opacity: .75; font-size: .9em; }
pre { border: 1px solid var(--line); padding: .6rem; overflow-x: auto; }
.verdict { font-weight: 600; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"


def explained_html(explained: Explained) -> str:
    """Return the whole answer as one HTML document."""
    return "".join(f"{line}\n" for line in _lines(explained))


def _text(text: str, limit: int = 400) -> str:
    return html.escape(excerpt(text, limit))


def _lines(explained: Explained) -> Iterator[str]:
    told = explained.trace
    word = {0: "allowed", 1: "blocked"}.get(explained.exit_code, "not evaluated")
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">\n<title>assay explain</title>'
    yield f"<style>{_STYLE}</style>\n</head>\n<body>"
    yield f'<h1>Explanation: <span class="{word.split()[0]}">{word}</span></h1>\n<ul>'
    if told is not None:
        yield f"<li>Policy: <code>{_text(told.policy_name)}</code> (v{_text(told.policy_version)})</li>"
    yield f"<li>Trace: <code>{_text(explained.trace_file)}</code>: {_text(totals(explained))}</li>"
    if told is not None and told.blocking_rules:
        rules = sorted(told.blocking_rules)
        more = f", and {len(rules) - 20} more" if len(rules) > 20 else ""
        yield f"<li>Blocking rules: {', '.join(f'<code>{_text(rule, 200)}</code>' for rule in rules[:20])}{more}</li>"
    yield "</ul>"
    if explained.row is not None:
        yield from _test(explained.row)
    for explanation in told.shown if told else ():
        yield from _episode(explanation, explained.proposals)
    if told is not None and told.omitted_steps:
        yield f"<p>{told.omitted_steps:,} steps are not shown, of them {told.omitted_blocked:,} blocked.</p>"
    views = list(patches_of(explained))
    if views:
        yield "<h2>Patches</h2>"
        yield "<p>Each is the smallest edit that lets its call through. The policy may be right, the agent wrong.</p>"
    for view in views:
        yield from _patch(view, explained.fix_command)
    if explained.not_worked_out:
        yield f"<p>{explained.not_worked_out:,} denials of further kinds: apply, then explain again.</p>"
    yield "</body>\n</html>"


def _test(row: ResultRow) -> Iterator[str]:
    score = "" if row.score is None else f", score {row.score:.4g}"
    kind = {"pass": "allowed", "fail": "blocked"}.get(row.status, "warning")
    status = f'<span class="{kind}">{_text(row.status)}</span>'
    yield f"<h2>Test <code>{_text(row.test_id, 200)}</code>: {status}{score}</h2>"
    yield f"<p>{_text(row.message)}</p>"
    if row.metrics:
        yield "<table><thead><tr><th>Check</th><th>Outcome</th><th>Score</th></tr></thead><tbody>"
        for metric in row.metrics:
            shown = "" if metric.score is None else f"{metric.score:.4g}"
            outcome = metric.outcome.value.replace("_", " ")
            yield f"<tr><td>{_text(metric.type)}</td><td>{_text(outcome)}</td><td>{shown}</td></tr>"
        yield "</tbody></table>"
    if row.findings:
        yield "<ul>"
        for finding in row.findings[:100]:
            source = finding.source
            place = f"{source.file}{f':{source.line}' if source.line else ''}" if source else ""
            yield f"<li><code>{_text(place, 200)}</code> {_text(finding.code)}: {_text(finding.message)}</li>"
        yield "</ul>"


def _episode(explanation: Explanation, proposals: Mapping[str, Proposal]) -> Iterator[str]:
    yield f"<h2>Episode <code>{_text(explanation.episode_id, 200)}</code></h2>"
    yield f'<p class="note">{_text(place_of(explanation))}</p>'
    if explanation.steps:
        yield "<table><thead><tr><th>#</th><th>Call</th><th>Verdict</th><th>Why</th></tr></thead><tbody>"
        for step in explanation.steps:
            yield from _step(step, proposals)
        yield "</tbody></table>"
    if explanation.closing:
        yield "<p>At the end:</p><ul>"
        for each in explanation.closing:
            fix = fix_of(explanation.proposals.get(each.rule_id, ""), proposals)
            reason = f"; reason: {each.reason}" if each.reason else ""
            yield f"<li>{_text(broken_line(each) + reason, 900)}{f'<br>{_text(fix, 600)}' if fix else ''}</li>"
        yield "</ul>"
    if not explanation.complete:
        yield "<p>The episode has no end, so rules that wait for it stay open.</p>"


def _step(step: ExplainedStep, proposals: Mapping[str, Proposal]) -> Iterator[str]:
    call = f"{excerpt(step.call.tool, 80)}({arguments(step)})"
    yield f"<tr><td>{step.index}</td><td><code>{_text(call, 300)}</code></td>"
    yield f'<td class="{step.verdict} verdict">{MARKS[step.verdict]}</td><td>'
    told = []
    for each in step.evaluations:
        if not each.passed:
            reason = f"; reason: {each.reason}" if each.reason else ""
            told.append(_text(broken_line(each) + reason, 900))
    if fix := fix_of(step.proposal, proposals):
        told.append(_text(fix, 600))
    if told:
        yield "<ul>" + "".join(f"<li>{each}</li>" for each in told) + "</ul>"
    if step.state:
        yield '<details><summary>state before</summary><ul class="state">'
        for rule, text in step.state.items():
            yield f"<li>{_text(rule, 200)}: {_text(text, 200)}</li>"
        yield "</ul></details>"
    yield "</td></tr>"


def _patch(view: PatchView, command: str) -> Iterator[str]:
    yield f"<h3><code>{_text(view.patch.id, 200)}</code></h3><p>{_text(view.patch.title)}</p><ul>"
    yield f"<li>{_text(view.allows_line, 1500)}</li>"
    if view.denies_line:
        yield f"<li>{_text(view.denies_line, 1500)}</li>"
    yield f"<li>apply it with: <code>{_text(f'{command} {view.patch.id}', 600)}</code></li></ul>"
    lines = []
    for line in view.diff:
        kind = {"+": "add", "-": "del"}.get(line[:1])
        shown = html.escape(line)
        lines.append(f'<span class="{kind}">{shown}</span>' if kind else shown)
    yield "<pre>" + "\n".join(lines) + "</pre>"
