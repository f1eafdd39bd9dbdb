"""The name of one recorded quantity."""

from __future__ import annotations

from dataclasses import dataclass, field

from torchvitals.errors import TagError


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Tag:
    """`measure/subject`: what was measured, and on what.

    TensorBoard groups its charts by the part before the first slash, so the measure comes first. The subject is a
    module or parameter name and may itself hold slashes (a functional operation inside a module: `block.3/relu#0`).
    A text without a slash, or with nothing on one side of the first slash (tags of other tools), is a measure
    without a subject.

    Raises:
        TagError: the tag is empty, or would not survive printing and parsing.

    Example:
        >>> tag = Tag.parse("grad_norm/encoder.0.weight")
        >>> tag.measure, tag.subject
        ('grad_norm', 'encoder.0.weight')
        >>> str(tag)
        'grad_norm/encoder.0.weight'
        >>> Tag.parse("loss")
        Tag(measure='loss', subject='')
    """

    measure: str
    subject: str = ""
    # Readings pass through several tables on their way to the log: a hash made anew at every look-up was 4 % of the cost.
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.measure, self.subject)))
        if not self.measure:
            raise TagError(f"a tag needs a measure (subject {self.subject!r}); write 'measure/subject'")
        if self.subject and "/" in self.measure:
            raise TagError(f"the measure {self.measure!r} holds a slash; only the subject may: write 'measure/subject'")
        if not self.subject and _split(self.measure)[1]:
            raise TagError(f"{self.measure!r} is a whole tag, not a measure; use Tag.parse({self.measure!r})")

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Read a tag as it stands in a log."""
        measure, subject = _split(text)
        return cls(measure=measure, subject=subject)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[object, ...]:
        # The hash of a string is another one in each process: a copied one would not be found in a mapping there.
        return _tag, (self.measure, self.subject)

    def __str__(self) -> str:
        return f"{self.measure}/{self.subject}" if self.subject else self.measure


def _tag(measure: str, subject: str) -> Tag:
    return Tag(measure=measure, subject=subject)


def _split(text: str) -> tuple[str, str]:
    measure, _, subject = text.partition("/")
    return (measure, subject) if measure and subject else (text, "")
