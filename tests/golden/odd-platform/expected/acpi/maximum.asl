DefinitionBlock ("", "SSDT", 1, "BOCHS", "BXPCSSDT", 0x00000001)
{
    External (\_SB.PCI0, DeviceObj)

    Scope (_SB.PCI0)
    {
        Device (BAT0)
        {
            Name (_HID, EisaId ("PNP0C0A"))
            Name (_UID, 0x00)
            Method (_STA, 0, NotSerialized)
            {
                Return (0x1F)
            }
            Method (_BIF, 0, NotSerialized)
            {
                Return (Package (0x0D)
                {
                    0x01,
                    0x1388,
                    0x1388,
                    0x01,
                    0x39D0,
                    0x1F4,
                    0xFA,
                    0x32,
                    0x32,
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
                    0x1388,
                    0x39D0
                })
            }
        }
    }
}
