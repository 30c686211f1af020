# Written by `optimux schema --format nix`, from the same model as the generator: do not edit.
# "options" are the options below virtualisation.optimux; "shape" is what assertions.nix holds their values against.
{ lib, platform }:
let
  inherit (lib) mkOption types;
  # Refuses what is no string. Whether the string has the form is for the assertions, which report all at once.
  matching =
    form:
    types.strMatching form.pattern
    // {
      check = lib.isString;
      description = form.allowed;
    };
  # Also a path of Nix's, which is copied into the store, or a package: its program where it has one, else all of it.
  located =
    form:
    types.coercedTo types.path (
      value: if value ? meta.mainProgram then lib.getExe value else "${value}"
    ) (matching form);
  # Words of older releases, each with the one that took its place.
  renamed =
    words:
    types.coercedTo (types.enum (lib.attrNames words)) (
      word: lib.warn "optimux: '${word}' is '${words.${word}}' now" words.${word}
    );
  forms = {
    size = {
      pattern = "[0-9]{1,12} ?[KMGT]iB";
      allowed = "a size with a unit such as \"16GiB\"";
    };
    libvirtNetworkBridge = {
      pattern = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}";
      allowed = "the name of a network interface, at most 15 characters";
    };
    libvirtNetworkAddress = {
      pattern = "([0-9]{1,3}\\.){3}[0-9]{1,3}/[0-9]{1,2}";
      allowed = "an IPv4 address and a prefix such as \"192.168.150.1/24\"";
    };
    path = {
      pattern = "/[^\n\r\t\"']*[^\n\r\t\"'/]";
      allowed = "an absolute path without quotes, tabs or a trailing slash, such as /a/b";
    };
    address = {
      pattern = "[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\\.[0-7]";
      allowed = "a PCI address such as \"0000:01:00.0\"";
    };
    pciId = {
      pattern = "[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}";
      allowed = "a vendor and device id such as \"10de:249d\"";
    };
    module = {
      pattern = "[A-Za-z0-9_-]+";
      allowed = "the name of a kernel module";
    };
    smbiosBios = {
      pattern = "[^\n\r]+";
      allowed = "one line of text that is not empty";
    };
    diskTarget = {
      pattern = "[vs]d[a-z]{1,2}|nvme[0-9]{1,2}n[0-9]{1,2}";
      allowed = "a target such as vda or sdb";
    };
    diskSerial = {
      pattern = "[A-Za-z0-9_.+ -]{1,36}";
      allowed = "at most 36 characters";
    };
    diskDriveAddress = {
      pattern = "(0|[1-9][0-9]?)(:(0|[1-9][0-9]?)){3}";
      allowed = "controller:bus:target:unit";
    };
    word = {
      pattern = "[A-Za-z0-9_][A-Za-z0-9_.+-]*";
      allowed = "a word of letters, digits and _ . + -";
    };
    mac = {
      pattern = "[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}";
      allowed = "a unicast MAC address such as 52:54:00:12:34:56";
    };
    channelName = {
      pattern = "[a-z0-9_.-]{1,64}";
      allowed = "a dotted name";
    };
    guestFileSha256 = {
      pattern = "[0-9a-f]{64}";
      allowed = "64 hexadecimal digits in lower case, as sha256sum prints them";
    };
    guestFileUrl = {
      pattern = "https://[^[:space:]\"'<>&]+";
      allowed = "an address that begins with https://";
    };
    unattendedUser = {
      pattern =
        "[^] .\"/\\:;|=,+*?<>@[\t\n\r]([^]\"/\\:;|=,+*?<>@[\t\n\r]{0,18}[^] .\"/\\:;|=,+*?<>@[\t\n\r])?";
      allowed = "at most 20 characters, none of \"/\\[]:;|=,+*?<>@, no dot at the end";
    };
    unattendedEdition = {
      pattern = "[A-Za-z0-9][A-Za-z0-9 .()+-]{0,63}";
      allowed = "words of letters and digits";
    };
    unattendedLanguage = {
      pattern = "[a-z]{2,3}(-[A-Za-z]{4})?-[A-Z]{2}";
      allowed = "a language such as en-US";
    };
    unattendedKeyboard = {
      pattern = "[a-z]{2,3}(-[A-Za-z]{4})?-[A-Z]{2}|[0-9a-fA-F]{4}:[0-9a-fA-F]{8}";
      allowed = "a language, or a layout: 0409:00000409";
    };
    unattendedComputer = {
      pattern = "[A-Za-z0-9]([A-Za-z0-9-]{0,13}[A-Za-z0-9])?";
      allowed = "at most 15 letters, digits and -";
    };
    unattendedProductKey = {
      pattern = "([A-Z0-9]{5}-){4}[A-Z0-9]{5}";
      allowed = "five groups of five letters and digits";
    };
    unattendedDisk = {
      pattern = "[vs]d[a-z]{1,2}|nvme[0-9]{1,2}n[0-9]{1,2}";
      allowed = "a target such as vda";
    };
    vmName = {
      pattern = "[^[:space:]./\"'<>&\\][^/\n\r\t\"'<>&\\]{0,63}";
      allowed = "1 to 64 characters without / \\ quotes, < > & or a leading dot";
    };
    uuid = {
      pattern = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
      allowed = "a UUID of the form 8-4-4-4-12";
    };
    vmOsId = {
      pattern = "https?://[^[:space:]\"'<>&]+";
      allowed = "an address of libosinfo";
    };
    vmMachine = {
      pattern = "(pc-)?q35(-[0-9]{1,2}\\.[0-9]{1,2})?";
      allowed = "a q35 machine such as pc-q35-10.0";
    };
    version = {
      pattern = "[0-9]{1,5}(\\.[0-9]{1,5}){0,2}";
      allowed = "a version such as \"11.3\"";
    };
    hostExtraKernelParams = {
      pattern = "([^\"[:space:]']|\"[^\"[:space:]']*\")+";
      allowed = "a kernel parameter without white space";
    };
    barSize = {
      pattern = "(1|2|4|8|16|32|64|128|256|512|1024|2048|4096) ?[MG]iB";
      allowed = "a power of two with a unit such as \"128MiB\"";
    };
    user = {
      pattern = "[A-Za-z_][A-Za-z0-9_.-]{0,31}\\$?";
      allowed = "the name of a user or a group";
    };
    setting = {
      pattern = "[A-Za-z][A-Za-z0-9]{0,63}";
      allowed = "a name of letters and digits";
    };
    cpuRequire = {
      pattern = "[A-Za-z0-9_.-]+";
      allowed = "the name of a CPU feature";
    };
    cpuTuneVcpuPinName = {
      pattern = "[0-9]{1,4}";
      allowed = "the number of a vCPU or an iothread";
    };
    cpuSet = {
      pattern = "\\^?[0-9]{1,4}(-[0-9]{1,4})?(,\\^?[0-9]{1,4}(-[0-9]{1,4})?)*";
      allowed = "host CPUs such as \"0-3,8\"";
    };
    hypervVendorId = {
      pattern = "[ -+./0-~-]{1,12}";
      allowed = "1 to 12 ASCII characters without a comma";
    };
    placement = {
      pattern = "auto|[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\\.[0-7]";
      allowed = "a PCI address, or \"auto\"";
    };
    ipAddress = {
      pattern = "[0-9a-fA-F.:]{2,45}";
      allowed = "an IPv4 or IPv6 address";
    };
    batteryOptionsModel = {
      pattern = "[ -~]{0,32}";
      allowed = "at most 32 ASCII characters";
    };
    batteryOptionsSerial = {
      pattern = "[ -~]{0,32}";
      allowed = "at most 32 ASCII characters";
    };
    batteryOptionsOem = {
      pattern = "[ -~]{0,32}";
      allowed = "at most 32 ASCII characters";
    };
    guestMediaFilesName = {
      pattern = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}";
      allowed = "the name of a file, of letters, digits and . _ -";
    };
    extraXmlQemuArgs = {
      pattern = "[^\n\r]*";
      allowed = "one line of text";
    };
    optionsGpusName = {
      pattern = "[A-Za-z0-9][A-Za-z0-9._+-]{0,63}";
      allowed = "letters, digits and . _ + - (at most 64)";
    };
    optionsVmsName = {
      pattern = "[A-Za-z0-9][A-Za-z0-9._+-]{0,63}";
      allowed = "letters, digits and . _ + - (at most 64)";
    };
  };
  size = matching forms.size;
  libvirtNetworkBridge = matching forms.libvirtNetworkBridge;
  libvirtNetworkAddress = matching forms.libvirtNetworkAddress;
  path = located forms.path;
  address = matching forms.address;
  pciId = matching forms.pciId;
  module = matching forms.module;
  smbiosBios = matching forms.smbiosBios;
  diskTarget = matching forms.diskTarget;
  diskSerial = matching forms.diskSerial;
  diskDriveAddress = matching forms.diskDriveAddress;
  word = matching forms.word;
  mac = matching forms.mac;
  channelName = matching forms.channelName;
  guestFileSha256 = matching forms.guestFileSha256;
  guestFileUrl = matching forms.guestFileUrl;
  unattendedUser = matching forms.unattendedUser;
  unattendedEdition = matching forms.unattendedEdition;
  unattendedLanguage = matching forms.unattendedLanguage;
  unattendedKeyboard = matching forms.unattendedKeyboard;
  unattendedComputer = matching forms.unattendedComputer;
  unattendedProductKey = matching forms.unattendedProductKey;
  unattendedDisk = matching forms.unattendedDisk;
  vmName = matching forms.vmName;
  uuid = matching forms.uuid;
  vmOsId = matching forms.vmOsId;
  vmMachine = matching forms.vmMachine;
  version = matching forms.version;
  hostExtraKernelParams = matching forms.hostExtraKernelParams;
  barSize = matching forms.barSize;
  user = matching forms.user;
  setting = matching forms.setting;
  cpuRequire = matching forms.cpuRequire;
  cpuTuneVcpuPinName = matching forms.cpuTuneVcpuPinName;
  cpuSet = matching forms.cpuSet;
  hypervVendorId = matching forms.hypervVendorId;
  placement = matching forms.placement;
  ipAddress = matching forms.ipAddress;
  batteryOptionsModel = matching forms.batteryOptionsModel;
  batteryOptionsSerial = matching forms.batteryOptionsSerial;
  batteryOptionsOem = matching forms.batteryOptionsOem;
  guestMediaFilesName = matching forms.guestMediaFilesName;
  xml = types.lines;
  extraXmlQemuArgs = matching forms.extraXmlQemuArgs;
  optionsGpusName = matching forms.optionsGpusName;
  optionsVmsName = matching forms.optionsVmsName;
  hugepagesOptions = {
    size = mkOption {
      type = size;
      description = "Size of one page, as the CPU offers it.";
      example = "1GiB";
    };
    count = mkOption {
      type = types.ints.between 1 16777216;
      description = "How many are reserved at boot. Unit: pages.";
      example = 16;
    };
  };
  libvirtNetworkOptions = {
    bridge = mkOption {
      type = types.nullOr libvirtNetworkBridge;
      default = null;
      description = "The host's bridge. Null lets libvirt choose virbrN.";
      example = "virbr1";
    };
    forward = mkOption {
      type = types.enum [ "nat" "route" "open" "isolated" ];
      default = "nat";
      description =
        "How guests reach further: translated, routed, routed without libvirt's firewall, or not at all.";
      example = "isolated";
    };
    address = mkOption {
      type = libvirtNetworkAddress;
      description = "The host's own address on the bridge, and the prefix of the network.";
      example = "192.168.150.1/24";
    };
    dhcp = mkOption {
      type = types.bool;
      default = true;
      description = "Whether libvirt's dnsmasq gives the other addresses to guests.";
    };
  };
  storagePoolOptions = {
    path = mkOption {
      type = path;
      description = "The folder; made where it is not there.";
      example = "/var/lib/libvirt/images";
    };
  };
  functionOptions = {
    address = mkOption {
      type = address;
      description = "Where the host sees it (lspci -D).";
      example = "0000:01:00.0";
    };
    id = mkOption {
      type = pciId;
      description = "Its vendor and device id (lspci -nn).";
      example = "10de:249d";
    };
    passThrough = mkOption {
      type = types.bool;
      default = true;
      description =
        "Whether the guest gets it. A function that is bound and not passed is useless to both sides.";
    };
    guestAddress = mkOption {
      type = types.nullOr address;
      default = null;
      description =
        "Where the guest sees it. Null puts function N of the GPU at function N of vms.<name>.pci.gpu, and other devices behind root ports of their own.";
      example = "0000:01:00.1";
    };
  };
  subsystemIdsOptions = {
    vendor = mkOption {
      type = types.ints.between 0 65535;
      description = "Subsystem vendor id, as a number.";
      example = 4156;
    };
    device = mkOption {
      type = types.ints.between 0 65535;
      description = "Subsystem device id, as a number.";
      example = 35025;
    };
  };
  gpuOptions = {
    functions = mkOption {
      type = types.listOf (types.submodule { options = functionOptions; });
      default = [ ];
      description =
        "The card's functions: .0 display, .1 HDMI audio, .2 USB, .3 UCSI. All of them, or the group stays in use.";
      example = [
        {
          address = "0000:01:00.0";
          id = "10de:249d";
        }
        {
          address = "0000:01:00.1";
          id = "10de:228b";
        }
      ];
    };
    otherDevices = mkOption {
      type = types.listOf (types.submodule { options = functionOptions; });
      default = [ ];
      description =
        "Other devices of the GPU's IOMMU group, or wanted in the guest likewise (an NVMe disk, a USB controller).";
      example = [
        {
          address = "0000:02:00.0";
          id = "144d:a80a";
        }
      ];
    };
    bind = mkOption {
      type = renamed { "libvirt" = "on-demand"; } (types.enum [ "id" "address" "on-demand" ]);
      default = "id";
      description =
        "When vfio-pci takes the functions: early by id (every device with that id), early by address (driver_override, for two cards with one id), or on demand: the host has the card while no VM runs, and Optimux' hook in libvirt takes it when a VM starts, or refuses the start and says who holds it (see `optimux gpu`). Virtual functions of SR-IOV are always bound on demand.";
      example = "address";
    };
    keepFree = mkOption {
      type = types.bool;
      default = false;
      description =
        "Keeps the host's desktops off a card that is bound on demand, so that it can be taken while one runs: it gets a seat of its own (systemd-logind). Screens on its outputs stay dark on the host; programs may still render on it.";
    };
    softdeps = mkOption {
      type = types.nullOr (types.listOf module);
      default = null;
      description =
        "Drivers that must load after vfio-pci. Null is the list of known drivers for the functions' classes.";
      example = [
        "nouveau"
        "snd_hda_intel"
      ];
    };
    blacklist = mkOption {
      type = types.nullOr (types.listOf module);
      default = null;
      description =
        "Drivers never loaded by alias. Null is the GPU drivers of the functions' vendor when binding early, none when it is bound on demand. Never blacklist what the host needs for its own devices.";
      example = [ "nouveau" ];
    };
    rom = {
      bar = mkOption {
        type = types.nullOr (types.enum [ "on" "off" ]);
        default = null;
        description = "Whether the guest sees the ROM BAR. Null leaves it to libvirt (on).";
        example = "off";
      };
      file = mkOption {
        type = types.nullOr path;
        default = null;
        description = "A dumped ROM for function 0, for a card whose own cannot be read.";
        example = "/var/lib/libvirt/vbios/ga104m.rom";
      };
    };
    subsystemIds = mkOption {
      type = types.nullOr (types.submodule { options = subsystemIdsOptions; });
      default = null;
      description =
        "Subsystem ids shown to the guest, for a laptop's GPU that reports zeroes (SUBSYS_00000000 in Windows).";
    };
    releaseFramebuffer = mkOption {
      type = types.nullOr types.bool;
      default = null;
      description =
        "Keeps simpledrm and efifb off the card (initcall_blacklist=sysfb_init). Null does so when the facts say that the GPU is the boot VGA.";
      example = true;
    };
    d3coldAllowed = mkOption {
      type = types.bool;
      default = true;
      description =
        "Lets the idle card and its root port reach D3cold: runtime power management on, d3cold_allowed=1.";
    };
    disableIdleD3 = mkOption {
      type = types.bool;
      default = false;
      description =
        "Keeps idle devices of vfio-pci in D0, for cards that do not come back. Not with d3coldAllowed.";
    };
    disableVga = mkOption {
      type = types.bool;
      default = false;
      description =
        "Opts the card out of VGA arbitration (vfio-pci disable_vga=1), where the host's X server stutters.";
    };
  };
  displayOptions = {
    width = mkOption {
      type = types.ints.between 1 16384;
      description = "Width of the mode. Unit: pixels.";
      example = 3840;
    };
    height = mkOption {
      type = types.ints.between 1 16384;
      description = "Height of the mode. Unit: pixels.";
      example = 2160;
    };
    refreshRate = mkOption {
      type = types.ints.between 1 1000;
      default = 60;
      description = "Refresh rate of the mode. Unit: Hz.";
      example = 144;
    };
    hdr = mkOption {
      type = types.bool;
      default = false;
      description = "Whether frames are high dynamic range: doubles the memory with B7.";
    };
  };
  topologyOptions = {
    sockets = mkOption {
      type = types.ints.between 1 64;
      default = 1;
      description = "CPU sockets.";
    };
    dies = mkOption {
      type = types.ints.between 1 64;
      default = 1;
      description = "Dies a socket.";
    };
    cores = mkOption {
      type = types.ints.between 1 1024;
      description = "Cores a die.";
      example = 8;
    };
    threads = mkOption {
      type = types.ints.between 1 8;
      default = 2;
      description = "Threads a core.";
    };
  };
  maxPhysAddrOptions = {
    mode = mkOption {
      type = types.enum [ "passthrough" "emulate" ];
      default = "passthrough";
      description = "Where the width comes from.";
    };
    bits = mkOption {
      type = types.nullOr (types.ints.between 32 52);
      default = null;
      description = "The width itself, with mode emulate only. Unit: bits.";
      example = 42;
    };
    limit = mkOption {
      type = types.nullOr (types.ints.between 32 52);
      default = null;
      description =
        "Upper bound with mode passthrough; libvirt 9.3 and newer. Set it to the IOMMU's width when QEMU says VFIO_MAP_DMA failed: -22. Unit: bits.";
      example = 39;
    };
  };
  smbiosOptions = {
    mode = mkOption {
      type = types.enum [ "host" "sysinfo" "emulate" ];
      description = "Show the host's SMBIOS, the strings given here, or QEMU's.";
      example = "sysinfo";
    };
    bios = mkOption {
      type = types.attrsOf smbiosBios;
      default = { };
      description = "BIOS strings: vendor, version, date, release.";
    };
    system = mkOption {
      type = types.attrsOf smbiosBios;
      default = { };
      description = "System strings: manufacturer, product, version, serial, uuid, sku, family.";
      example = {
        manufacturer = "HP";
        product = "OMEN by HP Laptop 17";
      };
    };
    baseBoard = mkOption {
      type = types.attrsOf smbiosBios;
      default = { };
      description = "Board strings: manufacturer, product, version, serial, asset, location.";
    };
  };
  diskOptions = {
    source = mkOption {
      type = types.nullOr path;
      default = null;
      description = "The image, or the block device. Null is an empty CD-ROM drive.";
    };
    type = mkOption {
      type = types.enum [ "file" "block" ];
      default = "file";
      description = "Whether the source is an image or a block device.";
    };
    device = mkOption {
      type = types.enum [ "disk" "cdrom" ];
      default = "disk";
      description = "What the guest sees.";
    };
    create = mkOption {
      type = types.nullOr size;
      default = null;
      description =
        "Size of an empty image that is made where the source does not exist. What exists is never touched. Null makes none.";
      example = "64GiB";
    };
    format = mkOption {
      type = types.nullOr (types.enum [ "qcow2" "raw" ]);
      default = null;
      description = "Null is qcow2 for image files of disks, else raw.";
    };
    bus = mkOption {
      type = types.nullOr (types.enum [ "virtio" "sata" "scsi" "usb" "nvme" ]);
      default = null;
      description = "Null is virtio, sata for CD-ROMs. nvme needs libvirt 11.5.";
    };
    target = mkOption {
      type = types.nullOr diskTarget;
      default = null;
      description = "Null counts up.";
    };
    cache = mkOption {
      type = types.nullOr (types.enum [ "none" "writeback" "writethrough" "directsync" "unsafe" ]);
      default = null;
      description = "Host page cache. Null leaves it to libvirt.";
      example = "none";
    };
    io = mkOption {
      type = types.nullOr (types.enum [ "native" "threads" "io_uring" ]);
      default = null;
      description = "Asynchronous I/O. Null leaves it to libvirt.";
    };
    discard = mkOption {
      type = types.nullOr (types.enum [ "unmap" "ignore" "default" ]);
      default = null;
      description = "Null is unmap for disks; \"default\" writes no attribute.";
    };
    iothread = mkOption {
      type = types.nullOr (types.ints.between 1 64);
      default = null;
      description = "The iothread that serves it (virtio only).";
    };
    bootOrder = mkOption {
      type = types.nullOr (types.ints.between 1 99);
      default = null;
      description = "Place in the boot order, from 1.";
      example = 1;
    };
    readonly = mkOption {
      type = types.nullOr types.bool;
      default = null;
      description = "Null is true for CD-ROMs.";
    };
    serial = mkOption {
      type = types.nullOr diskSerial;
      default = null;
      description = "Its serial number.";
    };
    address = mkOption {
      type = types.nullOr address;
      default = null;
      description =
        "Its PCI address in the guest. Null leaves it to the plan or to libvirt. virtio and nvme only.";
    };
    driveAddress = mkOption {
      type = types.nullOr diskDriveAddress;
      default = null;
      description = "Its address on a SATA or SCSI controller, controller:bus:target:unit.";
      example = "0:0:0:1";
    };
  };
  networkOptions = {
    type = mkOption {
      type = types.enum [ "network" "bridge" "direct" "user" ];
      default = "network";
      description = "How it reaches the outside.";
    };
    source = mkOption {
      type = word;
      default = "default";
      description = "libvirt's network, the bridge, or the host interface (direct). Not for user.";
    };
    model = mkOption {
      type = types.enum [ "virtio" "e1000e" "rtl8139" ];
      default = "virtio";
      description = "The card that the guest sees.";
    };
    mac = mkOption {
      type = types.nullOr mac;
      default = null;
      description = "Its MAC address. Null lets libvirt make one.";
      example = "52:54:00:12:34:56";
    };
    bootOrder = mkOption {
      type = types.nullOr (types.ints.between 1 99);
      default = null;
      description = "Place in the boot order, from 1.";
    };
    address = mkOption {
      type = types.nullOr address;
      default = null;
      description = "Its PCI address in the guest. Null leaves it to the plan or to libvirt.";
    };
  };
  hostUsbDeviceOptions = {
    id = mkOption {
      type = pciId;
      description = "Its vendor and product id (lsusb).";
      example = "046d:c52b";
    };
    port = mkOption {
      type = types.nullOr (types.ints.between 1 15);
      default = null;
      description = "The guest's USB port. Null leaves it to libvirt.";
    };
  };
  evdevOptions = {
    dev = mkOption {
      type = path;
      description = "The host's input device.";
      example = "/dev/input/by-path/platform-i8042-serio-0-event-kbd";
    };
    grab = mkOption {
      type = types.enum [ "all" "none" ];
      default = "all";
      description = "\"all\" grabs every evdev device with this one.";
    };
    grabToggle = mkOption {
      type =
        types.nullOr (types.enum [ "ctrl-ctrl" "alt-alt" "shift-shift" "meta-meta" "scrolllock" "ctrl-scrolllock" ]);
      default = null;
      description = "The keys that switch host and guest. Null is libvirt's (both Ctrl keys).";
      example = "meta-meta";
    };
    repeat = mkOption {
      type = types.bool;
      default = true;
      description = "Auto repeat of keys.";
    };
  };
  inputOptions = {
    type = mkOption {
      type = types.enum [ "mouse" "keyboard" "tablet" ];
      description = "What it is.";
      example = "keyboard";
    };
    bus = mkOption {
      type = types.enum [ "ps2" "usb" "virtio" ];
      description = "Where it hangs.";
      example = "virtio";
    };
    address = mkOption {
      type = types.nullOr address;
      default = null;
      description =
        "Its PCI address in the guest. Null leaves it to the plan or to libvirt. virtio only.";
    };
  };
  channelOptions = {
    type = mkOption {
      type = types.enum [ "spicevmc" "unix" ];
      default = "spicevmc";
      description = "The SPICE agent's, or a socket of libvirt's.";
    };
    name = mkOption {
      type = channelName;
      default = "com.redhat.spice.0";
      description = "The port's name in the guest.";
    };
    port = mkOption {
      type = types.nullOr (types.ints.between 1 30);
      default = null;
      description = "Its port on the virtio-serial controller. Null leaves it to libvirt.";
    };
  };
  serialOptions = {
    type = mkOption {
      type = types.enum [ "pty" "file" "unix" ];
      default = "pty";
      description = "The host's end.";
    };
    path = mkOption {
      type = types.nullOr path;
      default = null;
      description = "The file or socket, where the type has one.";
    };
    port = mkOption {
      type = types.ints.between 0 3;
      default = 0;
      description = "The guest's serial port.";
    };
    console = mkOption {
      type = types.nullOr types.bool;
      default = null;
      description =
        "Whether <console> names it too: the first alone, where null is true. Left out, libvirt adds it.";
    };
  };
  watchdogOptions = {
    model = mkOption {
      type = types.enum [ "itco" "i6300esb" ];
      description = "The watchdog; itco needs libvirt 9.1.";
      example = "itco";
    };
    action = mkOption {
      type = types.enum [ "reset" "shutdown" "poweroff" "pause" "none" ];
      default = "reset";
      description = "What its expiry does.";
    };
  };
  windowsOptions = {
    capture = mkOption {
      type = types.nullOr (types.enum [ "d12" "dxgi" "nvfbc" ]);
      default = null;
      description = "How B7's host application captures. Null lets it choose.";
      example = "d12";
    };
    throttleFPS = mkOption {
      type = types.nullOr (types.ints.between 1 1000);
      default = null;
      description = "Upper bound of captured frames with B7. Unit: frames per second.";
    };
    virtualDisplay = mkOption {
      type = types.nullOr (types.enum [ "vdd" "iddsample" "none" ]);
      default = null;
      description =
        "What stands in for a monitor with B7: Virtual-Display-Driver, the older IddSampleDriver, or none (a dummy plug or a real monitor). Null is vdd with b7; idd brings its own.";
      example = "none";
    };
  };
  screamOptions = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "A user service that plays Scream's network audio. SPICE replaced it.";
    };
    interface = mkOption {
      type = word;
      default = "virbr0";
      description = "The network interface that it listens on.";
      example = "virbr1";
    };
    output = mkOption {
      type = types.enum [ "pulse" "alsa" "jack" ];
      default = "pulse";
      description = "Where the sound goes.";
      example = "alsa";
    };
  };
  guestFileOptions = {
    sha256 = mkOption {
      type = guestFileSha256;
      description = "Its checksum. A file with another one is never run.";
      example = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    };
    url = mkOption {
      type = types.nullOr guestFileUrl;
      default = null;
      description = "Where the guest may download it. Null takes it from the payload alone.";
    };
  };
  unattendedOptions = {
    user = mkOption {
      type = unattendedUser;
      description = "The name of the local account, an administrator.";
      example = "alice";
    };
    edition = mkOption {
      type = unattendedEdition;
      default = "Windows 11 Pro";
      description = "The edition, by the name that the medium gives it.";
    };
    language = mkOption {
      type = unattendedLanguage;
      default = "en-US";
      description = "The language of Windows: the medium's, or Setup asks.";
    };
    locale = mkOption {
      type = types.nullOr unattendedLanguage;
      default = null;
      description = "Formats of dates and numbers. Null is the language's.";
    };
    keyboard = mkOption {
      type = types.nullOr unattendedKeyboard;
      default = null;
      description = "The layout. Null is the locale's own.";
    };
    timeZone = mkOption {
      type = unattendedEdition;
      default = "UTC";
      description = "The time zone, by Windows' name (tzutil /l).";
      example = "China Standard Time";
    };
    computer = mkOption {
      type = unattendedComputer;
      default = "WINDOWS";
      description = "The computer's name, another than the user's.";
    };
    passwordFile = mkOption {
      type = types.nullOr path;
      default = null;
      description =
        "A file of yours alone (mode 0600); its first line is the password. Null: `optimux install` asks.";
      example = "/root/windows-password";
    };
    productKey = mkOption {
      type = types.nullOr unattendedProductKey;
      default = null;
      description = "Null lets the edition's name decide, and Windows ask later.";
    };
    disk = mkOption {
      type = types.nullOr unattendedDisk;
      default = null;
      description =
        "The target of the disk to install on. Null is the only disk. During the installation it is the only one.";
      example = "sda";
    };
    wipePhysicalDisk = mkOption {
      type = types.bool;
      default = false;
      description =
        "Whether that disk may be a device of the host. Setup still stops where it finds partitions on it.";
    };
    bypassRequirements = mkOption {
      type = types.bool;
      default = false;
      description =
        "Whether Setup passes over a missing TPM, Secure Boot or memory (LabConfig). Without need it is a warning.";
    };
  };
  vmOptions = {
    name = mkOption {
      type = types.nullOr vmName;
      default = null;
      description = "The domain's name. Null is the table's name.";
      example = "Windows 11";
    };
    uuid = mkOption {
      type = types.nullOr uuid;
      default = null;
      description = "The domain's UUID. Null derives one from the name.";
    };
    gpu = mkOption {
      type = types.nullOr word;
      default = null;
      description = "The GPU that it gets, a name of gpus. Null is none.";
      example = "dgpu";
    };
    autostart = mkOption {
      type = types.bool;
      default = false;
      description =
        "Whether it starts with the host, by a unit that waits for its GPU, its networks and the shared memory.";
    };
    whileRunning = {
      isolateCpus = mkOption {
        type = types.bool;
        default = false;
        description =
          "Keeps the host's programs off the CPUs that the vCPUs are pinned to (AllowedCPUs of system.slice, user.slice and init.scope), until the VM has ended.";
      };
      governor = mkOption {
        type = types.nullOr word;
        default = null;
        description =
          "How the host's CPUs choose their frequency until the VM has ended; null leaves it.";
        example = "performance";
      };
      hugepages = mkOption {
        type = types.bool;
        default = false;
        description =
          "Has the kernel make the huge pages for its memory before it starts, beside those that are reserved, and take them back after its end; the start is refused where memory is in too small pieces.";
      };
    };
    hooks = {
      prepare = mkOption {
        type = types.listOf path;
        default = [ ];
        description =
          "Programs that run before the VM starts, in order; one that fails keeps it from starting. They are called as libvirt calls its hook qemu, with the domain's XML on standard input, and must not call libvirt.";
        example = [ "/usr/local/bin/quiet-fans" ];
      };
      release = mkOption {
        type = types.listOf path;
        default = [ ];
        description = "Programs that run after the VM has ended and its devices are given back.";
        example = [ "/usr/local/bin/loud-fans" ];
      };
    };
    osId = mkOption {
      type = vmOsId;
      default = "http://microsoft.com/win/11";
      description = "libosinfo's id of the guest system.";
    };
    memory = mkOption {
      type = size;
      description = "The guest's memory.";
      example = "16GiB";
    };
    memoryBacking = {
      hugepages = mkOption {
        type = types.bool;
        default = false;
        description =
          "Whether guest memory comes from huge pages; reserve them in host.hugepages, or have them made for each start (whileRunning.hugepages).";
      };
      hugepageSize = mkOption {
        type = types.nullOr size;
        default = null;
        description = "Size of the pages. Null is the host's default.";
        example = "1GiB";
      };
      locked = mkOption {
        type = types.bool;
        default = false;
        description = "Locks guest memory in RAM. VFIO pins it anyway.";
      };
      nosharepages = mkOption {
        type = types.bool;
        default = false;
        description = "Keeps KSM from merging guest pages.";
      };
      access = mkOption {
        type = types.nullOr (types.enum [ "shared" "private" ]);
        default = null;
        description =
          "Whether other processes may map guest memory (virtiofs needs shared). Null leaves it to libvirt.";
        example = "shared";
      };
      source = mkOption {
        type = types.nullOr (types.enum [ "memfd" "file" "anonymous" ]);
        default = null;
        description = "What backs guest memory. Null leaves it to libvirt.";
        example = "memfd";
      };
    };
    vcpus = mkOption {
      type = types.nullOr (types.ints.between 1 1024);
      default = null;
      description = "Virtual CPUs. Null is the topology's product, or 4 without one.";
      example = 16;
    };
    cpu = {
      mode = mkOption {
        type = types.enum [ "host-passthrough" "host-model" "maximum" ];
        default = "host-passthrough";
        description = "What CPU the guest sees.";
      };
      check = mkOption {
        type = types.enum [ "none" "partial" "full" ];
        default = "none";
        description = "How libvirt checks the CPU.";
      };
      migratable = mkOption {
        type = types.bool;
        default = true;
        description = "Hides features that block migration (host-passthrough only).";
      };
      cache = mkOption {
        type = types.nullOr (types.enum [ "passthrough" "emulate" "disable" "none" ]);
        default = null;
        description =
          "The caches that the guest sees; \"none\" writes no element. Null is passthrough, and none with host-model.";
        example = "emulate";
      };
      topology = mkOption {
        type = types.nullOr (types.submodule { options = topologyOptions; });
        default = null;
        description =
          "Sockets, dies, cores, threads. Null is one socket with a core for each of vcpus.";
      };
      maxPhysAddr = mkOption {
        type = types.nullOr (types.submodule { options = maxPhysAddrOptions; });
        default = null;
        description =
          "Width of guest physical addresses. Null is the CPU's, or the IOMMU's where the facts show a narrower one.";
      };
      require = mkOption {
        type = types.listOf cpuRequire;
        default = [ ];
        description = "CPU features the guest must have.";
        example = [ "invtsc" ];
      };
      disable = mkOption {
        type = types.listOf cpuRequire;
        default = [ ];
        description = "CPU features the guest must not have.";
        example = [ "hypervisor" ];
      };
    };
    cpuTune = {
      vcpuPin = mkOption {
        type = types.attrsOf cpuSet;
        default = { };
        description = "Host CPUs of each vCPU.";
        example = {
          "0" = "2";
          "1" = "10";
        };
      };
      emulatorPin = mkOption {
        type = types.nullOr cpuSet;
        default = null;
        description = "Host CPUs of QEMU's own threads.";
        example = "0-1";
      };
      iothreads = mkOption {
        type = types.ints.between 0 64;
        default = 0;
        description = "How many iothreads disks may name.";
      };
      iothreadPin = mkOption {
        type = types.attrsOf cpuSet;
        default = { };
        description = "Host CPUs of each iothread, from 1.";
        example = {
          "1" = "0";
        };
      };
    };
    smbios = mkOption {
      type = types.nullOr (types.submodule { options = smbiosOptions; });
      default = null;
      description = "SMBIOS strings.";
    };
    machine = mkOption {
      type = types.nullOr vmMachine;
      default = null;
      description = "The machine type. Null is the planned QEMU's newest q35.";
      example = "pc-q35-8.0";
    };
    emulator = mkOption {
      type = types.nullOr path;
      default = null;
      description = "The QEMU binary. Null leaves it to libvirt.";
    };
    firmware = {
      type = mkOption {
        type = types.enum [ "efi" "bios" ];
        default = "efi";
        description =
          "OVMF, chosen by libvirt from the firmware descriptions on the host, or SeaBIOS.";
      };
      secureBoot = mkOption {
        type =
          types.nullOr (types.coercedTo types.bool (on: if on then "on" else "off") (types.enum [ "off" "capable" "on" ]));
        default = null;
        description =
          "Secure Boot's state: an image without it; one that can check signatures and holds no keys, which Windows 11's Setup accepts and which refuses nothing; one with Microsoft's keys, which refuses unsigned drivers. Null is \"capable\" where libvirt chooses the image, and \"off\" with an explicit loader or BIOS. false and true are \"off\" and \"on\".";
        example = "on";
      };
      loader = mkOption {
        type = types.nullOr path;
        default = null;
        description = "An explicit firmware image, in place of libvirt's choice.";
        example = "/usr/share/OVMF/OVMF_CODE_4M.fd";
      };
      nvramTemplate = mkOption {
        type = types.nullOr path;
        default = null;
        description = "The template of the variable store, with an explicit loader.";
        example = "/usr/share/OVMF/OVMF_VARS_4M.fd";
      };
      nvram = mkOption {
        type = types.nullOr path;
        default = null;
        description = "The variable store itself. Null leaves it to libvirt.";
        example = "/var/lib/libvirt/qemu/nvram/Windows11_VARS.fd";
      };
    };
    features = {
      kvmHidden = mkOption {
        type = types.bool;
        default = true;
        description = "Hides KVM's signature from the guest.";
      };
      vmport = mkOption {
        type = types.bool;
        default = false;
        description = "VMware's I/O port. Anti-cheat and drivers look for it.";
      };
      ioapic = mkOption {
        type = types.enum [ "kvm" "qemu" "default" ];
        default = "kvm";
        description = "Who emulates the I/O APIC; \"default\" writes no element.";
      };
      pmu = mkOption {
        type = types.nullOr types.bool;
        default = null;
        description = "Performance counters for the guest. Null leaves it to libvirt.";
      };
    };
    hyperv = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether any enlightenment is shown.";
      };
      relaxed = mkOption {
        type = types.bool;
        default = true;
        description = "No watchdog timeouts in the guest.";
      };
      vapic = mkOption {
        type = types.bool;
        default = true;
        description = "Virtual APIC page.";
      };
      spinlocks = mkOption {
        type = types.bool;
        default = true;
        description = "Guest spinlocks notify the host.";
      };
      spinlockRetries = mkOption {
        type = types.ints.between 4095 2147483647;
        default = 8191;
        description = "Attempts before the host is notified.";
      };
      vpindex = mkOption {
        type = types.bool;
        default = true;
        description = "Virtual processor index.";
      };
      runtime = mkOption {
        type = types.bool;
        default = true;
        description = "Processor run time.";
      };
      synic = mkOption {
        type = types.bool;
        default = true;
        description = "Synthetic interrupt controller.";
      };
      stimer = mkOption {
        type = types.bool;
        default = true;
        description = "Synthetic timers; need synic, vpindex and the hypervclock timer.";
      };
      stimerDirect = mkOption {
        type = types.bool;
        default = true;
        description = "Timer interrupts without messages.";
      };
      reset = mkOption {
        type = types.bool;
        default = false;
        description = "Reset by hypercall. Discouraged by QEMU.";
      };
      vendorId = mkOption {
        type = types.nullOr hypervVendorId;
        default = null;
        description = "Vendor id in place of Microsoft's. Unneeded with today's drivers.";
        example = "GenuineIntel";
      };
      frequencies = mkOption {
        type = types.bool;
        default = true;
        description = "TSC and APIC frequencies.";
      };
      reenlightenment = mkOption {
        type = types.bool;
        default = false;
        description = "Notification of TSC changes, for migration.";
      };
      tlbflush = mkOption {
        type = types.bool;
        default = true;
        description = "TLB flush by hypercall.";
      };
      tlbflushDirect = mkOption {
        type = types.bool;
        default = false;
        description = "Nested guests flush too; libvirt 11.0.";
      };
      tlbflushExtended = mkOption {
        type = types.bool;
        default = false;
        description = "Flush of ranges; libvirt 11.0.";
      };
      ipi = mkOption {
        type = types.bool;
        default = true;
        description = "Inter-processor interrupts by hypercall.";
      };
      evmcs = mkOption {
        type = types.nullOr types.bool;
        default = null;
        description = "Enlightened VMCS, Intel hosts only. Null is on there, off elsewhere.";
      };
      avic = mkOption {
        type = types.bool;
        default = true;
        description = "AVIC and APICv stay usable beside synic; libvirt 8.10.";
      };
      xmmInput = mkOption {
        type = types.bool;
        default = false;
        description = "Hypercall arguments in XMM registers; libvirt 10.7.";
      };
      emsrBitmap = mkOption {
        type = types.bool;
        default = false;
        description = "Enlightened MSR bitmap for nested guests; libvirt 10.7.";
      };
    };
    clock = {
      offset = mkOption {
        type = types.enum [ "localtime" "utc" ];
        default = "localtime";
        description = "Windows expects local time.";
      };
      timers = {
        rtcTickpolicy = mkOption {
          type = types.enum [ "catchup" "delay" "none" ];
          default = "catchup";
          description = "\"none\" writes no element.";
        };
        pitTickpolicy = mkOption {
          type = types.enum [ "delay" "discard" "none" ];
          default = "delay";
          description = "\"none\" writes no element.";
        };
        hpet = mkOption {
          type = types.bool;
          default = false;
          description = "The high precision event timer; slow under KVM.";
        };
        hypervclock = mkOption {
          type = types.bool;
          default = true;
          description = "Hyper-V's reference time.";
        };
        kvmclock = mkOption {
          type = types.nullOr types.bool;
          default = null;
          description = "KVM's clock. Null leaves it to libvirt.";
        };
        tscNative = mkOption {
          type = types.bool;
          default = false;
          description = "The TSC in mode native, with invtsc.";
        };
      };
    };
    lifecycle = {
      onPoweroff = mkOption {
        type = types.enum [ "destroy" "restart" ];
        default = "destroy";
        description = "After power off.";
      };
      onReboot = mkOption {
        type = types.enum [ "restart" "destroy" ];
        default = "restart";
        description = "After a reboot.";
      };
      onCrash = mkOption {
        type = types.enum [ "destroy" "restart" "preserve" ];
        default = "destroy";
        description = "After a crash.";
      };
    };
    powerManagement = {
      suspendToMem = mkOption {
        type = types.bool;
        default = false;
        description = "Whether firmware offers S3.";
      };
      suspendToDisk = mkOption {
        type = types.bool;
        default = false;
        description = "Whether firmware offers S4.";
      };
    };
    pci = {
      gpu = mkOption {
        type = address;
        default = "0000:01:00.0";
        description =
          "Where the guest sees function 0 of its GPU; the bus is the index of a root port.";
        example = "0000:05:00.0";
      };
      firstRootPort = mkOption {
        type = address;
        default = "0000:00:01.0";
        description =
          "Where root port 1 sits; further ports take the next functions, then the next free slots.";
        example = "0000:00:02.0";
      };
      rootPorts = mkOption {
        type = types.nullOr (types.ints.between 0 32);
        default = null;
        description =
          "How many root ports are written. Null writes those that the planned addresses need; libvirt adds its own.";
        example = 14;
      };
      ivshmem = mkOption {
        type = placement;
        default = "0000:00:10.0";
        description =
          "Where the guest sees the shared memory; \"auto\" leaves that of kvmfr memory to QEMU, which may collide.";
        example = "auto";
      };
      hole64 = mkOption {
        type = types.nullOr size;
        default = null;
        description =
          "Size of the 64-bit PCI hole (pcihole64), for resizable BARs larger than firmware expects.";
        example = "64GiB";
      };
    };
    disks = mkOption {
      type = types.listOf (types.submodule { options = diskOptions; });
      default = [ ];
      description = "Disks and CD-ROM drives, in order.";
    };
    networks = mkOption {
      type = types.listOf (types.submodule { options = networkOptions; });
      default = [ { } ];
      description = "Network cards, in order.";
    };
    usb = {
      model = mkOption {
        type = types.enum [ "qemu-xhci" "nec-xhci" "ich9-ehci1" "none" ];
        default = "qemu-xhci";
        description = "The guest's USB controller; \"none\" removes it.";
      };
      ports = mkOption {
        type = types.ints.between 1 15;
        default = 15;
        description = "Its ports (xHCI only).";
      };
      address = mkOption {
        type = types.nullOr address;
        default = null;
        description = "Its PCI address in the guest. Null leaves it to the plan or to libvirt.";
      };
      hostDevices = mkOption {
        type = types.listOf (types.submodule { options = hostUsbDeviceOptions; });
        default = [ ];
        description = "USB devices of the host, given away.";
      };
      redirectionPorts = mkOption {
        type = types.listOf (types.ints.between 0 15);
        default = [ ];
        description =
          "One SPICE USB redirection channel an entry: the guest's USB port, 0 leaves it to libvirt.";
        example = [
          2
          3
        ];
      };
    };
    evdev = mkOption {
      type = types.listOf (types.submodule { options = evdevOptions; });
      default = [ ];
      description = "Host input devices, shared by a key.";
    };
    inputs = mkOption {
      type = types.listOf (types.submodule { options = inputOptions; });
      default = [
        {
          type = "mouse";
          bus = "virtio";
        }
        {
          type = "keyboard";
          bus = "virtio";
        }
      ];
      description =
        "Emulated input devices, beside PS/2's own. The idd release brings its own input: there the default is none.";
    };
    spice = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "A SPICE server: input, clipboard and sound of Looking Glass use it.";
      };
      port = mkOption {
        type = types.nullOr (types.ints.between 1 65535);
        default = null;
        description = "Its TCP port. Null picks one (autoport).";
        example = 5900;
      };
      listen = mkOption {
        type = types.enum [ "address" "none" ];
        default = "address";
        description =
          "On an address, or \"none\": only by file descriptor, which Looking Glass cannot use.";
      };
      address = mkOption {
        type = types.nullOr ipAddress;
        default = null;
        description = "The address it listens on. Null is libvirt's (127.0.0.1).";
        example = "127.0.0.1";
      };
      imageCompression = mkOption {
        type = types.enum [ "off" "auto_glz" "auto_lz" "quic" "glz" "lz" "default" ];
        default = "off";
        description = "Compression of images; \"default\" writes no element.";
      };
    };
    channels = mkOption {
      type = types.listOf (types.submodule { options = channelOptions; });
      default = [
        { }
        {
          type = "unix";
          name = "org.qemu.guest_agent.0";
        }
      ];
      description = "virtio-serial channels: by default SPICE's and the guest agent's.";
    };
    virtioSerialAddress = mkOption {
      type = types.nullOr address;
      default = null;
      description = "PCI address of the virtio-serial controller. Null leaves it to libvirt.";
    };
    sound = {
      model = mkOption {
        type = types.enum [ "ich9" "ich6" "ac97" "usb" "virtio" "none" ];
        default = "ich9";
        description = "The sound card; virtio needs libvirt 10.4.";
      };
      backend = mkOption {
        type = types.enum [ "spice" "pulseaudio" "pipewire" "alsa" "none" ];
        default = "spice";
        description = "Where the sound goes. pipewire needs libvirt 9.10.";
      };
      codec = mkOption {
        type = types.nullOr (types.enum [ "duplex" "micro" "output" ]);
        default = null;
        description = "Codec of an HDA card. Null is libvirt's.";
      };
      address = mkOption {
        type = types.nullOr address;
        default = null;
        description = "Its PCI address in the guest. Null leaves it to the plan or to libvirt.";
      };
    };
    video = {
      model = mkOption {
        type = types.enum [ "vga" "qxl" "virtio" "bochs" "none" ];
        default = "vga";
        description = "The emulated display.";
      };
      ram = mkOption {
        type = types.nullOr (types.ints.between 1024 1073741824);
        default = null;
        description = "QXL's primary memory, a power of two. Unit: KiB.";
        example = 65536;
      };
      vram = mkOption {
        type = types.nullOr (types.ints.between 1024 1073741824);
        default = null;
        description = "Video memory, a power of two. Unit: KiB.";
        example = 16384;
      };
      vgamem = mkOption {
        type = types.nullOr (types.ints.between 1024 1073741824);
        default = null;
        description = "QXL's VGA memory, a power of two. Unit: KiB.";
        example = 16384;
      };
      heads = mkOption {
        type = types.ints.between 1 16;
        default = 1;
        description = "How many monitors it drives.";
      };
      address = mkOption {
        type = types.nullOr address;
        default = null;
        description = "Its PCI address in the guest. Null is 00:02.0, if free.";
      };
    };
    tpm = {
      backend = mkOption {
        type = types.enum [ "emulator" "passthrough" "none" ];
        default = "emulator";
        description = "swtpm, the host's own TPM (which the guest then owns), or none.";
      };
      model = mkOption {
        type = types.enum [ "tpm-crb" "tpm-tis" ];
        default = "tpm-crb";
        description = "What the guest sees.";
      };
      version = mkOption {
        type = types.enum [ "2.0" "1.2" ];
        default = "2.0";
        description = "Version of the emulated TPM.";
      };
      device = mkOption {
        type = path;
        default = "/dev/tpm0";
        description = "The host's TPM, with passthrough.";
        example = "/dev/tpmrm0";
      };
    };
    serials = mkOption {
      type = types.listOf (types.submodule { options = serialOptions; });
      default = [ ];
      description = "Serial ports.";
    };
    watchdog = mkOption {
      type = types.nullOr (types.submodule { options = watchdogOptions; });
      default = null;
      description = "A watchdog.";
    };
    memballoon = mkOption {
      type = types.bool;
      default = false;
      description = "A memory balloon; slow with VFIO.";
    };
    battery = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether the guest has the battery table. Needs ACPI.";
      };
      variant = mkOption {
        type = renamed { "article" = "battery-only"; } (types.enum [ "full" "battery-only" ]);
        default = "full";
        description =
          "full: adapter and battery with _BIX, in mWh; battery-only: no adapter, and _BIF alone, in mAh.";
      };
      attach = mkOption {
        type = types.nullOr (types.enum [ "acpi" "commandline" ]);
        default = null;
        description =
          "How QEMU gets it: libvirt's <acpi><table> (11.2 and newer) or a -acpitable argument. Null is acpi where the planned libvirt has it.";
        example = "commandline";
      };
      path = mkOption {
        type = types.nullOr path;
        default = null;
        description =
          "Where the table lies on the host. Null is /var/lib/libvirt/acpi/optimux-<vm>.aml: AppArmor lets QEMU read that folder, not /etc or /usr/share.";
        example = "/var/lib/libvirt/acpi/ssdt1.dat";
      };
      capacity = mkOption {
        type = types.nullOr (types.ints.between 1 1000000);
        default = null;
        description =
          "Design capacity: mWh for full, mAh for battery-only. Null is the variant's own.";
        example = 83000;
      };
      voltage = mkOption {
        type = types.nullOr (types.ints.between 1 100000);
        default = null;
        description = "Design voltage. Null is the variant's. Unit: mV.";
        example = 11550;
      };
      model = mkOption {
        type = types.nullOr batteryOptionsModel;
        default = null;
        description = "Model number.";
        example = "HSTNN-DB9P";
      };
      serial = mkOption {
        type = types.nullOr batteryOptionsSerial;
        default = null;
        description = "Serial number.";
        example = "00421";
      };
      oem = mkOption {
        type = types.nullOr batteryOptionsOem;
        default = null;
        description = "OEM information.";
        example = "HP";
      };
    };
    lookingGlass = {
      enable = mkOption {
        type = types.nullOr types.bool;
        default = null;
        description =
          "Whether VMs with a GPU get the shared memory at all. Here null inherits the value of lookingGlass.";
      };
      release = mkOption {
        type = types.nullOr (types.enum [ "b7" "idd" ]);
        default = null;
        description =
          "B7, the newest tagged release, or idd, the master branch with its own display driver. Host and guest must be of one release. Here null inherits the value of lookingGlass.";
      };
      memory = mkOption {
        type = types.nullOr (types.enum [ "kvmfr" "shm" ]);
        default = null;
        description =
          "The kvmfr kernel module, whose memory the client reads by DMA, or a file in /dev/shm. Here null inherits the value of lookingGlass.";
      };
      displays = mkOption {
        type = types.nullOr (types.listOf (types.submodule { options = displayOptions; }));
        default = null;
        description =
          "The modes that the guest will show; the largest sets the size of the memory. Here null inherits the value of lookingGlass.";
      };
      size = mkOption {
        type = types.nullOr barSize;
        default = null;
        description =
          "Size of the shared memory, a power of two. Null computes it from the displays. Here null inherits the value of lookingGlass.";
      };
      sizeRule = mkOption {
        type =
          types.nullOr (renamed { "article" = "two-frames"; } (types.enum [ "release" "two-frames" ]));
        default = null;
        description =
          "The formula for the size: the release's own, or \"two-frames\", width x height / 131072, which is too small for B7 at several modes. Here null inherits the value of lookingGlass.";
      };
      user = mkOption {
        type = types.nullOr user;
        default = null;
        description =
          "The user that runs the client: made a member of the group, and owner of a file in /dev/shm. Here null inherits the value of lookingGlass.";
      };
      group = mkOption {
        type = types.nullOr user;
        default = null;
        description =
          "The group that may open the shared memory. A system group: of others udev takes no note, or warns. Here null inherits the value of lookingGlass.";
      };
      client = mkOption {
        type =
          types.nullOr (types.attrsOf (types.attrsOf (types.oneOf [ types.bool types.int types.str ])));
        default = null;
        description =
          "Settings of the client, by section and key. Known keys of the release are checked, others pass through. Here null inherits the value of lookingGlass.";
      };
      installClient = mkOption {
        type = types.nullOr types.bool;
        default = null;
        description =
          "Whether the client's package and /etc/looking-glass-client.ini are written. Here null inherits the value of lookingGlass.";
      };
      windows = mkOption {
        type = types.nullOr (types.submodule { options = windowsOptions; });
        default = null;
        description =
          "The files for the guest's side. Here null inherits the value of lookingGlass.";
      };
      scream = mkOption {
        type = types.nullOr (types.submodule { options = screamOptions; });
        default = null;
        description =
          "Sound by Scream over the network, off by default. Here null inherits the value of lookingGlass.";
      };
    };
    guestMedia = {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether the bundle holds optimux-guest.iso, which sets the guest up.";
      };
      attach = mkOption {
        type = types.bool;
        default = false;
        description = "Whether the domain has it as a CD; it may stay there, and needs enable.";
      };
      path = mkOption {
        type = types.nullOr path;
        default = null;
        description =
          "Where the medium lies on the host. Null is /var/lib/libvirt/images/optimux-<vm>.iso.";
        example = "/srv/iso/optimux-guest.iso";
      };
      files = mkOption {
        type = types.attrsOf (types.submodule { options = guestFileOptions; });
        default = { };
        description =
          "Programs that the setup may run, by file name: looking-glass-host-setup.exe, looking-glass-idd-setup.exe, virtual-display-driver.zip, nefconw.exe.";
        example = {
          "looking-glass-host-setup.exe" = {
            sha256 = "0000000000000000000000000000000000000000000000000000000000000000";
          };
        };
      };
      emulatedDisplayOff = mkOption {
        type = types.bool;
        default = false;
        description =
          "Whether the setup switches the emulated display off, once a capture is proven (B7).";
      };
    };
    windows = {
      iso = mkOption {
        type = types.nullOr path;
        default = null;
        description =
          "The medium of Windows, a CD-ROM behind the first disk in the boot order. `define` and `install` check that it is one.";
        example = "/var/lib/libvirt/images/Win11_25H2_English_x64.iso";
      };
      virtioWin = mkOption {
        type = types.nullOr path;
        default = null;
        description = "The medium with virtio's drivers, a further CD-ROM.";
        example = "/usr/share/virtio-win/virtio-win.iso";
      };
      unattended = mkOption {
        type = types.nullOr (types.submodule { options = unattendedOptions; });
        default = null;
        description =
          "Answers for Setup, used by `optimux install` alone: they are on no medium that stays.";
      };
    };
    iommufd = mkOption {
      type = types.bool;
      default = false;
      description = "Passes devices by iommufd (libvirt 12.1). Not together with kvmfr memory.";
    };
    extraXml = {
      domain = mkOption {
        type = xml;
        default = "";
        description = "Further children of <domain>.";
        example = "<title>Games</title>";
      };
      os = mkOption {
        type = xml;
        default = "";
        description = "Further children of <os>.";
      };
      features = mkOption {
        type = xml;
        default = "";
        description = "Further children of <features>.";
        example = "<msrs unknown='ignore'/>";
      };
      cpu = mkOption {
        type = xml;
        default = "";
        description = "Further children of <cpu>.";
      };
      clock = mkOption {
        type = xml;
        default = "";
        description = "Further children of <clock>.";
      };
      devices = mkOption {
        type = xml;
        default = "";
        description = "Further children of <devices>.";
        example = "<rng model='virtio'/>";
      };
      qemuArgs = mkOption {
        type = types.listOf extraXmlQemuArgs;
        default = [ ];
        description = "Further arguments of QEMU, one a string.";
        example = [
          "-global"
          "ICH9-LPC.disable_s3=1"
        ];
      };
    };
  };
