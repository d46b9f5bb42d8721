"""The eight sequence operators as small machines whose states are immutable values.

Each machine answers four questions about one rule. `roles` says which operands of the rule a call fits, one bit
per operand; `position` is the number of calls that ran before it.

* `breaks`: does this call, as the candidate, break the rule?
* `advance`: what is the state after it ran?
* `owes`: has a deadline passed, and is this call not the one that is owed?
* `settle`: what became of the rule, `length` calls having run?

`tell` says for people what a state means to the next call.

Source: the outcomes are those of spec/policy.md §5 "newer"; which calls are blamed follows §5.2.
"""

# ruff: noqa: ARG002 - the machines share one signature, and none of them needs all of it
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, TypeAlias

from assay_core.model import RuleState
from assay_core.policy.form import SequenceRule

__all__ = ["Blame", "Machine", "Settlement", "machine_of"]

State: TypeAlias = Any  # an immutable value; only the machine that made it knows its type
_FIRST, _SECOND = 1, 2  # bits of the first and the second operand of a rule


class Blame(NamedTuple):
    """Why a rule is broken, and the call that armed it."""

    text: str
    antecedent: int | None = None


class Settlement(NamedTuple):
    """What became of a rule, apart from the calls that broke it."""

    state: RuleState
    exercised: int  # how often
    missed: tuple[Blame, ...] = ()  # obligations that were not met


_HELD = Settlement("held", 1)
_OPEN = Settlement("open", 1)
_NOT_EXERCISED = Settlement("not_exercised", 0)


class Machine(ABC):
    """One rule, compiled."""

    start: State = None
    watches_all = False  # True: calls that fit no operand matter as well
    counts = False  # True: how many calls there were is what matters

    def breaks(self, state: State, roles: int, position: int) -> bool:
        """Tell whether the candidate breaks the rule."""
        return False

    def can_break(self, roles: int) -> bool:
        """Tell whether a call in these roles, in some state, breaks the rule. False lets the engine skip `breaks`."""
        return bool(roles)

    def blame(self, state: State, roles: int, tool: str) -> Blame:
        """Say what is wrong with a candidate that breaks the rule."""
        raise NotImplementedError

    @abstractmethod
    def advance(self, state: State, roles: int, position: int, index: int) -> State:
        """Return the state after a call ran; `index` is how reports name the call."""

    def owes(self, state: State, roles: int, position: int) -> Blame | None:
        """Return what is overdue where this call is not it."""
        return None

    @abstractmethod
    def settle(self, state: State, length: int, *, complete: bool) -> Settlement:
        """Return what became of the rule."""

    def tell(self, state: State, position: int) -> str:
        """Return what the rule has seen that matters to the next call, "" for nothing."""
        return ""


class _Require(Machine):
    """`require`: somewhere in the episode. State: whether it was seen."""

    start = False

    def __init__(self, rule: SequenceRule) -> None:
        self._tool = _name(rule.tool)

    def advance(self, state: State, roles: int, position: int, index: int) -> State:
        return True

    def settle(self, state: State, length: int, *, complete: bool) -> Settlement:
        if state:
            return _HELD
        if not complete:
            return _OPEN
        return Settlement("violated", 1, (Blame(f"{self._tool} is never called"),))

    def tell(self, state: State, position: int) -> str:
        return "" if state else "not called yet"


class _Eventually(Machine):
    """`eventually`: among the first `within` calls. State: 0 waiting, 1 in time, 2 late."""

    start = 0

    def __init__(self, rule: SequenceRule) -> None:
        self._tool, self._within = _name(rule.tool), rule.within

    def advance(self, state: State, roles: int, position: int, index: int) -> State:
        if state:
            return state
        return 1 if position < self._within else 2

    def owes(self, state: State, roles: int, position: int) -> Blame | None:
        if state or roles or position < self._within:
            return None
        return self._missed()

    def settle(self, state: State, length: int, *, complete: bool) -> Settlement:
        if state == 1:
            return _HELD
        if state == 2 or length >= self._within or complete:
            return Settlement("violated", 1, (self._missed(),))
        return _OPEN

    def _missed(self) -> Blame:
        return Blame(f"{self._tool} is not among the first {_calls(self._within)}")

    def tell(self, state: State, position: int) -> str:
        left = self._within - position
        return "" if state else f"due within {_calls(left)}" if left > 0 else "overdue"


