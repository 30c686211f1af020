"""ACPI: AML terms, the table header, the battery table, and reading a table back. Specification: ACPI 6.5."""
