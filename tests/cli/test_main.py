"""Every verb has its help, and every mistake of a user is one line on standard error and exit code 1."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chronopose import __version__
from chronopose.cli.__main__ import build_app, run
from chronopose.cli.seeing import Seeing
from chronopose.inference.stream import StreamConfig
from tests.inference.tiny_pose import rendered, save_tiny, write_video

Refused = Callable[..., str]

FLAGS = {
    "predict": "--out -o --model --frames --detector --boxes --full-frame --detect-every --crop --drift --max-persons "
    "--still --to --video --no-video --overwrite --device --json --verbose -v",
    "live": "--out -o --lag --realtime --show --model --frames --detector --boxes --full-frame --detect-every --crop "
    "--drift --max-persons --still --device --json",
    "demo": "--out -o",
    "draw": "--out -o",
    "convert": "--to",
    "relabel": "--patience",
    "eval": "--data --split --boxes --frames --flip --thresholds --by-video --gallery --poses --truth --limit --seed "
    "--baseline --device --json",
    "eval posetrack18": "--gt --pred --sequences --poseval-motp --json",
    "data": "info check",
    "data info": "NAME --json",
    "data check": "NAME --split --pictures --sheet --json",
    "train": "RECIPE",
    "train smoke": "--model.offsets --model.backbone.name --optim.lr --train.steps --people.clips --out --resume "
    "--pretrained --backbone --print-config --config",
    "synth": "--assets --out -o --clips --per-shard --workers --seed --split --frames --people",
    "synth-assets": "--makehuman --clothes --motion --panoramas --amc-fps --keep-going --out -o",
    "models": "list info import",
    "models list": "--json",
    "models info": "NAME --json",
    "models import": "--as --out -o --half",
    "export": "MODEL --format --streaming --out -o --frames --int8 --judge --limit --force --json",
    "bench": "complexity VIDEO --video --no-video --model --detector --boxes --full-frame --detect-every --json",
    "bench complexity": "--json",
    "doctor": "--json",
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors"))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_video(rendered(12).frames, tmp_path_factory.mktemp("video") / "walk.mp4"))


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that must fail, and gives the one line that says why."""

    def line(*arguments: object) -> str:
        capsys.readouterr()
        assert run([str(argument) for argument in arguments]) == 1
        told = capsys.readouterr()
        assert told.err.startswith("chronopose: ") and told.err.count("\n") == 1, told.err
        assert told.out == ""
        return told.err

    return line


# Help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", FLAGS)
def test_the_help_of_a_verb_lists_its_flags(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*verb.split(), "--help"]) == 0
    told = capsys.readouterr()
    words = set(re.findall(r"[-\w.]+", told.out))
    assert set(FLAGS[verb].split()) <= words
    assert "Usage:" in told.out and told.err == ""


def test_every_verb_is_listed_with_what_it_does_and_has_a_test_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    verbs = {name for name in build_app() if not name.startswith("-")}
    assert verbs == {verb.split()[0] for verb in FLAGS}
    for verb in verbs:
        assert re.search(rf"^│ {verb} +[A-Z].*\.", out, re.MULTILINE), verb


