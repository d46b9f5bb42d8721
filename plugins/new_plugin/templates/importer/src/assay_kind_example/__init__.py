"""Reads traces in the format `example`."""

from assay_importer_example.importer import ExampleImporter

__all__ = ["ExampleImporter"]
