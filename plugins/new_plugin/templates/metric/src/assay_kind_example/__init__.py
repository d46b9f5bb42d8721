"""The `expected` type `example`."""

from assay_metric_example.metric import ExampleMetric, ExampleOptions

__all__ = ["ExampleMetric", "ExampleOptions"]
