"""A reporter with options."""

import attrs


@attrs.frozen(kw_only=True)
class Options:
    limit: int = 10
    title: str = "assay"


class Reporter:
    options_type = Options
    default_output = None
    appends = False

    def __init__(self, options):
        self.options = options

    def report(self, run, outputs):
        raise NotImplementedError
