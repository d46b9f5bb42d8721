"""Recorded MCP sessions."""

from assay_importer_mcp.importer import McpImporter

__all__ = ["McpImporter"]
