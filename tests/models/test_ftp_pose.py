"""FTP-Pose: what pruning leaves as it is, which tokens speak to the answer, controls, and that it learns."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from chronopose.clips.contract import ClipBatch
from chronopose.core.errors import InputError
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.layers.transformer import Block
from chronopose.losses.heatmap import HeatmapMSE
from chronopose.models import checkpoint
from chronopose.models.ftp_pose import CrossBlock, FTPPose, FTPPoseConfig, Selection

TINY = FTPPoseConfig(
    backbone=BackboneConfig(name="mobilenetv4_conv_small_050", stride=16, neck_width=16),
    height=64,
    width=48,
    coarse_depth=1,
    shared_depth=2,
    heads=4,
    keep_hrb=3,
    keep_lrb=3,
    head_width=16,
)
BASELINE: dict[str, Any] = {"high_resolution": False, "keep_hrb": 1, "keep_lrb": 1}
UNPRUNED: dict[str, Any] = {"keep_hrb": 1, "keep_lrb": 1}
VARIANTS: dict[str, dict[str, Any]] = {
    "scatter_pre": {},
    "scatter_post": {"recovery": "scatter_post"},
    "query": {"recovery": "query"},
    "baseline": BASELINE,
    "(a)": UNPRUNED,
    "(a), query": {**UNPRUNED, "recovery": "query"},
    "only HRB pruned": {"keep_lrb": 1},
    "only LRB pruned": {"keep_hrb": 1},
    "four times per side": {"hr_scale": 4, "keep_hrb": 6},
    "bilinear": {"upsample": "bilinear"},
    "random": {"select": "random"},
    "grid": {"select": "grid"},
    "norm": {"select": "norm"},
    "another density": {"k": 3, "tau": 4.0},
    "no coarse blocks": {"coarse_depth": 0},
    "causal": {"offsets": (-2, -1, 0)},
    "one frame": {"offsets": (0,)},
    "log maps": {"maps": "log"},
    "drop path": {"drop_path": 0.2},
    "a vision transformer": {"backbone": BackboneConfig(name="vit_tiny_patch16_224"), "heads": 3},
}


def tiny(**change: Any) -> FTPPose:
    torch.manual_seed(0)
    return FTPPose(dataclasses.replace(TINY, **change)).eval()


def clips(model: FTPPose, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    shape = (batch, len(model.spec.offsets), 3, model.spec.height, model.spec.width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def maps(model: FTPPose, batch: int = 2) -> Tensor:
    """Features as unlike each other as those of a trained backbone."""
    shape = (batch, len(model.spec.offsets), model.backbone.channels, *model.backbone.grid)
    return torch.randn(shape, generator=torch.Generator().manual_seed(6))


def seen(model: FTPPose, features: Tensor) -> dict[str, Tensor]:
    """The tokens at the stations of a pass: of both branches before pruning, and those of the map after it."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda module, given, answer: found.setdefault(name, given[0] if name == "dense" else answer)

    stations = {"coarse": model.temporal, "fine": model.detail, "dense": model.norm}
    hooks = [module.register_forward_hook(keep(name)) for name, module in stations.items()]
    found["heatmaps"] = model.fuse(features)[0].heatmaps
    for hook in hooks:
        hook.remove()
    return found


