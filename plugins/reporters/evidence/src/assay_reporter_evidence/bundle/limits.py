"""How much of a bundle is read before it is refused."""

from __future__ import annotations

import attrs

__all__ = ["Limits"]


@attrs.frozen(kw_only=True)
class Limits:
    """Ceilings; what is exactly at one is accepted.

    Source:
        spec/evidence-bundle.md §8.1; `max_ratio` is ours.
    """

    max_bundle_bytes: int = 104_857_600  # of the archive as stored
    max_decode_bytes: int = 1_073_741_824  # of what it decompresses to
    max_manifest_bytes: int = 10_485_760
    max_events_bytes: int = 524_288_000
    max_events: int = 100_000  # lines, blank ones included
    max_line_bytes: int = 1_048_576  # its line feed included
    max_path_len: int = 256
    max_json_depth: int = 64
    max_ratio: int = 1000  # decompressed to stored, once more than 16 MiB came out
