"""Checkpoints: what is saved comes back, and whatever else a file may hold is refused in one line."""

import dataclasses
import functools
import json
import pickle
import struct
import tempfile
from pathlib import Path
from typing import Any, Literal

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from chronopose.core.errors import InputError
from chronopose.formats import weights_file
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.models import checkpoint
from chronopose.models.dsta import DSTA, DSTAConfig

TINY = DSTAConfig(
    backbone=BackboneConfig(name="lcnet_035"), height=64, width=48, depth=1, token_width=8, heads=2, hidden=8
)
CARD = Card(data="drawn people", licence="CC0", data_licence="none", notes=("fails in the dark", "42 % right"))


def tiny(seed: int = 0, **change: Any) -> DSTA:
    torch.manual_seed(seed)
    model = DSTA(dataclasses.replace(TINY, **change))
    for name, parameter in model.named_parameters():
        if name.endswith("position"):
            torch.nn.init.normal_(parameter)
    return model.eval()


def saved(path: Path, model: DSTA | None = None) -> Path:
    if model is None:
        path.write_bytes(plain())
    else:
        checkpoint.save(model, path, CARD)
    return path


@functools.cache
def plain() -> bytes:
    """The file of `tiny()`, written once for all tests that spoil it."""
    with tempfile.TemporaryDirectory() as folder:
        return saved(Path(folder) / "m.safetensors", tiny()).read_bytes()


def answer(model: torch.nn.Module) -> Tensor:
    config: Any = model.config
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (2, len(config.offsets), 3, 64, 48), dtype=torch.uint8, generator=generator)
    with torch.no_grad():
        return model(pixels).xy_crop


def rewrite(path: Path, header: dict[str, Any] | str | None = None, tensors: dict[str, Tensor] | None = None) -> Path:
    """The same checkpoint with other metadata or other tensors."""
    if header is None:
        header = metadata(path)
    text = header if isinstance(header, str) else json.dumps(header)
    save_file(load_file(path) if tensors is None else tensors, path, metadata={"chronopose": text})
    return path


