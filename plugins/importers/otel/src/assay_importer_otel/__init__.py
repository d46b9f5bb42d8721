"""OpenTelemetry spans of agents."""

from assay_importer_otel.importer import OtelImporter

__all__ = ["OtelImporter"]
