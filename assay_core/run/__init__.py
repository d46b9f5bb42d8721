"""A run: ingest, evaluate, gate, publish. `conductor` is the only module that knows them all."""
