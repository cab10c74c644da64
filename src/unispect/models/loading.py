"""The one way from a folder to a model and back; what is a family's own about it stands in a `Family`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from unispect.core.cards import ModelCard
from unispect.core.errors import UsageError
from unispect.models.adapter_files import OpenAdapter
from unispect.models.adapters import amendments
from unispect.models.building import empty, fresh, in_words, make_buffers, within
from unispect.models.checkpoint import Checkpoint, Layout, files_in, open_checkpoint
from unispect.models.devices import devices_for, dtype_for, keep_pages
from unispect.models.keys import AS_IS, KeyTable, Tied, amend, check_copy, fill, published, with_original
from unispect.models.shards import save_shard

Made = TypeVar("Made")


@dataclass(frozen=True)
class Found:
    """What the files of a checkpoint say, before its weights are read.

    Attributes:
        checkpoint: with the weights of parts that are published by themselves.
        config: sizes of the network.
        processor: of prompts.
        settings: what else they decide, for `Family.model`.
    """

    checkpoint: Checkpoint
    config: Any
    processor: Any
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Family(Generic[Made]):
    """How models of a family are loaded, started and saved; every `folder.py` has one, `FAMILY`.

    Attributes:
        read: `read(card, checkpoint)`, what its files say; a folder that an untrained model starts from has no weights.
        build: `build(config)`, the network of sizes.
        stacks: blocks that may lie on several devices, in the order they are run.
        model: `model(card, network, processor, **settings)`, with the card's settings, and on the card the sizes that
            were really loaded.
        layout: how its weights are published.
        open: `open(card, source)`, the checkpoint in a folder or on the hub, where the layout does not say it all.
        table: `table(config, checkpoint)`, published names -> ours; also of a folder that weights are written into.
        finish: `finish(network, device)` makes the buffers that no checkpoint holds, beside those of stock classes
            (`building.make_buffers`).
        initialise: `initialise(network)` draws first weights where those of the stock classes do not serve.
        tied: `tied(config, checkpoint)`, the tensor that is dropped as a copy; None for none.
        check: `check(config, checkpoint)` holds tensors that are dropped to what is computed in their place.
        exact: beginnings of our names that are float32 whatever the precision.
        companions: `companions(folder)`, folders and files inside or beside it that hold sizes or the tokenizer.
        beside: `beside(network, folder)` writes what has to stand beside saved weights, if it is not there.
    """

    read: Callable[[ModelCard, Checkpoint], Found]
    build: Callable[[Any], nn.Module]
    stacks: Sequence[str]
    model: Callable[..., Made]
    layout: Layout = field(default_factory=Layout)
    open: Callable[[ModelCard, str | Path], Checkpoint] | None = None
    table: Callable[[Any, Checkpoint], KeyTable] = lambda config, checkpoint: AS_IS
    finish: Callable[[Any, torch.device], None] = lambda network, device: None
    initialise: Callable[[Any], None] | None = None
    tied: Callable[[Any, Checkpoint], Tied | None] = lambda config, checkpoint: None
    check: Callable[[Any, Checkpoint], None] = lambda config, checkpoint: None
    exact: tuple[str, ...] = ()
    companions: Callable[[Path], Iterable[Path]] = lambda folder: ()
    beside: Callable[[Any, Path], None] = lambda network, folder: None

    def load(
        self,
        card: ModelCard,
        weights: str | Path = "",
        *,
        device: str = "auto",
        dtype: str = "auto",
        adapters: Sequence[OpenAdapter] = (),
    ) -> Made:
        """A model from a checkpoint folder or hub id (default: the card's), in any layout that is published.

        Adapters are merged into its weights; its card is the base's (`adapters.with_adapters` says what it is then).

        Raises:
            CheckpointError: the checkpoint or what belongs to it is incomplete, damaged or another model's, or an
                adapter is; names key and file.
            UsageError: no such folder, device or dtype; or none is named of a model that is not published.
        """
        source = weights or card.hub
        if not source:
            raise UsageError(f"{card.id} has no published weights: name a folder that holds some ({card.id}=FOLDER)")
        with in_words(card, weights):
            devices = devices_for(device)
            dtype_for(dtype, devices[0])  # refuses what is none before anything is fetched
            if devices[0].type == "cpu":
                keep_pages()
            opened = self.open(card, source) if self.open else open_checkpoint(source, layout=self.layout)
            found = self.read(card, opened)
            network = self._filled(card, found, devices, dtype, adapters)
            return self._model(found.checkpoint.on(card), network, found)

    def merge(self, model: Any, path: str | Path, adapters: Sequence[OpenAdapter]) -> None:
        """Merges adapters into a model that is loaded, whose weights were changed since `path` was read.

        Raises:
            CheckpointError: an adapter is another model's, or damaged; names file and tensors.
        """
        checkpoint, network = open_checkpoint(path, layout=self.layout), model.network
        table = self.table(network.config, checkpoint)
        amend(network, table, amendments(adapters, model.card, checkpoint, table, network))

    def start(self, card: ModelCard, folder: str | Path, *, seed: int) -> Made:
        """An untrained model, in float32 on the CPU, with the sizes and the processor that a folder's files give.

        The folder holds all files of the authors' layout but the weights.

        Raises:
            CheckpointError: a file is missing, or sizes do not fit each other.
        """
        with in_words(card, folder):
            found = self.read(card, files_in(Path(folder)))
            return self._model(card, fresh(self.build, found.config, seed, self.initialise), found)

    def save(self, model: Any, path: str | Path, *, dtype: torch.dtype | None = None) -> None:
        """Writes all weights as one safetensors file under the authors' names, in `dtype` (default: as they are).

        Those of parts that are published by themselves stand behind a prefix.
        """
        network, folder = model.network, Path(path).parent
        self.beside(network, folder)
        state = published(self.table(network.config, files_in(folder)), network.state_dict())
        save_shard(Path(path), state, dtype)

    def _model(self, card: ModelCard, network: nn.Module, found: Found) -> Made:
        parameters = round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 3)
        return self.model(replace(card, parameters=parameters), network, found.processor, **found.settings)

    def _filled(
        self,
        card: ModelCard,
        found: Found,
        devices: Sequence[torch.device],
        dtype: str,
        adapters: Sequence[OpenAdapter],
    ) -> nn.Module:
        """The network with the checkpoint's weights, in evaluation mode.

        Raises:
            CheckpointError: keys or shapes do not fit; names key and file.
        """
        checkpoint, config = found.checkpoint, found.config
        with within(checkpoint):
            network = empty(self.build, config)
        tied = self.tied(config, checkpoint)
        if tied:
            checkpoint = with_original(checkpoint, tied)
        table = self.table(config, checkpoint)
        precision = dtype_for(dtype, devices[0], in_bfloat16=checkpoint.in_bfloat16)
        how = {"stacks": self.stacks, "devices": devices, "dtype": precision, "exact": self.exact}
        if adapters:
            how["amended"] = amendments(adapters, checkpoint.on(card), checkpoint, table, network)
        fill(network, checkpoint, table, **how)
        if tied:
            check_copy(checkpoint, tied)
        self.check(config, checkpoint)
        make_buffers(network, devices[0])
        self.finish(network, devices[0])
        left = [name for name, tensor in (*network.named_parameters(), *network.named_buffers()) if tensor.is_meta]
        assert not left, f"never filled: {left}"
        return network.eval()
