"""Facts, perhaps beside a plan, turned into findings: what holds, what is broken, what cannot be seen."""

from optimux.judge.finding import Finding
from optimux.judge.gpus import Verdict, verdicts
from optimux.judge.usb import UsbVerdict, usb_verdicts

__all__ = ["Finding", "UsbVerdict", "Verdict", "usb_verdicts", "verdicts"]
