"""A metric for assay: no tool call is repeated again and again."""

from assay_metric_example.max_repeats import MaxRepeats, MaxRepeatsOptions

__all__ = ["MaxRepeats", "MaxRepeatsOptions"]
