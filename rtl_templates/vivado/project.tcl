# A Vivado project of {{ name }} in vivado/project: out-of-context synthesis and implementation.
#   vivado -mode batch -source project.tcl [-tclargs -part PART -top TOP -retiming on -run 0]
# Open vivado/project/{{ top }}.xpr afterwards, or pass -run 0 and start the runs by hand.
source [file join [file dirname [file normalize [info script]]] common.tcl]
set option(run) 1
read_options $argv

create_project -force -part $option(part) $name [file join $here project]
add_files -norecurse [sources]
add_files -fileset constrs_1 -norecurse [constraints]
foreach file [constraints] {
    set_property USED_IN {synthesis implementation out_of_context} [get_files $file]
}
set_property top $option(top) [current_fileset]
set_property STEPS.SYNTH_DESIGN.ARGS.FLATTEN_HIERARCHY rebuilt [get_runs synth_1]
set_property -name {STEPS.SYNTH_DESIGN.ARGS.MORE OPTIONS} \
    -value "-mode out_of_context -global_retiming $option(retiming)" -objects [get_runs synth_1]
update_compile_order -fileset sources_1

if {$option(run)} {
    launch_runs synth_1 -jobs $option(jobs)
    finish synth_1
    launch_runs impl_1 -to_step route_design -jobs $option(jobs)
    finish impl_1
    open_run impl_1
    write_reports
}
