"""The Python entry loads a checkpoint, predicts a file, and streams a file or frames of one's own."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import chronopose
from chronopose.core.errors import InputError
from chronopose.inference.estimator import Estimator, load
from chronopose.inference.stream import StreamConfig
from chronopose.tracking.detector import FullFrame
from tests.inference.tiny_pose import WINDOW, as_frames, given, rendered, same, save_tiny, tiny_model, write_video


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(rendered(12).frames, tmp_path_factory.mktemp("video") / "walk.mp4")


@pytest.fixture(scope="module")
def estimator(weights: Path) -> Estimator:
    return load(weights, device="cpu")


def test_a_saved_model_is_loaded_with_its_weights_and_card(estimator: Estimator) -> None:
    assert (estimator.name, estimator.card.data, estimator.card.licence) == ("tiny", "nothing", "none")
    assert estimator.model.spec.offsets == WINDOW
    pixels = torch.randint(0, 255, (1, 5, 3, 64, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(estimator.model(pixels).xy_crop, tiny_model()(pixels).xy_crop)


def test_the_package_itself_offers_load(weights: Path) -> None:
    assert isinstance(chronopose.load(weights), chronopose.Estimator)


def test_the_folder_of_a_training_run_is_a_model_too(tmp_path: Path) -> None:
    save_tiny(tmp_path / "model.safetensors")
    assert load(tmp_path).model.spec.offsets == WINDOW


def test_predict_answers_every_frame_of_a_file(estimator: Estimator, video: Path) -> None:
    sequence = estimator.predict(video, detector=FullFrame())
    assert [answer.frame for answer in sequence] == list(range(12))
    assert [len(answer.poses) for answer in sequence] == [1] * 12
    assert (sequence.info.width, sequence.info.height) == (96, 64)
    assert sequence.skeleton == estimator.model.skeleton


def test_a_stream_over_a_file_gives_what_predict_gives(estimator: Estimator, video: Path) -> None:
    whole = estimator.predict(video, detector=given(rendered(12).boxes))
    same(list(estimator.stream(video, detector=given(rendered(12).boxes))), whole.frames, 1e-3)
    same(list(estimator.stream(str(video), detector=given(rendered(12).boxes))), whole.frames, 1e-3)


def test_a_stream_over_frames_of_ones_own_answers_while_they_come(estimator: Estimator) -> None:
    taken = []

    def camera():  # type: ignore[no-untyped-def]
        for frame in as_frames(rendered(12).frames):
            taken.append(frame.index)
            yield frame

    seen = [(answer.frame, taken[-1]) for answer in estimator.stream(camera(), detector=FullFrame())]
    assert seen == [(key, min(key + 2, 11)) for key in range(12)]


def test_no_lag_answers_each_frame_before_the_next_is_asked_for(estimator: Estimator) -> None:
    stream = estimator.stream(iter(as_frames(rendered(12).frames)), lag=0, detector=FullFrame())
    assert [next(stream).frame for _ in range(3)] == [0, 1, 2]


def test_the_lag_of_a_config_holds_unless_another_is_given(estimator: Estimator) -> None:
    frames, config = as_frames(rendered(12).frames), StreamConfig(chunk=1, lag=0)
    answers = [
        list(estimator.stream(iter(frames), detector=FullFrame(), config=config)),
        list(estimator.stream(iter(frames), detector=FullFrame(), lag=0)),
        list(estimator.stream(iter(frames), detector=FullFrame(), lag=2, config=config)),
        list(estimator.stream(iter(frames), detector=FullFrame(), config=replace(config, lag=None))),
    ]
    same(answers[0], answers[1], 1e-4)
    same(answers[2], answers[3], 1e-4)
    with pytest.raises(AssertionError):
        same(answers[0], answers[2], 1e-2)


def test_another_window_is_shown_instead_of_the_models_own(weights: Path, video: Path) -> None:
    causal = load(weights, window=(-2, -1, 0))
    assert causal.model.spec.offsets == (-2, -1, 0)
    assert causal.model.spec.look_ahead == 0
    assert len(causal.predict(video, detector=FullFrame())) == 12


@pytest.mark.parametrize("window", [(-2, -1), (0, 0, 1), (1, 0)])
def test_a_window_without_the_key_frame_or_out_of_order_is_refused(weights: Path, window: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="offsets"):
        load(weights, window=window)


def test_garbage_is_no_model(tmp_path: Path) -> None:
    for name, content in (("zeros", bytes(1000)), ("text", b"hello"), ("empty", b"")):
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(content)
        with pytest.raises(InputError, match=f"{name}.safetensors: not a readable safetensors checkpoint"):
            load(file)


def test_a_model_that_is_cut_off_is_refused(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"cut.safetensors"):
        load(tmp_path / "cut.safetensors")


def test_a_name_that_nobody_has_is_answered_with_what_was_wanted() -> None:
    with pytest.raises(InputError, match="nobody: no such model; wanted a bundled name"):
        load("nobody")


def test_a_detector_that_nobody_knows_is_refused(estimator: Estimator, video: Path) -> None:
    with pytest.raises(InputError, match="'yolo' is not known"):
        estimator.predict(video, detector="yolo")


def test_a_video_that_is_not_there_is_refused(estimator: Estimator, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nix.mp4: no such file"):
        estimator.predict(tmp_path / "nix.mp4", detector=FullFrame())
    with pytest.raises(InputError, match=r"nix.mp4: no such file"):
        next(iter(estimator.stream(tmp_path / "nix.mp4", detector=FullFrame())))