def test_the_help_of_a_recipe_shows_the_recipes_values_not_those_of_the_classes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["train", "smoke", "--help"])
    out = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    assert "[default: mobilenetv4_conv_small_050]" in out
    assert "resnet50]" not in out


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Usage: chronopose COMMAND" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["predict", "--help"], ["predikt"]])
def test_what_needs_no_model_loads_no_heavy_library(arguments: list[str]) -> None:
    script = (
        "import sys; from chronopose.cli.__main__ import run; run(sys.argv[1:]);"
        "print('LOADED', *sorted({'torch', 'av', 'pyarrow', 'cv2', 'scipy', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_the_installed_command_is_the_same_program() -> None:
    program = Path(sys.executable).with_name("chronopose")
    done = subprocess.run([program, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, __version__, "")


# Mistakes ---------------------------------------------------------------------------------------------------------


def test_a_mistake_ends_a_real_process_with_code_1_and_one_line() -> None:
    command = [sys.executable, "-m", "chronopose.cli", "convert", "nowhere.csv", "x.parquet"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "chronopose: nowhere.csv: no such file or folder\n"


def test_a_missing_video(refused: Refused, weights: str, tmp_path: Path) -> None:
    out = tmp_path / "poses"
    assert "nix.mp4: no such file or folder" in refused(
        "predict", "nix.mp4", "--model", weights, "--full-frame", "-o", out
    )


def test_a_corrupt_video(refused: Refused, weights: str, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(os.urandom(5000))
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name, why in (("bad", "cannot be opened as a video"), ("empty", "the file is empty")):
        told = refused(
            "predict", tmp_path / f"{name}.mp4", "--model", weights, "--full-frame", "-o", tmp_path / "poses"
        )
        assert f"{name}.mp4: {why}" in told
    assert not list(tmp_path.glob("poses/*"))


def test_a_folder_without_images(refused: Refused, weights: str, tmp_path: Path) -> None:
    assert "holds no image" in refused(
        "predict", tmp_path, "--model", weights, "--full-frame", "-o", tmp_path / "poses"
    )


def test_an_unknown_model(refused: Refused, video: str, tmp_path: Path) -> None:
    assert "dsta-huge: no such model" in refused("predict", video, "--model", "dsta-huge", "-o", tmp_path)
    assert "dsta-huge: no such model" in refused("eval", "dsta-huge")
    assert "presets are dsta-r50" in refused("models", "info", "dsta-huge")


def test_a_model_that_is_garbage(refused: Refused, video: str, tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"\x00" * 99)
    for arguments in (["predict", video, "--model"], ["eval"], ["models", "info"]):
        assert "bad.safetensors: not a readable" in refused(*arguments, tmp_path / "bad.safetensors")


def test_an_unknown_detector(refused: Refused, video: str, weights: str, tmp_path: Path) -> None:
    told = refused("predict", video, "--model", weights, "--detector", "bundeld", "-o", tmp_path)
    assert "did you mean bundled?" in told


def test_an_unknown_format(refused: Refused, video: str, weights: str, tmp_path: Path) -> None:
    told = refused("predict", video, "--model", weights, "--full-frame", "--to", "coco,bvh", "-o", tmp_path / "poses")
    assert "--to: no format 'bvh'; there are parquet, csv, coco, posetrack, openpose" in told
    assert not (tmp_path / "poses").exists()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["predict", "a.mp4", "--detektor", "auto"], "--detector"),
        (["predict", "a.mp4", "--ful-frame"], "--full-frame"),
        (["train", "smoke", "--optim.lrr", "1"], "--optim.lr"),
        (["predikt", "a.mp4"], "predict"),
        (["models", "lits"], "list"),
    ],
)
def test_a_typo_is_answered_with_what_was_meant(typed: list[str], meant: str, refused: Refused) -> None:
    assert re.search(rf'Did you mean "?{meant}"?[.?]', refused(*typed))


def test_boxes_and_full_frame_at_once(refused: Refused, video: str, weights: str, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("frame,x1,y1,x2,y2\n0,1,1,9,9\n")
    told = refused(
        "predict", video, "--model", weights, "--full-frame", "--boxes", tmp_path / "boxes.csv", "-o", tmp_path
    )
    assert "give one of them" in told


def test_boxes_that_are_missing_or_garbage(refused: Refused, video: str, weights: str, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("frame,x1,y1,x2,y2\n0,1,1,far,9\n")
    start = ["predict", video, "--model", weights, "-o", tmp_path, "--boxes"]
    assert "boxes.csv: line 2: x2 is 'far'" in refused(*start, tmp_path / "boxes.csv")
    assert "nix.csv" in refused(*start, tmp_path / "nix.csv")


def test_two_videos_of_the_same_name(refused: Refused, weights: str, tmp_path: Path) -> None:
    told = refused("predict", "a/x.mp4", "b/x.avi", "--model", weights, "-o", tmp_path)
    assert "two of the videos would be written to" in told and "x.poses.parquet" in told


@pytest.mark.parametrize("verb", ["predict", "live", "bench"])
def test_the_password_of_a_stream_is_not_shown(
    verb: str, refused: Refused, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = refused(verb, "rtsp://me:secret@127.0.0.1:9/live", "--model", weights, "--full-frame")
    assert "secret" not in told


def test_a_camera_that_is_not_there(refused: Refused, weights: str, tmp_path: Path) -> None:
    told = refused("predict", "997", "--no-video", "--model", weights, "--full-frame", "-o", tmp_path)
    assert "camera 997" in told


def test_an_output_folder_that_cannot_be_made(refused: Refused, video: str, weights: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    start = ["predict", video, "--model", weights, "--full-frame", "-o"]
    assert f"{tmp_path}/file" in refused(*start, tmp_path / "file")
    assert "Not a directory" in refused(*start, tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("frames", "why"),
    [(["x"], "--frames"), (["-2", "-1"], "must be among the offsets"), (["0", "0"], "without repeats")],
)
def test_frames_that_are_none(
    frames: list[str], why: str, refused: Refused, video: str, weights: str, tmp_path: Path
) -> None:
    assert why in refused("predict", video, "--model", weights, "--full-frame", "-o", tmp_path, "--frames", *frames)


@pytest.mark.parametrize(
    ("flag", "value", "why"),
    [
        ("--drift", "2", "drift must lie in 0 to 1, got 2.0"),
        ("--detect-every", "0", "detect_every and chunk must be at least 1"),
        ("--max-persons", "0", "max_persons must be at least 1"),
        ("--max-persons", "many", "--max-persons"),
        ("--still", "256", "still must lie in 0 to 255"),
        ("--crop", "loose", 'Choose from: "locked", "exact"'),
        ("--device", "toaster", "device: 'toaster' cannot be used here"),
    ],
)
def test_values_that_make_no_sense(
    flag: str, value: str, why: str, refused: Refused, video: str, weights: str, tmp_path: Path
) -> None:
    assert why in refused("predict", video, "--model", weights, "--full-frame", "-o", tmp_path, flag, value)


def test_nothing_to_predict(refused: Refused) -> None:
    assert "VIDEOS" in refused("predict")


def test_conversion_of_garbage(refused: Refused, tmp_path: Path) -> None:
    for name in ("bad.parquet", "bad.csv", "bad.json", "bad.coco.json"):
        (tmp_path / name).write_bytes(b"\x01garbage")
        assert name in refused("convert", tmp_path / name, tmp_path / "out.csv")
    (tmp_path / "poses.txt").write_text("x")
    assert "its name tells no format" in refused("convert", tmp_path / "poses.txt", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_scoring_without_what_it_needs(refused: Refused, weights: str, tmp_path: Path) -> None:
    assert "--data lspet: wanted the name of a data set and its folder" in refused("eval", weights, "--data", "lspet")
    assert str(tmp_path) in refused("eval", weights, "--data", "lspet", tmp_path)
    assert "--poses and --truth are given together" in refused("eval", "--poses", "a.parquet")
    assert "a.parquet: no such file" in refused("eval", "--poses", "a.parquet", "--truth", "b.parquet")
    assert "no labelled persons" in refused("eval", weights, "--limit", "0")


def test_several_videos_of_which_one_is_bad(
    video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = [
        "predict",
        "nix.mp4",
        video,
        "--model",
        weights,
        "--full-frame",
        "--no-video",
        "--json",
        "-o",
        str(tmp_path),
    ]
    assert run(start) == 1
    told = capsys.readouterr()
    assert told.err == "chronopose: nix.mp4: no such file or folder; wanted a video, an image or a folder of images\n"
    assert json.loads(told.out)["frames"] == 12  # the good one is done all the same


def test_a_reader_that_has_gone_is_no_error() -> None:
    command = [sys.executable, "-m", "chronopose.cli", "data", "info"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 141
    process.stderr.close()


def test_the_flags_of_seeing_have_the_defaults_of_a_stream() -> None:
    # Written twice, because help must not wait for torch.
    assert Seeing().config() == StreamConfig()
