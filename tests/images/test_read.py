import struct
import zlib

import numpy as np
import pytest
import tifffile
from deep_pictures import png
from PIL import Image

from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import read_rgb, write_png

RGB = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)
GRAY = RGB[..., 0]


def with_alpha(alpha: int) -> np.ndarray:
    return np.dstack([RGB, np.full(RGB.shape[:2], alpha, dtype=np.uint8)])


def refused(path) -> str:
    with pytest.raises(BenchError) as refusal:
        read_rgb(path)
    message = str(refusal.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm"])
def test_rgb_is_read_as_it_is(tmp_path, suffix):
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(RGB).save(path)
    image = read_rgb(path)
    np.testing.assert_array_equal(image, RGB)
    assert image.dtype == np.uint8
    assert image.flags.writeable


def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path):
    write_png(tmp_path / "picture.png", RGB)
    np.testing.assert_array_equal(read_rgb(tmp_path / "picture.png"), RGB)
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_a_folder_that_is_not_there_cannot_be_written(tmp_path):
    with pytest.raises(BenchError, match="cannot be written"):
        write_png(tmp_path / "nowhere" / "picture.png", RGB)


def test_gray_has_three_equal_channels(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "gray.png"), np.dstack([GRAY] * 3))


def test_black_and_white_is_0_and_255(tmp_path):
    Image.fromarray(GRAY > 127).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(
        read_rgb(tmp_path / "bits.png"), np.dstack([(GRAY > 127) * np.uint8(255)] * 3)
    )


def test_a_palette_is_looked_up(tmp_path):
    palette = Image.fromarray(RGB).quantize(32)
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "palette.png"), np.asarray(palette.convert("RGB")))


def test_opaque_alpha_is_dropped(tmp_path):
    Image.fromarray(with_alpha(255)).save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "opaque.png"), RGB)


def test_one_transparent_pixel_is_refused(tmp_path):
    pixels = with_alpha(255)
    pixels[3, 4, 3] = 254
    Image.fromarray(pixels).save(tmp_path / "alpha.png")
    assert "transparent" in refused(tmp_path / "alpha.png")


@pytest.mark.parametrize(("pixels", "key"), [(RGB, (1, 2, 3)), (GRAY, 7)])
def test_a_transparent_colour_is_refused_where_it_occurs(tmp_path, pixels, key):
    absent, present = pixels.copy(), pixels.copy()
    absent[absent == key] = 0
    present[0, 0] = key
    Image.fromarray(absent).save(tmp_path / "absent.png", transparency=key)
    Image.fromarray(present).save(tmp_path / "present.png", transparency=key)
    assert read_rgb(tmp_path / "absent.png").shape == RGB.shape
    assert "transparent" in refused(tmp_path / "present.png")


def test_cmyk_is_refused(tmp_path):
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert "CMYK" in refused(tmp_path / "cmyk.jpg")


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    Image.fromarray(RGB).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_rgb(tmp_path / "turned.png"), np.rot90(RGB, -1))


# An altitude below the sea, and values that are not what their tags are to hold.
UNWRITABLE = [
    (0x8825, 4, 1, struct.pack(">I", 0xFFFF)),
    (0x011A, 1, 1, b"\xff"),
    (0x010E, 11, 1, struct.pack(">f", 1.5)),
    (0x0128, 2, 2, b"a\0"),
    (0x8769, 9, 1, struct.pack(">i", -124)),
]


def exif_with(entry: tuple[int, int, int, bytes]) -> bytes:
    """A quarter turn clockwise, and one more tag: `(tag, type, count, value)`."""
    entries = sorted([(0x0112, 3, 1, struct.pack(">H", 6)), entry])
    packed = b"".join(struct.pack(">HHI", *head) + value.ljust(4, b"\0") for *head, value in entries)
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 2) + packed + bytes(4)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("entry", UNWRITABLE)
def test_of_exif_the_rotation_alone_is_touched(tmp_path, suffix, entry):
    path = tmp_path / f"turned.{suffix}"
    Image.fromarray(RGB).save(path, exif=exif_with(entry))
    assert read_rgb(path).shape == (14, 9, 3)


