# How many MiB of shared memory a display needs: the formulas of the releases, rounded up to a power of two.
# The first argument has release ("b7", "idd") and sizeRule ("release", "two-frames"), the second is the display.
{
  release ? "b7",
  sizeRule ? "release",
  ...
}:
{
  width,
  height,
  hdr ? false,
  ...
}:
let
  mib = 1048576;
  # Looking Glass B7, doc/install_libvirt.rst: two frames and 10 MiB; HDR frames have 64 bits a pixel.
  b7 = width * height * (if hdr then 8 else 4) * 2 + 10 * mib;
  # After B7, the display driver: three frames of 32-bit rows, aligned to 256 bytes, and 4 MiB.
  idd = (width * 4 + 255) / 256 * 256 * height * 3 + 4 * mib;
  # The rule of thumb of older guides: too little for B7 at several modes.
  twoFrames = width * height * 8;
  needed =
    if sizeRule == "two-frames" then
      twoFrames
    else if release == "idd" then
      idd
    else
      b7;
  grown = size: if size * mib >= needed then size else grown (size * 2);
in
grown 1
