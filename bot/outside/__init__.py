"""What lies outside this process: its own address as a vendor meets it, and the operator's bucket."""