@pytest.mark.parametrize("entry", UNWRITABLE)
def test_an_avif_is_turned_as_its_container_says(tmp_path, entry):
    path, exif = tmp_path / "turned.avif", Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "A" * 100
    Image.fromarray(RGB).save(path, exif=exif)
    whole, strange = path.read_bytes(), exif_with(entry).replace(b"\x01\x12\0\x03", b"\x01\x13\0\x03")[6:]
    place = whole.index(b"MM\0*")
    path.write_bytes(whole[:place] + strange + whole[place + len(strange) :])
    assert read_rgb(path).shape == (14, 9, 3)


def test_a_tiff_is_turned_wherever_its_exif_points(tmp_path):
    path, private = tmp_path / "turned.tif", 0xFDE8
    tags = [(0x0112, 3, 1, 6, True), (private, 9, 1, -124, True)]
    tifffile.imwrite(path, RGB, photometric="rgb", extratags=tags)
    as_written, as_exif = (struct.pack("<HHI", tag, 9, 1) for tag in (private, 0x8769))
    assert path.read_bytes().count(as_written) == 1
    path.write_bytes(path.read_bytes().replace(as_written, as_exif))
    np.testing.assert_array_equal(read_rgb(path), np.rot90(RGB, -1))


def test_exif_that_is_none_turns_nothing(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "odd.png", exif=b"Exif\0\0 is something else")
    np.testing.assert_array_equal(read_rgb(tmp_path / "odd.png"), RGB)


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt"])
def test_a_png_is_read_whatever_the_size_of_its_metadata(tmp_path, name):
    header = struct.pack(">IIBBBBB", *RGB.shape[1::-1], 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + line.tobytes() for line in RGB)
    words = {b"iCCP": b"profile\0\0", b"zTXt": b"Comment\0\0", b"iTXt": b"XML\0\1\0\0\0"}[name]
    large = words + zlib.compress(bytes(3_000_000))
    picture = png([(b"IHDR", header), (name, large), (b"IDAT", zlib.compress(lines))])
    (tmp_path / "large.png").write_bytes(picture)
    np.testing.assert_array_equal(read_rgb(tmp_path / "large.png"), RGB)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_level_is_one_of_the_file(tmp_path, bits):
    """Black and white, white transparent: its number in the file is not yet one of 8 bits."""
    header, line = struct.pack(">IIBBBBB", 8, 1, bits, 0, 0, 0, 0), b"\0" + bytes(bits - 1) + b"\x0f"
    for level in range(2**bits):
        chunks = [(b"IHDR", header), (b"tRNS", struct.pack(">H", level)), (b"IDAT", zlib.compress(line))]
        (tmp_path / "level.png").write_bytes(png(chunks))
        if level in (0, 2 ** min(bits, 4) - 1):
            assert "transparent" in refused(tmp_path / "level.png")
        else:
            assert read_rgb(tmp_path / "level.png").shape == (1, 8, 3)


def test_whatever_a_decoder_raises_names_the_file(tmp_path):
    """libavif raises RuntimeError where OSError is expected."""
    path = tmp_path / "broken.avif"
    Image.fromarray(RGB).save(path)
    head, mark, coded = path.read_bytes().partition(b"mdat")
    path.write_bytes(head + mark + b"\xff" * len(coded))
    assert "damaged" in refused(path)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_truncated_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"whole.{suffix}"
    Image.fromarray(np.tile(RGB, (20, 20, 1))).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "damaged" in refused(path)


def test_an_absurd_size_is_refused_before_it_is_allocated(tmp_path):
    (tmp_path / "huge.ppm").write_bytes(b"P6 2000000 2000000 255\n")
    assert "pixels" in refused(tmp_path / "huge.ppm")


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    assert "not a picture" in refused(tmp_path / "text.png")
    assert "not a picture" in refused(tmp_path / "empty.png")
    assert "no such file" in refused(tmp_path / "missing.png")
    assert "folder" in refused(tmp_path)
