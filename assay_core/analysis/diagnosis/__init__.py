"""What is wrong, or will surprise, in a project: what `assay doctor` finds. One module per area."""
