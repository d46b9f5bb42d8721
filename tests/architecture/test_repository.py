"""The repository as a whole: what is listed is there, what is committed says nothing of anybody's machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT_FILES = ("plugins/*/*/pyproject.toml", "sdk/pyproject.toml", "docs/examples/*/pyproject.toml")
# Written so that no line of this file matches its own pattern.
MACHINE_PATHS = re.compile(r"(?:^|[^\w.])/(?:work|root|farm|home/(?!me\b|user\b|alice\b)[a-z]+)/")
REGISTRIES = re.compile(r"https?://(?:registry|files|static|index|pypi|deb|security)[.][\w.-]+", re.I)
LOCK_FILES = {"package-lock.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
MAX_BYTES = 256 * 1024


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [name.decode() for name in listed.stdout.split(b"\0") if name]
    return [Path(name) for name in names if (REPOSITORY / name).is_file()]


def projects() -> dict[str, Path]:
    """Return every distribution beside the core: name to folder."""
    found = [path for pattern in PROJECT_FILES for path in sorted(REPOSITORY.glob(pattern))]
    return {tomllib.loads(path.read_text())["project"]["name"]: path.parent for path in found}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_lines(name: str) -> list[str]:
    lines = (REPOSITORY / "requirements" / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_dev_requirements_list_every_distribution_of_the_repository() -> None:
    editable = [
        line.removeprefix("-e ").split("[")[0] for line in requirement_lines("dev.txt") if line.startswith("-e ")
    ]

    assert sorted(editable) == sorted([".", *(str(folder.relative_to(REPOSITORY)) for folder in projects().values())])


def test_every_plugin_is_named_for_its_folder() -> None:
    for name, folder in projects().items():
        parts = folder.relative_to(REPOSITORY).parts
        if parts[0] == "plugins":
            kind, short = parts[1].removesuffix("s"), parts[2]
            assert name == f"assay-{kind}-{short}"
            assert (folder / "src" / name.replace("-", "_") / "__init__.py").is_file()
            assert (folder / "README.md").read_text().startswith(f"# {name}\n")
            assert list((folder / "tests").glob("test_*.py"))


def test_constraints_pin_names_to_versions_and_nothing_else() -> None:
    lines = requirement_lines("constraints.txt")

    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9][\w.-]*==[\w.!+]+", line)] == []
    names = [canonical(line.split("==")[0]) for line in lines]
    assert len(set(names)) == len(names)


def test_constraints_pin_every_declared_dependency() -> None:
    pinned = {canonical(line.split("==")[0]) for line in requirement_lines("constraints.txt")}
    own = {"assay-core", *projects()}
    wanted: set[str] = set()
    for folder in (REPOSITORY, *projects().values()):
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        extras = project.get("optional-dependencies", {})
        # An extra that needs a compiler or hardware is not installed here, so nothing pins it.
        lists = [project.get("dependencies", []), extras.get("test", []), extras.get("testing", [])]
        wanted |= {canonical(re.split(r"[\[<>=!~; ]", each)[0]) for group in lists for each in group}
    for name in ("dev.txt", "test.txt", "demo.txt"):
        wanted |= {canonical(line) for line in requirement_lines(name) if not line.startswith("-")}

    assert sorted(wanted - own - pinned) == []


def test_committed_text_names_no_machine_and_no_registry() -> None:
    found = []
    for path in tracked():
        try:
            text = (REPOSITORY / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATHS.search(line) or REGISTRIES.search(line):
                found.append(f"{path}:{number}: {line[:120]}")

    assert found == []


def test_committed_files_are_small_and_no_lock_files() -> None:
    large = [str(path) for path in tracked() if (REPOSITORY / path).stat().st_size > MAX_BYTES]
    locks = [str(path) for path in tracked() if path.name in LOCK_FILES]

    assert (large, locks) == ([], [])


def test_modules_have_names_that_say_what_they_hold() -> None:
    vague = [str(path) for path in tracked() if path.suffix == ".py" and path.stem in VAGUE_NAMES]

    assert vague == []


def test_modules_do_one_thing_in_four_hundred_lines() -> None:
    modules = [path for path in tracked() if path.suffix == ".py" and "tests" not in path.parts]
    long = {
        str(path): length for path in modules if (length := len((REPOSITORY / path).read_text().splitlines())) > 400
    }

    assert long == {}


def test_every_suppressed_warning_says_why() -> None:
    marker = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b(?P<rest>.*)$")
    silent = []
    for path in tracked():
        if path.suffix != ".py" or "fakes" in path.parts or path == Path("tests/architecture/test_repository.py"):
            continue
        for number, line in enumerate((REPOSITORY / path).read_text().splitlines(), 1):
            found = marker.search(line)
            if found and not re.match(r"(?::\s*[A-Z0-9, ]+|\[[\w, -]+\])\s*(?:#|-+|—)\s*\S", found["rest"]):
                silent.append(f"{path}:{number}: {line.strip()[:110]}")

    assert silent == []


def test_decision_records_are_all_in_the_index() -> None:
    folder = REPOSITORY / "docs" / "adr"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    index = (folder / "README.md").read_text()

    assert [name for name in records if f"({name})" not in index] == []
    assert sorted(set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", index)) - set(records)) == []


def test_every_divergence_from_the_rust_project_names_a_test_that_exists() -> None:
    page = (REPOSITORY / "docs" / "explanation" / "coming-from-the-rust-assay.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| there ")]
    without = [row for row in rows if "::test_" not in row and "*later*" not in row.rsplit("|", 2)[1]]
    missing = [
        f"{file}::{test}"
        for file, test in re.findall(r"`([\w/.-]+)::(test_\w+)`", page)
        if not (REPOSITORY / file).is_file() or f"def {test}(" not in (REPOSITORY / file).read_text()
    ]

    assert len(rows) > 20
    assert (without, missing) == ([], [])


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path in tracked():
        if path.suffix == ".md" and "templates" not in path.parts:  # where a link leads once the file is in its place
            text = re.sub(r"(`+).*?\1", "", (REPOSITORY / path).read_text(), flags=re.S)
            for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
                if not (REPOSITORY / path.parent / target).exists():
                    broken.append(f"{path}: {target}")

    assert broken == []


def test_changelog_fragments_are_of_a_known_kind_and_start_with_a_distribution() -> None:
    kinds = "added|changed|deprecated|removed|fixed|security"
    for path in sorted((REPOSITORY / "docs" / "changelog.d").iterdir()):
        if path.name != "README.md":
            assert re.fullmatch(rf"\d+(?:[.-][\w-]+)?\.(?:{kinds})(?:\.\d+)?\.md", path.name), path.name
            assert re.match(r"`assay[\w-]*`: ", path.read_text()), path.name
