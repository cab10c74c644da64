"""OmniGen2 models from folders and back: the published folder of parts, and tiny models of the same layout.

Parts stand in folders `mllm`, `transformer`, `vae` and `processor` (older copies: `mllm_processor`), each with its own
`config.json`. `save` puts all weights into one file beside them; the configurations stay where they are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint, Layout
from unispect.models.config_values import check_values
from unispect.models.keys import Tied
from unispect.models.loading import Family, Found
from unispect.models.omnigen2.card import DEFAULTS
from unispect.models.omnigen2.config import OmniGen2Config, network_config
from unispect.models.omnigen2.drawing import DrawSettings
from unispect.models.omnigen2.keys import PARTS, STACKS, TEXT_HEAD, TOKENS, authors_table
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.network import OmniGen2Network, finish, initialise
from unispect.models.omnigen2.processing import Processor, load_processor
from unispect.models.omnigen2.text_settings import TextSettings
from unispect.models.part_folders import around_words, open_parts, part_of
from unispect.models.processing.patches import check_patches
from unispect.models.processing.tokenizer import require_rows

_PROCESSORS = ("processor", "mllm_processor")
_WHOLE_LAYOUT = Layout(known=("mllm.model.",), folders=PARTS)
_KNOWN = {
    "mllm": ("model.layers.", "model.language_model.layers."),
    "transformer": ("layers.",),
    "vae": ("encoder.down_blocks.",),
}
"""Part -> how one of its names begins at least."""
_SCHEDULER, _EULER = "scheduler", "FlowMatchEulerDiscreteScheduler"


def _read(card: ModelCard, checkpoint: Checkpoint) -> Found:
    folder = checkpoint.folder
    mllm, transformer, vae = (part_of(checkpoint, name).json("config.json") for name in PARTS)
    config = network_config(mllm, transformer, vae, str(folder))
    files = around_words(checkpoint, _PROCESSORS)
    processor = load_processor(files)
    _check_sizes(files.folder, config, processor)
    settings = part_of(checkpoint, "mllm").optional_json("generation_config.json") or {}
    check_values(settings, f"{folder / 'mllm' / 'generation_config.json'}")
    writing = TextSettings(processor.system, published_penalty=float(settings.get("repetition_penalty") or 1.0))
    moved = _moved(part_of(checkpoint, _SCHEDULER))
    return Found(checkpoint, config, processor, {"writing": writing, "moved": moved})


def _model(
    card: ModelCard, network: OmniGen2Network, processor: Processor, *, writing: TextSettings, moved: bool
) -> OmniGen2:
    defaults = {**DEFAULTS, **card.defaults}
    side = int(defaults["image_size"])
    drawing = DrawSettings(
        side,
        side,
        guidance=defaults["guidance"],
        steps=int(defaults["steps"]),
        image_guidance=defaults["image_guidance"],
        moved=moved,
    )
    sized = replace(card, image_size=side, image_tokens=(side // network.config.cell) ** 2)
    return OmniGen2(sized, network, processor, drawing, writing)


def _moved(part: Checkpoint) -> bool:
    """Whether times are moved by the size of a picture, as they are where no file says otherwise.

    Raises:
        CheckpointError: the scheduler is another than the published one.
    """
    content = part.optional_json("scheduler_config.json") or {}
    kind = content.get("_class_name", _EULER)
    if kind != _EULER:
        raise CheckpointError(
            f"{part.folder / 'scheduler_config.json'}: _class_name is {kind!r}, but the port has Euler's steps "
            f"({_EULER}); put the published file there"
        )
    check_values(content, str(part.folder / "scheduler_config.json"))
    return bool(content.get("dynamic_time_shift", True))


def _check_sizes(folder: Path, config: OmniGen2Config, processor: Processor) -> None:
    check_patches(processor.picture, config.vision, folder, "mllm/config.json")
    require_rows(processor.tokenizer, config.text.vocab_size, folder / "tokenizer.json")
    image_pad = config.mllm.image_token_id
    if image_pad != processor.special.image_pad:
        raise CheckpointError(
            f"{folder / 'tokenizer.json'}: pictures stand at token {processor.special.image_pad}, but mllm/config.json "
            f"says {image_pad}"
        )


def _tied(config: OmniGen2Config, checkpoint: Checkpoint) -> Tied | None:
    if not config.tied:
        return None
    newer = TOKENS.replace("model.", "model.language_model.")
    is_newer = any(key.startswith(newer.partition("embed")[0]) for key in checkpoint.shapes())
    return Tied(TEXT_HEAD, newer if is_newer else TOKENS, "tie_word_embeddings")


FAMILY = Family(
    open=lambda card, source: open_parts(source, _WHOLE_LAYOUT, _KNOWN),
    read=_read,
    build=OmniGen2Network,
    table=lambda config, checkpoint: authors_table(config, checkpoint.shapes()),
    stacks=STACKS,
    finish=finish,
    model=_model,
    layout=_WHOLE_LAYOUT,
    initialise=initialise,
    tied=_tied,
)
load, start, save = FAMILY.load, FAMILY.start, FAMILY.save
