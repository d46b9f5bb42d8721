"""docs/reference/store.md: the tables, made from the comments behind their columns."""

from __future__ import annotations

import re

from assay_core.store.schema import APPLICATION_ID, STEPS, TABLES, VERSION
from docs.generators.markdown import HEAD, table

INTRODUCTION = f"""\
# The store

`run` and `ci` keep what they find in one SQLite file, `.assay/assay.db` in the nearest folder, upwards from the
working directory, that has a suite or a policy. `--db`, `ASSAY_DB` and `db` under `[tool.assay]` name another one.
Its owner alone can read it. `validate` uses no store.

`--store none` keeps nothing, `--store results` (the default) the runs and their rows, `--store episodes` also every
episode and tool call that was read. Nothing is deleted unless you ask for it.

A run gets its number when it begins (status `running`); everything else of it is written in one transaction when it
ends. A process that is killed leaves its run `running` and nothing else. Processes take turns as writers.

A store that cannot be used turns a passed run into exit code 3 and leaves every other verdict as it is; the run's own
verdict is told beside it. Only a *default* place where none can be made is a notice, `W_STORE_UNAVAILABLE`: nothing can
be lost there. A file that is not a store (`E_STORE_INVALID`) or that a newer assay made (`E_STORE_VERSION`) is left
as it is.

`assay runs prune` removes old runs: `--keep N` leaves the newest N of each suite, `--older-than DAYS` takes only those
that began before; with both a run has to be beyond both. `--cache-older-than DAYS` removes vectors, verdicts and
cached results. Whatever the bounds say, these runs stay: of each suite the newest that ended and the newest that passed
(what a baseline is recorded from), of each quarantined test the newest with a row of it, and runs that go on. Each run
goes whole; `--dry-run` says what would go.

A disk that is full is `E_STORE_FAILED`, exit 3: the run that did not fit is missing or stays `running`, all others
are untouched. Pruning makes room; it takes a little room itself.

Records are shown to the installed `assay_redact` listeners first; one that could not be redacted is not written, and
the run says how many there were. Vectors are not shown to them, since they hold no text.

Programs read it through `assay_core.store.reader.StoreReader`, which opens it read-only, or with any SQLite client.
`PRAGMA application_id` is {APPLICATION_ID:#x}, `PRAGMA user_version` is {VERSION}; older versions are brought up
to date when they are opened. It is a format of its own: databases of the Rust project are not read.
"""
WORDS = {
    "runs": "One row per run whose suite could be read.",
    "results": "The rows of each run: its tests, and each episode against the policy.",
    "attempts": "Several episodes with the prompt of one test.",
    "quarantine": "Tests known to be unreliable; see [Quarantine a flaky test](../how-to/quarantine-a-flaky-test.md).",
    "episodes": "What was read, where `--store episodes` asks for it.",
    "tool_calls": "The tool calls of these episodes.",
    "cache": "What metrics computed and want to keep.",
    "embeddings": "Vectors of texts. `assay trace precompute-embeddings` writes them ahead of a run.",
    "judge_verdicts": "Verdicts of judges. `assay trace precompute-judge` writes them ahead of a run.",
}
_COLUMN = re.compile(
    r"^    ([a-z_]+) (TEXT|INTEGER|REAL|BLOB)( NOT NULL| PRIMARY KEY)?[^\n]*?(?: -- (.*))?$", re.MULTILINE
)


def page() -> str:
    """Return the page.

    Raises:
        KeyError: A table that nothing is said of.
    """
    parts = [HEAD, INTRODUCTION]
    statements = [statement for step in STEPS for statement in step]
    for name in TABLES:
        made = next(each for each in statements if f"CREATE TABLE {name} (" in each)
        rows = [
            (
                f"`{column}`",
                kind.lower(),
                "" if needed else "yes",
                words,
            )
            for column, kind, needed, words in _COLUMN.findall(made)
        ]
        parts.append(f"\n## {name}\n\n{WORDS[name]}\n\n{table(('Column', 'Type', 'May be null', 'Meaning'), rows)}")
    return "".join(parts)


PAGES = {"reference/store.md": page}
