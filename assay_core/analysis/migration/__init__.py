"""Migrating projects: which files, what becomes of them, the proof that they decide the same, and the way back."""
