import os
import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

# No test asks the hub, which where there is no network costs ten seconds of trying.
os.environ["HF_HUB_OFFLINE"] = "1"

# No test times wall-clock: a busy machine is no failure.
settings.register_profile("unispect", deadline=None)
settings.load_profile("unispect")
