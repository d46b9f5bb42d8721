"""Old forms of a suite: found, and rewritten in the current form with every other byte left as it is."""
