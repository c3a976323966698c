# Out-of-context synthesis, placement and routing of {{ name }}, without a project on disk.
#   vivado -mode batch -source synth.tcl [-tclargs -part PART -top TOP -retiming on -stop synth]
source [file join [file dirname [file normalize [info script]]] common.tcl]
set option(stop) route
read_options $argv

file mkdir [file join $here reports]
set_part $option(part)
read_verilog [sources]
read_xdc -mode out_of_context [constraints]
synth_design -mode out_of_context -flatten_hierarchy rebuilt -global_retiming $option(retiming) \
    -top $option(top) -part $option(part)
write_checkpoint -force [file join $here reports synth.dcp]
report_utilization -hierarchical -file [file join $here reports synth_utilization.txt]
if {$option(stop) ne "synth"} {
    opt_design
    place_design
    phys_opt_design
    route_design
    phys_opt_design
    write_checkpoint -force [file join $here reports route.dcp]
}
write_reports
