"""What would put a red gate right: patches, where they come from, and how they are applied."""
