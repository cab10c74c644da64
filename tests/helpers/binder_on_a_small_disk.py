"""A program that binds on disks that are too small, and goes on there once they are larger.

python -m tests.helpers.binder_on_a_small_disk FOLDER

FOLDER is a disk in memory that this process may mount anew. What happened goes to standard output, as JSON.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.helpers import tiny_binding
from tests.helpers.failing_disk import contents
from unispect.core.errors import StoreError

SIZES = (4, 12, 40, 400, 1600, 2000, 2400, 4000, 6000, 8000)
"""Of the disk, in kB."""


def resize(disk: Path, kilobytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", disk], check=True)


def main(disk: Path) -> None:
    settings = {
        "steps": 2,
        "save_every": 1,
        "save_at": (1,),
        "batch": 1,
        "micro_batch": 1,
        "teach": {"drawing": "drawing"},
    }
    told = []
    with tiny_binding.known(), tempfile.TemporaryDirectory() as place:
        binder = tiny_binding.Binder(Path(place), **settings)
        binder.finetune(Path(place) / "whole")
        whole = contents(Path(place) / "whole")
        for size in SIZES:
            resize(disk, size)
            out = disk / "out"
            try:
                binder.finetune(out)
                message = ""
            except StoreError as error:
                message = str(error)
            resize(disk, 100_000)
            binder.finetune(out)
            told.append({"size": size, "message": message, "same": contents(out) == whole})
            subprocess.run(["rm", "-r", out], check=True)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
