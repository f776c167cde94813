"""Image files of every kind: read as every viewer shows them, or refused; never silently wrong."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gensweep.errors import ConfigError
from gensweep.files import images
from gensweep.files.pixels import Form

COLOUR = (200, 100, 50)
AS_IT_IS = Form(3, None, "bicubic")
TRANSPARENT_WHITE = "transparent places laid on white"


def read(file: Path, form: Form = AS_IT_IS) -> tuple[torch.Tensor, Counter[str]]:
    remarks = Counter[str]()
    return images.read_image(file, form, remarks)[0] * 255, remarks


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def palette(**options: object) -> Image.Image:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, *COLOUR, *[0] * 750])
    return image


def png_of_16_bits(path: Path) -> Path:
    """Red, green and blue of 16 bits, which Pillow cannot write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.tobytes() for row in np.full((8, 8, 3), 0x1234, ">u2"))
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize(
    ("name", "image"),
    [("palette.png", palette()), ("opaque.png", Image.new("RGBA", (8, 8), (*COLOUR, 255))),
     ("whole.webp", Image.new("RGB", (8, 8), COLOUR)), ("b.bmp", Image.new("RGB", (8, 8), COLOUR)),
     ("p.ppm", Image.new("RGB", (8, 8), COLOUR)), ("t.tiff", Image.new("RGB", (8, 8), COLOUR))],
)  # fmt: skip
def test_colours_are_those_of_the_file(tmp_path: Path, name: str, image: Image.Image) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    pixels, remarks = read(saved(tmp_path / name, image, **options))
    assert pixels[:, 3, 3].tolist() == pytest.approx(COLOUR)
    assert not remarks


def test_cmyk_is_made_rgb_and_said(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.jpg", Image.new("RGB", (8, 8), COLOUR).convert("CMYK"), quality=100)
    pixels, remarks = read(file)
    assert pixels[:, 3, 3].tolist() == pytest.approx(COLOUR, abs=2)
    assert remarks == {"CMYK made RGB without a colour profile": 1}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("image", "options"),
    [(Image.new("RGBA", (8, 8), (*COLOUR, 0)), {}), (Image.new("LA", (8, 8), (30, 0)), {}),
     (palette(), {"transparency": 1}), (Image.new("RGB", (8, 8), COLOUR), {"transparency": COLOUR})],
)  # fmt: skip
def test_what_is_transparent_is_white_whatever_colour_is_below(
    tmp_path: Path, channels: int, image: Image.Image, options: dict[str, object]
) -> None:
    pixels, remarks = read(saved(tmp_path / "a.png", image, **options), Form(channels, None, "box"))  # type: ignore[arg-type]
    assert pixels.eq(255).all()
    assert remarks == {TRANSPARENT_WHITE: 1}


def test_half_transparent_is_half_white(tmp_path: Path) -> None:
    pixels, _ = read(saved(tmp_path / "a.png", Image.new("RGBA", (8, 8), (0, 100, 200, 128))))
    assert pixels[:, 0, 0].tolist() == pytest.approx([127, 177, 227], abs=1)


def deep(kind: str, folder: Path) -> Path:
    pixels = np.full((8, 8), 40000, np.uint16)
    if kind == "png of 16 bits of grey":
        return saved(folder / "a.png", Image.fromarray(pixels))
    if kind == "tiff of 16 bits":
        return saved(folder / "a.tif", Image.fromarray(pixels))
    if kind == "tiff of floats":
        return saved(folder / "a.tif", Image.fromarray(np.full((8, 8), 0.5, np.float32)))
    if kind == "png of 16 bits of colour":
        return png_of_16_bits(folder / "a.png")
    text = {"ppm": b"P6 8 8 65535\n" + b"\x12\x34" * 192, "pgm": b"P2 8 8 1023\n" + b"700 " * 64}
    file = folder / f"a.{kind}"
    file.write_bytes(text[kind])
    return file


@pytest.mark.parametrize(
    "kind",
    ["png of 16 bits of grey", "png of 16 bits of colour", "tiff of 16 bits", "tiff of floats", "ppm", "pgm"],
)
def test_more_than_8_bits_are_refused_with_the_cure_and_not_clipped(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigError, match=r"a\.\w+: .*more than 8 bits a channel, and only 8 are read: convert it"):
        read(deep(kind, tmp_path))


