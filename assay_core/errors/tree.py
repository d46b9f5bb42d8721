"""The error tree: one class for each party who has to act."""

from __future__ import annotations

from typing import NamedTuple

from assay_core.errors.codes import find_code


class Place(NamedTuple):
    """Where in a file something stands. Lines and columns count from 1; 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0
    text: str = ""  # the offending source line, without its end, as it stands in the file

    def __str__(self) -> str:
        """Return `file:line:column`, leaving out what is unknown."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


class AssayError(Exception):
    """Something assay says on purpose: a permanent code, a sentence, a place and a remedy.

    Attributes:
        code: A code of `assay_core.errors.CODES`, or one that a plugin declares.
        message: What is wrong, in one sentence without a full stop. May quote hostile text: sinks sanitise it.
        remedy: What the reader can do. Falls back to the remedy of the code.
        place: Where, when it is known.
        others: Further errors of the same kind found in the same pass (a loader reports all it finds).
    """

    def __init__(
        self,
        *,
        code: str,
        message: str,
        remedy: str = "",
        place: Place | None = None,
        others: tuple[AssayError, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.place = place
        self.others = others
        known = find_code(code)
        self.remedy = remedy or (known.remedy if known else "")
        self.exit_code = known.exit_code if known else 2

    def __str__(self) -> str:
        """Return `place: code: message` on one line."""
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.code}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        """Keep every field across processes: workers hand errors to their parent."""
        return (_rebuild, (type(self), self.code, self.message, self.remedy, self.place, self.others))


class UsageError(AssayError):
    """The person at the command line acts: an option, a file name, something to install."""


class InputError(AssayError):
    """Whoever made the input acts: a suite, a trace, a baseline."""


class PolicyError(AssayError):
    """The author of a policy acts."""


class PluginFault(AssayError):
    """The author of a plugin acts: it raised, or it does not keep its contract.

    Attributes:
        distribution: The distribution and version at fault, e.g. `acme-latency 1.2`.
        stage: What was being done, e.g. `metric acme.latency: measure`.
    """

    def __init__(
        self,
        *,
        message: str,
        distribution: str = "",
        stage: str = "",
        code: str = "E_PLUGIN_FAULT",
        remedy: str = "",
        place: Place | None = None,
        others: tuple[AssayError, ...] = (),
    ) -> None:
        super().__init__(code=code, message=message, remedy=remedy, place=place, others=others)
        self.distribution = distribution
        self.stage = stage

    def __reduce__(self) -> tuple[object, ...]:
        """Keep every field across processes."""
        return (
            _rebuild_fault,
            (self.message, self.distribution, self.stage, self.code, self.remedy, self.place, self.others),
        )


class ServiceError(AssayError):
    """The operator of a service acts: a model, a network, a disk (exit 3)."""


class IntegrityError(AssayError):
    """Nobody should act before looking closely: content does not match its digest or signature."""


def _rebuild(
    kind: type[AssayError], code: str, message: str, remedy: str, place: Place | None, others: tuple[AssayError, ...]
) -> AssayError:
    return kind(code=code, message=message, remedy=remedy, place=place, others=others)


def _rebuild_fault(
    message: str,
    distribution: str,
    stage: str,
    code: str,
    remedy: str,
    place: Place | None,
    others: tuple[AssayError, ...],
) -> PluginFault:
    return PluginFault(
        message=message, distribution=distribution, stage=stage, code=code, remedy=remedy, place=place, others=others
    )
