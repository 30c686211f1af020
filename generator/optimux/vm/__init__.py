"""QEMU as a witness: boots what was generated, and looks at it from outside and from inside the guest."""
