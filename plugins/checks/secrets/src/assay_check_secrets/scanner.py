"""Finds credentials in one text, through up to three layers of encoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from assay_check_secrets.budget import Budget
from assay_check_secrets.encodings import from_base64, from_url_encoding, unwrapped
from assay_check_secrets.kinds import KINDS, Kind
from assay_core.policy import LinearRegex, linear_regex

__all__ = ["Hit", "Scanner"]

_LAYERS = 3  # encodings taken off one another, e.g. base64 of base64 within URL encoding
_SHORTEST_RUN = 24  # shorter runs of base64 are not decoded: too many words and paths are such runs


@attrs.frozen
class Hit:
    """One kind of credential that was found in a text."""

    kind: Kind
    encodings: tuple[str, ...] = ()  # those that were taken off, outermost first


class Scanner:
    """Looks for some kinds of credentials. Compiled once per policy, and free of state."""

    def __init__(self, kinds: Sequence[Kind], allowed: Sequence[str] = ()) -> None:
        self.kinds = tuple(sorted(set(kinds)))
        self._allowed = tuple(allowed)
        self._plain = {kind: linear_regex(KINDS[kind].pattern) for kind in self.kinds}
        self._pairs = {kind: linear_regex(KINDS[kind].pair) for kind in self.kinds if KINDS[kind].pair}
        self._run = max(_SHORTEST_RUN, min(-(-4 * KINDS[kind].shortest // 3) for kind in self.kinds))
        patterns = [KINDS[kind].pattern for kind in self.kinds]
        self._any = linear_regex("|".join(patterns))
        self._suspect = linear_regex("|".join([*patterns, "%[0-9A-Fa-f]{2}", f"[A-Za-z0-9+/_-]{{{self._run}}}"]))
        self.shortest = min(KINDS[kind].shortest for kind in self.kinds)

    def clears(self, json_text: str) -> bool:
        r"""Tell, cheaply, that no string in this JSON text can hold a credential; False means: look closely.

        Sound because without a backslash every string stands in the JSON text exactly as it is, the patterns have
        no anchors, and whatever is encoded shows a percent sign or a long enough run of base64. With a backslash
        (`\u0041` is an A) nothing is concluded.
        """
        return "\\" not in json_text and not self._suspect.search(json_text)

    def find(self, text: str, budget: Budget, key: str | None = None) -> tuple[Hit, ...]:
        """Return each kind found in the text, or in the text together with the key it stands under.

        Raises:
            TooMuchWork: what the text unfolds to exceeds the budget.
        """
        budget.spend(len(text))
        if self._is_dull(text):
            return ()
        found: dict[Kind, Hit] = {}
        layers: list[tuple[str, tuple[str, ...]]] = [(text, ())]
        while layers:
            layer, encodings = layers.pop()
            if self._is_dull(layer):
                continue
            for kind in self._kinds_in(layer):
                found.setdefault(kind, Hit(kind, encodings))
            if len(encodings) < _LAYERS:
                layers.extend((inner, (*encodings, name)) for name, inner in self._unfold(layer, budget))
        if key is not None and self._pairs:
            for kind in self._matching(self._pairs, f"{key}={text}"):
                found.setdefault(kind, Hit(kind))
        return tuple(found[kind] for kind in sorted(found))

    def knows(self, credential: str) -> bool:
        """Tell whether a text is, or holds, a credential of these kinds, in plain."""
        if self._any.search(credential):
            return True
        return any(pair.search(f"aws_secret_access_key={credential}") for pair in self._pairs.values())

    def _is_dull(self, text: str) -> bool:
        """Tell, cheaply, that there is nothing in the text: neither a credential nor a sign of an encoding."""
        if len(text) < self.shortest:
            return True
        if self._suspect.search(text):
            return False
        joined = unwrapped(text)
        return len(joined) == len(text) or not self._suspect.search(joined)

    def _unfold(self, text: str, budget: Budget) -> Iterator[tuple[str, str]]:
        if (decoded := from_url_encoding(text, budget)) != text:
            yield "URL encoding", decoded
        if decoded := from_base64(text, self._run, budget):
            yield "base64", decoded

    def _kinds_in(self, text: str) -> Iterator[Kind]:
        return self._matching(self._plain, text) if self._any.search(text) else iter(())

    def _matching(self, patterns: dict[Kind, LinearRegex], text: str) -> Iterator[Kind]:
        text = _without(text, self._allowed)
        return (kind for kind, pattern in patterns.items() if pattern.search(text))


def _without(text: str, allowed: Sequence[str]) -> str:
    """Blank out allowed credentials, but only where each stands alone: a longer one is not the same one."""
    for literal in allowed:
        parts = text.split(literal)
        kept = [parts[0]]
        for index in range(1, len(parts)):
            left = parts[index - 1][-1:] or literal[-1] * (index > 1)
            right = parts[index][:1] or literal[0] * (index < len(parts) - 1)
            kept += (literal if _continues(left) or _continues(right) else " ", parts[index])
        text = "".join(kept)
    return text


def _continues(character: str) -> bool:
    return character.isalnum() or character == "_"
