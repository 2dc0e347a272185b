"""DSTA: the published counts, every variant's shapes, and which tokens may speak to which answer."""

import dataclasses
import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15, SKELETONS
from chronopose.layers.backbone import BackboneConfig
from chronopose.losses.rle import RLELoss
from chronopose.models.complexity import complexity
from chronopose.models.dsta import DSTA, Aggregation, DSTAConfig, SpatialBranch, body_parts

FLOW = 53_784
TINY = DSTAConfig(
    backbone=BackboneConfig(name="mobilenetv4_conv_small_050"), height=64, width=48, depth=2, token_width=16, heads=4
)
VARIANTS: dict[str, dict[str, Any]] = {
    "std": {},
    "weighted": {"fusion": "weighted"},
    "extra tokens": {"fusion": "weighted", "extra_tokens": 2},
    "sd": {"attention": "sd"},
    "td": {"attention": "td"},
    "coupled": {"attention": "coupled"},
    "coupled with extra tokens": {"attention": "coupled", "extra_tokens": 1},
    "none": {"attention": "none"},
    "heatmap_fc": {"jfd": "heatmap_fc"},
    "integral_fc": {"jfd": "integral_fc"},
    "plain gap_fc": {"normalise_features": False},
    "unequal parts": {"skeleton": "coco-17"},
    "unequal parts, sd": {"skeleton": "jhmdb-15", "attention": "sd"},
    "parts of three but for the head": {"skeleton": "penn-13"},
    "causal": {"offsets": (-2, -1, 0)},
    "one frame": {"offsets": (0,)},
    "five frames": {"offsets": (-2, -1, 0, 1, 2)},
    "one auxiliary frame": {"offsets": (-1, 0)},
}


def tiny(**change: Any) -> DSTA:
    """A small network with position codes that are not the zeros they start with."""
    torch.manual_seed(0)
    model = DSTA(dataclasses.replace(TINY, **change))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("position"):
                parameter.normal_(std=0.5)
    return model.eval()


