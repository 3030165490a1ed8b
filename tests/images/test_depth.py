"""More than 8 bits a sample is refused in every format, for Pillow would round it without a word."""

import struct

import numpy as np
import pytest
import tifffile
from deep_pictures import DEEP, by_ffmpeg, png_of_16_bits
from PIL import Image

from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import read_rgb

RGB = DEEP >> 8


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("pixels", ["yuv444p", "yuv420p", "gray"])
def test_deep_avif(tmp_path, pixels, bits):
    path = by_ffmpeg(tmp_path / "deep.avif", f"{pixels}{bits}le", "libaom-av1", "-still-picture", "1")
    refused(path, f"{bits} bits")


def test_a_deep_avif_sequence(tmp_path):
    path = by_ffmpeg(tmp_path / "deep.avif", "yuv420p10le", "libaom-av1", frames=2)
    assert path.read_bytes()[8:12] == b"avis"
    refused(path, "10 bits")


@pytest.mark.parametrize(
    ("name", "pixels", "bits"),
    [
        ("a.jp2", "rgb48le", 16),
        ("a.jp2", "yuv444p12le", 12),
        ("a.jp2", "gray10le", 10),
        ("a.j2k", "rgb48le", 16),
    ],
)
def test_deep_jpeg2000(tmp_path, name, pixels, bits):
    path = by_ffmpeg(tmp_path / name, pixels, "jpeg2000", "-format", name[-3:])
    refused(path, f"{bits} bits")


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planes", ["contig", "separate", "gray"])
def test_deep_tiff(tmp_path, planes, compression):
    path = tmp_path / "deep.tif"
    if planes == "gray":
        tifffile.imwrite(path, DEEP[..., 0], compression=compression)
    else:
        samples = np.moveaxis(DEEP, 2, 0) if planes == "separate" else DEEP
        tifffile.imwrite(path, samples, photometric="rgb", planarconfig=planes, compression=compression)
    refused(path, "16 bits")


@pytest.mark.parametrize("packed", [False, True])
def test_deep_sgi(tmp_path, packed):
    path = tmp_path / "deep.sgi"
    if packed:
        by_ffmpeg(path, "rgb48be", "sgi")
    else:
        height, width, _ = DEEP.shape
        header = struct.pack(">HBBHHHH", 474, 0, 2, 3, width, height, 3).ljust(512, b"\0")
        path.write_bytes(header + np.moveaxis(DEEP, 2, 0).astype(">u2").tobytes())
    refused(path, "16 bits")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_deep_png(tmp_path, channels):
    (tmp_path / "deep.png").write_bytes(png_of_16_bits(channels))
    refused(tmp_path / "deep.png", "16 bits")


@pytest.mark.parametrize(
    "text", [b"P6 2 2 65535\n" + bytes(24), b"P5 2 2 1023\n" + bytes(8), b"P2 1 1 4095 7"]
)
def test_deep_ppm(tmp_path, text):
    (tmp_path / "deep.ppm").write_bytes(text)
    refused(tmp_path / "deep.ppm", f"{int(text.split()[3]).bit_length()} bits")


def test_a_format_that_holds_other_files_is_refused_by_name(tmp_path):
    data = png_of_16_bits(3)
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 5, 4, 0, 0, 1, 48, len(data), 22) + data
    (tmp_path / "deep.ico").write_bytes(icon)
    refused(tmp_path / "deep.ico", "ICO")


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("avif", {"quality": 100, "subsampling": "4:4:4"}),
        ("jp2", {}),
        ("j2k", {}),
        ("tif", {}),
        ("sgi", {}),
        ("png", {}),
        ("ppm", {}),
        ("webp", {"lossless": True}),
        ("jpg", {"quality": 95, "subsampling": 0}),
        ("bmp", {}),
        ("gif", {}),
        ("tga", {}),
        ("pcx", {}),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_8_bits_are_read(tmp_path, suffix, options, mode):
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(RGB.astype(np.uint8)).convert(mode).save(path, **options)
    assert read_rgb(path).shape == RGB.shape


def test_8_bit_avif_with_an_opaque_alpha_and_of_several_frames_is_read(tmp_path):
    frame = Image.fromarray(RGB.astype(np.uint8)).convert("RGBA")
    frame.save(tmp_path / "alpha.avif")
    frame.save(tmp_path / "frames.avif", save_all=True, append_images=[frame.rotate(90)])
    assert read_rgb(tmp_path / "alpha.avif").shape == RGB.shape
    assert read_rgb(tmp_path / "frames.avif").shape == RGB.shape


def test_planes_of_8_bits_are_read(tmp_path):
    path = tmp_path / "planes.tif"
    tifffile.imwrite(
        path, np.moveaxis(RGB.astype(np.uint8), 2, 0), photometric="rgb", planarconfig="separate"
    )
    np.testing.assert_array_equal(read_rgb(path), RGB)


def refused(path, *said: str) -> None:
    with pytest.raises(BenchError) as refusal:
        read_rgb(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert all(words in message for words in said), message
