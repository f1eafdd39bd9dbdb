"""A tag survives printing and parsing, whatever it is called."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchvitals.core.tag import Tag
from torchvitals.errors import TagError

NO_SLASH = st.text(min_size=1).filter(lambda s: "/" not in s)


@given(st.text(min_size=1))
def test_a_text_survives_parsing_and_printing(text: str) -> None:
    assert str(Tag.parse(text)) == text


@given(st.text(), st.text())
def test_a_tag_survives_printing_and_parsing_or_is_refused(measure: str, subject: str) -> None:
    try:
        tag = Tag(measure=measure, subject=subject)
    except TagError:
        assert not measure or "/" in measure
        return
    assert Tag.parse(str(tag)) == tag


@given(NO_SLASH, st.text(min_size=1))
def test_the_measure_is_what_tensorboard_groups_by(measure: str, subject: str) -> None:
    tag = Tag.parse(f"{measure}/{subject}")
    assert (tag.measure, tag.subject) == (measure, subject)


@pytest.mark.parametrize("text", ["/loss", "loss/", "/", "//", "a//b"])
def test_tags_of_other_tools_with_odd_slashes(text: str) -> None:
    assert str(Tag.parse(text)) == text


@pytest.mark.parametrize("fields", [{"measure": ""}, {"measure": "a/b"}, {"measure": "a/b", "subject": "c"}])
def test_what_would_not_survive_is_refused_with_advice(fields: dict[str, str]) -> None:
    with pytest.raises(TagError, match=r"write 'measure/subject'|Tag\.parse"):
        Tag(**fields)


def test_tags_sort_by_measure_then_subject() -> None:
    tags = [Tag.parse(t) for t in ("b/a", "a/b", "a", "a/a")]
    assert [str(t) for t in sorted(tags)] == ["a", "a/a", "a/b", "b/a"]


def test_a_tag_that_travelled_to_another_process_is_found_in_a_mapping_there() -> None:
    # Strings hash differently in each process, so the number must be made anew.
    program = "import pickle, sys; from torchvitals.core.tag import Tag; "
    program += "sys.stdout.buffer.write(pickle.dumps(Tag.parse('loss/train')))"
    environment = {**os.environ, "PYTHONHASHSEED": "1234"}
    pickled = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env=environment).stdout
    assert {Tag.parse("loss/train"): 1}[pickle.loads(pickled)] == 1
