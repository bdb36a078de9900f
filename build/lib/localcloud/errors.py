"""Errors of the local cloud; each says what was tried, what happened, and what to do."""

from __future__ import annotations

from contender.errors import ContenderError


class LocalCloudError(ContenderError):
    """The base of the errors that only the local cloud raises."""


class EmulatorError(LocalCloudError):
    """Raised when the emulator does not become healthy, or cannot be stopped."""


class SynthesisError(LocalCloudError):
    """Raised when the CDK app does not produce templates; the message carries what it printed."""


class DeploymentError(LocalCloudError):
    """Raised when a stack cannot be created or updated; the message names the resource and the reason."""


class EntryPointError(LocalCloudError):
    """Raised when a Dockerfile has no ENTRYPOINT that the agent can run as a process."""


class SideEnvironmentError(LocalCloudError):
    """Raised when a tool's own environment cannot be made; the message carries what pip said."""


class TaskNotStartedError(LocalCloudError):
    """Raised when a task cannot be started; the message begins like ECS's reason (`CannotStartContainerError: …`)."""


class NoEngineError(LocalCloudError):
    """Raised when containers are asked for and no container engine answers."""


class EngineError(LocalCloudError):
    """Raised when a container engine refuses something; the message carries what it said."""


class ImageError(LocalCloudError):
    """Raised when the training image cannot be built, or does not reach the emulator; the message says why."""


class MlflowServerError(LocalCloudError):
    """Raised when the MLflow server is open already, or does not come up; the message carries what it said."""
