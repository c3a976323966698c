# Out-of-context synthesis, placement and routing of {{ name }}.
#   vivado -mode batch -source synth.tcl [-tclargs PART]
set here [file dirname [file normalize [info script]]]
set top {{ top | tcl }}
set part {{ part | tcl }}
if {[llength $argv] > 0} { set part [lindex $argv 0] }
if {$part eq ""} { error "name the part: vivado -mode batch -source synth.tcl -tclargs PART" }

file mkdir [file join $here reports]
{% for file in sources -%}
read_verilog [file join $here .. rtl {{ file | tcl }}]
{% endfor -%}
read_xdc -mode out_of_context [file join $here .. constraints clock.xdc]
synth_design -mode out_of_context -flatten_hierarchy rebuilt -top $top -part $part
write_checkpoint -force [file join $here reports synth.dcp]
report_utilization -hierarchical -file [file join $here reports synth_utilization.txt]
opt_design
place_design
phys_opt_design
route_design
report_utilization -hierarchical -file [file join $here reports utilization.txt]
report_timing_summary -file [file join $here reports timing.txt]
write_checkpoint -force [file join $here reports route.dcp]
