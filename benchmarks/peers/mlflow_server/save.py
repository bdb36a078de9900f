"""Writes the pipeline as an MLflow model: `python save.py MODEL.joblib FOLDER`."""

from __future__ import annotations

import sys

import joblib
import mlflow.sklearn

source, folder = sys.argv[1:]
mlflow.sklearn.save_model(
    joblib.load(source),
    folder,
    pyfunc_predict_fn="predict_proba",
    serialization_format="cloudpickle",
    pip_requirements=[],
)
