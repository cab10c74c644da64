"""Packages that only a part of unispect needs: what pyproject.toml calls extras, and how their absence is told.

numpy and scipy are always there; `unispect.metrics` needs torch besides. Everything else is imported where it is used,
and where users come in (the command line, `unispect.load`) its absence becomes a `MissingExtra`. Models bring torch:
runs are merged, read, graded by rules or over a network and reported without it, and models behind an API are asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from unispect.core.errors import UsageError

EXTRAS: Mapping[str, Mapping[str, str]] = {
    "run": {
        "PIL": "pillow",
        "cyclopts": "cyclopts",
        "httpx2": "httpx2",
        "packaging": "packaging",
        "pyarrow": "pyarrow",
        "pydantic": "pydantic",
        "rich": "rich",
        "yaml": "pyyaml",
    },
    "models": {
        "torch": "torch",
        "accelerate": "accelerate",
        "diffusers": "diffusers",
        "huggingface_hub": "huggingface-hub",
        "safetensors": "safetensors",
        "sklearn": "scikit-learn",
        "tokenizers": "tokenizers",
        "transformers": "transformers",
    },
    "metrics": {"torch": "torch", "sklearn": "scikit-learn"},
    "report": {"jinja2": "jinja2", "markupsafe": "jinja2", "vl_convert": "vl-convert-python"},
    "view": {"starlette": "starlette", "uvicorn": "uvicorn"},
    "faces": {"dicebear": "dicebear-core", "resvg_py": "resvg-py"},
    "train": {"peft": "peft", "psutil": "psutil"},
    "judges": {"anthropic": "anthropic", "google": "google-genai", "openai": "openai"},
    "notebook": {"altair": "altair", "pandas": "pandas", "tqdm": "tqdm"},
    "quantised": {
        "bitsandbytes": "bitsandbytes",
        "compressed_tensors": "compressed-tensors",
        "gguf": "gguf",
        "torchao": "torchao",
    },
    "inspect": {"inspect_ai": "inspect-ai"},
    "ray": {"ray": "ray"},
}
"""Extra -> name of a module -> package that brings it."""


class MissingExtra(UsageError, ImportError):
    """A package of an extra is not installed, or what only POSIX systems have; says which, and what to do."""


def missing(error: BaseException | None) -> MissingExtra | None:
    """What to say of an import that failed because a package of an extra is not there; None of any other error."""
    if isinstance(error, MissingExtra):
        return error
    if not isinstance(error, ImportError) or not error.name:
        return None
    module = error.name.partition(".")[0]
    if module == "fcntl":
        return MissingExtra(
            "unispect locks what it writes as POSIX systems do (fcntl), and this system has no such locks: on Windows, "
            "use it in the Windows Subsystem for Linux",
            name=module,
        )
    for extra, packages in EXTRAS.items():
        if module in packages:
            return MissingExtra(
                f"this needs {packages[module]}, which is not installed: pip install 'unispect[{extra}]' "
                "(unispect[all] brings what all commands need)",
                name=module,
            )
    return None


@contextmanager
def told() -> Iterator[None]:
    """Where imports inside fail because a package of an extra is not there, that is said.

    Raises:
        MissingExtra: in place of the import's own error.
    """
    try:
        yield
    except ImportError as error:
        if (found := missing(error)) is None:
            raise
        raise found from None
