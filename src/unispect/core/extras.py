"""Packages that only a part of unispect needs: what pyproject.toml calls extras, and how their absence is told.

torch, numpy and scipy are always there; `unispect.metrics` needs no more. Everything else is imported where it is used,
and where users come in (the command line, `unispect.load`) its absence becomes a `MissingExtra`.
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
        "accelerate": "accelerate",
        "diffusers": "diffusers",
        "huggingface_hub": "huggingface-hub",
        "safetensors": "safetensors",
        "tokenizers": "tokenizers",
        "transformers": "transformers",
    },
    "report": {"jinja2": "jinja2", "markupsafe": "jinja2", "vl_convert": "vl-convert-python"},
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
    """A package of an extra is not installed; says which, and how to get it."""


def missing(error: BaseException | None) -> MissingExtra | None:
    """What to say of an import that failed because a package of an extra is not there; None of any other error."""
    if isinstance(error, MissingExtra):
        return error
    if not isinstance(error, ImportError) or not error.name:
        return None
    module = error.name.partition(".")[0]
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
