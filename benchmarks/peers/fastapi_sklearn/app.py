"""scikit-learn behind FastAPI, as tutorials have it: the pipeline unpickled at import, rows checked by pydantic."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, create_model

told = json.loads(Path(os.environ["FEATURES_FILE"]).read_text())
model = joblib.load(os.environ["MODEL_FILE"])
Row = create_model(
    "Row",
    **dict.fromkeys(told["numeric"], (float | None, ...)),
    **dict.fromkeys(told["categorical"], (str | None, ...)),
)
FLOATS = dict.fromkeys(told["numeric"], "float32")


class Request(BaseModel):
    rows: list[Row]


app = FastAPI()


@app.post("/predict")
def predict(request: Request) -> dict[str, Any]:
    frame = pd.DataFrame([row.model_dump() for row in request.rows]).astype(FLOATS)
    return {"probabilities": model.predict_proba(frame).tolist()}
