"""OmniGen2 models from folders and back: the published folder of parts, and tiny models of the same layout.

Parts stand in folders `mllm`, `transformer`, `vae` and `processor` (older copies: `mllm_processor`), each with its own
`config.json`. `save` puts all weights into one file beside them; the configurations stay where they are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from unispect.core.cards import ModelCard
from unispect.core.errors import CheckpointError
from unispect.models.checkpoint import Checkpoint, Layout, located, open_folder, require_one
from unispect.models.config_values import check_values
from unispect.models.hub import base_of, borrowed, folder_of
from unispect.models.keys import Tied
from unispect.models.ledger import FileLedger
from unispect.models.loading import Family, Found
from unispect.models.omnigen2.card import DEFAULTS
from unispect.models.omnigen2.config import OmniGen2Config, network_config
from unispect.models.omnigen2.drawing import DrawSettings
from unispect.models.omnigen2.keys import PARTS, STACKS, TEXT_HEAD, TOKENS, authors_table
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.network import OmniGen2Network, finish, initialise
from unispect.models.omnigen2.processing import Processor, load_processor
from unispect.models.omnigen2.text_settings import TextSettings
from unispect.models.processing.tokenizer import require_rows
from unispect.models.sets import is_weights
from unispect.models.shards import prefixed

_PROCESSORS = ("processor", "mllm_processor")
_WHOLE = "model.safetensors"
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
    mllm, transformer, vae = (_part(checkpoint, name).json("config.json") for name in PARTS)
    config = network_config(mllm, transformer, vae, str(folder))
    files = _around_words(checkpoint)
    processor = load_processor(files)
    _check_sizes(files.folder, config, processor)
    settings = _part(checkpoint, "mllm").optional_json("generation_config.json") or {}
    check_values(settings, f"{folder / 'mllm' / 'generation_config.json'}")
    writing = TextSettings(processor.system, published_penalty=float(settings.get("repetition_penalty") or 1.0))
    moved = _moved(_part(checkpoint, _SCHEDULER))
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


def _part(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """A part's own folder, or that of the base model."""
    lender = checkpoint.holding(name)
    return lender.at(lender.folder / name)


def _around_words(checkpoint: Checkpoint) -> Checkpoint:
    """The folder with tokenizer and picture settings: the processor's own, the checkpoint's, or the base model's."""
    folder = checkpoint.folder
    own = next((name for name in _PROCESSORS if (folder / name).is_dir()), "")
    if own or (folder / "tokenizer.json").is_file():
        return checkpoint.at(folder / own)
    lent = (_part(checkpoint, name) for name in _PROCESSORS)
    return next((part for part in lent if part.folder.is_dir()), checkpoint)


def _open(card: ModelCard, source: str | Path) -> Checkpoint:
    """The weights of all parts, under the names they have in one file.

    Raises:
        CheckpointError: a part is missing, or weights are there in one file and in parts, and differ.
    """
    folder, name = located(str(source), layout=_WHOLE_LAYOUT)
    inner = folder.name if folder.name in PARTS and (folder.parent / "model_index.json").is_file() else ""
    if inner:  # a file of a part was named: the others are as they are
        folder = folder.parent
    if name and not inner:
        return open_folder(folder, _WHOLE_LAYOUT, name)
    parts = [part for part in PARTS if (folder / part).is_dir() and any(map(is_weights, (folder / part).iterdir()))]
    if not parts:
        return open_folder(folder, _WHOLE_LAYOUT)
    whole = open_folder(folder, _WHOLE_LAYOUT) if (folder / _WHOLE).is_file() and not inner else None
    needed = parts if whole else PARTS
    named = {part: _part_of(folder, part, name if part == inner else "") for part in needed}
    if whole:
        for part, opened in named.items():
            require_one(whole, opened, f"{part}.", f"the weights of {part}")
            whole.ledger.note(f"Weights in {part} were passed over: {_WHOLE} holds them too.")
        return whole
    ledger = FileLedger(folder, chosen=bool(inner))
    for part, opened in named.items():
        if opened.folder.parent != folder:
            ledger.note(borrowed(part, base_of(folder)))
        ledger.take(opened.ledger)
    shards = (prefixed(shard, f"{part}.") for part, opened in named.items() for shard in opened.shards)
    return Checkpoint(folder, ledger, tuple(shards))


def _part_of(folder: Path, part: str, name: str) -> Checkpoint:
    """The weights of a part, from its folder or that of the base model.

    Raises:
        CheckpointError: it is in neither.
    """
    own = folder / part
    if not (own.is_dir() and any(map(is_weights, own.iterdir()))) and (base := base_of(folder)):
        own = folder_of(base, part) or own
    if not own.is_dir():
        raise CheckpointError(f"{own} is missing: this is not a complete checkpoint folder")
    return open_folder(own, Layout(known=_KNOWN[part]), name)


def _check_sizes(folder: Path, config: OmniGen2Config, processor: Processor) -> None:
    vision, picture = config.vision, processor.picture
    checks: tuple[tuple[str, Any, Any], ...] = (
        ("patch_size", picture.patch_size, vision.patch_size),
        ("merge_size", picture.merge_size, vision.spatial_merge_size),
        ("temporal_patch_size", picture.temporal_patch_size, vision.temporal_patch_size),
    )
    for name, found, needed in checks:
        if found != needed:
            raise CheckpointError(
                f"{folder / 'preprocessor_config.json'}: {name} is {found}, but mllm/config.json implies {needed}"
            )
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
    open=_open,
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
