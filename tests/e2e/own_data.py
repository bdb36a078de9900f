"""Data that the project has never seen, as people have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_wine

from demo_data.packages import r_data_set, r_sets


def packaged(member: str) -> pd.DataFrame:
    """A table of the package pydataset as its file is, row names in a column without a name; rows shuffled."""
    with r_sets() as archive:
        frame = pd.read_csv(r_data_set(member, archive))
    return shuffled(frame.rename(columns={"Unnamed: 0": ""}))


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sample(frac=1.0, random_state=1).reset_index(drop=True)


def tumours() -> pd.DataFrame:
    """Binary, with a target of booleans, and names with spaces."""
    data = load_breast_cancer(as_frame=True)
    return shuffled(data.data.assign(**{"is benign?": data.target == 1}))


def wines() -> pd.DataFrame:
    """Three classes, few rows, names that no file format likes, and a constant and an empty column."""
    data = load_wine(as_frame=True)
    names = {
        "alcohol": "alcohol (%)",
        "flavanoids": "flavanoids/mg",
        "hue": "Farbton.ü",
        "ash": '"ash"',
        "proline": "a,b",
    }
    frame = data.data.rename(columns=names).assign(maker="unknown", remarks=None)
    return shuffled(frame.assign(cultivar=data.target.map(dict(enumerate("ABC")))))


def passengers() -> pd.DataFrame:
    """Binary, all text, and a column without a name that counts the rows."""
    return packaged("COUNT/titanic")


def computers() -> pd.DataFrame:
    """A regression with numbers and yes or no."""
    return packaged("Ecdat/Computers")


def diamonds() -> pd.DataFrame:
    """A regression with real booleans, dates with a time zone, and whole numbers with gaps."""
    frame = packaged("ggplot2/diamonds").drop(columns="").head(4000)
    sold = pd.Timestamp("2025-03-01", tz="UTC") + pd.to_timedelta(np.arange(len(frame)) * 20, unit="min")
    table = frame["table"].round().astype("Int64").mask(frame.index % 10 == 0)
    return frame.assign(table=table, sold=sold, premium=frame["cut"] == "Premium")


@dataclass(frozen=True)
class Case:
    """A data set: its rows, what to predict, its task, and the ending of its files."""

    rows: Callable[[], pd.DataFrame]
    target: str
    task: str
    ending: str = "csv"


CASES = {
    "passengers": Case(passengers, "survived", "binary"),
    "computers": Case(computers, "price", "regression"),
    "tumours": Case(tumours, "is benign?", "binary"),
    "wines": Case(wines, "cultivar", "multiclass"),
    "diamonds": Case(diamonds, "price", "regression", "parquet"),
}
DEPLOYED = ("wines", "diamonds")
"""Cases that go through a cloud; of binary tasks the README's example and `people_files.STORIES` do. The others:
`tests/cli/test_models_of_people_files.py`."""


def write(frame: pd.DataFrame, path: Path) -> str:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return str(path)
