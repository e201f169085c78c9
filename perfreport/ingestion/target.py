"""Where a run is written: a file or a part of a folder, new, replaced or added to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perfreport.errors import RunError
from perfreport.ingestion.inputs import InputFile, labels_of
from perfreport.run.store import Run, open_run

STANDARD_OUTPUT = "-"


@dataclass(frozen=True)
class Target:
    """Which file is written, what it starts from, and what it replaces."""

    path: Path
    copied: tuple[Path, ...] = ()
    earlier: Run | None = None  # what is added to
    stale: tuple[Path, ...] = ()
    in_directory: bool = False
    replaces: bool = False  # `path` itself is there, and may go

    @classmethod
    def of(cls, output: str | Path, append: bool, overwrite: bool) -> Target:
        path = Path(output)
        if str(output) == STANDARD_OUTPUT:
            raise RunError("-o -: a run is a file that is read in any order. Name a file.")
        if append and overwrite:
            raise RunError("--append and --overwrite exclude each other. Give one of them.")
        if str(output).endswith("/") or path.is_dir():
            return cls._directory(path, append, overwrite)
        if not path.exists():
            return cls(path)
        if append:
            run = open_run(path)
            return cls(path, copied=run.parts, earlier=run, replaces=True)
        if not overwrite:
            raise RunError(
                f"{path}: exists. Add to it with --append, or replace it with --overwrite."
            )
        return cls(path, replaces=True)

    @classmethod
    def _directory(cls, path: Path, append: bool, overwrite: bool) -> Target:
        parts = tuple(sorted(path.glob("*.parquet"))) if path.is_dir() else ()
        if parts and not (append or overwrite):
            raise RunError(
                f"{path}: holds a run. Add to it with --append, or replace it with --overwrite."
            )
        earlier = open_run(path) if parts else None
        numbers = [int(part.stem[5:]) for part in parts if part.stem[5:].isdecimal()]
        target = path / f"part-{max(numbers, default=0) + 1:04d}.parquet"
        return cls(
            target,
            earlier=earlier if append else None,
            stale=() if append else parts,
            in_directory=True,
        )

    def labels(self, files: Sequence[InputFile]) -> list[str]:
        """A label per file that no source of the run, earlier ones included, shares."""
        earlier = [source.name for source in self.earlier.info.sources] if self.earlier else []
        return labels_of([*earlier, *(str(file.path) for file in files)])[len(earlier) :]

    def refuse_inputs(self, files: Sequence[InputFile]) -> None:
        """RunError where writing would destroy what is read."""
        for file in files:
            if self.path.exists() and file.path.exists() and file.path.samefile(self.path):
                raise RunError(f"{self.path}: is one of the inputs. Choose another -o.")

    def check_still_free(self) -> None:
        """RunError where another ingest wrote this file while we were reading."""
        if self.path.exists() and not self.replaces:
            raise RunError(
                f"{self.path}: was written by somebody else in the meantime. Ingest again, to "
                "another -o or with --append."
            )

    @contextmanager
    def folder(self) -> Iterator[None]:
        """Make the folder of a run of parts; a failure takes a new one away again."""
        folder = self.path.parent
        made = self.in_directory and not folder.exists()
        try:
            if made:
                folder.mkdir(parents=True)
        except OSError as error:
            raise RunError(f"{folder}: cannot be made: {error.strerror}.") from error
        try:
            yield
        except BaseException:
            if made:
                folder.rmdir()
            raise
