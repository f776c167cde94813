"""TensorBoard's records: scalars, pictures and what its HParams page shows, each as the bytes that an event file holds.

A record is a function of what it is given, and of nothing else: the same trial gives the same bytes wherever it is written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

_HEADER = struct.Struct(">8s4x4sIIxB")  # of a PNG: signature, IHDR, width, height, kind of colour
_PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by the kind of colour


def head(time: float) -> bytes:
    """What every event file begins with; `time` in Unix seconds."""
    return _record(Event(wall_time=time, file_version="brain.Event:2"))


def scalars(values: Mapping[str, float], time: float, step: int) -> bytes:
    """Values of one step, by their tags."""
    shown = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
    return _record(Event(wall_time=time, step=step, summary=Summary(value=shown)))


def picture(tag: str, png: bytes, time: float, step: int) -> bytes:
    """A picture of one step; nothing where the bytes are no PNG."""
    try:
        signature, name, width, height, colour = _HEADER.unpack_from(png)
    except struct.error:
        return b""
    if signature != _PNG or name != b"IHDR":
        return b""
    image = Summary.Image(height=height, width=width, colorspace=_CHANNELS.get(colour, 3), encoded_image_string=png)
    return _record(Event(wall_time=time, step=step, summary=Summary(value=[Summary.Value(tag=tag, image=image)])))


def experiment(axes: Mapping[str, bool], metrics: Iterable[str]) -> bytes:
    """The columns of the HParams page: what is searched (True: numbers, False: words), and the tags of the results."""
    kinds = {True: api_pb2.DATA_TYPE_FLOAT64, False: api_pb2.DATA_TYPE_STRING}
    found = api_pb2.Experiment(
        hparam_infos=[api_pb2.HParamInfo(name=name, type=kinds[is_number]) for name, is_number in axes.items()],
        metric_infos=[api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag)) for tag in metrics],
    )
    return _hparams(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=found), 0.0)


def beginning(parameters: Mapping[str, Any], time: float) -> bytes:
    """What a trial was issued with: numbers and words."""
    info = SessionStartInfo(group_name="", start_time_secs=time)
    for name, value in sorted(parameters.items()):
        if isinstance(value, int | float) and not isinstance(value, bool):
            info.hparams[name].number_value = value
        else:
            info.hparams[name].string_value = str(value)
    return _hparams(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info), time)


def end(time: float, *, is_good: bool) -> bytes:
    """How a trial ended."""
    status = api_pb2.STATUS_SUCCESS if is_good else api_pb2.STATUS_FAILURE
    info = SessionEndInfo(status=status, end_time_secs=time)
    return _hparams(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info), time)


def _hparams(tag: str, content: HParamsPluginData, time: float) -> bytes:
    content.version = metadata.PLUGIN_DATA_VERSION
    plugin = SummaryMetadata.PluginData(
        plugin_name=metadata.PLUGIN_NAME, content=content.SerializeToString(deterministic=True)
    )
    value = Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin), tensor=metadata.NULL_TENSOR)
    return _record(Event(wall_time=time, summary=Summary(value=[value])))


def _record(event: Event) -> bytes:
    """Length, its checksum, the event, its checksum: the framing of TFRecord."""
    data: bytes = event.SerializeToString(deterministic=True)
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))
