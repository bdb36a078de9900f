"""The code of every function on MiniStack: it answers for its state what the current case says, each time the next."""

import json
import os
import pathlib

FOLDER = pathlib.Path(os.environ.get("FOLDER", "."))
STATE = os.environ.get("STATE", "")


def handler(event, _context):
    """Answer, or fail with the error that the case names; a task's token is answered as a person would."""
    case = json.loads((FOLDER / "case.json").read_text(encoding="utf-8"))
    answers = case["answers"][STATE]
    answer = answers[min(_turn(case["name"]), len(answers) - 1)]
    if isinstance(event, dict) and event.get("task_token"):
        return _answer_token(event["task_token"], answer)
    if "error" in answer:
        raise type(answer["error"], (Exception,), {})(answer["cause"])
    return answer["result"]


def _answer_token(token, answer):
    # MiniStack waits on for the token where the function itself fails, which AWS does not; so the token is told.
    import boto3

    client = boto3.client("stepfunctions", endpoint_url=os.environ["STEP_FUNCTIONS"], region_name="us-east-1")
    if "error" in answer:
        client.send_task_failure(taskToken=token, error=answer["error"], cause=answer["cause"])
    else:
        client.send_task_success(taskToken=token, output=json.dumps(answer["result"]))


def _turn(case: str) -> int:
    """How often this state was asked before in this case; two functions at a time never count the same."""
    number = 0
    while True:
        try:
            (FOLDER / f"{case}-{STATE}-{number}").touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return number
