"""Made for another API; importing it would fail."""

from assay_core.plugin import MetricBase  # gone
