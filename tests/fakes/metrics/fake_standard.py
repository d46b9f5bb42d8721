"""Metrics that only have options: enough for the loader of suites, which never measures."""

from __future__ import annotations

import attrs

from assay_core.model import JsonObject


@attrs.frozen(kw_only=True)
class ContainOptions:
    must_contain: tuple[str, ...] = attrs.field(metadata={"doc": "Every one of these texts."})


@attrs.frozen(kw_only=True)
class NotContainOptions:
    must_not_contain: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class ArgsOptions:
    """Either a policy or a schema."""

    policy: str | None = None
    args_schema: JsonObject | None = attrs.field(default=None, metadata={"names": ("schema",), "only_names": True})


@attrs.frozen(kw_only=True)
class SequenceOptions:
    sequence: tuple[str, ...] | None = None


@attrs.frozen(kw_only=True)
class StepsOptions:
    max: int


class _Metric:
    needs_episode = True
    pure = True
    blocking = False
    needs: frozenset[str] = frozenset()

    def prepare(self, expectation, context):
        raise AssertionError("the loader of suites prepares nothing")


class MustContain(_Metric):
    types = {"must_contain": ContainOptions}


class MustNotContain(_Metric):
    types = {"must_not_contain": NotContainOptions}


class ArgsValid(_Metric):
    types = {"args_valid": ArgsOptions}


class SequenceValid(_Metric):
    types = {"sequence_valid": SequenceOptions}


class MaxSteps(_Metric):
    types = {"assert.trace_max_steps": StepsOptions}
