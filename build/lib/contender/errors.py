"""Every error that Contender raises on purpose.

ContenderError
├── InvalidInputError          an argument is outside its bounds
├── TooLargeError              a request or its response is too large
├── NoAnswerError              a model has no finite prediction for a row
├── NoContributionsError       a model version has no feature contributions
├── PipelineFileError          pipelines/<name>.toml is not usable
├── BatchRejectedError         a whole upload cannot be read
├── NotFoundError              an object, version or run does not exist
│   ├── LostPointerError       the champion pointer is gone, but there was one
│   │   └── DamagedPointerError  the champion pointer is there and cannot be read
│   └── LostRunsError          the runs table was emptied, or restored from an earlier time
├── ConflictError              a conditional write met a concurrent one: try again
├── PreconditionFailedError    a conditional write found another state than expected
├── UnknownOutcomeError        a write got no answer and may have happened
├── LostRaceError              somebody else moved the champion first
│   └── OutrunError            a run with a newer lease did
├── RolledBackError            a version that was rolled back would serve again
├── IntegrityError             stored bytes are not what their manifest says
│   └── DamagedChampionError   the version that the champion pointer names cannot be used
├── TrainingFailedError        a training task ended without a model version
├── TrackingError              an experiment tracker is unavailable or refuses data
├── ParityError                the serving model and the trained one disagree
└── NotRunningError            the local cloud is not up
"""

from __future__ import annotations


class ContenderError(Exception):
    """The base of all of them; a caller that catches it gets a message fit to show to a person."""


class InvalidInputError(ContenderError, ValueError):
    """Raised when an argument is outside its bounds; the message names the parameter, the bound and the value."""


class TooLargeError(ContenderError):
    """Raised when a request, or the answer that it asks for, is larger than can be passed on; ask for less at once."""


class NoAnswerError(ContenderError):
    """Raised when a model's prediction is no finite number, because a row is far from all that it was trained on."""


class NoContributionsError(ContenderError):
    """Raised when contributions are asked of a version without a typical row; it has to be trained again."""


class PipelineFileError(ContenderError):
    """Raised when a pipeline file has an unknown key, a wrong type, or a value outside its bounds."""


class BatchRejectedError(ContenderError):
    """Raised when an upload as a whole cannot be used: empty, truncated, or not the columns of the contract."""


class NotFoundError(ContenderError, LookupError):
    """Raised when an object, a model version or a run does not exist."""


class LostPointerError(NotFoundError):
    """Raised when a pipeline has no champion pointer although its history knows a champion; it has to be restored."""


class DamagedPointerError(LostPointerError):
    """Raised when the champion pointer is there and is no pointer: not JSON, cut off, or of another shape."""


class LostRunsError(NotFoundError):
    """Raised when the runs table knows less than the champion pointer: it was emptied, or restored from before."""


class ConflictError(ContenderError):
    """Raised when a conditional write collided with one in flight (S3 answers 409); the same call may succeed."""


class PreconditionFailedError(ContenderError):
    """Raised when a conditional write found another state than the one it was based on (S3 answers 412)."""


class UnknownOutcomeError(ContenderError):
    """Raised when a write got no answer: it may or may not have happened, and has to be settled by reading."""


class LostRaceError(ContenderError):
    """Raised when the champion changed between judging and swapping; judge again, against the new champion."""


class OutrunError(LostRaceError):
    """Raised when a run with a newer lease changed the champion: the older run judges no more."""


class RolledBackError(ContenderError):
    """Raised when a version that was rolled back would serve again without a person asking for it."""


class IntegrityError(ContenderError):
    """Raised when stored bytes do not have the sha256 that their manifest names."""


class DamagedChampionError(IntegrityError):
    """Raised when the version that the champion pointer names is gone, or is not the one that was promoted."""


class TrainingFailedError(ContenderError):
    """Raised when a training task ended without a usable model version; the message carries the cause."""


class TrackingError(ContenderError):
    """Raised when an experiment tracker does not answer, or cannot take what it is told."""


class ParityError(ContenderError):
    """Raised when the exported model's predictions differ from the trained pipeline's on real rows."""


class NotRunningError(ContenderError):
    """Raised when a command needs the local cloud and it is not up."""
