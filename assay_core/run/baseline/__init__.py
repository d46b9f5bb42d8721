"""Baselines: what an earlier run scored and did, and whether this one is worse."""
