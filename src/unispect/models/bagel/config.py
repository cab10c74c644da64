"""From the published `llm_config.json`, `vit_config.json` and `config.json` to the sizes of the network.

The authors' loaders read the first two, overwrite some of what they say, and take the rest from their code
(docs/sources/bagel.md#checkpoints). All of it is repeated here. `config.json` may say more, in the authors' words and
in some of our own:

* `vae_config`: sizes of the pixel autoencoder (`norm_groups` is ours);
* `vit_transform`, `vae_transform`: longest side, shortest side and stride that pictures are brought to;
* `shared_weights`: latents pass through the weights of text, which no published model has them do;
* `time_distribution`: how times are drawn while learning, "lognorm" (the authors' setting) or "uniform".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from transformers.models.qwen2.configuration_qwen2 import Qwen2Config
from transformers.models.siglip.configuration_siglip import SiglipVisionConfig

from unispect.core.errors import CheckpointError
from unispect.models.bagel.resize import Resize
from unispect.models.config_sections import built, check_heads, check_settings
from unispect.models.parts.flux import FluxConfig, flux_config
from unispect.models.parts.qwen import qwen_config

SEEN_TABLE, DRAWN_TABLE = 70, 64
"""Rows, and columns, of the published tables of places."""
_CONTENT = (
    "vae_config",
    "vit_transform",
    "vae_transform",
    "time_distribution",
    "shared_weights",
    "latent_patch_size",
    "max_latent_size",
    "vit_max_num_patch_per_side",
    "connector_act",
    "interpolate_pos",
    "timestep_shift",
)
_SEES_AND_DRAWS = {"visual_gen": True, "visual_und": True}
_INNER = ("llm_config", "vit_config", "tie_word_embeddings")
"""Copies of the two files, which the authors' loaders never read."""
_OVERWRITTEN = ("qk_norm", "layer_module", "freeze_und", "rope", "projection_dim", "vision_use_head")
"""What the authors' loaders overwrite, or the weights decide, whatever the two files say
(docs/sources/bagel.md#checkpoints)."""
_TOWER_MORE = ("image_size", "hidden_act", "layer_norm_eps")
_TOWER_FIXED = {"num_channels": 3}
_TOWER = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "patch_size")


@dataclass(frozen=True)
class BagelConfig:
    """Everything that decides the network's names and shapes, and the sizes of pictures.

    Attributes:
        text: the backbone with its embeddings and text head; both sets of weights have its sizes.
        vision: the tower that sees pictures in prompts, its last block left out.
        autoencoder: between pixels and latents.
        patch: side, in latents, of what becomes one position.
        seen_table: rows, and columns, of the table of places of pictures that are seen.
        drawn_table: the same of pictures as latents.
        seen: sizes of pictures for the tower.
        kept: sizes of pictures for the autoencoder.
        shift: of the times drawn while learning.
        even_times: times are drawn evenly while learning, not by the logistic of a normal number.
        shared: latents pass through the weights of text.
    """

    text: Qwen2Config
    vision: SiglipVisionConfig
    autoencoder: FluxConfig
    patch: int
    seen_table: int
    drawn_table: int
    seen: Resize
    kept: Resize
    shift: float = 1.0
    even_times: bool = False
    shared: bool = False

    @property
    def width(self) -> int:
        return cast(int, self.text.hidden_size)

    @property
    def seen_patch(self) -> int:
        """Side, in pixels, of a patch that the tower sees."""
        return cast(int, self.vision.patch_size)

    @property
    def numbers(self) -> int:
        """Latent numbers of one position."""
        return self.patch**2 * self.autoencoder.channels

    @property
    def cell(self) -> int:
        """Side, in pixels, of what becomes one position of a drawn picture."""
        return self.autoencoder.stride * self.patch


