"""What can be imported, and the file that is written: a checkpoint like any other, whose card names its origin."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from chronopose.core.errors import InputError
from chronopose.models import checkpoint, published
from chronopose.models.published.reading import read
from chronopose.recipes.presets import PRESETS
from tests.models.published.layouts import filled, tokenpose
from tests.models.published.test_tokenpose import CODE


@pytest.fixture(scope="module")
def theirs() -> dict[str, Tensor]:
    return filled(tokenpose("t")) | {"transformer.pos_embedding": CODE}


@pytest.fixture
def file(tmp_path: Path, theirs: dict[str, Tensor]) -> Path:
    torch.save({"state_dict": theirs}, tmp_path / "tokenpose_t.pth")
    return tmp_path / "tokenpose_t.pth"


def test_every_name_that_can_be_imported_is_a_preset_and_has_a_layout() -> None:
    for name, layouts in published.LAYOUTS.items():
        found = layouts(PRESETS[name])
        assert found and all("github.com" in layout.url or "huggingface.co" in layout.url for layout in found)


def test_the_written_file_is_a_checkpoint_with_the_tensors_of_the_source(
    file: Path, theirs: dict[str, Tensor], tmp_path: Path
) -> None:
    source = read(file)
    done = published.convert(source, "tokenpose-t", PRESETS["tokenpose-t"])
    published.save(done, tmp_path / "t.safetensors")
    loaded = checkpoint.load(tmp_path / "t.safetensors")
    assert (loaded.kind, loaded.model.config) == ("tokenpose", PRESETS["tokenpose-t"])
    state = loaded.model.state_dict()
    assert len(state) == len(theirs) - 1
    for name, place in done.conversion.used.items():
        assert torch.equal(state[place].flatten(), theirs[name].flatten()), name
    card = loaded.card
    assert card.licence.startswith("as its authors published it; see https://github.com/leeyegy/TokenPose")
    assert card.notes[0].startswith(f"converted from tokenpose_t.pth, sha256 {source.sha256}")
    assert "left out: the sine code of place, which is computed: 1 tensors" in card.notes
    assert "accuracy was not measured" in card.notes[-1]


def test_half_precision_is_written_where_it_is_asked_for(file: Path, tmp_path: Path) -> None:
    done = published.convert(read(file), "tokenpose-t", PRESETS["tokenpose-t"])
    published.save(done, tmp_path / "whole.safetensors")
    published.save(done, tmp_path / "half.safetensors", torch.float16)
    for name, kind in (("whole", "F32"), ("half", "F16")):
        with safe_open(tmp_path / f"{name}.safetensors", framework="pt") as written:
            assert {written.get_slice(key).get_dtype() for key in written.keys()} == {kind}  # noqa: SIM118
    assert all(p.dtype == torch.float32 for p in checkpoint.load(tmp_path / "half.safetensors").model.parameters())


@pytest.mark.parametrize(
    ("crop", "name", "size"),
    [
        (None, "pose.pth", (256, 192)),
        (None, "td-hm_hrnet-w32_8xb64-210e_coco-256x192-81c58e40_20220909.pth", (256, 192)),
        ("384x288", "td-hm_hrnet-w32_8xb64-210e_coco-384x288-ca5956af_20220909.pth", (384, 288)),
        ("128x96", "pose_256x192.pth", (128, 96)),
    ],
)
def test_the_size_of_the_crops_is_the_presets_or_what_is_said(
    crop: str | None, name: str, size: tuple[int, int]
) -> None:
    config = published.sized(PRESETS["hrnet-w32"], crop, name)
    assert (config.height, config.width) == size


@pytest.mark.parametrize(
    ("crop", "name", "message"),
    [
        (None, "res50_coco_384x288-e6f795e9_20200709.pth", "its name says 384x288, the preset has crops of 256x192"),
        ("384", "x.pth", "--input 384: wanted HEIGHTxWIDTH"),
        ("2x2", "x.pth", "at least 8 x 8 pixels"),
    ],
)
def test_a_size_that_cannot_be_meant_is_refused(crop: str | None, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        published.sized(PRESETS["simple-baseline-r50"], crop, name)