class _MaxCalls(Machine):
    """`max_calls`. State: how many ran."""

    start = 0
    counts = True

    def __init__(self, rule: SequenceRule) -> None:
        self._max = rule.max

    def breaks(self, state: State, roles: int, position: int) -> bool:
        return bool(state >= self._max)

    def blame(self, state: State, roles: int, tool: str) -> Blame:
        return Blame(f"{tool} may be called at most {_times(self._max)}; this is call {state + 1}")

    def advance(self, state: State, roles: int, position: int, index: int) -> State:
        return state + 1

    def settle(self, state: State, length: int, *, complete: bool) -> Settlement:
        return Settlement("held", max(1, state))

    def tell(self, state: State, position: int) -> str:
        return f"{state} of {self._max} used"


class _Before(Machine):
    """`before`: a `then` needs a `first`, before it or in the same call. State: bits of the roles seen."""

    start = 0

    def __init__(self, rule: SequenceRule) -> None:
        self._first = _name(rule.first)

    def breaks(self, state: State, roles: int, position: int) -> bool:
        return not (state | roles) & _FIRST  # the role is `then`: see can_break

    def can_break(self, roles: int) -> bool:
        return roles == _SECOND

    def blame(self, state: State, roles: int, tool: str) -> Blame:
        return Blame(f"{tool} needs an earlier call of {self._first}")

    def advance(self, state: State, roles: int, position: int, index: int) -> State:
        return state | roles

    def settle(self, state: State, length: int, *, complete: bool) -> Settlement:
        return _HELD if state & _SECOND else _NOT_EXERCISED

    def tell(self, state: State, position: int) -> str:
        return "" if state & _FIRST else f"{self._first} not called yet"


class _NeverAfter(Machine):
    """`never_after`: no `forbidden` after the first `trigger`. State: the index of that trigger, None before."""

    start = None

    def __init__(self, rule: SequenceRule) -> None:
        self._trigger = _name(rule.trigger)

    def breaks(self, state: State, roles: int, position: int) -> bool:
        return state is not None

    def can_break(self, roles: int) -> bool:
        return bool(roles & _SECOND)

    def blame(self, state: State, roles: int, tool: str) -> Blame:
        return Blame(f"{tool} may not follow {self._trigger}, which call {state} was", state)

    def advance(self, state: State, roles: int, position: int, index: int) -> State:
        return index if state is None and roles & _FIRST else state

    def settle(self, state: State, length: int, *, complete: bool) -> Settlement:
        return _NOT_EXERCISED if state is None else _HELD

    def tell(self, state: State, position: int) -> str:
        return "" if state is None else f"armed by call {state}"


# Plain tuples, since one is made per trigger.
_Trigger: TypeAlias = "tuple[int, int, _Trigger | None]"  # position, call, the next older trigger
# Triggers that are waiting (newest first), the position of the oldest of them, triggers that a later `then` found
# too late, and how many there were in all.
_Armed: TypeAlias = "tuple[_Trigger | None, int, _Trigger | None, int]"


