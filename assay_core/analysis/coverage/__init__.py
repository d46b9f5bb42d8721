"""How much some traces tested: of a policy, its tools, rules and schemas; and which tools follow which."""

from assay_core.analysis.coverage.measure import cover, observe
from assay_core.analysis.coverage.report import CoverageReport, Gap, PolicyFinding
from assay_core.analysis.coverage.schema_walk import SchemaCoverage
from assay_core.analysis.coverage.tool_lines import read_tool_lines
from assay_core.analysis.coverage.tool_report import ToolReport
from assay_core.analysis.coverage.tool_use import Route

__all__ = [
    "CoverageReport",
    "Gap",
    "PolicyFinding",
    "Route",
    "SchemaCoverage",
    "ToolReport",
    "cover",
    "observe",
    "read_tool_lines",
]
