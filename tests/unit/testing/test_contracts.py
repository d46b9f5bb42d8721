"""The kit passes good plugins and names what is wrong with others."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from assay_core.testing import PluginContract, deviates, fake_dist

SPECIMENS = Path(__file__).with_name("specimens.py").read_text(encoding="utf-8")
INNER = """
import pytest
import specimens
from assay_core.testing import *

class Importers(ImporterContract):
    @pytest.fixture
    def importer(self): return self.kind()
    @pytest.fixture
    def sample(self): return b"episode one fetch fetch\\nepisode two\\n"

class Metrics(MetricContract):
    @pytest.fixture
    def metric(self): return self.kind()
    @pytest.fixture
    def expectation(self): return {"type": "acme.max-calls", "max": 0}
    @pytest.fixture
    def vacuous(self): return [{"type": "acme.max-calls", "max": 10_000_000}]

class Checks(PolicyCheckContract):
    @pytest.fixture
    def check(self): return self.kind()
    @pytest.fixture
    def section(self): return {"acme.words": ["hunter2"]}
    @pytest.fixture
    def vacuous(self): return [{"acme.words": []}]
    @pytest.fixture
    def violating_call(self): return make_call(args={"text": "hunter2"})
    @pytest.fixture
    def clean_call(self): return make_call(args={"text": "nothing"})

class Reporters(ReporterContract):
    @pytest.fixture
    def reporter(self): return self.kind()

class Enforcers(EnforcerContract):
    @pytest.fixture
    def enforcer(self): return self.kind()

class Embedders(EmbedderContract):
    @pytest.fixture
    def embedder(self): return self.kind()
    @pytest.fixture
    def unavailable(self): return specimens.Embedder(gone=True)
    @pytest.fixture
    def secrets(self): return ["sk-of-the-test"]

class Judges(JudgeContract):
    @pytest.fixture
    def judge(self): return self.kind()
    @pytest.fixture
    def unavailable(self): return self.kind(gone=True)
    @pytest.fixture
    def secrets(self): return ["sk-of-the-test"]
