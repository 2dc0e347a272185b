"""`train` takes a recipe's fields from flags, then from a file, then from the recipe, and goes on where it stopped."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from chronopose.cli.__main__ import run
from chronopose.cli.train import recipes
from chronopose.models import checkpoint
from chronopose.recipes import smoke

SMALL = [
    "--model.height", "32", "--model.width", "32", "--people.width", "48", "--people.height", "48",
    "--people.clips", "8", "--train.batch-size", "2", "--train.checkpoint-every", "1", "--train.log-every", "1",
]  # fmt: skip


def config(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What --print-config shows."""
    capsys.readouterr()
    assert run(["train", *arguments, "--print-config"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    values: dict[str, Any] = yaml.safe_load(told.out)
    return values


def test_without_flags_the_recipes_own_values_hold(capsys: pytest.CaptureFixture[str]) -> None:
    values, wanted = config(capsys, "smoke"), smoke.config()
    assert values["optim"]["lr"] == wanted.optim.lr == 0.004
    assert values["model"]["backbone"]["name"] == wanted.model.backbone.name
    assert tuple(values["people"]["people"]) == wanted.people.people
    assert values["train"]["steps"] == wanted.train.steps


def test_flags_win_over_the_file_and_the_file_over_the_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("optim: {lr: 0.01, clip_norm: null}\ntrain:\n  steps: 7\n  seed: 3\nmodel: {offsets: [-1, 0]}\n")
    for arguments in (["--config", str(file)], [f"--config={file}"]):
        values = config(capsys, "smoke", *arguments, "--train.steps", "9", "--model.backbone.neck-width", "24")
        assert values["train"]["steps"] == 9  # the flag
        assert (values["train"]["seed"], values["optim"]["lr"]) == (3, 0.01)  # the file
        assert values["optim"]["clip_norm"] is None and values["model"]["offsets"] == [-1, 0]
        assert values["optim"]["warmup_steps"] == smoke.config().optim.warmup_steps == 10  # the recipe
        assert values["model"]["backbone"] == {"name": "mobilenetv4_conv_small_050", "stride": 8, "neck_width": 24}


def test_a_field_that_a_recipe_leaves_out_stays_out_when_its_neighbour_is_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # The class says 1.0, the recipe None.
    assert config(capsys, "dsta", "--optim.lr", "1e-4")["optim"]["clip_norm"] is None


def test_a_flag_can_switch_a_value_off_and_take_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    values = config(capsys, "smoke", "--optim.clip-norm", "none", "--model.offsets", "-2", "-1", "0")
    assert values["optim"]["clip_norm"] is None
    assert values["model"]["offsets"] == [-2, -1, 0]


def test_the_printed_configuration_can_be_given_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(recipes()) >= 4
    for recipe in recipes():
        printed = config(capsys, recipe)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(printed))
        assert config(capsys, recipe, "--config", str(tmp_path / "config.yaml")) == printed


def test_trackers_have_a_flag_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert config(capsys, "smoke")["train"]["log"] == []
    for flag in ("--log", "--train.log"):
        assert config(capsys, "smoke", flag, "tensorboard", "wandb")["train"]["log"] == ["tensorboard", "wandb"]
    assert run(["train", "smoke", "--log", "tensorbored"]) == 1
    assert "tensorboard" in capsys.readouterr().err


def test_a_configuration_of_an_older_version_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    for old, new in (("true", ["tensorboard"]), ("false", [])):
        file.write_text(f"train: {{steps: 7, tensorboard: {old}}}\n")
        values = config(capsys, "smoke", "--config", str(file))["train"]
        assert (values["steps"], values["log"]) == (7, new)


def test_an_ablation_is_a_recipe_with_the_fields_of_its_network(capsys: pytest.CaptureFixture[str]) -> None:
    values = config(capsys, "ablation/ftp-b-random", "--train.seed", "2", "--model.keep-lrb", "3")
    assert (values["train"]["seed"], values["model"]["select"], values["model"]["keep_lrb"]) == (2, "random", 3)
    assert config(capsys, "ablation/listpose-copy")["model"]["token_init"] == "copy"
    assert run(["train", "ablation/dsta-sd", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "joint tokens, over body parts (SD)" in told and "--model.attention" in told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("optim: {lr: ", "not readable as YAML"),
        ("a: [1\nb: 2]", "not readable as YAML"),
        ("- 1\n- 2\n", "must hold fields and values, got list"),
        ("", "must hold fields and values, got NoneType"),
        ("optim: 3\n", "optim must hold fields and values, got 3"),
        ("optm: {lr: 1}\n", "Did you mean --optim.lr?"),
        ("optim: {lr: fast}\n", 'unable to convert "fast" into float'),
        ("optim: {lr: -1}\n", "lr must be above 0, got -1.0"),
    ],
)
def test_a_bad_file_is_one_line(text: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    assert run(["train", "smoke", "--config", str(tmp_path / "bad.yaml"), "--out", str(tmp_path / "run")]) == 1
    err = capsys.readouterr().err
    assert err.startswith("chronopose: ") and err.count("\n") == 1 and why in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["train", "smokey"], "no recipe 'smokey'; there are .*smoke"),
        (["train", "presets"], "no recipe 'presets'"),
        (["train", "ablation"], "no recipe 'ablation'; there are .*, and ablation/NAME"),
        (["train", "ablation/"], "no ablation ''; there are dsta-whole, .*ftp-b-random"),
        (["train", "ablation/dsta"], "no ablation 'dsta'; there are dsta-whole, .*listpose-copy"),
        (["train", "smoke", "--config"], "--config wants a YAML file"),
        (["train", "smoke", "--config", "nix.yaml"], "--config nix.yaml: no such file"),
        (["train", "smoke", "--people.people", "2", "1"], "people must be a fewest and a most in 1 to 8"),
        (["train", "smoke", "--model.jfd", "x"], "Choose from"),
        (["train", "person", "--data.drawn-weight", "0"], "data.lspet or data.jhmdb"),
        (["train", "smoke", "--train.shard", "--out", "run"], "this is one process"),
        (["train"], "RECIPE"),
    ],
)
def test_a_run_that_cannot_begin_is_one_line(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 1
    err = capsys.readouterr().err
    assert err.startswith("chronopose: ") and err.count("\n") == 1 and re.search(why, err), err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_tracker_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert run(["train", "smoke", *SMALL, "--log", "mlflow", "--out", str(tmp_path / "run")]) == 1
    line = "chronopose: log mlflow: the package mlflow is not installed: pip install 'chronopose[mlflow]'\n"
    assert capsys.readouterr().err == line
    assert not (tmp_path / "run").exists()


def test_a_dry_run_tells_the_cost_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", "smoke", *SMALL, "--train.accumulate", "2", "--train.steps", "7200", "--dry-run"]) == 0
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(tmp_path.iterdir()) == []
    assert told.keys() == {"parameters", "MACs", "data", "device", "memory", "step", "run"}
    _, loss, _ = smoke.build(smoke.config())
    inferred, learned = (int(part.split()[0].replace(",", "")) for part in told["parameters"].split("; "))
    assert inferred > 400_000 and learned == inferred + sum(parameter.numel() for parameter in loss.parameters())
    assert told["parameters"].endswith(" are trained, those of the loss among them")
    assert told["data"] == "8 samples, 4 in a step"
    assert told["device"] == "cpu"
    assert re.fullmatch(r"[\d.]+ GB, at most, of one process without its workers", told["memory"])
    step_s, first_s = map(float, re.fullmatch(r"([\d.]+) s; the first ([\d.]+) s", told["step"]).groups())  # type: ignore[union-attr]
    whole = re.fullmatch(r"about (\d+) h (\d\d) min for 7,200 steps, without validation", told["run"])
    assert whole is not None
    assert 60 * int(whole[1]) + int(whole[2]) == pytest.approx((first_s + 7199 * step_s) / 60, abs=0.57)


def test_a_dry_run_asks_the_recipe_for_data_to_rehearse_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = []

    def rehearsal(config: smoke.Config, folder: Path) -> smoke.Config:
        assert list(folder.iterdir()) == []
        folders.append(folder)
        return replace(config, people=replace(config.people, clips=5))

    monkeypatch.setattr(smoke, "rehearsal", rehearsal, raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(["train", "smoke", *SMALL, "--dry-run"]) == 0
    assert "5 samples" in capsys.readouterr().out
    assert len(folders) == 1 and not folders[0].exists()
    assert list(tmp_path.iterdir()) == []


def rows_in(log: Path) -> list[dict[str, float]]:
    with log.open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return [{name: row[name] for name in row if name not in ("seconds", "samples_per_s")} for row in rows]


def test_torchrun_trains_as_one_process_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # RLE's flow, maps, and a backbone whose batch norms stay as they are.
    command = [
        "train", "ablation/dsta-td", "--people.width", "48", "--people.height", "48", "--people.clips", "4",
        "--train.batch-size", "4", "--train.steps", "3", "--train.log-every", "1", "--out",
    ]  # fmt: skip
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ended = subprocess.run(
        [*torchrun, "-m", "chronopose.cli.__main__", *command, str(tmp_path / "two")],
        capture_output=True, text=True, env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("wrote ") == 1 and ended.stderr.count("train step 2/3") == 1
    assert run([*command, str(tmp_path / "one")]) == 0
    one, two = rows_in(tmp_path / "one" / "log.csv"), rows_in(tmp_path / "two" / "log.csv")
    assert len(one) == 3
    for first, second in zip(one, two, strict=True):
        assert first == pytest.approx(second, rel=1e-4)
    # Not their weights: softmaxes do not see the bias of what goes into them, whose gradient is rounding alone.
    models: list[Any] = [checkpoint.load(tmp_path / name).model.eval() for name in ("one", "two")]
    size = models[0].spec.height, models[0].spec.width
    pixels = torch.randint(0, 256, (4, 3, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        answers = [model(pixels) for model in models]
    torch.testing.assert_close(answers[0].xy_crop, answers[1].xy_crop, rtol=0, atol=1e-3)  # px
    torch.testing.assert_close(answers[0].sigma, answers[1].sigma, rtol=1e-4, atol=1e-4)


def steps_in(log: Path) -> list[int]:
    with log.open() as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_a_short_run_writes_a_model_and_goes_on_from_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "smoke", *SMALL, "--out", str(tmp_path), "--train.steps"]
    assert run([*command, "2"]) == 0
    told = capsys.readouterr().out
    assert told == f"wrote {tmp_path / 'model.safetensors'}\nnext: chronopose predict VIDEO --model {tmp_path}\n"
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["train"]["steps"] == 2
    assert steps_in(tmp_path / "log.csv") == [1, 2]
    before = (tmp_path / "config.yaml").read_bytes()
    assert run([*command, "3", "--optim.lr", "9"]) == 1
    assert "holds a run of 2 steps" in capsys.readouterr().err
    assert (tmp_path / "config.yaml").read_bytes() == before
    assert run([*command, "3", "--resume"]) == 0
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["train"]["steps"] == 3
    assert steps_in(tmp_path / "log.csv") == [1, 2, 3]
    capsys.readouterr()
    assert run(["models", "info", str(tmp_path)]) == 0
    assert "people drawn by chronopose" in capsys.readouterr().out


def test_an_ablation_leaves_a_whole_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--people.width", "48", "--people.height", "48", "--people.clips", "2", "--train.batch-size", "2"]
    assert run(["train", "ablation/dsta-td", *small, "--train.steps", "1", "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    assert run(["models", "info", str(tmp_path)]) == 0
    assert "A small network of an ablation" in capsys.readouterr().out


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chronopose.cli", "train", "smoke", *SMALL, "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 120
        while not list(tmp_path.glob("checkpoints/*")) and time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    last = "chronopose: stopped; the same command with --resume goes on from the last checkpoint"
    assert err.splitlines()[-1] == last
    assert "Traceback" not in err
