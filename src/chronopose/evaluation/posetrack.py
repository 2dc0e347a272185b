"""PoseTrack's figures for a folder of predictions, as the official tools of 2017, 2018 and 2021 give them.

Each file of truth is one sequence and has a file of predictions with the same name. Frames belong together by their
order, so their pictures are numbered alike on both sides, or shifted by a constant (some code counts from 0, some from
1). PoseTrack21 differs from 17 and 18 in three ways: a joint exists only where x and y are above 0, frames are left out
that are not marked as labelled (else those without a true person), and a joint type that nobody is labelled with has
AP and recall 0 (else NaN). Its kit has no MOTA; ours is that of 18 on the frames and joints of 21.
"""

import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.formats.posetrack_judged import Labels, read_predictions, read_truth
from chronopose.metrics import clear_mot, hota, posetrack
from chronopose.metrics.clear_mot import Tracked
from chronopose.metrics.hota import Associated
from chronopose.metrics.posetrack import Judged, People, Samples, Table

Year = Literal[17, 18, 21]
Ints = NDArray[np.int64]

NO_SCORE = -9999.0
# Starting a process costs about as much time as judging so many bytes.
PROCESS_BYTES = 8 << 20
# Of true and predicted persons in the same frames of a sequence; a crowd of 100 in 300 frames has 3 million.
MOST_PAIRS = 5_000_000


@dataclass(frozen=True, kw_only=True)
class PoseTrackScore:
    """Figures of one sequence or of several together.

    Attributes:
        frames: judged, after unlabelled ones were left out.
        truths: (15,) labelled joints.
        found: (15,) predicted joints.
        right: (15,) of those, the right ones.
        tracked: the counts behind MOTA and MOTP.
        tables: by name: "ap", "precision" and "recall" of all predicted joints, "mota", "motp", and "mot_precision"
            and "mot_recall" of the joints paired by tracking; in percent.
        hota: likewise "HOTA", "FA-HOTA" and their parts; empty but for PoseTrack21.
        hota_totals: the column "Total" of PoseTrack21's kit by the same names.
        sequences: the same of each sequence with a frame to judge, by name.
    """

    frames: int
    truths: Ints
    found: Ints
    right: Ints
    tracked: Tracked
    tables: dict[str, Table]
    hota: dict[str, Table]
    hota_totals: dict[str, float]
    sequences: "dict[str, PoseTrackScore]" = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Counts:
    """What a sequence adds to the figures."""

    frames: int
    samples: Samples
    tracked: Tracked
    associated: Associated | None
    unscored: int


_Task = tuple[Path, Path, Year]


