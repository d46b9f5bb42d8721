"""Bundles: a manifest and events in a small archive that anyone can check."""
