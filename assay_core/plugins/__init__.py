"""Finding plugins by their metadata, loading those that a run names, telling those that listen."""
