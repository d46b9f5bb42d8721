"""Output for command authors and reporters: text that is safe to show."""

from assay_core.commandline.visible import excerpt, sanitise

__all__ = ["excerpt", "sanitise"]
