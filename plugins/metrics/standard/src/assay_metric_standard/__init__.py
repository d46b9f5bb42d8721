"""The deterministic checks of assay: every `expected` type that needs no model, and the assertions about traces."""
