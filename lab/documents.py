"""Domains as users have them, written for these tests in the formats of the tools that write such files."""

from __future__ import annotations

# As virt-manager defines a Windows 11 guest and `virsh dumpxml --inactive` prints it: root ports at 00:02 and 00:03,
# the network card behind the first of them.
VIRT_MANAGER = """\
<domain type='kvm'>
  <name>win11</name>
  <uuid>0f3c9b7e-5f0e-4c42-9a57-6b4bdc2e3f11</uuid>
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
      <libosinfo:os id="http://microsoft.com/win/11"/>
    </libosinfo:libosinfo>
  </metadata>
  <memory unit='KiB'>16777216</memory>
  <currentMemory unit='KiB'>16777216</currentMemory>
  <vcpu placement='static'>16</vcpu>
  <os firmware='efi'>
    <type arch='x86_64' machine='pc-q35-10.0'>hvm</type>
    <firmware>
      <feature enabled='no' name='enrolled-keys'/>
      <feature enabled='no' name='secure-boot'/>
    </firmware>
    <boot dev='hd'/>
  </os>
  <features>
    <acpi/>
    <apic/>
    <hyperv mode='custom'>
      <relaxed state='on'/>
      <vapic state='on'/>
      <spinlocks state='on' retries='8191'/>
    </hyperv>
    <vmport state='off'/>
  </features>
  <cpu mode='host-passthrough' check='none' migratable='on'/>
  <clock offset='localtime'>
    <timer name='rtc' tickpolicy='catchup'/>
    <timer name='pit' tickpolicy='delay'/>
    <timer name='hpet' present='no'/>
    <timer name='hypervclock' present='yes'/>
  </clock>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <pm>
    <suspend-to-mem enabled='no'/>
    <suspend-to-disk enabled='no'/>
  </pm>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/>
      <source file='/var/lib/libvirt/images/win11.qcow2'/>
      <target dev='sda' bus='sata'/>
      <address type='drive' controller='0' bus='0' target='0' unit='0'/>
    </disk>
    <controller type='usb' index='0' model='qemu-xhci' ports='15'>
      <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
    </controller>
    <controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' index='1' model='pcie-root-port'>
      <model name='pcie-root-port'/>
      <target chassis='1' port='0x10'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0' multifunction='on'/>
    </controller>
    <controller type='pci' index='2' model='pcie-root-port'>
      <model name='pcie-root-port'/>
      <target chassis='2' port='0x11'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x1'/>
    </controller>
    <controller type='pci' index='3' model='pcie-root-port'>
      <model name='pcie-root-port'/>
      <target chassis='3' port='0x12'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x2'/>
    </controller>
    <controller type='sata' index='0'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x1f' function='0x2'/>
    </controller>
    <controller type='virtio-serial' index='0'>
      <address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'/>
    </controller>
    <interface type='network'>
      <mac address='52:54:00:6b:3c:58'/>
      <source network='default'/>
      <model type='e1000e'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
    <serial type='pty'>
      <target type='isa-serial' port='0'>
        <model name='isa-serial'/>
      </target>
    </serial>
    <console type='pty'>
      <target type='serial' port='0'/>
    </console>
    <channel type='spicevmc'>
      <target type='virtio' name='com.redhat.spice.0'/>
      <address type='virtio-serial' controller='0' bus='0' port='1'/>
    </channel>
    <input type='tablet' bus='usb'>
      <address type='usb' bus='0' port='1'/>
    </input>
    <input type='mouse' bus='ps2'/>
    <input type='keyboard' bus='ps2'/>
    <graphics type='spice' autoport='yes'>
      <listen type='address'/>
      <image compression='off'/>
    </graphics>
    <sound model='ich9'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x1b' function='0x0'/>
    </sound>
    <audio id='1' type='spice'/>
    <video>
      <model type='qxl' ram='65536' vram='65536' vgamem='16384' heads='1' primary='yes'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/>
    </video>
    <redirdev bus='usb' type='spicevmc'>
      <address type='usb' bus='0' port='2'/>
    </redirdev>
    <watchdog model='itco' action='reset'/>
    <memballoon model='virtio'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>
    </memballoon>
  </devices>
</domain>
"""

# As it lies in /etc/libvirt/qemu.
STORED = (
    """<!--
A PROGRAM WROTE THIS FILE AND WRITES IT ANEW. Change it by
  virsh edit win11
or by another program that asks libvirt.
-->

"""
    + VIRT_MANAGER
)

