"""Who may import whom: the contracts of pyproject.toml, and those about plugins, made from the folders."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PUBLIC = (
    "analysis",
    "cache",
    "canonical",
    "commandline",
    "contracts",
    "convert",
    "documents",
    "errors",
    "hookspecs",
    "model",
    "policy",
    "remote",
    "testing",
    "trace",
)
PRIVATE_PLUGIN_MODULES = ("catalogue", "contract", "first_party", "guard", "hooks", "metadata", "record")


def plugin_packages() -> list[str]:
    """Return the import package of every plugin folder, sorted."""
    return sorted(path.name for path in REPOSITORY.glob("plugins/*/*/src/assay_*"))


def private_modules() -> list[str]:
    """Return what plugins may not import: the core's top-level modules that are not public."""
    names = {path.stem for path in (REPOSITORY / "assay_core").iterdir() if path.suffix == ".py" or path.is_dir()}
    private = names - set(PUBLIC) - {"plugins", "store", "py", "__init__", "__main__", "__pycache__"}
    modules = [f"assay_core.{name}" for name in sorted(private) if importlib.util.find_spec(f"assay_core.{name}")]
    stored = sorted({path.stem for path in (REPOSITORY / "assay_core" / "store").glob("*.py")} - {"__init__", "reader"})
    return [
        *modules,
        *(f"assay_core.plugins.{name}" for name in PRIVATE_PLUGIN_MODULES),
        *(f"assay_core.store.{name}" for name in stored),
    ]


def lint(config: Path, **environment: str) -> str:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    done = subprocess.run(
        [*command, "--config", str(config), "--no-cache"],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def contract(**fields: object) -> str:
    """Return one contract as TOML; JSON's strings and lists are TOML's."""
    import json

    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    return "\n".join(["[[tool.importlinter.contracts]]", *lines, ""])


def plugin_contracts(packages: list[str]) -> str:
    head = f"[tool.importlinter]\nroot_packages = {['assay_core', *packages]!r}\n"
    return head + "".join(
        [
            contract(
                name="The core imports no plugin",
                type="forbidden",
                source_modules=["assay_core"],
                forbidden_modules=packages,
            ),
            contract(name="Plugins know nothing of each other", type="independence", modules=packages),
            contract(
                name="Plugins use public modules of the core only",
                type="forbidden",
                source_modules=packages,
                forbidden_modules=private_modules(),
                allow_indirect_imports=True,
            ),
        ]
    )


def test_core_keeps_its_layers() -> None:
    broken = lint(REPOSITORY / "pyproject.toml")

    assert not broken, broken


def test_plugins_and_core_keep_their_distance(tmp_path: Path) -> None:
    packages = plugin_packages()
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    config = tmp_path / "contracts.toml"
    config.write_text(plugin_contracts(packages))

    broken = lint(config)

    assert not broken, broken


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import assay_other_fake\n", "Plugins know nothing of each other BROKEN"),
        ("def f():\n    from assay_core.run import conductor\n", "Plugins use public modules of the core only BROKEN"),
        ("from assay_core.plugins.guard import stage\n", "Plugins use public modules of the core only BROKEN"),
    ],
)
def test_the_contracts_see_what_they_forbid(tmp_path: Path, source: str, told: str) -> None:
    for name, text in (("assay_fake", source), ("assay_other_fake", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
    config = tmp_path / "contracts.toml"
    config.write_text(plugin_contracts(["assay_fake", "assay_other_fake"]))

    assert told in lint(config, PYTHONPATH=str(tmp_path))


def test_every_layer_of_the_core_is_listed_once() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each["type"] == "layers"]

    names = [name.strip("() ") for layer in layers for name in layer.split("|")]

    assert len(set(names)) == len(names)
    assert set(PUBLIC) <= set(names)
