"""Would the tests notice? Small faults are put into the product one at a time; one that no test sees has survived."""