# Edited by hand over the years: tabs, uneven indentation, other quotes, parked devices, somebody's tables and hooks.
BY_HAND = """\
<?xml version="1.0" encoding="utf-8"?>
<domain type="kvm" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
\t<name>gaming</name>   <!-- do not rename: the hook in /etc/libvirt/hooks/qemu looks for it -->
\t<title>Spiele &amp; so &#x2013; Gästerechner</title>
\t<memory unit="GiB">16</memory>
\t<vcpu placement="static">16</vcpu>
  \t<os>
    <type arch="x86_64" machine="pc-q35-10.0">hvm</type>
\t\t<loader readonly="yes" type="pflash">/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
\t\t<nvram>/var/lib/libvirt/qemu/nvram/gaming_VARS.fd</nvram>
\t</os>
\t<features><acpi/><apic/>
\t\t<kvm><hidden state="off"/></kvm>
\t</features>
\t<cpu mode="host-passthrough" check="none">
\t\t<topology sockets="1" cores="16" threads="1"/>
\t</cpu>
\t<clock offset="localtime"/>
\t<devices>
\t\t<emulator>/usr/bin/qemu-system-x86_64</emulator>
\t\t<!--
\t\t<hostdev mode="subsystem" type="pci" managed="yes">
\t\t\t<source><address domain="0" bus="1" slot="0" function="0"/></source>
\t\t</hostdev>
\t\t-->
\t\t<hostdev mode="subsystem" type="pci">
\t\t\t<source>
\t\t\t\t<address domain="0" bus="0x01" slot="0" function="0"/>
\t\t\t</source>
\t\t\t<!-- <rom file="/root/old.rom"/> -->
\t\t</hostdev>
\t\t<shmem name="scream-ivshmem"><model type="ivshmem-plain"/><size unit="M">2</size></shmem>
\t\t<shmem name="looking-glass">
\t\t\t<model type="ivshmem-plain"/>
\t\t\t<size unit="M">32</size>
\t\t</shmem>
\t\t<video><model type="none"/></video>
\t\t<memballoon model="virtio"><stats period="5"/></memballoon>
\t</devices>
\t<qemu:commandline>
\t\t<qemu:arg value="-acpitable"/> <qemu:arg value="file=/root/ssdt-ec.aml"/>
\t\t<qemu:arg value="-acpitable"/>
\t\t<qemu:arg value="file=/ssdt1.dat"/>
\t\t<qemu:arg value="-cpu"/>
\t\t<qemu:arg value="host,-hypervisor"/>
\t\t<qemu:env name="QEMU_AUDIO_DRV" value="none"/>
\t</qemu:commandline>
</domain>
"""

# The way of older guides: kvmfr by the key=value form.
KEY_VALUE = VIRT_MANAGER.replace(
    "<domain type='kvm'>", "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' type='kvm'>"
).replace(
    "</domain>",
    """  <qemu:commandline>
    <qemu:arg value='-device'/>
    <qemu:arg value='ivshmem-plain,id=shmem1,memdev=lg'/>
    <qemu:arg value='-object'/>
    <qemu:arg value='memory-backend-file,id=lg,mem-path=/dev/kvmfr0,size=32M,share=yes'/>
    <qemu:arg value='-device'/>
    <qemu:arg value='{ "driver": "usb-kbd", "id": "kbd9" }'/>
  </qemu:commandline>
</domain>""",
)

ONE_LINE = "".join(line.strip() for line in VIRT_MANAGER.splitlines())

I440FX = VIRT_MANAGER.replace("pc-q35-10.0", "pc-i440fx-10.0")

WILD = {
    "virt-manager": VIRT_MANAGER.encode(),
    "stored": STORED.encode(),
    "by hand": BY_HAND.encode(),
    "key=value": KEY_VALUE.encode(),
    "one line": ONE_LINE.encode(),
    "CRLF": STORED.replace("\n", "\r\n").encode(),
    "BOM": b"\xef\xbb\xbf" + VIRT_MANAGER.encode(),
    "UTF-16": BY_HAND.replace("utf-8", "utf-16").encode("utf-16"),
    "Latin-1": BY_HAND.replace("utf-8", "iso-8859-1").encode("latin-1"),
}

# What runs without network and disks, and for long.
SMALL = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type></os>
  <devices><controller type='usb' model='none'/><memballoon model='none'/></devices>
</domain>
"""
