"""What `torchvitals watch` tells, and that it tells each thing once."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from event_files import event_file
from tensorboard.compat.proto.event_pb2 import Event as LogEvent
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from torchvitals.cli import follow
from torchvitals.cli.follow import PATIENCE, Event, Follower, same
from torchvitals.core.diagnosis import Diagnosis
from torchvitals.core.finding import Finding, Severity
from torchvitals.reading.role_map import RoleMap

NAN = float("nan")


class Training:
    """A log that grows when told to."""

    def __init__(self, folder: Path, *, tag: str = "loss/train") -> None:
        self.tag = tag
        self.writer = EventFileWriter(str(folder))
        self.steps = 0

    def train(self, *losses: float) -> None:
        for loss in losses:
            value = Summary.Value(tag=self.tag, simple_value=loss)
            self.writer.add_event(LogEvent(step=self.steps, wall_time=1e9 + self.steps, summary=Summary(value=[value])))
            self.steps += 1
        self.writer.flush()


def falling(n: int = 100) -> list[float]:
    return [2.3 * 0.97**i for i in range(n)]


def told(follower: Follower, looks: int = 1) -> list[tuple[str, str, str]]:
    """What, of which run, and the symptom or the verdict."""
    events: list[Event] = []
    for _ in range(looks):
        events += follower.look()
    return [(e.what, e.name, e.finding.symptom if e.finding else _verdict(e)) for e in events]


def _verdict(event: Event) -> str:
    return event.diagnosis.verdict if event.diagnosis and event.what == "verdict" else ""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_a_finding_appears_when_it_happens_and_is_told_once(root: Path) -> None:
    training, follower = Training(root / "a"), Follower(str(root))
    training.train(*falling())
    assert [what for what, *_ in told(follower)] == ["verdict"]
    assert told(follower, looks=5) == []
    training.train(*[NAN] * 20)
    assert told(follower) == [("verdict", "a", "critical"), ("found", "a", "non-finite")]
    training.train(*[NAN] * 20)
    assert told(follower, looks=PATIENCE + 2) == []


def test_runs_that_start_later_are_followed_too(root: Path) -> None:
    follower = Follower(str(root))
    assert told(follower) == []
    assert follower.waiting
    root.mkdir()
    assert told(follower) == []
    Training(root / "a").train(*falling())
    assert {name for _, name, _ in told(follower)} == {"a"}
    assert not follower.waiting
    Training(root / "sub" / "b").train(*falling(50), *[NAN] * 20)
    assert ("found", "sub/b", "non-finite") in told(follower)
    assert told(follower, looks=3) == []


def test_a_log_without_a_step_is_waited_for(root: Path) -> None:
    training, follower = Training(root / "a"), Follower(str(root))
    training.writer.flush()
    assert told(follower, looks=2) == []
    assert follower.waiting
    training.train(*falling())
    assert [what for what, *_ in told(follower)] == ["verdict"]


def test_a_run_that_vanishes_is_told_and_a_new_one_of_its_name_starts_afresh(root: Path) -> None:
    for name in ("a", "b"):
        Training(root / name).train(*falling(50), *[NAN] * 20)
    follower = Follower(str(root))
    assert len(told(follower)) == 4
    shutil.rmtree(root / "a")
    assert told(follower) == [("run-gone", "a", "")]
    assert told(follower, looks=3) == []
    Training(root / "a").train(*falling(50), *[NAN] * 20)
    assert told(follower) == [("verdict", "a", "critical"), ("found", "a", "non-finite")]
    shutil.rmtree(root)
    assert told(follower) == [("run-gone", "b", ""), ("run-gone", "a", "")]
    assert told(follower, looks=3) == []


def test_a_run_that_vanishes_in_the_middle_of_a_look_is_no_fault(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Training(root / "a").train(*falling())
    follower = Follower(str(root))
    told(follower)
    found = follow.find_runs(root)
    shutil.rmtree(root)
    with monkeypatch.context() as patch:
        patch.setattr(follow, "find_runs", lambda _: found)
        assert told(follower) == [("run-gone", "a", "")]
        assert told(follower, looks=2) == []


def test_a_log_written_anew_is_judged_anew(root: Path) -> None:
    Training(root / "a").train(*falling(50), *[NAN] * 20)
    follower = Follower(str(root))
    told(follower)
    event_file(root / "a").unlink()
    Training(root / "a").train(*falling())
    assert ("found", "a", "non-finite") not in told(follower)
    later = told(follower, looks=PATIENCE)
    assert ("gone", "a", "non-finite") in later
    assert [what for what, *_ in later].count("verdict") == 1


def test_tags_of_other_tools_are_understood_and_can_be_mapped(root: Path) -> None:
    training, follower = Training(root / "a", tag="train_loss"), Follower(str(root))
    training.train(*falling(50), *[NAN] * 20)
    assert ("found", "a", "non-finite") in told(follower)
    Training(root / "b", tag="my/badness").train(*falling(50), *[NAN] * 20)
    maps = (RoleMap(source="--map", roles={"my/badness": "loss/train"}),)
    assert ("found", "b", "non-finite") not in told(follower)
    assert ("found", "b", "non-finite") in told(Follower(str(root), maps))


def test_a_file_or_a_run_itself_can_be_followed(root: Path) -> None:
    training = Training(root / "a")
    training.train(*falling(50), *[NAN] * 20)
    for path in (root / "a", event_file(root / "a")):
        assert ("found", "a", "non-finite") in told(Follower(str(path)))


def test_lasting_data_loss_is_told_once(root: Path) -> None:
    training = Training(root / "a")
    training.train(*falling())
    path = event_file(root / "a")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    follower = Follower(str(root))
    problems = [what for what, *_ in told(follower, looks=PATIENCE + 3) if what == "problem"]
    assert len(problems) == 1


# What no short log can be made to do at will: diagnoses that waver, given one after the other.

FOUND = Finding(
    symptom="dead-relu", code="X", severity=Severity.WARNING, summary="", module="relu1", modules=("relu1", "relu2")
)


def diagnosed(*findings: Finding) -> Diagnosis:
    worst = max((f.severity for f in findings if not f.caused_by), key=lambda s: s.rank, default=None)
    return Diagnosis(run="a", verdict=worst.value if worst else "healthy", findings=findings)


def wavering(root: Path, monkeypatch: pytest.MonkeyPatch, diagnoses: list[Diagnosis]) -> list[list[tuple[str, str]]]:
    """What is told at each look when a further step brings each of these diagnoses."""
    training, follower, queue = Training(root / "a"), Follower(str(root)), iter(diagnoses)
    monkeypatch.setattr(follow, "diagnose", lambda _: next(queue))
    looks = []
    for _ in diagnoses:
        training.train(1.0)
        looks.append([(what, text) for what, _, text in told(follower)])
    return looks


def test_a_finding_that_wavers_is_not_told_at_every_turn(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on, off = diagnosed(FOUND), diagnosed()
    looks = wavering(root, monkeypatch, [on, off, off, on, off, on, off, off])
    assert looks == [[("verdict", "warning"), ("found", "dead-relu")], *[[]] * 7]


def test_a_finding_that_stays_away_is_gone_and_may_come_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on, off = diagnosed(FOUND), diagnosed()
    looks = wavering(root, monkeypatch, [on, *[off] * PATIENCE, off, on])
    assert looks[PATIENCE] == [("verdict", "healthy"), ("gone", "dead-relu")]
    assert looks[PATIENCE + 1] == []
    assert looks[-1] == [("verdict", "warning"), ("found", "dead-relu")]


def test_only_the_way_down_is_told_of_a_severity_that_wavers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mild, bad = diagnosed(FOUND), diagnosed(replace(FOUND, severity=Severity.CRITICAL))
    looks = wavering(root, monkeypatch, [mild, bad, mild, bad, mild])
    assert looks == [
        [("verdict", "warning"), ("found", "dead-relu")],
        [("verdict", "critical"), ("worse", "dead-relu")],
        *[[]] * 3,
    ]


def test_another_worst_layer_is_still_the_same_finding() -> None:
    moved = replace(FOUND, module="relu2", modules=("relu2", "relu1"))
    elsewhere = replace(FOUND, module="relu9", modules=("relu9",))
    assert same(FOUND, moved)
    assert not same(FOUND, elsewhere)
    assert not same(FOUND, replace(FOUND, symptom="zero-init"))


def test_what_turns_out_to_follow_from_another_says_from_which(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root_cause = Finding(symptom="zero-init", code="Y", severity=Severity.CRITICAL, summary="")
    later = diagnosed(root_cause, replace(FOUND, caused_by="zero-init"))
    training, follower, queue = Training(root / "a"), Follower(str(root)), iter([diagnosed(FOUND), *[later] * PATIENCE])
    monkeypatch.setattr(follow, "diagnose", lambda _: next(queue))
    events: list[Event] = []
    for _ in range(1 + PATIENCE):
        training.train(1.0)
        events += follower.look()
    assert [(e.what, e.text) for e in events if e.what == "gone"] == [("gone", "it follows from zero-init")]
