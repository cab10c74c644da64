"""Which parameters of a model learn: named groups, whole or through low-rank adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from unispect.core.errors import UsageError
from unispect.core.seeds import seed_for
from unispect.models.base import Trainable
from unispect.train.recipe import EVERYTHING, Recipe

TARGETS = "image tokenizer"
"""The group that makes the targets of drawing: it never learns."""
_ADAPTER = "default"
_TABLES = ("token embeddings", "text head")


@dataclass(frozen=True)
class Learned:
    """What learns.

    Attributes:
        names: of the parameters, in the network.
        parameters: in the same order.
        matrices: those that Muon takes.
        groups: group -> numbers in it that learn.
        adapters: how adapters were made, if they learn instead.
    """

    names: tuple[str, ...]
    parameters: tuple[nn.Parameter, ...]
    matrices: tuple[nn.Parameter, ...]
    groups: Mapping[str, int]
    adapters: LoraConfig | None = field(default=None)

    @property
    def count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters)


def set_learning(model: Trainable, recipe: Recipe) -> Learned:
    """Lets the recipe's groups learn and nothing else; adapters are put in where the recipe asks for them.

    Raises:
        UsageError: the model has none of the groups, or no linear maps in them for adapters.
    """
    network = model.network
    groups = model.parameter_groups()
    chosen = [name for name in groups if name != TARGETS and (EVERYTHING in recipe.learn or name in recipe.learn)]
    chosen = [name for name in chosen if groups[name]]
    if not chosen:
        raise UsageError(f"the model has no parameters in {', '.join(recipe.learn)}; it has {', '.join(groups)}")
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    if recipe.gradient_checkpointing:
        _forget_insides(network)
    if recipe.lora:
        return _with_adapters(network, groups, chosen, recipe)
    named = dict(network.named_parameters())
    names = tuple(name for group in chosen for name in groups[group])
    parameters = tuple(named[name] for name in names)
    for parameter in parameters:
        parameter.requires_grad_(True)
    maps = {f"{name}.weight" for name in _linear(network, groups.get("backbone", ()))}
    return Learned(
        names,
        parameters,
        tuple(named[name] for name in names if name in maps) if recipe.optimiser == "muon" else (),
        {group: sum(named[name].numel() for name in groups[group]) for group in chosen},
    )


def whole_state(network: nn.Module, state: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The network's tensors under the names they had before adapters were put in, with what adapters add to them."""
    found = dict(network.state_dict() if state is None else state)
    for name, module in network.named_modules():
        if not isinstance(module, LoraLayer):
            continue
        before = f"{name}.base_layer."
        for key in [key for key in found if key.startswith(before)]:
            found[f"{name}.{key.removeprefix(before)}"] = found.pop(key)
        change = _change(found, name, module.scaling[_ADAPTER])
        weight = found[f"{name}.weight"]
        found[f"{name}.weight"] = (weight.float() + change.float()).to(weight.dtype)
        for key in [key for key in found if key.startswith(f"{name}.lora_")]:
            del found[key]
    return found


def _change(state: Mapping[str, Tensor], name: str, scaling: float) -> Tensor:
    one, other = (state[f"{name}.lora_{part}.{_ADAPTER}.weight"] for part in "BA")
    return one @ other * scaling


def _with_adapters(
    network: nn.Module, groups: Mapping[str, Sequence[str]], chosen: Sequence[str], recipe: Recipe
) -> Learned:
    assert recipe.lora is not None
    # Tables are read as tensors, and heads are held by others than the network: neither can be wrapped.
    held = {group: _linear(network, groups[group]) for group in chosen if group not in _TABLES}
    targets = [name for names in held.values() for name in names]
    if not targets:
        raise UsageError("adapters need linear maps; let a group other than token embeddings and text head learn")
    config = LoraConfig(r=recipe.lora.rank, lora_alpha=recipe.lora.alpha, target_modules=targets, bias="none")  # pyright: ignore
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for("adapters", recipe.seed))
        inject_adapter_in_model(config, network, adapter_name=_ADAPTER)
    found = {name: parameter for name, parameter in network.named_parameters() if ".lora_" in name}
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in found)
    counts = {
        group: sum(p.numel() for name, p in found.items() if name.partition(".lora_")[0] in set(own))
        for group, own in held.items()
    }
    return Learned(tuple(found), tuple(found.values()), (), counts, config)


def _linear(network: nn.Module, parameters: Sequence[str]) -> list[str]:
    """Names of the linear maps whose weights are among these parameters."""
    known = set(parameters)
    return [
        name for name, module in network.named_modules() if isinstance(module, nn.Linear) and f"{name}.weight" in known
    ]


def _forget_insides(network: nn.Module) -> None:
    """Blocks keep their inputs only and are computed again on the way back."""
    again: Any = partial(checkpoint, use_reentrant=False)
    for module in network.modules():
        if isinstance(module, GradientCheckpointingLayer):
            module.gradient_checkpointing = True
            module._gradient_checkpointing_func = again  # pyright: ignore
            # Of the block alone: what it holds stays as it is when models are used.
            module.training = True
