"""The check as a policy uses it: what it refuses, what it says, what it never prints."""

from __future__ import annotations

import base64
import json
import random
import string
from typing import get_args
from urllib.parse import quote

import pytest
from assay_check_secrets import SecretsCheck, SecretsOptions
from assay_check_secrets.check import CompiledSecrets
from assay_check_secrets.kinds import KINDS, Kind

from assay_core.convert import StructureError, structure
from assay_core.errors import PolicyError
from assay_core.model import JsonValue, ToolCall, Violation
from assay_core.testing import make_context

# Put together from parts, so that no scanner takes this file for a leak.
GITHUB = "gh" + "p_" + "a1B2" * 9
PUBLIC_AWS = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\n"
EXAMPLES: dict[str, str] = {
    "anthropic": "sk-" + "ant-api03-" + "aB3_" * 10,
    "aws": "AKIA" + "Z7Q2" * 4,
    "azure": "AccountKey" + "=" + "aB3+" * 21 + "aa==",
    "basic_auth": "postgres://app:" + "s3cret@db.internal/app",
    "github": GITHUB,
    "gitlab": "gl" + "pat-" + "aB3-" * 5,
    "google": "AI" + "za" + "aB3_-" * 7,
    "jwt": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N",
    "npm": "np" + "m_" + "a1B2" * 9,
    "openai": "sk-" + "proj-" + "aB3_" * 10,
    "private_key": PEM,
    "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + "aB3_" * 12,
    "slack": "xo" + "xb-" + "1234567890-abcdef",
    "stripe": "sk_" + "live_" + "a1B2" * 6,
}


def compiled(**options: object) -> CompiledSecrets:
    options.setdefault("block", ["aws", "github", "private_key"])
    section = structure(options, SecretsOptions)  # type: ignore[arg-type]  # JSON values
    return SecretsCheck().compile(section, make_context())


def violations(args: JsonValue, check: CompiledSecrets | None = None, *, tool: str = "send") -> list[Violation]:
    check = check or compiled()
    return list(check.decide(ToolCall.of(tool, args), check.start()))


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_every_kind_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(KINDS) == set(get_args(Kind))


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_each_kind_is_found_alone_and_glued_to_text(kind: str) -> None:
    check = compiled(block=[kind])

    for text in (EXAMPLES[kind], f"x{EXAMPLES[kind]}", f"before {EXAMPLES[kind]} after"):
        (found,) = violations({"body": text}, check)
        assert (found.rule, found.code, found.pointer) == (f"secrets:{kind}", "E_SECRET_IN_ARGS", "/body")


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_each_kind_is_found_in_base64_and_url_encoding(kind: str) -> None:
    check = compiled(block=[kind])
    secret = f"the value is {EXAMPLES[kind]}."
    encodings = [
        b64(secret),
        b64(b64(secret)),
        quote(b64(secret), safe=""),
        b64(quote(secret, safe="")),
        quote(quote(b64(secret), safe=""), safe=""),
        "".join(f"%{byte:02X}" for byte in secret.encode()),
        base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    ]

    for text in encodings:
        (found,) = violations({"body": text}, check)
        assert (found.rule, found.pointer) == (f"secrets:{kind}", "/body"), text


@pytest.mark.parametrize("glue", ["q", "qq", "qqq", "id_", "data:text/plain;base64,"])
def test_base64_is_found_whatever_is_glued_to_its_front(glue: str) -> None:
    assert [each.code for each in violations({"x": glue + b64(f"token {GITHUB}")})] == ["E_SECRET_IN_ARGS"]


def test_wrapped_base64_and_utf_16_inside_are_read() -> None:
    wrapped = base64.encodebytes(b"x" * 50 + GITHUB.encode() + b"x" * 50).decode()
    wide = base64.b64encode(GITHUB.encode("utf-16-le")).decode()

    assert len(violations({"x": wrapped})) == 1
    assert len(violations({"x": wide})) == 1


def test_json_escapes_do_not_hide_a_credential() -> None:
    check = compiled()
    escaped = "".join(f"\\u{ord(character):04x}" for character in GITHUB)
    call = ToolCall(index=0, tool="send", args_json=f'{{"x": "{escaped}"}}'.encode())

    assert [each.pointer for each in check.decide(call, None)] == ["/x"]


def test_a_repeated_key_is_refused_rather_than_read_one_way() -> None:
    call = ToolCall(index=0, tool="send", args_json=f'{{"x": "{GITHUB}", "x": ""}}'.encode())

    assert [each.code for each in compiled().decide(call, None)] == ["E_SECRET_UNSCANNED"]


