"""The run folder: what was planned, what came out, how it was judged. Never imports torch."""

from unispect.runs.blobs import blob_path
from unispect.runs.check import Problem, check
from unispect.runs.export import Exported, export
from unispect.runs.manifest import Invocation, Manifest
from unispect.runs.reading import Count, RunReader
from unispect.runs.repair import repair
from unispect.runs.store import RunStore

__all__ = [
    "Count",
    "Exported",
    "Invocation",
    "Manifest",
    "Problem",
    "RunReader",
    "RunStore",
    "blob_path",
    "check",
    "export",
    "repair",
]
