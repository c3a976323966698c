# {{ name }}: clock of {{ clock_ns }} ns on port clk.
create_clock -name clk -period {{ clock_ns }} [get_ports clk]
