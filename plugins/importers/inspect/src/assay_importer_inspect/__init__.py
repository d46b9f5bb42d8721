"""Logs of Inspect (inspect_ai)."""

from assay_importer_inspect.importer import InspectImporter

__all__ = ["InspectImporter"]
