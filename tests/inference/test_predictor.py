"""The predictor gives every crop the same answer in any batch, in the image's pixels."""

import numpy as np
import pytest
import torch

from chronopose.clips.crop import crop_clip
from chronopose.core.geometry import apply, crop_to_image
from chronopose.inference.predictor import Predictor, in_image
from chronopose.runtimes.contract import answer
from chronopose.runtimes.in_torch import TorchRuntime
from tests.inference.tiny_pose import WINDOW, predictor, rendered, tiny_model


def clips(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, T, H, W, 3) and key-frame transforms (N, 2, 3) of `count` windows of a rendered clip."""
    clip, spec = rendered(12), predictor().spec
    cut = []
    for number in range(count):
        key, person = 2 + number % 8, number % 2
        cut.append(crop_clip([clip.frames[key + o] for o in WINDOW], clip.boxes[key, person], spec))
    return np.stack([one.pixels for one in cut]), np.stack([one.crop_to_image[spec.key] for one in cut])


@pytest.mark.parametrize("batch", [1, 3, 7, 64])
def test_batches_of_any_size_answer_like_one_by_one(batch: int) -> None:
    pixels, transforms = clips(11)
    alone = [predictor().clips(pixels[i : i + 1], transforms[i : i + 1]) for i in range(11)]
    together = Predictor(TorchRuntime(tiny_model(), batch=batch)).clips(pixels, transforms)
    assert together.sigma is not None
    np.testing.assert_allclose(together.xy, np.concatenate([one.xy for one in alone]), atol=1e-4)
    np.testing.assert_allclose(together.score, np.concatenate([one.score for one in alone]), atol=1e-4)
    np.testing.assert_allclose(together.sigma, np.concatenate([one.sigma for one in alone]), atol=1e-4)
    # If all clips had one answer, this would show nothing.
    assert np.ptp(together.xy, axis=0).mean() > 1


def test_clips_are_answered_as_by_the_models_own_forward_pass() -> None:
    pixels, transforms = clips(4)
    with torch.inference_mode():
        wanted = tiny_model()(torch.from_numpy(pixels).permute(0, 1, 4, 2, 3))
    found = predictor().clips(pixels, transforms)
    np.testing.assert_allclose(found.xy, apply(transforms, wanted.xy_crop[:, 0].numpy()), atol=1e-4)
    np.testing.assert_allclose(found.score, wanted.score[:, 0].numpy(), atol=1e-5)


def test_a_bigger_box_moves_joints_and_sigma_by_the_transform() -> None:
    pixels, _ = clips(1)
    spec = predictor().spec
    near, far = (
        [crop_to_image(box, spec.height, spec.width, spec.margin)] for box in ([10, 20, 40, 60], [100, 5, 160, 85])
    )
    here, there = predictor().clips(pixels, np.stack(near)), predictor().clips(pixels, np.stack(far))
    assert here.sigma is not None and there.sigma is not None
    # The second box has sides twice as long: the same crop means twice the distances about the box's centre.
    np.testing.assert_allclose(there.xy - (130, 45), 2 * (here.xy - (25, 40)), atol=1e-3)
    np.testing.assert_allclose(there.sigma, 2 * here.sigma, rtol=1e-5)


def test_a_turned_crop_exchanges_the_axes_of_sigma() -> None:
    output = answer(predictor().runtime, clips(1)[0])
    assert output.sigma is not None
    straight = in_image(output, 0, crop_to_image([[0, 0, 48, 64]], 64, 48, 1.0))
    turned = in_image(output, 0, crop_to_image([[0, 0, 48, 64]], 64, 48, 1.0, np.pi / 2))
    assert straight.sigma is not None and turned.sigma is not None
    np.testing.assert_allclose(straight.sigma, output.sigma[:, 0], rtol=1e-5)
    np.testing.assert_allclose(turned.sigma, straight.sigma[..., ::-1], rtol=1e-5)
    # A quarter turn about the middle of the box (24, 32), clockwise: right becomes down.
    moved = straight.xy - (24, 32)
    np.testing.assert_allclose(turned.xy - (24, 32), np.stack([-moved[..., 1], moved[..., 0]], axis=-1), atol=1e-3)


def test_joints_of_an_untouched_crop_are_crop_pixels() -> None:
    output = answer(predictor().runtime, clips(1)[0])
    found = in_image(output, 0, np.array([[[1.0, 0, 0], [0, 1, 0]]]))
    np.testing.assert_allclose(found.xy, output.xy_crop[:, 0], rtol=1e-6)
    assert found.xy.dtype == np.float32


def test_an_answer_without_sigma_stays_without() -> None:
    output = answer(predictor().runtime, clips(1)[0])
    assert in_image(output._replace(sigma=None), 0, np.array([[[1.0, 0, 0], [0, 1, 0]]])).sigma is None


def test_the_model_is_put_into_eval_mode() -> None:
    model = tiny_model().train()
    Predictor(model, "cpu")
    assert not model.training