def test_every_depth_is_searched_and_pointers_are_escaped() -> None:
    found = violations({"a/b": [{"c~d": [GITHUB]}], "ok": "nothing"})

    assert [each.pointer for each in found] == ["/a~1b/0/c~0d/0"]


def test_a_credential_as_a_key_is_found_and_never_repeated() -> None:
    found = violations({"outer": {GITHUB: {"inner": PEM}}})

    assert [(each.rule, each.pointer) for each in found] == [
        ("secrets:github", "/outer"),
        ("secrets:private_key", "/outer/[credential]/inner"),
    ]
    assert "a key at /outer" in found[0].message


def test_a_very_long_key_is_not_repeated() -> None:
    (found,) = violations({"k" * 500: GITHUB})

    assert found.pointer == "/[long key]"


def test_the_top_level_text_is_searched() -> None:
    (found,) = violations(GITHUB)

    assert found.pointer == ""
    assert "at the top" in found.message


def test_an_aws_secret_is_known_by_its_key_or_by_what_stands_before_it() -> None:
    assert [each.pointer for each in violations({"aws_secret_access_key": AWS_SECRET})] == ["/aws_secret_access_key"]
    assert [each.pointer for each in violations({"env": f"AWS_SECRET_ACCESS_KEY={AWS_SECRET}"})] == ["/env"]
    assert violations({"commit": AWS_SECRET}) == []


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_no_finding_prints_any_part_of_a_credential(kind: str) -> None:
    check = compiled(block=sorted(EXAMPLES), responses=True)
    secret = EXAMPLES[kind]
    call = ToolCall.of("t", {secret: secret, "e": b64(secret)}, result={secret: [secret]}, error=f"bad {secret}")

    found = [*check.decide(call, None), *check.on_response(call, None)]

    assert len(found) >= 5
    for each in found:
        for field in (each.message, each.pointer, each.rule):
            assert not any(secret[at : at + 8] in field for at in range(len(secret) - 8))


def test_the_message_says_kind_place_length_and_encoding() -> None:
    (found,) = violations({"body": b64(b64(GITHUB))})

    assert found.message == (
        "the text at /body of the arguments (76 characters) carries a credential of kind github, "
        "in base64 within base64"
    )


@pytest.mark.parametrize(
    "args",
    [
        {"path": "/srv/data/reports/2026/11/summary.txt", "query": "how do I rotate a github token?"},
        {"text": "AKIA is a prefix", "n": 12345678901234567890, "b": True, "z": None},
        {"blob": base64.b64encode(bytes(range(256)) * 40).decode()},
        {"url": "https://example.com:8443/path?x=a@b", "ts": "2026-11-22T10:00:00Z"},
        {},
        [],
        "",
    ],
)
def test_harmless_arguments_pass(args: JsonValue) -> None:
    assert violations(args, compiled(block=sorted(EXAMPLES))) == []


def test_a_call_without_arguments_passes() -> None:
    assert list(compiled().decide(ToolCall.of("t"), None)) == []


def test_kinds_that_are_not_blocked_pass() -> None:
    assert violations({"x": GITHUB}, compiled(block=["aws"])) == []


def test_tools_and_exclude_tools_say_whose_calls_are_searched() -> None:
    only = compiled(tools=["send_*"])
    but = compiled(exclude_tools=["vault_*"])

    assert violations({"x": GITHUB}, only, tool="send_mail")
    assert not violations({"x": GITHUB}, only, tool="read")
    assert violations({"x": GITHUB}, but, tool="read")
    assert not violations({"x": GITHUB}, but, tool="vault_put")


def test_an_allowed_credential_passes_alone_but_hides_no_other() -> None:
    check = compiled(allow=[PUBLIC_AWS])

    assert violations({"x": f"export AWS_ACCESS_KEY_ID={PUBLIC_AWS}; {PUBLIC_AWS}"}, check) == []
    assert violations({"x": b64(f"key {PUBLIC_AWS}")}, check) == []
    assert len(violations({"x": f"{PUBLIC_AWS} {EXAMPLES['aws']}"}, check)) == 1
    assert len(violations({"x": f"{PUBLIC_AWS}{PUBLIC_AWS}"}, check)) == 1
    assert len(violations({"x": f"{PUBLIC_AWS}7"}, check)) == 1


def test_an_allowed_aws_secret_counts_under_its_key() -> None:
    check = compiled(allow=[AWS_SECRET])

    assert violations({"secret_access_key": AWS_SECRET}, check) == []
    assert len(violations({"secret_access_key": AWS_SECRET[::-1]}, check)) == 1


