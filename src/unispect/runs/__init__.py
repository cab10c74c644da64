"""The run folder: what was planned, what came out, how it was judged. Never imports torch.

`export`, `check` and `repair` live in the modules of their names.
"""

from unispect.runs.blobs import blob_path
from unispect.runs.check import Problem
from unispect.runs.export import Exported
from unispect.runs.manifest import Invocation, Manifest
from unispect.runs.reading import Count, RunReader
from unispect.runs.store import RunStore

__all__ = ["Count", "Exported", "Invocation", "Manifest", "Problem", "RunReader", "RunStore", "blob_path"]
