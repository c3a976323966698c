# {{ name }}: clock of {{ clock_ns }} ns, on port clk of the core or aclk of its AXI4-Stream shell.
create_clock -name clk -period {{ clock_ns }} [get_ports {clk aclk}]
derive_clock_uncertainty
# Pins are virtual: what counts is the time between registers.
set_false_path -from [remove_from_collection [all_inputs] [get_ports {clk aclk}]]
set_false_path -to [all_outputs]
