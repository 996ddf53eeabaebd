"""Colours as the profile in a photo means them, brought to sRGB, as models and screens expect.

An iPhone writes Display-P3: its pure red is redder than any of sRGB's, and its numbers taken for
sRGB look pale.
"""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageCms

LARGEST = 4 << 20  # bytes of a profile; those of printers have up to 2 MB
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # a profile's colours → Pillow's mode


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image in sRGB; the same one where its profile is none or cannot be read.

    Args:
        image: of 8 bits, not transparent; its mode may be RGB, L or CMYK.
        profile: the ICC profile in its file. One that is damaged, or is of another kind of image,
            says nothing about the colours.
    """
    if not profile or len(profile) > LARGEST:
        return image
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if MODES.get(source.profile.xcolor_space.strip()) != image.mode:
            return image
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return converted or image
