# Compile {{ name }} alone with Intel Quartus, its ports as virtual pins.
#   quartus_sh -t quartus/project.tcl -device DEVICE [-family FAMILY -top TOP -run 0]
# Reports are in quartus/output_files; quartus/{{ top }}.qpf opens in the GUI.
package require ::quartus::project
package require ::quartus::flow

set root [file dirname [file dirname [file normalize [info script]]]]
array set option { device {} family "Agilex 7" top {{ top | tcl }} run 1 }
foreach {key value} $quartus(args) {
    set key [string trimleft $key -]
    if {![info exists option($key)]} {
        error "unknown option -$key; known: [lsort [array names option]]"
    }
    set option($key) $value
}
if {$option(device) eq ""} {
    error "name the device: quartus_sh -t project.tcl -device AGFB014R24A2E2V"
}

cd [file join $root quartus]
project_new -overwrite {{ top | tcl }}
set_global_assignment -name FAMILY $option(family)
set_global_assignment -name DEVICE $option(device)
set_global_assignment -name TOP_LEVEL_ENTITY $option(top)
set_global_assignment -name PROJECT_OUTPUT_DIRECTORY output_files
foreach file {
{% for file in sources %}    {{ file | tcl }}
{% endfor %}    {{ axis.module | tcl }}.v
} { set_global_assignment -name VERILOG_FILE [file join .. rtl $file] }
set_global_assignment -name SDC_FILE [file join .. constraints clock.sdc]
# The pipeline is balanced for the clock already.
set_global_assignment -name ALLOW_REGISTER_RETIMING {{ "ON" if delivery.global_retiming else "OFF" }}
set_instance_assignment -name VIRTUAL_PIN ON -to *
set_instance_assignment -name VIRTUAL_PIN OFF -to clk
set_instance_assignment -name VIRTUAL_PIN OFF -to aclk
export_assignments
if {$option(run)} { execute_flow -compile }
project_close
