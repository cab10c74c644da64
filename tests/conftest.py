import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings

ROOT = str(Path(__file__).parents[1])

# Programs that tests start by their path find `tests.helpers` too.
if ROOT not in (path := os.environ.get("PYTHONPATH", "").split(os.pathsep)):
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*path, ROOT]))

# Runs sync every picture and record, which takes most disks longer than tests compute: temporary files are in memory
# where there is room for what a suite leaves, several times.
MEMORY, ROOM = Path("/dev/shm"), 6 * 2**30
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM:
    os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None

# No test asks the hub, which where there is no network costs ten seconds of trying.
os.environ["HF_HUB_OFFLINE"] = "1"

# No test times wall-clock: a busy machine is no failure.
settings.register_profile("unispect", deadline=None)
settings.load_profile("unispect")
