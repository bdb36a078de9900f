"""The application that the web server runs, made of the environment: `uvicorn serving_image.server:app`.

The only file that imports the function's handler, which builds clients and loads the champion while it is imported.
"""

from __future__ import annotations

import os

from lambdas.authorize.keys import digests_in
from lambdas.serve.handler import after_answer, handler, log
from serving_image.app import ServingApp

KEYS = os.environ.get("API_KEY_SHA256", "")
if not KEYS:
    log.say("API_KEY_SHA256 is not set: whoever reaches this port gets answers")

app = ServingApp(
    handler,
    waiting=after_answer.waiting,
    finish=after_answer.wait,
    keys=digests_in(KEYS) if KEYS else (),
)
