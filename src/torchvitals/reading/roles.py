"""Roles of a foreign log's tags, inferred from their names: `train_loss` is read as `loss/train`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torchvitals.core.role import Role
from torchvitals.reading import role_parameters
from torchvitals.reading.role_names import SPLITS, Name, understand, words

SPLIT_QUANTITIES = frozenset({"loss", "accuracy"})
PARAMETER_MEASURES = frozenset({"grad_norm", "weight_norm", "weights", "gradients"})
NAMED = "the name says so"
TESTED = "the log names no validation, so the test set stands for it"
STAND_IN = 2  # first place in the rank of a tag that has the role only for want of a better one


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Candidate:
    """A tag that could have a role; the smallest of a role gets it."""

    rank: tuple[int, ...]
    tag: str
    role: str
    why: str


def infer(tags: Iterable[str], *, histograms: Iterable[str] = (), folder: str = "") -> tuple[Role, ...]:
    """The roles of scalar and histogram tags, one tag a role; names that are not understood for certain have none.

    A validation tag is never read as training, nor the other way round. `folder` is the name of the run's folder: it says
    `train` or `validation` where the tag does not, as in Keras' logs.

    Example:
        >>> [f"{r.tag} → {r.role}" for r in infer(["train_loss_step", "train_loss_epoch", "val_loss", "lr-Adam"])]
        ['train_loss_step → loss/train', 'val_loss → loss/val', 'lr-Adam → learning_rate/group0']
    """
    found = [c for tag in tags if (c := _scalar(tag, _split_of(folder, tag)))]
    found += [_parameter(t, r) for t in histograms if (r := role_parameters.of_histogram(t))]
    by_role: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in sorted(found):
        by_role[candidate.role].append(candidate)
    return tuple(sorted(_chosen(by_role), key=lambda r: (_order(r.role), r.role)))


def _chosen(by_role: dict[str, list[Candidate]]) -> Iterator[Role]:
    for role, (best, *others) in by_role.items():
        if best.tag == role and not others and role.partition("/")[0] in PARAMETER_MEASURES:
            continue  # nothing to say about a parameter that is called as we call it
        rivals = tuple(o.tag for o in others if o.rank[0] != STAND_IN or best.rank[0] == STAND_IN)
        yield Role(tag=best.tag, role=role, why=best.why, others=rivals)


def _split_of(folder: str, tag: str) -> str:
    """What the folder says: it is called `validation`, or `loss_validation` as `add_scalars` calls that of the tag `loss`."""
    own = folder.lower().removeprefix(f"{tag.replace('/', '_').lower()}_")
    return SPLITS.get(own, "")


def _order(role: str) -> int:
    firsts = ("loss", "accuracy", "learning_rate", "global_grad_norm", "epoch")
    measure = role.partition("/")[0]
    return firsts.index(measure) if measure in firsts else len(firsts)


def _scalar(tag: str, folder_split: str) -> Candidate | None:
    name = understand(tag)
    if name is None:
        role = role_parameters.of_scalar(tag)
        return None if role is None else _parameter(tag, role)
    if name.quantity in SPLIT_QUANTITIES:
        return _of_split(name, folder_split)
    if name.split in {"val", "test"}:
        return None
    role = {"grad_norm": "global_grad_norm/model", "epoch": "epoch"}.get(name.quantity, f"learning_rate/{name.group}")
    return Candidate(rank=_rank(name, role), tag=tag, role=role, why=NAMED)


def _parameter(tag: str, role: str) -> Candidate:
    return Candidate(rank=(int(tag != role),), tag=tag, role=role, why=NAMED)


def _of_split(name: Name, folder_split: str) -> Candidate:
    split, why = name.split, NAMED
    if not split and folder_split:
        split, why = folder_split, "the folder's name says so"
    elif not split:
        split, why = "train", "the name says neither training nor validation, so it is taken as training"
    if split == "test":
        split, why = "val", TESTED
    role = f"{name.quantity}/{split}"
    first = STAND_IN if why == TESTED else int(not name.split)
    return Candidate(rank=(first, *_rank(name, role)), tag=name.tag, role=role, why=why)


def _rank(name: Name, role: str) -> tuple[int, ...]:
    """The most specific first: our own name, then the finest pace in training and the coarsest in validation."""
    paces = ("epoch", "", "step") if role.endswith("/val") else ("step", "", "epoch")
    return (int(name.tag != role), int(name.repeats), int(name.smoothed), paces.index(name.pace), len(words(name.tag)))
