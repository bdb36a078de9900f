"""The files of each case, by name: 3,000 rows with a signal that is there only where the file is read right."""

from __future__ import annotations

import functools
import gzip
import io
import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd

from tests.files_as_people_have_them.customers import customers, mostly

FIRST_SHOP = 5_550_001_112_223_334_400
"""Twelve shops are numbered from here on: as float64, whose steps are 1,024 here, they are all the same."""
FIRST_ORDER = 2**62 - 4
BATCH_ROWS = 300


def csv(rows: pd.DataFrame, **options: object) -> bytes:
    return rows.to_csv(index=False, **options).encode()  # type: ignore[call-overload, no-any-return]


def parquet(rows: pd.DataFrame, *, index: bool = False) -> bytes:
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=index)
    return buffer.getvalue()


def noise() -> tuple[bytes, bytes]:
    """Pure noise, exported twice: the second file has 1,000 new rows, then the 2,000 of the first again."""
    random = np.random.default_rng(1)
    rows = pd.DataFrame(random.normal(size=(3000, 6)), columns=[f"f{number}" for number in range(6)])
    rows["y"] = random.choice(["a", "b"], len(rows))
    rows["rid"] = [f"R{number}" for number in range(len(rows))]
    return csv(rows[:2000]), csv(pd.concat([rows[2000:], rows[:2000]]))


def labels() -> tuple[bytes, bytes]:
    """The second file writes NO for No."""
    later = customers(3, rows=1000, since="2024-03-02", days=20)
    return csv(customers(2)), csv(later.replace({"churned": {"No": "NO"}}))


def milliseconds() -> bytes:
    """Moments of one and a half minutes as epoch milliseconds; who leaves depends on their last five digits."""
    rows = customers(4).drop(columns=["at", "amount"])
    offset = np.random.default_rng(4).integers(0, 100_000, len(rows))
    rows.insert(0, "device_ms", 1_700_000_000_000 + offset)
    return csv(rows.assign(churned=mostly(offset < 50_000, 4)))


def shops(*, rows: int = 3000, seed: int = 5) -> pd.DataFrame:
    """Who leaves depends on whether the last digit of the shop is even."""
    frame = customers(seed, rows=rows).drop(columns="plan")
    shop = np.random.default_rng(seed).integers(0, 12, rows)
    order = FIRST_ORDER - np.arange(rows)
    return frame.assign(shop=FIRST_SHOP + shop, order_id=order, churned=mostly(shop % 2 == 0, seed, share=0.87))


def batch_of_shops(*, without_first_shop: bool = False) -> bytes:
    """Rows to predict; in the other form one shop is null, and everything else is the same."""
    rows = shops(rows=BATCH_ROWS, seed=6).drop(columns="churned")
    if without_first_shop:
        rows["shop"] = rows["shop"].astype("Int64").mask(rows.index == 0)
    return parquet(rows)


def repeating_index() -> bytes:
    """Two frames put together, each with its own row numbers."""
    rows = customers(7)
    return parquet(pd.concat([rows[:1500], rows[1500:].reset_index(drop=True)]), index=True)


def class_named_none() -> bytes:
    """Two thirds of the rows have no disorder, and say None; the others are the more severe the more was spent."""
    rows = customers(8)
    odds = rows["amount"].to_numpy() / 80 - 2.4 + np.random.default_rng(8).logistic(size=len(rows))
    disorder = np.select([odds > 0.7, odds > -0.2], ["Severe", "Mild"], "None")
    return csv(rows.drop(columns="churned").assign(disorder=disorder))


def as_spreadsheets_write(form: str) -> bytes:
    """The same rows as gzip, as tabs, or as semicolons and decimal commas."""
    rows = customers(9)
    if form == "gzip":
        return gzip.compress(csv(rows), mtime=0)
    return csv(rows, sep="\t") if form == "tabs" else csv(rows, sep=";", decimal=",")


def postcodes() -> bytes:
    """Four postcodes, two with a leading zero; who leaves depends on the first digit being a zero."""
    rows = customers(10)
    zips = np.random.default_rng(10).choice(["01067", "80331", "10115", "02110"], len(rows))
    starts_with_zero = np.array([code.startswith("0") for code in zips])
    return csv(rows.assign(zip=zips, churned=mostly(starts_with_zero, 10, share=0.8)))


