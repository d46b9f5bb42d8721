"""From the form of a policy to a policy that decides: everything is compiled here, and nothing later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from assay_core.errors import AssayError, Place
from assay_core.model import PolicyNotice, Rule
from assay_core.policy.deciding.checks import GuardedCheck, load_checks
from assay_core.policy.deciding.compiled import Policy
from assay_core.policy.deciding.identity import sequence_identity, shown
from assay_core.policy.deciding.rules import CONFUSABLE_RULE, form_rules, without_repeats
from assay_core.policy.deciding.sequences import Sequences
from assay_core.policy.form import PolicyForm
from assay_core.policy.matching.regex import LinearRegex, linear_regex
from assay_core.policy.matching.schemas import CompiledSchema, compile_schema

if TYPE_CHECKING:
    from assay_core.plugins.drivers import Drivers

__all__ = ["compile_form"]


def compile_form(
    form: PolicyForm,
    *,
    digest: str,
    notices: Iterable[PolicyNotice] = (),
    drivers: Drivers | None = None,
) -> Policy:
    """Compile a policy.

    Args:
        form: The policy, normalised.
        digest: Of its normalised shape.
        notices: What its author should know already.
        drivers: The run's drivers, for the sections that check plugins own; None scans what is installed.

    Raises:
        AssayError: the first of all that is wrong, with the rest in `others`: schemas and patterns that do not
            compile (InputError E_SCHEMA_COMPILE, E_REGEX_INVALID), two rules with one identity (PolicyError
            E_POLICY_PARSE), and what loading a check plugin raises.
    """
    errors: list[AssayError] = []
    schemas = dict(_schemas(form, errors))
    sequences = _sequences(form, errors)
    responses = tuple(_responses(form, errors))
    try:
        checks = load_checks(form.plugin_sections, drivers, form.file)
        rules, repeated = without_repeats(_all_rules(form, checks))
    except AssayError as error:
        errors.append(error)
    if errors:
        first, *others = errors
        first.others = (*first.others, *others)
        raise first
    return Policy(
        form=form,
        digest=digest,
        notices=(*notices, *repeated, *_silent(form, rules), *_vacuous(form, schemas), *_idle(form, schemas)),
        rules=rules,
        schemas=schemas,
        sequences=sequences,
        checks=checks,
        responses=responses,
    )


def _all_rules(form: PolicyForm, checks: Iterable[GuardedCheck]) -> Iterator[Rule]:
    yield from form_rules(form)
    for check in checks:
        yield from check.rules


def _silent(form: PolicyForm, rules: Iterable[Rule]) -> Iterator[PolicyNotice]:
    """Find a policy that says nothing: only the rule that every policy has is left.

    Told and not refused: what was learnt from a run that did nothing is such a file.
    """
    if all(rule.id == CONFUSABLE_RULE for rule in rules):
        yield PolicyNotice(
            code="W_POLICY_VACUOUS",
            message="a policy that says nothing: it has no rule, and tools without a schema are let through",
            place=form.origin_places.get("enforcement") or Place(form.file, 1, 1),
        )


def _schemas(form: PolicyForm, errors: list[AssayError]) -> Iterator[tuple[str, CompiledSchema]]:
    for tool, schema in form.schemas.items():
        place = form.schema_places.get(tool) or form.origin_places.get("schemas")
        try:
            yield tool, compile_schema(schema, defs=form.schema_defs, place=place)
        except AssayError as error:
            errors.append(_about(error, f"schema of {shown(tool)}"))


def _sequences(form: PolicyForm, errors: list[AssayError]) -> Sequences:
    distinct = {sequence_identity(rule): rule for rule in reversed(form.sequences)}  # repeats are reported by the rules
    rules = [(identity, rule) for identity, rule in reversed(distinct.items())]
    try:
        return Sequences(rules, form.aliases)
    except AssayError as error:
        errors.append(error)
        return Sequences([], {})


def _responses(form: PolicyForm, errors: list[AssayError]) -> Iterator[tuple[str, LinearRegex]]:
    if form.responses is None:
        return
    for pattern in form.responses.deny_patterns:
        try:
            yield f"responses.deny_patterns:{pattern}", linear_regex(pattern, place=form.responses.origin.place)
        except AssayError as error:
            errors.append(error)


def _vacuous(form: PolicyForm, schemas: dict[str, CompiledSchema]) -> Iterator[PolicyNotice]:
    for tool, schema in schemas.items():
        if schema.vacuous:
            text = f"the schema of {shown(tool)} accepts everything"
            yield PolicyNotice(code="W_POLICY_VACUOUS", message=text, place=form.schema_places.get(tool))


def _idle(form: PolicyForm, schemas: dict[str, CompiledSchema]) -> Iterator[PolicyNotice]:
    """Find keywords without effect; those of the shared definitions are told once."""
    told = set()
    for tool, schema in schemas.items():
        for each in schema.idle:
            steps = each.pointer.split("/")
            shared = steps[1] == "$defs" and steps[2] in (form.schema_defs or {})
            where = "the shared schemas" if shared else f"the schema of {shown(tool)}"
            text = f"{shown(steps[-1])} at {shown(each.pointer)} of {where} {each.why}"
            if text in told:
                continue
            told.add(text)
            place = form.origin_places.get("schemas") if shared else form.schema_places.get(tool)
            yield PolicyNotice(code="W_POLICY_KEYWORD", message=text, place=place)


def _about(error: AssayError, what: str) -> AssayError:
    """Let the message of an error begin with what it is about."""
    return type(error)(
        code=error.code,
        message=f"{what}: {error.message}",
        remedy=error.remedy,
        place=error.place,
        others=error.others,
    )
