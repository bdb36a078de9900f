"""The mails about batch predictions."""

from __future__ import annotations

import pytest

from contender.mails.batch_mails import failure_mail, rejection_mail
from contender.mails.place import Place
from contender.predictions.batch_messages import BatchRequest
from contender.predictions.batch_outcome import Rejected
from tests.unit.predictions.jobs import SOURCE
from tests.unit.predictions.test_batch_outcome import manifest, report

HERE = Place("prod", "flights", "contender-prod", "eu-west-1", "111122223333")


def test_rejected_rows_are_counted_in_the_subject_and_their_file_is_named() -> None:
    found = manifest(report(0, rejected=(Rejected(2, "a", "bad", ""),)))
    mail = rejection_mail(found, where="s3://data/out/", place=HERE)
    assert mail.subject == "[ticket] prod flights: 1 of 8 rows of May ü.csv rejected"
    for told in (SOURCE.key, "s3://data/out/", "read as CSV", "rejected-*.jsonl", "batch-prediction:r1"):
        assert told in mail.body


@pytest.mark.parametrize(("for_good", "advice"), [(True, "Correct the file"), (False, "start the job again")])
def test_a_failed_job_says_whether_the_file_is_at_fault(for_good: bool, advice: str) -> None:
    request = BatchRequest("flights", key="batch/flights/in/" + "k" * 1000)
    mail = failure_mail(request, job="j", run_id="r", reason="because", for_good=for_good, place=HERE)
    assert mail.subject.startswith("[ticket] prod flights: batch prediction of kkk")
    assert advice in mail.body
    assert "because" in mail.body
