"""Learning to draw: hidden image tokens behind a prompt.

Drawing is learned as in MaskGIT (Chang et al., 2022): a share of the image tokens is hidden, the share from the cosine
schedule of drawing at an even time, and the cross entropy of the hidden ones is the loss, over the whole vocabulary as
the authors have it. So that the loss of an example does not depend on its batch, every example has a share of its
own, and the loss is the mean over examples of the mean over their hidden tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.models.capture import run_at
from unispect.models.decode.confident import open_share
from unispect.models.decode.masked import random_orders
from unispect.models.show_o.network import ShowONetwork


def masked_positions(seed: int, image_tokens: int, everything: float = 0.0) -> Tensor:
    """Which positions [image tokens] of an example's picture are masked, from its seed alone.

    Args:
        seed: of the example.
        image_tokens: in a picture.
        everything: chance that all of them are.
    """
    generator = torch.Generator().manual_seed(seed % 2**64)
    order = random_orders([generator], image_tokens)[0]
    time, share = torch.rand(2, generator=generator)
    count = max(1, round(image_tokens * float(open_share("cosine", time))))
    hidden = torch.zeros(image_tokens, dtype=torch.bool)
    hidden[order[: image_tokens if float(share) < everything else count]] = True
    return hidden


def draw_loss(network: ShowONetwork, ids: Tensor, attention_masks: Tensor, codes: Tensor, hidden: Tensor) -> Tensor:
    """Mean cross entropy per hidden image token, in nats.

    Args:
        network: filled.
        ids: canvas ids of every example [examples, text tokens + image tokens + 2]; what they say of the picture is not
        used.
        attention_masks: their attention masks [examples, length, length].
        codes: of their pictures [examples, image tokens], on the network's device.
        hidden: True where a position is masked [examples, image tokens].
    """
    config, backbone, device = network.config, network.backbone, codes.device
    ids, hidden, picture = ids.to(device), hidden.to(device), config.picture
    ids[:, picture] = torch.where(hidden, config.mask, codes + config.first_code)
    # Places of text that no prompt uses are left out; positions are counted as if they were there.
    cut = int((ids[:, : config.text_tokens] == config.special("[PAD]")).sum(1).min())
    mask = attention_masks[:, None, cut:, cut:].to(device)
    positions = torch.arange(cut, ids.shape[1], device=device)[None]
    wanted = torch.zeros_like(ids, dtype=torch.bool)
    wanted[:, picture] = hidden
    states = run_at(backbone, backbone.embed_tokens(ids[:, cut:]), wanted[:, cut:], positions=positions, mask=mask)
    logits = network.showo.lm_head(states).float()
    each = F.cross_entropy(logits, codes[hidden] + config.first_code, reduction="none")
    counts = hidden.sum(1)
    return (each / counts.repeat_interleave(counts)).sum() / len(ids)
