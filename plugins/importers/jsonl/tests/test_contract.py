"""The importer keeps the contract of importers."""

from __future__ import annotations

import pytest
from assay_importer_jsonl import JsonlImporter

from assay_core.testing import ImporterContract

SAMPLE = b"""\
{"run_id":"r1","tool":"read_file","args":{"path":"/srv/a"},"ts_ms":1}
{"prompt":"hi","response":"yo","request_id":"q1","tool_calls":[{"tool":"x","args":{"a":1}}]}
{"schema_version":1,"type":"assay.trace","request_id":"r9","prompt":"hi","response":"yo","meta":{"a":"b"}}
{"type":"episode_start","episode_id":"e1","timestamp":1000,"input":{"prompt":"p"},"meta":null}
{"type":"step","episode_id":"e1","step_id":"s1","idx":0,"timestamp":1100,"kind":"model","content":"t"}
{"type":"tool_call","episode_id":"e1","step_id":"s1","timestamp":1150,"tool_name":"t","call_index":0,"args":{"a":[1]}}
{"type":"episode_end","episode_id":"e1","timestamp":1300,"outcome":"pass","final_output":"done"}
{"type":"file_open","path":"/etc/passwd","pid":1}
{"tool":"bare"}
"""


class TestJsonlImporter(ImporterContract):
    @pytest.fixture
    def importer(self) -> JsonlImporter:
        return JsonlImporter()

    @pytest.fixture
    def sample(self) -> bytes:
        return SAMPLE
