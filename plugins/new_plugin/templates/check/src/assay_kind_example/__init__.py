"""The policy key `example`."""

from assay_check_example.check import ExampleCheck, ExampleOptions

__all__ = ["ExampleCheck", "ExampleOptions"]
