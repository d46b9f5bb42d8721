"""YAML 1.2 with positions, strict JSON, atomic writes, backups, diffs. Importing it imports no YAML library."""

from assay_core.documents.document import Document, ErrorKind
from assay_core.documents.editing import EditableDocument
from assay_core.documents.json import parse_json
from assay_core.documents.structuring import structure_document, structure_value
from assay_core.documents.writing import backup, create_file, open_atomic, unified_diff, write_atomic
from assay_core.documents.yaml import parse_document, read_document

__all__ = [
    "Document",
    "EditableDocument",
    "ErrorKind",
    "backup",
    "create_file",
    "open_atomic",
    "parse_document",
    "parse_json",
    "read_document",
    "structure_document",
    "structure_value",
    "unified_diff",
    "write_atomic",
]
