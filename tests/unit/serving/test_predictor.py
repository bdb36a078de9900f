"""Which model answers a request, and what the log gets of it: on models and a queue in memory."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from contender.errors import InvalidInputError, NoAnswerError, NoContributionsError, UnknownOutcomeError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.record import Record
from contender.registry.pointer import Mode, Pointer, Trial
from contender.serving.answering import Answerer
from contender.serving.pointer_follower import Serving
from contender.serving.predictor import Predictor
from tests.fakes import AmountModel, MemoryQueue


@dataclass
class Requests:
    """Requests to a champion, and to a challenger on trial beside it."""

    champion: AmountModel = field(default_factory=AmountModel)
    challenger: AmountModel | None = None
    control: AmountModel | None = None
    mode: Mode = "canary"
    weight: float = 1.0
    log: MemoryQueue = field(default_factory=MemoryQueue)
    measured: dict[str, float] = field(default_factory=dict)
    reported: list[str] = field(default_factory=list)
    _after: list[Callable[[], None]] = field(default_factory=list)

    def ask(self, amount: Any = 0.75, **more: Any) -> dict[str, Any]:
        """The answer; the log has nothing of it yet."""
        predictor = Predictor(
            pipeline="shop",
            policy=ServingPolicy(),
            answerer=Answerer(max_rows=10, to_json=json.dumps, timer=lambda: 0.0),
            log_queue=self.log,
            parse_json=json.loads,
            after=self._after.append,
            measure=lambda name, unit, value: self.measured.update({f"{name} {unit}": value}),
            report=lambda message, error: self.reported.append(message),
            clock=lambda: 1_700_000_000.0,
            timer=lambda: 0.0,
            random=bytes,
        )
        trial = None if self.challenger is None else Trial(self.challenger.version, "0" * 64, self.weight, self.mode)
        kept = None if self.control is None else Trial(self.control.version, "0" * 64, self.weight, "canary", "control")
        pointer = Pointer("shop", "v1", "0" * 64, "run", 1, "swap", "", "", challenger=trial, control=kept)
        serving = Serving(pointer, "e", self.champion, trial, self.challenger, control=self.control)
        text = json.dumps({"rows": [{"amount": amount}], **more})
        answer = predictor.answer_request(text, serving, 0.0)
        return dict(json.loads(answer.text))

    def records(self) -> list[Record]:
        """What the log gets once the answer is out."""
        for work in self._after:
            work()
        self._after.clear()
        return [Record.from_json(text) for text in self.log.sent]


def test_the_champion_answers_and_the_log_hears_of_it_afterwards() -> None:
    requests = Requests()
    answer = requests.ask()
    assert (answer["model_version"], answer["variant"], answer["predictions"][0]["prediction"]) == (
        "v1",
        "champion",
        "yes",
    )
    assert requests.log.sent == []
    (record,) = requests.records()
    assert (record.request_id, record.rows, record.predictions) == (
        answer["prediction_id"],
        [{"amount": 0.75}],
        [[0.25, 0.75]],
    )
    assert requests.measured == {"Predictions Count": 1, "PredictLatency Milliseconds": 0.0}


def test_a_canary_answers_in_the_champions_place() -> None:
    requests = Requests(challenger=AmountModel("v2"))
    assert requests.ask()["model_version"] == "v2"
    (record,) = requests.records()
    assert (record.version, record.variant) == ("v2", "challenger")


@pytest.mark.parametrize(("weight", "answers", "shadow"), [(1.0, "v2", "v1"), (1e-9, "v1", "v2")])
def test_in_a_canary_the_other_model_predicts_the_same_rows_once_the_answer_is_out(
    weight: float, answers: str, shadow: str
) -> None:
    requests = Requests(challenger=AmountModel("v2"), weight=weight)
    assert requests.ask()["model_version"] == answers
    (record,) = requests.records()
    assert record.shadow is not None
    assert (record.shadow.version, record.shadow.predictions) == (shadow, [[0.25, 0.75]])
    assert {record.variant, record.shadow.variant} == {"champion", "challenger"}


@pytest.mark.parametrize("weight", [1.0, 1e-9])
def test_a_failure_of_the_other_model_leaves_the_answer_as_it_is_and_is_in_the_record(weight: float) -> None:
    alone = Requests().ask()
    models = {"champion": AmountModel(), "challenger": AmountModel("v2")}
    other = "champion" if weight == 1.0 else "challenger"
    models[other].failures.append(RuntimeError("no memory"))
    requests = Requests(**models, weight=weight)
    assert requests.ask()["predictions"] == alone["predictions"]
    (record,) = requests.records()
    assert record.shadow is not None
    assert (record.error, record.shadow.variant, record.shadow.error) == (None, other, "RuntimeError: no memory")


def test_the_control_groups_version_answers_its_callers_and_the_champion_predicts_the_same_rows() -> None:
    requests = Requests(control=AmountModel("v0"), challenger=AmountModel("v2"))
    assert (requests.ask()["model_version"], requests.ask()["variant"]) == ("v0", "control")
    record, _ = requests.records()
    assert record.shadow is not None
    assert (record.version, record.variant, record.shadow.version, record.shadow.variant) == (
        "v0",
        "control",
        "v1",
        "champion",
    )


def test_where_the_control_groups_version_fails_the_champion_answers_alone() -> None:
    requests = Requests(control=AmountModel("v0", failures=deque([RuntimeError("no memory")])))
    assert requests.ask()["model_version"] == "v1"
    failure, record = requests.records()
    assert (failure.version, failure.variant, failure.error) == ("v0", "control", "RuntimeError: no memory")
    assert (record.version, record.error, record.shadow) == ("v1", None, None)


def test_when_a_canary_fails_the_champion_answers_and_the_failure_is_counted() -> None:
    requests = Requests(challenger=AmountModel("v2", failures=deque([RuntimeError("no memory")])))
    assert requests.ask()["model_version"] == "v1"
    failure, record = requests.records()
    assert (failure.version, failure.variant, failure.error) == ("v2", "challenger", "RuntimeError: no memory")
    assert (record.version, record.error) == ("v1", None)
    assert record.shadow is None  # it is not asked twice
    assert failure.request_id == record.request_id  # both ids are made of the same chance here


def test_a_request_at_fault_is_no_failure_of_a_model() -> None:
    requests = Requests(challenger=AmountModel("v2"))
    with pytest.raises(InvalidInputError, match=r"rows\[0\].amount"):
        requests.ask("dear")
    assert requests.records() == []


def test_a_canary_without_contributions_leaves_the_answer_to_the_champion_uncounted() -> None:
    requests = Requests(AmountModel(typical={"amount": 0.5}), AmountModel("v2"))
    answer = requests.ask(contributions=True)
    assert answer["model_version"] == "v1"
    assert "contributions" in answer["predictions"][0]
    assert [record.version for record in requests.records()] == ["v1"]


def test_contributions_of_a_version_without_a_typical_row_are_refused() -> None:
    with pytest.raises(NoContributionsError, match="train the pipeline again"):
        Requests().ask(contributions=True)


def test_a_failure_of_the_champion_is_raised_and_counted() -> None:
    requests = Requests(AmountModel(failures=deque([RuntimeError("no memory")])))
    with pytest.raises(RuntimeError):
        requests.ask()
    (record,) = requests.records()
    assert (record.version, record.error) == ("v1", "RuntimeError: no memory")


def test_a_champion_without_a_finite_prediction_has_failed_though_the_caller_gets_a_4xx() -> None:
    requests = Requests(AmountModel(failures=deque([NoAnswerError("rows[0]: the model has no finite prediction")])))
    with pytest.raises(NoAnswerError):
        requests.ask()
    assert requests.measured == {"NoAnswers Count": 1}
    (record,) = requests.records()
    assert (record.version, record.variant) == ("v1", "champion")
    assert record.error == "NoAnswerError: rows[0]: the model has no finite prediction"


def test_a_shadow_predicts_the_same_rows_once_the_answer_is_out() -> None:
    requests = Requests(challenger=AmountModel("v2"), mode="shadow")
    assert requests.ask()["model_version"] == "v1"
    (record,) = requests.records()
    assert record.shadow is not None
    assert (record.shadow.version, record.shadow.predictions) == ("v2", [[0.25, 0.75]])


def test_a_shadow_that_fails_is_in_the_record_with_its_error() -> None:
    requests = Requests(challenger=AmountModel("v2", failures=deque([RuntimeError("no memory")])), mode="shadow")
    requests.ask()
    (record,) = requests.records()
    assert record.shadow is not None
    assert (record.error, record.shadow.error) == (None, "RuntimeError: no memory")


def test_a_log_that_is_away_is_reported() -> None:
    requests = Requests(log=MemoryQueue(failures=deque([UnknownOutcomeError("no answer")])))
    requests.ask()
    assert requests.records() == []
    assert requests.reported == ["a prediction is missing in the log"]