"""
ENTRIES = {
    "assay.importers": ("acme.words", "Importer", "ListingImporter", "RaisingImporter"),
    "assay.metrics": ("acme.max-calls", "Metric", "ForgetfulMetric", "BareMetric"),
    "assay.checks": ("acme.words", "Check", "StatefulCheck"),
    "assay.reporters": ("acme.verdict", "Reporter", "CarelessReporter"),
    "assay.enforcers": ("acme.none", "Enforcer", "SilentEnforcer"),
    "assay.embedders": ("acme.embedder", "Embedder", "NeighbourlyEmbedder"),
    "assay.judges": ("acme.judge", "Judge", "TalkativeJudge"),
}


def run_kit(tmp_path: Path, tests: str, *options: str) -> tuple[dict[str, str], str]:
    """Run contracts in a pytest of their own; return each test's outcome, and what pytest printed."""
    for number in range(max(len(row) for row in ENTRIES.values()) - 1):
        entries = {
            group: {(row[0] if number == 0 else f"acme.other-{number}"): f"specimens:{row[number + 1]}"}
            for group, row in ENTRIES.items()
            if len(row) > number + 1
        }
        fake_dist(tmp_path, f"acme-specimens-{number}", entries, {"specimens": SPECIMENS})
    (tmp_path / "test_inner.py").write_text(INNER + tests)
    command = [sys.executable, "-m", "pytest", "-p", "assay_core.testing", "-p", "no:cacheprovider", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("ASSAY_PLUGINS", None)
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "--junitxml", "out.xml", *options, "test_inner.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    outcomes: dict[str, str] = {}
    for case in ET.parse(tmp_path / "out.xml").getroot().iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        name = f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name', '').partition('[')[0]}"
        skipped = case.find("skipped") is not None
        outcomes[name] = "failed" if bad or outcomes.get(name) == "failed" else "skipped" if skipped else "passed"
    return outcomes, done.stdout + done.stderr


def test_good_plugins_of_every_kind_pass_whole(tmp_path: Path) -> None:
    kinds = ("Importer", "Metric", "Check", "Reporter", "Enforcer", "Embedder", "Judge")
    tests = "".join(f"class Test{kind}({kind}s): kind = specimens.{kind}\n" for kind in kinds)

    outcomes, shown = run_kit(tmp_path, tests)

    assert {name for name, outcome in outcomes.items() if outcome != "passed"} == set(), shown
    assert {name.partition(".")[0] for name in outcomes} == {f"Test{kind}" for kind in kinds}


def test_each_fault_of_a_plugin_fails_the_test_that_is_about_it(tmp_path: Path) -> None:
    kinds = {
        "ListingImporter": "Importers",
        "RaisingImporter": "Importers",
        "ForgetfulMetric": "Metrics",
        "BareMetric": "Metrics",
        "StatefulCheck": "Checks",
        "CarelessReporter": "Reporters",
        "SilentEnforcer": "Enforcers",
        "NeighbourlyEmbedder": "Embedders",
        "TalkativeJudge": "Judges",
    }
    tests = "".join(f"class Test{kind}({family}): kind = specimens.{kind}\n" for kind, family in kinds.items())

    outcomes, shown = run_kit(tmp_path, tests)

    failed = {name.removeprefix("Test") for name, outcome in outcomes.items() if outcome == "failed"}
    named = "driver_has_every_attribute_and_is_offered_by_an_installed_entry_point"
    misnamed = {f"{kind}.test_{named}" for kind in kinds if kind.endswith(("Importer", "Metric", "Check"))}
    assert failed == {
        *misnamed,  # each is installed under a name that it does not answer to
        "ListingImporter.test_read_streams_instead_of_collecting",
        "ListingImporter.test_read_closes_what_it_opened",
        "ListingImporter.test_episodes_have_distinct_ids_numbered_calls_and_their_source",
        "ListingImporter.test_damaged_bytes_are_errors_on_purpose_or_episodes",
        "RaisingImporter.test_sniff_never_raises_whatever_the_bytes",
        "RaisingImporter.test_damaged_bytes_are_errors_on_purpose_or_episodes",
        "ForgetfulMetric.test_one_result_per_episode_in_their_order",
        "ForgetfulMetric.test_results_are_the_same_twice",
        "ForgetfulMetric.test_a_check_that_can_never_fail_is_refused",
        "BareMetric.test_one_result_per_episode_in_their_order",
        "BareMetric.test_results_are_the_same_twice",
        "BareMetric.test_results_keep_their_shape",
        "BareMetric.test_episodes_are_not_changed",
        "BareMetric.test_hostile_episodes_are_measured_or_refused_on_purpose",
        "BareMetric.test_a_check_that_can_never_fail_is_refused",
        "StatefulCheck.test_keys_and_codes_are_well_formed",
        "StatefulCheck.test_rules_have_distinct_identities",
        "StatefulCheck.test_state_is_a_value",
        "StatefulCheck.test_hostile_calls_are_decided_or_refused_on_purpose",
        "StatefulCheck.test_a_section_that_can_refuse_nothing_is_refused",
        "CarelessReporter.test_the_same_run_gives_the_same_bytes",
        "CarelessReporter.test_files_are_valid_utf8_with_plain_names",
        "CarelessReporter.test_terminal_shows_no_raw_control_or_bidi_characters",
        "CarelessReporter.test_a_sink_that_fails_is_not_taken_for_a_report",
        "SilentEnforcer.test_plan_has_exactly_one_status_per_rule",
        "SilentEnforcer.test_statuses_are_known_and_say_why",
        "SilentEnforcer.test_a_policy_without_rules_plans_nothing",
        "NeighbourlyEmbedder.test_there_is_one_row_of_finite_numbers_per_text",
        "NeighbourlyEmbedder.test_a_vector_depends_on_its_text_alone",
        "NeighbourlyEmbedder.test_any_text_is_embedded",
        "NeighbourlyEmbedder.test_id_names_the_model_in_plain_characters",
        "TalkativeJudge.test_needs_are_known",
        "TalkativeJudge.test_no_key_is_kept_or_shown",
        "TalkativeJudge.test_the_answer_is_text",
        "TalkativeJudge.test_every_seed_is_taken",
        "TalkativeJudge.test_any_prompt_is_asked",
        "TalkativeJudge.test_the_schema_is_left_as_it_is",
        "TalkativeJudge.test_threads_may_share_it",
        "TalkativeJudge.test_a_service_that_is_not_there_is_exit_3",
    }, shown


def test_a_heavy_import_is_named(tmp_path: Path) -> None:
    fake_dist(
        tmp_path,
        "acme-heavy",
        {"assay.reporters": {"acme.heavy": "heavy:Heavy"}},
        {"heavy": "import sqlite3\nfrom specimens import Reporter\nclass Heavy(Reporter): pass\n"},
    )
    tests = "import heavy\nclass TestHeavy(Reporters): kind = heavy.Heavy\n"
    declared = tests + "class TestDeclared(TestHeavy): declared_imports = frozenset({'sqlite3'})\n"

    outcomes, shown = run_kit(tmp_path, declared, "-k", "import_is_light")

    assert outcomes == {"TestHeavy.test_import_is_light": "failed", "TestDeclared.test_import_is_light": "passed"}
    assert "imports sqlite3" in shown


def test_a_plugin_that_is_not_installed_is_told_how(tmp_path: Path) -> None:
    tests = "class Local(specimens.Reporter): pass\nclass TestLocal(Reporters): kind = Local\n"

    outcomes, shown = run_kit(tmp_path, tests, "-k", "driver_has_every")

    assert set(outcomes.values()) == {"failed"}
    assert "pip install --editable ." in shown


def test_a_silent_deviation_fails_the_whole_module(tmp_path: Path) -> None:
    tests = "class TestReporter(Reporters):\n    kind = specimens.Reporter\n    test_import_is_light = None\n"

    _, shown = run_kit(tmp_path, tests)

    assert "TestReporter.test_import_is_light replaces a test of the contract without a reason" in shown
    assert "1 error" in shown


def test_a_deviation_with_a_reason_is_listed(tmp_path: Path) -> None:
    tests = (
        "class TestReporter(Reporters):\n"
        "    kind = specimens.Reporter\n"
        "    @deviates('needs a database')\n"
        "    def test_import_is_light(self): pass\n"
    )

    outcomes, shown = run_kit(tmp_path, tests, "-k", "import_is_light")

    assert outcomes == {"TestReporter.test_import_is_light": "passed"}
    assert "deviations from contracts" in shown
    assert "TestReporter.test_import_is_light: needs a database" in shown


def test_a_deviation_through_a_mixin_is_found_as_well() -> None:
    class Mixin:
        def test_import_is_light(self) -> None:
            """Nothing."""

    with pytest.raises(TypeError, match="without a reason"):
        type("TestMixed", (Mixin, PluginContract), {})


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_a_deviation_needs_a_reason(reason: str) -> None:
    with pytest.raises(TypeError, match="reason"):
        deviates(reason)


def test_a_test_of_ones_own_is_no_deviation() -> None:
    kind = type("TestOwn", (PluginContract,), {"test_something_else": lambda self: None})

    assert issubclass(kind, PluginContract)


def test_goldens_are_compared_and_rewritten(tmp_path: Path) -> None:
    tests = "def test_report(golden): golden('report.txt', b'text\\n')\n"

    missing, told = run_kit(tmp_path, tests, "-k", "test_report")
    for folder in tmp_path.glob("*.dist-info"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    updated, _ = run_kit(tmp_path, tests, "-k", "test_report", "--update-goldens")

    assert missing == {"test_inner.test_report": "failed"}
    assert "--update-goldens" in told
    assert updated == {"test_inner.test_report": "passed"}
    assert (tmp_path / "goldens/report.txt").read_bytes() == b"text\n"


def test_golden_names_the_file_that_differs(tmp_path: Path) -> None:
    (tmp_path / "goldens").mkdir()
    (tmp_path / "goldens/report.txt").write_text("other\n")

    outcomes, shown = run_kit(
        tmp_path, "def test_report(golden): golden('report.txt', 'text\\n')\n", "-k", "test_report"
    )

    assert outcomes == {"test_inner.test_report": "failed"}
    assert "report.txt differs" in shown
