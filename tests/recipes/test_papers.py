"""The papers' own runs: what papers and codes state is what is set, and each takes its first steps without the data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chronopose.cli.__main__ import run
from chronopose.core.errors import InputError
from chronopose.core.skeleton import SKELETONS
from chronopose.data.catalogue import CATALOGUE
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.losses.heatmap import HeatmapMSE
from chronopose.losses.rle import RLELoss
from chronopose.models import network_of
from chronopose.models.checkpoint import save
from chronopose.recipes.paper_run import PERSONS, Config, build, card, rehearsal
from chronopose.recipes.papers import RECIPES, recipe
from chronopose.training.rehearsal import rehearse

POSETRACK = ("posetrack17", "posetrack18", "posetrack21")
DSTA = ("dsta-r50", "dsta-r152", "dsta-hrnet-w48")
FTP = ("ftp-pose-s", "ftp-pose-table2")


def falls(config: Config) -> list[float]:
    """The epochs after which the rate falls."""
    return [round(milestone * config.train.epochs, 6) for milestone in config.optim.milestones]


# What is set -------------------------------------------------------------------------------------------------------


def test_every_network_of_the_issue_is_there_for_every_data_set() -> None:
    assert {f"{name}-{year}" for name in (*DSTA, "dsta-vit-h", *FTP) for year in POSETRACK} <= set(RECIPES)
    assert {"listpose-penn", "listpose-subjhmdb", "baseline-rle-r50-coco"} <= set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_a_network_data_it_can_be_rehearsed_on_and_epochs(name: str) -> None:
    config = recipe(name).config()
    assert config == recipe(name).config() and config.train.steps == 0 and config.train.epochs > 0
    entry = CATALOGUE[config.data.name]
    assert entry.skeleton is not None and config.data.name in PERSONS
    joints = {config.data.joints.get(joint, joint) for joint in SKELETONS[entry.skeleton].joints}
    known = set(SKELETONS[config.model.skeleton].joints)
    assert known <= joints or (config.data.name == "coco" and known - joints <= {"neck", "belly"})
    assert config.augment.flip == 0.5 and config.augment.colour == config.augment.shift == config.augment.drift == 0
    assert RECIPES[name].start in recipe(name).__doc__ and "docs/recipes.md" in recipe(name).__doc__


@pytest.mark.parametrize("name", [f"{name}-{year}" for name in DSTA for year in POSETRACK])
def test_dsta_is_trained_as_its_authors_code_does(name: str) -> None:
    config = RECIPES[name].config
    assert config.data.name == name.rsplit("-", 1)[1] and config.data.every == config.data.at_least == 1
    assert config.model.offsets == (-2, -1, 0, 1, 2)  # Tables 1 and 2: four frames beside the key frame
    assert (config.model.height, config.model.width) == ((384, 288) if "w48" in name else (256, 192))
    optim, train, augment = config.optim, config.train, config.augment
    assert (optim.lr, optim.weight_decay, optim.decay_vectors, optim.betas) == (5e-5, 0.01, True, (0.9, 0.999))
    assert optim.warmup_steps == 0 and optim.clip_norm is None and optim.gamma == 0.1 and falls(config) == [11, 16]
    assert (train.epochs, train.batch_size * train.accumulate, train.seed, train.precision) == (20, 32, 8888, "fp32")
    assert (augment.half_body, augment.scale, augment.rotate_deg, augment.rotate) == (0.3, 0.35, 45.0, 0.6)
    assert config.model.fusion == "concat" and config.model.extra_tokens == 0


def test_dsta_with_a_vit_takes_the_settings_of_the_groups_later_vit() -> None:
    config = RECIPES["dsta-vit-h-posetrack17"].config
    assert config.model.backbone.name == "vitpose_huge" and config.model.offsets == (-2, -1, 0, 1, 2)
    assert (config.optim.lr, config.optim.weight_decay, config.optim.gamma) == (5e-6, 0.1, 0.5)
    assert (config.train.epochs, config.train.batch_size) == (30, 16) and falls(config) == [5, 10, 15, 20, 25]


@pytest.mark.parametrize("name", [f"{name}-{year}" for name in FTP for year in POSETRACK])
def test_ftp_pose_is_trained_as_its_paper_says(name: str) -> None:
    config = RECIPES[name].config
    assert (config.optim.lr, config.optim.gamma, config.train.epochs) == (2e-3, 0.1, 20) and falls(config) == [16]
    assert (config.model.height, config.model.width, config.model.offsets) == (256, 192, (-1, 0, 1))
    assert (config.model.keep_hrb, config.model.keep_lrb) == (6, 6)
    assert config.model.freeze_backbone and config.model.backbone.name == "vitpose_small"
    depth = (config.model.coarse_depth, config.model.shared_depth)
    assert depth == ((3, 24) if "table2" in name else (2, 6))


@pytest.mark.parametrize(("name", "data", "joints"), [("penn", "penn", 13), ("subjhmdb", "sub-jhmdb", 15)])
def test_listpose_learns_photographs_as_tokenpose_does_and_then_clips(name: str, data: str, joints: int) -> None:
    images, clips = RECIPES[f"listpose-{name}-images"].config, RECIPES[f"listpose-{name}"].config
    assert (images.optim.lr, images.train.epochs, images.train.batch_size) == (1e-3, 300, 128)
    assert falls(images) == [200, 260] and images.optim.weight_decay == 0 and images.start == "random"
    assert images.data.name == "coco" and images.model.offsets == (0,)
    assert clips.data.name == data and clips.model.offsets == tuple(range(-9, 1))
    assert (clips.optim.lr, clips.optim.backbone_lr_scale, clips.train.epochs) == (5e-4, 0.1, 40)
    assert falls(clips) == [24, 34] and clips.keep_norms and clips.warm_up == (0, 5) and clips.forget == 0.1
    assert replace(images.model, offsets=clips.model.offsets) == clips.model  # so that the weights fit
    assert len(SKELETONS[clips.model.skeleton]) == joints


@pytest.mark.parametrize(
    ("name", "lr", "epochs", "falling", "batch", "scale", "turn", "half_body", "size"),
    [
        ("rle-r50", 1e-3, 270, [170, 200], 256, 0.25, 45, 0.3, (256, 192)),
        ("simple-r152", 1e-3, 140, [90, 120], 128, 0.3, 40, 0.0, (256, 192)),
        ("hrnet-w48", 1e-3, 210, [170, 200], 96, 0.35, 45, 0.3, (384, 288)),
        ("vitpose-s", 5e-4, 210, [170, 200], 512, 0.5, 40, 0.3, (256, 192)),
        ("vitpose-h", 5e-4, 210, [170, 200], 512, 0.5, 40, 0.3, (256, 192)),
    ],
)
def test_baselines_are_trained_as_their_authors_configurations_say(
    name: str, lr: float, epochs: int, falling: list[float], batch: int, scale: float, turn: float, half_body: float,
    size: tuple[int, int],
) -> None:  # fmt: skip
    config = RECIPES[f"baseline-{name}-coco"].config
    assert (config.optim.lr, config.train.epochs, falls(config), config.train.batch_size) == (
        lr,
        epochs,
        falling,
        batch,
    )
    assert (config.augment.scale, config.augment.rotate_deg, config.augment.half_body) == (scale, turn, half_body)
    assert (config.model.height, config.model.width) == size and config.model.skeleton == "coco-17"


def test_what_a_baseline_learns_fits_what_starts_from_it() -> None:
    pairs = {
        "dsta-r50": "rle-r50",
        "dsta-r152": "simple-r152",
        "dsta-hrnet-w48": "hrnet-w48",
        "dsta-vit-h": "vitpose-h",
        "ftp-pose-s": "vitpose-s",
        "ftp-pose-table2": "vitpose-s",
    }
    for name, baseline in pairs.items():
        one, other = RECIPES[f"{name}-posetrack17"], RECIPES[f"baseline-{baseline}-coco"].config
        assert f"baseline-{baseline}-coco" in one.start
        with torch.device("meta"):
            trunks = [network_of(config.model).backbone.state_dict() for config in (one.config, other)]
        assert one.config.model.backbone == other.model.backbone
        assert {key: value.shape for key, value in trunks[0].items()} == {
            key: value.shape for key, value in trunks[1].items()
        }


# What is built -----------------------------------------------------------------------------------------------------

TINY: dict[str, Any] = {"height": 64, "width": 64}
TRUNK = BackboneConfig(name="mobilenetv4_conv_small_050", stride=16, neck_width=16)


def small(name: str) -> Config:
    """The recipe with a network of a few thousand weights."""
    config = RECIPES[name].config
    changes: dict[str, Any] = dict(TINY)
    if name.startswith("listpose"):
        changes |= {"encoder": "timm", "backbone": TRUNK, "token_width": 16, "depth": 1, "heads": 4}
    elif name.startswith("ftp"):
        changes |= {"backbone": TRUNK, "coarse_depth": 1, "shared_depth": 1, "heads": 4, "head_width": 16}
    else:
        changes |= {"backbone": TRUNK}
    return replace(config, model=replace(config.model, **changes))


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Config]:
    """A small recipe on drawn people, drawn once for each data set."""
    folders: dict[str, Path] = {}

    def made(name: str) -> Config:
        config = small(name)
        kind = config.data.name
        if kind not in folders:
            folders[kind] = tmp_path_factory.mktemp(kind)
            rehearsal(config, folders[kind])
        return replace(config, data=replace(config.data, folder=folders[kind]))

    return made


@pytest.mark.parametrize(
    "name", ["dsta-r50-posetrack17", "ftp-pose-s-posetrack17", "listpose-penn", "listpose-subjhmdb-images"]
)
def test_a_rehearsal_takes_two_steps_on_drawn_people(name: str, tmp_path: Path) -> None:
    config = rehearsal(small(name), tmp_path)
    assert config.data.folder == tmp_path and config.start == "random"
    model, loss, data = build(config)
    seen = rehearse(config.train, config.optim, model=model, loss=loss, data=data)
    assert seen.step_s > 0 and seen.memory_bytes > 0
    wanted = RECIPES[name].config
    passes = wanted.train.epochs * (PERSONS[wanted.data.name] // wanted.data.every)
    assert seen.steps * config.train.batch_size == pytest.approx(passes, rel=0.01)
    batch = [data.sample(index, np.random.default_rng(index)) for index in range(2)]
    assert batch[0].pixels.shape == (len(wanted.model.offsets), 3, 64, 64) and batch[0].weight.sum() > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["dsta-r50-posetrack17", "ftp-pose-s-posetrack21", "listpose-penn", "baseline-rle-r50-coco"]
)
def test_the_smallest_of_each_family_takes_two_steps_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", name, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert all(f"{what} " in told for what in ("parameters", "MACs", "memory", "step", "run"))


def test_a_rehearsal_on_a_folder_that_is_given_takes_it(
    rehearsed: Callable[[str], Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    given = rehearsed("dsta-r50-posetrack17")
    config = rehearsal(given, tmp_path)
    assert config.data == given.data and not any(tmp_path.iterdir())
    assert (config.train.batch_size, config.train.steps, config.train.epochs) == (2, 0, 20)
    assert rehearsal(replace(given, train=replace(given.train, steps=10)), tmp_path).train.steps == 10 * 32 // 2
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert rehearsal(given, tmp_path).train == given.train  # a GPU takes the run's own steps


def test_losses_are_the_published_ones(rehearsed: Callable[[str], Config]) -> None:
    loss = build(rehearsed("dsta-r50-posetrack17"))[1]
    assert isinstance(loss, RLELoss) and (loss.q_form, loss.flow_per) == ("rle", "axis")
    weights = dict(zip(SKELETONS["posetrack-15"].joints, loss.joint_weights.tolist(), strict=True))
    assert (weights["left_wrist"], weights["left_knee"], weights["nose"]) == pytest.approx((1.5, 1.2, 1.0))
    coco = rehearsed("baseline-hrnet-w48-coco")
    for (height, width), deviation in {(256, 192): 2.0, (384, 288): 3.0}.items():
        loss = build(replace(coco, model=replace(coco.model, height=height, width=width)))[1]
        assert isinstance(loss, HeatmapMSE) and loss.deviation == deviation
    loss = build(rehearsed("baseline-rle-r50-coco"))[1]
    assert isinstance(loss, RLELoss) and set(loss.joint_weights.tolist()) == {1.0}


def test_photographs_are_learned_under_the_joints_of_the_clips(rehearsed: Callable[[str], Config]) -> None:
    model, _, data = build(rehearsed("listpose-penn-images"))
    weight = np.stack([data.sample(index, np.random.default_rng(index)).weight[0] for index in range(len(data))])
    seen = dict(zip(model.skeleton.joints, weight.max(axis=0).tolist(), strict=True))
    assert seen["head"] == 1 and seen["left_wrist"] == 1  # the head is COCO's nose


def test_keep_norms_keeps_statistics_and_lets_the_weights_learn(rehearsed: Callable[[str], Config]) -> None:
    model, _, _ = build(rehearsed("listpose-penn"))
    before = {name: value.clone() for name, value in model.backbone.state_dict().items() if "running" in name}
    model.train()(torch.zeros(1, 10, 3, 64, 64))
    after = model.backbone.state_dict()
    assert before and all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(parameter.requires_grad for parameter in model.backbone.parameters())
    assert (model.warm_up, model.forget) == ((0, 5), 0.1)


@pytest.mark.parametrize("changes", [{"warm_up": (0, 1)}, {"forget": 0.1}])
def test_only_a_recurrent_model_has_a_state(changes: dict[str, Any], rehearsed: Callable[[str], Config]) -> None:
    with pytest.raises(InputError, match="this model carries no state from frame to frame"):
        build(replace(rehearsed("dsta-r50-posetrack17"), **changes))


# What a run wants --------------------------------------------------------------------------------------------------


def test_a_run_without_the_weights_it_starts_from_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "run"), "--data.folder", str(tmp_path)]
    assert run(["train", "dsta-r50-posetrack17", *out]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and not (tmp_path / "run").exists()
    assert "RLE's ResNet-50 of COCO: --backbone FILE" in told and "--as rle-r50" in told and "--start random" in told
    assert run(["train", "dsta-r50-posetrack17", *out, "--start", "random"]) == 1
    assert "wanted the folder of" in capsys.readouterr().err  # the data are next


def test_a_run_without_a_folder_says_whose() -> None:
    with pytest.raises(InputError, match=r"data.folder: wanted the folder of Penn Action: --data.folder FOLDER"):
        build(RECIPES["listpose-penn"].config)


def test_clips_start_from_photographs(rehearsed: Callable[[str], Config], tmp_path: Path) -> None:
    first = network_of(small("listpose-penn-images").model)
    save(first, tmp_path / "model.safetensors", Card())
    config = replace(rehearsed("listpose-penn"), init=tmp_path)
    recipe("listpose-penn").check_start(config)
    model, _, _ = build(config)
    for name, tensor in first.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor)
    with pytest.raises(InputError, match="--init RUN, where RUN is one of listpose-penn-images"):
        recipe("listpose-penn").check_start(RECIPES["listpose-penn"].config)


def test_names_are_listed_where_one_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "dsta-r50-posetrack19"]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "dsta-r50-posetrack17" in told and "listpose-subjhmdb" in told


def test_the_card_names_the_data_and_their_terms() -> None:
    told = card(RECIPES["listpose-subjhmdb"].config)
    assert told.data == "Sub-JHMDB, train1" and told.data_licence == CATALOGUE["sub-jhmdb"].terms
