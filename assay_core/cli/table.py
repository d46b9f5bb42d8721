"""The commands of the core: where each one lives and what the overview says of it."""

# Light on purpose: it is read before click is imported.

__all__ = ["CORE_COMMANDS", "CoreCommand"]


class CoreCommand:
    """Where a command lives. Its module exposes a click command named `command`."""

    __slots__ = ("module", "summary")

    def __init__(self, module: str, summary: str) -> None:
        self.module = module
        self.summary = summary


# In the order in which people meet them.
CORE_COMMANDS: dict[str, CoreCommand] = {
    "init": CoreCommand("assay_core.cli.init", "Write a first suite and policy for the project in this folder."),
    "validate": CoreCommand("assay_core.cli.validate", "Check configuration, policy and trace; write no report."),
    "run": CoreCommand("assay_core.cli.run", "Evaluate a trace against the suite and the policy."),
    "ci": CoreCommand("assay_core.cli.ci", "The same as run, with the defaults of a CI job."),
    "watch": CoreCommand("assay_core.cli.watch", "Run again whenever a file changes that the run depends on."),
    "runs": CoreCommand("assay_core.cli.runs", "List the runs that were kept, show one, remove old ones."),
    "quarantine": CoreCommand("assay_core.cli.quarantine", "Keep unreliable tests from failing a run, for a while."),
    "coverage": CoreCommand("assay_core.cli.coverage", "Say how much a trace tested, and what it did not."),
    "generate": CoreCommand("assay_core.cli.generate", "Learn a policy from recorded behaviour."),
    "profile": CoreCommand("assay_core.cli.profile", "Fold what many runs saw into one file to learn from."),
    "baseline": CoreCommand("assay_core.cli.baseline", "Record the scores of a run; compare later runs with them."),
    "import": CoreCommand("assay_core.cli.import_trace", "Write a recording of another tool as a trace."),
    "trace": CoreCommand("assay_core.cli.trace", "Rewrite traces, compare them with a suite, count what they hold."),
    "migrate": CoreCommand("assay_core.cli.migrate", "Rewrite old suites and policies; prove they say the same."),
    "policy": CoreCommand("assay_core.cli.policy", "Validate, format and migrate policies."),
    "explain": CoreCommand("assay_core.cli.explain", "Explain a reason code, a trace step by step, or a test."),
    "doctor": CoreCommand("assay_core.cli.doctor", "Look for mistakes in the project, and at this machine."),
    "fix": CoreCommand("assay_core.cli.fix", "Apply patches that doctor and explain propose."),
    "schema": CoreCommand("assay_core.cli.schema", "Print the JSON Schema of a file format, for editors."),
    "config": CoreCommand("assay_core.cli.config", "Show every setting with its value and its origin."),
    "plugins": CoreCommand("assay_core.cli.plugins", "Show which plugins are installed, from where, in which state."),
    "version": CoreCommand("assay_core.cli.version", "Print the version."),
}