def evaluate(
    truth: str | os.PathLike[str],
    predictions: str | os.PathLike[str],
    year: Year,
    *,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> PoseTrackScore:
    """Scores a folder of predictions.

    Args:
        truth: folder with one JSON file for each sequence.
        predictions: folder with files of the same names.
        year: whose rules are followed; which year's format a file has is seen from its content.
        workers: at most so many processes read and judge; a script that asks for several guards its main part.
        progress: is told how many sequences are done, whenever some are.

    Raises:
        InputError: a file is missing or wrong, or no frame is left to judge.
    """
    tasks = _tasks(Path(truth), Path(predictions), year)
    parts: dict[str, _Counts] = {}
    for (file, _, _), counts in zip(tasks, _counted(tasks, workers)):
        parts[file.stem] = counts
        if progress is not None:
            progress(1)
    judged = {name: counts for name, counts in parts.items() if counts.frames}
    if not judged:
        raise InputError(f"{truth}: none of its {len(tasks)} files has a labelled frame with persons to judge")
    unscored = sum(counts.unscored for counts in judged.values())
    if unscored:
        logging.getLogger(__name__).warning(
            "%s: %d predicted joints have no score (scores); each gets %g, as in the official tool",
            predictions, unscored, NO_SCORE,
        )  # fmt: skip
    return _score(list(judged.values()), {name: _score([counts], {}) for name, counts in judged.items()})


def with_poseval_motp(score: PoseTrackScore) -> PoseTrackScore:
    """The same with the MOTP that poseval prints today, see `metrics.clear_mot.mot`."""
    printed = clear_mot.mot(score.tracked, as_printed=True)["motp"]
    sequences = {name: with_poseval_motp(one) for name, one in score.sequences.items()}
    return replace(score, tables=score.tables | {"motp": printed}, sequences=sequences)


def _tasks(truth: Path, predictions: Path, year: Year) -> list[_Task]:
    for folder in (truth, predictions):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder")
    files = sorted(truth.glob("*.json"))
    if not files:
        raise InputError(f"{truth}: no .json files; expected one for each sequence")
    for file in files:
        if not (predictions / file.name).is_file():
            raise InputError(f"{predictions / file.name}: no such file; {file} wants predictions of the same name")
    return [(file, predictions / file.name, year) for file in files]


def _counted(tasks: Sequence[_Task], workers: int) -> Iterator[_Counts]:
    """The counts of each sequence, in order."""
    size = sum(file.stat().st_size for truth, found, _ in tasks for file in (truth, found))
    useful = min(workers, len(tasks), size // PROCESS_BYTES)
    if useful < 2:
        yield from map(_judge, tasks)
        return
    # Fresh interpreters: a fork of a process with threads may hang.
    with ProcessPoolExecutor(useful, mp_context=get_context("spawn"), initializer=_leave_ctrl_c_to_parent) as pool:
        yield from pool.map(_judge, tasks)


def _leave_ctrl_c_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _judge(task: _Task) -> _Counts:
    truth_file, found_file, year = task
    labels, answers = read_truth(truth_file), read_predictions(found_file)
    _check_frames(labels, answers, found_file)
    kept = _kept(labels, year, truth_file)
    whole = Judged(truth=_people(labels, year), found=_people(answers, year), regions=labels.regions)
    sequence = posetrack.without_ignored(whole.only(kept))
    _check_ids(sequence.truth, kept, truth_file)
    _check_size(sequence, found_file)
    pairs = posetrack.pair(sequence)
    return _Counts(
        frames=sequence.frames,
        samples=posetrack.samples(sequence, pairs),
        tracked=clear_mot.track(sequence, pairs),
        associated=hota.associate(sequence, pairs) if year == 21 else None,
        unscored=int((sequence.found.present & (sequence.found.score == NO_SCORE)).sum()),
    )


def _people(labels: Labels, year: Year) -> People:
    """Those who have a list of joints, with the joints that exist by the year's rule."""
    unknown = ~(labels.xy > 0).all(axis=-1, keepdims=True) if year == 21 else np.isnan(labels.xy)
    people = People(
        frame=labels.frame,
        xy=np.where(unknown, np.nan, labels.xy),
        score=np.where(np.isnan(labels.score), NO_SCORE, labels.score),
        track_id=labels.track_id,
        head=posetrack.head_length(labels.head_box),
    )
    return people.only(labels.listed)


def _kept(labels: Labels, year: Year, file: Path) -> NDArray[np.bool_]:
    """(T,) the frames to be judged, decided before ignore regions and missing lists of joints take anybody away."""
    if year == 21:
        if None in labels.labelled:
            index = labels.labelled.index(None)
            raise InputError(f"{file}: images[{index}].is_labeled: expected true or false, got nothing")
        return np.array(labels.labelled, dtype=bool)
    somebody: NDArray[np.bool_] = np.bincount(labels.frame, minlength=len(labels.labelled)) > 0
    return somebody


def _check_frames(labels: Labels, answers: Labels, file: Path) -> None:
    wanted, given = labels.numbers, answers.numbers
    if len(wanted) != len(given):
        raise InputError(f"{file}: {len(given)} frames; the truth has {len(wanted)}")
    if (wanted < 0).any() or (given < 0).any():
        return  # other names than numbers: the order has to do
    shift = given - wanted
    for index in np.flatnonzero(shift != shift[:1])[:1]:
        raise InputError(
            f"{file}: frame {index} (counted from 0) is picture {given[index]}; the truth's is {wanted[index]}, and "
            f"{shift[0]:+d} to it fits the first frame: expected the same frames in the same order"
        )


def _check_ids(truth: People, kept: NDArray[np.bool_], file: Path) -> None:
    ids, count = np.unique(np.stack([truth.frame, truth.track_id]), axis=1, return_counts=True)
    for frame, track_id in ids[:, count > 1].T[:1]:
        place = np.flatnonzero(kept)[frame]
        raise InputError(f"{file}: track_id: {track_id} is there twice in frame {place} (counted from 0)")


def _check_size(sequence: Judged, file: Path) -> None:
    wanted, given = sequence.persons
    count = int(wanted @ given)
    if count > MOST_PAIRS:
        raise InputError(f"{file}: {count} pairs of true and predicted persons; at most {MOST_PAIRS} can be judged")


def _score(parts: Sequence[_Counts], sequences: dict[str, PoseTrackScore]) -> PoseTrackScore:
    samples, tracked = posetrack.joined([part.samples for part in parts]), clear_mot.summed([p.tracked for p in parts])
    associated = [part.associated for part in parts if part.associated is not None]
    sums = hota.summed(associated) if associated else None
    return PoseTrackScore(
        frames=sum(part.frames for part in parts),
        truths=samples.truths,
        found=(~np.isnan(samples.score)).sum(axis=0),
        right=samples.right.sum(axis=0),
        tracked=tracked,
        tables=posetrack.average_precision(samples, nothing_is_zero=bool(associated)) | clear_mot.mot(tracked),
        hota=hota.hota(sums) if sums is not None else {},
        hota_totals=hota.totals(sums) if sums is not None else {},
        sequences=sequences,
    )
