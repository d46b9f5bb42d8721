"""The commands below `assay evidence`. Each module is light: what it needs is imported when it runs."""
