"""Targets of files, network, processes and env."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.errors import PolicyError
from assay_core.policy.load import load_policy
from assay_core.policy.matching.resources import Endpoint, ResourceError, expand, read_target, variables

VALUES = {"CWD": "/here", "HOME": "/home/me", "TMP": "/tmp", "USER": "me"}


@pytest.mark.parametrize(
    ("section", "effect", "target", "kind", "tier"),
    [
        ("files", "allow", "/etc/hosts", "path", "kernel"),
        ("files", "allow", "/etc/ssl/", "subtree", "kernel"),
        ("files", "deny", "/srv/*.key", "glob", "user space"),
        ("files", "deny", "**/.env", "glob", "user space"),
        ("files", "deny", "re:^/srv/.*$", "regex", "user space"),
        ("files", "needs_review", "/etc/hosts", "path", "not enforced"),
        ("network", "allow", "10.1.2.3", "address", "kernel"),
        ("network", "allow", "10.0.0.0/8:5432", "network", "kernel"),
        ("network", "allow", "2001:db8::1", "address", "kernel"),
        ("network", "allow", "2001:db8::/32", "network", "kernel"),
        ("network", "allow", "[2001:db8::1]:443", "address", "kernel"),
        ("network", "allow", "udp://[2001:db8::]/32:53", "network", "kernel"),
        ("network", "allow", ":443", "port", "kernel"),
        ("network", "allow", "tcp://*:443", "port", "kernel"),
        ("network", "deny", "*", "network", "kernel"),
        ("network", "allow", "api.example.com:443", "host", "user space"),
        ("network", "allow", "*.example.com", "host", "user space"),
        ("processes", "allow", "/usr/bin/git", "executable", "kernel"),
        ("processes", "deny", "/usr/bin/git", "executable", "advisory"),
        ("processes", "allow", "/usr/bin/*", "glob", "user space"),
        ("processes", "deny", "re:/sh$", "regex", "user space"),
        ("env", "allow", "PATH", "variable", "at start"),
        ("env", "allow", "LC_*", "variable", "at start"),
    ],
)
def test_a_target_has_a_kind_and_a_tier(section: str, effect: str, target: str, kind: str, tier: str) -> None:
    resource = read_target(section, effect, target)  # type: ignore[arg-type]  # the three effects

    assert (resource.kind, resource.tier) == (kind, tier)


@pytest.mark.parametrize(
    ("target", "endpoint"),
    [
        ("10.0.0.0/8:5432", Endpoint(network="10.0.0.0/8", port=5432)),
        ("tcp://1.2.3.4", Endpoint(protocol="tcp", network="1.2.3.4")),
        ("[2001:0db8::0001]:443", Endpoint(network="2001:db8::1", port=443)),
        ("udp://:53", Endpoint(protocol="udp", port=53)),
        ("API.Example.com.:443", Endpoint(host="api.example.com", port=443)),
        ("1.2.3.4:*", Endpoint(network="1.2.3.4")),
    ],
)
def test_a_network_target_is_taken_apart(target: str, endpoint: Endpoint) -> None:
    assert read_target("network", "allow", target).endpoint == endpoint


@pytest.mark.parametrize(
    ("section", "target", "message"),
    [
        ("files", "etc/hosts", "not an absolute path"),
        ("files", "~/.ssh", "`~` is not expanded"),
        ("files", "/a/../b", "`..`"),
        ("files", "/a//b", "empty segment"),
        ("files", "/a\x00b", "control character"),
        ("files", "re:", "matches everything"),
        ("files", "re:(?=a)", "look-ahead"),
        ("network", "10.0.0.1/8", "bits set beyond"),
        ("network", "300.1.1.1", "is no address"),
        ("network", "1.2.3.4:0", "is no port"),
        ("network", "1.2.3.4:70000", "is no port"),
        ("network", "1.2.3.4:https", "is no port"),
        ("network", "ftp://a", "unknown protocol"),
        ("network", "tcp://", "needs an address"),
        ("network", "[::1", "closing bracket"),
        ("network", "[1.2.3.4]:5", "no IPv6 address"),
        ("network", "exa mple.com", "no host name"),
        ("network", "a.*.com", "no host name"),
        ("network", "-a.com", "no host name"),
        ("network", "[::1]x:5", "after the bracket"),
        ("processes", "git", "not an absolute path"),
        ("processes", "/usr/bin/", "no executable"),
        ("env", "A=B", "no name of an environment variable"),
        ("env", "$A", "no name of an environment variable"),
    ],
)
def test_a_target_that_means_nothing_is_refused(section: str, target: str, message: str) -> None:
    with pytest.raises(ResourceError, match=message.replace("*", r"\*").replace(".", r"\.")):
        read_target(section, "allow", target)


@pytest.mark.parametrize(
    ("target", "expanded"),
    [
        ("${CWD}/", "/here/"),
        ("${HOME}/.ssh/", "/home/me/.ssh/"),
        ("${TMP}/${USER}", "/tmp/me"),
        ("/a/$HOME", "/a/$HOME"),
    ],
)
def test_variables_are_expanded(target: str, expanded: str) -> None:
    assert expand(target, VALUES) == expanded


def test_what_a_variable_brings_in_is_not_expanded_again() -> None:
    assert expand("${HOME}/x", {"HOME": "/a${USER}", "USER": "b"}) == "/a${USER}/x"


@pytest.mark.parametrize(
    ("target", "values"),
    [
        ("${HOM}/", VALUES),
        ("${HOME}/", {}),
        ("${HOME}/", {"HOME": "relative"}),
        ("${HOME}/", {"HOME": "/a*"}),
        ("/home/${USER}", {"USER": ".."}),
        ("/home/${USER}", {"USER": "a/b"}),
    ],
)
def test_a_variable_that_would_mislead_is_refused(target: str, values: dict[str, str]) -> None:
    with pytest.raises(ResourceError):
        expand(target, values)


def test_a_root_folder_as_value_leaves_one_slash() -> None:
    assert expand("${CWD}/", {"CWD": "/"}) == "/"


def test_the_values_come_from_the_environment_that_is_given() -> None:
    given = {"HOME": "/h", "TMPDIR": "/t", "LOGNAME": "me", "CWD": "/c"}

    assert variables(given) == {"HOME": "/h", "TMP": "/t", "USER": "me", "CWD": "/c"}
    assert variables({}) == {}


def test_the_working_directory_of_the_process_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert variables()["CWD"] == str(tmp_path)


def test_a_wrong_target_is_an_error_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('version: "2.0"\nfiles:\n  allow: [/a, {path: b/c, rights: rr}]\n', encoding="utf-8")

    with pytest.raises(PolicyError) as caught:
        load_policy(path)

    every = [caught.value, *caught.value.others]
    assert [(each.place.line, each.place.column) for each in every if each.place] == [(3, 22), (3, 35)]
    assert "${CWD}/b/c" in every[0].remedy


def test_rights_are_letters_each_once(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('version: "2.0"\nfiles: {allow: [{path: /a, rights: xr}, /b]}\n', encoding="utf-8")

    files = load_policy(path).form.files

    assert files is not None
    assert [entry.rights for entry in files.allow or ()] == ["rx", "rwx"]
