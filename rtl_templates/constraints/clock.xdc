# {{ name }}: clock of {{ clock_ns }} ns, on port clk of the core or aclk of its AXI4-Stream shell.
create_clock -name clk -period {{ clock_ns }} [get_ports -quiet {clk aclk}]
