"""Residual log-likelihood: a true density, the published formula by hand, and silence about unknown joints."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from chronopose.clips.contract import ClipBatch, PoseOutput
from chronopose.core.skeleton import POSETRACK_15, SKELETONS, Skeleton
from chronopose.losses.rle import RealNVP, RLELoss

ONE = Skeleton(name="one", joints=("nose",), limbs=(), mirror=(), sigmas=(0.1,))
HEIGHT, WIDTH = 64, 48


def perturbed(amount: float = 0.4) -> RealNVP:
    torch.manual_seed(3)
    flow = RealNVP()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += amount * torch.randn_like(parameter) / parameter.shape[-1] ** 0.5
    return flow


def silenced(loss: RLELoss) -> RLELoss:
    """With all weights zero the flow is the identity, and its density the standard normal."""
    for parameter in loss.flow.parameters():
        nn.init.zeros_(parameter)
    return loss


def question(xy: Tensor, sigma: Tensor, truth: Tensor, weight: Tensor | None = None) -> tuple[PoseOutput, ClipBatch]:
    """All of shape (B, F, K, 2), in pixels of a 64 x 48 crop."""
    weight = torch.ones(xy.shape[:-1]) if weight is None else weight
    batch = ClipBatch(torch.zeros(len(xy), 1, 3, HEIGHT, WIDTH, dtype=torch.uint8), truth, weight)
    return PoseOutput(xy_crop=xy, score=torch.ones(xy.shape[:-1]), sigma=sigma), batch


def random_question(joints: int = 15, clips: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    truth = torch.rand(clips, 1, joints, 2) * 40
    return truth + torch.randn_like(truth) * 3, torch.rand_like(truth) * 4 + 1, truth


def test_the_flow_has_as_many_parameters_as_the_published_one() -> None:
    assert sum(parameter.numel() for parameter in RealNVP().parameters()) == 53_784


@pytest.mark.parametrize("amount", [0.0, 0.4])
def test_the_density_integrates_to_one(amount: float) -> None:
    axis = torch.linspace(-12, 12, 161)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
    with torch.no_grad():
        density = perturbed(amount)(grid).exp()
    assert density.sum().item() * 0.15**2 == pytest.approx(1, abs=0.01)


def test_the_perturbed_density_is_not_the_normal_one() -> None:
    points = torch.randn(50, 2)
    normal = -0.5 * points.square().sum(-1) - math.log(2 * math.pi)
    assert (perturbed()(points) - normal).abs().max() > 0.3


def test_the_density_is_the_normal_one_times_the_volume_of_the_map_that_autograd_sees() -> None:
    flow, points = perturbed(), torch.randn(6, 2) * 2

    def latent(point: Tensor) -> Tensor:
        z = point[None]
        for mask, scale, shift in reversed(list(zip(flow.masks, flow.scales, flow.shifts, strict=True))):
            z = mask * z + (1 - mask) * (z - shift(mask * z)) * torch.exp(-scale(mask * z))
        return z[0]

    for point in points:
        volume = torch.autograd.functional.jacobian(latent, point).det().abs().log()
        expected = volume - 0.5 * latent(point).square().sum() - math.log(2 * math.pi)
        torch.testing.assert_close(flow(point[None])[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("q_form", ["laplace", "rle", "mmpose"])
@pytest.mark.parametrize("flow_per", ["joint", "axis"])
def test_the_loss_at_a_known_point_is_the_one_worked_out_by_hand(
    q_form: Literal["laplace", "rle", "mmpose"], flow_per: Literal["joint", "axis"]
) -> None:
    # x: an error of 4.8 px of 48 is 0.1, a sigma of 9.6 px is 0.2, so e is 0.5.
    # y: an error of -6.4 px of 64 is -0.1, a sigma of 3.2 px is 0.05, so e is -2.
    output, batch = question(
        torch.tensor([[[[24.8, 13.6]]]]), torch.tensor([[[[9.6, 3.2]]]]), torch.tensor([[[[20.0, 20.0]]]])
    )
    log_phi = -0.5 * (0.5**2 + 2.0**2) - math.log(2 * math.pi)
    flow = math.log(0.2) + math.log(0.05) - {"joint": 1, "axis": 2}[flow_per] * log_phi
    base = {
        "laplace": math.log(2 * 0.2 * 0.05) + math.sqrt(2) * 2.5,
        "rle": math.log(2 * math.pi * 0.2 * 0.05) + 2.5 / math.sqrt(2),
        "mmpose": math.log(0.4) + math.log(0.1) + 2.5,
    }[q_form]
    loss = silenced(RLELoss(ONE, q_form, flow_per))
    assert loss(output, batch)["rle"].item() == pytest.approx(flow + base, rel=1e-5)


def test_the_sigma_that_costs_least_is_the_standard_deviation_of_errors_with_a_laplace_density() -> None:
    torch.manual_seed(2)
    errors = torch.distributions.Laplace(0.0, 2.0).sample((4000, 1, 1, 2))
    deviation = errors.square().mean().sqrt()
    loss = silenced(RLELoss(ONE))
    truth = torch.full_like(errors, 24.0)
    costs = {
        factor: loss(*question(truth + errors, torch.full_like(errors, factor * deviation.item()), truth))["rle"].item()
        for factor in (0.7, 0.85, 1.0, 1.2, 1.4)
    }
    assert min(costs, key=lambda factor: costs[factor]) == 1.0


def test_only_the_ratio_to_the_crop_counts() -> None:
    xy, sigma, truth = random_question()
    loss = RLELoss(POSETRACK_15)
    output, batch = question(xy, sigma, truth)
    larger, larger_batch = question(xy * 2, sigma * 2, truth * 2)
    larger_batch = larger_batch._replace(pixels=torch.zeros(3, 1, 3, 2 * HEIGHT, 2 * WIDTH, dtype=torch.uint8))
    torch.testing.assert_close(loss(larger, larger_batch), loss(output, batch))


def test_the_loss_is_summed_over_joints_and_divided_by_the_batch_alone() -> None:
    xy, sigma, truth = random_question()
    loss = RLELoss(POSETRACK_15)
    whole = loss(*question(xy, sigma, truth))["rle"]
    each = [loss(*question(xy[[row]], sigma[[row]], truth[[row]]))["rle"] for row in range(3)]
    torch.testing.assert_close(whole, torch.stack(each).mean())


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_joints_far_out_on_a_limb_weigh_more_by_name(skeleton: Skeleton) -> None:
    weights = dict(zip(skeleton.joints, RLELoss(skeleton).joint_weights.tolist()))
    for joint, weight in weights.items():
        part = joint.removeprefix("left_").removeprefix("right_")
        assert weight == pytest.approx({"elbow": 1.2, "knee": 1.2, "wrist": 1.5, "ankle": 1.5}.get(part, 1.0))
    assert set(RLELoss(skeleton, limb_weights=False).joint_weights.tolist()) == {1.0}


def test_the_joint_weight_is_the_factor_of_its_joint_in_the_loss() -> None:
    xy, sigma, truth = random_question(clips=1)
    weighted = RLELoss(POSETRACK_15)
    plain = RLELoss(POSETRACK_15, limb_weights=False)
    plain.load_state_dict(weighted.state_dict())
    for joint, factor in (("left_wrist", 1.5), ("right_knee", 1.2), ("nose", 1.0)):
        alone = torch.zeros(1, 1, 15)
        alone[..., POSETRACK_15.index(joint)] = 1
        given = question(xy, sigma, truth, alone)
        torch.testing.assert_close(weighted(*given)["rle"], factor * plain(*given)["rle"])


@pytest.mark.parametrize("junk", [1e4, 1e30, math.inf, -math.inf])
def test_unknown_joints_give_exactly_no_gradient_whatever_is_predicted_there(junk: float) -> None:
    xy, sigma, truth = random_question()
    weight = torch.ones(3, 1, 15)
    weight[:, :, 4] = 0
    xy[:, :, 4] = junk
    sigma[:, :, 4] = 1e-4
    xy.requires_grad_()
    sigma.requires_grad_()
    loss = RLELoss(POSETRACK_15)
    value = loss(*question(xy, sigma, truth, weight))["rle"]
    value.backward()
    assert value.isfinite()
    for gradient in (xy.grad, sigma.grad):
        assert gradient is not None and gradient.isfinite().all()
        assert (gradient[:, :, 4] == 0).all()
        assert (gradient[:, :, 5] != 0).all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in loss.parameters())


@pytest.mark.parametrize("sigma_there", [0.0, math.inf])
def test_unknown_joints_are_silent_also_where_sigma_has_no_logarithm(sigma_there: float) -> None:
    xy, sigma, truth = random_question()
    weight = torch.ones(3, 1, 15)
    weight[:, :, 4] = 0
    expected = RLELoss(POSETRACK_15)
    value = expected(*question(xy, sigma, truth, weight))["rle"]
    sigma[:, :, 4] = sigma_there
    torch.testing.assert_close(expected(*question(xy, sigma, truth, weight))["rle"], value)


def test_known_joints_a_whole_crop_away_with_the_least_sigma_stay_finite() -> None:
    output, batch = question(
        torch.full((1, 1, 15, 2), 300.0).requires_grad_(), torch.full((1, 1, 15, 2), 48e-4), torch.zeros(1, 1, 15, 2)
    )
    value = RLELoss(POSETRACK_15)(output, batch)["rle"]
    value.backward()
    assert value.isfinite()
    assert output.xy_crop.grad is not None and output.xy_crop.grad.isfinite().all()


def test_half_precision_answers_are_scored_in_float32() -> None:
    xy, sigma, truth = random_question()
    output, batch = question(xy.bfloat16(), sigma.bfloat16(), truth)
    value = RLELoss(POSETRACK_15)(output, batch)["rle"]
    assert value.dtype == torch.float32 and value.isfinite()


def test_a_model_without_sigma_is_refused() -> None:
    output, batch = question(*random_question())
    with pytest.raises(ValueError, match="answers sigma"):
        RLELoss(POSETRACK_15)(output._replace(sigma=None), batch)
