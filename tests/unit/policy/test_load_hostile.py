"""Whatever a policy file holds, loading ends in a policy or in an error of ours."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assay_core.documents import parse_document
from assay_core.errors import AssayError
from assay_core.policy.load import load_policy, read_policy
from assay_core.policy.normalise import normalised, without_absent
from tests.unit.policy.test_reference_example import example

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(-1, 1), st.text("ab*?$/:{}.~", max_size=6))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
)
PROCESS = {"CWD": "/c", "HOME": "/h", "TMP": "/t", "USER": "u"}
MORE = {
    "tool_pins": {"t": {"server_id": "s", "tool_name": "t", "schema_hash": "0" * 64, "meta_hash": "0" * 64}},
    "discovery": {"methods": ["dns"], "on_findings": {"no_auth": "fail"}},
    "runtime_monitor": {"rules": [{"id": "a", "type": "file_open", "match": {"path_globs": ["/a"], "not": {}}}]},
    "kill_switch": {"triggers": [{"on_rule": "a"}]},
    "constraints": [{"tool": "zz", "params": {"p": {"matches": "^a"}}}],
    "allow": ["x"],
    "deny": ["y"],
    "_meta": {"name": "n"},
    "metadata": {},
}


def base() -> dict[str, Any]:
    text = "\n".join(line for line in example().splitlines() if not line.startswith("secrets:"))
    value: Any = parse_document(text, "example").value
    return copy.deepcopy(dict(value))


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything in a value."""
    if isinstance(value, dict):
        return [spot for key, item in value.items() for spot in ((*path, key), *spots(item, (*path, key)))]
    if isinstance(value, list):
        return [spot for at, item in enumerate(value) for spot in ((*path, at), *spots(item, (*path, at)))]
    return []


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_policy_with_anything_anywhere_loads_or_is_refused_by_us(data: st.DataObject) -> None:
    value = base()
    for key in data.draw(st.sets(st.sampled_from(sorted(MORE)), max_size=3)):
        value[key] = copy.deepcopy(MORE[key])
    for key in data.draw(st.sets(st.sampled_from(sorted(value)), max_size=len(value))):
        del value[key]
    for _ in range(data.draw(st.integers(0, 2))):
        if found := spots(value):
            *path, last = data.draw(st.sampled_from(found))
            target: Any = value
            for step in path:
                target = target[step]
            target[last] = data.draw(VALUES)

    try:
        policy = load_policy(value, environment=PROCESS)
    except AssayError:
        return  # any other exception fails the test

    shape = normalised(policy.form)
    again = read_policy(without_absent(shape), environment=PROCESS)
    assert normalised(again.form) == shape
