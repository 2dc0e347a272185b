"""Ablations: variants build, answer and differ in what they name; verdicts of the benchmark follow from figures."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chronopose.clips.augment import example
from chronopose.core.errors import InputError
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.models import checkpoint, network_of
from chronopose.recipes import ablation
from chronopose.recipes.ablation import VARIANTS
from chronopose.recipes.ablation_clips import WINDOW, HiddenInKey, KeptClips, KeptMaps, held_out, hidden_for_a_moment
from chronopose.training.sampler import collate
from tests.recipes.tiny_folders import rendered

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PEOPLE = SyntheticConfig(clips=4, frames=5, width=64, height=64, people=(1, 1), occluders=(0, 0))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_builds_and_answers_its_key_frame(name: str) -> None:
    config = ablation.config(name)
    assert config.train.steps > 0
    model: Any = network_of(config.model)
    spec = model.spec
    assert set(spec.offsets) <= set(WINDOW)
    with torch.no_grad():
        output = model.eval()(torch.zeros(2, len(spec.offsets), 3, spec.height, spec.width, dtype=torch.uint8))
    assert output.xy_crop.shape == (2, len(spec.predicts), 15, 2)
    assert torch.isfinite(output.xy_crop).all()


def test_variants_of_one_family_differ_in_the_fields_that_they_name() -> None:
    def differences(one: str, other: str) -> set[str]:
        ours, theirs = (dataclasses.asdict(VARIANTS[name].model) for name in (one, other))
        return {field for field in ours if ours[field] != theirs[field]}

    for name in ("whole", "coupled", "sd", "td", "mean"):
        assert differences("dsta-std", f"dsta-{name}") == {"attention"}
    for name in ("single", "aux1", "aux4"):
        assert differences("dsta-std", f"dsta-{name}") == {"offsets"}
    for name in ("learnable", "residual-param", "copy", "copy-raw"):
        assert differences("listpose-residual", f"listpose-{name}") == {"token_init"}
    for name in ("random", "grid", "norm"):
        assert differences("ftp-b", f"ftp-b-{name}") == {"select"}
    assert differences("ftp-b", "ftp-l6-h6") == set() == differences("ftp-a", "ftp-l1-h1")
    assert differences("ftp-b", "ftp-l3-h10") == {"keep_lrb", "keep_hrb"}


@pytest.mark.parametrize("name", ["dsta-whole", "dsta-mean", "dsta-gap", "listpose-residual", "ftp-b", "heatmap-32x32"])
def test_all_that_should_learn_does_and_all_frames_have_a_say(name: str) -> None:
    config = dataclasses.replace(ablation.config(name), people=PEOPLE)
    model, loss, data = ablation.build(config)
    batch = collate([data.sample(number, np.random.default_rng(number)) for number in range(2)])
    model.train()
    sum(loss(model(batch.pixels), batch).values()).backward()  # type: ignore[union-attr]
    learned = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    kept = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    if config.encoder == "all":
        assert not kept
    else:
        assert learned and kept and all(name.startswith("backbone.") for name in kept)
    if name == "listpose-residual":
        with torch.no_grad():  # it starts closed, as the model of single frames
            model.initialise.gate.fill_(1)  # type: ignore[union-attr, operator]
    seen = batch.pixels.float().requires_grad_()
    model.eval()(seen).xy_crop[:, data.spec.answer].sum().backward()
    assert seen.grad is not None and (seen.grad.flatten(2).abs().amax(2) > 0).all()  # (B, T)


@pytest.mark.parametrize("name", ["dsta-std", "listpose-residual", "ftp-base"])
def test_from_kept_maps_it_answers_what_it_answers_from_the_crops(name: str, tmp_path: Path) -> None:
    config = dataclasses.replace(ablation.config(name), people=PEOPLE, kept=tmp_path)
    model, loss, data = ablation.build(config)
    assert isinstance(data, KeptMaps)
    batch = collate([data.sample(number, np.random.default_rng()) for number in range(2)])
    checkpoint.save(model, tmp_path / "model.safetensors", ablation.card(config))
    whole: Any = checkpoint.load(tmp_path / "model.safetensors").model
    clips = KeptClips(SyntheticPeople(config=PEOPLE), (64, 64))
    shown = dataclasses.replace(model.spec, offsets=WINDOW, predicts=WINDOW, recurrent=False)  # type: ignore[arg-type, type-var]
    crops = []
    for number in range(2):
        rng = np.random.default_rng([number])  # the crop that is kept
        crops.append(example(clips.clip(number, WINDOW), shown, clips.skeleton, config.augment, rng).pixels)
    places = [WINDOW.index(offset) for offset in data.spec.offsets]
    with torch.no_grad():
        kept, fresh = model.eval()(batch.pixels), whole(torch.from_numpy(np.stack(crops)[:, places]))
    # Maps are kept in half precision. Peaks are not compared: an untrained map is so flat that rounding moves them.
    assert kept.heatmaps is not None and fresh.heatmaps is not None
    assert (kept.heatmaps - fresh.heatmaps).abs().max() <= 0.02 * fresh.heatmaps.std()
    again = ablation.build(config)[2].sample(1, np.random.default_rng())
    np.testing.assert_array_equal(again.pixels, batch.pixels[1].numpy())
    values = loss(kept, batch)
    assert values and all(torch.isfinite(value) for value in values.values())


def test_the_mean_over_frames_does_not_know_their_order() -> None:
    torch.manual_seed(0)
    mean, known = (network_of(ablation.config(f"dsta-{name}").model).eval() for name in ("mean", "td"))
    features = torch.randn(2, 3, 15, ablation.config("dsta-mean").model.token_width)
    averaged = features.mean(1, keepdim=True).expand(-1, 3, -1, -1)

    def answer(model: Any, given: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            xy: torch.Tensor = model.fuse(given)[0].xy_crop
        return xy

    for given in (
        features.roll(1, dims=1),
        averaged,
    ):  # sums in another order are rounded otherwise, by far less than a pixel
        torch.testing.assert_close(answer(mean, given), answer(mean, features), atol=1e-3, rtol=0)
        assert (answer(known, given) - answer(known, features)).abs().max() > 1


def test_a_variant_starts_from_the_bundled_backbone_and_what_else_it_names() -> None:
    bundled = checkpoint.load("dsta-small").model.state_dict()

    def same(name: str, parts: tuple[str, ...]) -> bool:
        model: Any = network_of(VARIANTS[name].model)
        ablation.start(model, "dsta-small", VARIANTS[name].parts)
        own = {key: value for key, value in model.state_dict().items() if key.startswith(parts)}
        return bool(own) and all(key in bundled and torch.equal(value, bundled[key]) for key, value in own.items())

    assert same("dsta-std", ("backbone.", "jfd."))
    assert same("dsta-integral", ("backbone.",)) and not same("dsta-integral", ("jfd.",))
    assert same("listpose-copy", ("backbone.",))
    assert not same("dsta-std", ("aggregate.",)), "what is compared starts anew"
    other = dataclasses.replace(ablation.config("dsta-std").model.backbone, neck_width=16)
    model = network_of(dataclasses.replace(VARIANTS["dsta-std"].model, backbone=other))
    with pytest.raises(InputError, match=r"features dsta-small: not the same backbone: backbone\.neck"):
        ablation.start(model, "dsta-small", ("backbone.",))
    with pytest.raises(InputError, match="encoder none keeps the backbone of features, got none"):
        dataclasses.replace(ablation.config("dsta-std"), features=None)


def test_a_coarser_backbone_takes_the_upper_levels_of_the_light_path() -> None:
    fine: Any = checkpoint.load("dsta-small").model
    coarse: Any = network_of(VARIANTS["ftp-base"].model).eval()
    ablation.start(coarse, "dsta-small", ("backbone.",))
    neck = fine.backbone.neck
    pixels = torch.randint(0, 255, (1, 3, 192, 144), generator=torch.Generator().manual_seed(0)).float()
    with torch.no_grad():
        normal = (pixels - fine.backbone.normal.mean) / fine.backbone.normal.std
        maps = fine.backbone.trunk(normal)[fine.backbone.first :]
        top = neck.narrow[-1](maps[-1])
        joined = neck.narrow[-2](maps[-2]) + torch.nn.functional.interpolate(top, size=maps[-2].shape[-2:])
        wanted = joined + neck.mix[-1](neck.smooth[-1](joined))
        torch.testing.assert_close(coarse.backbone(pixels), wanted)


def test_maps_are_those_of_the_weights_that_the_backbone_has(tmp_path: Path) -> None:
    config = dataclasses.replace(ablation.config("dsta-single"), people=PEOPLE, kept=tmp_path)
    rng = np.random.default_rng()
    first = ablation.build(config)[2].sample(0, rng)
    model, _, data = ablation.build(config)
    with torch.no_grad():  # as another backbone that is asked for on the command line
        model.backbone.neck.narrow[0][0].weight.mul_(2)  # type: ignore[union-attr, index, operator]
    assert not np.array_equal(data.sample(0, rng).pixels, first.pixels)
    np.testing.assert_array_equal(ablation.build(config)[2].sample(0, rng).pixels, first.pixels)


def test_rendered_clips_take_the_place_of_drawn_ones(tmp_path: Path) -> None:
    config = dataclasses.replace(ablation.config("dsta-single"), rendered=rendered(tmp_path / "clips"))
    _, _, data = ablation.build(config)
    assert isinstance(data, KeptMaps) and data.clips.name == "rendered"
    assert ablation.card(config).data.startswith("people rendered by chronopose.synth; the backbone on ")
    assert "drawn by" in ablation.card(ablation.config("dsta-single")).data


class Counting:
    """Drawn people, and how often they were drawn."""

    def __init__(self) -> None:
        self.people = SyntheticPeople(config=PEOPLE)
        self.name, self.skeleton, self.asked = self.people.name, self.people.skeleton, 0

    def __len__(self) -> int:
        return len(self.people)

    def clip(self, index: int, offsets: Any) -> Any:
        self.asked += 1
        return self.people.clip(index, offsets)


@pytest.mark.parametrize("on_disk", [False, True])
def test_kept_clips_are_the_drawn_ones_and_drawn_once(on_disk: bool, tmp_path: Path) -> None:
    source = Counting()
    folder = tmp_path / "deep" / "clips" if on_disk else None
    kept = KeptClips(source, (64, 64), folder)
    for offsets in ((-1, 0, 1), (0,), (-2, 0), (0, 5)):
        ours, theirs = kept.clip(2, offsets), source.people.clip(2, offsets)
        for one, other in zip(ours.frames, theirs.frames, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(ours.xy_image, theirs.xy_image)
        np.testing.assert_array_equal(ours.visible, theirs.visible)
        np.testing.assert_array_equal(ours.box, theirs.box)
    assert source.asked == 1
    again = KeptClips(source, (64, 64), folder)
    again.clip(2, (0,))
    assert source.asked == (1 if on_disk else 2)


def test_of_two_that_begin_at_once_one_makes_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slower = KeptClips(SyntheticPeople(config=PEOPLE), (64, 64), tmp_path / "clips")
    slower.clip(1, (0,))
    monkeypatch.setattr(Path, "exists", lambda path: False)
    second = Counting()
    KeptClips(second, (64, 64), tmp_path / "clips").clip(1, (0,))
    assert second.asked == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["clips"]


def test_held_out_clips_hide_joints_that_a_neighbouring_frame_shows() -> None:
    drawn = SyntheticPeople(config=dataclasses.replace(PEOPLE, clips=12))
    hiding = HiddenInKey(drawn)
    for index in (0, 5):
        ours, theirs = hiding.clip(index, (-1, 0, 1)), drawn.clip(index, (-1, 0, 1))
        assert not (ours.visible & ~theirs.visible).any()
        np.testing.assert_array_equal(ours.frames[1], hiding.clip(index, (0,)).frames[0])
        lost = theirs.visible[1] & ~ours.visible[1]
        assert (ours.frames[1] != theirs.frames[1]).any(-1).mean() > 0.01 and lost.any()
        for x, y in np.round(theirs.xy_image[1][lost]).astype(int):
            assert (ours.frames[1][y, x] != theirs.frames[1][y, x]).any()
    sight, hidden = hidden_for_a_moment(hiding)
    assert sight.shape == hidden.shape == (12, 15) and not (sight & hidden).any()
    assert 0.05 < hidden.mean() < 0.5
    judged = held_out(PEOPLE, 2)
    assert len(judged) == 2
    assert any((judged.clip(index, (0,)).frames[0] != drawn.clip(index, (0,)).frames[0]).any() for index in range(2)), (
        "held-out people are others"
    )


def test_an_unknown_variant_is_answered_with_the_names() -> None:
    with pytest.raises(InputError, match=r"no ablation 'dsta'; there are dsta-whole, .*ftp-l10-h10"):
        ablation.recipe("dsta")


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("ablations", "ablation_tables"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import ablations  # type: ignore[import-not-found]

    return ablations


def test_kept_maps_and_crops_are_judged_alike(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "CLIPS", 6)
    kept = dataclasses.replace(ablation.config("dsta-td"), people=PEOPLE)
    torch.manual_seed(0)
    model: Any = network_of(kept.model)
    ablation.start(model, "dsta-small", ("backbone.", "jfd."))
    from_crops = benchmark.judged(model, dataclasses.replace(kept, encoder="all"))
    from_maps = benchmark.judged(model, kept)
    assert set(from_maps) == {"all", "in sight", "hidden"}
    for name, share in from_maps.items():
        assert 0 <= share <= 100 and share == pytest.approx(from_crops[name], abs=3)


def results(**figures: list[float]) -> Any:
    return {
        name.replace("_", "-"): {seed: {"pck": {"all": value, "hidden": value}} for seed, value in enumerate(values)}
        for name, values in figures.items()
    }


@pytest.mark.parametrize(
    ("better", "than", "claimed", "wanted"),
    [
        ([50.0, 51.0, 49.0], [40.0, 41.0, 39.0], 1.0, "yes"),
        ([40.0, 41.0, 39.0], [50.0, 51.0, 49.0], 1.0, "no"),
        ([40.0, 41.0, 39.0], [50.0, 51.0, 49.0], -2.0, "yes"),
        ([50.0, 51.0, 49.0], [49.0, 50.0, 48.0], 1.0, "within noise"),  # two standard errors are 1.6 points
        ([50.4, 50.4, 50.4], [50.0, 50.0, 50.0], 1.0, "within noise"),  # half a point at least
        ([50.6, 50.6, 50.6], [50.0, 50.0, 50.0], None, "better"),
        ([50.0, 50.0, 50.0], [50.6, 50.6, 50.6], None, "worse"),
    ],
)
def test_a_verdict_follows_from_the_figures(
    benchmark: Any, better: list[float], than: list[float], claimed: float | None, wanted: str
) -> None:
    comparison = benchmark.Comparison("a claim", ("one",), ("other",))
    gain, noise = benchmark.difference(comparison, results(one=better, other=than), "hidden")
    assert gain == pytest.approx(np.mean(better) - np.mean(than))
    assert benchmark.verdict(gain, noise, claimed) == wanted


def test_the_tables_name_variants_once_and_compare_their_own_rows(benchmark: Any) -> None:
    for table in benchmark.TABLES.values():
        names = [row.variant for row in table.rows]
        assert len(set(names)) == len(names) and set(names) <= set(VARIANTS)
        for one in table.comparisons:
            assert {*one.better, *one.than} <= set(names)
    four = benchmark.TABLES["dsta-table-4"]
    figures = {row.variant: row.paper for row in four.rows}
    claims = {one.text: one.claimed(figures) for one in four.comparisons}
    assert claims["STD is better than TD alone"] == pytest.approx(0.5)
    assert claims["SD alone is worse than a token per frame"] == pytest.approx(-2.4)
    assert claims["STD against the mean over frames"] is None
    seven = benchmark.TABLES["dsta-table-7"]
    figures = {row.variant: row.paper for row in seven.rows}
    assert seven.comparisons[-1].claimed(figures) == pytest.approx((55.4 - 35.1) - (83.4 - 82.8))


def test_a_cut_run_goes_on_and_only_finished_rows_are_written(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, small = ablation.config, ("dsta-sd", "dsta-td")

    def tiny(name: str) -> Any:
        train = dataclasses.replace(config(name).train, batch_size=2, steps=1)
        return dataclasses.replace(config(name), people=PEOPLE, train=train)

    monkeypatch.setattr(ablation, "config", tiny)
    monkeypatch.setattr(benchmark, "CLIPS", 3)
    table = dataclasses.replace(
        benchmark.TABLES["dsta-table-4"],
        rows=tuple(row for row in benchmark.TABLES["dsta-table-4"].rows if row.variant in small),
        comparisons=benchmark.TABLES["dsta-table-4"].comparisons[2:3],
    )
    monkeypatch.setattr(benchmark, "TABLES", {"dsta-table-4": table})
    out = tmp_path / "page.md"
    command = ["ablations.py", "--work", str(tmp_path / "work"), "--seeds", "1", "--only", "dsta-table-4", "--out"]
    monkeypatch.setattr(sys, "argv", [*command, str(out)])
    performed: list[tuple[str, int]] = []
    perform = benchmark.perform

    def cut(run: Any) -> Any:
        performed.append((run.variant, run.seed))
        if len(performed) == 2:
            raise KeyboardInterrupt
        return perform(run)

    monkeypatch.setattr(benchmark, "perform", cut)
    with pytest.raises(KeyboardInterrupt):
        benchmark.main()
    first = [("dsta-sd", 0), ("dsta-td", 0)]
    assert performed == first
    monkeypatch.setattr(sys, "argv", [*command, str(out), "--report"])
    benchmark.main()
    page = out.read_text()
    assert "| dsta-sd |" in page and "| dsta-td |" not in page and "Not run yet: dsta-td." in page
    assert "reproduced? |" not in page
    monkeypatch.setattr(sys, "argv", [*command, str(out)])
    benchmark.main()
    assert performed[2:] == [("dsta-td", 0)]
    page = out.read_text()
    assert "| dsta-td |" in page and "TD alone is better than SD alone | +6.7 |" in page
    monkeypatch.setattr(sys, "argv", [*command, str(out), "--steps", "2", "--report"])
    benchmark.main()
    assert "dsta-sd" not in out.read_text(), "results of other settings do not count"
