"""The enforcer `example`."""

from assay_enforcer_example.enforcer import ExampleEnforcer

__all__ = ["ExampleEnforcer"]