# Every variant ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_answers_in_crop_pixels_and_every_parameter_learns(change: dict[str, Any]) -> None:
    model = tiny(**change).train()
    output = model(clips(model))
    joints = len(model.skeleton)
    assert output.xy_crop.shape == (2, 1, joints, 2)
    assert output.heatmaps.shape == (2, 1, joints, 4 * 4, 4 * 3)
    assert output.xy_crop.dtype == output.heatmaps.dtype == torch.float32
    (output.heatmaps * torch.randn(output.heatmaps.shape)).sum().backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.isfinite().all()] == []
    # Where blocks are dropped whole, a matrix may go without; elsewhere all learn.
    still = [name for name, gradient in gradients.items() if gradient.ndim > 1 and not gradient.any()]
    assert model.config.drop_path > 0 or still == []


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_one_clip_alone_gets_the_answer_it_gets_among_others(change: dict[str, Any]) -> None:
    model = tiny(**change)
    features = maps(model, batch=3)
    with torch.no_grad():
        together, alone = model.fuse(features)[0], model.fuse(features[1:2])[0]
    torch.testing.assert_close(alone.heatmaps, together.heatmaps[1:2], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(alone.xy_crop, together.xy_crop[1:2], rtol=1e-3, atol=1e-2)


# Pruning ---------------------------------------------------------------------------------------------------------


def test_pruning_has_no_parameters_and_no_state() -> None:
    pruned, whole = tiny(), tiny(**UNPRUNED)
    assert pruned.state_dict().keys() == whole.state_dict().keys()
    assert not any(name.startswith("pick") for name in pruned.state_dict())


@torch.no_grad()
@pytest.mark.parametrize("recovery", ["scatter_pre", "scatter_post", "query"])
def test_keeping_every_token_by_the_road_of_pruning_changes_no_bit(recovery: str) -> None:
    model = tiny(recovery=recovery, **UNPRUNED)
    features = maps(model)
    before = model.fuse(features)[0].heatmaps
    for pick in (model.pick_fine, model.pick_coarse):
        assert pick(torch.zeros(1, pick.keep, 16)) is None
        pick.whole = False
        assert pick(torch.randn(1, pick.keep, 16)).tolist() == [list(range(pick.keep))]
    assert torch.equal(model.fuse(features)[0].heatmaps, before)


@torch.no_grad()
def test_without_pruning_selection_and_the_scattering_do_not_matter() -> None:
    answers = [
        tiny(select=select, recovery=recovery, **UNPRUNED).fuse(maps(tiny()))[0].heatmaps
        for select, recovery in [("dpc", "scatter_pre"), ("dpc", "scatter_post"), ("random", "scatter_pre")]
    ]
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])


@torch.no_grad()
def test_scattering_after_the_fusion_leaves_the_other_tokens_as_they_were() -> None:
    for recovery, untouched in (("scatter_post", 48 - 16), ("scatter_pre", 0), ("query", 0)):
        model = tiny(recovery=recovery)
        tokens = seen(model, maps(model, batch=1))
        same = (tokens["dense"] == tokens["fine"]).all(-1)[0]
        assert same.sum() == untouched
        assert recovery != "scatter_post" or not same[model.pick_fine(tokens["fine"])[0]].any()


def test_gradient_reaches_every_fine_token_and_the_coarse_tokens_that_were_kept() -> None:
    model = tiny()
    features = maps(model, batch=1).requires_grad_()
    tokens = seen(model, features)
    gradients = torch.autograd.grad(
        tokens["heatmaps"].square().sum(), [tokens["fine"], tokens["coarse"], features], allow_unused=False
    )
    assert all(gradient.isfinite().all() for gradient in gradients)
    fine, coarse, frames = gradients
    assert fine.any(-1).all()
    kept = model.pick_coarse(tokens["coarse"])[0]
    assert coarse.any(-1)[0].nonzero().flatten().tolist() == kept.tolist()
    assert frames.flatten(2).any(-1).all()


