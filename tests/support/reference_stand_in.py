"""Stands in for VTM and HM: takes their command lines, but codes by libvvenc and libx265.

It is strict where they are: each option must be one that it knows, files must be what the options say, and a
decoder writes planes alone. What it is depends on its name, as `EncoderApp` or `TAppDecoderStatic`.
"""

import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg

ME = Path(sys.argv[0]).name
HEVC = ME.startswith("TApp")
SHORT = {
    "-c": "Config",
    "-i": "InputFile",
    "-b": "BitstreamFile",
    "-o": "ReconFile",
    "-wdt": "SourceWidth",
    "-hgt": "SourceHeight",
    "-f": "FramesToBeEncoded",
    "-fr": "FrameRate",
    "-q": "QP",
    "-d": "OutputBitDepth",
}
LONG = {
    "InputBitDepth",
    "InternalBitDepth",
    "OutputBitDepth",
    "InputChromaFormat",
    "ChromaFormatIDC",
    "ConformanceWindowMode",
    "Preset",
}
TAGS = ["-color_range", "pc", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
MUXER, ENCODER = ("hevc", "libx265") if HEVC else ("vvc", "libvvenc")


def fail(message):
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(1)


def parsed(words):
    options, words = {}, list(words)
    while words:
        word = words.pop(0)
        if word == "--help":
            sys.exit(1)
        name, _, value = word.removeprefix("--").partition("=") if word.startswith("--") else (word, "", "")
        if word in SHORT:
            name, value = SHORT[word], words.pop(0)
        elif name not in LONG:
            fail(f"Unknown option: `{name}'")
        if name == "Config":
            lines = (line.partition("#")[0].split(":") for line in Path(value).read_text().splitlines())
            options |= {line[0].strip(): line[1].strip() for line in lines if len(line) == 2}
        else:
            options[name] = value
    return options


def ffmpeg(*words):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *words]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        fail("the codec failed")


def encode(options):
    width, height, qp = (int(options[name]) for name in ("SourceWidth", "SourceHeight", "QP"))
    chroma, bits = options["ChromaFormatIDC"], int(options["InputBitDepth"])
    if not 0 <= qp <= (51 if HEVC else 63):
        fail("QP exceeds supported range")
    if chroma == "420" and (width % 2 or height % 2):
        fail("Picture width must be an integer multiple of the specified chroma subsampling")
    samples = width * height * 3 // (2 if chroma == "420" else 1)
    if Path(options["InputFile"]).stat().st_size != 2 * samples * int(options["FramesToBeEncoded"]):
        fail("the input file has another size")
    alike = {options[f"{which}BitDepth"] for which in ("Input", "Internal", "Output")}
    if alike != {"10"} or options["InputChromaFormat"] != chroma or options["ConformanceWindowMode"] != "1":
        fail("not the conditions that were agreed upon")
    if HEVC:
        still = f"qp={qp}:ipratio=1:keyint=1:range=full:info=0:pools=none:frame-threads=1:wpp=0"
        own = ["-preset", options["Preset"], "-tune", "psnr", "-x265-params", still]
    else:
        still = "IntraQPOffset=0:Range=full:AccessUnitDelimiter=0"
        own = ["-qp", str(qp), "-preset", options["Preset"], "-g", "1", "-qpa", "0", "-vvenc-params", still]
    raw = ["-f", "rawvideo", "-pix_fmt", f"yuv{chroma}p{bits}le", "-s", f"{width}x{height}"]
    coded = ["-c:v", ENCODER, *own, "-threads", "1", "-f", MUXER, options["BitstreamFile"]]
    ffmpeg(*TAGS, *raw, "-i", options["InputFile"], *coded)


def decode(options):
    source = ["-err_detect", "explode", "-xerror", "-f", MUXER, "-i", options["BitstreamFile"]]
    ffmpeg(*source, "-f", "rawvideo", options["ReconFile"])


if __name__ == "__main__":
    side = "Encoder" if "Encoder" in ME else "Decoder"
    name, version = ("HM software:", "[16.20] (including RExt)") if HEVC else ("VVCSoftware: VTM", "11.1 ")
    print(f"\n{name} {side} Version {version}[Linux][GCC 12][64 bit]\n")
    (encode if side == "Encoder" else decode)(parsed(sys.argv[1:]))
