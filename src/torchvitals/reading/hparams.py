"""Hyperparameters, as TensorBoard's HParams page keeps them: inside the metadata of a tag without a value."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

SESSION_START = "_hparams_/session_start_info"


def hparams(content: bytes) -> dict[str, Any]:
    """The hyperparameters of the session that starts here, by name; empty when the content is something else."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    try:
        session = HParamsPluginData.FromString(content).session_start_info
    except DecodeError:
        return {}
    return {
        name: getattr(value, value.WhichOneof("kind")) for name, value in session.hparams.items() if value.WhichOneof("kind")
    }
