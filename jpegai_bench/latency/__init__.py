"""Times: processes that measure them, clocks, parts, and the peak of the machine."""
