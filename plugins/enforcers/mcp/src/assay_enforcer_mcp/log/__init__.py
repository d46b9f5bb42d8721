"""The decision log: what was decided, on disk before it takes effect."""
