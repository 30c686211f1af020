"""L1, the machine whose libvirt runs guests (L2): a Debian root with an emulated GPU behind an emulated IOMMU."""
