"""Bytes on the wire: lines, frames, and where they go."""
