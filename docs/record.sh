#!/bin/sh
# What optimux detect reads of this machine, copied into a new folder: sh docs/record.sh recorded [ROOT]
#
# Of sysfs these files alone: others wake a card that sleeps when they are read. By cp, which reads a file to its end:
# tar goes by the sizes that sysfs states, and pads what it took with zeros.
set -eu
mkdir "$1"
to=$(cd "$1" && pwd)
cd "${2:-/}"
for folder in sys/firmware/acpi/tables sys/firmware/efi; do
  [ ! -d "$folder" ] || mkdir -p "$to/$folder"
done

pci='vendor|device|class|subsystem_(vendor|device)|modalias|driver_override|boot_(vga|display)|power_state|numa_node'
pci="$pci|power/runtime_status|d3cold_allowed|reset_method|resource|sriov_(numvfs|totalvfs)|removable"
drm='status|enabled|edid|gpu_mux_mode(/current_value)?'
usb='id(Vendor|Product)|bDeviceClass|bInterfaceClass|manufacturer|product'
others='size|dev|model|id/bustype|capabilities/(ev|key|rel)|tpm_version_major|cap|sys_vendor|chassis_type'
cpu='online|cpus|cpulist|shared_cpu_list|thread_siblings_list|physical_package_id|(nr|free)_hugepages'
system='product_(name|version|family)|tables/(DMAR|IVRS)|lsm|lockdown|enforce|parameters/[a-z_]+'

{
  find sys/devices sys/bus/pci sys/bus/usb/devices sys/class sys/block sys/firmware sys/fs/selinux/enforce \
    sys/kernel/iommu_groups sys/kernel/mm/hugepages sys/kernel/security sys/module/kvmfr sys/module/vfio \
    sys/module/apparmor -regextype egrep \
    \( -type l -o -type f -regex ".*/($pci|$drm|$usb|$others|$cpu|$system)" \) -print0
  find sys/firmware/efi/efivars -regextype egrep -regex '.*/(LoaderInfo|StubInfo|SecureBoot|MokListRT)-.*' -print0
  find proc/cmdline proc/cpuinfo proc/meminfo proc/swaps proc/self/mountinfo proc/sys/kernel/osrelease \
    proc/sys/kernel/arch -print0
  find etc/os-release usr/lib/os-release etc/passwd etc/group var/lib/dpkg/status var/lib/pacman/local \
    usr/lib/x86_64-linux-gnu/libvirt.so.* usr/lib64/libvirt.so.* usr/lib/libvirt.so.* usr/bin/swtpm \
    usr/local/bin/swtpm usr/bin/mkinitcpio usr/bin/dracut usr/sbin/mkinitramfs usr/bin/booster usr/bin/sdbootutil \
    usr/bin/grubby usr/sbin/grubby sbin/grubby lib/modules/*/modules.alias lib/modules/*/modules.dep \
    etc/qemu/firmware usr/share/qemu/firmware \( -type f -o -type l \) -print0
  find usr/share/OVMF usr/share/edk2* usr/share/qemu -iname '*vars*' -print0
  find boot/limine.conf boot/limine/limine.conf boot/refind_linux.conf boot/loader efi/loader boot/efi/loader \
    boot/grub/grub.cfg boot/grub2/grub.cfg etc/default/grub etc/default/grub.d etc/default/limine etc/cmdline.d \
    etc/kernel etc/kernelstub etc/limine-entry-tool.d etc/mkinitcpio.d etc/sdboot-manage.conf -type f -print0
  find etc/modprobe.d lib/modprobe.d/blacklist-nvidia.conf etc/udev/rules.d/50-remove-nvidia.rules \
    etc/supergfxd.conf etc/prime-discrete etc/X11/xorg.conf.d etc/cardwire \( -type f -o -type l \) -print0
  find var/lib/dkms/mok.pub var/lib/shim-signed/mok/MOK.der etc/pki/akmods/certs/public_key.der -print0
  find .dockerenv run/.containerenv run/systemd/container run/ostree-booted run/udev/data/+pci:* dev/kvmfr* \
    run/user/*/pipewire-0 run/user/*/pulse/native -print0
  find dev/disk/by-id dev/input/by-id dev/input/by-path dev/mapper -type l -print0
} 2>/dev/null | xargs -0 cp -RP --parents -t "$to" || echo "what is named above could not be read, and is left out" >&2
