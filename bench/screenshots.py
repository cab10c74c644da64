"""Pictures of the demo's report for the documentation, made anew: `python bench/screenshots.py demo/report.html`.

The first screen, light and dark, in Chromium; at most 200 kB each.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.helpers.browser import chromium, tab  # noqa: E402

WIDTH, HEIGHT = 1180, 760
LARGEST = 200_000


def main(report: Path) -> None:
    program = chromium()
    if program is None:
        raise SystemExit("this needs chromium")
    with TemporaryDirectory() as profile, tab(program, Path(profile)) as page:
        page.resize(WIDTH, HEIGHT)
        for theme in ("light", "dark"):
            page.theme(theme)
            page.open(report.resolve().as_uri())
            path = ROOT / "docs" / "assets" / f"demo-{theme}.png"
            page.screenshot(path, whole=False)
            small = io.BytesIO()
            Image.open(path).convert("RGB").quantize(128).save(small, "PNG", optimize=True)
            if small.tell() > LARGEST:
                raise SystemExit(f"{path} would take {small.tell():,} bytes; make the window smaller")
            path.write_bytes(small.getvalue())
            print(path, f"{small.tell():,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
