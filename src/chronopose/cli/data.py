"""`chronopose data info` and `check`: what data sets are known, and whether a folder of one is whole."""

import json as json_format
from contextlib import suppress
from dataclasses import asdict
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from chronopose.cli.progress import bar
from chronopose.core.errors import InputError

if TYPE_CHECKING:
    from chronopose.data.catalogue import DataSet
    from chronopose.data.survey import Counts, Report
    from chronopose.data.videos import Defect

app = App(name="data", help="List the data sets that can be read, and check a folder of one.")

# Defects printed of a kind: of damage, and of what the owners' release has anyway.
_SHOWN, _SHOWN_KNOWN = 50, 3


@app.command
def info(name: str | None = None, /, *, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """The data sets that can be read; or one of them: its layout, terms, splits and known defects.

    Parameters
    ----------
    name
        Of a data set; all are listed without.
    json
        Print JSON.
    """
    from chronopose.data.catalogue import CATALOGUE, named

    if name is not None:
        row = _described(name, named(name))
        print(json_format.dumps(row) if json else _page(row))
        return
    rows = [_described(name, entry) for name, entry in CATALOGUE.items()]
    if json:
        print(json_format.dumps(rows))
        return
    print(f"{'name':<12} {'of':<12} {'skeleton':<13} {'to learn from':<22} {'to be judged on':<20} title")
    for row in rows:
        splits = f"{' '.join(row['training']):<22} {' '.join(row['tests']) or '-':<20}"
        print(f"{row['name']:<12} {row['of']:<12} {row['skeleton'] or 'its own':<13} {splits} {row['title']}")


@app.command
def check(
    name: str,
    folder: Path,
    /,
    *,
    split: str | None = None,
    pictures: Annotated[bool, Parameter(negative=())] = False,
    sheet: Path | None = None,
    seed: int = 0,
    every: Annotated[bool, Parameter(name="--all", negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Go through a data set's folder: what is in it, and what is wrong. Exit code 1 where something is damaged.

    Parameters
    ----------
    name
        A name from `data info`.
    folder
        Of the data set, laid out as `data info NAME` says.
    split
        The one to check; all that are there if not given.
    pictures
        Decode every picture instead of looking at its beginning and end.
    sheet
        Draw persons taken at random, with joints and box, into this picture.
    seed
        Of the persons on the sheet.
    every
        Print every defect, not only the first 50 of a kind.
    json
        Print a JSON object.
    """
    from chronopose.data import catalogue, survey

    if sheet is not None:
        _check_writable(sheet)
    entry, splits = catalogue.named(name), catalogue.splits_in(name, folder, split)
    with bar(f"checking {name}") as line:
        report = survey.check(
            entry, folder, splits, pictures=pictures, most=None if every else _SHOWN, progress=line.advance
        )
    drawn = [] if sheet is None else _draw(entry, folder, splits, sheet, seed)
    if json:
        drawing = {"sheet": str(sheet) if drawn else None, "persons": drawn}
        print(json_format.dumps({"name": name, "folder": str(folder)} | _as_json(report) | drawing))
    else:
        print(f"{entry.title}, {folder}")
        print(_table(report.counts, entry))
        print(_defects(report, folder, every))
        if drawn:
            print(f"wrote {sheet}: " + ", ".join(f"#{number} {person}" for number, person in enumerate(drawn)))
        elif sheet is not None:
            print(f"did not write {sheet}: nobody is there who could be shown")
    return 1 if report.damage else 0


def _check_writable(sheet: Path) -> None:
    """Refuses before the long check what could not be written after it."""
    if sheet.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise InputError(f"--sheet {sheet}: wanted a name ending in .png or .jpg")
    if not sheet.parent.is_dir():
        raise InputError(f"--sheet {sheet}: there is no folder {sheet.parent}; create it first")


def _draw(entry: "DataSet", folder: Path, splits: tuple[str, ...], file: Path, seed: int) -> list[str]:
    """Writes the sheet; gives the names of the persons on it, none where nobody can be shown."""
    from PIL import Image

    from chronopose.core.files import replacing
    from chronopose.data.survey import sheet

    people = []
    for split in splits:
        with suppress(InputError):  # the check has told why
            people.append(entry.reader().people(folder, split))
    try:
        pixels, names = sheet(people, seed=seed)
    except InputError:
        return []
    with replacing(file) as temporary:
        Image.fromarray(pixels).save(temporary)
    return names


def _described(name: str, entry: "DataSet") -> dict[str, Any]:
    from chronopose.core.skeleton import SKELETONS

    return {
        "name": name,
        "title": entry.title,
        "of": entry.of,
        "reference": entry.reference,
        "page": entry.page,
        "terms": entry.terms,
        "skeleton": entry.skeleton,
        "joints": list(SKELETONS[entry.skeleton].joints) if entry.skeleton else None,
        "training": list(entry.training),
        "tests": list(entry.tests),
        "layout": cleandoc(entry.layout),
        "known": entry.known,
    }


def _page(row: dict[str, Any]) -> str:
    """What is told of one data set."""
    return "\n".join(
        [
            f"{row['name']}: {row['title']}",
            f"reference      {row['reference']}",
            f"from           {row['page']}",
            f"terms          {row['terms']}",
            f"labels         of {row['of']}, skeleton {row['skeleton'] or 'as the files say'}",
            f"joints         {' '.join(row['joints'] or ['as the files say'])}",
            f"to learn from  {' '.join(row['training'])}",
            f"to be judged   {' '.join(row['tests']) or 'none'}",
            f"known defects  {row['known'] or 'none'}",
            "layout",
            *(f"  {line}" for line in row["layout"].splitlines()),
            f"check it with  chronopose data check {row['name']} FOLDER",
        ]
    )


def _table(counts: "dict[str, Counts]", entry: "DataSet") -> str:
    """Figures by row, splits by column."""
    if not counts:
        return "no split could be read to its end; figures are missing"
    unit = "photographs" if entry.of == "photographs" else "videos"
    rows: dict[str, list[str]] = {"": list(counts)}
    for split, found in counts.items():
        owners = f" of {entry.owners[split]:,}" if split in entry.owners else ""
        sizes = [f"{width}x{height}" for (width, height), _ in found.sizes]
        px = " ".join(f"{side:.0f}" for side in found.person_px)
        figures = {
            unit: f"{found.videos:,}{owners}",
            "frames": f"{found.frames:,}",
            "labelled frames": f"{found.labelled:,}",
            "persons": f"{found.persons:,}",
            "poses": f"{found.poses:,}",
            "labelled joints": f"{found.joints:,}",
            "joints in a pose": f"{found.joints / max(found.poses, 1):.1f}",
            "visible": f"{found.visible / max(found.joints, 1):.1%}",
            "outside picture": f"{found.outside / max(found.joints, 1):.1%}",
            "picture sizes": sizes[0] if len(sizes) == 1 else f"{len(sizes)}, most {sizes[0]}" if sizes else "-",
            "box side 5 50 95 %": px or "no boxes",
        }
        for figure, text in figures.items():
            rows.setdefault(figure, []).append(text)
    wide = [max(len(cells[column]) for cells in rows.values()) for column in range(len(counts))]
    return "\n".join(
        f"  {figure:<19}" + "  ".join(text.rjust(width) for text, width in zip(cells, wide))
        for figure, cells in rows.items()
    )


def _defects(report: "Report", folder: Path, every: bool) -> str:
    """All that is kept of the defects, damage first, and how many more there are."""
    lines = []
    for known, heading in ((False, "damage"), (True, "known, in the owners' release too")):
        kinds = [kind for kind in report.kinds if kind.known == known]
        if kinds:
            lines.append(f"{heading}: {sum(kind.count for kind in kinds):,}")
        for kind in kinds:
            shown = kind.first[:_SHOWN_KNOWN] if known and not every else kind.first
            lines += [f"  {_line(defect, folder)}" for defect in shown]
            if kind.count > len(shown):
                lines.append(f"  ... and {kind.count - len(shown):,} more of this kind; --all prints them")
    if not report.damage:
        lines.append("no damage found")
    return "\n".join(lines)


def _line(defect: "Defect", folder: Path) -> str:
    file = defect.file.relative_to(folder) if defect.file.is_relative_to(folder) else defect.file
    return ": ".join(filter(None, (str(file) if file != Path() else "", defect.where, defect.what)))


def _as_json(report: "Report") -> dict[str, Any]:
    return {
        "splits": {split: asdict(counts) for split, counts in report.counts.items()},
        "damage": report.damage,
        "defects": [
            {
                "known": kind.known,
                "count": kind.count,
                "first": [{"file": str(one.file), "where": one.where, "what": one.what} for one in kind.first],
            }
            for kind in report.kinds
        ],
    }