def test_severity_warn_reports_without_refusing() -> None:
    assert [each.severity for each in violations({"x": GITHUB}, compiled(severity="warn"))] == ["warn"]


def test_results_and_errors_are_searched_only_on_demand() -> None:
    call = ToolCall.of("t", {}, result={"out": [GITHUB]}, error=f"denied for {GITHUB}")

    assert list(compiled().on_response(call, None)) == []
    found = compiled(responses=True).on_response(call, None)
    assert [(each.code, each.pointer) for each in found] == [
        ("E_SECRET_IN_RESULT", "/out/0"),
        ("E_SECRET_IN_RESULT", ""),
    ]
    assert not compiled(responses=True, exclude_tools=["t"]).on_response(call, None)


def test_what_is_too_large_is_refused_not_skipped() -> None:
    (found,) = violations({"x": "a b " * 100}, compiled(max_bytes=100))

    assert (found.code, found.rule) == ("E_SECRET_UNSCANNED", "secrets:unscanned")


def test_what_unfolds_to_too_much_text_is_refused_not_skipped() -> None:
    text = "".join(random.Random(1).choices(string.ascii_letters, k=3000))
    for _ in range(3):
        text = base64.encodebytes(text.encode()).decode()

    assert violations(text, compiled(max_bytes=1_000_000)) == []
    assert [each.code for each in violations(text, compiled(max_bytes=len(json.dumps(text))))] == ["E_SECRET_UNSCANNED"]


@pytest.mark.parametrize(
    "raw", [b'{"x": "\\ud800 and some more text"}', b'{"x": "cut off in the %41 middle', b"[" * 3000 + b"%41"]
)
def test_what_is_not_clean_json_is_refused_not_skipped(raw: bytes) -> None:
    call = ToolCall(index=0, tool="t", args_json=raw)

    assert [each.code for each in compiled().decide(call, None)] == ["E_SECRET_UNSCANNED"]


def test_bytes_that_are_not_utf_8_are_refused_not_skipped() -> None:
    call = ToolCall(index=0, tool="t", args_json=b'{"x": "\xff\xfe and quite some more text"}')

    assert [each.code for each in compiled().decide(call, None)] == ["E_SECRET_UNSCANNED"]


def test_one_call_yields_at_most_thirty_two_findings() -> None:
    assert len(violations([GITHUB] * 100)) == 32


def test_an_empty_list_of_kinds_is_vacuous() -> None:
    with pytest.raises(PolicyError) as caught:
        compiled(block=[])

    assert caught.value.code == "E_CFG_VACUOUS"


@pytest.mark.parametrize("options", [{"tools": []}, {"exclude_tools": ["*"]}, {"tools": ["a"], "exclude_tools": ["a"]}])
def test_a_section_that_governs_no_tool_is_vacuous(options: dict[str, object]) -> None:
    with pytest.raises(PolicyError) as caught:
        compiled(**options)

    assert caught.value.code == "E_CFG_VACUOUS"


def test_an_unknown_kind_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(StructureError) as caught:
        compiled(block=["aws", "githb"])

    (problem,) = caught.value.problems
    assert problem.path == ("block", 1)
    assert "did you mean 'github'?" in problem.message


@pytest.mark.parametrize("options", [{"allow": ["AKIA"]}, {"allow": [""]}, {"max_bytes": 0}])
def test_options_that_make_no_sense_are_errors(options: dict[str, object]) -> None:
    with pytest.raises(PolicyError) as caught:
        compiled(**options)

    assert caught.value.code == "E_POLICY_PARSE"


def test_an_error_about_allow_does_not_repeat_the_entry() -> None:
    with pytest.raises(PolicyError) as caught:
        compiled(block=["aws"], allow=[GITHUB])

    assert GITHUB not in str(caught.value)


def test_a_section_of_another_class_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError):
        SecretsCheck().compile({"block": ["aws"]}, make_context())


def test_every_finding_stands_under_a_declared_rule_and_code() -> None:
    check = compiled(block=sorted(EXAMPLES))

    assert [rule.id for rule in check.rules] == [f"secrets:{kind}" for kind in sorted(EXAMPLES)] + ["secrets:unscanned"]
    assert {code.code for code in SecretsCheck.codes} == {
        "E_SECRET_IN_ARGS",
        "E_SECRET_IN_RESULT",
        "E_SECRET_UNSCANNED",
    }
    assert all(code.scope == "decision" and code.cause and code.remedy for code in SecretsCheck.codes)


def test_state_is_none_from_start_to_finish() -> None:
    check = compiled()

    assert check.start() is None
    assert check.commit(ToolCall.of("t"), None) is None
    assert list(check.finish(None)) == []