@torch.no_grad()
def test_autocast_leaves_the_choice_of_tokens_as_it_is() -> None:
    model = tiny()
    fine = torch.randn(3, 48, 16, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model.pick_fine(fine)
    assert torch.equal(rough, model.pick_fine(fine))


@torch.no_grad()
@pytest.mark.parametrize("change", [{}, {"keep_lrb": 1}, UNPRUNED], ids=["pruned", "only HRB pruned", "(a)"])
def test_shared_blocks_treat_each_branch_as_if_it_were_alone(change: dict[str, Any]) -> None:
    model = tiny(**change)
    fine, coarse = model.pick_fine.keep, model.pick_coarse.keep
    tokens = torch.randn(2, fine + coarse, 16)
    for block in model.shared:
        alone = Block(16, 4, 64)  # the plain block with the same weights
        alone.load_state_dict(block.state_dict())
        separate = torch.cat([alone(tokens[:, :fine]), alone(tokens[:, fine:])], dim=1)
        torch.testing.assert_close(block(tokens), separate)


def test_shared_blocks_are_one_set_for_both_branches_and_the_others_see_one() -> None:
    model = tiny()
    lengths: dict[int, list[int]] = {}
    for number, block in enumerate([*model.temporal.blocks, *model.shared]):
        block.register_forward_pre_hook(lambda _, given, n=number: lengths.setdefault(n, []).append(given[0].shape[1]))
    with torch.no_grad():
        model.fuse(maps(model))
    assert lengths == {0: [36], 1: [16 + 12], 2: [16 + 12]}
    blocks = [name for name, module in model.named_modules(remove_duplicate=False) if isinstance(module, Block)]
    assert blocks == ["temporal.blocks.0", "shared.0", "shared.1"]
    assert {name for name, _ in model.shared.named_parameters()} == {
        name for name, _ in tiny(**BASELINE).shared.named_parameters()
    }


# Controls --------------------------------------------------------------------------------------------------------


def selection(select: str, grid: tuple[int, int, int], divisor: int) -> Selection:
    return Selection(dataclasses.replace(TINY, select=select), grid, divisor).eval()


def test_a_random_choice_is_fixed_in_use_and_drawn_anew_in_training() -> None:
    pick, again = selection("random", (1, 8, 6), 6), selection("random", (1, 8, 6), 6)
    tokens = torch.randn(2, 48, 4)
    state = torch.get_rng_state()
    kept = pick(tokens)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(kept, again(2 * tokens)) and torch.equal(kept[0], kept[1])
    assert (kept.diff(dim=1) > 0).all() and kept.shape == (2, 8)
    drawn = torch.cat([pick.train()(tokens) for _ in range(50)])
    assert len({tuple(row) for row in drawn.tolist()}) > 90
    assert set(drawn.flatten().tolist()) == set(range(48))


@pytest.mark.parametrize("divisor", [6, 10])
def test_a_grid_is_spread_evenly_over_frames_rows_and_columns(divisor: int) -> None:
    kept = selection("grid", (3, 16, 12), divisor)(torch.zeros(1, 576, 1))[0]
    fill = torch.zeros(576)
    fill[kept] = 1
    fill = fill.view(3, 16, 12)
    assert fill.sum() == 576 // divisor
    assert (fill.sum((1, 2)) - fill.sum() / 3).abs().max() <= 2
    # No two stand side by side or corner to corner, and no 7 x 7 cells are empty.
    for one, other in (
        (fill[:, 1:], fill[:, :-1]),
        (fill[:, :, 1:], fill[:, :, :-1]),
        (fill[:, 1:, 1:], fill[:, :-1, :-1]),
        (fill[:, 1:, :-1], fill[:, :-1, 1:]),
    ):
        assert not (one * other).any()
    assert max_pool2d(fill, 7, stride=1).min() == 1


def test_the_longest_tokens_are_kept_by_norm() -> None:
    length = torch.tensor([1.0, 9, 2, 3, 8, 4, 5, 2, 1, 7, 3, 6])
    tokens = nn.functional.normalize(torch.randn(1, 12, 3), dim=-1) * length[:, None]
    assert selection("norm", (1, 4, 3), 3)(tokens).tolist() == [[1, 4, 9, 11]]


# Parts -----------------------------------------------------------------------------------------------------------


def test_cross_attention_equals_torchs_own_with_the_same_weights() -> None:
    torch.manual_seed(0)
    ours, theirs = CrossBlock(16, 4, 32), nn.MultiheadAttention(16, 4, batch_first=True)
    tokens, context = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key_value.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
        ours.feed_forward[-1].weight.zero_()
        ours.feed_forward[-1].bias.zero_()
        mixed = theirs(ours.norm_query(tokens), *[ours.norm_context(context)] * 2)[0]
        torch.testing.assert_close(ours(tokens, context), tokens + mixed)


@torch.no_grad()
def test_the_baseline_answers_for_the_frame_at_offset_zero() -> None:
    model = tiny(offsets=(-2, -1, 0), **BASELINE)
    for module in [*model.temporal.modules(), *model.shared.modules()]:
        if isinstance(module, nn.Linear):  # silenced blocks: every token answers for itself
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    features = maps(model)
    before = model.fuse(features)[0].heatmaps
    past, last = features.clone(), features.clone()
    past[:, :2] += 1
    last[:, 2] *= -1
    assert torch.equal(model.fuse(past)[0].heatmaps, before)
    assert not torch.equal(model.fuse(last)[0].heatmaps, before)


def test_a_frozen_backbone_neither_learns_nor_moves_and_the_rest_does() -> None:
    model = tiny(freeze_backbone=True).train()
    assert not model.backbone.training and model.head.training
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    model(clips(model)).heatmaps.square().sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in model.backbone.state_dict().items())
    learning = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert learning == {"temporal", "shared", "detail", "fusion", "norm", "head"}


