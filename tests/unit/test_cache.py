from __future__ import annotations

from assay_core.cache import RunCache
from assay_core.errors import ServiceError


class Kept:
    """A cache that outlives runs, and can break."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.broken = False

    def get(self, key: str) -> bytes | None:
        self._check()
        return self.values.get(key)

    def put(self, key: str, value: bytes) -> None:
        self._check()
        self.values[key] = value

    def _check(self) -> None:
        if self.broken:
            raise ServiceError(code="E_STORE_FAILED", message="disk full")


def test_without_a_store_results_last_for_the_run() -> None:
    cache = RunCache()

    cache.put("k", b"v")

    assert (cache.get("k"), cache.get("other"), RunCache().get("k")) == (b"v", None, None)


def test_the_hit_rate_counts_each_key_once_and_nothing_that_was_bypassed() -> None:
    kept = Kept()
    kept.values["old"] = b"v"
    cache = RunCache(kept)
    assert cache.hit_rate == 0.0

    with cache.bypassed():
        cache.get("never")
    for _ in range(3):
        cache.get("old")
        cache.get("new")
        cache.put("new", b"w")

    assert cache.hit_rate == 0.5
    assert RunCache(kept, read_kept=False).get("old") is None


def test_with_a_store_results_outlive_the_run_and_hits_are_counted() -> None:
    kept = Kept()
    RunCache(kept).put("k", b"v")
    later = RunCache(kept)

    assert [later.get("k"), later.get("k"), later.get("x")] == [b"v", b"v", None]
    assert later.hits == 1


def test_refreshing_writes_and_does_not_read_what_was_kept() -> None:
    kept = Kept()
    kept.values["k"] = b"old"
    cache = RunCache(kept, read_kept=False)

    assert cache.get("k") is None
    cache.put("k", b"new")
    assert (cache.get("k"), kept.values["k"]) == (b"new", b"new")


def test_a_check_that_is_run_again_gets_no_cached_answer() -> None:
    cache = RunCache(Kept())
    cache.put("k", b"first")

    with cache.bypassed():
        assert cache.get("k") is None
        cache.put("k", b"second")

    assert cache.get("k") == b"second"


def test_a_store_that_breaks_costs_the_check_nothing_and_is_remembered() -> None:
    kept = Kept()
    cache = RunCache(kept)
    kept.broken = True

    cache.put("k", b"v")

    assert (cache.get("k"), cache.get("x")) == (b"v", None)
    assert cache.failure is not None
    assert cache.failure.code == "E_STORE_FAILED"
