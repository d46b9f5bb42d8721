"""Defaults know where they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.config import Default, Defaults
from assay_core.config.defaults import SETTINGS
from assay_core.errors import AssayError, InputError, UsageError
from assay_core.model import PluginRules


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pyproject.toml"
    path.write_text(text)
    return path


WHOLE = """\
[project]
name = "x"

[tool.assay]
config = "conf/eval.yaml"
strict = true
report = ["junit=out.xml"]
color = "never"
deny = ["network"]

[tool.assay.plugins]
require = ["junit"]
deny = ["acme"]
"""


def test_without_a_file_everything_is_built_in(tmp_path: Path) -> None:
    defaults = Defaults.read(tmp_path, {})

    assert {each.origin for each in defaults.entries} == {"built in"}
    assert [each.name for each in defaults.entries][: len(SETTINGS)] == [each.name for each in SETTINGS]
    assert (defaults.text("out_dir"), defaults.text("config"), defaults.flag("strict")) == (".", None, False)
    assert (defaults.words("report"), defaults.plugins, defaults.file) == ((), PluginRules(), None)


def test_pyproject_sets_defaults_and_says_where(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    below = tmp_path / "below"
    below.mkdir()

    defaults = Defaults.read(below, {})

    assert defaults.get("config") == Default(
        name="config", value="../conf/eval.yaml", origin=f"{path}:5", doc="The suite."
    )
    assert defaults.flag("strict")
    assert defaults.words("report") == ("junit=out.xml",)
    assert defaults.text("color") == "never"
    assert defaults.plugins == PluginRules(require=("junit",), deny=("acme",))
    assert defaults.get("plugins.deny").origin == f"{path}:13"
    assert defaults.get("plugins.allow").value is None
    assert defaults.file == path


def test_the_environment_wins(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    environment = {
        "ASSAY_CONFIG": "other.yaml",
        "ASSAY_STRICT": "0",
        "ASSAY_LENIENT": "true",
        "ASSAY_REPORT": "sarif, junit=x.xml,",
        "ASSAY_COLOR": "always",
        "ASSAY_TRACE": "",
        "ASSAY_VECTORS": "not ours",
    }

    defaults = Defaults.read(tmp_path, environment)

    assert (defaults.get("config").value, defaults.get("config").origin) == ("other.yaml", "ASSAY_CONFIG")
    assert (defaults.flag("strict"), defaults.flag("lenient")) == (False, True)
    assert defaults.words("report") == ("sarif", "junit=x.xml")
    assert defaults.text("color") == "always"
    assert defaults.get("trace").origin == "built in"


def test_the_nearest_file_with_a_table_counts(tmp_path: Path) -> None:
    write(tmp_path, "[tool.assay]\nstrict = true\n")
    write(tmp_path / "a", "[tool.ruff]\n# assay is named, and has no table\n")
    write(tmp_path / "a" / "b", "[project]\nname = 'x'\n")

    assert Defaults.read(tmp_path / "a" / "b", {}).flag("strict")


@pytest.mark.parametrize(
    ("text", "code", "line", "words"),
    [
        ("[tool.assay]\nstrcit = true\n", "E_CFG_UNKNOWN_KEY", 2, "did you mean 'strict'?"),
        ("strict = 1\n[tool.assay]\n  strict = 'yes'\n", "E_CFG_PARSE", 3, "true or false"),
        ("[tool.assay]\nconfig = 3\n", "E_CFG_PARSE", 2, "a string"),
        ("[tool.assay]\nreport = 'junit'\n", "E_CFG_PARSE", 2, "a list of strings"),
        ("[tool.assay]\nreport = [1]\n", "E_CFG_PARSE", 2, "a list of strings"),
        ("[tool.assay]\ncolor = 'pink'\n", "E_CFG_PARSE", 2, "auto, always, never"),
        ("[tool.assay]\ndeny = ['disk']\n", "E_CFG_PARSE", 2, "network"),
        ("[tool.assay]\nplugins = 1\n", "E_CFG_PARSE", 2, "table"),
        ("[tool.assay.plugins]\nalow = []\n", "E_CFG_UNKNOWN_KEY", 2, "did you mean 'allow'?"),
        ("[tool.assay.plugins]\nallow = 'x'\n", "E_CFG_PARSE", 2, "a list of strings"),
        ("[tool.assay]\nstrict = true\nstrict = true\n", "E_CFG_PARSE", 3, "not TOML"),
        ("[tool.assay\n", "E_CFG_PARSE", 1, "not TOML"),
    ],
)
def test_a_wrong_table_is_refused_at_its_line(tmp_path: Path, text: str, code: str, line: int, words: str) -> None:
    path = write(tmp_path, text)

    with pytest.raises(InputError) as caught:
        Defaults.read(tmp_path, {})

    place = caught.value.place
    assert place is not None
    assert (caught.value.code, place.file, place.line) == (code, str(path), line)
    assert words in caught.value.message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"[tool.assay]\n# \xff\n")

    with pytest.raises(InputError, match="not TOML"):
        Defaults.read(tmp_path, {})


def test_a_broken_file_that_has_nothing_to_do_with_assay_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "[project\n")

    assert Defaults.read(tmp_path, {}).file is None


@pytest.mark.parametrize("variable", ["ASSAY_STRICT", "ASSAY_COLOR", "ASSAY_DENY"])
def test_a_wrong_variable_is_refused_by_name(tmp_path: Path, variable: str) -> None:
    with pytest.raises(UsageError) as caught:
        Defaults.read(tmp_path, {variable: "perhaps"})

    assert (caught.value.code, variable in caught.value.message) == ("E_INVALID_ARGS", True)


def test_an_unknown_setting_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Defaults.read(tmp_path, {}).get("nonsense")


def test_errors_are_ours(tmp_path: Path) -> None:
    write(tmp_path, "[tool.assay]\na = " + "[" * 5000 + "]" * 5000)

    with pytest.raises(AssayError):
        Defaults.read(tmp_path, {})
