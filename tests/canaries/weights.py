"""What lies in a folder of weights."""

from pathlib import Path

from safetensors import safe_open


def held(folder: Path) -> dict[str, str]:
    """Names of all tensors in the folder's files, and what the files say besides."""
    found: dict[str, str] = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            found |= dict.fromkeys(file.keys(), "") | (file.metadata() or {})
    return found