@pytest.mark.parametrize("text", [b"P2 8 8 15\n" + b"7 " * 64, b"P1 8 8\n" + b"1 " * 64, b"P3 8 8 255\n" + b"7 " * 192])
def test_plain_images_of_8_bits_or_fewer_are_read(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.ppm").write_bytes(text)
    assert read(tmp_path / "a.ppm")[0].shape == (3, 8, 8)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_an_image_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    # The right picture is white at its top left corner; each file stores it lying as its EXIF says.
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :16] = 255
    lying = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
             5: upright.T, 6: upright.T[::-1], 7: upright.T[::-1, ::-1], 8: upright.T[:, ::-1]}[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(lying))
    options = {"webp": {"lossless": True}, "jpg": {"quality": 100}, "tiff": {"compression": "tiff_lzw"}}.get(suffix, {})
    file = saved(tmp_path / f"a.{suffix}", image, exif=exif, **options)
    pixels, remarks = read(file, Form(1, None, "box"))
    assert torch.equal(pixels[0] > 128, torch.from_numpy(upright > 128))
    assert remarks == ({"turned upright by EXIF": 1} if orientation > 1 else {})
    found = images.header(file)
    assert (found.size, found.turned) == ((16, 32), orientation > 1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_uncompressed_tiff_is_read_rightly_or_refused(tmp_path: Path, orientation: int) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(4, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = saved(tmp_path / "a.tif", Image.fromarray(pixels), exif=exif)
    if orientation > 4:
        with pytest.raises(
            ConfigError, match=r"a\.tif: an uncompressed TIFF stored on its side.*turn it or compress it"
        ):
            read(file)
    else:
        shown = {1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1]}[orientation]
        assert read(file)[0][0].round().int().tolist() == shown.tolist()


@pytest.mark.filterwarnings("error")
def test_a_damaged_exif_is_no_damaged_image(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.jpg", Image.new("RGB", (8, 8), COLOUR), exif=b"Exif\0\0MM\0*\0\0\xff\xff\xff\xff")
    pixels, remarks = read(file)
    assert (pixels.shape, remarks) == ((3, 8, 8), {})
    assert not images.header(file).turned


@pytest.mark.parametrize("suffix", ["gif", "webp", "tiff", "png"])
def test_of_several_frames_the_first_is_taken_and_that_is_said(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), (40 * k, 0, 0)) for k in range(1, 4)]
    options = {"lossless": True} if suffix == "webp" else {}
    file = saved(tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:], **options)
    pixels, remarks = read(file)
    assert pixels[:, 0, 0].tolist() == pytest.approx([40, 0, 0], abs=1)
    assert remarks == {"the first of several frames taken": 1}


def test_an_image_of_one_pixel_is_one_and_enlarging_is_said(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.png", Image.new("RGB", (1, 1), COLOUR))
    assert read(file)[0].flatten().tolist() == pytest.approx(COLOUR)
    pixels, remarks = read(file, Form(3, 4, "bicubic"))
    assert pixels.shape == (3, 4, 4)
    assert remarks == {"enlarged to 4 pixels": 1}


def test_the_content_of_a_file_says_what_it_is_and_not_its_name(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.png", Image.new("RGB", (8, 8), COLOUR)).rename(tmp_path / "a.jpg")
    assert read(file)[0][:, 0, 0].tolist() == pytest.approx(COLOUR)


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path / "a.png", Image.new("RGB", (8, 8)))

    def refusing(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refusing)
    with pytest.raises(ConfigError, match=r"a\.png: cannot be opened \(Permission denied\)"):
        read(file)


def test_an_image_too_large_to_be_one_is_not_called_corrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path / "a.png", Image.new("RGB", (64, 64)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ConfigError, match=r"a\.png: too large \(Image size \(4096 pixels\)"):
        read(file)


def broken(folder: Path, n: int) -> list[Path]:
    """Images of which n cannot be read: half of them have no header of one, half are cut off in their pixels."""
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    files = [saved(folder / f"{i:03d}.png", Image.fromarray(noise)) for i in range(n + 5)]
    for i, file in enumerate(files[:n]):
        file.write_bytes(b"no image" if i % 2 else file.read_bytes()[:900])
    return files


@pytest.mark.parametrize("reader", ["sizes", "pixels", "pixels of a part"])
def test_all_that_cannot_be_read_are_counted_and_ten_are_named(tmp_path: Path, reader: str) -> None:
    files = broken(tmp_path, 13)
    form = Form(3, 8, "bicubic")
    readers = {
        "sizes": lambda: images.common_size(files),
        "pixels": lambda: list(images.decoded(files, form)),
        "pixels of a part": lambda: list(images.decoded([files[-1], files[3]], form, None, files)),
    }
    with pytest.raises(ConfigError) as error:
        readers[reader]()
    said = str(error.value)
    assert said.startswith("13 images cannot be read:\n")
    assert [f"{i:03d}.png" in said for i in range(13)] == [True] * 10 + [False] * 3
    assert said.endswith("and 3 more\nRemove, replace or convert them.")
    assert "not an image" in said
    assert "corrupt or truncated" in said


def test_the_first_header_is_that_of_the_first_image(tmp_path: Path) -> None:
    files = broken(tmp_path, 2)
    (tmp_path / "000.png").write_bytes(b"")
    assert images.first_header(files).size == (32, 32)
    with pytest.raises(ConfigError, match=r"2 images cannot be read:\n.*000\.png: an empty file\.\n.*001\.png: not an"):
        images.first_header(files[:2])