in
{
  options = {
    host = {
      distribution = mkOption (platform.distribution // {
    type =
      types.nullOr (types.enum [ "nixos" "arch" "debian" "fedora" "fedora-atomic" "opensuse" ]);
    description =
      "Whose files are written: the family, or any distribution of it (ubuntu, cachyos, bazzite …). Null takes it from the facts; without facts it must be given.";
    example = "arch";
  });
      initramfs = mkOption (platform.initramfs // {
    type = types.nullOr (types.enum [ "mkinitcpio" "dracut" "initramfs-tools" "booster" ]);
    description =
      "What builds the initramfs. Null is what the facts show to be in use, else the distribution's own: mkinitcpio on Arch, initramfs-tools on Debian, dracut on Fedora and openSUSE. Meaningless on NixOS, and where the initramfs is part of an image.";
    example = "dracut";
  });
      bootLoader = mkOption (platform.bootLoader // {
    type =
      types.nullOr (types.enum [ "grub" "systemd-boot" "grubby" "limine" "uki" "rpm-ostree" "refind" "sdbootutil" "sdboot-manage" "kernelstub" "manual" ]);
    description =
      "What holds the kernel command line; uki is a unified kernel image, manual has parameters only printed. Null is what the facts show to be in use, else grub on Arch, Debian and openSUSE, grubby on Fedora, rpm-ostree on its atomic kin. Meaningless on NixOS.";
    example = "systemd-boot";
  });
      cpuVendor = mkOption (platform.cpuVendor // {
    type = types.nullOr (types.enum [ "intel" "amd" ]);
    description =
      "The host's CPU vendor: decides intel_iommu=on, evmcs and topoext. Null takes it from the facts.";
    example = "intel";
  });
      libvirtVersion = mkOption (platform.libvirtVersion // {
    type = types.nullOr version;
    description =
      "The libvirt that will read the domain. Null takes it from the facts, else the distribution's oldest.";
    example = "11.3";
  });
      qemuVersion = mkOption (platform.qemuVersion // {
    type = types.nullOr version;
    description =
      "The QEMU that will run the domain. Null takes it from the facts, else the distribution's oldest.";
    example = "10.0";
  });
      kernelVersion = mkOption (platform.kernelVersion // {
    type = types.nullOr version;
    description =
      "The host's kernel: before 6.2 the module vfio_virqfd exists. Null takes it from the facts, else the distribution's oldest.";
    example = "6.12";
  });
      securityModule = mkOption (platform.securityModule // {
    type = types.nullOr (types.enum [ "apparmor" "selinux" "none" ]);
    description =
      "The security module that confines QEMU. Null takes it from the facts, else AppArmor on Debian, SELinux on Fedora and openSUSE, none on Arch and NixOS.";
    example = "apparmor";
  });
      iommuPassthrough = mkOption {
        type = types.bool;
        default = true;
        description = "Adds iommu=pt: devices that stay with the host are not translated.";
      };
      hugepages = mkOption {
        type = types.listOf (types.submodule { options = hugepagesOptions; });
        default = [ ];
        description = "Huge pages reserved on the kernel command line, one entry a size.";
      };
      extraKernelParams = mkOption {
        type = types.listOf hostExtraKernelParams;
        default = [ ];
        description =
          "Further kernel parameters, each one word. The escape hatch of the command line.";
        example = [ "pcie_acs_override=downstream" ];
      };
      deviceAcl = mkOption {
        type = types.listOf path;
        default = [ ];
        description =
          "Further devices that guests may open: they join libvirt's own list and kvmfr's in cgroup_device_acl.";
        example = [ "/dev/input/by-id/usb-Keyboard-event-kbd" ];
      };
      networks = mkOption {
        type = types.attrsOf (types.submodule { options = libvirtNetworkOptions; });
        default = { };
        description =
          "libvirt's networks to define for the VMs, by name. These, and those of libvirt that a VM is on, are started, now and at boot.";
        example = {
          lab = {
            address = "192.168.150.1/24";
          };
        };
      };
      pools = mkOption {
        type = types.attrsOf (types.submodule { options = storagePoolOptions; });
        default = { };
        description =
          "Storage pools of libvirt to define, by name: folders of images. They are started, now and at boot.";
        example = {
          images = {
            path = "/var/lib/libvirt/images";
          };
        };
      };
    };
    gpus = mkOption {
      type = types.attrsOf (types.submodule { options = gpuOptions; });
      default = { };
      description = "The cards that VMs may be given, by a name of your choice.";
    };
    lookingGlass = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether VMs with a GPU get the shared memory at all.";
      };
      release = mkOption {
        type = types.enum [ "b7" "idd" ];
        default = "b7";
        description =
          "B7, the newest tagged release, or idd, the master branch with its own display driver. Host and guest must be of one release.";
        example = "idd";
      };
      memory = mkOption {
        type = types.enum [ "kvmfr" "shm" ];
        default = "kvmfr";
        description =
          "The kvmfr kernel module, whose memory the client reads by DMA, or a file in /dev/shm.";
        example = "shm";
      };
      displays = mkOption {
        type = types.listOf (types.submodule { options = displayOptions; });
        default = [
          {
            width = 1920;
            height = 1080;
          }
        ];
        description =
          "The modes that the guest will show; the largest sets the size of the memory.";
        example = [
          {
            width = 3840;
            height = 2160;
          }
        ];
      };
      size = mkOption {
        type = types.nullOr barSize;
        default = null;
        description =
          "Size of the shared memory, a power of two. Null computes it from the displays.";
        example = "128MiB";
      };
      sizeRule = mkOption {
        type = renamed { "article" = "two-frames"; } (types.enum [ "release" "two-frames" ]);
        default = "release";
        description =
          "The formula for the size: the release's own, or \"two-frames\", width x height / 131072, which is too small for B7 at several modes.";
        example = "two-frames";
      };
      user = mkOption {
        type = types.nullOr user;
        default = null;
        description =
          "The user that runs the client: made a member of the group, and owner of a file in /dev/shm.";
        example = "alice";
      };
      group = mkOption {
        type = user;
        default = "kvm";
        description =
          "The group that may open the shared memory. A system group: of others udev takes no note, or warns.";
        example = "libvirt";
      };
      client = mkOption {
        type = types.attrsOf (types.attrsOf (types.oneOf [ types.bool types.int types.str ]));
        default = { };
        description =
          "Settings of the client, by section and key. Known keys of the release are checked, others pass through.";
        example = {
          win = {
            fullScreen = true;
          };
        };
      };
      installClient = mkOption {
        type = types.bool;
        default = true;
        description = "Whether the client's package and /etc/looking-glass-client.ini are written.";
      };
      windows = {
        capture = mkOption {
          type = types.nullOr (types.enum [ "d12" "dxgi" "nvfbc" ]);
          default = null;
          description = "How B7's host application captures. Null lets it choose.";
          example = "d12";
        };
        throttleFPS = mkOption {
          type = types.nullOr (types.ints.between 1 1000);
          default = null;
          description = "Upper bound of captured frames with B7. Unit: frames per second.";
        };
        virtualDisplay = mkOption {
          type = types.nullOr (types.enum [ "vdd" "iddsample" "none" ]);
          default = null;
          description =
            "What stands in for a monitor with B7: Virtual-Display-Driver, the older IddSampleDriver, or none (a dummy plug or a real monitor). Null is vdd with b7; idd brings its own.";
          example = "none";
        };
      };
      scream = {
        enable = mkOption {
          type = types.bool;
          default = false;
          description = "A user service that plays Scream's network audio. SPICE replaced it.";
        };
        interface = mkOption {
          type = word;
          default = "virbr0";
          description = "The network interface that it listens on.";
          example = "virbr1";
        };
        output = mkOption {
          type = types.enum [ "pulse" "alsa" "jack" ];
          default = "pulse";
          description = "Where the sound goes.";
          example = "alsa";
        };
      };
    };
    vms = mkOption {
      type = types.attrsOf (types.submodule { options = vmOptions; });
      default = { };
      description = "The virtual machines, by name.";
    };
  };
  shape = {
    table = {
      host = {
        table = {
          libvirtVersion = forms.version;
          qemuVersion = forms.version;
          kernelVersion = forms.version;
          hugepages = {
            items = {
              table = {
                size = {
                  required = "a size with a unit such as \"16GiB\"";
                  value = forms.size;
                };
                count = {
                  required = "a whole number from 1 to 16777216";
                };
              };
            };
          };
          extraKernelParams = {
            items = forms.hostExtraKernelParams;
          };
          deviceAcl = {
            items = forms.path;
          };
          networks = {
            names = forms.word;
            each = {
              table = {
                bridge = forms.libvirtNetworkBridge;
                address = {
                  required = "an IPv4 address and a prefix such as \"192.168.150.1/24\"";
                  value = forms.libvirtNetworkAddress;
                };
              };
            };
          };
          pools = {
            names = forms.word;
            each = {
              table = {
                path = {
                  required =
                    "an absolute path without quotes, tabs or a trailing slash, such as /a/b";
                  value = forms.path;
                };
              };
            };
          };
        };
      };
      gpus = {
        names = forms.optionsGpusName;
        each = {
          table = {
            functions = {
              items = {
                table = {
                  address = {
                    required = "a PCI address such as \"0000:01:00.0\"";
                    value = forms.address;
                  };
                  id = {
                    required = "a vendor and device id such as \"10de:249d\"";
                    value = forms.pciId;
                  };
                  guestAddress = forms.address;
                };
              };
              least = 1;
              most = 4;
            };
            otherDevices = {
              items = {
                table = {
                  address = {
                    required = "a PCI address such as \"0000:01:00.0\"";
                    value = forms.address;
                  };
                  id = {
                    required = "a vendor and device id such as \"10de:249d\"";
                    value = forms.pciId;
                  };
                  guestAddress = forms.address;
                };
              };
              most = 16;
            };
            softdeps = {
              items = forms.module;
            };
            blacklist = {
              items = forms.module;
            };
            rom = {
              table = {
                file = forms.path;
              };
            };
            subsystemIds = {
              table = {
                vendor = {
                  required = "a whole number from 0 to 65535";
                };
                device = {
                  required = "a whole number from 0 to 65535";
                };
              };
            };
          };
        };
        most = 1000;
      };
      lookingGlass = {
        table = {
          displays = {
            items = {
              table = {
                width = {
                  required = "a whole number from 1 to 16384";
                };
                height = {
                  required = "a whole number from 1 to 16384";
                };
              };
            };
            least = 1;
            most = 16;
          };
          size = forms.barSize;
          user = forms.user;
          group = forms.user;
          client = {
            names = forms.setting;
            each = {
              names = forms.setting;
            };
          };
          scream = {
            table = {
              interface = forms.word;
            };
          };
        };
      };
      vms = {
        names = forms.optionsVmsName;
        each = {
          table = {
            name = forms.vmName;
            uuid = forms.uuid;
            gpu = forms.word;
            whileRunning = {
              table = {
                governor = forms.word;
              };
            };
            hooks = {
              table = {
                prepare = {
                  items = forms.path;
                };
                release = {
                  items = forms.path;
                };
              };
            };
            osId = forms.vmOsId;
            memory = {
              required = "a size with a unit such as \"16GiB\"";
              value = forms.size;
            };
            memoryBacking = {
              table = {
                hugepageSize = forms.size;
              };
            };
            cpu = {
              table = {
                topology = {
                  table = {
                    cores = {
                      required = "a whole number from 1 to 1024";
                    };
                  };
                };
                require = {
                  items = forms.cpuRequire;
                };
                disable = {
                  items = forms.cpuRequire;
                };
              };
            };
            cpuTune = {
              table = {
                vcpuPin = {
                  names = forms.cpuTuneVcpuPinName;
                  each = forms.cpuSet;
                };
                emulatorPin = forms.cpuSet;
                iothreadPin = {
                  names = forms.cpuTuneVcpuPinName;
                  each = forms.cpuSet;
                };
              };
            };
            smbios = {
              table = {
                mode = {
                  required = "one of \"host\", \"sysinfo\", \"emulate\"";
                };
                bios = {
                  each = forms.smbiosBios;
                };
                system = {
                  each = forms.smbiosBios;
                };
                baseBoard = {
                  each = forms.smbiosBios;
                };
              };
            };
            machine = forms.vmMachine;
            emulator = forms.path;
            firmware = {
              table = {
                loader = forms.path;
                nvramTemplate = forms.path;
                nvram = forms.path;
              };
            };
            hyperv = {
              table = {
                vendorId = forms.hypervVendorId;
              };
            };
            pci = {
              table = {
                gpu = forms.address;
                firstRootPort = forms.address;
                ivshmem = forms.placement;
                hole64 = forms.size;
              };
            };
            disks = {
              items = {
                table = {
                  source = forms.path;
                  create = forms.size;
                  target = forms.diskTarget;
                  serial = forms.diskSerial;
                  address = forms.address;
                  driveAddress = forms.diskDriveAddress;
                };
              };
            };
            networks = {
              items = {
                table = {
                  source = forms.word;
                  mac = forms.mac;
                  address = forms.address;
                };
              };
            };
            usb = {
              table = {
                address = forms.address;
                hostDevices = {
                  items = {
                    table = {
                      id = {
                        required = "a vendor and device id such as \"10de:249d\"";
                        value = forms.pciId;
                      };
                    };
                  };
                };
              };
            };
            evdev = {
              items = {
                table = {
                  dev = {
                    required =
                      "an absolute path without quotes, tabs or a trailing slash, such as /a/b";
                    value = forms.path;
                  };
                };
              };
            };
            inputs = {
              items = {
                table = {
                  type = {
                    required = "one of \"mouse\", \"keyboard\", \"tablet\"";
                  };
                  bus = {
                    required = "one of \"ps2\", \"usb\", \"virtio\"";
                  };
                  address = forms.address;
                };
              };
            };
            spice = {
              table = {
                address = forms.ipAddress;
              };
            };
            channels = {
              items = {
                table = {
                  name = forms.channelName;
                };
              };
            };
            virtioSerialAddress = forms.address;
            sound = {
              table = {
                address = forms.address;
              };
            };
            video = {
              table = {
                address = forms.address;
              };
            };
            tpm = {
              table = {
                device = forms.path;
              };
            };
            serials = {
              items = {
                table = {
                  path = forms.path;
                };
              };
            };
            watchdog = {
              table = {
                model = {
                  required = "one of \"itco\", \"i6300esb\"";
                };
              };
            };
            battery = {
              table = {
                path = forms.path;
                model = forms.batteryOptionsModel;
                serial = forms.batteryOptionsSerial;
                oem = forms.batteryOptionsOem;
              };
            };
            lookingGlass = {
              table = {
                displays = {
                  items = {
                    table = {
                      width = {
                        required = "a whole number from 1 to 16384";
                      };
                      height = {
                        required = "a whole number from 1 to 16384";
                      };
                    };
                  };
                  least = 1;
                  most = 16;
                };
                size = forms.barSize;
                user = forms.user;
                group = forms.user;
                client = {
                  names = forms.setting;
                  each = {
                    names = forms.setting;
                  };
                };
                scream = {
                  table = {
                    interface = forms.word;
                  };
                };
              };
            };
            guestMedia = {
              table = {
                path = forms.path;
                files = {
                  names = forms.guestMediaFilesName;
                  each = {
                    table = {
                      sha256 = {
                        required = "64 hexadecimal digits in lower case, as sha256sum prints them";
                        value = forms.guestFileSha256;
                      };
                      url = forms.guestFileUrl;
                    };
                  };
                };
              };
            };
            windows = {
              table = {
                iso = forms.path;
                virtioWin = forms.path;
                unattended = {
                  table = {
                    user = {
                      required =
                        "at most 20 characters, none of \"/\\[]:;|=,+*?<>@, no dot at the end";
                      value = forms.unattendedUser;
                    };
                    edition = forms.unattendedEdition;
                    language = forms.unattendedLanguage;
                    locale = forms.unattendedLanguage;
                    keyboard = forms.unattendedKeyboard;
                    timeZone = forms.unattendedEdition;
                    computer = forms.unattendedComputer;
                    passwordFile = forms.path;
                    productKey = forms.unattendedProductKey;
                    disk = forms.unattendedDisk;
                  };
                };
              };
            };
            extraXml = {
              table = {
                qemuArgs = {
                  items = forms.extraXmlQemuArgs;
                };
              };
            };
          };
        };
        most = 1000;
      };
    };
  };
}
