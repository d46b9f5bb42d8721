"""Results of promptfoo."""

from assay_importer_promptfoo.importer import PromptfooImporter

__all__ = ["PromptfooImporter"]
