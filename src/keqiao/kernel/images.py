"""Pictures that people upload: what they are by their content, and drawn anew, so that nothing else travels in them."""

from __future__ import annotations

import io
import warnings

from django.utils.translation import gettext as _

from keqiao.kernel.errors import BadInput

FORMATS = ("PNG", "JPEG", "WEBP")
MARKUP = (b"<svg", b"<?xml", b"<!doctype", b"<html", b"<!--")
LONGEST_SIDE = 4_000  # pixels that are read; what comes out is smaller


def redrawn(content: bytes, *, most_kb: int, side: int, field: str) -> bytes:
    """The picture as a PNG of at most `side` × `side`: pixels only, no metadata, nothing behind the end.

    PNG, JPEG or WebP, whatever the name says. SVG is refused: it can carry scripts and calls to other sites.
    """
    if len(content) > most_kb * 1024:
        message = _("图片为 %(size)s KB，最大 %(most)s KB。请缩小后再传，例如 512×512 像素的 PNG。")
        raise BadInput(message % {"size": -(-len(content) // 1024), "most": most_kb}, field=field)
    if content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(MARKUP):
        raise BadInput(_("不接受 SVG：它可以夹带脚本。请转成 PNG、JPEG 或 WebP 再传。"), field=field)
    from PIL import Image, ImageOps  # loaded by the few requests that need it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(content), formats=FORMATS) as found:
                _check_size(found.size, field)
                picture = ImageOps.exif_transpose(found)
                has_holes = picture.has_transparency_data
                picture = picture.convert("RGBA" if has_holes else "RGB")
    except BadInput:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        message = _("图片的像素太多：每边须在 1 到 %(most)s 之间，例如 512×512。")
        raise BadInput(message % {"most": LONGEST_SIDE}, field=field) from None
    except Exception:  # noqa: BLE001 -- whatever a broken picture does to the library that reads it
        raise BadInput(
            _("文件内容不是 PNG、JPEG 或 WebP 图片（与扩展名无关）。请另存为 PNG 再传。"), field=field
        ) from None
    picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def _check_size(size: tuple[int, int], field: str) -> None:
    """Before a pixel is read: a small file can say that it holds billions."""
    if not all(1 <= length <= LONGEST_SIDE for length in size):
        message = _("图片为 %(width)s×%(height)s 像素，每边须在 1 到 %(most)s 之间，例如 512×512。")
        raise BadInput(message % {"width": size[0], "height": size[1], "most": LONGEST_SIDE}, field=field)
