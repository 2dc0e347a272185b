"""The smoke recipe, trained for a minute, beats the mean pose on clips it has never seen."""

from dataclasses import replace
from pathlib import Path

import pytest

from chronopose.data.synthetic import SyntheticPeople
from chronopose.evaluation.persons import evaluate, mean_pose, score
from chronopose.inference.predictor import Predictor
from chronopose.models import checkpoint
from chronopose.recipes import smoke
from chronopose.training.trainer import train


@pytest.mark.timeout(1200)  # a minute on a fast core, five on a slow one with another test beside it
def test_the_smoke_recipe_learns(tmp_path: Path) -> None:
    config = smoke.config()
    model, loss, data = smoke.build(config)
    train(
        config.train,
        config.optim,
        model=model,
        loss=loss,
        data=data,
        out=tmp_path,
        save=lambda trained, path: checkpoint.save(trained, path, smoke.card(config)),
        resume=False,
    )
    learned = checkpoint.load(tmp_path).model
    unseen = SyntheticPeople(config=replace(config.people, seed=77, clips=120))
    answered = evaluate(Predictor(learned, "cpu"), unseen)  # type: ignore[arg-type]
    blind = score(mean_pose(SyntheticPeople(config=config.people), unseen))
    ours, theirs = (s.by_size["tight"].mean_points for s in (answered, blind))
    # At 0.2 of a body's length the mean pose of people who mostly stand is right already; what is learned shows below.
    assert ours[1] > theirs[1] + 0.1, f"PCK@0.1 of {ours[1]:.3f} against {theirs[1]:.3f} of the mean pose"
    assert ours[2] > theirs[2] + 0.05, f"PCK@0.05 of {ours[2]:.3f} against {theirs[2]:.3f} of the mean pose"
