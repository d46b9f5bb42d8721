"""Reading the two metadata files as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_core.plugins.metadata import admits_api, parse_entry_points, parse_headers
from assay_core.plugins.record import normalise


@pytest.mark.parametrize(
    ("specifiers", "admitted"),
    [
        ("", True),
        (">=1.0.0a1,<2", True),
        (">=1", True),
        ("<=1.9", True),
        ("<1.5", True),
        ("<2rc1", True),
        ("~=1.0", True),
        ("==1.*", True),
        ("===1.0.0a1", True),
        ("!=1.0", True),
        ("@file:///somewhere", True),
        (">=2", False),
        ("<1", False),
        ("<1.0.0", False),
        ("<1rc1", False),
        ("==0.*", False),
        ("!=1.*", False),
        (">=0.3,<1", False),
        ("==1!1.0", False),
        (">=banana", False),
        ("banana", False),
    ],
)
def test_specifiers_are_compared_with_the_api_by_the_major_number(specifiers: str, admitted: bool) -> None:
    assert admits_api(specifiers, 1) is admitted


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("assay-core>=1,<2", ">=1,<2"),
        ("assay_core (>=1, <2)", ">=1,<2"),
        ("Assay.Core[testing] >= 1", ">=1"),
        ('assay-core>=1; python_version > "3.8"', ">=1"),
        ("assay-core", ""),
        ('assay-core>=7; extra == "future"', ""),
        ("assay-core-extras>=7", ""),
    ],
)
def test_requirement_of_the_core_is_found_in_every_spelling(line: str, expected: str) -> None:
    assert parse_headers(f"Name: x\nRequires-Dist: {line}\n\n".encode()).requires_core == expected


def test_several_requirements_of_the_core_all_count() -> None:
    headers = parse_headers(b"Name: x\nRequires-Dist: assay-core>=1\nRequires-Dist: assay-core<2\n\n")

    assert headers.requires_core == ">=1,<2"


@given(st.binary(max_size=300))
def test_nothing_that_a_file_can_hold_raises(data: bytes) -> None:
    parse_headers(data)
    for entry in parse_entry_points(b"[assay.metrics]\n" + data):
        assert entry.problem or (entry.name and ":" in entry.target)


@given(st.text(max_size=60))
def test_no_specifier_raises(text: str) -> None:
    assert admits_api(text, 1) in (True, False)


@pytest.mark.parametrize("name", ["Acme.Latency", "acme_latency", "ACME--latency", " acme-_.latency "])
def test_distribution_names_are_compared_in_one_spelling(name: str) -> None:
    assert normalise(name) == "acme-latency"
