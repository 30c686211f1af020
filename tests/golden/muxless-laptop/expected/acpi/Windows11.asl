DefinitionBlock ("", "SSDT", 2, "OPTMUX", "BATTERY", 0x00000001)
{
    External (\_SB.PCI0, DeviceObj)

    Scope (\_SB.PCI0)
    {
        Device (ADP1)
        {
            Name (_HID, "ACPI0003")
            Name (_PCL, Package (0x01)
            {
                \_SB
            })
            Method (_PSR, 0, NotSerialized)
            {
                Return (0x01)
            }
        }
        Device (BAT0)
        {
            Name (_HID, EisaId ("PNP0C0A"))
            Name (_UID, 0x00)
            Name (_PCL, Package (0x01)
            {
                \_SB
            })
            Method (_STA, 0, NotSerialized)
            {
                Return (0x1F)
            }
            Method (_BIX, 0, NotSerialized)
            {
                Return (Package (0x14)
                {
                    0x00,
                    0x00,
                    0x15AE0,
                    0x15AE0,
                    0x01,
                    0x39D0,
                    0x22B0,
                    0x1158,
                    0x00,
                    0x186A0,
                    0xFFFFFFFF,
                    0xFFFFFFFF,
                    0xFFFFFFFF,
                    0xFFFFFFFF,
                    0x378,
                    0x378,
                    "",
                    "",
                    "LION",
                    ""
                })
            }
            Method (_BIF, 0, NotSerialized)
            {
                Return (Package (0x0D)
                {
                    0x00,
                    0x15AE0,
                    0x15AE0,
                    0x01,
                    0x39D0,
                    0x22B0,
                    0x1158,
                    0x378,
                    0x378,
                    "",
                    "",
                    "LION",
                    ""
                })
            }
            Method (_BST, 0, NotSerialized)
            {
                Return (Package (0x04)
                {
                    0x00,
                    0x00,
                    0x15AE0,
                    0x39D0
                })
            }
            Method (_BTP, 1, NotSerialized)
            {
            }
        }
    }
}
