-- A store as version 1 made it, with a run in it. Never edited: it stands for the files that users have.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, suite TEXT NOT NULL, command TEXT NOT NULL, started_at TEXT NOT NULL,
    finished_at TEXT, status TEXT NOT NULL CHECK (status IN ('running', 'passed', 'failed', 'error')),
    exit_code INTEGER, reason_code TEXT, message TEXT, assay_version TEXT NOT NULL, config_file TEXT,
    config_digest TEXT, policy_digest TEXT, trace_file TEXT, trace_digest TEXT, order_seed TEXT, plugins_json TEXT,
    counts_json TEXT
);
CREATE TABLE results (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, test_id TEXT NOT NULL,
    kind TEXT NOT NULL, outcome TEXT NOT NULL, score REAL, message TEXT NOT NULL, duration_ms REAL,
    details_json TEXT NOT NULL, fingerprint TEXT, skip_reason TEXT
);
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY, result_id INTEGER NOT NULL REFERENCES results (id) ON DELETE CASCADE,
    attempt_number INTEGER NOT NULL, outcome TEXT NOT NULL, message TEXT NOT NULL, episode_id TEXT NOT NULL
);
CREATE TABLE quarantine (
    suite TEXT NOT NULL, test_id TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT, added_at TEXT NOT NULL,
    expires_on TEXT, PRIMARY KEY (suite, test_id)
);
CREATE INDEX results_by_run ON results (run_id);
CREATE INDEX results_by_fingerprint ON results (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX attempts_by_result ON attempts (result_id);
INSERT INTO runs (id, suite, command, started_at, finished_at, status, exit_code, reason_code, message, assay_version)
    VALUES (7, 'old', 'run', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z', 'passed', 0, '', 'ok', '0.9');
INSERT INTO results VALUES (1, 7, 'a', 'test', 'pass', 1.0, 'ok', NULL, '{}', 'f00d', NULL);
INSERT INTO quarantine VALUES ('old', 'b', 'why', NULL, '2026-01-01T00:00:00.000Z', NULL);
PRAGMA application_id = 1095979865;
PRAGMA user_version = 1;