def metadata(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        return json.loads(json.loads(file.read(length))["__metadata__"]["chronopose"])


def refusal(path: Path | str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        checkpoint.load(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


# What is saved comes back ----------------------------------------------------------------------------------------


def test_a_loaded_model_gives_the_answers_of_the_saved_one(tmp_path: Path) -> None:
    model = tiny()
    loaded = checkpoint.load(saved(tmp_path / "walker.safetensors", model))
    assert torch.equal(answer(loaded.model), answer(model))
    assert not torch.equal(answer(tiny(seed=1)), answer(model))
    assert (loaded.name, loaded.kind) == ("walker", "dsta")
    assert not loaded.model.training
    assert loaded.model.config == TINY


def test_the_card_survives_and_is_read_without_the_weights(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.safetensors")
    assert checkpoint.load(path).card == CARD
    assert checkpoint.describe(path) == ("dsta", TINY, CARD)


def test_a_run_folder_stands_for_its_model_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.safetensors")
    assert weights_file.locate(tmp_path) == path
    assert checkpoint.load(tmp_path).model.config == TINY


def test_weights_stored_in_half_precision_take_half_the_space_and_answer_nearly_alike(tmp_path: Path) -> None:
    model = tiny()
    full, half = tmp_path / "full.safetensors", tmp_path / "half.safetensors"
    checkpoint.save(model, full, CARD)
    checkpoint.save(model, half, CARD, dtype=torch.float16)
    assert half.stat().st_size < 0.6 * full.stat().st_size
    loaded = checkpoint.load(half).model
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    difference = (answer(loaded) - answer(model)).abs().max()
    assert 0 < difference < 0.5
    counters = [v for k, v in loaded.state_dict().items() if k.endswith("num_batches_tracked")]
    assert counters and all(counter.dtype == torch.int64 for counter in counters)


def test_every_field_of_a_config_survives(tmp_path: Path) -> None:
    config = dataclasses.replace(
        TINY,
        backbone=BackboneConfig(name="lcnet_035", stride=16, neck_width=8),
        skeleton="penn-13",
        offsets=(-2, 0),
        jfd="integral_fc",
        attention="coupled",
        extra_tokens=1,
        drop_path=0.25,
        margin=1.5,
    )
    path = tmp_path / "m.safetensors"
    checkpoint.save(DSTA(config), path, Card())
    assert checkpoint.load(path).model.config == config


# Another window ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["std", "coupled"])
def test_codes_of_time_are_stretched_to_another_window(tmp_path: Path, attention: Literal["std", "coupled"]) -> None:
    model = tiny(offsets=(-2, 0, 2), attention=attention)
    path = saved(tmp_path / "m.safetensors", model)
    loaded = checkpoint.load(path, window=(-3, -1, 0, 2)).model
    assert loaded.config.offsets == (-3, -1, 0, 2)
    name = "aggregate.temporal.position" if attention == "std" else "aggregate.position"
    old, new = model.state_dict()[name], loaded.state_dict()[name]
    torch.testing.assert_close(new[:, 0], old[:, 0])  # constant outside the old window
    torch.testing.assert_close(new[:, 1], (old[:, 0] + old[:, 1]) / 2)
    torch.testing.assert_close(new[:, 2:], old[:, 1:])
    assert answer(loaded).shape == (2, 1, 15, 2)


def test_the_window_of_the_file_changes_nothing(tmp_path: Path) -> None:
    model = tiny()
    path = saved(tmp_path / "m.safetensors", model)
    assert torch.equal(answer(checkpoint.load(path, window=(-1, 0, 1)).model), answer(model))


def test_codes_stored_in_half_precision_are_stretched_too(tmp_path: Path) -> None:
    checkpoint.save(tiny(offsets=(-2, 0, 2)), tmp_path / "m.safetensors", CARD, dtype=torch.float16)
    assert answer(checkpoint.load(tmp_path / "m.safetensors", window=(-1, 0, 1)).model).isfinite().all()


def test_a_window_without_the_key_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="predicts"):
        checkpoint.load(saved(tmp_path / "m.safetensors"), window=(-2, -1))


def test_weights_are_handed_to_a_model_with_another_window(tmp_path: Path) -> None:
    still = tiny(offsets=(0,))
    moving = tiny(seed=1)
    checkpoint.transfer(moving, saved(tmp_path / "m.safetensors", still))
    old, new = (model.state_dict()["aggregate.temporal.position"] for model in (still, moving))
    torch.testing.assert_close(new, old.expand(1, 3, -1))
    assert torch.equal(moving.jfd.linear.weight, still.jfd.linear.weight)


def test_weights_of_another_network_are_not_handed_over(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.safetensors", tiny(token_width=16))
    with pytest.raises(InputError, match="do not fit the config"):
        checkpoint.transfer(tiny(), path)


# What is refused --------------------------------------------------------------------------------------------------


def test_missing_unknown_and_misshapen_tensors_are_listed_in_one_line(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.safetensors")
    tensors = load_file(path)
    tensors["stranger"] = tensors.pop("coordinates.1.bias")
    tensors["jfd.linear.bias"] = torch.zeros(7)
    message = refusal(rewrite(path, tensors=tensors))
    assert "missing coordinates.1.bias" in message
    assert "unknown stranger" in message
    assert "jfd.linear.bias is (7,), wanted (120,)" in message


def test_a_long_list_of_wrong_tensors_is_cut(tmp_path: Path) -> None:
    message = refusal(rewrite(saved(tmp_path / "m.safetensors"), tensors={"a": torch.zeros(1)}))
    assert message.count("missing") == 5
    assert " more" in message


def test_a_name_that_is_nothing_is_answered_with_what_is_wanted() -> None:
    assert "wanted a bundled name" in refusal("no-such-model")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    assert "no such model" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\xff" * 200, struct.pack("<Q", 1 << 60) + b"{}", struct.pack("<Q", 2) + b"{}" + b"\0" * 9],
    ids=["empty", "text", "noise", "a header beyond the file", "data that nothing describes"],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    assert "checkpoint" in refusal(path)


@pytest.mark.parametrize("keep", [4, 100, 0.5, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: float) -> None:
    path = saved(tmp_path / "m.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(len(content) * keep)])
    assert "not a readable safetensors checkpoint" in refusal(path)


class Bomb:
    """Unpickled, it writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "was run"
    for name, write in (("a.safetensors", pickle.dumps), ("b.pth", None)):
        path = tmp_path / name
        if write is None:
            torch.save({"weights": Bomb(mark)}, path)
        else:
            path.write_bytes(write(Bomb(mark)))
        assert "not a readable safetensors checkpoint" in refusal(path)
    assert not mark.exists()


def test_a_safetensors_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    assert "not a chronopose checkpoint" in refusal(path)


def test_a_giant_config_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.safetensors")
    assert "at most 1 MB" in refusal(rewrite(path, " " * (2 << 20)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[" + "9" * 10_000 + "]", "no JSON"),
        ("[]", "must be a JSON object, got list"),
        ("null", "must be a JSON object, got NoneType"),
        ("{}", "model None is not one of dsta"),
    ],
    ids=["broken", "brackets without end", "an endless number", "a list", "null", "empty"],
)
def test_metadata_that_is_no_config_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(rewrite(saved(tmp_path / "m.safetensors"), text))


@pytest.mark.parametrize(
    ("path_to", "value", "message"),
    [
        (("model",), "gpt", "model 'gpt' is not one of dsta"),
        (("model",), ["dsta"], "model ['dsta'] is not one of dsta"),
        (("config",), None, "config must be an object, got NoneType"),
        (("config", "colour"), "red", "config has unknown fields colour; known are backbone"),
        (("config", "height"), "tall", "config.height must be int, got 'tall'"),
        (("config", "height"), 64.5, "config.height must be int, got 64.5"),
        (("config", "height"), True, "config.height must be int, got True"),
        (("config", "margin"), "wide", "config.margin must be float, got 'wide'"),
        pytest.param(("config", "margin"), 10**400, "margin must lie in 1 to 4", id="more than a float holds"),
        (("config", "margin"), float("nan"), "config.margin must be float, got nan"),
        (("config", "normalise_features"), 1, "config.normalise_features must be bool, got 1"),
        (("config", "jfd"), "magic", "config.jfd must be 'gap_fc' or 'heatmap_fc' or 'integral_fc', got 'magic'"),
        (("config", "offsets"), 3, "config.offsets must be a list, got 3"),
        (("config", "offsets"), [0, "1"], "config.offsets must be int, got '1'"),
        (("config", "offsets"), [1, 0], "offsets must be ascending"),
        (("config", "skeleton"), "octopus", "no skeleton 'octopus'"),
        (("config", "backbone"), "resnet18", "config.backbone must be an object, got str"),
        (("config", "backbone", "stride"), "8", "config.backbone.stride must be int or NoneType, got '8'"),
        (("card",), [], "card must be an object"),
        (("card", "notes"), [1], "card.notes must be str, got 1"),
    ],
)
def test_a_config_with_a_wrong_field_names_it(
    tmp_path: Path, path_to: tuple[str, ...], value: object, message: str
) -> None:
    path = saved(tmp_path / "m.safetensors")
    header = metadata(path)
    place = header
    for key in path_to[:-1]:
        place = place[key]
    place[path_to[-1]] = value
    assert message in refusal(rewrite(path, header))


def test_a_checkpoint_whose_backbone_lies_elsewhere_is_refused_without_the_network(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.safetensors")
    header = metadata(path)
    header["config"]["backbone"]["name"] = "hf-hub:someone/something"
    rewrite(path, header)
    with pytest.raises(InputError, match="timm has no model 'hf-hub:someone/something'"):
        checkpoint.load(path)


# Failures while writing -------------------------------------------------------------------------------------------


def test_an_interrupted_save_leaves_the_older_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "m.safetensors")
    before = path.read_bytes()

    def full_disk(_: Path, target: object) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(tiny(seed=1), path, CARD)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_saving_into_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        checkpoint.save(tiny(), tmp_path / "nowhere" / "m.safetensors", CARD)


# Weights of timm --------------------------------------------------------------------------------------------------


def test_without_a_network_pretrained_weights_fail_in_one_line() -> None:
    with pytest.raises(InputError, match="lcnet_035: pretrained weights cannot be had") as caught:
        checkpoint.load_timm_weights(tiny())
    assert "\n" not in str(caught.value)
    assert "train without them" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "stride"),
    [("lcnet_035", None), ("convnext_atto", 8), ("vit_tiny_patch16_224", None), ("mobilenetv4_conv_small_050", 16)],
)
def test_pretrained_weights_land_in_every_tensor_of_the_trunk(
    name: str, stride: Literal[8, 16] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Random weights of timm's own network stand in for those that a network connection would bring.
    given = []
    create = timm.create_model

    def untrained(name: str, pretrained: bool, **options: Any) -> torch.nn.Module:
        assert pretrained
        torch.manual_seed(7)
        given.append(create(name, pretrained=False, **options))
        return given[-1]

    model = tiny(backbone=BackboneConfig(name=name, stride=stride, neck_width=8))
    before = {key: value.clone() for key, value in model.backbone.trunk.named_parameters()}
    monkeypatch.setattr(timm, "create_model", untrained)
    checkpoint.load_timm_weights(model)
    source = dict(given[0].named_parameters())
    after = dict(model.backbone.trunk.named_parameters())
    for key, value in after.items():
        assert torch.equal(value, source[key][:, -value.shape[1] :] if key == "pos_embed" else source[key]), key
    assert any(not torch.equal(before[key], after[key]) for key in after)
