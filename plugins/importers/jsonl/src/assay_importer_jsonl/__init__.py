"""Traces in JSON Lines."""

from assay_importer_jsonl.importer import JsonlImporter

__all__ = ["JsonlImporter"]
