"""`python -m assay_core`: the same as `assay`."""

import sys

from assay_core.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
