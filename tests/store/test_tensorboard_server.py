"""A real TensorBoard server on a recorded run shows all of it, and the pages that need no setting up."""

from __future__ import annotations

import io
import json
import math
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import torchvitals
from torchvitals.core.tag import Tag

WAIT_S = 60.0
STEPS = 60
MAPS = Tag(measure="feature_maps", subject="0")
IMAGE_STEPS = (10, 20)
PIXELS = np.arange(6 * 9, dtype=np.uint8).reshape(6, 9)
PROGRAM = "import sys; from tensorboard.main import run_main; sys.exit(run_main())"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(address: str, **query: str) -> Any:
    with urlopen(f"{address}?{urlencode(query)}", timeout=10) as answer:
        return json.load(answer)


def tell(address: str, **body: Any) -> Any:
    request = Request(address, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


def wait_for(base: str, server: subprocess.Popen[bytes]) -> None:
    """Until the server has read the run."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended by itself"
        try:
            if ask(f"{base}/scalars/tags") and ask(f"{base}/text/tags") and ask(f"{base}/images/tags"):
                return
        except (URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.2)
    pytest.fail(f"no data from TensorBoard within {WAIT_S:.0f} s")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> torchvitals.Run:
    logdir = tmp_path_factory.mktemp("logs") / "a"
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    optimizer, loss_fn = torch.optim.SGD(model[0].parameters(), lr=0.1), nn.CrossEntropyLoss()
    with torchvitals.watch(model, optimizer, logdir=logdir, loss_fn=loss_fn, every=1) as vitals:
        for step in range(STEPS):
            optimizer.zero_grad()
            loss_fn(model(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
            optimizer.step()
            if step in IMAGE_STEPS:
                vitals._sink.write_image(MAPS, PIXELS + np.uint8(step), step)
    return torchvitals.read(logdir)


@pytest.fixture(scope="module", params=["false", "true"], ids=["python loader", "fast loader"])
def api(run: torchvitals.Run, request: pytest.FixtureRequest) -> Iterator[str]:
    port, logdir = free_port(), Path(run.path).parent
    options = [f"--load_fast={request.param}", "--reload_interval=1"]
    words = [f"--logdir={logdir}", "--host=127.0.0.1", f"--port={port}", *options]
    server = subprocess.Popen([sys.executable, "-c", PROGRAM, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}/data/plugin"
    try:
        wait_for(base, server)
        yield base
    finally:
        server.terminate()
        server.wait(timeout=20)


def test_every_scalar_is_shown_with_its_values(api: str, run: torchvitals.Run) -> None:
    (tags,) = ask(f"{api}/scalars/tags").values()
    assert set(tags) == {str(t) for t in run.scalars}
    for tag in ("loss/train", "grad_norm/0.weight", "update_ratio/2.weight"):
        points = ask(f"{api}/scalars/scalars", run="a", tag=tag)
        series = run.scalar(*tag.split("/"))
        assert series is not None
        assert [p[1] for p in points] == series.step.tolist() == list(range(STEPS))
        assert [p[2] for p in points] == pytest.approx(series.value.tolist())


def test_histograms_are_shown_with_their_counts(api: str, run: torchvitals.Run) -> None:
    (tags,) = ask(f"{api}/histograms/tags").values()
    assert set(tags) == {str(t) for t in run.histograms}
    points = ask(f"{api}/histograms/histograms", run="a", tag="weights/0.weight")
    assert [p[1] for p in points] == list(range(0, STEPS, 5))
    for _, _, rows in points:
        left, right, count = np.array(rows, dtype=float).T
        assert math.isclose(count.sum(), 24)
        assert (left < right).all()
        assert (count >= 0).all()


def test_the_findings_stand_on_the_text_page(api: str) -> None:
    (tags,) = ask(f"{api}/text/tags").values()
    assert set(tags) - {"torchvitals/live"} == {"torchvitals/findings"}  # confirmed while it trained, if there was time
    (text,) = ask(f"{api}/text/text", run="a", tag="torchvitals/findings")
    assert "parameters-not-optimized" in text["text"].replace("\\", "")
    assert text["step"] == STEPS - 1


def test_images_are_shown_pixel_by_pixel(api: str) -> None:
    (tags,) = ask(f"{api}/images/tags").values()
    assert list(tags) == [str(MAPS)]
    entries = ask(f"{api}/images/images", run="a", tag=str(MAPS), sample="0")
    assert [e["step"] for e in entries] == list(IMAGE_STEPS)
    for entry in entries:
        with urlopen(f"{api}/images/individualImage?{entry['query']}", timeout=10) as answer:
            shown = np.asarray(Image.open(io.BytesIO(answer.read())))
        assert np.array_equal(shown, PIXELS + np.uint8(entry["step"]))


def test_the_custom_scalars_page_has_a_filled_chart_for_each_measure(api: str, run: torchvitals.Run) -> None:
    layout = ask(f"{api}/custom_scalars/layout")
    assert [s["title"] for s in layout["category"]] == ["Loss", "Gradients", "Updates", "Activations", "Weights", "More"]
    patterns = {c["title"]: c["multiline"]["tag"] for s in layout["category"] for c in s["chart"]}
    for title, (pattern,) in patterns.items():
        lines = ask(f"{api}/custom_scalars/scalars", run="a", tag=pattern)
        tags = {str(t) for t in run.scalars if t.measure == title.replace(" ", "_")}
        assert lines["regex_valid"]
        assert set(lines["tag_to_events"]) == tags != set()
        assert all(points for points in lines["tag_to_events"].values())
    assert {m for t in run.scalars for m in [t.measure]} == {title.replace(" ", "_") for title in patterns}


def test_the_hyperparameters_stand_on_their_page_with_the_loss(api: str, run: torchvitals.Run) -> None:
    experiment = tell(f"{api}/hparams/experiment")
    assert {p["name"] for p in experiment["hparamInfos"]} == set(run.hparams)
    (group,) = tell(
        f"{api}/hparams/session_groups",
        allowedStatuses=["STATUS_SUCCESS"],
        colParams=[{"hparam": name} for name in run.hparams],
        startIndex=0,
        sliceSize=10,
    )["sessionGroups"]
    assert group["hparams"] == dict(run.hparams)
    assert group["hparams"]["optimizer"] == "SGD"
    assert group["hparams"]["learning_rate"] == pytest.approx(0.1)
    loss = run.scalar("loss", "train")
    assert loss is not None
    (metric,) = group["metricValues"]
    assert (metric["name"]["tag"], metric["trainingStep"]) == ("loss/train", STEPS - 1)
    assert metric["value"] == pytest.approx(loss.value[-1])
