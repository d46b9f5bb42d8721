"""The check keeps its contract, and refuses what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from assay_check_example import ExampleCheck, ExampleOptions

from assay_core.contracts import PolicyCheck
from assay_core.errors import PolicyError
from assay_core.model import JsonValue, ToolCall
from assay_core.testing import PolicyCheckContract, make_call, make_context


class TestExampleCheck(PolicyCheckContract):
    @pytest.fixture
    def check(self) -> PolicyCheck:
        return ExampleCheck()

    @pytest.fixture
    def section(self) -> Mapping[str, JsonValue]:
        return {"example": {"max_bytes": 20}}

    @pytest.fixture
    def vacuous(self) -> Sequence[Mapping[str, JsonValue]]:
        return []  # any size can be exceeded

    @pytest.fixture
    def violating_call(self) -> ToolCall:
        return make_call("send", {"text": "x" * 20})

    @pytest.fixture
    def clean_call(self) -> ToolCall:
        return make_call("send", {"text": "x"})


def test_refuses_a_negative_number() -> None:
    with pytest.raises(PolicyError) as caught:
        ExampleCheck().compile(ExampleOptions(max_bytes=-1), make_context())

    assert caught.value.code == "E_POLICY_PARSE"
