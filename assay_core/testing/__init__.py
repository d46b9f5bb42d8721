"""The conformance kit: contracts to inherit, factories, made-up distributions, goldens. Public.

`pytest_plugins = ["assay_core.testing"]` in the conftest.py at the root adds the fixture `golden`, the option
`--update-goldens` and the list of deviations; the classes and functions work without it.
"""

import pytest

# Before the contracts are imported, so that their assertions say what they compared.
pytest.register_assert_rewrite(
    "assay_core.testing.checks",
    "assay_core.testing.contract",
    "assay_core.testing.enforcers",
    "assay_core.testing.importers",
    "assay_core.testing.metrics",
    "assay_core.testing.plugin",
    "assay_core.testing.reporters",
    "assay_core.testing.services",
)

from assay_core.testing.checks import PolicyCheckContract, section_of  # noqa: E402 - see above
from assay_core.testing.contract import PluginContract, deviates  # noqa: E402 - see above
from assay_core.testing.distributions import fake_dist  # noqa: E402 - see above
from assay_core.testing.enforcers import EnforcerContract  # noqa: E402 - see above
from assay_core.testing.factories import (  # noqa: E402 - see above
    make_call,
    make_context,
    make_episode,
    make_event,
    make_finding,
    make_policy,
    make_result,
    make_run,
)
from assay_core.testing.hostile import HOSTILE_TEXTS, hostile_calls, hostile_episodes  # noqa: E402 - see above
from assay_core.testing.importers import ImporterContract, MemorySource  # noqa: E402 - see above
from assay_core.testing.metrics import MetricContract, expectation_of  # noqa: E402 - see above
from assay_core.testing.plugin import (  # noqa: E402 - see above
    golden,
    pytest_addoption,
    pytest_runtest_setup,
    pytest_terminal_summary,
)
from assay_core.testing.reporters import (  # noqa: E402 - see above
    ClosedOutputs,
    MemoryOutputs,
    ReporterContract,
    hostile_run,
)
from assay_core.testing.services import EmbedderContract, JudgeContract, ServiceContract  # noqa: E402 - see above

__all__ = [
    "HOSTILE_TEXTS",
    "ClosedOutputs",
    "EmbedderContract",
    "EnforcerContract",
    "ImporterContract",
    "JudgeContract",
    "MemoryOutputs",
    "MemorySource",
    "MetricContract",
    "PluginContract",
    "PolicyCheckContract",
    "ReporterContract",
    "ServiceContract",
    "deviates",
    "expectation_of",
    "fake_dist",
    "golden",
    "hostile_calls",
    "hostile_episodes",
    "hostile_run",
    "make_call",
    "make_context",
    "make_episode",
    "make_event",
    "make_finding",
    "make_policy",
    "make_result",
    "make_run",
    "pytest_addoption",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
    "section_of",
]
