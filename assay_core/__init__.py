"""The small core of assay: contracts, the policy engine and the run. Importing it imports nothing else."""

__version__ = "1.0.0a1"
API_VERSION = 1
