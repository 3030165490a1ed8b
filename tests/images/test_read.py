import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import read_rgb, write_png

RGB = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)
GRAY = RGB[..., 0]


def with_alpha(alpha: int) -> np.ndarray:
    return np.dstack([RGB, np.full(RGB.shape[:2], alpha, dtype=np.uint8)])


def png_of_16_bits(channels: int) -> bytes:
    height, width = 4, 5
    kind = {1: 0, 3: 2, 4: 6}[channels]
    line = b"\0" + b"\xff\xff" * channels * width

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(line * height)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


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


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_png_is_refused(tmp_path, channels):
    (tmp_path / "deep.png").write_bytes(png_of_16_bits(channels))
    assert "16 bits" in refused(tmp_path / "deep.png")


def test_16_bit_ppm_is_refused(tmp_path):
    (tmp_path / "deep.ppm").write_bytes(b"P6 2 2 65535\n" + bytes(24))
    assert "16 bits" in refused(tmp_path / "deep.ppm")


def test_cmyk_is_refused(tmp_path):
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert "CMYK" in refused(tmp_path / "cmyk.jpg")


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    Image.fromarray(RGB).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_rgb(tmp_path / "turned.png"), np.rot90(RGB, -1))


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
