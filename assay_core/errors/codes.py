"""The one table of reason codes. The reference page and `assay explain CODE` are made from it.

A code is permanent. `run` codes say why a run ended as it did; `decision` codes say what was found in one
tool call or one check. The same spelling may stand in both scopes and mean two things (`E_RATE_LIMIT`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Scope = Literal["run", "decision", "notice"]


class ReasonCode(NamedTuple):
    """One permanent code: what it means, what it does to the exit code and what to do about it."""

    code: str
    scope: Scope
    exit_code: int  # 0..3: what the process exits with when this code decides the run
    cause: str
    remedy: str


_CONFIG = (
    ("E_CFG_PARSE", "the suite (eval.yaml) has a syntax error, a wrong type or a missing key", "correct the file at the line that is named; `assay schema eval` prints its JSON Schema"),
    ("E_CFG_UNKNOWN_KEY", "a key that this format does not have; a misspelt key would switch a control off", "correct the spelling, prefix your own keys with `x-`, or load with --lenient"),
    ("E_CFG_KIND", "the file is of another kind than the one that was asked for (a policy where a suite is needed, or the other way round)", "name the right file with --config or --policy"),
    ("E_CFG_VERSION", "the file states a version that this release does not read", "use configVersion: 1 (suite) or version: \"2.0\" (policy)"),
    ("E_CFG_VACUOUS", "a check that can never fail: an empty list, a bare JSON Schema, a missing schema", "give the check something that it can refuse, or delete it"),
    ("E_CFG_UNKNOWN_TYPE", "an `expected` or assertion type that no installed plugin offers", "correct the spelling, or install the distribution that is named"),
    ("E_CFG_DUPLICATE_ID", "two tests share an id, so that results could not be told apart", "rename one of them"),
    ("E_CFG_REF", "a `$ref` or a file that the suite names cannot be resolved", "correct the path; it is relative to the file that names it"),
    ("E_MISSING_CONFIG", "no suite and no policy was found", "run `assay init`, or name a file with --config or --policy"),
    ("E_INVALID_ARGS", "the options on the command line do not fit together", "see the command's --help"),
    ("E_PATH_NOT_FOUND", "a file that was named does not exist or cannot be read", "correct the path"),
    ("E_OUTPUT_IS_INPUT", "a report would overwrite a file that the command reads, or that looks like one", "name another file, as in --sarif=FILE; put the files to read before the options"),
    ("E_FILE_EXISTS", "a file is there already and is never overwritten", "delete it, or choose another name"),
    ("E_REGEX_INVALID", "a regular expression does not compile in the linear-time engine (no look-around, no back-references)", "rewrite the expression without these features"),
    ("E_SCHEMA_COMPILE", "a JSON Schema does not compile: a misspelt keyword, a wrong type, a reference that is not local or has no end", "correct the schema at the place that is named"),
    ("E_POLICY_PARSE", "the policy has a syntax error, an unknown key or a wrong type", "run `assay policy validate`; it reports everything at once"),
    ("E_POLICY_UNSUPPORTED", "the policy holds a form that would check nothing if it were accepted", "rewrite it as the message says; `assay policy migrate` converts the forms that can be converted"),
    ("E_POLICY_DEPRECATED", "the policy has an old form, and --deny-deprecations refuses old forms", "run `assay policy migrate`"),
    ("E_DOCUMENT_LIMIT", "a document is larger or deeper than assay reads", "split the file, or raise the limit in settings.limits where there is one"),
    ("E_TRACE_NOT_FOUND", "some check needs a recorded episode and there is no trace, or the trace file does not exist", "name the trace: `assay run TRACE` or --trace-file"),
    ("E_TRACE_INVALID", "a line of the trace is not what its format says", "correct or record the trace again; --trace-format names another importer"),
    ("E_TRACE_LIMIT", "a line of the trace is longer or deeper than the limits", "raise settings.limits, or shorten what is recorded"),
    ("E_TRACE_DUPLICATE", "the same episode id stands twice in the trace", "give every episode an id of its own"),
    ("E_TRACE_MISS", "a test matches no episode of the trace", "compare the test's prompt or episode id with the nearest one that is named"),
    ("E_TRACE_FORMAT", "no importer, or more than one, knows this trace", "name the format with --trace-format, or --format for `assay import`"),
    ("E_TRACE_EMPTY", "the trace holds no episode at all", "record again: an empty trace proves nothing"),
    ("E_NO_CHECKS", "no check of the run was exercised, so there is nothing to pass", "add tests, or record a trace in which the rules apply"),
    ("E_MIGRATION_LOSSY", "an old file cannot be rewritten by machine without losing a comment or changing what it says", "change it by hand at the places that are named"),
    ("E_FILE_CHANGED", "a file is not as it was: it changed while it was migrated, or since", "look at the file, then run the command again"),
    ("E_ROLLBACK_MISSING", "no migration that could be taken back is recorded here", "the old contents are in the .bak files beside each migrated file"),
    ("E_PATCH_FAILED", "a patch does not fit the file any more, or the file would be worse after it; nothing was changed", "run `assay doctor` again for patches that fit"),
    ("E_REVIEW_INVALID", "a review file is not what it should be, or decides about a rule that was not learnt", "correct the row that is named; `assay generate --review-out FILE` writes one to start from"),
    ("E_PROFILE_INVALID", "the profile cannot be read", "correct it at the place that is named, or begin a new one with `assay profile init`"),
    ("E_PROFILE_SCOPE", "a run, or another profile, is of another scope than the profile", "update the profile of that scope, or give --force"),
    ("E_PROFILE_RUN_KNOWN", "the run is in the profile already, and --strict refuses to count it twice", "give every run an id of its own"),
    ("E_PLUGIN_MISSING", "something named in the configuration comes from a plugin that is not installed", "pip install the distribution that is named"),
    ("E_PLUGIN_AMBIGUOUS", "two distributions offer the same name; neither is loaded", "choose with name@distribution, or uninstall one"),
    ("E_PLUGIN_INCOMPATIBLE", "the plugin was made for another API of the core", "upgrade the plugin or the core"),
    ("E_PLUGIN_BROKEN", "the plugin cannot be imported", "reinstall or upgrade the distribution that is named"),
    ("E_PLUGIN_DENIED", "the configuration forbids this plugin", "change plugins.allow or plugins.deny"),
    ("E_PLUGIN_FAULT", "a plugin raised an error or broke its contract; its checks did not run", "report it to the plugin's author; ASSAY_DEBUG=1 shows the traceback"),
    ("E_UNKNOWN_CODE", "no reason code, trace or test of this name is known", "see `assay explain --list` for all codes"),
    ("E_BUNDLE_INTEGRITY", "an evidence bundle is not what it says of itself: a hash, a size or the archive is wrong", "do not rely on it; obtain it again from where it was made"),
    ("E_BUNDLE_CONTRACT", "an evidence bundle does not have the form of one", "obtain it again from where it was made"),
    ("E_BUNDLE_SECURITY", "an evidence bundle holds a file name that leaves the archive", "do not unpack it, and ask where it comes from"),
    ("E_BUNDLE_LIMIT", "an evidence bundle is larger or deeper than assay reads", "split the evidence, or raise the limit that is named"),
    ("E_BUNDLE_EMPTY", "there is nothing to put into an evidence bundle", "record something first: an empty bundle proves nothing"),
    ("E_BUNDLE_EVENT", "an event, a run id or a source cannot be written into an evidence bundle", "correct what the message names"),
    ("E_BASELINE_INVALID", "the baseline cannot be read", "record a new baseline"),
    ("E_BASE_MISMATCH", "the baseline belongs to another suite", "name the right baseline, or record a new one"),
    ("E_RUN_NOT_FOUND", "the store holds no such run, or it has no results", "see `assay runs list`; `assay run` keeps what it found"),
    ("E_NEEDS_NETWORK", "a check needs the network, which the run denies", "drop `--deny network`, or remove the check"),
    ("E_EMBEDDER_MISSING", "a check compares meanings, the trace records no vectors for it, and no embedder was named", "name one with --embedder, or record vectors with `assay trace precompute-embeddings`"),
    ("E_EMBEDDING_INVALID", "two vectors cannot be compared: their lengths differ, one is zero, or one is no list of numbers", "embed both texts with one model: `assay trace precompute-embeddings`"),
    ("E_JUDGE_MISSING", "a check asks for a judgement, the trace records no verdict for it, and no judge was named", "name one with --judge, or record verdicts with `assay trace precompute-judge`"),
    ("E_REPLAY_STRICT_MISSING", "--replay-strict allows only what was recorded or cached, and something is neither", "record it, e.g. with `assay trace precompute-embeddings`, or drop --replay-strict"),
    ("E_CREDENTIAL_MISSING", "a service needs a key and the environment holds none", "set the variable that is named; keys are read from nowhere else"),
    ("E_FEATURE_LATER", "this part of the file format is read but not evaluated by this release", "remove it, or upgrade"),
)  # fmt: skip

_SERVICE = (
    ("E_JUDGE_UNAVAILABLE", "the judge did not answer", "check the provider, then run again"),
    ("E_EMBEDDER_UNAVAILABLE", "the embedder refused, or gave an answer that cannot be used", "check the provider, its address and the model's name, then run again"),
    ("E_RATE_LIMIT", "the provider refused because of too many requests", "wait, or lower settings.parallel"),
    ("E_PROVIDER_5XX", "the provider answered with a server error", "try later"),
    ("E_TIMEOUT", "a service or a check took longer than settings.timeout_seconds", "raise the timeout, or look at the service"),
    ("E_NETWORK_ERROR", "the network failed", "check the connection"),
    ("E_STORE_INVALID", "the file is no store of assay: another program's, or damaged; it was left as it is", "name another file with --db, or move this one away; a new store is made then"),
    ("E_STORE_VERSION", "a newer assay made the store", "upgrade assay, or name another file with --db"),
    ("E_STORE_FAILED", "the store could not be opened or written; the verdict itself stands in run.json", "check space and permissions, or run with --store none"),
    ("E_REPORT_FAILED", "a report was not written; the verdict itself stands in run.json", "look at the reporter that is named"),
    ("E_IO", "a file could not be read or written", "check space, permissions and the path"),
    ("E_INTERNAL", "assay itself failed; nothing was decided", "run again with ASSAY_DEBUG=1 and report what it shows"),
)  # fmt: skip

_VERDICT = (
    ("E_TEST_FAILED", "one or more tests failed", "run `assay explain E_TEST_FAILED`, then look at the findings of the failed tests"),
    ("E_UNSTABLE", "attempts at the same prompt disagree", "make the behaviour stable, or choose settings.attempts: last"),
    ("E_JUDGE_UNCERTAIN", "a judge abstained", "look at the case by hand, or sharpen the rubric"),
    ("E_MIGRATION_DIFFERS", "an old file and its rewritten form decide a recorded episode differently; nothing was written", "look at the rows that are listed; --allow-changes writes all the same"),
    ("E_POLICY_VIOLATION", "a recorded tool call breaks the policy", "look at the finding: change the agent, or the policy if the call is right"),
    ("E_COVERAGE_LOW", "the traces exercised less of the policy than --min-coverage asks for", "record episodes that use the tools and rules that are named, or lower --min-coverage"),
    ("E_COVERAGE_GAPS", "no trace shows that a dangerous tool of the policy is refused, and --fail-on-gaps asks for it", "record an episode in which the tool is tried"),
    ("E_COVERAGE_DROPPED", "the traces exercise less of the policy than the baseline says", "record the episodes that are missing; if the change is right, export a new baseline"),
    ("E_BASELINE_REGRESSION", "tests that pass by themselves score less than the baseline, beyond what may be chance and beyond max_drop", "look at what changed; if the new scores are right, record a new baseline"),
    ("E_STRICT", "--strict turns warnings into failures", "resolve the warnings, or drop --strict"),
)  # fmt: skip

_DECISION = (
    ("E_TOOL_CONFUSABLE", "the tool's name has characters outside printable ASCII and is not spelt so in tools.allow", "refuse the tool, or spell its exact name in tools.allow"),
    ("E_TOOL_DRIFT", "the tool is not the one that was pinned", "compare the definitions; pin again only if the change is right"),
    ("E_RATE_LIMIT", "a limit of the policy is used up", "raise the limit, or make the agent call less"),
    ("E_TOOL_DENIED", "the policy denies this tool by name or by class", "use another tool, or change tools.deny"),
    ("E_TOOL_NOT_ALLOWED", "the policy has an allow list and this tool is not on it", "add the tool to tools.allow if it is right"),
    ("E_ARG_SCHEMA", "the arguments do not fit the tool's schema", "correct the arguments, or the schema"),
    ("E_TOOL_UNCONSTRAINED", "the tool has no schema, so its arguments are not checked", "write a schema, or set enforcement.unconstrained_tools: allow"),
    ("E_SEQUENCE_VIOLATION", "the order or number of calls breaks a sequence rule", "change the order, or the rule"),
    ("E_RESPONSE_DENIED", "a tool's answer is larger than the policy allows, or holds what it forbids", "look at the tool, or change responses"),
    ("E_SERVER_REQUEST_DENIED", "a server asked the client for something that the policy refuses", "allow the method under server_requests if it is right"),
    ("E_LOG_UNWRITABLE", "the decision log could not be written, so the call was refused", "make room for the log, or name another place with --decision-log"),
    ("E_FRAME_REFUSED", "a server's answer to a call was no frame that all readers read alike", "look at the server: something else writes to its standard output"),
    ("E_APPROVAL_REQUIRED", "the tool needs an approval that is not there", "obtain the approval"),
    ("E_SCOPE_MISMATCH", "the call is outside the scope that the policy sets for this tool", "call within the scope, or widen it"),
    ("E_REDACTION_FAILED", "an argument that must be redacted could not be", "name a target that exists"),
    ("E_TEXT_MISSING", "the response lacks a text that it must contain", "look at the response"),
    ("E_TEXT_FORBIDDEN", "the response contains a text that it must not contain", "look at the response"),
    ("E_REGEX_NO_MATCH", "the response does not match the pattern", "look at the response"),
    ("E_REGEX_FORBIDDEN", "the response matches a pattern that it must not match", "look at the response"),
    ("E_SIMILARITY_LOW", "the response means something else than it should", "look at the response, or at the bound"),
    ("E_SIMILARITY_HIGH", "the response is too close to one that is known to be bad", "look at the response and at the one that is named"),
    ("E_ARGUMENTS_NOVEL", "the arguments of a call are unlike any in the reference trace", "look at the call; add it to the reference if it is right"),
    ("E_JUDGE_FAILED", "a judge says that the response does not meet the rubric, or too few of its votes say that it does", "read the rationale and the response; a judge may be wrong"),
    ("E_RESPONSE_MISSING", "the episode records no response, and the check is about the response", "record the response"),
    ("E_JSON_SCHEMA", "the response is not JSON, or does not fit its schema", "look at the errors of the finding"),
    ("E_TOOL_BLOCKED", "a blocked tool was called", "change the agent, or the list"),
    ("E_TOOL_NOT_FOUND", "a pinned tool is not among the recorded definitions", "record the definitions, or remove the pin"),
    ("E_TOOL_DESCRIPTION_MISMATCH", "a tool's description is not the pinned one", "compare both; pin again only if the change is right"),
    ("E_TOOL_SCHEMA_MISMATCH", "a tool's input schema is not the pinned one", "compare both; pin again only if the change is right"),
    ("E_TOOL_DESCRIPTION_MUTATED", "a tool's description changed during the episode", "treat the server as hostile until explained"),
    ("E_TOOL_SCHEMA_MUTATED", "a tool's input schema changed during the episode", "treat the server as hostile until explained"),
    ("E_OUTPUT_SCHEMA_VIOLATION", "a tool's result does not fit its schema", "look at the tool"),
    ("E_TOOL_COLLISION", "several servers offer a tool of the same name", "rename one, or list the servers you trust"),
    ("E_BASELINE_REGRESSION", "a score fell below the baseline, further than max_drop, and that is no chance", "look at what changed; if the new score is right, record a new baseline"),
    ("E_SCORE_FLOOR", "a score is below thresholding.min_floor", "look at what changed, or lower min_floor"),
    ("E_QUARANTINED", "a quarantined test, in a run with --quarantine-mode strict", "make the test reliable, then `assay quarantine remove` it"),
    ("E_TRACE_ASSERT_FAIL", "an assertion about the recorded episode failed", "look at the finding"),
    ("E_POLICY_ASSERT_FAIL", "an assertion about given arguments or calls failed", "look at the finding"),
)  # fmt: skip

_NOTICE = (
    ("W_CFG_UNUSED", "a key that is read but not used by this release", "none needed"),
    ("W_CFG_LENIENT", "an unknown key was ignored because of --lenient", "correct the spelling"),
    ("W_CFG_LEGACY", "an old form of the file was read", "run `assay migrate`"),
    ("W_CHECK_DEFERRED", "this check is left to `assay run`", "none needed"),
    ("W_CHECK_NOT_EXERCISED", "a check had nothing to check in this trace", "record an episode in which it applies"),
    ("W_JUDGE_BUDGET", "judges were asked again more often than settings.judge.reliability.max_extra_calls_per_run says", "raise the number, or make the rubric clearer"),
    ("W_TRACE_INCOMPLETE", "an episode has no end, so some rules stay open", "record the whole episode; --strict makes this a failure"),
    ("W_TRACE_DROPPED", "the importer left out parts of the input", "see the import report"),
    ("W_POLICY_NOT_EVALUATED", "a policy was found but there is no trace to decide", "name a trace"),
    ("W_POLICY_FOUND", "a policy.yaml beside the suite is used although the suite does not name it", "write `policy: policy.yaml` (or `policy: null`) in the suite"),
    ("W_POLICY_VERSION", "the policy states no version", "write version: \"2.0\""),
    ("W_POLICY_MIGRATED", "an old policy form was converted in memory", "run `assay policy migrate`"),
    ("W_POLICY_SCHEMAS_ONLY", "the file maps tools to schemas and sets no other rule", "write it under `schemas:` with version: \"2.0\""),
    ("W_POLICY_EMPTY_ALLOW", "tools.allow is empty, so nothing is allowed", "list tools, or remove the key"),
    ("W_POLICY_NEVER_MATCHES", "an operand or a class can never match a tool that the policy lets through", "correct the name"),
    ("W_POLICY_REPEATED", "a rule stands in the policy twice, word for word", "delete one of the two"),
    ("W_POLICY_VACUOUS", "the policy has no rule, or the schema of a tool accepts everything, so that nothing is checked", "write a rule; say in the schema what the arguments have to be"),
    ("W_POLICY_KEYWORD", "a keyword of a JSON Schema has no effect where it stands", "delete it, or write what it is meant to refuse"),
    ("W_POLICY_SHADOWED", "a rule can never apply because a deny rule comes first", "remove one of the two"),
    ("W_POLICY_CONFUSABLE", "two names are equal after folding case and separators", "rename one, or check the spelling"),
    ("W_POLICY_PATTERN", "a pattern means something else here than in McpPolicy 2.0 (an inner `*`, or a `?`)", "check what it matches"),
    ("W_POLICY_WIDENED", "an allow pattern lets through more than it did in McpPolicy 2.0", "write the names out"),
    ("W_POLICY_REVIEW", "a learnt rule is still under review and is not enforced", "approve or reject it"),
    ("W_POLICY_LATER", "a section is checked for form here and enforced elsewhere", "see where in `assay policy validate`"),
    ("W_POLICY_ANY_TOOL", "an allow list holds a pattern that everything matches", "name what the agent needs; a learnt policy is a start"),
    ("W_POLICY_REDUNDANT", "an entry of a list adds nothing, because a wider entry of the same list covers it", "remove one of the two"),
    ("W_POLICY_UNMATCHED", "a name or pattern of the policy matches no tool that the traces call", "correct the name, or record an episode that calls such a tool"),
    ("W_RULE_NOT_EXERCISED", "a rule of the policy can never fire on these traces", "record an episode in which it applies, or correct the names in it"),
    ("W_SCHEMA_UNSEEN", "a schema describes properties that no recorded call gives", "check their spelling, or record a call that gives them"),
    ("W_TRACE_ABSENT", "a project has no trace, so that its checks and rules could not be tried", "record one, or name it with --trace-file"),
    ("W_TRACE_OLDER", "a trace is older than the policy that decides it", "record again if the agent has changed, too"),
    ("W_CI_NO_GATE", "no CI job of the repository runs `assay ci`, `run` or `validate`", "`assay init --ci` writes one"),
    ("W_CI_SWALLOWED", "a CI job passes although the gate fails, because its exit code is thrown away", "let the job fail when the gate does"),
    ("W_CI_NOT_KEPT", "a CI job runs the gate and keeps none of its reports", "upload the SARIF file, keep the reports as artefacts"),
    ("W_CI_UNREADABLE", "a file of CI configuration could not be read, so its jobs were not looked at", "look at the jobs yourself"),
    ("W_MACHINE_UNENFORCED", "the policy has rules about files, network or processes that this machine cannot enforce", "run the agent on a kernel that offers Landlock or BPF LSM"),
    ("W_REPORTER_MISSING", "a default report is not installed", "pip install the distribution that is named"),
    ("W_REPORT_TRUNCATED", "a report holds only the first results", "see run.json for the counts"),
    ("W_PLUGIN_SKIPPED", "a plugin cannot be used, and what it would have added is missing from this answer", "run `assay plugins check`"),
    ("W_ON_ERROR_ALLOW", "a fault of the infrastructure was allowed by on_error: allow", "look at the row"),
    ("W_STORE_UNAVAILABLE", "something of this run is not kept in the store", "check the place that is named; --store none keeps nothing"),
    ("W_INCREMENTAL", "tests were skipped because an earlier run passed them with the same inputs", "leave out --incremental to measure them again"),
    ("W_QUARANTINE_APPLIED", "the status of quarantined tests was changed", "make them reliable, then `assay quarantine remove` them"),
    ("W_QUARANTINE_EXPIRED", "the last day of a quarantine is over, so it does not apply", "remove it, or add it again with another --expires"),
    ("W_QUARANTINE_UNKNOWN", "a test that the suite does not have is quarantined", "`assay quarantine remove` it"),
    ("W_BASELINE_INCONCLUSIVE", "a score fell below the baseline, and with so few attempts it may be chance; --strict makes this a failure", "record as many attempts as the finding says"),
    ("W_BASELINE_TESTS", "the baseline and the run do not have the same tests", "record a new baseline if the change is right"),
    ("W_BASELINE_STALE", "the suite, or assay itself, has changed since the baseline was recorded", "record a new baseline where the change has moved scores"),
    ("W_BASELINE_ABSOLUTE", "settings.thresholding.mode is absolute, so drops below the baseline are shown and fail nothing", "write `mode: relative`, or give --max-drop"),
    ("W_BASELINE_WRITTEN", "something has to be known of a baseline that was recorded, or was not", "see the text"),
    ("W_BEHAVIOUR_TOOLS", "a test calls a tool that it did not call in the baseline, or calls one no longer", "look at the calls; record a new baseline if they are right"),
    ("W_BEHAVIOUR_ORDER", "a test calls its tools in another order than in the baseline", "look at the calls; record a new baseline if they are right"),
    ("W_BEHAVIOUR_ARGUMENTS", "the keys or types of a tool's arguments differ from those in the baseline", "look at the calls; record a new baseline if they are right"),
    ("W_HOOK_FAILED", "an installed listener (group assay.hooks) could not be told what happened", "upgrade or uninstall the distribution that is named, or put it in plugins.deny"),
)  # fmt: skip


def _table() -> dict[tuple[Scope, str], ReasonCode]:
    """Build the registry: (scope, code) to code. Sorted by scope, then as written."""
    table: dict[tuple[Scope, str], ReasonCode] = {}
    for scope, exit_code, rows in (
        ("run", 2, _CONFIG),
        ("run", 3, _SERVICE),
        ("run", 1, _VERDICT),
        ("decision", 1, _DECISION),
        ("notice", 0, _NOTICE),
    ):
        for code, cause, remedy in rows:
            key: tuple[Scope, str] = (scope, code)  # type: ignore[assignment]  # the literals above are scopes
            if key in table:
                raise ValueError(f"reason code {code} stands twice in scope {scope}")
            table[key] = ReasonCode(code, key[0], exit_code, cause, remedy)
    return table


CODES = _table()


def find_code(code: str, scope: Scope | None = None) -> ReasonCode | None:
    """Return the code as registered, or None. Without a scope: run first, then decision, then notice."""
    scopes: tuple[Scope, ...] = (scope,) if scope else ("run", "decision", "notice")
    for each in scopes:
        if found := CODES.get((each, code)):
            return found
    return None


def known_codes() -> tuple[ReasonCode, ...]:
    """Return every registered code, sorted by code, then scope."""
    return tuple(sorted(CODES.values(), key=lambda row: (row.code, row.scope)))
