"""Each example as a user runs it: it ends well, prints a verdict, and leaves a log that says what it should."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import torchvitals

EXAMPLES = Path(__file__).parents[1] / "examples"
STEPS = 12
EVERYWHERE = {"grad_norm", "global_grad_norm", "weight_norm", "update_ratio", "learning_rate"}


def run(name: str, logdir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-W",
        "error",
        str(EXAMPLES / f"{name}.py"),
        "--logdir",
        str(logdir),
        "--steps",
        str(STEPS),
        *words,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


CASES = {
    "plain": ((), {"0.weight", "4.bias"}, 1),
    "gan": ((), {"generator.0.weight", "discriminator.4.bias"}, 2),
    "accumulation_amp": ((), {"0.weight", "5.bias"}, 1),
    "compiled": (("--backend", "aot_eager"), {"0.weight", "1.weight", "3.bias"}, 1),  # the names of the uncompiled model
}


def test_every_example_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(CASES)


@pytest.fixture(scope="module", params=CASES)
def example(request: pytest.FixtureRequest, folder: Path) -> tuple[str, str, torchvitals.Run]:
    """Its name, what it printed, and its log."""
    name, logdir = request.param, folder / request.param
    done = run(name, logdir, *CASES[name][0])
    assert done.returncode == 0, done.stderr
    return name, done.stdout, torchvitals.read(logdir)


def test_an_example_records_gradients_weights_and_updates_of_every_step(example: tuple[str, str, torchvitals.Run]) -> None:
    name, _, log = example
    _, parameters, optimizers = CASES[name]
    assert log.measures >= EVERYWHERE
    for measure in ("grad_norm", "weight_norm", "update_ratio"):
        found = log.by_subject(measure)
        assert found.keys() >= parameters
        assert all(len(found[p].step) == STEPS and (found[p].value >= 0).all() for p in parameters)
    assert log.manifest is not None
    assert len(log.manifest.optimizers) == optimizers


def test_an_example_ends_with_its_verdict(example: tuple[str, str, torchvitals.Run]) -> None:
    _, printed, log = example
    assert f"{log.path}: {torchvitals.diagnose(log).verdict}" in printed.splitlines()


def test_an_example_records_a_loss_that_it_never_told(example: tuple[str, str, torchvitals.Run]) -> None:
    name, _, log = example
    if name == "gan":  # its two losses are logged by name; which of them is the network's, nobody can see
        assert {"discriminator_loss", "generator_loss"} <= log.measures
        return
    loss = log.scalar("loss", "train")
    assert loss is not None
    # ln 10 of an untrained classifier; the parts of a batch are divided only after the loss function.
    assert loss.value[0] == pytest.approx(2.3026, rel=0.1)
    assert loss.step.tolist() == list(range(STEPS))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_begins_by_saying_how_to_run_it(path: Path) -> None:
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert any(line.startswith(f"    python examples/{path.name}") for line in words.splitlines())
