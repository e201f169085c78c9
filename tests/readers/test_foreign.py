"""What is packed or of another encoding is told, not taken for a file of a tool."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from perfreport import resources
from perfreport.errors import InputError
from perfreport.readers.reader import reader_for
from perfreport.readers.source import Source


def tarred(data: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("short.json")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("short.json", data)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("pack", "words"),
    [
        (tarred, "a tar archive. Unpack it"),
        (zipped, "a zip archive. Unpack it"),
        (lzma.compress, "compressed by xz. Decompress it"),
        (lambda data: data.decode().encode("utf-16"), "text in UTF-16.* Convert it to UTF-8"),
        (lambda _: b"PAR1....PAR1", "a Parquet file. A run is given to summary"),
    ],
)
def test_what_is_packed_is_not_taken_for_a_file_of_a_tool(
    pack: Callable[[bytes], bytes], words: str
) -> None:
    log = resources.folder("sample_results") / "k6-json" / "handle.json.gz"
    source = Source(io.BytesIO(pack(gzip.decompress(log.read_bytes()))), "results")
    with pytest.raises(InputError, match=f"^results: {words}"):
        reader_for(source)
