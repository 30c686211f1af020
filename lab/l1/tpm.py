"""What the first VM with a TPM makes for all that follow, made with the image."""

from __future__ import annotations

# The authority that certifies them (swtpm-localca.conf): two keys of 3072 bits, eight seconds of an emulated processor.
# It is the user's under whom libvirt runs swtpm.
AUTHORITY = (
    "mkdir /tmp/tpm && chown tss /tmp/tpm && "
    "setpriv --reuid=tss --regid=tss --clear-groups swtpm_setup --tpm2 --tpmstate=/tmp/tpm --create-ek-cert && "
    "rm -r /tmp/tpm && test -s /var/lib/swtpm-localca/issuercert.pem"
)
