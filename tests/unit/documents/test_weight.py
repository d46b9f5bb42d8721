"""What importing the package costs."""

from __future__ import annotations

import subprocess
import sys


def test_importing_documents_imports_no_yaml_library_and_no_converter() -> None:
    program = "import sys, assay_core.documents; print([m for m in ('ruamel.yaml', 'cattrs') if m in sys.modules])"

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