class _After(Machine):
    """`after`: each `trigger` is owed a `then` among the next `within` calls.

    Deadlines are looked at when a `then` runs and at the end, so that a call in no role costs nothing.
    """

    start: _Armed = (None, 0, None, 0)

    def __init__(self, rule: SequenceRule) -> None:
        self._trigger, self._then, self._within = _name(rule.trigger), _name(rule.then), rule.within

    def advance(self, state: State, roles: int, position: int, index: int) -> State:
        waiting, oldest, missed, count = state
        if roles & _SECOND:
            while waiting is not None:
                armed_at, call, waiting = waiting
                if armed_at + self._within < position:
                    missed = (armed_at, call, missed)
        if roles & _FIRST:
            oldest = position if waiting is None else oldest
            return ((position, index, waiting), oldest, missed, count + 1)
        return (None, 0, missed, count)

    def owes(self, state: State, roles: int, position: int) -> Blame | None:
        waiting, oldest, _, _ = state
        if waiting is None or roles & _SECOND or position <= oldest + self._within:
            return None
        while waiting[2] is not None:
            waiting = waiting[2]
        return self._missed(waiting[1])

    def settle(self, state: State, length: int, *, complete: bool) -> Settlement:
        waiting, _, missed, count = state
        late, still_open = [], False
        while waiting is not None:
            armed_at, call, waiting = waiting
            if complete or length > armed_at + self._within:
                late.append(call)
            else:
                still_open = True
        while missed is not None:
            _, call, missed = missed
            late.append(call)
        if late:
            return Settlement("violated", count, tuple(map(self._missed, sorted(late))))
        return Settlement("open" if still_open else "held" if count else "not_exercised", count)

    def _missed(self, index: int) -> Blame:
        text = f"{self._then} does not follow {self._trigger} (call {index}) within {_calls(self._within)}"
        return Blame(text, index)

    def tell(self, state: State, position: int) -> str:
        waiting, oldest, _, _ = state
        if waiting is None:
            return ""
        left = oldest + self._within + 1 - position
        return f"{self._then} due within {_calls(left)}" if left > 0 else f"{self._then} overdue"


_Progress: TypeAlias = tuple[int, int | None]


class _Sequence(Machine):
    """`sequence`. State: how many elements ran in order, and the index of the last one.

    Strict: between the first element and the last, every call has to be the next element. Otherwise calls of
    other tools may come between, and only a later element ahead of its turn breaks the rule; the expected
    element is tried first. A call that breaks the rule does not move it on.
    """

    start: _Progress = (0, None)

    def __init__(self, rule: SequenceRule) -> None:
        self._tools = tuple(map(_name, rule.tools))
        self._strict = self.watches_all = rule.strict

    def breaks(self, state: State, roles: int, position: int) -> bool:
        progress = state[0]
        if progress == len(self._tools) or roles >> progress & 1:
            return False
        return bool(progress > 0 if self._strict else roles >> progress > 0)

    def blame(self, state: State, roles: int, tool: str) -> Blame:
        progress, last = state
        return Blame(f"{self._tools[progress]} has to come next, not {tool}", last)

    def advance(self, state: State, roles: int, position: int, index: int) -> State:
        progress = state[0]
        if progress < len(self._tools) and roles >> progress & 1:
            return (progress + 1, index)
        return state

    def settle(self, state: State, length: int, *, complete: bool) -> Settlement:
        progress, last = state
        if progress == 0:
            return _NOT_EXERCISED
        if progress == len(self._tools):
            return _HELD
        if not complete:
            return _OPEN
        return Settlement("violated", 1, (Blame(f"the sequence stops before {self._tools[progress]}", last),))

    def tell(self, state: State, position: int) -> str:
        progress, last = state
        if not 0 < progress < len(self._tools):
            return ""
        return f"{progress} of {len(self._tools)} done, the last in call {last}; {self._tools[progress]} is next"


class _Blocklist(Machine):
    """`blocklist`: the name alone breaks the rule, so there is no state."""

    def __init__(self, rule: SequenceRule) -> None:
        self._pattern = rule.pattern

    def breaks(self, state: State, roles: int, position: int) -> bool:
        return True

    def blame(self, state: State, roles: int, tool: str) -> Blame:
        return Blame(f"{tool} is on the blocklist {self._pattern!r}")

    def advance(self, state: State, roles: int, position: int, index: int) -> State:
        return None

    def settle(self, state: State, length: int, *, complete: bool) -> Settlement:
        return _HELD


_MACHINES: dict[str, type[_Require | _Eventually | _MaxCalls | _Before | _After | _NeverAfter | _Sequence | _Blocklist]]
_MACHINES = {
    "require": _Require,
    "eventually": _Eventually,
    "max_calls": _MaxCalls,
    "before": _Before,
    "after": _After,
    "never_after": _NeverAfter,
    "sequence": _Sequence,
    "blocklist": _Blocklist,
}


def machine_of(rule: SequenceRule) -> Machine:
    """Return the machine of a rule."""
    return _MACHINES[rule.type](rule)


def _name(operand: object) -> str:
    return str(getattr(operand, "tool", ""))


def _calls(count: int) -> str:
    return "call" if count == 1 else f"{count} calls"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
