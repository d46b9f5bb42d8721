"""The policy at run time, on the wire: `assay mcp wrap` and what belongs to it."""

from assay_enforcer_mcp.enforcer import McpEnforcer

__all__ = ["McpEnforcer"]
