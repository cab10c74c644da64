"""A tiny model on as many GPUs as Ray gives its actor, all pretended."""

import os

import unispect
from tests.helpers.pretended_devices import pretended_devices
from unispect.models.base import UnifiedModel

MODEL = "tiny-show-o"
_PRETENCE = pretended_devices()
"""Kept for as long as the actor lives."""


def loaded(expected: int) -> UnifiedModel:
    given = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
    assert len(given) == expected
    _PRETENCE.__enter__()
    return unispect.load(MODEL, device=",".join(f"pretend:{i}" for i in range(expected)), dtype="float32")
