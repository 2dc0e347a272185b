"""What every pose model promises, asked of each of them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chronopose.clips.contract import PoseModel, PoseOutput, RecurrentPoseModel
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.models import MODELS, checkpoint
from chronopose.models.baselines import RegressionConfig, SimpleBaselineConfig
from chronopose.models.dsta import DSTAConfig
from chronopose.models.ftp_pose import FTPPoseConfig
from chronopose.models.listpose import ListPoseConfig
from chronopose.models.tokenpose import TokenPoseConfig

# A network of a few hundred thousand parameters for each kind of pose model.
CONFIGS: dict[str, Any] = {
    "dsta": DSTAConfig(
        backbone=BackboneConfig(name="mobilenetv4_conv_small_050", stride=16, neck_width=16),
        height=64,
        width=48,
        jfd="integral_fc",
        token_width=16,
        heads=4,
        hidden=16,
        depth=2,
    ),
    "ftp_pose": FTPPoseConfig(
        backbone=BackboneConfig(name="mobilenetv4_conv_small_050", stride=16, neck_width=16),
        height=64,
        width=48,
        coarse_depth=1,
        shared_depth=2,
        heads=4,
        keep_hrb=3,
        keep_lrb=3,
        head_width=16,
    ),
    # The gate stands open: at its start of 0 the frames would not speak to each other.
    "listpose": ListPoseConfig(
        encoder="raw",
        height=64,
        width=48,
        patch=(16, 12),
        token_width=32,
        depth=2,
        heads=4,
        maps="log",
        gate_init=1.0,
    ),
    "regression": RegressionConfig(backbone=BackboneConfig(name="mobilenetv4_conv_small_050"), height=64, width=48),
    "simple_baseline": SimpleBaselineConfig(
        backbone=BackboneConfig(name="mobilenetv4_conv_small_050", stride=16, neck_width=16),
        height=64,
        width=48,
        deconvs=2,
        deconv_width=16,
    ),
    "tokenpose": TokenPoseConfig(height=64, width=48, token_width=16, depth=2, heads=4),
}
NO_POSE_MODELS = {"person"}


def build(kind: str) -> Any:
    torch.manual_seed(0)
    return MODELS[kind][1](CONFIGS[kind])


@pytest.fixture(scope="module", params=CONFIGS)
def model(request: pytest.FixtureRequest) -> Any:
    return build(request.param).eval()


def clips(model: PoseModel, batch: int = 2, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, len(model.spec.offsets), 3, model.spec.height, model.spec.width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def encoded(model: PoseModel, pixels: Tensor) -> Tensor:
    """Every frame on its own, as a stream does."""
    return torch.stack([model.encode(pixels[:, frame]) for frame in range(pixels.shape[1])], dim=1)


def assert_same(one: PoseOutput, other: PoseOutput, tolerance: float = 1e-4) -> None:
    """Coordinates and sigma within a tolerance in units of 10 pixels, scores in units of 1."""
    torch.testing.assert_close(one.xy_crop, other.xy_crop, rtol=tolerance, atol=10 * tolerance)
    torch.testing.assert_close(one.score, other.score, rtol=tolerance, atol=tolerance)
    assert (one.sigma is None) == (other.sigma is None)
    if one.sigma is not None and other.sigma is not None:
        torch.testing.assert_close(one.sigma, other.sigma, rtol=tolerance, atol=10 * tolerance)


def test_every_model_in_the_list_is_asked() -> None:
    assert set(CONFIGS) == set(MODELS) - NO_POSE_MODELS
    for kind, config in CONFIGS.items():
        assert type(config) is MODELS[kind][0]


def test_it_is_a_pose_model_and_a_module(model: Any) -> None:
    assert isinstance(model, PoseModel)
    assert isinstance(model, nn.Module)


@torch.no_grad()
def test_the_answer_has_the_shapes_of_the_contract(model: Any) -> None:
    output = model(clips(model, 3))
    frames, joints = len(model.spec.predicts), len(model.skeleton)
    assert output.xy_crop.shape == (3, frames, joints, 2)
    assert output.score.shape == (3, frames, joints)
    assert output.xy_crop.dtype == output.score.dtype == torch.float32
    assert (output.score >= 0).all() and (output.score <= 1).all()
    if output.sigma is not None:
        assert output.sigma.shape == (3, frames, joints, 2)
        assert (output.sigma > 0).all()
    if output.heatmaps is not None:
        assert output.heatmaps.shape[:3] == (3, frames, joints)
    features = model.encode(clips(model)[:, 0])
    assert features.shape[0] == 2


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_parameter_receives_a_gradient(kind: str) -> None:
    model = build(kind).train()
    output = model(clips(model))
    loss = output.xy_crop.square().sum() + output.score.sum()
    loss = loss if output.sigma is None else loss + output.sigma.square().sum()
    loss = loss if output.heatmaps is None else loss + output.heatmaps.square().sum()
    loss.backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


@torch.no_grad()
def test_a_sample_gets_the_same_answer_alone_and_in_a_batch(model: Any) -> None:
    given = clips(model, 3)
    together = model(given)
    for row in range(3):
        alone = model(given[row : row + 1])
        assert_same(alone, PoseOutput(*(None if part is None else part[row : row + 1] for part in together)))


@torch.no_grad()
def test_changing_any_frame_changes_the_answer(model: Any) -> None:
    given = clips(model)
    before = model(given).xy_crop
    for frame in range(len(model.spec.offsets)):
        changed = given.clone()
        changed[:, frame] = clips(model, seed=9)[:, frame]
        assert (model(changed).xy_crop - before).abs().max() > 1e-4, model.spec.offsets[frame]


@torch.no_grad()
def test_the_call_equals_fuse_of_encode_frame_by_frame(model: Any) -> None:
    given = clips(model)
    assert_same(model(given), model.fuse(encoded(model, given))[0])


@torch.no_grad()
def test_bytes_and_floats_of_the_same_pixels_give_the_same_answer(model: Any) -> None:
    given = clips(model)
    assert_same(model(given), model(given.float()))


@torch.no_grad()
def test_in_eval_mode_the_answer_is_the_same_each_time(model: Any) -> None:
    given = clips(model)
    assert torch.equal(model(given).xy_crop, model(given).xy_crop)


@torch.no_grad()
def test_a_saved_model_comes_back_with_its_answers(model: Any, tmp_path: Path) -> None:
    checkpoint.save(model, tmp_path / "m.safetensors", Card())
    loaded: Any = checkpoint.load(tmp_path / "m.safetensors").model
    assert (loaded.spec, loaded.skeleton) == (model.spec, model.skeleton)
    given = clips(model)
    assert torch.equal(loaded(given).xy_crop, model(given).xy_crop)


@torch.no_grad()
def test_in_half_precision_the_answer_is_finite_and_near(model: Any) -> None:
    given = clips(model)
    exact = model(given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model(given)
    for part in rough:
        assert part is None or part.isfinite().all()
    if exact.heatmaps is not None and rough.heatmaps is not None:
        # The highest cell of an untrained map is a matter of rounding; the maps themselves are not.
        spread = exact.heatmaps.std()
        assert (rough.heatmaps.float() - exact.heatmaps).abs().mean() < 0.05 * spread
    else:
        assert (rough.xy_crop.float() - exact.xy_crop).abs().max() < 0.1 * model.spec.height


def test_a_recurrent_model_answers_a_clip_as_it_answers_its_frames_one_by_one(model: Any) -> None:
    if not model.spec.recurrent:
        assert not isinstance(model, RecurrentPoseModel)
        return
    assert isinstance(model, RecurrentPoseModel)
    with torch.no_grad():
        features = encoded(model, clips(model))
        whole, last = model.fuse(features)
        state = model.fresh(len(features))
        for frame in range(features.shape[1]):
            step, state = model.fuse(features[:, frame : frame + 1], state)
            part = PoseOutput(*(None if one is None else one[:, frame : frame + 1] for one in whole))
            assert_same(step, part, 1e-5)
        torch.testing.assert_close(state.tokens, last.tokens, rtol=1e-5, atol=1e-5)
        assert state.valid.all() and not model.fresh(2).valid.any()


class Encode(nn.Module):
    """The first step as a graph of its own."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.model.encode(pixels)
        return features


class Fuse(nn.Module):
    """The second step as a graph of its own."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor) -> PoseOutput:
        output: PoseOutput = self.model.fuse(features)[0]
        return output


@torch.no_grad()
def test_both_steps_export_with_a_free_batch_and_equal_eager(model: Any) -> None:
    batch = torch.export.Dim("batch", min=1, max=64)
    pixels = clips(model, 3)
    frames = pixels.flatten(0, 1)
    encode = torch.export.export(Encode(model), (frames,), dynamic_shapes=({0: batch},)).module()
    fuse = torch.export.export(Fuse(model), (encoded(model, pixels),), dynamic_shapes=({0: batch},)).module()
    for count in (1, 3, 5):
        given = clips(model, count, seed=count)
        features = encode(given.flatten(0, 1)).unflatten(0, given.shape[:2])
        torch.testing.assert_close(features, encoded(model, given), rtol=1e-4, atol=1e-4)
        assert_same(fuse(features), model(given))
