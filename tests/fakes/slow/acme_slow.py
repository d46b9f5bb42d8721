"""Waits while it is imported, and runs for ever should a test forget that nothing may import it."""

import time

time.sleep(3600)
