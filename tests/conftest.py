import os
from pathlib import Path

from hypothesis import settings

ROOT = str(Path(__file__).parents[1])

# Programs that tests start by their path find `tests.helpers` too.
if ROOT not in (path := os.environ.get("PYTHONPATH", "").split(os.pathsep)):
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*path, ROOT]))

# No test asks the hub, which where there is no network costs ten seconds of trying.
os.environ["HF_HUB_OFFLINE"] = "1"

# No test times wall-clock: a busy machine is no failure.
settings.register_profile("unispect", deadline=None)
settings.load_profile("unispect")
