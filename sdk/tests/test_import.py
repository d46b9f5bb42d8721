from __future__ import annotations

import json
import subprocess
import sys

import assay
import pytest


def modules_after(source: str) -> set[str]:
    program = f"{source}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_package_imports_nothing_else_of_assay() -> None:
    loaded = modules_after("import assay")

    assert {name for name in loaded if name.startswith(("assay", "msgspec", "attr", "click"))} == {"assay"}


def test_the_guides_four_names_do_not_bring_the_core_in() -> None:
    loaded = modules_after("from assay import AssayClient, Coverage, Explainer, validate")

    assert {name for name in loaded if name.startswith(("assay_", "msgspec", "attr", "click", "jsonschema"))} == set()


def test_every_public_name_is_there_and_no_other() -> None:
    for name in assay.__all__:
        assert getattr(assay, name).__name__ == name
    assert set(assay.__all__) <= set(dir(assay))
    with pytest.raises(AttributeError, match="no attribute 'Coverag'"):
        _ = assay.Coverag  # type: ignore[attr-defined]  # on purpose