def network_config(
    *,
    language: Mapping[str, Any],
    vision: Mapping[str, Any],
    content: Mapping[str, Any],
    tables: tuple[int | None, int | None] = (None, None),
    where: str = ".",
) -> BagelConfig:
    """The network's configuration.

    Args:
        language: the content of `llm_config.json`.
        vision: the content of `vit_config.json`.
        content: the content of `config.json`, empty where there is none.
        tables: sides of the tables of places as the weights have them; those that they lack are None.
        where: folder of the files, for messages.

    Raises:
        CheckpointError: they describe another architecture, or sizes that do not fit each other.
    """
    check_family(content, where)
    check_settings(content, f"{where}/config.json", read=_CONTENT, fixed=_SEES_AND_DRAWS, idle=_INNER)
    text = qwen_config(
        {**language, "tie_word_embeddings": False},
        f"{where}/llm_config.json",
        fixed={"is_causal": True},
        idle=_OVERWRITTEN,
    )
    tower = _tower(vision, f"{where}/vit_config.json")
    autoencoder = flux_config(content.get("vae_config") or {}, f"{where}/config.json")
    patch = int(content.get("latent_patch_size", 2))
    seen_table = tables[0] or int(content.get("vit_max_num_patch_per_side", SEEN_TABLE))
    drawn_table = tables[1] or int(content.get("max_latent_size", DRAWN_TABLE))
    stride, cell = cast(int, tower.patch_size), autoencoder.stride * patch
    made = BagelConfig(
        text=text,
        vision=tower,
        autoencoder=autoencoder,
        patch=patch,
        seen_table=seen_table,
        drawn_table=drawn_table,
        # Published: 980 and 224 pixels for the tower, 1024 and 512 for the autoencoder.
        seen=_resize(content.get("vit_transform"), seen_table * stride, 8 / 35, stride),
        kept=_resize(content.get("vae_transform"), drawn_table * cell, 1 / 2, cell),
        shift=float(content.get("timestep_shift", 1.0)),
        even_times=_even(content.get("time_distribution", "lognorm"), f"{where}/config.json"),
        shared=bool(content.get("shared_weights", False)),
    )
    for name, found, needed in (
        ("connector_act", content.get("connector_act", "gelu_pytorch_tanh"), "gelu_pytorch_tanh"),
        ("interpolate_pos", content.get("interpolate_pos", False), False),
        ("vit_transform's stride", made.seen.stride % stride, 0),
        ("vae_transform's stride", made.kept.stride % cell, 0),
    ):
        if found != needed:
            raise CheckpointError(f"{where}/config.json: {name} is {found!r}, but the port needs {needed!r}")
    for name, sizes, most in (
        ("vit_transform", made.seen, seen_table * stride),
        ("vae_transform", made.kept, drawn_table * cell),
    ):
        if not sizes.stride <= sizes.shortest <= sizes.longest <= most:
            given = [sizes.longest, sizes.shortest, sizes.stride]
            raise CheckpointError(
                f"{where}/config.json: {name} is {given}, but must fall, from at most the {most} pixels of its table"
            )
    return made


def check_family(content: Mapping[str, Any], where: str) -> None:
    """Raises `CheckpointError` when `config.json` describes another family."""
    found = content.get("model_type", "bagel")
    if found != "bagel":
        raise CheckpointError(
            f"{where}/config.json is not of BAGEL: its model_type is {found!r}; name the model these weights belong to"
        )


def _tower(section: Mapping[str, Any], where: str) -> SiglipVisionConfig:
    """One block fewer than the file says, as the authors' loader has it; the weights hold no more."""
    missing = [key for key in _TOWER if key not in section]
    if missing:
        raise CheckpointError(f"{where} has no {missing[0]}")
    check_settings(section, where, read=(*_TOWER, *_TOWER_MORE), fixed=_TOWER_FIXED, idle=_OVERWRITTEN)
    sizes: dict[str, Any] = {key: int(section[key]) for key in _TOWER}
    sizes["num_hidden_layers"] -= 1
    check_heads(where, sizes["hidden_size"], sizes["num_attention_heads"])
    made = built(
        SiglipVisionConfig,
        where,
        **sizes,
        image_size=int(section.get("image_size", 980)),
        hidden_act=section.get("hidden_act", "gelu_pytorch_tanh"),
        layer_norm_eps=float(section.get("layer_norm_eps", 1e-6)),
    )
    made._attn_implementation = "sdpa"
    return made


def _resize(given: Any, longest: int, share: float, stride: int) -> Resize:
    """The bounds that a file gives, or those that belong to a table of places."""
    return Resize(*map(int, given)) if given else Resize(longest, round(longest * share), stride)


def _even(name: object, where: str) -> bool:
    if name not in ("lognorm", "uniform"):
        raise CheckpointError(f"{where}: time_distribution is {name!r}, but the port knows 'lognorm' and 'uniform'")
    return name == "uniform"
