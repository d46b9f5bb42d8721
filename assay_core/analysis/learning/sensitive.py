"""What must never be copied into a policy: texts that may be secrets, and the chance that a text was made by chance."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise

__all__ = ["ENTROPY_THRESHOLD", "bits_per_byte", "holds_credential", "is_private_name", "may_be_secret"]

ENTROPY_THRESHOLD = 3.8  # bits per character above which a long word looks random

_CREDENTIAL = re.compile(
    r"(?:AKIA|ASIA|ABIA|ACCA|AIDA|AROA)[A-Z0-9]{12}"
    r"|gh[pousr]_[A-Za-z0-9]{16}|github_pat_[A-Za-z0-9_]{16}|gl(?:pat|ptt|dt|rt)-[A-Za-z0-9_-]{12}"
    r"|sk-[A-Za-z0-9_-]{12}|[rsp]k_(?:live|test|prod)_[A-Za-z0-9]{8}|whsec_[A-Za-z0-9+/]{12}"
    r"|xox[abceoprs]-[A-Za-z0-9-]{8}|xapp-[0-9]-|hf_[A-Za-z0-9]{16}|npm_[A-Za-z0-9]{16}|pypi-[A-Za-z0-9_-]{16}"
    r"|AIza[A-Za-z0-9_-]{20}|ya29\.[A-Za-z0-9_-]{12}|eyJ[A-Za-z0-9_-]{8,}\.|SG\.[A-Za-z0-9_-]{12}"
    r"|-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|AGE-SECRET-KEY-|PuTTY-User-Key-File"
    r"|(?i:\bbearer\s+\S|\bbasic\s+[a-z0-9+/=]{8})"
    r"|(?i:(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|credentials?|access[_-]?key|signature|sig)"
    r"[\"']?\s{0,3}[=:]\s{0,3}[^\s&])"
    r"|://[^/\s:@]{1,256}:[^/\s@]{1,256}@"
)
_PRIVATE_WORDS = frozenset((
    "password", "passwd", "passphrase", "pass", "pwd", "secret", "secrets", "token", "tokens", "apikey",
    "authorization", "auth", "credential", "credentials", "cookie", "cookies", "session",
    "sessionid", "signature", "pin", "otp", "cvv",
    "cvc", "ssn", "iban", "jwt", "bearer", "privatekey", "accesskey", "secretkey", "clientsecret", "card", "cardnumber",
))  # fmt: skip
_PRIVATE_PAIRS = frozenset((("api", "key"), ("private", "key"), ("access", "key"), ("signing", "key"), ("ssh", "key")))
_NAME_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_WORD = re.compile(r"[^\s/\\,;:|\"'<>(){}\[\]&?#]+")
_MARKS = frozenset("!@#$%^&*+=~?")
_SCANNED = 4_096  # characters of a text that are looked at; a longer one is copied nowhere
_LONG = 20
_SHORT = 8


def holds_credential(text: str) -> bool:
    """Tell whether a text holds something in the form of a known kind of credential."""
    return _CREDENTIAL.search(text[:_SCANNED]) is not None


@lru_cache(maxsize=4096)
def is_private_name(name: str) -> bool:
    """Tell whether an argument of this name holds what nobody should write down: `password`, `apiKey`, `auth_token`."""
    words = [word.lower() for word in _NAME_WORDS.findall(name[:200])]
    return not _PRIVATE_WORDS.isdisjoint(words) or any(pair in _PRIVATE_PAIRS for pair in pairwise(words))


def may_be_secret(text: str, threshold: float = ENTROPY_THRESHOLD) -> bool:
    """Tell whether a text may be, or hold, a secret. Errs on the safe side: what is meant is "do not copy it".

    Args:
        text: Any text.
        threshold: Bits per byte from which a word of twenty characters or more counts as random.
    """
    scanned = text[:_SCANNED]
    if holds_credential(scanned) or any(map(_follows_password_rules, scanned.split())):
        return True
    return any(_looks_random(word, threshold) for word in _WORD.findall(scanned))


def bits_per_byte(text: str) -> float:
    """Return the Shannon entropy of a text's characters; the divisor is its length in UTF-8 bytes."""
    size = len(text.encode("utf-8", "replace"))
    if not size:
        return 0.0
    return max(0.0, -sum(count / size * math.log2(count / size) for count in Counter(text).values()))


def _follows_password_rules(word: str) -> bool:
    """Tell whether a word has all that rules for passwords ask for, and is no path or address."""
    if not 8 <= len(word) <= 64 or "/" in word or not set(word) & _MARKS:
        return False
    return any(each.isdigit() for each in word) and not word.islower() and not word.isupper()


def _looks_random(word: str, threshold: float) -> bool:
    if len(word) < _SHORT:
        return False
    digits = sum(each.isdigit() for each in word)
    lower = any(each.islower() for each in word)
    upper = any(each.isupper() for each in word)
    other = any(not each.isalnum() for each in word)
    if len(word) >= 12 and digits == len(word) - word.count("-") and digits >= 13:
        return True  # as long as the number of a card
    if digits and lower and upper and (other or len(word) >= 12):
        return True  # what a rule for passwords asks for
    if digits < 2 or not (lower or upper):
        return False
    if len(word) >= _LONG and bits_per_byte(word) >= min(threshold, ENTROPY_THRESHOLD):
        return True
    hexadecimal = sum(each in "0123456789abcdefABCDEF" for each in word)
    return len(word) >= 16 and hexadecimal > 0.8 * len(word)