@torch.no_grad()
def test_another_window_stretches_the_codes_of_time(tmp_path: Path) -> None:
    model = tiny()
    checkpoint.save(model, tmp_path / "m.safetensors", Card())
    loaded: Any = checkpoint.load(tmp_path / "m.safetensors", window=(-1, 0)).model
    assert torch.equal(loaded.temporal.position, model.temporal.position[:, :2])
    assert loaded(clips(loaded)).xy_crop.isfinite().all()


def test_it_learns_eight_windows_by_heart() -> None:
    model = tiny(head_width=32, backbone=dataclasses.replace(TINY.backbone, neck_width=32)).train()
    features = maps(model, batch=8)
    generator = torch.Generator().manual_seed(0)
    xy = torch.rand(8, 1, 15, 2, generator=generator) * torch.tensor([40.0, 56.0]) + 4
    truth = ClipBatch(torch.zeros(8, 3, 3, 64, 48, dtype=torch.uint8), xy, torch.ones(8, 1, 15))
    learning = [parameter for name, parameter in model.named_parameters() if not name.startswith("backbone.")]
    loss, optimiser = HeatmapMSE(weight=1000), torch.optim.AdamW(learning, lr=3e-3)
    for _ in range(80):
        optimiser.zero_grad()
        loss(model.fuse(features)[0], truth)["heatmap"].backward()
        optimiser.step()
    with torch.no_grad():
        distance = (model.eval().fuse(features)[0].xy_crop - xy).norm(dim=-1)
    assert (distance < 4).float().mean() > 0.95


# Configs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skeleton": "octopus-8"}, "no skeleton 'octopus-8'; there are coco-17"),
        ({"hr_scale": 3}, "hr_scale must be 2 or 4, got 3"),
        ({"select": "best"}, "select must be dpc or random or grid or norm, got 'best'"),
        ({"recovery": "none"}, "recovery must be scatter_pre or scatter_post or query, got 'none'"),
        ({"upsample": "nearest"}, "upsample must be deconv or bilinear, got 'nearest'"),
        ({"maps": "mean"}, "maps must be gaussian or log, got 'mean'"),
        ({"keep_hrb": 0}, "keep_hrb must be at least 1, got 0"),
        ({"keep_lrb": 0}, "keep_lrb must be at least 1, got 0"),
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"tau": 0.0}, "tau must be positive or none, got 0.0"),
        ({"coarse_depth": -1}, "coarse_depth must be at least 0, got -1"),
        ({"shared_depth": 0}, "shared_depth must be at least 1, got 0"),
        ({"mlp_ratio": 0.0}, "mlp_ratio must be positive, got 0.0"),
        ({"drop_path": 1.0}, "drop_path must lie in 0 to 1, got 1.0"),
        ({"high_resolution": False}, "wants keep_hrb and keep_lrb 1, got 3 and 3"),
        ({"offsets": (-2, -1)}, "predicts"),
    ],
)
def test_a_config_that_cannot_be_built_says_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataclasses.replace(TINY, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 5}, "heads must divide the backbone's width 16, got 5"),
        ({"keep_hrb": 49}, "one in 49 of 48 tokens is none"),
        ({"keep_lrb": 37}, "one in 37 of 36 tokens is none"),
        ({"k": 40}, "k must be at most the number of tokens 36, got 40"),
    ],
)
def test_a_network_that_its_backbone_does_not_fit_says_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny(**change)
