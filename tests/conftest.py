import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

# No test times wall-clock: a busy machine is no failure.
settings.register_profile("unispect", deadline=None)
settings.load_profile("unispect")
