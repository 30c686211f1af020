"""The first level of the VM tests: a Debian machine with an emulated GPU behind an emulated IOMMU."""
