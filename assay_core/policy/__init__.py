"""The one policy engine. Public: what is listed here."""

from assay_core.model import CallDecision, Decision, EpisodeVerdict, Obligation, Rule, RuleOutcome, Violation
from assay_core.policy.deciding.compile import compile_form
from assay_core.policy.deciding.compiled import Policy
from assay_core.policy.deciding.sequences import (
    CallViolation,
    RulesVerdict,
    Sequences,
    compile_rules,
    evaluate_rules,
    run_rules,
)
from assay_core.policy.deciding.session import Closing, Session
from assay_core.policy.form import Operand, PolicyForm, SequenceRule
from assay_core.policy.load import load_policy
from assay_core.policy.matching.arguments import argument_violations
from assay_core.policy.matching.patterns import ToolPattern
from assay_core.policy.matching.regex import LinearRegex, linear_regex
from assay_core.policy.matching.schemas import CompiledSchema, SchemaViolation, compile_schema
from assay_core.policy.reading.sequences import parse_sequence_rules

__all__ = [
    "CallDecision",
    "CallViolation",
    "Closing",
    "CompiledSchema",
    "Decision",
    "EpisodeVerdict",
    "LinearRegex",
    "Obligation",
    "Operand",
    "Policy",
    "PolicyForm",
    "Rule",
    "RuleOutcome",
    "RulesVerdict",
    "SchemaViolation",
    "SequenceRule",
    "Sequences",
    "Session",
    "ToolPattern",
    "Violation",
    "argument_violations",
    "compile_form",
    "compile_rules",
    "compile_schema",
    "evaluate_rules",
    "linear_regex",
    "load_policy",
    "parse_sequence_rules",
    "run_rules",
]
