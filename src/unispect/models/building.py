"""The way from a checkpoint's files to a network, guarded: what cannot be built is refused in words, and at once.

Single settings are checked where sections are read (`config_values`). What only shows when parts are put together is
caught here, be it said by a stock class or by arithmetic; and no network is put together that has far more tensors than
the weights could fill.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError, UnispectError
from unispect.models.checkpoint import Checkpoint
from unispect.models.config_values import counts
from unispect.models.json_file import read_json

Sizes = TypeVar("Sizes")
Network = TypeVar("Network", bound=nn.Module)

_FEW = 2_000
"""Tensors that are always put together, so that what weights lack is named; they take a second."""
_PIECES = 3
"""Most of our tensors that one published tensor becomes (queries, keys and values)."""
_FAULTS = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    OSError,
    StrictDataclassError,
)
"""What reading and arithmetic raise of odd values, and stock classes when they check theirs."""
_OWN = (UnispectError, torch.OutOfMemoryError)


@contextmanager
def within(checkpoint: Checkpoint) -> Iterator[None]:
    """Around the making of a network on the meta device, by the sizes that a checkpoint's files give.

    Raises:
        CheckpointError: the sizes do not fit each other, or ask for far more tensors than the weights hold.
    """
    try:
        with _limited(checkpoint):
            yield
    except _OWN:
        raise
    except _FAULTS as error:
        files = ", ".join(str(path) for path in _configurations(checkpoint))
        raise CheckpointError(
            f"{files or checkpoint.folder}: these sizes fit no network ({reason_of(error)}); correct them, or fetch "
            "the checkpoint again"
        ) from error


@contextmanager
def in_words(card: ModelCard, source: str | Path) -> Iterator[None]:
    """Around the making of a model of a card from a place, with every fault of the files there put in words.

    Raises:
        CheckpointError: a file there holds what is not expected.
    """
    try:
        yield
    except _OWN:
        raise
    except _FAULTS as error:
        raise CheckpointError(
            f"{source or card.id} cannot be loaded as {card.id} ({reason_of(error)}): a file there holds what is not "
            "expected; correct it, or fetch the checkpoint again"
        ) from error


def empty(build: Callable[[Sizes], Network], config: Sizes) -> Network:
    """A network on the meta device: names and shapes without memory.

    Args:
        build: the network of sizes; often its class.
        config: the sizes.
    """
    with torch.device("meta"):
        return build(config)


def fresh(
    build: Callable[[Sizes], Network], config: Sizes, seed: int, initialise: Callable[[Network], None] | None = None
) -> Network:
    """A network in float32, in evaluation mode, with initial weights drawn from `seed` alone.

    Args:
        build: as `empty`.
        config: the sizes.
        seed: of the weights; no other generator is touched.
        initialise: draws those that the stock classes leave at zero or should not draw; default: none.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(config)
        if initialise:
            initialise(network)
        return network.eval()


def make_buffers(network: nn.Module, device: torch.device) -> None:
    """Makes what stock classes compute and no checkpoint holds, for a network built on the meta device.

    That is: rotary frequencies, and the numbers of positions.
    """
    for module in cast("list[Any]", list(network.modules())):
        rotary = getattr(module, "rotary_emb", None)
        if isinstance(rotary, nn.Module):
            module.rotary_emb = type(rotary)(rotary.config).to(device)
        if isinstance(getattr(module, "position_ids", None), Tensor):
            positions = torch.arange(module.num_positions, device=device)[None]
            module.register_buffer("position_ids", positions, persistent=False)


def reason_of(error: BaseException) -> str:
    """Class and message of an error on one line, cut where it is long."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text if len(text) <= 300 else text[:299] + '…'}".removesuffix(": ")


@contextmanager
def _limited(checkpoint: Checkpoint) -> Iterator[None]:
    held = len(checkpoint.shapes())
    most = max(_FEW, _PIECES * held)
    made, thread = 0, threading.get_ident()

    def counted(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal made
        if threading.get_ident() != thread:  # the hook hears of every network of this process
            return
        made += 1
        if made > most:
            raise CheckpointError(
                f"{checkpoint.folder}: the configuration asks for more than {most} tensors, but the weights hold {held}"
                f"{_largest(checkpoint)}; correct it, or fetch the checkpoint again"
            )

    handle = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()


def _largest(checkpoint: Checkpoint) -> str:
    """The largest number of blocks that a configuration gives, which is the likely reason."""
    found = [
        (count, f"{path}: {where}") for path in _configurations(checkpoint) for count, where in counts(read_json(path))
    ]
    count, where = max(found, default=(0, ""))
    return f" ({where} is {count})" if where else ""


def _configurations(checkpoint: Checkpoint) -> Iterator[Path]:
    ledgers = (checkpoint.ledger, *checkpoint.parts)
    yield from (path for ledger in ledgers for path in ledger.paths() if path.name.endswith("config.json"))
