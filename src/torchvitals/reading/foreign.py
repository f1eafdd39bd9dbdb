"""Runs of any tool, their tags understood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from torchvitals.core.role import Role
from torchvitals.core.run import Run
from torchvitals.errors import LogError
from torchvitals.reading import reader
from torchvitals.reading.gradient_norms import derive
from torchvitals.reading.role_apply import apply
from torchvitals.reading.role_map import RoleMap, check, given
from torchvitals.reading.role_settings import role_maps
from torchvitals.reading.roles import infer
from torchvitals.reading.source import is_url
from torchvitals.reading.split_runs import join, pairs

Roles = RoleMap | Mapping[str, str]


def read(path: str | Path, roles: Roles | None = None) -> Run:
    """Read one run, `train` and `validation` folders of one training as one, and understand its tags.

    Raises:
        LogError: see `reader.read`.
        ConfigError: a role or a tag that there is not, in `roles`, the environment or pyproject.toml.
    """
    maps = role_maps(roles)
    pair = None if is_url(path) or not Path(path).is_dir() else pairs(reader.find_runs(path)).get(Path(path))
    run = (pair and _read_pair(Path(path), *pair)) or reader.read(path)
    check([run], maps)
    return understood(run, maps)


def read_each(folders: Sequence[Path]) -> Iterator[tuple[Path, Run | LogError]]:
    """Every run, tags as they stand, or why it could not be read; two folders of one training come as one, by their parent."""
    couples = {first: (parent, second) for parent, (first, second) in pairs(folders).items()}
    joined: set[Path] = set()
    for folder in folders:
        if folder in joined:
            continue
        parent, second = couples.get(folder, (folder, folder))
        try:
            run = _read_pair(parent, folder, second) if folder in couples else None
        except LogError:
            run = None  # one of the two; the other is read alone
        if run is not None:
            joined.add(second)
            yield parent, run
            continue
        try:
            yield folder, reader.read(folder)
        except LogError as error:
            yield folder, error


def understood(run: Run, maps: tuple[RoleMap, ...] = ()) -> Run:
    """The run with its tags read as ours: by the maps, and by their names where the log is not one of ours."""
    told = given(run, maps)
    inferred: tuple[Role, ...] = ()
    if run.manifest is None:
        settled = {r.tag for r in told}
        names = [[str(t) for t in group if str(t) not in settled] for group in (run.scalars, run.histograms)]
        found = infer(names[0], histograms=names[1], folder=_folder(run.path))
        inferred = tuple(r for r in found if r.role not in {t.role for t in told})
    read_as = apply(run, (*inferred, *(r for r in told if r.role)))
    return read_as if run.manifest is not None else derive(read_as)


def remapped(run: Run, roles: Roles | None) -> Run:
    """A run that was read before, with roles given by hand on top of those it has.

    Raises:
        ConfigError: a role that there is not, or a tag that the run does not hold.
    """
    if not roles:
        return run
    told = roles if isinstance(roles, RoleMap) else RoleMap(source="roles", roles=dict(roles))
    check([run], [told])
    return apply(run, [role for role in given(run, [told]) if role.role])


def _folder(path: str) -> str:
    """The name of a run's folder, where that says something: experiments are called "test" too."""
    name = reader.run_name(path)
    return name if name != "test" or Path(path).with_name("train").is_dir() else ""


def _read_pair(parent: Path, train: Path, validation: Path) -> Run | None:
    name = reader.run_name(parent)
    return join(reader.read(train), reader.read(validation), name=name, path=str(parent))
