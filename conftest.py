"""What tests and VM tests share."""

pytest_plugins = ["lab.plugin", "lab.fixtures"]
