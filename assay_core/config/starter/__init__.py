"""What `assay init` knows: presets, templates, and what a project looks like."""

from assay_core.config.starter.detect import FoundServer, Project, detect
from assay_core.config.starter.learnt import CLIMBS, StarterTask, learnt_policy, learnt_suite
from assay_core.config.starter.presets import PRESETS, Preset, find_preset
from assay_core.config.starter.templates import POLICY_HEAD, Provider, server_notes, template, workflow

__all__ = [
    "CLIMBS",
    "FoundServer",
    "POLICY_HEAD",
    "PRESETS",
    "Preset",
    "Project",
    "Provider",
    "StarterTask",
    "detect",
    "find_preset",
    "learnt_policy",
    "learnt_suite",
    "server_notes",
    "template",
    "workflow",
]