def clips(model: DSTA, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    shape = (batch, len(model.spec.offsets), 3, model.spec.height, model.spec.width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def tokens(model: DSTA, batch: int = 2) -> Tensor:
    count = len(model.skeleton) + model.config.extra_tokens
    generator = torch.Generator().manual_seed(6)
    return torch.randn(batch, len(model.spec.offsets), count, model.config.token_width, generator=generator)


def token_of(model: DSTA, joint: str) -> int:
    """Where a joint's token stands: part by part, by name."""
    return [name for part in body_parts(model.skeleton) for name in part].index(joint)


def moved(model: DSTA, features: Tensor, changed: Tensor) -> set[str]:
    """Names of the joints whose answer differs between two sets of features."""
    with torch.no_grad():
        before, after = model.fuse(features)[0], model.fuse(changed)[0]
    differs = ((before.xy_crop - after.xy_crop).abs().amax((0, 1, 3)) > 1e-4).tolist()
    return {joint for joint, differ in zip(model.skeleton.joints, differs, strict=True) if differ}


# Published and worked-out counts ---------------------------------------------------------------------------------


@functools.cache
def on_paper(config: DSTAConfig) -> DSTA:
    """A network of full size without memory for its weights."""
    with torch.device("meta"):
        return DSTA(config)


@pytest.mark.parametrize(
    ("parameters", "change"),
    [
        (24_745_407 - FLOW, {"backbone": "resnet50", "fusion": "weighted", "extra_tokens": 2}),
        (24_560_740, {"backbone": "resnet50"}),
        (59_196_516, {"backbone": "resnet152"}),
        (63_886_051, {"backbone": "hrnet_w48", "jfd": "heatmap_fc", "height": 384, "width": 288}),
        (63_687_620, {"backbone": "hrnet_w48", "jfd": "gap_fc", "height": 384, "width": 288}),
        (2_907_940, {"backbone": "mobilenetv2_100"}),
        (631_594_788, {"backbone": "vit_huge_patch16"}),
    ],
    ids=["R50 as shipped", "R50", "R152", "W48 heatmap_fc", "W48 gap_fc", "MobileNetV2", "ViT-H"],
)
def test_the_parameters_are_as_many_as_published(parameters: int, change: dict[str, Any]) -> None:
    config = DSTAConfig(**{**change, "backbone": BackboneConfig(name=change["backbone"])})
    assert sum(parameter.numel() for parameter in on_paper(config).parameters()) == parameters


def test_the_flow_makes_the_shipped_count_whole() -> None:
    assert sum(parameter.numel() for parameter in RLELoss(POSETRACK_15).parameters()) == FLOW


@pytest.mark.parametrize(
    ("macs", "frames", "extra"), [(1.505e6, 2, 0), (2.016e6, 3, 0), (3.060e6, 5, 0), (2.22e6, 3, 2)]
)
def test_the_head_costs_what_was_counted_for_it(macs: float, frames: int, extra: int) -> None:
    offsets = tuple(range(1 - frames, 1)) if frames == 2 else tuple(range(-(frames // 2), frames // 2 + 1))
    small = BackboneConfig(name="mobilenetv4_conv_small_050")
    fusion = "weighted" if extra else "concat"
    model = on_paper(DSTAConfig(backbone=small, offsets=offsets, extra_tokens=extra, fusion=fusion))
    assert complexity(model).macs_fuse_per_window == pytest.approx(macs - _left_out(frames, extra), rel=4e-3)


def _left_out(frames: int, extra: int = 0) -> int:
    """What the authors' last temporal block computes for frames that nobody reads: scores, output, feed-forward."""
    return (15 + extra) * (frames - 1) * (2 * frames * 32 + 32 * 32 + 2 * 32 * 64)


@pytest.mark.parametrize(
    ("gmacs", "config"),
    [
        (4.004 + 0.000983, DSTAConfig(backbone=BackboneConfig(name="resnet50"))),
        (
            35.30 + 0.0249,
            DSTAConfig(backbone=BackboneConfig(name="hrnet_w48"), jfd="heatmap_fc", height=384, width=288),
        ),
    ],
    ids=["R50", "W48"],
)
def test_a_frame_costs_what_was_counted_for_its_backbone_and_decoding(gmacs: float, config: DSTAConfig) -> None:
    counted = complexity(on_paper(config))
    assert counted.macs_encode_per_frame == pytest.approx(gmacs * 1e9, rel=5e-4)
    assert counted.macs_fuse_per_window == pytest.approx(2.016e6 - _left_out(3), rel=4e-3)


def test_counting_leaves_the_model_as_it_was_and_counts_the_same_wherever_it_is() -> None:
    model = tiny().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    cost = complexity(model)
    assert model.training
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert complexity(on_paper(model.config)) == cost
    assert cost.parameters == sum(parameter.numel() for parameter in model.parameters())


# Every variant ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_answers_in_crop_pixels_and_every_parameter_learns(change: dict[str, Any]) -> None:
    model = tiny(**change).train()
    output = model(clips(model))
    joints = len(model.skeleton)
    assert output.xy_crop.shape == output.sigma.shape == (2, 1, joints, 2)
    assert output.score.shape == (2, 1, joints)
    assert (output.score > 0).all() and (output.score < 1).all()
    assert (output.sigma > 0).all() and (output.sigma < torch.tensor([48.0, 64.0])).all()
    loss = output.xy_crop.square().sum() + output.sigma.square().sum()
    if model.config.jfd == "integral_fc":
        assert output.heatmaps.shape == (2, 1, joints, *model.backbone.grid)
        torch.testing.assert_close(output.heatmaps.exp().sum((-2, -1)), torch.ones(2, 1, joints))
    else:
        assert output.heatmaps is None
    loss.backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
    # A parameter behind a zero may have a zero gradient, but not a whole layer of the decoding.
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.jfd.parameters() if p.ndim > 1)


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_one_clip_alone_gets_the_answer_it_gets_among_others(change: dict[str, Any]) -> None:
    model = tiny(**change)
    given = clips(model, batch=3)
    with torch.no_grad():
        together, alone = model(given), model(given[1:2])
    torch.testing.assert_close(alone.xy_crop, together.xy_crop[1:2], rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(alone.sigma, together.sigma[1:2], rtol=1e-4, atol=1e-3)


def test_an_untrained_model_points_to_the_middle_of_the_crop() -> None:
    model = tiny()
    nn.init.zeros_(model.coordinates[1].weight)
    with torch.no_grad():
        xy = model(clips(model)).xy_crop
    torch.testing.assert_close(xy, torch.tensor([24.0, 32.0]).expand_as(xy))


def test_sigma_is_scaled_after_training_and_nothing_else_is() -> None:
    plain, scaled = tiny(), tiny(sigma_scale=0.5)
    given = clips(plain)
    with torch.no_grad():
        before, after = plain(given), scaled(given)
    assert before.sigma is not None and after.sigma is not None
    torch.testing.assert_close(after.sigma, 0.5 * before.sigma)
    assert torch.equal(after.xy_crop, before.xy_crop) and torch.equal(after.score, before.score)


def test_sigma_stays_above_its_bound_and_the_score_is_its_complement() -> None:
    model = tiny()
    nn.init.constant_(model.deviation[1].bias, -50.0)
    nn.init.zeros_(model.deviation[1].weight)
    with torch.no_grad():
        output = model.fuse(tokens(model))[0]
    torch.testing.assert_close(output.sigma[0, 0, 0], torch.tensor([48.0, 64.0]) * 1e-4)
    torch.testing.assert_close(output.score, torch.full_like(output.score, 1 - 1e-4))


def test_a_black_picture_with_normalised_features_stays_finite() -> None:
    model = tiny()
    with torch.no_grad():
        features, _ = model.jfd(torch.zeros(2, model.backbone.channels, 2, 2))
    assert features.isfinite().all()


# Who speaks to whom ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_body_parts_hold_each_joint_once(skeleton: Any) -> None:
    parts = body_parts(skeleton)
    assert sorted(joint for part in parts for joint in part) == sorted(skeleton.joints)
    assert len(parts) == 5
    for part in parts[1:]:
        assert len({joint.split("_")[0] for joint in part}) == 1


def test_posetracks_parts_are_those_of_the_authors() -> None:
    # Their token order as indices of PoseTrack's official joints.
    official = [14, 13, 12, 9, 10, 11, 8, 7, 6, 3, 4, 5, 2, 1, 0]
    assert [POSETRACK_15.joints[i] for i in official] == [j for part in body_parts(POSETRACK_15) for j in part]
    assert [len(part) for part in body_parts(POSETRACK_15)] == [3, 3, 3, 3, 3]
    assert body_parts(POSETRACK_15)[0] == ("head_top", "nose", "head_bottom")
    assert body_parts(POSETRACK_15)[3] == ("left_hip", "left_knee", "left_ankle")


@pytest.mark.parametrize("skeleton", ["posetrack-15", "coco-17"])
@pytest.mark.parametrize("attention", ["td", "none"])
def test_a_joints_token_reaches_the_answer_of_its_own_name_and_no_other(skeleton: str, attention: str) -> None:
    model = tiny(skeleton=skeleton, attention=attention)
    features = tokens(model)
    for joint in model.skeleton.joints:
        changed = features.clone()
        changed[:, :, token_of(model, joint)] += torch.randn(16)
        assert moved(model, features, changed) == {joint}


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_the_spatial_branch_mixes_the_joints_of_a_part_and_no_others(skeleton: str) -> None:
    model = tiny(skeleton=skeleton, attention="sd")
    features = tokens(model)
    for part in body_parts(model.skeleton):
        changed = features.clone()
        changed[:, :, token_of(model, part[-1])] += torch.randn(16)
        assert moved(model, features, changed) == set(part)


@pytest.mark.parametrize("jfd", ["gap_fc", "heatmap_fc", "integral_fc"])
def test_each_joints_decoding_weights_serve_the_joint_of_that_name(jfd: str) -> None:
    model = tiny(jfd=jfd, attention="none")
    for joint in ("head_top", "left_wrist", "right_ankle"):
        with torch.no_grad():
            before = model(clips(model))
            place = token_of(model, joint)
            if jfd == "gap_fc":
                rows = slice(place * 16, (place + 1) * 16)
                model.jfd.linear.weight[rows] = torch.randn(16, model.backbone.channels)
            else:
                model.jfd.maps.weight[place] = 3 * torch.randn_like(model.jfd.maps.weight[place])
            after = model(clips(model))
        change = (after.xy_crop - before.xy_crop).abs().amax((0, 1, 3))
        index = POSETRACK_15.index(joint)
        assert change[index] > 1e-4
        assert change.sum() == change[index]
        if after.heatmaps is not None:
            redrawn = (after.heatmaps - before.heatmaps).abs().amax((0, 1, 3, 4)) > 0
            assert redrawn.nonzero().flatten().tolist() == [index]


def test_the_maps_shown_are_those_of_the_key_frame() -> None:
    model = tiny(jfd="integral_fc", offsets=(-2, -1, 0))
    given = clips(model)
    other = given.clone()
    other[:, :2] = 0
    with torch.no_grad():
        torch.testing.assert_close(model(given).heatmaps, model(other).heatmaps, rtol=1e-4, atol=1e-4)
        other[:, 2] = 0
        assert not torch.allclose(model(given).heatmaps, model(other).heatmaps, atol=1e-2)


@pytest.mark.parametrize("offsets", [(-1, 0, 1), (-2, -1, 0), (0,)])
def test_learning_from_the_key_frame_answers_the_same_and_leaves_the_others_out(offsets: tuple[int, ...]) -> None:
    model = tiny(jfd="integral_fc", offsets=offsets, drop_path=0.0).train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()  # its statistics depend on what is encoded together
    given = clips(model).float().requires_grad_()
    plain = model(given)
    model.learn_from_key = True
    output = model(given)
    torch.testing.assert_close(output, plain, rtol=1e-4, atol=1e-4)
    (output.xy_crop.sum() + output.heatmaps.sum()).backward()
    moved = given.grad.abs().sum((0, 2, 3, 4)) > 0
    assert moved.tolist() == [offset == 0 for offset in offsets]
    model.eval()
    (model(given).xy_crop.sum()).backward()
    assert (given.grad.abs().sum((0, 2, 3, 4)) > 0).all()


def test_padding_slots_of_short_parts_never_influence_the_answer() -> None:
    torch.manual_seed(0)
    branch = SpatialBranch(dataclasses.replace(TINY, attention="sd"), (5, 3, 3)).eval()
    features = torch.randn(2, 11, 16)
    with torch.no_grad():
        nn.init.normal_(branch.position)
        before = branch(features)
        branch.position[3:] = 1e3  # the places that only the first part fills
        after = branch(features)
    torch.testing.assert_close(before[:, 5:], after[:, 5:])
    assert not torch.allclose(before[:, :5], after[:, :5])


def test_a_short_part_gets_the_answer_it_gets_among_parts_of_its_own_size() -> None:
    torch.manual_seed(0)
    uneven = SpatialBranch(dataclasses.replace(TINY, attention="sd"), (5, 3, 3)).eval()
    even = SpatialBranch(dataclasses.replace(TINY, attention="sd"), (3, 3)).eval()
    nn.init.normal_(uneven.position)
    even.transformer.load_state_dict(uneven.transformer.state_dict())
    features = torch.randn(2, 11, 16)
    with torch.no_grad():
        even.position.copy_(uneven.position[:3])
        torch.testing.assert_close(uneven(features)[:, 5:], even(features[:, 5:]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("attention", ["sd", "none"])
def test_without_the_temporal_branch_neighbour_frames_are_ignored(attention: str) -> None:
    model = tiny(attention=attention)
    features = tokens(model)
    changed = features.clone()
    changed[:, [0, 2]] = 100.0
    assert moved(model, features, changed) == set()


@pytest.mark.parametrize("change", [{}, {"fusion": "weighted"}, {"attention": "td"}, {"attention": "coupled"}])
def test_with_it_every_neighbour_frame_counts(change: dict[str, Any]) -> None:
    model = tiny(**change)
    features = tokens(model)
    for neighbour in (0, 2):
        changed = features.clone()
        changed[:, neighbour] += torch.randn_like(changed[:, neighbour])
        assert moved(model, features, changed) == set(POSETRACK_15.joints)


def test_coupled_attention_mixes_all_joints_of_all_frames() -> None:
    model = tiny(attention="coupled")
    features = tokens(model)
    changed = features.clone()
    changed[:, 0, token_of(model, "left_ankle")] += 3.0 * torch.randn(16)
    assert moved(model, features, changed) == set(POSETRACK_15.joints)


@pytest.mark.parametrize("attention", ["std", "coupled", "sd"])
def test_a_causal_window_answers_for_its_last_frame(attention: str) -> None:
    model = tiny(offsets=(-2, -1, 0), attention=attention)
    assert model.spec.key == 2
    assert model.spec.look_ahead == 0
    aggregate = model.aggregate
    assert aggregate.key == 2
    # With attention and feed-forward silenced the answer is a function of the key frame's tokens alone.
    for module in aggregate.modules():
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    features = tokens(model)
    past, last = features.clone(), features.clone()
    past[:, :2] += torch.randn_like(past[:, :2])
    last[:, 2] += torch.randn_like(last[:, 2])
    assert moved(model, features, past) == set()
    assert moved(model, features, last) == set(POSETRACK_15.joints)


def test_extra_tokens_are_attended_over_time_and_never_answered() -> None:
    model = tiny(fusion="weighted", extra_tokens=2)
    features = tokens(model)
    assert features.shape[2] == 17
    changed = features.clone()
    changed[:, :, 15:] = 50.0
    assert moved(model, features, changed) == set()


def test_the_weighted_sum_starts_as_the_mean_of_the_branches() -> None:
    torch.manual_seed(0)
    config = dataclasses.replace(TINY, fusion="weighted")
    both = Aggregation(config, 1, (3, 3, 3, 3, 3)).eval()
    features = torch.randn(2, 3, 15, 16)
    with torch.no_grad():
        mean = (both.temporal(features) + both.spatial(features[:, 1])) / 2
        torch.testing.assert_close(both(features), mean)


# Configs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skeleton": "octopus-8"}, "no skeleton 'octopus-8'; there are coco-17"),
        ({"token_width": 30, "heads": 8}, "multiple of heads 8, got 30"),
        ({"extra_tokens": -1}, "extra_tokens"),
        ({"depth": 0}, "depth"),
        ({"drop_path": 1.0}, "drop_path must lie in 0 to 1, got 1.0"),
        ({"offsets": (-2, -1)}, "predicts"),
        ({"offsets": (1, 0)}, "ascending"),
        ({"height": 4}, "at least 8 x 8"),
    ],
)
def test_a_config_that_cannot_be_built_says_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DSTAConfig(**change)
