"""The tables of the store, as steps that each took an older file one version further.

A step is never edited once released: a file of any earlier version is brought up to date by the steps it lacks.
The comment behind a column is its documentation; docs/reference/store.md is made from it.
"""

from __future__ import annotations

__all__ = ["APPLICATION_ID", "STEPS", "TABLES", "VERSION"]

APPLICATION_ID = 0x41535359  # "ASSY": tells our files from every other SQLite file

_RUNS = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- `run_id` of run.json; never used twice
    suite TEXT NOT NULL, -- name of the suite
    command TEXT NOT NULL, -- `run` or `ci`
    started_at TEXT NOT NULL, -- UTC, RFC 3339 with milliseconds
    finished_at TEXT, -- the same; null while the run goes on, or for ever if it was killed
    status TEXT NOT NULL, -- `running`; once finished by exit code: `passed` 0, `failed` 1, `error` 2 and 3
    exit_code INTEGER, -- of the run, once finished
    reason_code TEXT, -- empty where the run passed
    message TEXT, -- what the verdict line says
    assay_version TEXT NOT NULL, -- which release ran
    config_file TEXT, -- the suite's file, as named
    config_digest TEXT, -- `sha256:` over its bytes
    policy_digest TEXT, -- `sha256:` over the policy's normal form
    trace_file TEXT, -- the trace, as named
    trace_digest TEXT, -- `sha256:` over its bytes
    order_seed TEXT, -- decimal
    plugins_json TEXT, -- list of "distribution version" that had a say
    counts_json TEXT, -- how many rows ended how
    CHECK (status IN ('running', 'passed', 'failed', 'error'))
)
"""
_RESULTS = """
CREATE TABLE results (
    id INTEGER PRIMARY KEY, -- in the order of the run's rows
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, -- which run
    test_id TEXT NOT NULL, -- a test, or `policy:<episode-id>`
    kind TEXT NOT NULL, -- `test` or `policy`
    outcome TEXT NOT NULL, -- the row's status in run.json
    score REAL, -- lowest score of the metrics that applied
    message TEXT NOT NULL, -- as in run.json
    duration_ms REAL, -- null under SOURCE_DATE_EPOCH
    details_json TEXT NOT NULL, -- as in run.json: metrics, findings, prompt
    fingerprint TEXT, -- digest of every input of the verdict; what `--incremental` compares
    skip_reason TEXT -- why a skipped row was skipped
)
"""
_ATTEMPTS = """
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    result_id INTEGER NOT NULL REFERENCES results (id) ON DELETE CASCADE, -- which row
    attempt_number INTEGER NOT NULL, -- from 1
    outcome TEXT NOT NULL, -- status of this attempt
    message TEXT NOT NULL, -- what failed, empty where nothing did
    episode_id TEXT NOT NULL -- the episode of this attempt
)
"""
_QUARANTINE = """
CREATE TABLE quarantine (
    suite TEXT NOT NULL, -- name of the suite
    test_id TEXT NOT NULL, -- the test that is quarantined
    reason TEXT NOT NULL, -- why
    owner TEXT, -- who looks after it
    added_at TEXT NOT NULL, -- UTC, RFC 3339
    expires_on TEXT, -- last day (UTC, YYYY-MM-DD) on which it applies; null: no end
    PRIMARY KEY (suite, test_id)
)
"""
_EPISODES = """
CREATE TABLE episodes (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, -- the run that read it
    episode_id TEXT NOT NULL, -- as in the trace
    test_id TEXT, -- as recorded
    prompt TEXT, -- as recorded
    response TEXT, -- as recorded
    outcome TEXT, -- as recorded
    complete INTEGER NOT NULL, -- 0: the trace ends before the episode does
    source_file TEXT NOT NULL, -- the trace
    source_line INTEGER, -- where the episode begins
    context_json TEXT NOT NULL, -- list of strings
    tool_definitions_json TEXT, -- tools as the server announced them; null: the trace does not say
    usage_json TEXT, -- tokens and cost, as far as recorded
    other_events_json TEXT NOT NULL, -- steps and resource events, each with its position `at` among all events
    extra_json TEXT NOT NULL, -- members the trace model has no field for
    UNIQUE (run_id, episode_id)
)
"""
_TOOL_CALLS = """
CREATE TABLE tool_calls (
    episode INTEGER NOT NULL REFERENCES episodes (id) ON DELETE CASCADE, -- which row of `episodes`
    call_index INTEGER NOT NULL, -- from 0, in the order of the trace
    tool TEXT NOT NULL, -- its name
    args_json TEXT, -- the very text that was recorded; null: none
    result_json TEXT, -- the same of the result
    error TEXT, -- as recorded
    outcome TEXT NOT NULL, -- `ok`, `error`, `denied`, `no_response` or `unknown`
    ts_ms REAL, -- start
    duration_ms REAL, -- how long it took
    server TEXT, -- which server was called
    call_id TEXT, -- id of the request
    parent_id TEXT, -- id of the call or step it belongs to
    line INTEGER, -- line of the trace
    extra_json TEXT, -- members the trace model has no field for; null: none
    PRIMARY KEY (episode, call_index)
) WITHOUT ROWID
"""
_CACHE = """
CREATE TABLE cache (
    key TEXT PRIMARY KEY, -- chosen by the metric that asked
    value BLOB NOT NULL, -- its business
    created_at TEXT NOT NULL -- UTC, RFC 3339
)
"""
_EMBEDDINGS = """
CREATE TABLE embeddings (
    key TEXT PRIMARY KEY, -- `emb|MODEL|` and the SHA-256 of the text
    model TEXT NOT NULL, -- id of the embedder
    dims INTEGER NOT NULL, -- numbers in the vector
    vec BLOB NOT NULL, -- little-endian float32
    created_at TEXT NOT NULL -- UTC, RFC 3339
)
"""
_JUDGE_VERDICTS = """
CREATE TABLE judge_verdicts (
    key TEXT PRIMARY KEY, -- `judge|MODEL|` and the SHA-256 of all that the verdict depends on
    model TEXT NOT NULL, -- id of the judge
    payload BLOB NOT NULL, -- the verdict as the metric keeps it
    created_at TEXT NOT NULL -- UTC, RFC 3339
)
"""

# Step N (from 1) makes version N of version N - 1.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        _RUNS,
        _RESULTS,
        _ATTEMPTS,
        _QUARANTINE,
        "CREATE INDEX results_by_run ON results (run_id)",
        "CREATE INDEX results_by_fingerprint ON results (fingerprint) WHERE fingerprint IS NOT NULL",
        "CREATE INDEX attempts_by_result ON attempts (result_id)",
    ),
    (_EPISODES, _TOOL_CALLS, _CACHE, _EMBEDDINGS, _JUDGE_VERDICTS),
)
VERSION = len(STEPS)
TABLES = (
    "runs",
    "results",
    "attempts",
    "quarantine",
    "episodes",
    "tool_calls",
    "cache",
    "embeddings",
    "judge_verdicts",
)
