"""From the normalised form to decisions: compiled rules, sessions, whole episodes."""
