"""Checks of meaning: how near a response or the arguments of a call are to known texts, by vectors."""
