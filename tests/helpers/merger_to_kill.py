"""A program that merges runs and dies at a call into C.

python -m tests.helpers.merger_to_kill CALLS RUN... OUT
"""

import sys
from pathlib import Path

from tests.helpers.writer_to_kill import die_after
from unispect.runs.merge import merge

CALLS = 4000
"""About as many as a merge of two small runs makes."""


if __name__ == "__main__":
    *sources, out = map(Path, sys.argv[2:])
    die_after(int(sys.argv[1]))
    merge(sources, out)
