"""ListPose: its counts, TokenPose inside it, and what the carried state may and may not do."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chronopose.clips.contract import Carried, PoseOutput, RecurrentPoseModel
from chronopose.core.errors import InputError
from chronopose.layers.backbone import BackboneConfig
from chronopose.models.complexity import complexity
from chronopose.models.listpose import ListPose, ListPoseConfig, TokenInitialisation, pooled
from chronopose.models.tokenpose import TokenPose, TokenPoseConfig
from chronopose.recipes.presets import PRESETS

TINY = ListPoseConfig(
    encoder="raw", height=32, width=32, patch=(8, 8), token_width=16, depth=2, heads=4, gate_init=1.0, maps="log"
)
KINDS = ("residual", "residual_param", "copy", "copy_raw", "learnable")
VARIANTS: dict[str, dict[str, Any]] = {
    **{kind: {"token_init": kind} for kind in KINDS},
    "closed gate": {"gate_init": 0.0},
    "pooled under the maps": {"state_source": "heatmap_pooled"},
    "pooled under Gaussian maps": {"state_source": "heatmap_pooled", "maps": "gaussian"},
    "no gradient through the state": {"state_grad": "detach"},
    "Gaussian maps": {"maps": "gaussian"},
    "stem": {"encoder": "stem", "patch": (2, 2)},
    "timm": {"encoder": "timm", "backbone": BackboneConfig(name="mobilenetv4_conv_small_050"), "patch": (1, 1)},
    "HRNet": {"encoder": "hrnet_w32_s3", "patch": (4, 4)},
    "lying crop": {"height": 16, "width": 48},
    "three stages": {"depth": 3, "stages": 3},
    "two frames": {"offsets": (-1, 0)},
}


def tiny(**change: Any) -> ListPose:
    """A small network whose weights are wide enough for frames to show in maps and in the state."""
    torch.manual_seed(0)
    model = ListPose(dataclasses.replace(TINY, **change))
    widen(model.network)
    if model.initialise is not None:
        widen(model.initialise)
    return model.eval()


def widen(module: nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=parameter.shape[1] ** -0.5)


def clips(model: ListPose, batch: int = 2, frames: int | None = None, seed: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    count = len(model.spec.offsets) if frames is None else frames
    shape = (batch, count, 3, model.spec.height, model.spec.width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def encoded(model: ListPose, pixels: Tensor) -> Tensor:
    return torch.stack([model.encode(pixels[:, frame]) for frame in range(pixels.shape[1])], dim=1)


def maps(output: PoseOutput) -> Tensor:
    assert output.heatmaps is not None
    return output.heatmaps


# Worked-out counts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "millions", "gmacs", "products"),
    [
        ("listpose-xs", 5.61, 2.33, 2.17),
        ("listpose-s", 7.83, 3.09, 2.76),
        ("listpose-t", 6.87, 1.59, 1.26),
        ("listpose-b", 14.51, 7.82, 7.49),
    ],
)
def test_parameters_and_macs_are_as_many_as_worked_out(
    name: str, millions: float, gmacs: float, products: float
) -> None:
    """`gmacs` with the products of queries, keys and values, `products` without."""
    config = PRESETS[name]
    assert (config.height, config.width, config.skeleton) == (256, 256, "penn-13")
    with torch.device("meta"):
        model = ListPose(config)
    cost = complexity(model)
    total = cost.macs_encode_per_frame + cost.macs_fuse_per_window
    attention = 2 * len(model.network.transformer.code) ** 2 * config.token_width * config.depth
    assert cost.parameters / 1e6 == pytest.approx(millions, abs=0.01)
    assert total / 1e9 == pytest.approx(gmacs, rel=0.02)
    assert (total - attention) / 1e9 == pytest.approx(products, rel=0.02)


def test_what_links_the_frames_is_a_hundredth_of_the_model() -> None:
    with torch.device("meta"):
        link = TokenInitialisation("residual", 192, 0.0)
    assert sum(parameter.numel() for parameter in link.parameters()) == 74_688  # norm 384, gate 192, two layers


def test_a_recurrent_models_fuse_step_is_counted_over_one_frame_however_long_its_clips() -> None:
    with torch.device("meta"):
        short, long = (ListPose(dataclasses.replace(TINY, offsets=offsets)) for offsets in ((0,), (-2, -1, 0)))
    assert complexity(short) == complexity(long)


# Every variant -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_answers_every_frame_and_every_parameter_learns(change: dict[str, Any]) -> None:
    model = tiny(**change).train()
    output = model(clips(model))
    frames, joints = len(model.spec.offsets), len(model.skeleton)
    assert model.spec.predicts == model.spec.offsets and model.spec.recurrent
    assert output.xy_crop.shape == (2, frames, joints, 2)
    assert output.score.shape == (2, frames, joints)
    assert maps(output).shape == (2, frames, joints, model.spec.height // 4, model.spec.width // 4)
    assert isinstance(model, RecurrentPoseModel)
    maps(output).square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
    still = [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    # Behind a closed gate nothing is learned until the gate itself has moved.
    assert all(name.startswith("initialise.") for name in still) and bool(still) == (model.config.gate_init == 0)
    assert "initialise.gate" not in still


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
@torch.no_grad()
def test_a_clip_is_answered_as_its_frames_one_by_one(change: dict[str, Any]) -> None:
    model = tiny(**change)
    features = encoded(model, clips(model, 2, frames=7))
    whole, last = model.fuse(features)
    assert whole.xy_crop.shape[1] == 7  # any number of frames
    state = model.fresh(2)
    for frame in range(7):
        step, state = model.fuse(features[:, frame : frame + 1], state)
        torch.testing.assert_close(maps(step)[:, 0], maps(whole)[:, frame], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(state.tokens, last.tokens, rtol=1e-5, atol=1e-5)
    assert state.valid.all()


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
@torch.no_grad()
def test_a_person_gets_the_answer_alone_that_it_gets_among_others(change: dict[str, Any]) -> None:
    model = tiny(**change)
    features = encoded(model, clips(model, 3))
    # One is new, one known, one forgotten on the way: their states stand side by side and do not touch.
    known = Carried(torch.randn(3, *model.fresh(1).tokens.shape[1:]), torch.tensor([False, True, True]))
    reset = torch.zeros(features.shape[:2], dtype=torch.bool)
    reset[2, 1] = True
    together, last = model.fuse(features, known, reset)
    for row in range(3):
        one = slice(row, row + 1)
        alone, state = model.fuse(features[one], Carried(known.tokens[one], known.valid[one]), reset[one])
        torch.testing.assert_close(maps(alone), maps(together)[one], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(state.tokens, last.tokens[one], rtol=1e-4, atol=1e-4)


# TokenPose inside it -----------------------------------------------------------------------------------------------


def token_pose(model: ListPose) -> TokenPose:
    """TokenPose of the same shape with the same weights."""
    shared = {field.name for field in dataclasses.fields(TokenPoseConfig)}
    values = {name: getattr(model.config, name) for name in shared}
    single = TokenPose(TokenPoseConfig(**values))
    weights = {name: value for name, value in model.state_dict().items() if not name.startswith("initialise.")}
    single.load_state_dict(weights)
    return single.eval()


@pytest.mark.parametrize("encoder", [{}, {"encoder": "stem", "patch": (2, 2)}])
@torch.no_grad()
def test_with_learnable_tokens_it_is_token_pose_frame_by_frame(encoder: dict[str, Any]) -> None:
    model = tiny(token_init="learnable", **encoder)
    single, given = token_pose(model), clips(model)
    output = model(given)
    for frame in range(given.shape[1]):
        torch.testing.assert_close(maps(single(given[:, frame, None]))[:, 0], maps(output)[:, frame])


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_persons_first_frame_is_token_poses(kind: str) -> None:
    model = tiny(token_init=kind)
    given = clips(model)
    single = token_pose(model)(given[:, :1])
    torch.testing.assert_close(maps(model(given))[:, :1], maps(single))
    torch.testing.assert_close(maps(model(given[:, :1])), maps(single))


@torch.no_grad()
def test_it_starts_as_token_pose_while_the_gate_is_closed() -> None:
    model = tiny(gate_init=0.0)
    single, given = token_pose(model), clips(model)
    torch.testing.assert_close(maps(model(given))[:, 3:4], maps(single(given[:, 3:4])))
    assert ListPoseConfig().gate_init == 0.0


# What a state may do -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_reset_forgets_everything_before_it_of_that_person_alone(kind: str) -> None:
    model = tiny(token_init=kind)
    features = encoded(model, clips(model))
    reset = torch.zeros(2, 5, dtype=torch.bool)
    reset[1, 3] = True
    plain, _ = model.fuse(features)
    output, last = model.fuse(features, reset=reset)
    torch.testing.assert_close(maps(output)[0], maps(plain)[0])
    torch.testing.assert_close(maps(output)[1, :3], maps(plain)[1, :3])
    fresh, state = model.fuse(features[1:, 3:])
    torch.testing.assert_close(maps(output)[1:, 3:], maps(fresh), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(last.tokens[1:], state.tokens, rtol=1e-4, atol=1e-5)
    if kind != "learnable":
        assert (maps(output) - maps(plain))[1, 3].abs().max() > 1e-3


@torch.no_grad()
def test_a_state_of_zeros_is_not_the_same_as_none() -> None:
    model = tiny()
    features = encoded(model, clips(model, 2, frames=1))
    zeros = Carried(model.fresh(2).tokens, torch.tensor([False, True]))
    first, after_zeros = maps(model.fuse(features, zeros)[0])
    wanted, _ = model.fuse(features)
    torch.testing.assert_close(first, maps(wanted)[0])
    nn.init.normal_(model.initialise.norm.bias)
    after_zeros = maps(model.fuse(features, zeros)[0])[1]
    assert (after_zeros - maps(wanted)[1]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("change", "reaches"),
    [
        ({"token_init": "residual"}, True),
        ({"token_init": "residual_param"}, True),
        ({"token_init": "copy"}, True),
        ({"token_init": "copy_raw"}, True),
        ({"state_source": "heatmap_pooled"}, True),
        ({"token_init": "learnable"}, False),
        ({"state_grad": "detach"}, False),
        ({"gate_init": 0.0}, False),
    ],
)
def test_the_gradient_of_the_last_frame_reaches_the_first_through_the_state(
    change: dict[str, Any], reaches: bool
) -> None:
    model = tiny(**change).train()
    given = clips(model).float().requires_grad_()
    maps(model(given))[:, -1].square().sum().backward()
    moved = given.grad.abs().sum((0, 2, 3, 4)) > 0
    assert moved.tolist() == [reaches] * 4 + [True]


@torch.no_grad()
def test_detaching_changes_the_gradient_and_not_the_answer() -> None:
    one, other = tiny(), tiny(state_grad="detach")
    given = clips(one)
    torch.testing.assert_close(maps(one(given)), maps(other(given)))


@pytest.mark.parametrize("kind", ["residual", "residual_param", "copy"])
@torch.no_grad()
def test_the_state_stays_bounded_for_five_hundred_frames(kind: str) -> None:
    sizes = norms(tiny(token_init=kind))
    assert sizes[-100:].max() < 1.5 * sizes[:100].max()
    assert sizes[-100:].mean().item() == pytest.approx(sizes[300:400].mean().item(), rel=0.05)


@torch.no_grad()
def test_without_the_norm_it_grows_with_every_frame() -> None:
    sizes = norms(tiny(token_init="copy_raw"))
    assert sizes[499] > 3 * sizes[99] > 6 * sizes[9]


def norms(model: ListPose) -> Tensor:
    """(500,) mean length of the carried tokens of one person, frame by frame."""
    features = encoded(model, clips(model, 1, frames=10))
    state, sizes = model.fresh(1), []
    for frame in range(500):
        _, state = model.fuse(features[:, frame % 10, None], state)
        sizes.append(state.tokens.norm(dim=-1).mean())
    return torch.stack(sizes)


@pytest.mark.parametrize("source", ["out", "heatmap_pooled"])
@torch.no_grad()
def test_the_state_is_float32_in_half_precision_too(source: str) -> None:
    model = tiny(state_source=source)
    given = clips(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, state = model.fuse(encoded(model, given))
        _, state = model.fuse(encoded(model, given), state)
    assert state.tokens.dtype == torch.float32 and state.valid.dtype == torch.bool
    assert state.tokens.isfinite().all()


def test_patches_are_averaged_under_the_map_of_each_joint() -> None:
    patches = torch.randn(1, 6, 4)  # a grid of 2 x 3
    drawn = torch.full((1, 2, 4, 6), -1.0)
    drawn[0, 0, 2:, 2:4] = 0.5  # the whole patch in the second row and column
    drawn[0, 1, 0, 0], drawn[0, 1, 3, 5] = 3.0, 1.0
    found = pooled(drawn, patches, (2, 3), "gaussian")
    torch.testing.assert_close(found[0, 0], patches[0, 4])
    torch.testing.assert_close(found[0, 1], 0.75 * patches[0, 0] + 0.25 * patches[0, 5])
    sharp = torch.where(drawn > 0, 50.0, -50.0)
    torch.testing.assert_close(pooled(sharp, patches, (2, 3), "log")[0, 0], patches[0, 4])


class Step(nn.Module):
    """One frame of a stream: features and state in, answer and state out."""

    def __init__(self, model: ListPose) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, tokens: Tensor, valid: Tensor) -> tuple[PoseOutput, Carried]:
        return self.model.fuse(features, Carried(tokens, valid))


@torch.no_grad()
def test_a_step_with_its_state_exports_with_a_free_batch() -> None:
    model = tiny()
    features = encoded(model, clips(model, 3, frames=1))
    batch = torch.export.Dim("batch", min=1, max=64)
    given = (features, torch.randn(3, 13, 16), torch.tensor([True, False, True]))
    graph = torch.export.export(Step(model), given, dynamic_shapes=({0: batch}, {0: batch}, {0: batch})).module()
    for count in (1, 5):
        features = encoded(model, clips(model, count, frames=1, seed=count))
        given = (features, torch.randn(count, 13, 16), torch.arange(count) % 2 == 0)
        output, state = graph(*given)
        wanted, after = Step(model)(*given)
        torch.testing.assert_close(output.heatmaps, wanted.heatmaps, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(state.tokens, after.tokens, rtol=1e-4, atol=1e-4)


# Configs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skeleton": "octopus-8"}, "no skeleton 'octopus-8'; there are coco-17"),
        ({"offsets": (-2, -1)}, "predicts must hold the key frame 0"),
        ({"offsets": (0, -1)}, "ascending"),
        ({"gate_init": float("nan")}, "gate_init must be a finite number, got nan"),
        ({"token_width": 30}, "token_width must be a multiple of 4 and of heads 8, got 30"),
        ({"patch": (3, 4)}, "patch must divide the encoder's map of 64 x 64 cells, got 3 x 4"),
    ],
)
def test_a_config_that_cannot_be_built_says_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ListPoseConfig(**change)
