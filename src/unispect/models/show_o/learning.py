"""Learning to draw: hidden image tokens behind a prompt.

Drawing is learned as in MaskGIT (Chang et al., 2022): a share of the image tokens is hidden, the share from the cosine
schedule of drawing at an even time, and the cross entropy of the hidden ones is the loss, over the whole vocabulary as
the authors have it. So that the loss of an example does not depend on its company, every example has a share of its
own, and the loss is the mean over examples of the mean over their hidden tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.models.capture import run
from unispect.models.decode.confident import open_share
from unispect.models.decode.masked import random_orders
from unispect.models.show_o.network import ShowONetwork


def hidden_places(seed: int, places: int, everything: float = 0.0) -> Tensor:
    """Which places [places] of an example's picture are hidden, from its seed alone.

    Args:
        seed: of the example.
        places: in a picture.
        everything: chance that all of them are.
    """
    generator = torch.Generator().manual_seed(seed % 2**64)
    order = random_orders([generator], places)[0]
    time, lot = torch.rand(2, generator=generator)
    count = max(1, round(places * float(open_share("cosine", time))))
    hidden = torch.zeros(places, dtype=torch.bool)
    hidden[order[: places if float(lot) < everything else count]] = True
    return hidden


def draw_loss(network: ShowONetwork, ids: Tensor, sights: Tensor, codes: Tensor, hidden: Tensor) -> Tensor:
    """Mean cross entropy per hidden image token, in nats.

    Args:
        network: filled.
        ids: canvas ids of every example [examples, text places + places + 2]; what they say of the picture is not used.
        sights: their attention masks [examples, length, length].
        codes: of their pictures [examples, places], on the network's device.
        hidden: True where a place is hidden [examples, places].
    """
    config, trunk, device = network.config, network.trunk, codes.device
    ids, hidden, picture = ids.to(device), hidden.to(device), config.picture
    ids[:, picture] = torch.where(hidden, config.mask, codes + config.first_code)
    # Places of text that no prompt uses are left out; positions are counted as if they were there.
    cut = int((ids[:, : config.text_places] == config.special("[PAD]")).sum(1).min())
    look = sights[:, None, cut:, cut:].to(device)
    positions = torch.arange(cut, ids.shape[1], device=device)[None]
    states = run(trunk, trunk.embed_tokens(ids[:, cut:]), positions=positions, mask=look)[:, picture.start - cut : -1]
    logits = network.showo.lm_head(states[hidden]).float()
    each = F.cross_entropy(logits, codes[hidden] + config.first_code, reduction="none")
    counts = hidden.sum(1)
    return (each / counts.repeat_interleave(counts)).sum() / len(ids)