def numbers_with_placeholders() -> bytes:
    """Numbers as people type them, with a few cells of each column that say there is none."""
    rows, random = customers(11), np.random.default_rng(11)
    amount, visits = rows["amount"].to_numpy(), rows["visits"].to_numpy()
    columns = {
        "power": _placed((amount // 3).astype(int).astype(str), "?", 6, random),
        "total": _placed([f"{value:.2f}" for value in amount], " ", 8, random),
        "revenue": [f"{40 * value:,.2f}" for value in amount],
        "score": [f"{value + 0.5:.1f}".replace(".", ",") for value in visits],
        "pct": [f"{value / 5:.0f}%" for value in amount],
        "xl": _placed(visits.astype(str), "#N/A", 9, random),
        "lowna": _placed(visits.astype(str), "n/a", 9, random),
    }
    return csv(pd.DataFrame({"at": rows["at"], **columns, "plan": rows["plan"], "churned": rows["churned"]}))


def _placed(cells: object, placeholder: str, count: int, random: np.random.Generator) -> object:
    """The cells, of which so many are a placeholder."""
    found = np.array(cells, dtype=object)
    found[random.choice(len(found), count, replace=False)] = placeholder
    return found


def day_first() -> bytes:
    """Days as 31/01/2024, sixty of them."""
    rows = customers(12)
    days = pd.to_datetime(rows.pop("at")).dt.strftime("%d/%m/%Y")
    rows.insert(0, "day", days)
    return csv(rows)


def corrections() -> tuple[bytes, bytes]:
    """The same 3,000 ids twice; 1,095 have the wrong label in the first file."""
    right = customers(13)
    right["cid"] = [f"Z{number:05d}" for number in range(len(right))]
    wrong = right.copy()
    chosen = np.random.default_rng(13).choice(len(right), 1095, replace=False)
    wrong.loc[chosen, "churned"] = np.where(right.loc[chosen, "churned"] == "Yes", "No", "Yes")
    return csv(wrong), csv(right)


def accents(*, rows: int = 3000, form: str = "NFC") -> bytes:
    """Two cities, of which one decides; some cells have two lines and quotes. macOS decomposes the accents (NFD)."""
    frame, random = customers(14), np.random.default_rng(14)
    city = random.choice(["São Paulo", "Zürich"], len(frame))
    frame["churned"] = mostly(city == "Zürich", 14)
    frame["city"] = [unicodedata.normalize(form, name) for name in city]
    frame["memo"] = np.where(random.random(len(frame)) < 2 / 3, 'line 1\nline "2", ok', "x")
    return csv(frame.head(rows))


def date_as_number(month: int) -> bytes:
    """Days as 20240131; the next month is the same world."""
    rows = customers(15 + month, since=f"2024-{1 + 2 * month:02d}-01")
    days = pd.to_datetime(rows.pop("at")).dt.strftime("%Y%m%d")
    rows.insert(0, "day", days)
    return csv(rows)


FILES: dict[str, Callable[[], bytes]] = {
    "noise_export_1.csv": lambda: noise()[0],
    "noise_export_2.csv": lambda: noise()[1],
    "labels_1.csv": lambda: labels()[0],
    "labels_in_other_case.csv": lambda: labels()[1],
    "milliseconds.csv": milliseconds,
    "ids_above_2_53.parquet": lambda: parquet(shops()),
    "batch_ids.parquet": batch_of_shops,
    "batch_ids_one_null.parquet": lambda: batch_of_shops(without_first_shop=True),
    "index_repeats.parquet": repeating_index,
    "class_named_none.csv": class_named_none,
    "gzipped.csv.gz": lambda: as_spreadsheets_write("gzip"),
    "tabs.tsv": lambda: as_spreadsheets_write("tabs"),
    "semicolons_decimal_commas.csv": lambda: as_spreadsheets_write("semicolons"),
    "postcodes.csv": postcodes,
    "numbers_with_placeholders.csv": numbers_with_placeholders,
    "day_first_dates.csv": day_first,
    "corrections_1.csv": lambda: corrections()[0],
    "corrections_2.csv": lambda: corrections()[1],
    "accents_composed.csv": accents,
    "accents_decomposed.csv": lambda: accents(rows=600, form="NFD"),
    "date_as_number_1.csv": lambda: date_as_number(0),
    "date_as_number_2.csv": lambda: date_as_number(1),
}
"""What each file holds, by its name."""


@functools.cache
def file_bytes(name: str) -> bytes:
    """A file of `FILES`, made once."""
    return FILES[name]()
