"""The commands below `assay mcp`. Each module is light: what it needs is imported when it runs."""
