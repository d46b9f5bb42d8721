"""From the bytes of a policy file to its normalised form."""
