"""Why a bundle is not what it should be: a class and a stable name for each way to be wrong."""

from __future__ import annotations

from typing import Literal, TypeAlias

from assay_core.errors import IntegrityError, Place

__all__ = ["BundleError", "FailureClass", "Reason"]

FailureClass: TypeAlias = Literal["Integrity", "Contract", "Security", "Limits"]
Reason: TypeAlias = Literal[
    "IntegrityTar", "IntegrityGzip", "IntegrityIo", "IntegrityFileSizeMismatch", "IntegrityEventHash",
    "IntegrityManifestHash", "IntegrityRunRootMismatch", "IntegrityArchiveHash",
    "ContractFileOrder", "ContractUnexpectedFile", "ContractDuplicateFile", "ContractMissingFile",
    "ContractSchemaVersion", "ContractInvalidJson", "ContractInvalidEvent", "ContractSequenceStart",
    "ContractSequenceGap", "ContractRunIdMismatch", "ContractBundleIdMismatch",
    "SecurityPathTraversal",
    "LimitPathLength", "LimitFileSize", "LimitTotalEvents", "LimitLineBytes", "LimitBundleBytes", "LimitDecodeBytes",
    "LimitJsonDepth",
]  # fmt: skip

_CODES: dict[str, tuple[str, FailureClass]] = {
    "Integrity": ("E_BUNDLE_INTEGRITY", "Integrity"),
    "Contract": ("E_BUNDLE_CONTRACT", "Contract"),
    "Security": ("E_BUNDLE_SECURITY", "Security"),
    "Limit": ("E_BUNDLE_LIMIT", "Limits"),
}


class BundleError(IntegrityError):
    """A bundle that does not verify, at the first place where that shows.

    Attributes:
        reason: The stable name of what is wrong.
        failure: Its class.
        told: The sentence without class and name.
    """

    def __init__(self, reason: Reason, told: str, *, place: Place | None = None) -> None:
        prefix = next(each for each in _CODES if reason.startswith(each))
        code, failure = _CODES[prefix]
        super().__init__(code=code, message=f"{failure}: {told} ({reason})", place=place)
        self.reason: Reason = reason
        self.failure = failure
        self.told = told

    def __reduce__(self) -> tuple[object, ...]:
        """Keep every field across processes."""
        return (_rebuild, (self.reason, self.told, self.place))


def _rebuild(reason: Reason, told: str, place: Place | None) -> BundleError:
    return BundleError(reason, told, place=place)
