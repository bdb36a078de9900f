"""The image's entry point: starts the training and waits for it.

The training runs in a process of its own (`training_image.train`), with the numeric kernels that every training has.
This one looks at the environment, waits, and leaves the reason where that one cannot.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from contender.adapters.environment import read_environment
from contender.errors import ContenderError
from contender.training.pinned_kernels import with_pinned_kernels
from contender.workflow.run_folder import RunFolder
from training_image.task.environment import Environment
from training_image.task.supervisor import Supervisor, leave_reason

COMMAND = (sys.executable, "-m", "training_image.train")
NAMES_OF_FOLDER = ("DATA_BUCKET", "PIPELINE", "RUN_ID")
"""The variables without which nobody knows where a reason belongs."""


def main(
    command: Sequence[str] = COMMAND,
    *,
    variables: Mapping[str, str] = os.environ,
    folder_of: Callable[[Mapping[str, str]], RunFolder] | None = None,
) -> int:
    """Run the training, if the environment says which; the exit code says whether there is a model version."""
    try:
        read_environment(Environment, variables)
        ending = Supervisor(command, with_pinned_kernels(variables)).run()
        exit_code, reason, seconds = ending.exit_code, ending.reason, ending.seconds
    except ContenderError as error:
        exit_code, reason, seconds = 1, str(error), 0.0
    if reason and all(variables.get(name) for name in NAMES_OF_FOLDER):
        folder = (folder_of or run_folder)(variables)
        leave_reason(folder, reason, lambda line: print(line, flush=True), seconds=seconds)
    elif reason:
        print(f"failed: {reason}", flush=True)
    return exit_code


def run_folder(variables: Mapping[str, str]) -> RunFolder:
    """The run's folder on S3."""
    # Imported where it is used: a process that only waits needs a fifth of the memory without.
    import boto3  # noqa: PLC0415

    from contender.adapters.aws.s3 import S3Objects  # noqa: PLC0415

    objects = S3Objects(boto3.client("s3"), variables["DATA_BUCKET"])
    return RunFolder(objects, variables["PIPELINE"], variables["RUN_ID"])


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Nothing is left to tidy up. A local cloud forks this process from one that has loaded every package, and to take
    # them down costs 0.1 s of CPU time.
    os._exit(code)
