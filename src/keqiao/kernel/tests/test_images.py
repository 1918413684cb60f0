"""Pictures are known by their content and drawn anew."""

import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from keqiao.kernel import images
from keqiao.kernel.errors import BadInput


def picture(kind="PNG", size=(40, 30), mode="RGB", **how):
    out = io.BytesIO()
    Image.new(mode, size, "#14736b").save(out, kind, **how)
    return out.getvalue()


def redrawn(content, **changes):
    return images.redrawn(content, **{"most_kb": 100, "side": 256, "field": "logo", **changes})


def opened(content):
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_is_taken_comes_out_as_a_png(kind):
    out = opened(redrawn(picture(kind)))
    assert (out.format, out.size, out.mode) == ("PNG", (40, 30), "RGB")


def test_metadata_and_what_hangs_behind_are_gone():
    about = PngImagePlugin.PngInfo()
    about.add_text("Author", "张三 secret")
    with_text = picture(pnginfo=about) + b"<script>secret</script>"
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    for content in (with_text, picture("JPEG", exif=exif), picture("WEBP", exif=exif)):
        assert b"secret" in content
        out = redrawn(content)
        assert b"secret" not in out
        assert opened(out).info == {}


def test_a_turned_photograph_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert opened(redrawn(picture("JPEG", exif=exif))).size == (30, 40)


def test_large_ones_become_smaller_and_holes_stay():
    out = opened(redrawn(picture(size=(2000, 1000), mode="RGBA")))
    assert (out.size, out.mode) == ((256, 128), "RGBA")


def bomb(width, height):
    """A PNG of a few bytes that says it holds billions of pixels."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "不接受 SVG"),
        (b"\xef\xbb\xbf \n<?xml version='1.0'?><svg/>", "不接受 SVG"),
        (b"GIF89a" + bytes(40), "不是 PNG、JPEG 或 WebP"),
        (picture("GIF"), "不是 PNG、JPEG 或 WebP"),
        (picture("TIFF"), "不是 PNG、JPEG 或 WebP"),
        (picture()[:60], "不是 PNG、JPEG 或 WebP"),
        (b"", "不是 PNG、JPEG 或 WebP"),
        (b"%PDF-1.7", "不是 PNG、JPEG 或 WebP"),
        (bomb(60_000, 60_000), "像素太多"),
        (bomb(5_000, 5_000), "5000×5000"),
        (picture(size=(4_001, 1)), "4001×1"),
        (bytes(101 * 1024), "最大 100 KB"),
    ],
)
def test_what_is_refused(content, says):
    with pytest.raises(BadInput, match=says) as refused:
        redrawn(content)
    assert refused.value.field == "logo"
