"""Where evidence comes from: runs, profiles, decision logs, traces."""
