"""From documents to values of classes."""

from __future__ import annotations

import attrs
import pytest

from assay_core.documents import parse_document, structure_document
from assay_core.errors import AssayError, InputError, PolicyError


@attrs.frozen(kw_only=True)
class Inner:
    count: int
    name: str = ""


@attrs.frozen(kw_only=True)
class Outer:
    title: str
    items: tuple[Inner, ...] = ()


def test_a_value_is_built_from_any_part_of_a_document() -> None:
    document = parse_document("x-free: 1\nouter:\n  title: t\n  items: [{count: 1}]\n  x-note: fine\n", "f")

    assert structure_document(document, Outer, path=("outer",)) == Outer(title="t", items=(Inner(count=1),))


def test_every_mistake_is_told_in_the_order_of_the_file() -> None:
    document = parse_document("titel: t\nitems:\n  - {count: x}\n  - {cuont: 1}\n", "f.yaml")

    with pytest.raises(InputError) as caught:
        structure_document(document, Outer)

    found = [caught.value, *caught.value.others]
    assert [(each.code, each.place and each.place[1:3]) for each in found] == [
        ("E_CFG_UNKNOWN_KEY", (1, 1)),
        ("E_CFG_PARSE", (1, 1)),
        ("E_CFG_PARSE", (3, 13)),
        ("E_CFG_PARSE", (4, 5)),
        ("E_CFG_UNKNOWN_KEY", (4, 6)),
    ]
    assert any("did you mean 'count'?" in each.message for each in found)
    assert any("missing key 'title'" in each.message for each in found)


def test_the_caller_chooses_codes_and_class() -> None:
    document = parse_document("outer: {title: 1, more: 2}", "f")

    with pytest.raises(PolicyError) as caught:
        structure_document(
            document, Outer, path=("outer",), code="E_POLICY_PARSE", unknown_code="E_POLICY_PARSE", error=PolicyError
        )

    errors: list[AssayError] = [caught.value, *caught.value.others]
    assert {each.code for each in errors} == {"E_POLICY_PARSE"}
    assert {type(each) for each in errors} == {PolicyError}
