"""The decoders for compressed frames, as plug-ins of pydicom's, and which of them is asked first."""

from typing import Any

from pydicom import uid
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder

_JPEG_2000 = (uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K)

# The fastest that is right comes first; the others are asked when it fails.
PLUGINS: dict[str, tuple[str, ...]] = {
    uid.JPEGBaseline8Bit: ("pillow", "gdcm"),
    uid.JPEGExtended12Bit: ("pillow", "gdcm", "gdcm_12_bit"),
    uid.JPEGLossless: ("gdcm",),
    uid.JPEGLosslessSV1: ("gdcm",),
    uid.JPEGLSLossless: ("pyjpegls", "gdcm"),
    uid.JPEGLSNearLossless: ("pyjpegls", "gdcm"),
    uid.JPEG2000Lossless: ("openjpeg", "gdcm"),
    uid.JPEG2000: ("openjpeg", "gdcm"),
    uid.HTJ2KLossless: ("openjpeg",),
    uid.HTJ2KLosslessRPCL: ("openjpeg",),
    uid.HTJ2K: ("openjpeg",),
    uid.RLELossless: ("rle", "pydicom"),
}


def is_available(_syntax: str) -> bool:
    """Part of pydicom's plug-in protocol: all decoders here are installed with the program."""
    return True


def register() -> None:
    """Adds the decoders of this module to pydicom's."""
    for syntax in _JPEG_2000:
        get_decoder(syntax).add_plugin("openjpeg", (__name__, "decode_jpeg_2000"))
    get_decoder(uid.RLELossless).add_plugin("rle", (__name__, "decode_rle"))
    get_decoder(uid.JPEGExtended12Bit).add_plugin("gdcm_12_bit", (__name__, "decode_12_bit_jpeg"))


def decode_jpeg_2000(frame: bytes, runner: DecodeRunner) -> bytearray:
    """JPEG 2000 and HTJ2K, by OpenJPEG: the containers are as wide as the codestream's precision."""
    from openjpeg.utils import decode_pixel_data  # noqa: PLC0415 - loaded only by the files that need it

    pixels = decode_pixel_data(frame, version=2)
    if runner.photometric_interpretation in ("YBR_ICT", "YBR_RCT"):
        runner.set_option("photometric_interpretation", "RGB")
    precision = runner.get_option("j2k_precision", runner.bits_stored)
    runner.set_option("bits_allocated", 8 if precision <= 8 else 16 if precision <= 16 else 32)
    return bytearray(pixels)


def decode_rle(frame: bytes, runner: DecodeRunner) -> bytearray:
    """RLE Lossless (PS3.5 Annex G): planes one after another."""
    from rle.utils import decode_pixel_data  # noqa: PLC0415 - loaded only by the files that need it

    pixels = decode_pixel_data(frame, version=2, **runner.options)
    runner.set_option("planar_configuration", 1)
    return bytearray(pixels)


def decode_12_bit_jpeg(frame: bytes, runner: DecodeRunner) -> bytes:
    """JPEG Extended with 12 bits a sample, by GDCM's 12-bit libjpeg."""
    import gdcm  # noqa: PLC0415 - loaded only by the files that need it

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    picture: Any = gdcm.Image()
    picture.SetNumberOfDimensions(2)
    picture.SetDimensions((runner.columns, runner.rows, 1))
    picture.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(str(runner.photometric_interpretation))
    picture.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    picture.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    bits = runner.bits_stored
    picture.SetPixelFormat(gdcm.PixelFormat(runner.samples_per_pixel, 16, bits, bits - 1, runner.pixel_representation))
    return bytes(picture.GetBuffer().encode("utf-8", "surrogateescape"))
