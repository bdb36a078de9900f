"""An environment of its own for every peer, so that none is a dependency of ours and none meets another.

`peers/<name>/requirements.txt` pins a peer with all that it pulls in. The environment is made at first use under
`.contender/bench/` and used again as long as the pins are the same.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from localcloud.side_environments import SideEnvironment

PEERS = Path(__file__).parent / "peers"
FOLDER = Path(__file__).parent.parent / ".contender" / "bench"


@dataclass(frozen=True)
class Contestant:
    """A library that checks for drift, or serves predictions.

    Attributes
    ----------
    name : as people write it.
    folder : of its code under `peers/`.
    package : its name among its pins; empty for those that live in our own environment.
    """

    name: str
    folder: str
    package: str = ""

    @property
    def version(self) -> str:
        """As pinned; empty for our own environment."""
        return self._environment.pins.get(self.package, "") if self.package else ""

    def python(self) -> Path:
        """The interpreter to run its check with; makes the environment where there is none yet.

        Raises
        ------
        SideEnvironmentError
            When the environment cannot be made, for example without a network.
        """
        if not self.package:
            return Path(sys.executable)
        return self._environment.python()

    @property
    def _environment(self) -> SideEnvironment:
        pins = PEERS / self.folder / "requirements.txt"
        return SideEnvironment(self.name, pins, FOLDER / self.folder, compiled=True)  # a first start is measured


LEFT_OUT = "left out"
"""What tables say of a peer that was not measured on purpose."""

CONTENDER = Contestant("Contender", "contender")
SCIPY = Contestant("scipy", "scipy")
NANNYML = Contestant("NannyML", "nannyml", "nannyml")
EVIDENTLY = Contestant("Evidently", "evidently", "evidently")
ALIBI_DETECT = Contestant("Alibi Detect", "alibi_detect", "alibi-detect")
WHYLOGS = Contestant("whylogs", "whylogs", "whylogs")
FROUROS = Contestant("Frouros", "frouros", "frouros")
DEEPCHECKS = Contestant("deepchecks", "deepchecks", "deepchecks")
CONTESTANTS = (CONTENDER, SCIPY, NANNYML, EVIDENTLY, ALIBI_DETECT, WHYLOGS, FROUROS, DEEPCHECKS)

LAMBDA_RUNTIME = Contestant("Contender's function", "lambda_runtime", "awslambdaric")
LAMBDA_SKLEARN = Contestant("the same handler with scikit-learn", "lambda_sklearn", "scikit-learn")
SERVING_CONTAINER = Contestant("Contender's container", "serving_container", "uvicorn")
FASTAPI = Contestant("FastAPI", "fastapi_sklearn", "fastapi")
MLFLOW = Contestant("MLflow", "mlflow_server", "mlflow")
SERVERS = (LAMBDA_RUNTIME, LAMBDA_SKLEARN, SERVING_CONTAINER, FASTAPI, MLFLOW)
"""Those that serve predictions; the first is what Lambda brings for Contender's own bundle."""
